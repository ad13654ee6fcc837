"""What the server answers, as frozen records. Members that a newer server tells besides are passed over."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from lookalike_client.errors import LookalikeHTTPError, error_of
from lookalike_client.options import Json

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Picture:
    """Where an item's picture is shown from: a path on the server, or a whole address under its public one."""

    url: str
    width: int
    height: int
    media_type: str


@dataclass(frozen=True, slots=True)
class ImageSize:
    """An item's picture in one size, at an address like a Picture's that is another when the picture is."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Images:
    """An item's picture in three sizes, none larger than it is."""

    small: ImageSize
    medium: ImageSize
    large: ImageSize

    @classmethod
    def of(cls, told: Json) -> "Images":
        """Return the record of an answer."""
        return cls(*(_one(ImageSize, told[called]) for called in ("small", "medium", "large")))


@dataclass(frozen=True, slots=True)
class Colour:
    """A garment's colour: its name, `#rrggbb`, and its share of the garment, 0 to 1."""

    name: str
    hex: str
    share: float


@dataclass(frozen=True, slots=True)
class Guess:
    """A value that a target may have, and the chance that it is the right one, 0 to 1."""

    value: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable value of a target, such as the class, its chance, 0 to 1, and of a picture all `others`."""

    value: str
    probability: float
    others: tuple[Guess, ...]

    @classmethod
    def of(cls, told: Json) -> "Prediction":
        """Return the record of an answer."""
        return cls(told["value"], told["probability"], _list(Guess, told.get("others", ())))

    @classmethod
    def by_target(cls, told: Json) -> "Mapping[str, Prediction]":
        """Return the records of an answer by the names of their targets."""
        return {target: cls.of(one) for target, one in told.items()}


@dataclass(frozen=True, slots=True)
class Item:
    """One item. None is what was not asked for with `fields`; `version` is told only of single items."""

    id: str
    predicted: Mapping[str, Prediction] | None
    attributes: Mapping[str, Any] | None
    colours: tuple[Colour, ...] | None
    picture: Picture | None
    images: Images | None
    version: str | None

    @classmethod
    def of(cls, told: Json) -> "Item":
        """Return the record of an answer."""
        return cls(
            told["id"],
            Prediction.by_target(told["predicted"]) if "predicted" in told else None,
            told.get("attributes"),
            _list(Colour, told["colours"]) if "colours" in told else None,
            _one(Picture, told["picture"]) if "picture" in told else None,
            Images.of(told["images"]) if "images" in told else None,
            told.get("version"),
        )


@dataclass(frozen=True, slots=True)
class Because:
    """The like that a hit stands for: its number among the likes from 0, and its item where it is one."""

    like: int
    item_id: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One item that was found; of a cold start, without score and relevance. `copies` are ids that it stands for."""

    item: Item
    score: float | None
    relevance: float | None
    copies: tuple[str, ...]
    because_of: Because | None

    @classmethod
    def of(cls, told: Json) -> "Hit":
        """Return the record of an answer."""
        because = told.get("because_of")
        return cls(
            Item.of(told["item"]),
            told.get("score"),
            told.get("relevance"),
            tuple(told.get("copies", ())),
            None if because is None else _one(Because, because),
        )


@dataclass(frozen=True, slots=True)
class Garment:
    """One of the garments of a picture; its box is left, top, width and height as shares of the picture."""

    box: tuple[float, float, float, float]
    predicted: Mapping[str, Prediction]
    searched: bool

    @classmethod
    def of(cls, told: Json) -> "Garment":
        """Return the record of an answer."""
        left, top, width, height = told["box"]
        return cls((left, top, width, height), Prediction.by_target(told["predicted"]), told["searched"])


@dataclass(frozen=True, slots=True)
class Found:
    """One page of hits; `next` is the cursor of the page after, None on the last.

    What is said of a picture (from `predicted` on) is None or empty where items were searched with. `view` and `cutout`
    are `data:` URIs.
    """

    hits: tuple[Hit, ...]
    next: str | None
    no_good_match: bool
    exact: bool
    notes: tuple[str, ...]
    look: float | None
    weights: Mapping[str, float] | None
    model: str | None
    state: str | None
    predicted: Mapping[str, Prediction]
    familiar: bool | None
    familiarity: float | None
    colours: tuple[Colour, ...]
    garments: tuple[Garment, ...]
    view: str | None
    cutout: str | None

    @classmethod
    def of(cls, told: Json) -> "Found":
        """Return the record of an answer."""
        return cls(
            hits=_all(Hit.of, told["hits"]),
            next=told["next"],
            no_good_match=told["no_good_match"],
            exact=told["exact"],
            notes=tuple(told["notes"]),
            look=told.get("look"),
            weights=told.get("weights"),
            model=told.get("model"),
            state=told.get("state"),
            predicted=Prediction.by_target(told.get("predicted", {})),
            familiar=told.get("familiar"),
            familiarity=told.get("familiarity"),
            colours=_list(Colour, told.get("colours", ())),
            garments=_all(Garment.of, told.get("garments", ())),
            view=told.get("view"),
            cutout=told.get("cutout"),
        )


