"""How numbers, names and pictures are put on a page."""

from typing import TYPE_CHECKING

import numpy as np

from search_api.http.answers import box_answer, png_data_uri, view_data_uri

if TYPE_CHECKING:
    from indexer.records import Item, PictureInfo
    from models.embedder import View
    from models.pictures.boxes import Box

SMALL = 64
"""Pictures with no side longer than this (pixels) are enlarged crisply; larger ones smoothly."""


def percent(share: float) -> str:
    """Return a share between -1 and 1 as whole per cents, never rounding to a certainty that is not there."""
    value = 100 * share
    if 99.5 <= value < 99.995:
        return ">99%"
    if 0.005 <= value < 0.5:
        return "<1%"
    return f"{value:.0f}%".replace("-0%", "0%").replace("-", "\N{MINUS SIGN}")


def heading(key: str) -> str:
    """Return an attribute's name as a heading: `in_stock` becomes `In stock`."""
    words = key.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def name_of(item: "Item") -> str:
    """Return what a person calls an item: its title, else its predicted class."""
    return str(item.attributes.get("title") or item.best_class.value)


def box_text(box: "Box") -> str:
    """Return a box as a form sends it."""
    return ",".join(f"{share:g}" for share in box_answer(box))


def is_small(picture: "PictureInfo") -> bool:
    """Return whether a picture is to be enlarged crisply."""
    return max(picture.width, picture.height) <= SMALL


def view_picture(view: "View") -> str:
    """Return a view as a `data:` address: one in grey dark on white, as the catalogue's pictures are shown."""
    return png_data_uri(np.invert(view.pixels)) if view.pixels.ndim == 2 else view_data_uri(view)
