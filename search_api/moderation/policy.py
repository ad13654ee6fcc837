"""What a policy may say, told once: its sections, their keys, what these may be, and what they are by default."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from models.errors import NudityModelMissing
from search_api.errors import InvalidPolicy, InvalidPolicyValue, PolicyNeedsPackage, UnknownPolicyKey
from search_api.results import Decision

Action = Literal["off", "allow", "review", "reject"]
"""What a check asks for: `off` does not look, `allow` only says what was found."""

ACTIONS: tuple[Action, ...] = get_args(Action)

_Section = TypeVar("_Section")


@dataclass(frozen=True, slots=True)
class _Key:
    kind: Literal["action", "number", "whole", "truth", "text", "texts", "values"]
    minimum: float = -math.inf
    maximum: float = math.inf


def _metadata(kind: Any, minimum: float = -math.inf, maximum: float = math.inf) -> Mapping[str, _Key]:
    return {"key": _Key(kind, minimum, maximum)}


_ACTION, _TRUTH, _TEXT, _TEXTS, _VALUES, _NUMBER = map(
    _metadata, ("action", "truth", "text", "texts", "values", "number")
)
_SHARE = _metadata("number", 0, 1)
_SIDE = _metadata("whole", 1, 100_000)
_COUNT = _metadata("whole", 1, 1000)


@dataclass(frozen=True, slots=True)
class OtherThings:
    """Pictures of no garment that the model knows: those less familiar than `familiarity`, 0 to 1.

    What kinds and classes agree to be a top or a dress with more than `top` (`models.garments.kinds.top_agreement`) is
    none, however strange: persons who wear one are. At 1 nothing is excused. With `classes_only`, garments of none of
    the classes (hats, shorts and skirts) count as other things too.
    """

    verdict: Action = field(default="review", metadata=_ACTION)
    familiarity: float = field(default=0.07, metadata=_SHARE)
    top: float = field(default=0.8, metadata=_SHARE)
    classes_only: bool = field(default=False, metadata=_TRUTH)


@dataclass(frozen=True, slots=True)
class UnwantedClass:
    """Garments that are taken for one of some classes with at least a probability, 0 to 1."""

    values: tuple[str, ...] = field(metadata=_TEXTS)
    probability: float = field(default=0.5, metadata=_SHARE)
    verdict: Action = field(default="reject", metadata=_ACTION)


@dataclass(frozen=True, slots=True)
class UnwantedAttribute:
    """Items whose attribute `name` is one of `values`, or a number below `below` or above `above`."""

    name: str = field(metadata=_TEXT)
    values: tuple[str | int | float | bool, ...] = field(default=(), metadata=_VALUES)
    below: float | None = field(default=None, metadata=_NUMBER)
    above: float | None = field(default=None, metadata=_NUMBER)
    verdict: Action = field(default="reject", metadata=_ACTION)


@dataclass(frozen=True, slots=True)
class BlocklistRule:
    """A catalogue of refused pictures: its directory, what copies of one ask for, and what asks whatever has a cosine
    of at least `cosine` with one.
    """

    catalogue: Path | None = field(default=None, metadata=_TEXT)
    copies: Action = field(default="reject", metadata=_ACTION)
    alike: Action = field(default="review", metadata=_ACTION)
    cosine: float = field(default=0.9, metadata=_SHARE)


@dataclass(frozen=True, slots=True)
class Small:
    """Pictures whose shorter side has fewer pixels than `side`."""

    verdict: Action = field(default="review", metadata=_ACTION)
    side: int = field(default=100, metadata=_SIDE)


@dataclass(frozen=True, slots=True)
class Dark:
    """Pictures that are nowhere lighter than `lightness`, 0 (black) to 1 (white)."""

    verdict: Action = field(default="review", metadata=_ACTION)
    lightness: float = field(default=0.3, metadata=_SHARE)


@dataclass(frozen=True, slots=True)
class Bright:
    """Pictures that are nowhere darker than `lightness`, 0 (black) to 1 (white)."""

    verdict: Action = field(default="review", metadata=_ACTION)
    lightness: float = field(default=0.93, metadata=_SHARE)


@dataclass(frozen=True, slots=True)
class Blank:
    """Pictures of one colour throughout."""

    verdict: Action = field(default="review", metadata=_ACTION)


@dataclass(frozen=True, slots=True)
class Banner:
    """Pictures with writing on a band of one colour from edge to edge."""

    verdict: Action = field(default="review", metadata=_ACTION)


@dataclass(frozen=True, slots=True)
class Writing:
    """Pictures with a line of writing beside the garment, without a band."""

    verdict: Action = field(default="review", metadata=_ACTION)


@dataclass(frozen=True, slots=True)
class Nudity:
    """Pictures of nakedness, by `models.faults.nudity`: a score of at least `review` or `reject`, 0 to 1.

    Where neither is given, nobody looks.
    """

    review: float | None = field(default=None, metadata=_SHARE)
    reject: float | None = field(default=None, metadata=_SHARE)

    @property
    def is_asked(self) -> bool:
        """Whether pictures are looked at for it."""
        return self.review is not None or self.reject is not None


@dataclass(frozen=True, slots=True)
class SeveralGarments:
    """Pictures of more garments than `most`.

    One that the lower edge cuts off beneath a larger one, like the trousers of somebody who shows a shirt, counts only
    with `cut_off`.
    """

    verdict: Action = field(default="review", metadata=_ACTION)
    most: int = field(default=1, metadata=_COUNT)
    cut_off: bool = field(default=False, metadata=_TRUTH)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is looked for in a picture and its item, and what each finding asks for. `name` tells policies apart."""

    other_things: OtherThings = OtherThings()
    blocklist: BlocklistRule = BlocklistRule()
    small: Small = Small()
    dark: Dark = Dark()
    bright: Bright = Bright()
    blank: Blank = Blank()
    banner: Banner = Banner()
    writing: Writing = Writing()
    nudity: Nudity = Nudity()
    several_garments: SeveralGarments = SeveralGarments()
    classes: tuple[UnwantedClass, ...] = ()
    attributes: tuple[UnwantedAttribute, ...] = ()
    name: str = "default"

    def require_classes(self, known: Sequence[str]) -> None:
        """Raise InvalidPolicyValue where an unwanted class is none of a model's."""
        for number, unwanted in enumerate(self.classes, 1):
            for value in unwanted.values:
                if value not in known:
                    raise InvalidPolicyValue(
                        f"class {number}: values: there is no class {value!r}. The model's are: {', '.join(known)}."
                    )

    def require_packages(self) -> None:
        """Raise PolicyNeedsPackage where a check that is asked for takes a package that is not installed."""
        if self.nudity.is_asked:
            from models.faults.nudity import require_nudity_model

            try:
                require_nudity_model()
            except NudityModelMissing as error:
                raise PolicyNeedsPackage(f"nudity: {error}") from error


