"""Errors a person can act on. Every room's errors derive from `LookalikeError`."""

from typing import ClassVar


class LookalikeError(Exception):
    """A known failure. `str(error)` is one sentence or two that say what is wrong and what to do."""

    code: ClassVar[str] = "error"


class UnsupportedPicture(LookalikeError):
    """The bytes are not in a picture format that is accepted."""

    code = "unsupported-picture"


class DamagedPicture(LookalikeError):
    """The bytes begin like a picture and then are truncated or corrupt."""

    code = "damaged-picture"


class PictureTooLarge(LookalikeError):
    """More bytes or pixels than are accepted."""

    code = "picture-too-large"


class UnusablePicture(LookalikeError):
    """A sound picture with nothing to look at: too small, or far too elongated."""

    code = "unusable-picture"


class BlankPicture(UnusablePicture):
    """A sound picture with nothing in it: it is of one colour, or transparent, throughout."""

    code = "blank-picture"


class InvalidBox(LookalikeError):
    """A box that does not lie in its picture."""

    code = "invalid-box"


class DatasetMissing(LookalikeError):
    """The data set is in none of the places it was looked for and could not be downloaded."""

    code = "dataset-missing"


class DatasetDamaged(LookalikeError):
    """A data set file is not what its checksum or its header says."""

    code = "dataset-damaged"


class BundleMissing(LookalikeError):
    """A model bundle, or one of its files, is not there."""

    code = "model-missing"


class BundleDamaged(LookalikeError):
    """A model bundle's files are not those that its card describes."""

    code = "model-damaged"


class BundleTooNew(LookalikeError):
    """A model card was written in a format that this version does not know."""

    code = "model-too-new"


class BundleTooOld(LookalikeError):
    """A model card lacks what this version needs to answer."""

    code = "model-too-old"


class TrainingUnavailable(LookalikeError):
    """Training was asked for and its dependencies are not installed."""

    code = "training-unavailable"


class TargetUnusable(LookalikeError):
    """What products are to be told by can't be learned from them."""

    code = "target-unusable"


class TooFewProducts(LookalikeError):
    """There are too few products with pictures to learn from."""

    code = "too-few-products"


class NotLearned(LookalikeError):
    """A model was asked for what only one tells that has learned a shop's own words."""

    code = "not-learned"


class NothingGained(LookalikeError):
    """What was learned is no better than the model that is there."""

    code = "nothing-gained"


class ReportUnavailable(LookalikeError):
    """A report was asked for and what draws its charts is not installed."""

    code = "report-unavailable"


class CheckpointMismatch(LookalikeError):
    """A checkpoint belongs to another recipe or to other data."""

    code = "checkpoint-mismatch"


class UnknownPart(LookalikeError, ValueError):
    """A weight was given for a part that the model's vectors do not have."""

    code = "unknown-part"


class InvalidWeights(LookalikeError, ValueError):
    """The weights of a vector's parts are not between 0 and 1, or all of them are 0."""

    code = "invalid-weights"


class UnknownKind(LookalikeError):
    """A folder of photographs is named like no kind of garment for which the right classes are known."""

    code = "unknown-kind"


class UnknownColour(LookalikeError, ValueError):
    """A colour was asked for by a word that names none, or by digits that are none."""

    code = "unknown-colour"


class NudityModelMissing(LookalikeError):
    """The model that looks for nudity is not installed, or is damaged."""

    code = "nudity-model-missing"
