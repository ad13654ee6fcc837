"""A picture as a model has seen it, and what is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.predictions import Predicted, all_of
from models.colours.garment_colours import GarmentColour, garment_colours
from models.errors import LookalikeError
from search_api.results import Garment

if TYPE_CHECKING:
    from indexer.sources.web.addresses import Address
    from models.arrays import Vectors
    from models.card import ModelCard
    from models.embedder import View
    from models.pictures.boxes import Box


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedPicture:
    """A picture that a model has seen, ready to search any state of the catalogue with.

    `vectors` is float32 (1, dim), unit length; `probabilities` float32 (classes,); `timings` the milliseconds of each
    step so far; `garments` those that the picture shows, of which one is this; `told_colours` the garment's, where the
    view is too small to tell them; `targets` are probabilities, float32 (values,), of what is told beside the class.
    """

    view: "View"
    vectors: "Vectors"
    probabilities: NDArray[np.float32]
    timings: Mapping[str, float]
    garments: tuple[Garment, ...] = ()
    told_colours: tuple[GarmentColour, ...] | None = None
    targets: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def colours(self) -> tuple[GarmentColour, ...]:
        """The dominant colours of its garment, the largest share first."""
        return _colours_seen(self.view) if self.told_colours is None else self.told_colours


Seen: TypeAlias = "Mapping[tuple[bytes | Address, Box | None], EmbeddedPicture | LookalikeError]"
"""What a model sees of pictures, by their bytes or addresses and the box in them; the error where there is nothing to
see.
"""


def predicted_of(picture: EmbeddedPicture, card: "ModelCard") -> Predicted:
    """Return what a picture is taken for, by each target, with all other values as guesses."""
    return all_of(card, picture.probabilities, picture.targets)


def _colours_seen(view: "View") -> tuple[GarmentColour, ...]:
    """Return the colours of a view's garment; none of a grey one, or of one that nothing was cut out for."""
    if view.cutout is None and view.pixels.shape[2:] != (4,):
        return ()
    return garment_colours(view.pixels if view.cutout is None else view.cutout)


def sound(picture: EmbeddedPicture | LookalikeError) -> EmbeddedPicture:
    """Return a picture that could be seen, or raise why it could not."""
    if isinstance(picture, LookalikeError):
        raise picture
    return picture
