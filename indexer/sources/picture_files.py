"""Pictures in files, read without being caught out by what is none."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from indexer.sources.errors import PictureMissing, PictureUnreadable
from indexer.sources.files.listings import near_path
from models.errors import PictureTooLarge
from models.pictures.decoding import MAX_BYTES


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture in a file; `folder` is where a path that it was named by begins, and may be looked around in."""

    path: Path
    folder: Path | None = field(default=None, compare=False)

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
            raise PictureMissing(
                f"There is no file {str(self.path)!r}.{self._near()} Put it there, or correct its path."
            ) from error
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise PictureUnreadable(
                f"{str(self.path)!r} can't be read ({reason}). Correct its path or its permissions."
            ) from error

    def _near(self) -> str:
        if self.folder is None or not self.path.is_relative_to(self.folder):
            return ""
        near = near_path(self.folder, self.path.relative_to(self.folder).as_posix())
        return f" There is {near!r}." if near else ""

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
