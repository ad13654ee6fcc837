"""What a page lets one choose: each choice a link to the same page with other parameters, and which is current."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from flask import request, url_for

from indexer.fields import COLOUR, PREDICTED_CLASS
from indexer.predictions import CLASS
from models.colours.names import NAMES, read_colour
from models.vector_parts import LOOK, VectorPart, full_weights
from search_api.http.engine_access import current_engine
from search_api.http.reading.parameters import read_query, weights_text
from search_api.query import Query
from webui.formatting import percent

if TYPE_CHECKING:
    from models.colours.garment_colours import GarmentColour
    from search_api.engine_state import EngineState

DEFAULT_COUNT = 24
COUNTS = (12, 24, 48, 96)
STRESSED = 0.6
"""What a part counts where a person asks for it by its name; the others keep their proportions in the rest."""

SLIDER = "weight-"
"""What the names of the sliders' fields begin with, each a part of the vector, 0 to 100."""

_KEPT = ("view", CLASS, "colour", "k", "look", "weights", "page")
_STOP_NAMES = {0.0: "Same kind", 1.0: "Same look"}
_KIND = "kind"


@dataclass(frozen=True, slots=True)
class Option:
    """One of several links of which one is current; `swatch` is a colour shown beside it, six hexadecimal digits."""

    text: str
    url: str
    current: bool
    count: int = 0
    swatch: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """One way to weigh the parts of a vector: a link, and what the parts count there.

    On a `line` from the same kind to the same look, only the ends need a name.
    """

    name: str
    told: str
    url: str
    current: bool
    on_line: bool = False


@dataclass(frozen=True, slots=True)
class Slider:
    """What one part of the vector counts now, in per cents."""

    part: str
    value: int


def here(**changes: str | int | None) -> str:
    """Return the address of this page with some of its parameters changed, or left out where None."""
    known = {name: value for name in _KEPT if (value := request.args.get(name))}
    values: dict[str, Any] = {**(request.view_args or {}), **known, **changes}
    return url_for(cast("str", request.endpoint), **values)


def only_class() -> str | None:
    """Return the class that this page shows alone; None where it shows all."""
    return request.args.get(CLASS) or None


def colour() -> str | None:
    """Return the colour, a name or six digits, that this page shows alone. Raises UnknownColour."""
    given = request.args.get("colour")
    return read_colour(given) if given else None


def query() -> Query:
    """Return what this page asks of a search. Raises what `read_query` does, and UnknownColour."""
    given = {name: value for name in ("k", "look", "weights") if (value := request.args.get(name))}
    return read_query(given, k=DEFAULT_COUNT, where=where())


def where() -> dict[str, str] | None:
    """Return the filter of this page. Raises UnknownColour."""
    wanted = {PREDICTED_CLASS: only_class(), COLOUR: colour()}
    return {name: value for name, value in wanted.items() if value is not None} or None


def slid() -> str | None:
    """Return where the sliders lead to, if this page was asked for by them; None otherwise."""
    given = {name.removeprefix(SLIDER): request.args.get(name, "") for name in request.args if name.startswith(SLIDER)}
    if not given:
        return None
    weights = {part: int(value) / 100 for part, value in given.items() if value.isascii() and value.isdigit()}
    return here(weights=weights_text(weights) or None, look=None, _anchor="found")


def shelves(state: "EngineState", current: str | None) -> Iterator[Option]:
    """Give each class that has items, and how many."""
    yield Option("Everything", here(**{CLASS: None, "page": None}), current is None, state.reading.items)
    for name, count in state.counts().items():
        if count:
            yield Option(name, here(**{CLASS: name, "page": None}), name == current, count)


def classes(likely: str) -> list[Option]:
    """Return all classes as one, the likely one, and the one that is shown alone."""
    current = only_class()
    names = [None, likely] if current in (None, likely) else [None, likely, current]
    return [Option(f"Only {name}" if name else "All classes", here(**{CLASS: name}), name == current) for name in names]


