"""Walking a folder of pictures: links without going in circles, what systems keep there left out, all of it counted."""

import os
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

from indexer.sources.errors import SourceUnreadable
from indexer.sources.files.path_patterns import PathPatterns
from indexer.sources.items import Failure
from indexer.sources.source_options import SourceOptions

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
"""How the names of picture files end, in either case; where no HEIC can be read, one fails with advice."""

SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",  # Synology: thumbnails
        "#recycle",
        "#snapshot",
        "@recycle",  # QNAP
        "@recently-snapshot",
        "@snapshot",
        "@tmp",
        "$recycle.bin",  # Windows
        "recycler",
        "system volume information",
        "lost+found",
        "__macosx",  # archives made by macOS
        "network trash folder",
        "temporary items",
        ".trashes",
        ".trash",
        ".trash-1000",
        ".spotlight-v100",
        ".fseventsd",
        ".@__thumb",
        ".snapshot",
        ".snapshots",
        ".zfs",
    }
)
"""Folders that systems, NAS and archives put beside people's own, in lower case: copies, thumbnails, the deleted."""


@dataclass(slots=True)
class Walked:
    """What was found: paths of pictures below the folder, failures, and counts of what was left out, by its kind."""

    found: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    """Files that have no picture's name, by suffix."""
    system: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    links_out: list[str] = field(default_factory=list)
    """Links, to pictures or folders, that lead out of the folder. They are followed."""
    links_inside: int = 0
    """Links to folders whose pictures are found without them."""


def walk(root: Path, options: SourceOptions) -> Walked:
    """Find the pictures in a folder and in the folders below it.

    A folder is read once, by the path that leads to it without links if there is one. Raises SourceUnreadable when the
    folder itself can't be read.
    """
    return _Walk(root, options).walked()


class _Walk:
    def __init__(self, root: Path, options: SourceOptions) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._include, self._exclude = PathPatterns(options.include), PathPatterns(options.exclude)
        self._walked = Walked()
        self._seen: set[tuple[int, int]] = set()
        self._links: deque[str] = deque()

    def walked(self) -> Walked:
        self._descend("")
        while self._links:
            below = self._links.popleft()
            before = len(self._seen)
            self._descend(below)
            self._walked.links_inside += len(self._seen) == before
        self._walked.found.sort()
        return self._walked

    def _descend(self, below: str) -> None:
        pending = [below]
        while pending:
            below = pending.pop()
            try:
                status = os.stat(self._root / below)  # noqa: PTH116 -- a name may be of any bytes
                identity = status.st_dev, status.st_ino
                if identity in self._seen:
                    continue
                self._seen.add(identity)
                with os.scandir(self._root / below) as entries:
                    paths = [(entry, f"{below}/{entry.name}" if below else entry.name) for entry in entries]
                    pending.extend(path for entry, path in paths if self._is_folder(entry, path))
            except OSError as error:
                self._note_unreadable(below, error)

    def _is_folder(self, entry: "os.DirEntry[str]", path: str) -> bool:
        """Tell whether an entry is a folder to be read now; note it where it is something else."""
        is_folder = _is_dir(entry)
        if is_folder and self._is_left_out(entry.name):
            return False
        if not is_folder and entry.name.startswith("."):
            return False
        suffix = Path(entry.name).suffix.lower()
        if not is_folder and suffix not in SUFFIXES:
            self._walked.passed_over[suffix] += 1
            return False
        if self._exclude.match(path) or (not is_folder and self._include and not self._include.match(path)):
            self._walked.excluded += 1
            return False
        if entry.is_symlink() and not self._is_inside(path):
            self._walked.links_out.append(path)
        if is_folder and entry.is_symlink():
            self._links.append(path)
            return False
        if not is_folder:
            self._walked.found.append(path)
        return is_folder

    def _is_left_out(self, name: str) -> bool:
        if self._include.names(name):
            return False
        if name.casefold() in SYSTEM_FOLDERS:
            self._walked.system[name] += 1
            return True
        return name.startswith(".")

    def _is_inside(self, path: str) -> bool:
        real = os.path.realpath(self._root / path)
        return os.path.commonpath((self._real_root, real)) == self._real_root

    def _note_unreadable(self, below: str, error: OSError) -> None:
        path = self._root / below
        reason = error.strerror or str(error)
        if not below:
            raise SourceUnreadable(f"{path} can't be read ({reason}). Check its permissions.") from error
        message = f"The folder {str(path)!r} can't be read ({reason}). Check its permissions and run again."
        self._walked.failures.append(Failure(shown(below), None, SourceUnreadable.code, message, hides_items=True))


def shown(path: str) -> str:
    """Return a path as a message shows it, whatever bytes it has."""
    return path.encode(errors="backslashreplace").decode()


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or to where nobody may look
        return False
