"""Every option of a question, told once: what it may be, what it is where nothing is said, and what it means.

The engine checks by this table, the API and the pages read by it, the command's options and the API's document are
made from it. A new option of a search is a field of `Query`, an entry here, and its use in `EngineState`.
"""

from dataclasses import dataclass
from typing import Literal

MAX_WAIT = 10.0
"""Seconds that a picture waits for its turn to be decoded."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One option: `minimum` and `maximum` bound a number; `example` is how it is written where that is not plain;
    `choices` are all that a choice, or each of several names, may be.
    """

    name: str
    kind: Literal["integer", "number", "boolean", "text", "filter", "weights", "choice", "names", "ids or filter"]
    description: str
    default: int | float | bool | str | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    example: str | None = None
    choices: tuple[str, ...] = ()

    def allows(self, value: float) -> bool:
        """Whether a number lies within the bounds; NaN does not."""
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


HITS = Parameter("limit", "integer", "How many items.", default=12, minimum=1, maximum=1_000)
K = Parameter("k", "integer", "The same as limit.", default=HITS.default, minimum=HITS.minimum, maximum=HITS.maximum)
WHERE = Parameter(
    "where",
    "filter",
    'Each field maps to a value, a list of values, or comparisons: {"gte": 1, "lt": 5} (also gt, lte), {"prefix": '
    '"lin"}, {"not": ...}; "colour~" to colours that are seen: "navy", "#1f2a44", a list of such, or {"near": "navy", '
    '"within": 15} with a Delta E; "id" to ids. "not" maps to a filter, "any" and "all" to lists of filters. Of an '
    "attribute that is a list, one member is enough. As text, JSON or conditions joined by semicolons: "
    "predicted.class=Bag;price<40;brand!=Acme;material^=lin;colour~navy.",
    example='{"predicted.class": "Bag"}',
)
Q = Parameter(
    "q",
    "text",
    "Only items that say these words: in titles and other attributes, as their class, or as a colour that is seen. "
    "Words are found in other forms, and the last one where something begins with it. Where no item says all of them, "
    "those that say some are found, and notes tell. Together with where, both must hold.",
    example="linen dress",
)
Q_WEIGHT = Parameter(
    "q_weight",
    "number",
    "With q and a picture or items: the words leave nothing out and count so much, 0 to 1, in the score, (1 - "
    "q_weight) times the likeness plus q_weight times how well the item says them, of the 1,000 items most alike and "
    "the 1,000 that say them best. Without it, only items that say them are found.",
    minimum=0,
    maximum=1,
)
LOOK = Parameter(
    "look",
    "number",
    "From 0, the same kind, to 1, the same look. Without it, the model's own share of the look.",
    minimum=0,
    maximum=1,
)
WEIGHTS = Parameter(
    "weights",
    "weights",
    "What counts as similar: 0 to 1 for each of the vector's parts by its name (kind, look, colour). Parts not "
    "named share what is left of 1. Without it, the model's own shares; not together with look.",
    example='{"kind": 0.5, "colour": 0.5}',
)
COLLAPSE = Parameter(
    "collapse",
    "choice",
    "duplicates: hits whose pictures are copies of a better hit's are left out and named by it in copies, and others "
    "take their places.",
    choices=("duplicates",),
)
EXCLUDE = Parameter(
    "exclude",
    "ids or filter",
    "Items that are not to be found: ids, or a filter like where, and none that it allows is found.",
    example='["sku-1", "sku-2"]',
)
DIVERSITY = Parameter(
    "diversity",
    "number",
    "From 0, the most alike, to 1, the most varied: how much it counts that each hit is unlike those before it.",
    minimum=0,
    maximum=1,
)
GROUP_BY = Parameter(
    "group_by",
    "text",
    "An attribute, or predicted.class: only the best group_size hits of each of its values are found. Items without it "
    "stand for themselves.",
    example="brand",
)
GROUP_SIZE = Parameter("group_size", "integer", "With group_by: how many hits of each value.", minimum=1, maximum=1_000)
MIN_RELEVANCE = Parameter(
    "min_relevance",
    "number",
    "Only hits of at least this relevance: fewer than asked for, or none.",
    minimum=0,
    maximum=1,
)
FIELDS = Parameter(
    "fields",
    "names",
    "What is told of each hit, and whether the view of what was searched with is told; without it, all.",
    example="id,score",
    choices=(
        "id",
        "predicted",
        "attributes",
        "colours",
        "picture",
        "images",
        "score",
        "relevance",
        "copies",
        "view",
    ),
)
HITS_CURSOR = Parameter(
    "cursor",
    "text",
    "The next that the page before has answered with: the question is sent again, the picture too.",
)
QUERY = (
    HITS,
    K,
    WHERE,
    Q,
    Q_WEIGHT,
    LOOK,
    WEIGHTS,
    EXCLUDE,
    DIVERSITY,
    GROUP_BY,
    GROUP_SIZE,
    COLLAPSE,
    MIN_RELEVANCE,
    FIELDS,
    HITS_CURSOR,
)
"""What any search may be asked: the fields of `Query` by their names."""