def colours(seen: "Sequence[GarmentColour]") -> list[Option]:
    """Return all colours as one, those that are seen, and the one that is shown alone; none where none is seen."""
    current = colour()
    swatches = {one.name: one.code for one in seen}
    if current is not None and current not in swatches:
        swatches[current] = swatch_of(current)
    if not swatches:
        return []
    any_colour = Option("Any colour", here(colour=None), current is None)
    return [any_colour, *[Option(_called(one), here(colour=one), one == current, 0, swatches[one]) for one in swatches]]


def palette() -> list[Option]:
    """Return every colour that has a name, to browse by."""
    current = colour()
    named = [Option(name, here(colour=name, page=None), name == current, 0, swatch_of(name)) for name in NAMES]
    return [Option("Any colour", here(colour=None, page=None), current is None), *named]


def swatch_of(wanted: str) -> str:
    """Return the six digits that stand for a colour, a name or six digits itself."""
    return NAMES[wanted][0] if wanted in NAMES else wanted


def counts(current: int) -> list[Option]:
    """Return how many items may be shown."""
    return [Option(str(count), here(k=count), count == current) for count in COUNTS]


def stops(asked: Query) -> list[Stop]:
    """Return ways to weigh the vector's parts: on a line between two, else the model's own and one for each part."""
    parts, standard = current_engine().card.parts, current_engine().look_share
    if standard is None:
        return []
    if len(parts) == 2 and asked.weights is None:
        return _line(standard, standard if asked.look is None else asked.look)
    now = _weights(asked, parts)
    ways: dict[str, Mapping[str, float] | None] = {"Balanced": None}
    ways |= {f"Same {part.name}": {part.name: 1.0 if part.name == _KIND else STRESSED} for part in parts}
    return [
        Stop(
            name,
            _told(full := full_weights(parts, weights or {part.name: part.share for part in parts})),
            here(weights=None if weights is None else weights_text(weights), look=None, _anchor="found"),
            all(abs(full[part.name] - now[part.name]) < 0.005 for part in parts),
        )
        for name, weights in ways.items()
    ]


def weighed(asked: Query) -> str | None:
    """Return in words what each part of the vector counts now; None for a vector without parts."""
    parts = current_engine().card.parts
    return _told(_weights(asked, parts)) if len(parts) > 1 else None


def sliders(asked: Query) -> list[Slider]:
    """Return a slider for each part of a vector of more than two."""
    parts = current_engine().card.parts
    return [Slider(part, round(100 * weight)) for part, weight in _weights(asked, parts).items()] if parts[2:] else []


def kept_fields() -> list[tuple[str, str]]:
    """Return this page's parameters but those that sliders set, for a form to hand on."""
    return [(name, request.args[name]) for name in _KEPT if request.args.get(name) and name not in ("look", "weights")]


def _weights(asked: Query, parts: Sequence[VectorPart]) -> Mapping[str, float]:
    given = {LOOK: asked.look} if asked.look is not None else asked.weights
    return full_weights(parts, given or {part.name: part.share for part in parts})


def _told(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{percent(weight)} {part}" for part, weight in weights.items())


def _line(standard: float, current: float) -> list[Stop]:
    """Return the model's own share of the look, the ends, two between, and the present one where it is none of them."""
    between = {round(standard + part * (1 - standard), 2) for part in (1 / 3, 2 / 3)}
    found = []
    for share in sorted({0.0, standard, *between, 1.0, current}):
        name = _STOP_NAMES.get(share, "Balanced" if share == standard else f"{percent(share)} look")
        url = here(look=None if share == standard else f"{share:g}", weights=None, _anchor="found")
        found.append(Stop(name, f"{percent(1 - share)} kind, {percent(share)} look", url, share == current, True))
    return found


def _called(wanted: str) -> str:
    return f"Only {wanted}" if wanted in NAMES else f"Only #{wanted}"
