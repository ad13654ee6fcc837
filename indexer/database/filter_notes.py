"""What is to be said of a filter that asks for what no item has, though it is sound."""

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

import apsw

from indexer.conditions import AttributeCondition, Condition, InRange, OneOf, attribute_conditions, notes_of_words
from indexer.database import rows
from indexer.database.sql_filters import path_of
from indexer.fields import COLOUR, ID, PREDICTED_CLASS, field_of
from indexer.predictions import CLASS

MOST_NAMES = 30
"""Attributes that a note names."""

_CALLED_A_CLASS = ("label", CLASS)
"""What a person may call the predicted class."""

_NUMBERS = "('integer', 'real', 'true', 'false')"
_TEXTS = "('text')"
_SHOWN = 40


Lacks: TypeAlias = Callable[[str, bool], bool]
"""Tells of an attribute whether no item has text (True), or a number, as it, where that is known without looking."""


def notes_on(
    connection: apsw.Connection,
    condition: Condition | None,
    names: Collection[str] = (),
    lacks: Lacks = lambda name, of_text: False,
) -> tuple[str, ...]:
    """Return a sentence for each attribute that can't do what is asked of it.

    That is one that no item ever had, be it in the filter or among `names`; and one that no item has in the kind that
    the filter compares it with, so that the condition holds for none. And one where words are not all found.
    """
    leaves = attribute_conditions(condition)
    known = rows.attribute_names(connection)
    notes = [_unknown(name, known) for name in (*(leaf.name for leaf in leaves), *names) if name not in known]
    for leaf in leaves:
        if leaf.name in known:
            notes += _kind_notes(connection, leaf, lacks)
    return tuple(dict.fromkeys([*notes, *notes_of_words(condition)]))


def unknown_names(connection: apsw.Connection, condition: Condition | None) -> tuple[str, ...]:
    """Return a sentence for each attribute in a filter that no item ever had."""
    known = rows.attribute_names(connection)
    return tuple(_unknown(leaf.name, known) for leaf in attribute_conditions(condition) if leaf.name not in known)


def _unknown(name: str, known: Collection[str]) -> str:
    named = [field_of(one) for one in sorted(known)]
    more = f" and {len(named) - MOST_NAMES} more" if len(named) > MOST_NAMES else ""
    there_are = ", ".join([PREDICTED_CLASS, ID, COLOUR, *named[:MOST_NAMES]])
    hint = f" The predicted class is {PREDICTED_CLASS}." if name in _CALLED_A_CLASS else ""
    return f"No item ever had an attribute {name!r}.{hint} There are: {there_are}{more}."


def _kind_notes(connection: apsw.Connection, condition: AttributeCondition, lacks: Lacks) -> Iterator[str]:
    match condition:
        case OneOf(_, values):
            of_text, of_number = (any(isinstance(one, str) is is_text for one in values) for is_text in (True, False))
            if not values or None in values or of_text is of_number:
                return
        case InRange():
            of_text = condition.of_strings
        case _:
            of_text = True

    def example_of(text: bool) -> str | None:
        kinds = _TEXTS if text else _NUMBERS
        return None if lacks(condition.name, text) else _example(connection, condition.name, kinds)

    if example_of(of_text) is not None:
        return
    wanted = "text" if of_text else "numbers"
    example = example_of(not of_text)
    if example is None:
        yield f"No item has a value for {condition.name!r} at present."
    else:
        what = "text" if of_text else "a number"
        yield (
            f"No item has {what} as {condition.name!r}, and one has {example}: a condition that compares it with "
            f"{wanted} holds for none."
        )


def _example(connection: apsw.Connection, name: str, kinds: str) -> str | None:
    """Return a value of an attribute that is of one of these kinds of JSON, as it is written; None where none is."""
    found = connection.execute(
        f"SELECT value, type FROM items, json_each(items.attributes, ?) WHERE type IN {kinds} LIMIT 1", (path_of(name),)
    ).fetchone()
    if found is None:
        return None
    value, kind = found
    text = kind if kind in ("true", "false") else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
