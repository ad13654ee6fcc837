"""The names of what filters, facets and orders ask about: fields of their own, and attributes."""

import unicodedata

from indexer.predictions import CLASS

ID = "id"

PREDICTED = "predicted."
"""What stands before the name of what a model predicts."""

PREDICTED_CLASS = PREDICTED + CLASS
"""The predicted class."""

COLOUR = "colour~"
"""What the garments' colours are seen to be, whatever their attributes say."""

COLOUR_FIELDS = (COLOUR, "color~")
"""Both spellings."""

WORDS = "q~"
"""What words an item says, in titles and other attributes, its class, and its colours as they are seen."""

NOT, ANY, ALL = "not", "any", "all"
"""What joins filters into one."""

ATTRIBUTES = "attributes."
"""What may stand before the name of any attribute, and must where it is one of the names above."""

LONGEST_NAME = 200
"""Characters that the name of an attribute may have."""

LONGEST_ID = 1000
"""Characters that an id may have, which may be a long path."""

_NOT_IN_AN_ATTRIBUTE = frozenset('"\\')
_NO_IDS = frozenset({".", ".."})
_NEVER = frozenset({"Cc", "Cs", "Zl", "Zp"})
_UNSEEN = frozenset({"Zs", "Cf"})


def is_id(id_: object) -> bool:
    """Tell whether something can be an id.

    Whatever people have in the names of files can: blanks of every kind, and what joins letters or emoji unseen. What
    can't are control characters, line separators and lone surrogates, `.` and `..` (no address could name them), and
    what shows nothing at all.
    """
    return _is_text(id_, LONGEST_ID) and id_ not in _NO_IDS


def can_name_attribute(name: object) -> bool:
    """Tell whether something can be the name of an attribute: as an id, shorter, without quotes and backslashes."""
    return _is_text(name, LONGEST_NAME) and _NOT_IN_AN_ATTRIBUTE.isdisjoint(str(name))


def _is_text(text: object, longest: int) -> bool:
    if not isinstance(text, str) or not 0 < len(text) <= longest:
        return False
    if text.isprintable():
        return bool(text.strip())
    kinds = {unicodedata.category(character) for character in text}
    return _NEVER.isdisjoint(kinds) and not kinds <= _UNSEEN


def attribute_in(field: object) -> str | None:
    """Return the name of the attribute that a field is about, `attributes.` taken off; None where it is about none."""
    if field == PREDICTED_CLASS:
        return None
    name = field.removeprefix(ATTRIBUTES) if isinstance(field, str) else field
    return str(name) if can_name_attribute(name) else None


def field_of(attribute: str) -> str:
    """Return the field that an attribute is asked about by."""
    names = ID, NOT, ANY, ALL, PREDICTED_CLASS, *COLOUR_FIELDS, WORDS
    is_taken = attribute in names or attribute.startswith(ATTRIBUTES)
    return ATTRIBUTES + attribute if is_taken else attribute
