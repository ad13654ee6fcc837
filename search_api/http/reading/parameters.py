"""Reading parameters out of fields of text (a form, an address) or of JSON, each in one way everywhere."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from indexer.fields import ALL
from indexer.typed_filters import parse_conditions, split_conditions
from models.pictures.boxes import Box
from search_api.errors import InvalidField, OptionsConflict
from search_api.parameters import BOX, HITS, QUERY, WHERE, K, Parameter
from search_api.query import Query

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_WEIGHT = re.compile(r"(\w{1,40})\s*[:=]\s*([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})")
_HUGE = 1e9  # whole numbers beyond a float's bounds can be written, too
_OF_JSON = {
    "integer": "a number",
    "number": "a number",
    "boolean": "true or false",
    "names": "a list",
    "weights": "an object",
    "ids or filter": "a list or an object",
}
_TRUTHS = {"true": True, "false": False}

LONGEST_BOX = 200
"""Characters of a box."""


def read_query(fields: Mapping[str, Any], **instead: Any) -> Query:
    """Read what is asked of a search; `instead` holds values for what the fields do not say.

    Raises InvalidField and what `Query` does.
    """
    given = {parameter.name: read(fields, parameter) for parameter in QUERY if parameter.name in fields}
    if HITS.name in given:
        if K.name in given:
            raise OptionsConflict(f"{HITS.name} and {K.name} are two names of one thing. Give one of them.")
        given[K.name] = given.pop(HITS.name)
    return Query(**{**instead, **{name: value for name, value in given.items() if value is not None}})


def read(fields: Mapping[str, Any], parameter: Parameter) -> Any:
    """Read one parameter as a value of its kind, its default where there is none. Raises InvalidField.

    Whether a number is within bounds is for whom it is given to.
    """
    name, value = parameter.name, fields.get(parameter.name, parameter.default)
    if value is None and parameter.default is None:
        return None
    match parameter.kind:
        case "integer":
            return _whole(name, value)
        case "number":
            return _number(parameter, value)
        case "boolean":
            return _truth(name, value)
        case "filter":
            return _filter(parameter, value)
        case "weights":
            return _weights(parameter, value)
        case "choice":
            if value not in parameter.choices:
                raise InvalidField(f"{name} must be {' or '.join(parameter.choices)}.")
            return value
        case "names":
            return _names(parameter, value)
        case "ids or filter":
            return _ids_or_filter(parameter, value)
        case "text":
            if not isinstance(value, str):
                raise InvalidField(f"{name} must be text{f', like {parameter.example}' if parameter.example else ''}.")
            return value


def refuse_texts(fields: Mapping[str, Any], *parameters: Parameter) -> None:
    """Raise InvalidField where members of a JSON object are texts that JSON has a kind of its own for."""
    for parameter in parameters:
        kind = _OF_JSON.get(parameter.kind)
        if kind is not None and isinstance(fields.get(parameter.name), str):
            raise InvalidField(f"{parameter.name} must be {kind} in JSON, not a text.")


def read_box(fields: Mapping[str, Any], *, of_picture: bool) -> Box | None:
    """Read the box of a picture, text like `0.1,0.2,0.5,0.6`; None where there is none.

    Raises InvalidField for what is no text and where there is no picture that it could be of, and InvalidBox.
    """
    text = read(fields, BOX)
    if text is None:
        return None
    if not of_picture:
        raise InvalidField("A box is a part of a picture, and an item is taken whole. Send the one or the other.")
    if len(text) > LONGEST_BOX:
        raise InvalidField(
            f"{BOX.name} must be left, top, width and height as shares of the picture, like {BOX.example}."
        )
    return Box.parse(text)


def read_object(data: bytes, name: str) -> dict[str, Any]:
    """Read a JSON object as `read_json` does. Raises InvalidField."""
    value = read_json(data, name)
    if not isinstance(value, dict):
        raise InvalidField(f"{name} must be a JSON object.")
    return value


def read_json(data: bytes, name: str) -> Any:
    """Read JSON in which no name occurs twice and every number is finite; a byte order mark is passed over.

    Raises InvalidField.
    """
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
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
    return value


def _whole(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():  # as JSON has no other kind of number
        return int(value)
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise InvalidField(f"{name} must be a whole number.")


def _number(parameter: Parameter, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and _DECIMAL_NUMBER.fullmatch(value)):
        with suppress(OverflowError):
            return float(value)
    raise InvalidField(f"{parameter.name} must be a number, {parameter.minimum:g} to {parameter.maximum:g}.")


def _truth(name: str, value: Any) -> bool:
    truth = _TRUTHS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise InvalidField(f"{name} must be true or false.")
    return truth


def _filter(parameter: Parameter, value: Any) -> dict[str, Any]:
    """Read a filter: an object, its JSON as text, or typed conditions joined by semicolons."""
    if isinstance(value, str):
        is_json = value.lstrip().startswith(("{", "["))
        return read_where([value] if is_json else split_conditions(value))
    if not isinstance(value, dict):
        raise InvalidField(f"{parameter.name} must be an object, like {parameter.example}.")
    return value


def read_where(texts: Iterable[str]) -> dict[str, Any]:
    """Return the filter of texts that must all hold, each a typed condition or an object as JSON.

    Raises InvalidField for what is no JSON, and InvalidFilter.
    """
    typed, objects = [], []
    for text in texts:
        if text.lstrip().startswith(("{", "[")):
            objects.append(read_object(text.encode(errors="surrogatepass"), WHERE.name))
        else:
            typed.append(text)
    parts = [part for part in (parse_conditions(typed), *objects) if part]
    return parts[0] if len(parts) == 1 else {ALL: parts} if parts else {}


def read_names(text: str) -> tuple[str, ...]:
    """Return the names in a text that joins them by commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",")))


