"""What the values of a column are, told by the column as a whole: numbers in one convention, amounts of money, text."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.sources.tabular.amounts import Amount, Convention, amount_in
from indexer.sources.tabular.currencies import SIGNS, THREE_DECIMALS

NO_VALUE = frozenset(
    {
        "n/a",
        "n.a.",
        "n.a",
        "na",
        "#n/a",
        "#na",
        "nan",
        "null",
        "none",
        "nil",
        "k.a.",
        "-",
        "--",
        "\u2013",
        "\u2014",
        "?",
    }
    | {"#null!", "#value!", "#ref!", "#div/0!", "#name?", "#num!", "<na>", "\\n"}
)
"""What stands among numbers, and for a picture, where there is none; in lower case."""

_LONGER_THAN_ANY = 10

_TRUE = ("true", "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar", "prawda", "pravda", "sant", "sand", "tosi")
_FALSE = (
    "false",
    "falsch",
    "faux",
    "falso",
    "onwaar",
    "fałsz",
    "nepravda",
    "falskt",
    "falsk",
    "epätosi",
    "usant",
    "fals",
)
TRUTHS: Mapping[str, bool] = {
    **dict.fromkeys((*_TRUE, "igaz", "doğru", "истина", "adevărat"), True),
    **dict.fromkeys((*_FALSE, "hamis", "yanliş", "yanlış", "ложь"), False),
}
"""What spreadsheets write for true and false in the languages of their users, in lower case."""

SAMPLES = 3

_OF_PRICES = re.compile(
    r"price|cost|msrp|rrp|uvp|preis|prix|precio|prezzo|prijs|\bpris\b|cena|pre[cç]o|betrag|amount|fiyat|价格|価格|цена",
    re.IGNORECASE,
)
_HOPELESS = 1000
_LONGER_THAN_TRUTHS = 12
_SHOWN = 40


def is_no_value(text: str) -> bool:
    """Tell whether text says that there is no value."""
    return len(text) < _LONGER_THAN_ANY and text.lower() in NO_VALUE


def _truth(text: str) -> bool | None:
    """Return what a spreadsheet means by a word for true or false; None for any other."""
    return TRUTHS.get(text.lower())


@dataclass(slots=True)
class Tally:
    """What the values of one column are like, counted one by one; the memory of it does not grow with the column.

    `is_typed` says that the format itself tells text from numbers: then text is a number only where it is money.
    """

    name: str
    is_typed: bool = False
    count: int = 0
    samples: list[str] = field(default_factory=list)
    only: Counter[Convention] = field(default_factory=Counter)
    """Cells that are a number in this convention alone."""
    ambiguous: Counter[Convention] = field(default_factory=Counter)
    """Cells that each convention reads another way, by the one in which they have decimals."""
    numbers: int = 0
    percents: int = 0
    truths: int = 0
    doubtful: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    others: int = 0
    other: str = ""
    currencies: Counter[str] = field(default_factory=Counter)
    is_dollar: bool = False
    kinds: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    """Values that are whole numbers written as such."""

    @property
    def is_price(self) -> bool:
        """Whether the column's name or a currency in it says that it holds money."""
        return bool(self.currencies) or _OF_PRICES.search(self.name) is not None

    def add(self, value: Any) -> None:
        """Count a value that is there."""
        self.count += 1
        if len(self.samples) < SAMPLES and (told := _shortened(value)) not in self.samples:
            self.samples.append(told)
        if not isinstance(value, str):
            self.kinds[_kind_of(value)] += 1
            self.whole += isinstance(value, int)
            self.numbers += not self.is_typed and isinstance(value, int | float) and not isinstance(value, bool)
            return
        self.kinds["text"] += 1
        self.truths += len(value) < _LONGER_THAN_TRUTHS and _truth(value) is not None
        if self.others >= _HOPELESS and not self.currencies and not self.is_price:
            self.others += 1
            return
        if value.isascii() and value.isdigit() and (value[0] != "0" or value == "0") and len(value) < 19:
            self.numbers += 1
            self.whole += 1
            return
        amount = amount_in(value)
        if amount is None:
            if is_no_value(value):
                self.missing[value] += 1
            else:
                self.others += 1
                self.other = self.other or _shortened(value)
            return
        self._count(amount, value)

    def _count(self, amount: Amount, value: str) -> None:
        self.numbers += 1
        self.percents += amount.is_percent
        self.doubtful += amount.is_doubtful
        if amount.currency is not None:
            self.currencies[amount.currency] += 1
            self.is_dollar |= SIGNS["$"] == amount.currency and "USD" not in value.upper()
        if amount.is_ambiguous:
            self.ambiguous[Convention.POINT if "." in value else Convention.COMMA] += 1
        elif amount.comma is None:
            self.only[Convention.POINT] += 1
        elif amount.point is None:
            self.only[Convention.COMMA] += 1


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """What was decided for a column: how its text is read, and what a person should be told of it."""

    name: str
    kind: str
    samples: tuple[str, ...] = ()
    convention: Convention | None = None
    """How numbers in text are read; None where text stays text."""
    takes_doubtful: bool = True
    currency_name: str = ""
    """The attribute that keeps the currency, empty where there is none."""
    notes: tuple[str, ...] = ()
    is_left_out: bool = False
    is_truth: bool = False
    is_percent: bool = False

    def values(self, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield the attributes that a value becomes: itself, and its currency."""
        if self.is_left_out:
            return
        if self.is_truth and isinstance(value, str) and (truth := _truth(value)) is not None:
            yield self.name, truth
            return
        if self.convention is None or not isinstance(value, str):
            yield self.name, value
            return
        amount = amount_in(value)
        if amount is None or (amount.is_doubtful and not self.takes_doubtful) or amount.is_percent != self.is_percent:
            if not is_no_value(value):
                yield self.name, value
            return
        yield self.name, amount.read(self.convention)
        if self.currency_name and amount.currency is not None:
            yield self.currency_name, amount.currency

    @property
    def told(self) -> str:
        """A line for a person: the column, what it holds, some of it, and what was made of it."""
        samples = f" ({', '.join(self.samples)})" if self.samples else ""
        return " ".join([f"{self.name}: {self.kind}{samples}.", *self.notes])


def decided(tallies: Mapping[str, Tally], commas_likely: bool) -> dict[str, ColumnReading]:
    """Return what each column holds.

    A column is of numbers when all its values are, those left out that say that there is none. A price may stand beside
    other words, as long as most are numbers: these stay text. Decimals are told by the whole column; where it leaves
    both readings open, money has no three decimals, then the other columns decide, then the delimiter: where that is a
    semicolon, commas stand before decimals (`commas_likely`), else points.
    """
    shown = Counter(
        {convention: sum(tally.only[convention] for tally in tallies.values()) for convention in Convention}
    )
    usual = Convention.COMMA if shown[Convention.COMMA] > shown[Convention.POINT] else Convention.POINT
    likely = usual if shown.total() else Convention.COMMA if commas_likely else Convention.POINT
    return {name: _decided(tally, likely, tallies) for name, tally in tallies.items()}


def _decided(tally: Tally, likely: Convention, tallies: Mapping[str, Tally]) -> ColumnReading:
    samples = tuple(tally.samples)
    takes_doubtful = tally.is_price or bool(tally.only)
    numbers = tally.numbers - (0 if takes_doubtful else tally.doubtful)
    others = tally.others + (0 if takes_doubtful else tally.doubtful)
    is_percent = tally.percents == tally.numbers > 0
    if not is_percent:
        numbers, others = numbers - tally.percents, others + tally.percents
    is_number = numbers > 0 and (not others or (tally.is_price and numbers > others))
    if tally.is_typed:
        is_number = is_number and tally.currencies.total() == numbers and not others
    if tally.truths == tally.count > 0 and not tally.is_typed:
        return ColumnReading(tally.name, "true or false", samples, is_truth=True)
    if not is_number:
        kinds = [kind for kind, _ in tally.kinds.most_common()]
        return ColumnReading(tally.name, " and ".join(kinds) or "nothing", samples)
    convention, notes = _convention(tally, likely)
    currency_name = f"{tally.name}_currency" if tally.currencies else ""
    if currency_name in tallies:
        notes.append(f"Its currency is not kept: the table has a column {currency_name!r} itself.")
        currency_name = ""
    elif currency_name:
        found = ", ".join(currency for currency, _ in tally.currencies.most_common(5))
        notes.append(f"The currency is kept as {currency_name}: {found}.")
        if tally.is_dollar:
            notes.append("'$' is taken for USD.")
    if tally.missing:
        words = ", ".join(f"{word!r}" for word, _ in tally.missing.most_common(5))
        notes.append(f"{_cells(tally.missing.total())} with {words} taken as without a value.")
    if is_percent:
        notes.append("The percent sign is left off.")
    if others:
        notes.append(f"{_cells(others)} with other words, like {tally.other}, kept as text.")
    return ColumnReading(
        tally.name,
        "numbers",
        samples,
        convention,
        takes_doubtful,
        currency_name,
        tuple(notes),
        is_percent=is_percent,
    )


def _convention(tally: Tally, likely: Convention) -> tuple[Convention, list[str]]:
    """Return how a column of numbers is read, and what to say of it."""
    points, commas = tally.only[Convention.POINT], tally.only[Convention.COMMA]
    open_cells = tally.ambiguous.total()
    if points and commas:
        convention = Convention.COMMA if commas > points else Convention.POINT
        return convention, [
            f"{_cells(points)} with a decimal point and {commas} with a decimal comma: each is read as what it must be"
            + (f", {open_cells} that may be either with a decimal {convention.name.lower()}." if open_cells else ".")
        ]
    if points or commas:
        convention = Convention.POINT if points else Convention.COMMA
        told = convention is Convention.COMMA or open_cells
        return convention, [f"The decimal sign is '{convention.value}', as the column shows."] if told else []
    if not open_cells:
        return likely, []
    dots, comma_like = tally.ambiguous[Convention.POINT], tally.ambiguous[Convention.COMMA]
    has_two_decimals = tally.is_price and not THREE_DECIMALS & set(tally.currencies)
    if has_two_decimals and not (dots and comma_like):
        convention = Convention.COMMA if dots else Convention.POINT
        why = "a price has no three decimals"
    else:
        convention, why = likely, "the column leaves it open, and the rest of the table reads so"
    group = convention.other.value
    return convention, [
        f"In {_cells(open_cells)} like {tally.samples[0]} the decimal sign is taken to be '{convention.value}', and "
        f"'{group}' to group thousands: {why}."
    ]


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "numbers"
        case list():
            return "lists"
    return "text"


def _shortened(value: Any) -> str:
    text = repr(value[:_SHOWN] if isinstance(value, str | list) else value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
