"""What a search may ask about its picture: where the garment is, and to be shown what was cut out."""

from collections.abc import Mapping
from typing import Any

from models.pictures.boxes import Box
from search_api.errors import InvalidField

PICTURE_OPTIONS = ("box", "cutout")

_LONGEST_BOX = 200
_TRUTHS = {"true": True, "false": False}


def read_box(fields: Mapping[str, Any], *, of_picture: bool) -> Box | None:
    """Read the box of a picture, text like `0.1,0.2,0.5,0.6`; None where there is none.

    Raises InvalidField for what is no text and where there is no picture that it could be of, and InvalidBox.
    """
    text = fields.get("box")
    if text is None:
        return None
    if not of_picture:
        raise InvalidField("A box is a part of a picture, and an item is taken whole. Send the one or the other.")
    if not isinstance(text, str) or len(text) > _LONGEST_BOX:
        raise InvalidField("box must be left, top, width and height as shares of the picture, like 0.1,0.2,0.5,0.6.")
    return Box.parse(text)


def read_cutout(fields: Mapping[str, Any]) -> bool:
    """Read from text or JSON whether the answer is to hold the cutout; no, where nothing is said.

    Raises InvalidField.
    """
    value = fields.get("cutout", False)
    truth = _TRUTHS.get(value) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise InvalidField("cutout must be true or false.")
    return truth
