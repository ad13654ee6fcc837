"""Several garments in one picture: what lies apart or above one another, where the model agrees that they are garments.

Parts of the outline are proposed (`models.garments.parts`), each is seen by the model as if a box had been
drawn around it, and those stay that it takes for garments of a kind. In doubt there is one garment: a pair of shoes, a
dress of two colours and a printed shirt are one.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.arrays import Vectors
from models.embedder import Embedder, View
from models.garments.kinds import KINDS, kind_posteriors
from models.garments.parts import Part, Place, Proposal, propose_garments
from models.pictures.boxes import MIN_SIDE, Box
from models.pictures.decoding import Picture
from models.preprocessing.garment_finder import bounding_box

MARGIN = 0.04
"""Share of a garment's width and height that a box leaves on each side, so that some of the ground is seen."""

UPPER = frozenset({"longsleeve", "outwear", "shirt", "t-shirt"})
LOWER = frozenset({"pants", "shorts", "skirt"})
TROUSERS = LOWER - {"skirt"}
DRESS = frozenset({"dress"})
SHOES = frozenset({"shoes"})
FOOTWEAR = frozenset({"Sandal", "Sneaker", "Ankle boot"})
GROUPS = (UPPER, LOWER, DRESS, SHOES)
"""Kinds that are not told from each other here. Hats are left out: faces look like hats."""

APART = 0.8
"""Probability of a group from which on a part that lies apart is a garment."""

LOWER_BELOW = 0.7
UPPER_ABOVE = 0.6
"""Probabilities from which on two parts above one another are a lower and an upper garment."""

CLASSLESS = frozenset({"shorts", "skirt"})
SURELY_CLASSLESS = 0.9
"""Kinds that are none of the ten classes, and their probability from which on a lower garment need not be a Trouser."""

RULES = 0.6
"""Share of what all garments cover from which on the largest is what the picture is of."""

WHOLE_DRESS = 0.5
"""Probability that all is one dress, up to which a top above a skirt is looked for."""


@dataclass(frozen=True, slots=True)
class FoundGarment:
    """A garment in a picture: the box around it, and the share of the picture that it covers, 0 to 1."""

    box: Box
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class SeenGarment:
    """A garment as the model sees it: its view, vectors float32 (1, dim), and probabilities float32 (classes,).

    `kinds` are the probabilities of `models.garments.kinds.KINDS`, float32 (10,).
    """

    found: FoundGarment
    view: View
    vectors: Vectors
    probabilities: NDArray[np.float32]
    kinds: NDArray[np.float32]


def find_garments(embedder: Embedder, picture: Picture, view: View, vectors: Vectors) -> tuple[SeenGarment, ...]:
    """Return the garments of a picture, the largest first: two or more, or none where it is one or can't be told.

    `view` and `vectors`, float32 (1, dim), are the embedder's of the whole picture. Only a model whose vectors tell
    kinds (`models.garments.kinds`) sees several.
    """
    of_whole = kind_posteriors(vectors)
    if of_whole is None or view.pixels.shape[2:] != (4,):
        return ()
    dress = _probability(of_whole[0], DRESS)
    trouser = embedder.card.classes.index("Trouser")
    proposals = propose_garments(view.pixels)
    see = partial(_seen, embedder, picture, view)
    found: list[SeenGarment] = []
    for place, proposal in reversed(list(enumerate(proposals))):
        if not found and place == 0 and proposal.stacked is None:
            return ()  # whatever it is, there is no other
        pair = _pair(proposal, see, dress, trouser)
        if pair:
            found += pair
        elif len(proposals) > 1:
            alone = see(proposal.whole)
            found += [alone] if _is_garment(alone, embedder.card.classes) else []
    found = _without_fragments(sorted(found, key=lambda garment: -garment.found.share))
    return tuple(found) if len(found) > 1 else ()


def is_ruled_by_largest(several: Sequence[SeenGarment], vectors: Vectors) -> bool:
    """Return whether a picture, whose own vectors are float32 (1, dim), is of its largest garment as it is.

    So is that of a person in a shirt whose trousers end at the picture's edge: catalogues hold such pictures whole, and
    whole they are found best.
    """
    largest, kinds = several[0], kind_posteriors(vectors)
    if kinds is None or largest.found.share < RULES * sum(one.found.share for one in several):
        return False
    return any(min(_probability(one, group) for one in (kinds[0], largest.kinds)) > 0.5 for group in GROUPS)


