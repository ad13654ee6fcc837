"""Modes of a taste: what is liked, in groups of things of a kind, so that a taste for two things is not their mean.

One vector a person lies between the things that they like, where there may be nothing. PinnerSage (Pal et al., KDD
2020) keeps interests apart by agglomerative clustering and searches for each by itself, and so it is here. What is of
a kind is not told by a cosine, which would fit one model, but by the calibrated chance that two are of the same kind.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

MOST_MODES = 8
"""Past that, the modes most alike become one, of a kind or not."""

TOGETHER = 0.5
"""The mean chance of being of one kind from which on likes share a mode: more likely so than not."""

_NEVER = -np.inf

T = TypeVar("T")


def modes_of(chances: NDArray[np.floating], kinds: NDArray[np.integer]) -> list[list[int]]:
    """Return the numbers of n likes in at most MOST_MODES groups, the numbers ascending, in the order of their first.

    `chances`, symmetric (n, n), 0 to 1, are those that two are of one kind; `kinds` (n,) the classes that they are
    taken for. Groups are joined by average linkage: those of one class while their mean chance is TOGETHER or more,
    then, while there are too many, whichever are most alike.
    """
    links = chances.astype(np.float64)
    np.fill_diagonal(links, _NEVER)
    of_one_class = np.where(kinds[:, np.newaxis] == kinds, links, _NEVER)
    groups = {number: [number] for number in range(len(kinds))}
    while True:
        one, other = divmod(int(of_one_class.argmax()), len(kinds))
        if of_one_class[one, other] < TOGETHER:
            if len(groups) <= MOST_MODES:
                return list(groups.values())
            one, other = divmod(int(links.argmax()), len(kinds))
        one, other = sorted((one, other))
        for table in (links, of_one_class):
            _join(table, one, other, len(groups[one]), len(groups[other]))
        groups[one] = sorted(groups[one] + groups.pop(other))


def _join(links: NDArray[np.float64], one: int, other: int, size: int, other_size: int) -> None:
    """Let one group stand for two, and for the other none: its links are means by the numbers of likes."""
    links[one] = (size * links[one] + other_size * links[other]) / (size + other_size)
    links[:, one] = links[one]
    links[other], links[:, other] = _NEVER, _NEVER
    links[one, one] = _NEVER


def interleaved(lists: Sequence[Iterable[T]], weights: Sequence[float], limit: int) -> tuple[list[tuple[int, T]], bool]:
    """Return up to `limit` things from the lists of modes, none twice, each with its mode's number; and whether a list
    ended before the turns did.

    Each mode has a place, the heaviest first; further ones go where the method of Sainte-Lague has them go, so that
    any beginning of a strip holds the modes in proportion to their `weights`, which are positive. Where a list has
    ended, the others have its turns. A thing is asked for in its turn, so a list may depend on what was taken before.
    """
    rest, given = [iter(one) for one in lists], [0] * len(lists)
    open_, taken = set(range(len(lists))), set[T]()
    found: list[tuple[int, T]] = []
    while open_ and len(found) < limit:
        number = max(open_, key=lambda one: (given[one] == 0, weights[one] / (2 * given[one] + 1), -one))
        following = next((thing for thing in rest[number] if thing not in taken), None)
        if following is None:
            open_.remove(number)
            continue
        taken.add(following)
        given[number] += 1
        found.append((number, following))
    return found, len(open_) < len(lists)
