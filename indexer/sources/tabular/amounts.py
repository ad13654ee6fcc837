"""Numbers as people write them: with decimal commas or points, thousands in groups, and currencies."""

import re
from dataclasses import dataclass
from enum import Enum

from indexer.filters import LARGEST_INTEGER
from indexer.sources.tabular.currencies import SIGNS, currency_of

_LONGEST = 40
_PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_SPACES = "\u0020\u00a0\u2007\u2009\u202f"
_SIGN = "[-\u2212]"
_MARK = "|".join([*map(re.escape, sorted(SIGNS, key=len, reverse=True)), "[A-Z]{3}"])
_PERCENT = "%"
_DOLLAR = "$"
_WRITTEN = re.compile(
    rf"(?P<bracket>\()?(?P<sign>{_SIGN})?(?P<before>{_MARK})?[{_SPACES}]*(?P<inner>{_SIGN})?"
    rf"(?P<digits>(?:\d|[.,]\d)[\d.,'\u2019{_SPACES}]*)"
    rf"(?:[.,:/][-\u2013\u2014]{{1,2}})?(?:(?<=\d)(?P<behind>-))?[{_SPACES}]*(?P<after>{_MARK}|{_PERCENT})?(?(bracket)\))",
    re.ASCII | re.IGNORECASE,
)


class Convention(Enum):
    """Which sign stands before the decimals."""

    POINT = "."
    COMMA = ","

    @property
    def other(self) -> "Convention":
        """The other one."""
        return Convention.COMMA if self is Convention.POINT else Convention.POINT


def _grouped(decimal: str, group: str, further: str = "") -> re.Pattern[str]:
    return re.compile(
        rf"(?P<whole>0|[1-9]\d*|[1-9]\d{{0,2}}(?:(?P<group>[{group}'\u2019{_SPACES}])\d{{3}})(?:(?P=group)\d{{3}})*"
        rf"|{further}(?={decimal}))(?:{decimal}(?P<decimals>\d+))?",
        re.ASCII,
    )


_IN_INDIA = r"[1-9]\d?(?:,\d\d)+,\d{3}|"
_SHAPES = {Convention.POINT: _grouped(r"\.", ",", _IN_INDIA), Convention.COMMA: _grouped(",", r"\.")}
_NO_DIGITS = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class Amount:
    """A cell that holds a number: what it is in each convention, None where it is none in that; and its currency."""

    point: int | float | None
    comma: int | float | None
    currency: str | None = None
    is_doubtful: bool = False
    """Whether it is one only where others of the column are: spaces group it, or `(5)` and `5-` stand for -5."""
    is_percent: bool = False
    """Whether a percent sign stands behind it: a number only where one stands behind all of the column."""

    @property
    def is_ambiguous(self) -> bool:
        """Whether each convention makes another number of it: `1.299`, `1,299`."""
        return self.point is not None and self.comma is not None and self.point != self.comma

    def read(self, convention: Convention) -> int | float | None:
        """Return the number by a convention, or the only one that it can be."""
        first, second = (self.point, self.comma) if convention is Convention.POINT else (self.comma, self.point)
        return second if first is None else first


def number_in(text: str) -> int | float | None:
    """Return the number that a value is, as programs write it, or None. Leading zeros make none: they are of a code."""
    if len(text) > _LONGEST or not (match := _PLAIN.fullmatch(text)):
        return None
    number = float(text) if match[2] or match[3] else int(text)
    return number if abs(number) <= LARGEST_INTEGER else None


def amount_in(text: str) -> Amount | None:
    """Return the number that a cell holds as people write it, or None. Leading zeros make none."""
    if len(text) > _LONGEST or not (match := _WRITTEN.fullmatch(text)):
        plain = number_in(text)
        return None if plain is None else Amount(plain, plain)
    before, after = match["before"], match["after"]
    signs = [match[name] for name in ("bracket", "sign", "inner", "behind") if match[name]]
    if len(signs) > 1:
        return None
    is_percent = after == _PERCENT and not before
    currency = None if is_percent else _currency(before, after)
    if currency is None and (before or after) and not is_percent:
        return None
    digits = match["digits"].strip(_SPACES)
    is_negative = bool(signs)
    point = _number(digits, Convention.POINT, is_negative)
    comma = _number(digits, Convention.COMMA, is_negative)
    if point is None and comma is None:
        return None
    is_odd = any(space in digits for space in _SPACES) or bool(match["bracket"] or match["behind"])
    is_doubtful = is_odd and currency is None and not {".", ","} & set(digits)
    return Amount(point, comma, currency, is_doubtful, is_percent)


def _currency(before: str | None, after: str | None) -> str | None:
    """Return the currency that marks beside a number are of; two may name the same, as `$5 USD` and `$5 CAD` do."""
    if not (before and after):
        return currency_of(before or after or "")
    first, second = currency_of(before), currency_of(after)
    is_dollar = before == _DOLLAR and second is not None and second.endswith("D")
    return second if before != after and (is_dollar or first == second) else None


def _number(digits: str, convention: Convention, is_negative: bool) -> int | float | None:
    match = _SHAPES[convention].fullmatch(digits)
    if match is None:
        return None
    whole, decimals = _NO_DIGITS.sub("", match["whole"]) or "0", match["decimals"]
    number = float(f"{whole}.{decimals}") if decimals else int(whole)
    if number > LARGEST_INTEGER:
        return None
    return -number if is_negative else number
