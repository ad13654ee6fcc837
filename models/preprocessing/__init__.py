"""From a picture to a model's input, by the name that the model's card gives: the registry of preprocessings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from models.datasets.fashion_mnist import SIDE
from models.embedder import View
from models.errors import BundleTooNew
from models.pictures.boxes import Box
from models.pictures.decoding import Picture
from models.preprocessing import fashion_mnist_tile, product_photo

Prepare: TypeAlias = Callable[[Picture, Box | None], View]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How any picture becomes what a model sees.

    `name` is what cards say, and is part of the fingerprint: other results need another name. `view_shape` is
    (height, width) for grey or (height, width, channels) for colour views, uint8; a fourth channel is the garment's
    outline. `prepare` takes a picture and a box around the garment, or None where it has to be found; it is a module's
    function, so that worker processes can be sent the preprocessing.
    """

    name: str
    view_shape: tuple[int, ...]
    prepare: Prepare


FASHION_MNIST = Preprocessing(fashion_mnist_tile.PREPROCESSING, (SIDE, SIDE), fashion_mnist_tile.prepare)

PRODUCT_PHOTO = Preprocessing(
    product_photo.PREPROCESSING, (product_photo.SIDE, product_photo.SIDE, 4), product_photo.prepare_photo
)

_registered = {one.name: one for one in (FASHION_MNIST, PRODUCT_PHOTO)}


def register(preprocessing: Preprocessing) -> None:
    """Let cards ask for a preprocessing by its name. Raises ValueError when another one has the name."""
    if _registered.setdefault(preprocessing.name, preprocessing) != preprocessing:
        raise ValueError(f"There is another preprocessing {preprocessing.name!r}.")


def preprocessing_named(name: str) -> Preprocessing:
    """Return the preprocessing that a card asks for. Raises BundleTooNew when there is none of this name."""
    if name not in _registered:
        raise BundleTooNew(
            f"The model needs the preprocessing {name!r}, which this version does not have. Upgrade lookalike."
        )
    return _registered[name]