@dataclass(frozen=True, slots=True)
class Mode:
    """Likes that are of one taste, by their numbers from 0, and the share of the strip that is theirs."""

    likes: tuple[int, ...]
    share: float

    @classmethod
    def of(cls, told: Json) -> "Mode":
        """Return the record of an answer."""
        return cls(tuple(told["likes"]), told["share"])


@dataclass(frozen=True, slots=True)
class Strip:
    """What is recommended. `unknown` are ids that no item has; `cold_start` says how it began with nothing liked."""

    name: str | None
    hits: tuple[Hit, ...]
    no_good_match: bool
    exact: bool
    modes: tuple[Mode, ...]
    unknown: tuple[str, ...]
    cold_start: str | None
    weights: Mapping[str, float] | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, told: Json) -> "Strip":
        """Return the record of an answer."""
        return cls(
            name=told.get("name"),
            hits=_all(Hit.of, told["hits"]),
            no_good_match=told["no_good_match"],
            exact=told["exact"],
            modes=_all(Mode.of, told["modes"]),
            unknown=tuple(told["unknown"]),
            cold_start=told["cold_start"],
            weights=told["weights"],
            notes=tuple(told["notes"]),
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a picture is held up: a code, a sentence, what was measured against which threshold."""

    code: str
    sentence: str
    verdict: Literal["allow", "review", "reject"]
    measured: Any
    threshold: Any
    item_id: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture may be shown, with the reasons, and the policy that says so."""

    verdict: Literal["allow", "review", "reject"]
    reasons: tuple[Reason, ...]
    predicted: Mapping[str, Prediction]
    familiar: bool
    familiarity: float
    garments: tuple[Garment, ...]
    model: str
    policy: str

    @classmethod
    def of(cls, told: Json) -> "Verdict":
        """Return the record of an answer."""
        return cls(
            verdict=told["verdict"],
            reasons=_list(Reason, told["reasons"]),
            predicted=Prediction.by_target(told["predicted"]),
            familiar=told["familiar"],
            familiarity=told["familiarity"],
            garments=_all(Garment.of, told["garments"]),
            model=told["model"],
            policy=told["policy"],
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of items, how many there are in all, and the cursor of the page after, None on the last."""

    items: tuple[Item, ...]
    total: int
    next: str | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, told: Json) -> "Listing":
        """Return the record of an answer."""
        return cls(_all(Item.of, told["items"]), told["total"], told["next"], tuple(told["notes"]))


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a field, and how many items have it."""

    value: Any
    items: int


@dataclass(frozen=True, slots=True)
class Facet:
    """What a field holds; `others` is how many values are not listed, bounds are those of fields of numbers."""

    field: str
    items: int
    values: tuple[FacetValue, ...]
    others: int
    minimum: float | None
    maximum: float | None

    @classmethod
    def of(cls, told: Json) -> "Facet":
        """Return the record of an answer."""
        values = _list(FacetValue, told["values"])
        bounds = told.get("minimum"), told.get("maximum")
        return cls(told["field"], told["items"], values, told["others"], *bounds)


@dataclass(frozen=True, slots=True)
class Facets:
    """What fields hold among `total` items."""

    facets: tuple[Facet, ...]
    total: int
    notes: tuple[str, ...]

    @classmethod
    def of(cls, told: Json) -> "Facets":
        """Return the record of an answer."""
        return cls(_all(Facet.of, told["facets"]), told["total"], tuple(told["notes"]))


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one of many changes: `line` is its number from 1; all but failed are durable.

    `problem` says why one failed. It is not raised.
    """

    line: int
    id: str | None
    status: Literal["created", "updated", "deleted", "unchanged", "failed"]
    version: str | None
    problem: LookalikeHTTPError | None

    @classmethod
    def of(cls, told: Json) -> "Written":
        """Return the record of an answer."""
        problem = told.get("problem")
        error = None if problem is None else error_of(problem["status"], problem)
        return cls(told["line"], told["id"], told["status"], told.get("version"), error)


def _all(read: Callable[[Json], R], told: Iterable[Json]) -> tuple[R, ...]:
    return tuple(map(read, told))


def _one(kind: type[R], told: Json) -> R:
    """Return a record whose members are told by their own names."""
    return kind(**{name: told.get(name) for name in kind.__dataclass_fields__})  # type: ignore[attr-defined]


def _list(kind: type[R], told: Iterable[Json]) -> tuple[R, ...]:
    return tuple(_one(kind, one) for one in told)
