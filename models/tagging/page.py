"""A page of cells that are likely wrong, with their pictures, to be looked through by people."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from models.files import written_whole
from models.pictures.decoding import decode
from models.tagging.tags import FILLED, Tag

SHOWN = 240
"""Cells of each kind that are shown."""

_SIDE = 176
_QUALITY = 75


class Pictured(Protocol):
    """A product, of which the page needs the picture."""

    @property
    def picture(self) -> "PictureFile": ...


class PictureFile(Protocol):
    """The file of a picture, or what stands for it."""

    def read(self) -> bytes:
        """Return its bytes. Raises LookalikeError."""
        ...


def write_page(tags: Sequence[Tag], products: Sequence[Pictured], page: Path) -> None:
    """Write the page, which refers to nothing outside itself. Raises OSError."""
    environment = Environment(
        loader=PackageLoader("models", "evaluation/templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    doubted = [tag for tag in tags if tag.action != FILLED]
    filled = [tag for tag in tags if tag.action == FILLED]
    text = environment.get_template("tags.html").render(
        doubted=[(tag, _uri(products[tag.at])) for tag in doubted[:SHOWN]],
        filled=[(tag, _uri(products[tag.at])) for tag in filled[:SHOWN]],
        doubted_in_all=len(doubted),
        filled_in_all=len(filled),
    )
    with written_whole(page) as draft:
        draft.write_text(text, encoding="utf-8")


def _uri(product: Pictured) -> str:
    picture = decode(product.picture.read())
    image = Image.fromarray(picture.pixels)
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
