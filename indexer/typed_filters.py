"""Filters as a person types them: `predicted.class=Dress`, `price<40`, `brand!=Acme`, `lining^=lin`, `colour~navy`."""

import re
from collections.abc import Iterable
from typing import Any

from indexer.errors import InvalidFilter
from indexer.fields import COLOUR, ID, NOT, PREDICTED, WORDS
from indexer.filters import LARGEST_INTEGER

BETWEEN = ";"
"""What stands between conditions where all are one text, as in an address."""

_CONDITION = re.compile(r"(?P<name>[^=<>]+?)(?P<sign>>=|<=|!=|\^=|=|<|>)(?P<value>.*)", re.DOTALL)
_COLOUR_CONDITION = re.compile(r"\s*colou?r\s*~(.*)", re.DOTALL)
_WORDS_CONDITION = re.compile(r"\s*q\s*~(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_COMPARISONS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt", "^=": "prefix"}
_WORDS = {"true": True, "TRUE": True, "false": False, "FALSE": False, "null": None}


def parse_conditions(conditions: Iterable[str]) -> dict[str, Any]:
    """Return the `where` of conditions that must all hold; several `name=value` of one name ask for any of them.

    What is typed has no type: `size=42` asks for the string and for the number, `sale=true` for the string and for what
    is true, `brand=null` for the string and for items without. A bound is a number when it looks like one.
    `colour~navy` asks for what is seen, `colour~navy:15` within a Delta E; `q~linen dress` for items
    that say these words. Raises InvalidFilter.
    """
    where: dict[str, Any] = {}
    for condition in conditions:
        if of_colour := _COLOUR_CONDITION.fullmatch(condition):
            _add_colour(where, of_colour[1])
            continue
        if of_words := _WORDS_CONDITION.fullmatch(condition):
            where[WORDS] = f"{where.get(WORDS, '')} {of_words[1]}".strip()
            continue
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise InvalidFilter(
                f"{condition[:60]!r} is no condition: write name=value, or with !=, <, <=, >, >= or ^= for =, or "
                "colour~navy."
            )
        name, sign, value = match["name"].strip(), match["sign"], match["value"].strip()
        comparison = _COMPARISONS.get(sign)
        wanted = where.setdefault(name, [] if sign == "=" else {})
        if isinstance(wanted, list) and sign == "=":
            wanted += _readings(name, value)
        elif isinstance(wanted, dict) and sign == "!=":
            wanted.setdefault(NOT, []).extend(_readings(name, value))
        elif isinstance(wanted, dict) and comparison is not None and comparison not in wanted:
            wanted[comparison] = value if sign == "^=" else _bound(value)
        else:
            raise InvalidFilter(
                f"The conditions on {name!r} don't go together: give values, or each comparison once at most."
            )
    return where


def split_conditions(text: str) -> list[str]:
    """Return the conditions that a text holds, one at least, joined by semicolons."""
    return [part for part in text.split(BETWEEN) if part.strip()] or [text]


def _add_colour(where: dict[str, Any], typed: str) -> None:
    """Note that a colour is asked for, `navy` or `navy:15`, behind others that are asked for."""
    colour, _, within = typed.partition(":")
    wanted = where.setdefault(COLOUR, {"near": []})
    wanted["near"].append(colour.strip())
    if within and (not _NUMBER.fullmatch(within) or wanted.setdefault("within", float(within)) != float(within)):
        raise InvalidFilter(f"{typed!r} is no colour with a Delta E, or there is another: write colour~navy:15.")


def _readings(name: str, text: str) -> list[str | int | float | bool | None]:
    """Return what a typed value may mean, the string first; an id and a class are nothing else."""
    if name == ID or name.startswith(PREDICTED):
        return [text]
    if text in _WORDS:
        return [text, _WORDS[text]]
    bound = _bound(text)
    return [text] if isinstance(bound, str) else [text, bound]


def _bound(text: str) -> str | int | float:
    """Return the number that a text looks like, or the text."""
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text) if set(text) & set(".eE") else int(text)
    return number if abs(number) <= LARGEST_INTEGER else text
