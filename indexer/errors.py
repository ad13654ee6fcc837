"""What can go wrong with a catalogue, each with a sentence that tells the person what to do."""

from models.errors import LookalikeError


class CatalogueMissing(LookalikeError):
    """There is no catalogue in that directory."""

    code = "catalogue-missing"


class CatalogueDamaged(LookalikeError):
    """The catalogue's database can't be read. (A damaged index file is no error: it is rebuilt.)"""

    code = "catalogue-damaged"


class CommitsLost(CatalogueDamaged):
    """What was committed last is gone: the database is older than what was noted beside it."""

    def __init__(self, message: str, items: int | None = None) -> None:
        super().__init__(message)
        self.items = items
        """How many items were written by then and are not there; None where nothing tells."""


class CatalogueTooNew(LookalikeError):
    """The catalogue was written in a format that this version does not know."""

    code = "catalogue-too-new"


class CatalogueNotWritable(LookalikeError):
    """The directory is read-only, or the disk is full. What was acknowledged before is safe."""

    code = "catalogue-not-writable"


class MemoryExhausted(LookalikeError):
    """There is less memory than it takes."""

    code = "memory-exhausted"


class CatalogueReplaced(CatalogueNotWritable):
    """The catalogue has been reindexed since it was opened: it can be read on, and is written to no more."""

    code = "catalogue-replaced"


class CatalogueBusy(LookalikeError):
    """Another process is writing and did not finish in time."""

    code = "catalogue-busy"


class ModelMismatch(LookalikeError):
    """The catalogue's vectors were made by another model."""

    code = "model-mismatch"


class UnknownItem(LookalikeError):
    """No item has that id."""

    code = "unknown-item"


class VersionConflict(LookalikeError):
    """An item does not have the version that it was to have for being written: somebody has written it meanwhile."""

    code = "version-conflict"


class InvalidFilter(LookalikeError):
    """A `where` that is malformed, names a class that there is not, or holds a value of the wrong kind."""

    code = "invalid-filter"


class FilterTooLarge(InvalidFilter):
    """A `where` with more conditions, or deeper, than is answered."""

    code = "filter-too-large"


class InvalidSort(LookalikeError):
    """What items are to be sorted by is no field."""

    code = "invalid-sort"


class InvalidFacet(LookalikeError):
    """What facets are asked of is no field, or too many."""

    code = "invalid-facet"


class PictureFailed(LookalikeError):
    """A picture could not be prepared for a reason that is its own: it broke what works on it."""

    code = "picture-failed"


class PictureTooSlow(LookalikeError):
    """A picture took so long to decode that it was given up."""

    code = "picture-too-slow"


class WorkersLost(LookalikeError):
    """Worker processes can't be started, or end as soon as they have."""

    code = "workers-lost"


class ItemFailed(LookalikeError):
    """An item failed in a run that was to stop at the first failure."""

    code = "item-failed"


class ReportNotWritable(LookalikeError):
    """The report of failures can't be written."""

    code = "report-not-writable"


class ReindexIncomplete(LookalikeError):
    """Some items' kept pictures can't be embedded anew, so the catalogue stays with the model that it has."""

    code = "reindex-incomplete"


class ExportFormatUnknown(LookalikeError):
    """A table can't be written in the format that its name asks for."""

    code = "export-format-unknown"


class ExportNotWritable(LookalikeError):
    """A table or a folder can't be written where it was to go."""

    code = "export-not-writable"


class CatalogueInUse(LookalikeError):
    """What is to be put in its place is open in another process."""

    code = "catalogue-in-use"


class CatalogueExists(LookalikeError):
    """There is a catalogue already where another was to go."""

    code = "catalogue-exists"


class NotRepairable(LookalikeError):
    """A catalogue has lost what none of its parts can give back."""

    code = "not-repairable"


class BackupUnusable(LookalikeError):
    """A backup can't be written, or is not as it was written."""

    code = "backup-unusable"
