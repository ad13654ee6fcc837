"""What was answered to requests with an Idempotency-Key, so that one that comes again is not carried out again.

They are kept in a file beside the catalogue, so every worker knows them and a restart forgets none. A key is noted
before its request is carried out: where the worker then dies, the next try is told that it may have been.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from search_api.errors import KeyReused, NothingWritten, StillUnderWay

log = logging.getLogger(__name__)

REQUESTS_FILE = "requests.sqlite3"

KEPT_SECONDS = 24 * 3600.0
MOST_KEPT = 10_000
MOST_BYTES = 64 * 1024 * 1024
"""Of all answers together; the oldest are let go first."""

LONGEST_WORK = 150.0
"""Seconds after which nobody can be at work on a request any more: the server ends workers long before."""

_BUSY_MS = 10_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    key     TEXT    NOT NULL UNIQUE,
    digest  BLOB    NOT NULL,             -- of the request
    began   REAL    NOT NULL,             -- seconds since 1970
    process INTEGER NOT NULL,
    request TEXT    NOT NULL,             -- the id of the request that is being carried out
    size    INTEGER NOT NULL DEFAULT 0,
    status  INTEGER,                      -- null while it is under way
    headers TEXT,
    body    BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS sizes ON requests (number, size);
"""
_TOO_MANY = "DELETE FROM requests WHERE status IS NOT NULL AND number <= (SELECT max(number) FROM requests) - ?"
_TOO_LARGE = """
DELETE FROM requests WHERE status IS NOT NULL AND number <= (
    SELECT max(number) FROM (SELECT number, sum(size) OVER (ORDER BY number DESC) AS total FROM requests)
    WHERE total > ?)
"""


class Answered(NamedTuple):
    """What was answered: the status, the headers that tell of the content, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Repeats:
    """The answers that belong to keys. Safe to use from any number of threads and processes.

    Methods raise NothingWritten where the file can't be written, or waited for too long.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / REQUESTS_FILE
        self._local = threading.local()

    def begin(self, key: str, digest: bytes, request_id: str, *, tried_before: bool) -> Answered | bool:
        """Note that a request is carried out now, or return what was answered to it before.

        Else return whether it may have been carried out already, by a process that died over it: `tried_before` says
        that the request of this id is tried again. Raises KeyReused for another request with the key, StillUnderWay
        while the first is not answered.
        """
        now = time.time()
        with self._changing() as connection:
            connection.execute("DELETE FROM requests WHERE began < ?", (now - KEPT_SECONDS,))
            found = connection.execute(
                "SELECT digest, began, process, request, status, headers, body FROM requests WHERE key = ?", (key,)
            ).fetchone()
            if found is not None:
                known, began, process, request, status, headers, body = found
                if known != digest:
                    raise KeyReused("The Idempotency-Key belongs to another request. Take a new key for each.")
                if status is not None:
                    return Answered(status, json.loads(headers), body)
                is_own = tried_before and request == request_id
                if not is_own and now - began < LONGEST_WORK and _lives(process):
                    raise StillUnderWay("The first request with this Idempotency-Key is being answered. Wait for that.")
                connection.execute("DELETE FROM requests WHERE key = ?", (key,))
            connection.execute(
                "INSERT INTO requests (key, digest, began, process, request) VALUES (?, ?, ?, ?, ?)",
                (key, digest, now, os.getpid(), request_id),
            )
        return found is not None

    def answer(self, key: str, answer: Answered) -> None:
        """Keep what is answered to the request of a key."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE requests SET status = ?, headers = ?, body = ?, size = ? WHERE key = ?",
                (answer.status, json.dumps(dict(answer.headers)), answer.body, len(answer.body), key),
            )
            connection.execute(_TOO_MANY, (MOST_KEPT,))
            connection.execute(_TOO_LARGE, (MOST_BYTES,))

    def forget(self, key: str) -> None:
        """Let the request of a key be tried anew."""
        with self._changing() as connection:
            connection.execute("DELETE FROM requests WHERE key = ?", (key,))

    @contextmanager
    def _changing(self) -> Iterator[apsw.Connection]:
        try:
            connection = self._connection()
            with connection:
                yield connection
        except apsw.Error as error:
            log.error("%s can't be written (%s). Where it is damaged, delete it.", self._path, error)
            raise NothingWritten(
                "The keys of requests can't be kept at the moment; nothing was written. Try again in a few seconds, or "
                "without an Idempotency-Key."
            ) from error

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = apsw.Connection(str(self._path))
            connection.set_busy_timeout(_BUSY_MS)
            connection.transaction_mode = "IMMEDIATE"
            # The catalogue's own commits are synced; what a power failure takes of these is carried out anew.
            connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
            connection.execute(_SCHEMA)
            self._local.connection = connection
        return connection


def _lives(process: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