def _names(parameter: Parameter, value: Any) -> tuple[str, ...]:
    """Read names that may be given: a list, or text in which commas part them."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(name in parameter.choices for name in names):
        raise InvalidField(f"{parameter.name} must be some of {', '.join(parameter.choices)}, parted by commas.")
    return tuple(names)


def _ids_or_filter(parameter: Parameter, value: Any) -> tuple[str, ...] | dict[str, Any]:
    """Read ids, a list or text in which commas part them, or a filter; both may be JSON as text."""
    if isinstance(value, str):
        value = (
            read_json(value.encode(errors="surrogatepass"), parameter.name)
            if value.startswith(("[", "{"))
            else value.split(",")
        )
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidField(f"{parameter.name} must be ids, like {parameter.example}, or a filter, an object.")
    return tuple(one for one in value if one)


def _weights(parameter: Parameter, value: Any) -> dict[str, float]:
    """Read weights: an object, its JSON as text, or text like `kind:0.5,colour:0.5`."""
    if isinstance(value, str):
        value = read_object(value.encode(), parameter.name) if value.startswith("{") else weights_of_text(value)
    if not isinstance(value, dict) or not value:
        raise InvalidField(f"{parameter.name} must be an object of weights by name, like {parameter.example}.")
    for name, weight in value.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or abs(weight) > _HUGE:
            raise InvalidField(f"The weight of {name[:60]!r} must be a number, 0 to 1.")
    return {name: float(weight) for name, weight in value.items()}


def weights_of_text(text: str) -> dict[str, float]:
    """Read weights as they are written in an address or on the command line, `kind:0.5,colour:0.5`.

    An equals sign will do for the colon. Raises InvalidField.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        match = _WEIGHT.fullmatch(part.strip())
        if match is None or match[1] in weights:
            raise InvalidField(f"{text[:80]!r} are no weights: write each part once, like kind:0.5,colour:0.5.")
        weights[match[1]] = float(match[2])
    return weights


def weights_text(weights: Mapping[str, float]) -> str:
    """Return weights as `weights_of_text` reads them."""
    return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())


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