DEFAULT = Policy()
"""The policy where nobody gives one."""

_SECTIONS: Mapping[str, type[Any]] = {
    one.name: type(one.default) for one in fields(Policy) if one.name not in {"classes", "attributes", "name"}
}
_LISTS: Mapping[str, type[Any]] = {"class": UnwantedClass, "attribute": UnwantedAttribute}
"""What may be there several times, as [[class]] and [[attribute]]."""


def policy_of(text: str, folder: Path) -> Policy:
    """Return the policy that a TOML document says; what it leaves out is as in DEFAULT.

    The blocklist's path is relative to `folder`. Raises InvalidPolicy for what is no TOML, UnknownPolicyKey and
    InvalidPolicyValue, which say where, and what there may be.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidPolicy(f"The policy is no TOML: {error}.") from error
    for name in document:
        if name not in _SECTIONS and name not in _LISTS:
            known = ", ".join([*(f"[{one}]" for one in _SECTIONS), *(f"[[{one}]]" for one in _LISTS)])
            raise UnknownPolicyKey(f"There is no {name!r} in a policy. There may be: {known}.")
    sections = {name: _section(_SECTIONS[name], given, name) for name, given in document.items() if name in _SECTIONS}
    lists = {name: tuple(_each(name, document.get(name, []))) for name in _LISTS}
    for number, unwanted in enumerate(lists["attribute"], 1):
        if not unwanted.values and unwanted.below is None and unwanted.above is None:
            raise InvalidPolicyValue(f"attribute {number}: give values, below or above: it would find nothing.")
    if "nudity" in sections:
        _require_sound(sections["nudity"])
    rule: BlocklistRule = sections.get("blocklist", BlocklistRule())
    if rule.catalogue is not None:
        sections["blocklist"] = BlocklistRule(folder / rule.catalogue, rule.copies, rule.alike, rule.cosine)
    digest = sha256(text.encode()).hexdigest()[:12]
    return Policy(**sections, classes=lists["class"], attributes=lists["attribute"], name=digest)


def _require_sound(rule: Nudity) -> None:
    if not rule.is_asked:
        raise InvalidPolicyValue("nudity: give review, reject or both: it would find nothing.")
    if rule.review is not None and rule.reject is not None and rule.review > rule.reject:
        raise InvalidPolicyValue(f"nudity: review must be no more than reject, {rule.reject:g}, not {rule.review:g}.")


def as_decision(action: Action) -> Decision | None:
    """Return the verdict that an action asks for; None where nothing is looked for."""
    return None if action == "off" else action


def _each(name: str, given: Any) -> list[Any]:
    if not isinstance(given, list):
        raise InvalidPolicyValue(f"{name} must be a list of tables: begin each with [[{name}]].")
    return [_section(_LISTS[name], one, f"{name} {number}") for number, one in enumerate(given, 1)]


def _section(kind: type[_Section], given: Any, place: str) -> _Section:
    """Return a section read from a table of TOML, or raise with the place that tells where it is."""
    if not isinstance(given, dict):
        raise InvalidPolicyValue(f"{place} must be a table: write its keys below [{place}].")
    known: dict[str, Field[Any]] = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise UnknownPolicyKey(f"{place}: there is no key {name!r}. There may be: {', '.join(known)}.")
    for name, one in known.items():
        if one.default is MISSING and name not in given:
            raise InvalidPolicyValue(f"{place}: {name} is missing. It must be {_may_be(one.metadata['key'])}.")
    return kind(
        **{name: _value(known[name].metadata["key"], value, f"{place}: {name}") for name, value in given.items()}
    )


def _value(key: _Key, value: Any, place: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    sound = {
        "action": value in ACTIONS if isinstance(value, str) else False,
        "number": is_number and key.minimum <= value <= key.maximum,
        "whole": isinstance(value, int) and is_number and key.minimum <= value <= key.maximum,
        "truth": isinstance(value, bool),
        "text": isinstance(value, str) and bool(value) and "\0" not in value,
        "texts": isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value),
        "values": isinstance(value, list) and all(isinstance(one, str | int | float) for one in value),
    }[key.kind]
    if not sound:
        raise InvalidPolicyValue(f"{place} must be {_may_be(key)}, not {str(value)[:60]!r}.")
    return tuple(value) if isinstance(value, list) else value


def _may_be(key: _Key) -> str:
    """Return what a value may be, to be told to a person."""
    between = f" between {key.minimum:g} and {key.maximum:g}" if math.isfinite(key.minimum) else ""
    return {
        "action": f"one of {', '.join(ACTIONS)}",
        "number": f"a number{between}",
        "whole": f"a whole number{between}",
        "truth": "true or false",
        "text": "text",
        "texts": 'a list of texts, like ["Bag"]',
        "values": 'a list of texts, numbers or truths, like ["fur"]',
    }[key.kind]
