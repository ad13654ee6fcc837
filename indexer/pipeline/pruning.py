"""Whether so much is missing from a source that it is likelier moved, or not mounted, than given up."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

MOST_GONE = 0.1
"""The share of a catalogue's items that are pruned without a question."""

_SHOWN = 3


def prune_doubt(ids: Sequence[str], gone: Sequence[str], *, by_folder: bool) -> str:
    """Return why items that are missing should not be deleted without a word; empty where they may be.

    More than a tenth of all `ids` is missing, or, where ids are paths (`by_folder`), all that a sub-folder had.
    """
    if not gone:
        return ""
    missing = f"{len(gone)} of {len(ids)} items are not in the source any more"
    folders = list(_outermost(_emptied(ids, gone))) if by_folder else []
    if folders:
        more = f" and {len(folders) - _SHOWN} more" if len(folders) > _SHOWN else ""
        missing += f", among them all of {', '.join(repr(folder) for folder in folders[:_SHOWN])}{more}"
    elif len(gone) <= MOST_GONE * len(ids):
        return ""
    return (
        f"Nothing was pruned: {missing}. Is a folder moved, renamed or not mounted? See that all is there; if they are "
        "to be deleted, give --yes as well."
    )


def _emptied(ids: Iterable[str], gone: Iterable[str]) -> set[str]:
    had, lost = (Counter(folder for id_ in some for folder in _folders(id_)) for some in (ids, gone))
    return {folder for folder, count in lost.items() if count == had[folder]}


def _folders(id_: str) -> Iterator[str]:
    parts = id_.split("/")[:-1]
    return ("/".join(parts[: count + 1]) for count in range(len(parts)))


def _outermost(folders: set[str]) -> Iterator[str]:
    return (folder for folder in sorted(folders) if folders.isdisjoint(list(_folders(folder))))
