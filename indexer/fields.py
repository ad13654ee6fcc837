"""The names of what filters, facets and orders ask about: fields of their own, and attributes."""

from indexer.predictions import CLASS

ID = "id"

PREDICTED = "predicted."
"""What stands before the name of what a model predicts. An attribute is called so behind `attributes.` alone."""

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
"""Characters that an id or the name of an attribute may have."""

_NOT_IN_AN_ATTRIBUTE = frozenset('"\\')


def is_name(name: object) -> bool:
    """Tell whether something can be an id, and but for quotes and backslashes the name of an attribute."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()


def can_name_attribute(name: object) -> bool:
    """Tell whether something can be the name of an attribute."""
    return is_name(name) and _NOT_IN_AN_ATTRIBUTE.isdisjoint(str(name))


def attribute_in(field: object) -> str | None:
    """Return the name of the attribute that a field is about, `attributes.` taken off; None where it is about none."""
    if isinstance(field, str) and field.startswith(PREDICTED):
        return None
    name = field.removeprefix(ATTRIBUTES) if isinstance(field, str) else field
    return str(name) if can_name_attribute(name) else None


def field_of(attribute: str) -> str:
    """Return the field that an attribute is asked about by."""
    is_taken = attribute in (ID, NOT, ANY, ALL, *COLOUR_FIELDS, WORDS) or attribute.startswith((ATTRIBUTES, PREDICTED))
    return ATTRIBUTES + attribute if is_taken else attribute