def outline_box(view: View) -> Box:
    """Return the box around what a view of a whole picture takes for the garment: all of it where that is not told."""
    if view.cutout is None or not view.cutout[:, :, 3].any():
        return Box(0, 0, 1, 1)
    outline = view.cutout[:, :, 3] > 0
    rows, columns = bounding_box(outline)
    height, width = outline.shape
    return _box(view, (columns.start / width, rows.start / height, columns.stop / width, rows.stop / height))


def _pair(proposal: Proposal, see: Callable[..., SeenGarment], dress: float, trouser: int) -> list[SeenGarment]:
    """Return the two garments above one another that a part is made of; none where it is one."""
    if proposal.stacked is None:
        return []
    above, below = proposal.stacked
    lower = see(below, touches_above=True)
    if _probability(lower.kinds, LOWER) < LOWER_BELOW:
        return []
    if lower.probabilities.argmax() != trouser and _probability(lower.kinds, CLASSLESS) < SURELY_CLASSLESS:
        return []
    upper = see(above, touches_below=True)
    worn_over = UPPER | DRESS if _probability(lower.kinds, TROUSERS) > LOWER_BELOW else UPPER
    if _probability(upper.kinds, worn_over) < UPPER_ABOVE:
        return []
    if KINDS[int(lower.kinds.argmax())] == "skirt" and dress > WHOLE_DRESS:
        return []
    return [upper, lower]


def _seen(
    embedder: Embedder,
    picture: Picture,
    view: View,
    part: Part,
    *,
    touches_above: bool = False,
    touches_below: bool = False,
) -> SeenGarment:
    """Return a part as the model sees it, with some of the ground around but for where another garment touches it."""
    left, top, right, bottom = part.place
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    place = left - across, top - (0 if touches_above else down), right + across, bottom + (0 if touches_below else down)
    box = _box(view, place)
    seen = embedder.prepare(picture, box)
    vectors, probabilities = embedder.embed([seen])
    kinds = kind_posteriors(vectors)
    assert kinds is not None, "those of the whole picture told kinds"
    _, _, width, height = view.frame or (0, 0, 1, 1)
    return SeenGarment(
        FoundGarment(box, min(1.0, part.share * width * height)), seen, vectors, probabilities[0], kinds[0]
    )


def _box(view: View, place: Place) -> Box:
    """Return the box of a place in a view, as far as the picture goes."""
    x, y, width, height = view.frame or (0.0, 0.0, 1.0, 1.0)
    left, top, right, bottom = place
    first, last = _within(x + width * left, x + width * right)
    upper, lower = _within(y + height * top, y + height * bottom)
    return Box(first, upper, max(MIN_SIDE, last - first), max(MIN_SIDE, lower - upper))


def _within(start: float, end: float) -> tuple[float, float]:
    """Return a stretch within 0 to 1, at least as long as a box must be."""
    start = min(max(0.0, start), 1 - MIN_SIDE)
    return start, max(start + MIN_SIDE, min(1.0, end))


def _probability(kinds: NDArray[np.float32], some: Set[str]) -> float:
    return float(sum(kinds[place] for place, kind in enumerate(KINDS) if kind in some))


def _group(kinds: NDArray[np.float32]) -> frozenset[str] | None:
    """Return the group that a part which lies apart is surely of; None where it is no known garment."""
    return next((group for group in GROUPS if _probability(kinds, group) >= APART), None)


def _is_garment(seen: SeenGarment, classes: Sequence[str]) -> bool:
    """Return whether what lies apart is surely of a group, and the classes do not say otherwise."""
    group = _group(seen.kinds)
    is_worn_on_feet = classes[int(seen.probabilities.argmax())] in FOOTWEAR
    return group is not None and (group == SHOES) == is_worn_on_feet


def _without_fragments(found: Sequence[SeenGarment]) -> list[SeenGarment]:
    """Return garments without those of a larger one's group that are pieces of it: its other shoe, its other leg."""
    kept: list[SeenGarment] = []
    for garment in found:
        group = _group(garment.kinds)
        like = [one for one in kept if group is not None and _group(one.kinds) == group]
        if not any(group == SHOES or one.found.box.overlap(garment.found.box) > 0 for one in like):
            kept.append(garment)
    return kept
