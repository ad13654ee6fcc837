"""A policy in a file, read anew when the file changes."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from models.errors import LookalikeError
from search_api.errors import InvalidPolicy, PolicyMissing
from search_api.moderation.policy import Policy, policy_of

log = logging.getLogger(__name__)

LONGEST = 1 << 20
"""Bytes of a policy."""

_Signature: TypeAlias = tuple[int, int, int] | None


class PolicyFile:
    """The policy that a file says now. Safe to use from several threads.

    `check` raises a LookalikeError for a policy that can't be followed. Raises PolicyMissing and InvalidPolicy, with
    the file's name, and what `check` does, when the file is not sound at first. Later, the last sound policy stays in
    force while the file is not sound, and the log says why, once.
    """

    def __init__(self, path: Path, check: Callable[[Policy], None] = lambda policy: None) -> None:
        self._path = path
        self._check = check
        self._reading = threading.Lock()
        self._signature = self._signed()
        self._policy = self._read()

    def current(self) -> Policy:
        """Return the policy in force."""
        if self._signed() != self._signature:
            with self._reading:
                signature = self._signed()  # before it is read: what is written meanwhile is read the next time
                if signature != self._signature:
                    self._signature = signature
                    try:
                        self._policy = self._read()
                    except LookalikeError as error:
                        log.error("The policy was changed and can't be used; the one before stays in force. %s", error)
        return self._policy

    def _signed(self) -> _Signature:
        """Return what changes when the file does; None where there is none."""
        try:
            status = self._path.stat()
        except (OSError, ValueError):
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _read(self) -> Policy:
        policy = read_policy(self._path)
        try:
            self._check(policy)
        except InvalidPolicy as error:
            raise type(error)(f"{self._path}: {error}") from error
        return policy


def read_policy(path: Path) -> Policy:
    """Return the policy that a file says, whatever the model. Raises PolicyMissing and InvalidPolicy, as PolicyFile.

    What it asks for can be looked for: PolicyNeedsPackage, an InvalidPolicy, says what is to be installed for that.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # a pipe has no end
            data = file.read(LONGEST + 1) or b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PolicyMissing(f"The policy {path} can't be read ({reason}). Correct its path.") from error
    if len(data) > LONGEST:
        raise InvalidPolicy(f"{path} has more than {LONGEST >> 20} MiB. A policy is shorter.")
    try:
        policy = policy_of(data.decode(), path.parent)
        policy.require_packages()
        return policy
    except UnicodeDecodeError as error:
        raise InvalidPolicy(f"{path}: The policy is not UTF-8 text.") from error
    except InvalidPolicy as error:
        raise type(error)(f"{path}: {error}") from error
