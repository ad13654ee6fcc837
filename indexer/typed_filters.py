"""Filters as a person types them: `label=Dress`, `price<=40`, `colour~navy`."""

import re
from collections.abc import Iterable
from typing import Any

from indexer.errors import InvalidFilter
from indexer.filters import COLOUR, LARGEST_INTEGER

_CONDITION = re.compile(r"(?P<name>[^=<>]+)(?P<sign>>=|<=|=)(?P<value>.*)", re.DOTALL)
_COLOUR_CONDITION = re.compile(r"\s*colou?r\s*~(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_BOUNDS = {">=": "gte", "<=": "lte"}


def parse_conditions(conditions: Iterable[str]) -> dict[str, Any]:
    """Return the `where` of conditions that must all hold; several `name=value` of one name ask for any of them.

    What is typed has no type: `size=42` asks for the string and for the number. A bound is a number when it looks
    like one. `colour~navy` asks for what is seen, `colour~navy:15` within a Delta E. Raises InvalidFilter.
    """
    where: dict[str, Any] = {}
    for condition in conditions:
        if of_colour := _COLOUR_CONDITION.fullmatch(condition):
            _add_colour(where, of_colour[1])
            continue
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise InvalidFilter(f"{condition!r} is no condition: write name=value, name>=value or name<=value.")
        name, value = match["name"].strip(), match["value"].strip()
        bound = _BOUNDS.get(match["sign"])
        wanted = where.setdefault(name, [] if bound is None else {})
        if isinstance(wanted, list) and bound is None:
            wanted += _readings(value)
        elif isinstance(wanted, dict) and bound is not None and bound not in wanted:
            wanted[bound] = _readings(value)[-1]
        else:
            raise InvalidFilter(f"The conditions on {name!r} don't go together: give values, or one bound each way.")
    return where


def _add_colour(where: dict[str, Any], typed: str) -> None:
    """Note that a colour is asked for, `navy` or `navy:15`, behind others that are asked for."""
    colour, _, within = typed.partition(":")
    wanted = where.setdefault(COLOUR, {"near": []})
    wanted["near"].append(colour.strip())
    if within and (not _NUMBER.fullmatch(within) or wanted.setdefault("within", float(within)) != float(within)):
        raise InvalidFilter(f"{typed!r} is no colour with a Delta E, or there is another: write colour~navy:15.")


def _readings(text: str) -> list[str | int | float]:
    """Return what a typed value may mean, the string first."""
    if not _NUMBER.fullmatch(text):
        return [text]
    number = float(text) if set(text) & set(".eE") else int(text)
    return [text, number] if abs(number) <= LARGEST_INTEGER else [text]
