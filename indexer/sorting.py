"""What items are sorted by, as a person writes it: `id`, `-id`, `price`, `-price`."""

from dataclasses import dataclass

from indexer.errors import InvalidSort
from indexer.fields import ID, PREDICTED_CLASS, attribute_in

DESCENDING = "-"
RELEVANCE = "relevance"
"""The order of how well items say the words that a filter asks for, the best first."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of items: by their id, their predicted class or an attribute; ties by id, upwards in any case.

    `relevance` is that to the words of a filter, downwards; an attribute of that name is `attributes.relevance`.

    Numbers stand before texts, true and false among them as 1 and 0; a list stands where its first member in the order
    would. Items without a value come last, whichever way the order runs.
    """

    field: str
    attribute: str | None
    descending: bool = False

    @classmethod
    def read(cls, text: str) -> "Order":
        """Return the order that `price` or `-price` asks for. Raises InvalidSort."""
        if text == RELEVANCE:
            return cls(RELEVANCE, None)
        field = text.removeprefix(DESCENDING)
        if field == RELEVANCE:
            raise InvalidSort(f"The order of {RELEVANCE} runs one way, the best first. Write {RELEVANCE}.")
        if field in (ID, PREDICTED_CLASS):
            return cls(field, None, field != text)
        attribute = attribute_in(field)
        if attribute is None:
            raise InvalidSort(
                f"Items can't be sorted by {text[:60]!r}: write {ID}, {PREDICTED_CLASS} or an attribute, or -price."
            )
        return cls(field, attribute, field != text)
