"""Keys that programs ask with, and the file in which a server finds what it needs to know them again.

A key is 256 random bits, so its SHA-256 is as hard to turn back as it is to guess; a slow hash, which protects
passwords because people choose few of them, would only make every request slow.
"""

import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from models.files import AlreadyLocked, directory_locked, written_whole
from search_api.access.errors import InvalidKey, InvalidRate, KeysNotWritable, KeysUnreadable, NoSuchKey
from search_api.access.rates import Rate, rate_of

PREFIX = "lk_"
"""With which every key begins, so that people and scanners of source code know one when they see it."""

FORMAT = 1
MOST_NAME = 64
_SECRET_BYTES = 32
_PATIENCE = 10.0
_NEW_MODE = 0o600
_KEPT_MODE = 0o640  # of the mode of a file that is there: a group that may read it keeps that


class Scope(StrEnum):
    """What a key allows; each allows what those before it do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_RANK = {scope: rank for rank, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret: `created` is the time in UTC (ISO 8601), `sha256` the secret's digest in hex."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created: str
    sha256: str
    limit: Rate | None = None
    """How much it may ask, where that is not what the server's own limit says."""

    def allows(self, scope: Scope) -> bool:
        """Whether it allows what a scope stands for."""
        return any(_RANK[own] >= _RANK[scope] for own in self.scopes)


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret in hex."""
    return sha256(secret.encode(errors="replace")).hexdigest()


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file. Raises KeysUnreadable."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise KeysUnreadable(
            f"There is no file of keys at {path}. Make one: lookalike keys create NAME --keys {path}"
        ) from None
    except OSError as error:
        raise KeysUnreadable(f"The file of keys {path} can't be read ({error.strerror}).") from None
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise KeysUnreadable(f"The file of keys {path} is of a newer version. Update Lookalike to use it.")
        return tuple(_key_of(one) for one in told["keys"])
    except (ValueError, KeyError, TypeError, AttributeError, InvalidRate):  # nothing of what it holds is told
        raise KeysUnreadable(
            f"The file of keys {path} is damaged, or is none. Put a copy of it back, or delete it and make new keys."
        ) from None


def create_key(
    path: Path, name: str, scopes: Sequence[Scope] = (Scope.READ,), limit: Rate | None = None
) -> tuple[Key, str]:
    """Add a key to a file, which is made where there is none; return it with its secret, which is kept nowhere.

    Raises InvalidKey for a name that another key has or that is none, KeysUnreadable, KeysNotWritable.
    """
    if not 0 < len(name) <= MOST_NAME or not name.isprintable() or name != name.strip():
        raise InvalidKey(f"{name!r} is no name for a key. Use 1 to {MOST_NAME} printable characters.")
    if not scopes:
        raise InvalidKey(f"A key must have a scope: {', '.join(Scope)}.")
    with _changing(path) as keys:
        if any(name in {key.name, key.id} for key in keys):
            raise InvalidKey(f"There is a key {name!r} already. Choose another name, or revoke that one first.")
        secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        ordered = tuple(scope for scope in Scope if scope in scopes)
        key = Key(secrets.token_hex(4), name, ordered, created, digest_of(secret), limit)
        keys.append(key)
    return key, secret


def revoke_key(path: Path, name_or_id: str) -> Key:
    """Take a key out of a file, and return it. Raises NoSuchKey, KeysUnreadable, KeysNotWritable."""
    if not path.exists():
        read_keys(path)  # says what is missing, and makes nothing
    with _changing(path) as keys:
        found = [key for key in keys if name_or_id in {key.name, key.id}]
        if not found:
            raise NoSuchKey(f"{path} has no key {name_or_id!r}. See those it has: lookalike keys list --keys {path}")
        keys.remove(found[0])
    return found[0]


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """Give the keys of a file as a list to change, which is written when the block ends well; one at a time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with directory_locked(path.parent, _PATIENCE):
            keys = list(read_keys(path)) if path.exists() else []
            yield keys
            _write(path, keys)
    except AlreadyLocked:
        raise KeysNotWritable(f"Another program is writing in {path.parent}. Try again when it is done.") from None
    except OSError as error:
        raise KeysNotWritable(f"The file of keys {path} can't be written ({error.strerror}).") from None


def _write(path: Path, keys: Sequence[Key]) -> None:
    """Write the file whole. Whoever could read it and owns it, such as the server's own user, still can and does."""
    told = {"format": FORMAT, "keys": [_told(key) for key in keys]}
    path = path.resolve()  # a link stays one
    before = path.stat() if path.exists() else None
    with written_whole(path) as draft:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _NEW_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(told, file, indent=2, ensure_ascii=False)
            file.write("\n")
            if before is not None:
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, before.st_uid, before.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & _KEPT_MODE | _NEW_MODE)


def _told(key: Key) -> dict[str, Any]:
    return {**asdict(key), "limit": None if key.limit is None else str(key.limit)}


def _key_of(told: dict[str, Any]) -> Key:
    """Raises ValueError, KeyError, TypeError or InvalidRate for what is no key."""
    texts = {name: told[name] for name in ("id", "name", "created", "sha256")}
    limit = told.get("limit")
    if not all(isinstance(text, str) for text in texts.values()) or len(bytes.fromhex(texts["sha256"])) != 32:
        raise ValueError("no key")
    scopes = tuple(Scope(scope) for scope in told["scopes"])
    return Key(**texts, scopes=scopes, limit=None if limit is None else rate_of(limit))
