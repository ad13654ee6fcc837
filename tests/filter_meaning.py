"""What a filter means, in plain Python: for tests to hold catalogues to."""

from collections.abc import Mapping, Sequence
from typing import Any


def allows(where: Mapping[str, Any], id_: str, label: str, attributes: Mapping[str, Any]) -> bool:
    """Tell whether an item meets a filter (without colours)."""
    return all(_field(name, wanted, id_, label, attributes) for name, wanted in where.items())


def _field(name: str, wanted: Any, id_: str, label: str, attributes: Mapping[str, Any]) -> bool:
    match name:
        case "not":
            return not allows(wanted, id_, label, attributes)
        case "any":
            return any(allows(part, id_, label, attributes) for part in wanted)
        case "all":
            return all(allows(part, id_, label, attributes) for part in wanted)
        case "id":
            return _meets([id_], wanted)
        case "predicted.class":
            return _meets([label], wanted)
    return _meets(members(attributes.get(name.removeprefix("attributes."))), wanted)


def members(value: Any) -> list[Any]:
    """Return the values that an attribute has."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _meets(values: Sequence[Any], wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        one_of = wanted if isinstance(wanted, list) else [wanted]
        return any(value in one_of for value in values) or (None in one_of and not values)
    if "not" in wanted and _meets(values, wanted["not"]):
        return False
    comparisons = {name: bound for name, bound in wanted.items() if name not in ("not", "prefix")}
    if comparisons and not any(all(_compares(value, *one) for one in comparisons.items()) for value in values):
        return False
    prefix = wanted.get("prefix")
    return prefix is None or any(isinstance(value, str) and value.startswith(prefix) for value in values)


def _compares(value: Any, comparison: str, bound: Any) -> bool:
    if isinstance(value, str) is not isinstance(bound, str):
        return False
    return bool({"lt": value < bound, "lte": value <= bound, "gt": value > bound, "gte": value >= bound}[comparison])
