"""Where the files of a catalogue are: in its directory itself, or, once it has been reindexed, in one inside it.

A catalogue that is made anew with another model grows in a sub-directory of its own. The file CURRENT then names that,
and is replaced in one step.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import CatalogueDamaged

DATABASE_FILE = "catalogue.sqlite"
PAGES_FILE = "catalogue.pages"
KEPT_FILE = "catalogue.damaged.sqlite"
"""The damaged database, kept beside the repaired one until somebody deletes it."""

_FILES = (*(f"{name}*" for name in (DATABASE_FILE, PAGES_FILE, KEPT_FILE)), "generation-*", "publish.lock")
"""What the names of a catalogue's files are like, where other things lie beside them."""

CURRENT = "current"
"""The file that names the place in use: a sub-directory, or `.` for the directory itself."""

_ITSELF = "."
_LIKE = "model-*"
_NAME = re.compile(r"model-[0-9a-f]{16}")


def located(root: Path) -> Path:
    """Return where the files of the catalogue in a directory are. Raises CatalogueDamaged, OSError."""
    try:
        name = (root / CURRENT).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return root
    except UnicodeDecodeError as error:
        raise damaged_pointer(root, str(error)) from error
    if name == _ITSELF:
        return root
    if not _NAME.fullmatch(name) or not (root / name).is_dir():
        raise damaged_pointer(root, f"it says {name[:40]!r}")
    return root / name


@dataclass(frozen=True, slots=True)
class Trace:
    """The place in use, None when nothing tells it; and what is wrong with the file that names it, None if nothing."""

    place: Path | None
    problem: str | None = None


def traced(root: Path) -> Trace:
    """Find the place in use though the file CURRENT may not be as it was written. Raises OSError.

    Where a bit of the file is flipped, its end or all of it is missing, the place is taken for known when there is but
    one with a catalogue that it can have named.
    """
    candidates = [place for place in places(root) if (place / DATABASE_FILE).is_file()]
    try:
        said = (root / CURRENT).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if root in candidates or not candidates:
            return Trace(root)
        return Trace(candidates[0] if len(candidates) == 1 else None, "it is missing")
    for place in places(root):
        if said == pointer_to(root, place):
            return Trace(place)
    similar = [place for place in candidates if _may_have_been(pointer_to(root, place), said)]
    known = similar if len(similar) == 1 else candidates
    return Trace(known[0] if len(known) == 1 else None, f"it says {said[:40].decode(errors='backslashreplace')!r}")


def places(root: Path) -> list[Path]:
    """Return where in a directory the files of a catalogue may be: in itself, and in each sub-directory for them."""
    return [root, *sorted(path for path in root.glob(_LIKE) if _NAME.fullmatch(path.name) and path.is_dir())]


def beside(root: Path, current: Path | None) -> list[Path]:
    """Return where in a directory there are catalogues other than the current one, unfinished ones too."""
    return [place for place in places(root) if place != current and any(files_of(root, place))]


def files_of(root: Path, place: Path) -> list[Path]:
    """Return what belongs to the catalogue in a place: all there is in a sub-directory, its own files in the root."""
    return [file for pattern in (_FILES if place == root else ("*",)) for file in sorted(place.glob(pattern))]


def place_for(root: Path, fingerprint: str) -> Path:
    """Return the sub-directory for vectors of the model with this fingerprint."""
    return root / f"model-{fingerprint[:16]}"


def pointer_to(root: Path, place: Path) -> bytes:
    """Return what the file CURRENT says when the catalogue is in this place."""
    return f"{_ITSELF if place == root else place.name}\n".encode()


def damaged_pointer(root: Path, reason: str) -> CatalogueDamaged:
    """Return the error for a file CURRENT that names no place."""
    return CatalogueDamaged(
        f"{root / CURRENT} does not say where the catalogue is ({reason}). Put it right with: lookalike verify "
        f"--repair --catalogue {root}. Or write into it the name of the directory beside it that holds the catalogue "
        f"({_LIKE}), or {_ITSELF} for {root} itself."
    )


def _may_have_been(written: bytes, said: bytes) -> bool:
    """Tell whether bytes are others with one bit flipped, or without their end."""
    differing = int.from_bytes(written) ^ int.from_bytes(said)
    return written.startswith(said) or (len(written) == len(said) and differing.bit_count() == 1)
