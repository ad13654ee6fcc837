"""The keys that a running server knows: those of a file as it is now."""

import os
from hmac import compare_digest
from pathlib import Path

from search_api.access.errors import KeysUnreadable
from search_api.access.keys import Key, digest_of, read_keys

_Version = tuple[int, int, int, int]


class Keyring:
    """The keys of a file, which is looked at for every question and read anew when it has changed.

    So a key that is revoked opens nothing from then on, in any worker. Raises KeysUnreadable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = str(path)
        self._known: tuple[_Version, tuple[Key, ...] | str] | None = None
        self.present()

    def present(self) -> tuple[Key, ...]:
        """Return the keys. Raises KeysUnreadable while the file can't be read: one of them may have been revoked."""
        try:
            facts = os.stat(self._file)  # noqa: PTH116 (half the time of Path.stat, for every question)
        except OSError:
            return read_keys(self.path)  # which tells why
        version = (facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size)
        known = self._known
        if known is None or known[0] != version:
            try:
                known = version, read_keys(self.path)
            except KeysUnreadable as error:
                known = version, str(error)
            self._known = known
        if isinstance(known[1], str):
            raise KeysUnreadable(known[1])
        return known[1]

    def key_of(self, secret: str) -> Key | None:
        """Return the key with a secret, None where there is none. How long that takes tells nothing of the keys."""
        digest, found = digest_of(secret), None
        for key in self.present():
            if compare_digest(key.sha256, digest):
                found = key
        return found
