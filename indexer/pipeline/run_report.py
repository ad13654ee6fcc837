"""What an indexing run has done so far, told as it goes on, and its report at the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from indexer.errors import ItemFailed
from indexer.sources.items import Failure
from models.progress import Progress

OnFailure: TypeAlias = Callable[[Failure], None]
"""Called with each failure, in the order of the source."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """How many items were new, changed, as they were, failed, or deleted, and the generation that holds them all.

    `prune_held_back` tells that nothing was deleted because not every row of the source could be read;
    `prune_doubt` says why nothing was deleted without being asked for twice, empty where there was no doubt.
    """

    added: int
    updated: int
    unchanged: int
    generation: int
    failed: int = 0
    pruned: int = 0
    prune_held_back: bool = False
    prune_doubt: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one batch of rows."""

    rows: int
    added: int
    updated: int
    failures: Sequence[Failure]


class RunReport:
    """The sums over all batches. Raises ItemFailed at the first failure when it is strict."""

    def __init__(self, total: int, progress: Progress | None, on_failure: OnFailure | None, strict: bool) -> None:
        self._total = total
        self._progress = progress
        self._on_failure = on_failure
        self._strict = strict
        self._done = self._added = self._updated = self._failed = 0
        self.is_complete = True
        """Whether no failure so far hides items of the source."""

    def count(self, outcome: Outcome) -> None:
        """Add a batch, and tell of it."""
        self._done += outcome.rows
        self._added += outcome.added
        self._updated += outcome.updated
        for failure in outcome.failures:
            self._failed += 1
            self.is_complete &= not failure.hides_items
            if self._on_failure is not None:
                self._on_failure(failure)
            if self._strict:
                raise ItemFailed(_told(failure))
        if self._progress is not None:
            self._progress(self._done, self._total)

    def report(self, generation: int, gone: Sequence[str] | None, doubt: str = "") -> IndexReport:
        """Return the sums; `gone` are the items that the source no longer has, None when that can't be known.

        `doubt` says why none was deleted.
        """
        unchanged = self._done - self._added - self._updated - self._failed
        return IndexReport(
            self._added, self._updated, unchanged, generation, self._failed, len(gone or ()), gone is None, doubt
        )


def _told(failure: Failure) -> str:
    place = f"row {failure.place}" if isinstance(failure.place, int) else failure.place
    where = " ".join(part for part in (place, failure.id if failure.id != place else None) if part)
    return f"{where}: {failure.message} The run was stopped there." if where else failure.message
