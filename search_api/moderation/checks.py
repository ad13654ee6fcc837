"""The checks of a policy: each finds a reason in what is known of a picture, or none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_api.moderation.blocklists import NO_MATCH, SURELY, BlocklistMatch
from search_api.moderation.policy import Policy, UnwantedAttribute, as_decision
from search_api.results import DECISIONS, Decision, Garment, Reason

if TYPE_CHECKING:
    from indexer.records import AttributeValue
    from models.pictures.boxes import Box

_AT_EDGE = 0.99
"""Share of a picture's height from which on what reaches so far down ends at the edge."""

_LESSER = 0.6
"""Of the largest garment's box, the share below which that of one that is cut off is the lesser part."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a picture before a policy judges it.

    `size` are width and height of its file (pixels), `darkest` and `brightest` as `exposure_of` says, `banner` and
    `writing` where one lies, `nudity` the score of `models.faults.nudity` where it is asked for. `known_garment` and
    `known_class`, 0 to 1, are how familiar it is as a garment of any kind and as one of the classes, `top` how surely
    it is a top or a dress (`models.garments.kinds.top_agreement`). A blank picture has no garments, and counts as
    familiar.
    """

    size: tuple[int, int]
    darkest: float
    brightest: float
    is_blank: bool = False
    banner: "Box | None" = None
    writing: "Box | None" = None
    nudity: float | None = None
    garments: Sequence[Garment] = ()
    known_garment: float = 1.0
    known_class: float = 1.0
    top: float = 0.0
    blocklist: BlocklistMatch = NO_MATCH


def reasons_of(policy: Policy, found: Findings, attributes: "Mapping[str, AttributeValue]") -> tuple[Reason, ...]:
    """Return what a policy has against a picture and its item's attributes, the strongest verdict first."""
    checks = (_of_blocklist, _of_classes, _of_other_things, _of_garments, _of_exposure, _of_writing, _of_nudity)
    reasons = [reason for check in checks for reason in check(policy, found)]
    reasons += _of_attributes(policy.attributes, attributes)
    return tuple(sorted(reasons, key=lambda reason: -DECISIONS.index(reason.verdict)))


def strongest(reasons: Sequence[Reason]) -> Decision:
    """Return the strongest verdict that reasons ask for."""
    return max((reason.verdict for reason in reasons), key=DECISIONS.index, default="allow")


def counted_garments(policy: Policy, found: Findings) -> int:
    """Return how many of a picture's garments count as several."""
    every = policy.several_garments.cut_off
    return sum(every or not _is_cut_off(one, found.garments[0]) for one in found.garments)


def _of_blocklist(policy: Policy, found: Findings) -> Iterator[Reason]:
    rule, match = policy.blocklist, found.blocklist
    copies, alike = as_decision(rule.copies), as_decision(rule.alike)
    if match.evidence >= SURELY and copies is not None:
        sentence = f"It is a copy of {match.original!r} on the blocklist."
        yield Reason("blocklist-copy", sentence, copies, match.evidence, SURELY, match.original)
    elif match.original is not None and alike is not None:
        sentence = f"It may be a copy of {match.original!r} on the blocklist."
        yield Reason("blocklist-alike", sentence, alike, match.evidence, SURELY, match.original)
    elif alike is not None and match.cosine >= rule.cosine:
        sentence = f"It looks like {match.nearest!r} on the blocklist: a cosine of {match.cosine:.3f}."
        yield Reason("blocklist-alike", sentence, alike, match.cosine, rule.cosine, match.nearest)


def _of_classes(policy: Policy, found: Findings) -> Iterator[Reason]:
    for unwanted in policy.classes:
        asked = as_decision(unwanted.verdict)
        for best in (garment.best_class for garment in found.garments):
            if asked is not None and best.value in unwanted.values and best.probability >= unwanted.probability:
                sentence = (
                    f"It shows what is taken for {best.value} with a probability of {best.probability:.2f}; "
                    f"{unwanted.probability:g} or more is unwanted."
                )
                yield Reason("unwanted-class", sentence, asked, best.probability, unwanted.probability)


def _of_other_things(policy: Policy, found: Findings) -> Iterator[Reason]:
    rule = policy.other_things
    asked = as_decision(rule.verdict)
    familiarity = found.known_class if rule.classes_only else found.known_garment
    if asked is not None and familiarity < rule.familiarity and found.top <= rule.top:
        kinds = "none of the model's classes" if rule.classes_only else "no garment that the model knows"
        sentence = f"It seems to show {kinds}: a familiarity of {familiarity:.3f}, less than {rule.familiarity:g}."
        yield Reason("other-thing", sentence, asked, familiarity, rule.familiarity)


