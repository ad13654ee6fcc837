"""Pictures by what a table calls them: which paths are followed, and how files are read without being caught out."""

import os
import posixpath
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from indexer.sources.errors import PathRefused, PictureMissing, PictureUnreadable
from indexer.sources.web.access import NO_ACCESS, WebAccess, WebPicture, web_picture
from models.errors import PictureTooLarge
from models.pictures.decoding import MAX_BYTES

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture in a file."""

    path: Path

    def read(self) -> bytes:
        """Return the file's bytes.

        Only a regular file is opened: what a named pipe or a device would do is not waited for. Raises
        PictureMissing, PictureUnreadable, or PictureTooLarge before anything is read of a file above MAX_BYTES.
        """
        try:
            self._checked_size(self.path.stat())
            # It may have become something else since: then neither opening nor reading waits.
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                return file.read(self._checked_size(os.fstat(file.fileno())))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise PictureMissing(f"There is no file {str(self.path)!r}. Put it there, or correct its path.") from error
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise PictureUnreadable(
                f"{str(self.path)!r} can't be read ({reason}). Correct its path or its permissions."
            ) from error

    def _checked_size(self, status: os.stat_result) -> int:
        """Return the size of what is a regular file within the limit."""
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
            raise PictureUnreadable(f"{str(self.path)!r} is {what}, no file. Name a picture file.")
        if status.st_size > MAX_BYTES:
            raise PictureTooLarge(
                f"{str(self.path)!r} has {status.st_size / 2**20:.1f} MiB; at most {MAX_BYTES >> 20} MiB are accepted. "
                "Save the picture smaller."
            )
        return status.st_size


def picture_at(reference: str, folder: Path, web: WebAccess = NO_ACCESS) -> PictureFile | WebPicture:
    """Return the picture that a table names: by a path relative to the table's folder, or by a web address.

    Links within the folder are followed, as whoever made them wants. Raises PathRefused for a path that is absolute
    or leaves the folder by `..`, AddressRefused for an address that `web` does not allow.
    """
    if _ADDRESS.match(reference):
        return web_picture(reference, web)
    path = posixpath.normpath(reference)
    if posixpath.isabs(path) or PureWindowsPath(reference).drive:
        raise PathRefused(f"{reference!r} is an absolute path. Give it relative to {str(folder)!r}.")
    if path == ".." or path.startswith("../"):
        raise PathRefused(f"{reference!r} leaves the folder {str(folder)!r}. Move the picture into that folder.")
    return PictureFile(folder / path)
