"""Where the files of a catalogue are: in its directory itself, or, once it has been reindexed, in one inside it.

A catalogue that is made anew with another model grows in a sub-directory of its own. The file CURRENT then names that,
and is replaced in one step.
"""

import re
from pathlib import Path

from indexer.errors import CatalogueDamaged

CURRENT = "current"
"""The file that names the place in use: a sub-directory, or `.` for the directory itself."""

PLACES = "model-*"
"""What the sub-directories' names are like."""

_ITSELF = "."
_NAME = re.compile(r"model-[0-9a-f]{16}")


def located(root: Path) -> Path:
    """Return where the files of the catalogue in a directory are. Raises CatalogueDamaged, OSError."""
    try:
        name = (root / CURRENT).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return root
    except UnicodeDecodeError as error:
        raise _damaged(root, str(error)) from error
    if name == _ITSELF:
        return root
    if not _NAME.fullmatch(name):
        raise _damaged(root, f"it says {name[:40]!r}")
    return root / name


def place_for(root: Path, fingerprint: str) -> Path:
    """Return the sub-directory for vectors of the model with this fingerprint."""
    return root / f"model-{fingerprint[:16]}"


def name_of(root: Path, place: Path) -> str:
    """Return what the file CURRENT says when the catalogue is in this place."""
    return _ITSELF if place == root else place.name


def _damaged(root: Path, reason: str) -> CatalogueDamaged:
    return CatalogueDamaged(
        f"{root / CURRENT} does not say where the catalogue is ({reason}). Write into it the name of the directory "
        f"beside it that holds the catalogue ({PLACES}), or {_ITSELF} for {root} itself."
    )
