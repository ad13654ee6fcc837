"""Values of formats that nest, made what attributes can be: objects become columns, lists in lists become JSON."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from indexer.sources.tabular.amounts import number_in

_AMOUNTS = ("amount", "value", "price")
_CURRENCIES = ("currency", "currency_code", "currencyCode", "currencycode")
_DEEPEST = 4


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for none: null, an empty text or object, not-a-number."""
    return value is None or value in ("", {}) or (isinstance(value, float) and math.isnan(value))


def flattened(values: Mapping[str, Any], kept: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the values of a row as attributes, missing ones left out; the columns in `kept` stay as they are.

    An object becomes a value for each of its members, `size.eu`; one of an amount and a currency becomes a number and
    `..._currency`. Of a list, members that are missing are left out; one that holds lists or objects becomes JSON.
    """
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if name in kept or isinstance(value, str | int):
            if not is_missing(value):
                plain[name] = value
        else:
            for its_name, its_value in _parts(name, value, 1):
                plain.setdefault(its_name, its_value)
    return plain


def _parts(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if is_missing(value):
        return
    if isinstance(value, Mapping):
        money = _money(value)
        if money is not None:
            yield name, money[0]
            yield f"{name}_currency", money[1]
        elif depth >= _DEEPEST:
            yield name, _as_json(value)
        else:
            for member, its_value in value.items():
                yield from _parts(f"{name}.{member}", its_value, depth + 1)
    elif isinstance(value, list | tuple):
        members = [member for member in value if not is_missing(member)]
        nests = any(isinstance(member, Mapping | list | tuple) for member in members)
        yield name, _as_json(value) if nests else members
    else:
        yield name, value


def _money(value: Mapping[str, Any]) -> tuple[Any, str] | None:
    """Return the amount and the currency that an object is, `{"amount": 19.95, "currency": "EUR"}`; else None."""
    if len(value) != 2:
        return None
    amount = next((value[name] for name in _AMOUNTS if name in value), None)
    currency = next((value[name] for name in _CURRENCIES if name in value), None)
    if not isinstance(currency, str) or isinstance(amount, bool):
        return None
    if isinstance(amount, str):
        amount = number_in(amount)
    return (amount, currency) if isinstance(amount, int | float) and not is_missing(amount) else None


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
