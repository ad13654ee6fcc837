"""Names in folders, found by how people write them: in another case, composed otherwise, with another ending."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

_FOLDERS_KEPT = 512
_NOT_TOLD = re.compile(r"[\W_]+")

Names = Mapping[str, Sequence[str]]


def same_path(folder: Path, path: str) -> str | None:
    """Return how a path below a folder is really written, where it differs in case or in how letters are composed.

    None where there is no such file, or more than one.
    """
    found: list[str] = []
    for part in PurePosixPath(path).parts:
        here = folder.joinpath(*found)
        if os.path.lexists(here / part):
            found.append(part)
            continue
        alike = _same_names(here).get(_folded(part), ())
        if len(alike) != 1:
            return None
        found.append(alike[0])
    return "/".join(found)


def near_path(folder: Path, path: str) -> str | None:
    """Return a path that may have been meant by one that leads nowhere.

    It is in the same folder, with another ending or other blanks, hyphens and underscores; else of the same name right
    in the folder.
    """
    parts = PurePosixPath(path).parts
    if not parts:
        return None
    below = "" if len(parts) == 1 else same_path(folder, "/".join(parts[:-1]))
    if below is not None and (near := _near_names(folder / below).get(_bare(parts[-1]))):
        return f"{below}/{near[0]}" if below else near[0]
    return parts[-1] if len(parts) > 1 and (folder / parts[-1]).is_file() else None


def _same_names(folder: Path) -> Names:
    return _listed(str(folder), _changed(folder))[0]


def _near_names(folder: Path) -> Names:
    return _listed(str(folder), _changed(folder))[1]


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=_FOLDERS_KEPT)
def _listed(folder: str, changed: int) -> tuple[Names, Names]:  # noqa: ARG001 -- listed anew when it has changed
    same, near = defaultdict(list), defaultdict(list)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 -- names alone
    except (OSError, ValueError):
        names = []
    for name in names:
        same[_folded(name)].append(name)
        if not name.startswith("."):
            near[_bare(name)].append(name)
    return dict(same), dict(near)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _bare(name: str) -> str:
    stem = os.path.splitext(name)[0]  # noqa: PTH122 -- a bare name
    return _NOT_TOLD.sub("", _folded(stem)) or _folded(name)
