"""The options of a question, read from fields of text (a form, an address) or of JSON, each in one way everywhere."""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, cast

from models.pictures.boxes import Box
from search_api.errors import InvalidField
from search_api.limits import DEFAULT_K
from search_api.query import Query

if TYPE_CHECKING:
    from indexer.records import Where

QUERY_OPTIONS = ("k", "where", "look")
PICTURE_OPTIONS = ("box", "cutout")

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_LONGEST_BOX = 200
_TRUTHS = {"true": True, "false": False}


def read_query(fields: Mapping[str, Any], default_k: int = DEFAULT_K) -> Query:
    """Read what is asked of a search. Raises InvalidField, KOutOfRange, LookOutOfRange."""
    where, look = read_where(fields), read_look(fields)
    return Query(read_whole(fields, "k", default_k), where, look)


def read_whole(fields: Mapping[str, Any], name: str, default: int) -> int:
    """Read a whole number. Raises InvalidField."""
    value = fields.get(name, default)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise InvalidField(f"{name} must be a whole number.")


def read_look(fields: Mapping[str, Any]) -> float | None:
    """Read the look, any number; None where there is none. Raises InvalidField."""
    value = fields.get("look")
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and _DECIMAL_NUMBER.fullmatch(value)):
        with suppress(OverflowError):
            return float(value)
    raise InvalidField("look must be a number, 0 to 1.")


def read_where(fields: Mapping[str, Any]) -> "Where | None":
    """Read a filter, an object or its JSON as text; None where there is none. Raises InvalidField."""
    where = fields.get("where")
    if where is None:
        return None
    if isinstance(where, str):
        where = read_object(where.encode(errors="surrogatepass"), "where")
    if not isinstance(where, dict):
        raise InvalidField('where must be an object, like {"label": "Bag"}.')
    return cast("Where", where)


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
    """Read whether the answer is to hold the cutout; no, where nothing is said. Raises InvalidField."""
    value = fields.get("cutout", False)
    truth = _TRUTHS.get(value) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise InvalidField("cutout must be true or false.")
    return truth


def read_object(data: bytes, name: str) -> dict[str, Any]:
    """Read a JSON object in which no name occurs twice and every number is finite. Raises InvalidField."""
    try:
        value = json.loads(
            data.decode(),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_no_name_twice,
        )
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is not text, and can't be stored
    except RecursionError:
        raise InvalidField(f"{name} is nested too deep.") from None
    except ValueError as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeError) else str(error)
        raise InvalidField(f"{name} is not JSON: {reason}.") from error
    if not isinstance(value, dict):
        raise InvalidField(f"{name} must be a JSON object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return members
