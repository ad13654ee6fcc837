"""What the id and the attributes of an item may be: told where they come in, held where they are kept."""

from collections.abc import Mapping
from typing import Any

from indexer.fields import COLOUR_FIELDS, LONGEST_ID, LONGEST_NAME, can_name_attribute, is_id
from indexer.filters import is_scalar
from indexer.told_values import is_probability

LONGEST_LIST = 1000
"""Members that a list in an attribute may have."""

LARGEST_VALUE = 2**16
"""Bytes that an attribute's value may have in UTF-8, the members of a list together."""


def id_error(id_: Any) -> str | None:
    """Return why something can't be an id; None when it can."""
    if is_id(id_):
        return None
    return (
        f"An id is a string of 1 to {LONGEST_ID} characters, without control characters and not blank, '.' or '..': "
        f"{_shortened(id_)} is none."
    )


def name_error(name: Any) -> str | None:
    """Return why something can't name an attribute; None when it can."""
    if name in COLOUR_FIELDS:
        return f"{name!r} can't name an attribute: filters ask by it for the colours seen. Give it another name."
    if isinstance(name, str) and is_probability(name):
        return f"{_shortened(name)} can't name an attribute: it is how probable a prediction is. Give it another name."
    if not can_name_attribute(name):
        return f"{_shortened(name)} can't name an attribute. Give it a plain name of 1 to {LONGEST_NAME} characters."
    return None


def attribute_error(attributes: Mapping[Any, Any]) -> str | None:
    """Return why attributes can't be kept as they are, for the first that can't; None when all can."""
    for name, value in attributes.items():
        if error := name_error(name):
            return error
        if _is_too_large(value):
            return f"{name} has more than {LARGEST_VALUE >> 10} KB. Shorten it, or leave it out."
        if not _is_attribute(value):
            return (
                f"{name} = {_shortened(value)} is no string, finite number, true, false or null, nor a list of these."
            )
    return None


def _is_too_large(value: Any) -> bool:
    """Tell whether a value has more than LARGEST_VALUE bytes; characters are counted first, as that costs nothing."""
    texts = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    texts = [text for text in texts if isinstance(text, str)]
    if sum(map(len, texts)) <= LARGEST_VALUE // 4:
        return False
    return sum(len(text.encode(errors="replace")) for text in texts) > LARGEST_VALUE


def _is_attribute(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= LONGEST_LIST and all(member is not None and is_scalar(member) for member in value)
    return is_scalar(value)


def _shortened(value: Any) -> str:
    text = repr(value[:LONGEST_NAME] if isinstance(value, str | list) else value)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME // 4]}..."
