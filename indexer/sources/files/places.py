"""Where the pictures of a table are: by its paths, however they are written, or at web addresses."""

import html
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from indexer.sources.errors import PathRefused
from indexer.sources.files.listings import near_path, same_path
from indexer.sources.picture_files import PictureFile
from indexer.sources.web.access import NO_ACCESS, WebAccess, WebPicture, web_picture

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_FILE = "file:///"
_WITHOUT_SCHEME = re.compile(r"//[^/\\]+/")
_FOLDERS_KEPT = 4096


class PicturePlaces:
    """The pictures that a table names: by paths relative to a folder, or by web addresses as far as `web` allows.

    A path may be written as another system writes it: with backslashes or a leading slash, percent-encoded, in another
    case, with letters composed otherwise. What is written is tried first. Links are followed within the folder, and
    elsewhere only with `follow_links_out`, for whoever made the table may not be who owns the files.
    """

    def __init__(self, folder: Path, web: WebAccess = NO_ACCESS, *, follow_links_out: bool = False) -> None:
        self._folder = folder
        self._web = web
        self._follow_links_out = follow_links_out
        self._real_folder = os.path.realpath(folder)
        self._is_inside = lru_cache(maxsize=_FOLDERS_KEPT)(self._leads_inside)

    def at(self, reference: str) -> PictureFile | WebPicture:
        """Return the picture that is meant.

        An absolute path may lie in the folder. Raises PathRefused for one that does not, and for a path that leaves
        the folder, by `..` or by a link; AddressRefused for an
        address that `web` does not allow.
        """
        reference = self._relative(reference)
        if address := _address_in(reference):
            return web_picture(address, self._web)
        inside: list[str] = []
        for path in _writings(reference):
            if not _leaves(path):
                if (file := self._found(path)) is not None:
                    return file
                inside.append(path)
        for path in inside:
            if (real := same_path(self._folder, path)) is not None and (file := self._found(real)) is not None:
                return file
        self._check_written(reference)
        return PictureFile(self._folder / inside[0], self._folder)

    def _relative(self, reference: str) -> str:
        """Return an absolute path, or an address of a file, that lies within the folder as a path below it."""
        text = reference.strip()
        path = unquote(text[len(_FILE) - 1 :]) if text.lower().startswith(_FILE) else text
        if not posixpath.isabs(path):
            return reference
        path = posixpath.normpath(path)
        for folder in (os.path.abspath(self._folder), self._real_folder):  # noqa: PTH100 -- links stay as they are
            if path.startswith(f"{folder.rstrip('/')}/"):
                return path[len(folder.rstrip("/")) + 1 :]
        return reference

    def _found(self, path: str) -> PictureFile | None:
        """Return what is at a path, None where nothing is. Raises PathRefused where a link leads out."""
        file = self._folder / path
        try:
            is_link = stat.S_ISLNK(file.lstat().st_mode)
        except (OSError, ValueError):
            return None
        if not self._follow_links_out and not (
            self._leads_inside(str(file)) if is_link else self._is_inside(os.path.dirname(file))  # noqa: PTH120 -- quicker
        ):
            raise PathRefused(
                f"{path!r} leads by a link out of the folder {str(self._folder)!r}. Put the picture into that folder; "
                "or follow such links with --follow-links-out if table and pictures are all yours."
            )
        return PictureFile(file, self._folder)

    def _leads_inside(self, path: str) -> bool:
        return os.path.commonpath((self._real_folder, os.path.realpath(path))) == self._real_folder

    def _check_written(self, reference: str) -> None:
        """Raise PathRefused for what is no path below the folder as it is written."""
        path = posixpath.normpath(reference)
        if posixpath.isabs(path) or PureWindowsPath(reference).drive:
            name = PureWindowsPath(reference).name
            near = near_path(self._folder, name)
            hint = f" There is {near!r}." if near else ""
            raise PathRefused(
                f"{reference!r} is an absolute path. Give it relative to {str(self._folder)!r}, or name its folder "
                f"with --images-dir.{hint}"
            )
        if _leaves(path):
            raise PathRefused(
                f"{reference!r} leaves the folder {str(self._folder)!r}. Move the picture into that folder, or name "
                "another with --images-dir."
            )


def _address_in(reference: str) -> str | None:
    """Return the web address that is meant, None for a path; pages write `//host/..` and `&amp;`."""
    text = reference.strip()
    if _WITHOUT_SCHEME.match(text):
        text = f"https:{text}"
    if not _ADDRESS.match(text):
        return None
    return html.unescape(text) if "&amp;" in text else text


def _writings(reference: str) -> Iterator[str]:
    """Yield the paths that may be meant, as it is written first, each once."""
    plain = reference.replace("\\", "/")
    if PureWindowsPath(reference).drive:
        plain = ".."  # another machine's drive
    written = (reference, plain, unquote(reference), unquote(plain))
    seen: set[str] = set()
    for text in written:
        for path in (text, text.lstrip("/")):
            normal = posixpath.normpath(path) if path else ".."
            if normal not in seen:
                seen.add(normal)
                yield normal


def _leaves(path: str) -> bool:
    return posixpath.isabs(path) or path == ".." or path.startswith("../")