BOX = Parameter(
    "box",
    "text",
    "Where in the upright picture the garment is: left, top, width and height as shares of the picture. Only with a "
    "picture. Without it, the garment is looked for.",
    example="0.1,0.2,0.5,0.6",
)
CUTOUT = Parameter(
    "cutout",
    "boolean",
    "Whether the answer is to hold the cutout, which makes it some ten times larger.",
    default=False,
)
PICTURE = (BOX, CUTOUT)
"""What may be asked of the picture that is searched with."""

ATTRIBUTES = Parameter(
    "attributes",
    "filter",
    "What the item that the picture is of says of itself, for the rules of the policy that ask for it.",
    example='{"brand": "Acme", "price": 25}',
)
"""What may be sent along with a picture that is moderated."""

OFFSET = Parameter("offset", "integer", "Items to skip.", default=0, minimum=0, maximum=2**31)
LIMIT = Parameter("limit", "integer", "Items on the page.", default=48, minimum=1, maximum=100)
SORT = Parameter(
    "sort",
    "text",
    "id, predicted.class or an attribute, upwards; with a minus before it downwards. Items without a value come last, "
    "ties are in order of id. relevance is that to the words of q, the most first, and what counts where there are "
    "words and nothing else is asked for.",
    default="id",
    example="-price",
)
CURSOR = Parameter(
    "cursor",
    "text",
    "The next of the page before, with where, q and sort as they were. Not together with offset.",
)
PAGE = (WHERE, Q, SORT, OFFSET, CURSOR, LIMIT)
"""What a listing may be asked."""

FACET_FIELDS = Parameter(
    "fields",
    "text",
    "What to count, joined by commas: predicted.class, colour~ and attributes. Without it, all that there are.",
    example="brand,price",
)
FACET_VALUES = Parameter(
    "limit", "integer", "Values of each field, those of the most items.", default=20, minimum=1, maximum=1000
)
FACETS = (WHERE, Q, FACET_FIELDS, FACET_VALUES)
"""What facets may be asked."""

RECOMMENDED = Parameter("limit", "integer", "How many items a strip has.", default=12, minimum=1, maximum=1000)
COLD_START = Parameter(
    "cold_start",
    "choice",
    "What is shown where nothing is liked: varied, items that stand for all there are; newest, what was written last; "
    "by, items of each value of an attribute in turn.",
    choices=("varied", "newest", "by"),
)
BY = Parameter("by", "text", "The attribute of a cold start that is by one; predicted.class is what is predicted.")
OPINION_WEIGHT = Parameter(
    "weight", "number", "How much a like or a dislike counts.", default=1, minimum=0, maximum=1000
)
STRIP = (
    RECOMMENDED,
    WHERE,
    Q,
    LOOK,
    WEIGHTS,
    EXCLUDE,
    DIVERSITY,
    GROUP_BY,
    GROUP_SIZE,
    COLLAPSE,
    MIN_RELEVANCE,
    FIELDS,
    COLD_START,
    BY,
)
"""What a strip may be asked: the fields of `Strip` by their names."""

REPEAT = Parameter("repeat", "boolean", "Whether an item may be in several strips.", default=False)

NEIGHBOURS = Parameter("k", "integer", "How many for each item.", default=20, minimum=1, maximum=100)
"""The `k` of a table of every item's neighbours."""


def names_of(*parameters: Parameter) -> tuple[str, ...]:
    """Return the names of parameters, in order."""
    return tuple(parameter.name for parameter in parameters)
