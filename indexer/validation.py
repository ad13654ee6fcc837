"""What the id and the attributes of an item may be: told where they come in, held where they are kept."""

from collections.abc import Mapping
from typing import Any

from indexer.fields import COLOUR_FIELDS, LONGEST_NAME, can_name_attribute, is_name
from indexer.filters import is_scalar

LONGEST_LIST = 1000
"""Members that a list in an attribute may have."""


def id_error(id_: Any) -> str | None:
    """Return why something can't be an id; None when it can."""
    if is_name(id_):
        return None
    return f"An id is a string of 1 to {LONGEST_NAME} printable characters, not {_shortened(id_)}."


def name_error(name: Any) -> str | None:
    """Return why something can't name an attribute; None when it can."""
    if name in COLOUR_FIELDS:
        return f"{name!r} can't name an attribute: filters ask by it for the colours seen. Give it another name."
    if not can_name_attribute(name):
        return f"{_shortened(name)} can't name an attribute. Give it a plain name of 1 to {LONGEST_NAME} characters."
    return None


def attribute_error(attributes: Mapping[Any, Any]) -> str | None:
    """Return why attributes can't be kept as they are, for the first that can't; None when all can."""
    for name, value in attributes.items():
        if error := name_error(name):
            return error
        if not _is_attribute(value):
            return (
                f"{name} = {_shortened(value)} is no string, finite number, true, false or null, nor a list of these."
            )
    return None


def _is_attribute(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= LONGEST_LIST and all(member is not None and is_scalar(member) for member in value)
    return is_scalar(value)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME // 4]}..."