def _of_garments(policy: Policy, found: Findings) -> Iterator[Reason]:
    rule, count = policy.several_garments, counted_garments(policy, found)
    asked = as_decision(rule.verdict)
    if asked is not None and count > rule.most:
        sentence = f"It shows {count} garments, more than {rule.most}."
        yield Reason("several-garments", sentence, asked, count, rule.most)


def _is_cut_off(garment: Garment, largest: Garment) -> bool:
    """Return whether the lower edge cuts a garment off beneath the largest, and leaves less of it than of that."""
    below, above = garment.box, largest.box
    return (
        below.y > above.y
        and below.y + below.height >= _AT_EDGE
        and below.width * below.height < _LESSER * above.width * above.height
    )


def _of_exposure(policy: Policy, found: Findings) -> Iterator[Reason]:
    if (asked := as_decision(policy.small.verdict)) and min(found.size) < policy.small.side:
        width, height = found.size
        sentence = f"It has {width} x {height} pixels: a side is shorter than {policy.small.side}."
        yield Reason("too-small", sentence, asked, min(found.size), policy.small.side)
    if found.is_blank:
        if asked := as_decision(policy.blank.verdict):
            yield Reason("blank", "There is nothing to see in it: it has one colour throughout.", asked)
        return
    if (asked := as_decision(policy.dark.verdict)) and found.brightest < policy.dark.lightness:
        sentence = (
            f"It is too dark: nowhere lighter than {found.brightest:.2f}, where {policy.dark.lightness:g} is wanted."
        )
        yield Reason("too-dark", sentence, asked, found.brightest, policy.dark.lightness)
    if (asked := as_decision(policy.bright.verdict)) and found.darkest > policy.bright.lightness:
        limit = policy.bright.lightness
        sentence = f"It is too bright: nowhere darker than {found.darkest:.2f}, where {limit:g} is wanted."
        yield Reason("too-bright", sentence, asked, found.darkest, limit)


def _of_writing(policy: Policy, found: Findings) -> Iterator[Reason]:
    banner, writing = as_decision(policy.banner.verdict), as_decision(policy.writing.verdict)
    if banner is not None and found.banner is not None:
        sentence = f"A banner with writing lies across it, {_rows(found.banner)}."
        yield Reason("banner", sentence, banner, found.banner.height)
    elif writing is not None and found.writing is not None:
        sentence = f"Something is written beside the garment, {_rows(found.writing)}."
        yield Reason("writing", sentence, writing, found.writing.height)


def _rows(box: "Box") -> str:
    return f"from {box.y:.0%} to {box.y + box.height:.0%} of its height"


def _of_nudity(policy: Policy, found: Findings) -> Iterator[Reason]:
    if found.nudity is None:
        return
    rule = policy.nudity
    asked: tuple[tuple[Decision, float | None], ...] = ("reject", rule.reject), ("review", rule.review)
    for verdict, least in asked:
        if least is not None and found.nudity >= least:
            sentence = f"It may show nudity: a score of {found.nudity:.2f}, where {least:g} or more is held up."
            yield Reason("nudity", sentence, verdict, found.nudity, least)
            return


def _of_attributes(rules: Sequence[UnwantedAttribute], attributes: "Mapping[str, AttributeValue]") -> Iterator[Reason]:
    for rule in rules:
        held, asked = attributes.get(rule.name), as_decision(rule.verdict)
        if asked is None or held is None:
            continue
        values = [held] if isinstance(held, str | int | float) else held
        reasons = (_of_value(rule, value, asked) for value in values)
        yield from [reason for reason in reasons if reason is not None][:1]


def _of_value(rule: UnwantedAttribute, value: str | float, asked: Decision) -> Reason | None:
    if value in rule.values:
        sentence = f"Its attribute {rule.name} is {value!r}, which is unwanted."
        return Reason("unwanted-attribute", sentence, asked, value, ", ".join(map(str, rule.values)))
    if isinstance(value, str | bool):
        return None
    if rule.below is not None and value < rule.below:
        sentence = f"Its attribute {rule.name} is {value:g}, less than {rule.below:g}."
        return Reason("unwanted-attribute", sentence, asked, value, rule.below)
    if rule.above is not None and value > rule.above:
        sentence = f"Its attribute {rule.name} is {value:g}, more than {rule.above:g}."
        return Reason("unwanted-attribute", sentence, asked, value, rule.above)
    return None
