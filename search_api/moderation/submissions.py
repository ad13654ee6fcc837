"""What is given to be moderated, and what is made of its picture."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from models.errors import BlankPicture
from models.faults.banners import find_banner
from models.faults.exposure import exposure_of
from models.faults.nudity import nudity_of
from models.faults.writing import find_writing
from models.fingerprints.copies import BLURRED, fingerprint_of
from models.pictures.decoding import Picture, decode
from models.preprocessing.garment_finder import find_garment
from search_api.moderation.checks import Findings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from indexer.records import AttributeValue
    from models.embedder import Embedder, View
    from models.pictures.boxes import Box
    from search_api.moderation.policy import Policy


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """A picture, encoded or decoded, and the attributes of the item that it is of."""

    picture: bytes | Picture
    attributes: "Mapping[str, AttributeValue]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A submission's picture decoded: its view, None where it is blank, and what is found without a model."""

    picture: Picture
    view: "View | None"
    fingerprints: tuple[bytes, ...]
    findings: Findings


def opened(submission: Submission, embedder: "Embedder", policy: "Policy") -> Opened:
    """Decode a submission's picture and look at its pixels. Raises as `decode` does."""
    picture = submission.picture if isinstance(submission.picture, Picture) else decode(submission.picture)
    view = None
    with suppress(BlankPicture):  # which is for the policy to judge
        view = embedder.prepare(picture)
    height, width = picture.pixels.shape[:2]
    darkest, brightest = exposure_of(picture.pixels)
    return Opened(
        picture,
        view,
        () if policy.blocklist.catalogue is None else _fingerprints(picture),
        Findings(
            size=picture.full_size or (width, height),
            darkest=darkest,
            brightest=brightest,
            is_blank=view is None,
            banner=None if policy.banner.verdict == "off" else find_banner(picture.pixels),
            writing=_writing(picture.pixels, policy, is_blank=view is None),
            nudity=nudity_of(picture.pixels) if policy.nudity.is_asked else None,
        ),
    )


def _writing(pixels: "NDArray[np.uint8]", policy: "Policy", *, is_blank: bool) -> "Box | None":
    """Return where writing lies in a picture; nobody looks where the policy does not ask, or there is nothing."""
    if policy.writing.verdict == "off" or is_blank:
        return None
    coloured = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
    return find_writing(coloured, lambda: find_garment(coloured).mask)


def _fingerprints(picture: Picture) -> tuple[bytes, ...]:
    """Return the fingerprints that are compared with those of refused pictures: two where a frame may be blurred."""
    return tuple({fingerprint_of(picture), fingerprint_of(picture, BLURRED)})
