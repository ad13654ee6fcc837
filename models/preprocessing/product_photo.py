"""From any picture to a view in colour: bars cut off, the garment found and marked, all of it kept to be seen."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.embedder import View
from models.pictures.bars import without_bars
from models.pictures.blank import refuse_blank
from models.pictures.boxes import Box
from models.pictures.decoding import Picture
from models.preprocessing.garment_finder import find_garment

PREPROCESSING = "product-photo-v1"
"""The name under which a model card asks for this conversion. Other results need another name."""

SIDE = 224
"""Height and width of a view (pixels): what the trunk learned ImageNet in."""

LONGEST = 1.6
"""Longer pictures are set on a ground of their borders' colour; up to that they are squeezed into the square."""

SHOWN_SIDE = 146

_LEAST_SHARE = 0.01
"""Share of a picture that is opaque, at least, where its own transparency is taken for the outline."""

_TRANSPARENT = "The picture's own transparency tells the garment from the background."
_WHOLE = "All of the box was taken for the garment."

Pixels = NDArray[np.uint8]


def prepare_photo(picture: Picture, box: Box | None = None) -> View:
    """Return a picture's view, as `photo_view` does. Raises BlankPicture where there is nothing to see."""
    refuse_blank(picture, by_outline=True)
    return photo_view(picture, box)


def photo_view(picture: Picture, box: Box | None = None) -> View:
    """Return a picture's view: uint8 (224, 224, 4), sRGB and how surely a pixel is the garment's, 0 to 255.

    The picture's own transparency says where the garment is; without it, it is looked for. A `box` is what is seen.
    """
    pixels = picture.pixels if picture.pixels.ndim == 3 else np.repeat(picture.pixels[:, :, None], 3, axis=2)
    seen = without_bars(pixels) if box is None else box.of(pixels)
    shown = pixels[seen]
    notes: tuple[str, ...]
    opaque = None if picture.alpha is None else picture.alpha[seen]
    if opaque is not None and (opaque > 127).mean() >= _LEAST_SHARE:
        mask, notes = opaque, (_TRANSPARENT,)
    else:
        garment = find_garment(shown)
        notes = (_WHOLE,) if garment.mask is None and box is not None else garment.notes
        found = np.ones(shown.shape[:2], np.bool_) if garment.mask is None else garment.mask
        mask = np.where(found, np.uint8(255), np.uint8(0))
    down, across = _missing(mask.shape)
    frame = _frame(seen, (down, across), pixels.shape)
    shown, mask = _widened(shown, mask, down, across)
    view = np.dstack([_resized(shown, Image.Resampling.BICUBIC), _resized(mask, Image.Resampling.BOX)])
    coarser = max(1, max(shown.shape) // SHOWN_SIDE)
    small = slice(None, None, coarser)
    return View(view, notes, np.dstack([shown[small, small], mask[small, small]]), frame)


def _missing(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns that a long picture lacks until it may be squeezed."""
    height, width = shape
    short = int(max(height, width) / LONGEST)
    return max(0, short - height), max(0, short - width)


def _frame(
    seen: tuple[slice, slice], added: tuple[int, int], shape: tuple[int, ...]
) -> tuple[float, float, float, float]:
    """Return what a view shows as shares of a picture: of it these rows and columns, with ground on both sides."""
    (rows, columns), (down, across), (height, width) = seen, added, shape[:2]
    return (
        (columns.start - across // 2) / width,
        (rows.start - down // 2) / height,
        (columns.stop - columns.start + across) / width,
        (rows.stop - rows.start + down) / height,
    )


def _widened(pixels: Pixels, mask: Pixels, down: int, across: int) -> tuple[Pixels, Pixels]:
    """Widen a picture by rows and columns of its borders' colour, half of them on either side."""
    if not down and not across:
        return pixels, mask
    height, width = mask.shape
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = np.median(border, axis=0).astype(np.uint8)
    wide = np.full((height + down, width + across, 3), ground, np.uint8)
    outline = np.zeros(wide.shape[:2], np.uint8)
    inside = slice(down // 2, down // 2 + height), slice(across // 2, across // 2 + width)
    wide[inside], outline[inside] = pixels, mask
    return wide, outline


def _resized(pixels: Pixels, method: Image.Resampling) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), method, reducing_gap=3.0))
