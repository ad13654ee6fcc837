"""The database file: a connection for each thread, and transactions."""

import json
import secrets
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

import apsw

from indexer.database import commit_note, connections
from indexer.database.connections import Signature, begin_log_anew, signature_of
from indexer.database.locations import DATABASE_FILE, located
from indexer.database.row_checksums import SEAL, row_checksum
from indexer.database.sql_filters import has_colour
from indexer.database.storage_errors import commits_lost, damaged, missing, storage_errors
from indexer.database.upgrade import upgrade
from indexer.errors import CatalogueBusy, CatalogueMissing, CatalogueNotWritable, CatalogueReplaced, CatalogueTooNew
from models.files import sync

APPLICATION_ID = 0x4C6F6F6B  # "Look"
FORMAT = 4
SCHEMA = Path(__file__).with_name("schema.sql")

BUSY_SECONDS = 10.0
"""How long a writer waits for others before it raises CatalogueBusy."""

MOST_LOG = 16 * 2**20
"""Bytes of a log that is kept to be written over; what one write has made longer is cut again after it."""

SYNCHRONOUS = "FULL"
"""A commit is on the disk when it returns: https://www.sqlite.org/pragma.html#pragma_synchronous."""

FIRST_REVISION_BITS = 48
"""A catalogue's revisions begin at a random number, so that no two catalogues have one in common: a reader who has an
answer of one must never take it for one of another that was made, or restored, in its place."""

_FAR = 2**32  # more writes than there will ever be to one file
_SEALED = f"UPDATE catalogue SET digest = {SEAL}"
_CACHE_KIB = 1024  # of pages, per connection: a server has one connection for every thread


class Described(NamedTuple):
    """What a catalogue says of the model whose vectors it holds."""

    fingerprint: str
    dim: int
    classes: tuple[str, ...]


_File: TypeAlias = tuple[int, int]
"""What tells one file from another: its device, and its number there."""


class Store:
    """One catalogue's database, used by any number of threads: each reads on its own, one at a time writes.

    A commit is durable when `write` returns (write-ahead log, synchronous=FULL). `root` is the catalogue's directory as
    a person names it, `directory` where its files are: where the root says, or, to work on one that it does not (yet)
    point at, as given. Once opened it stays the same database, whatever the root points at later. Where its file has
    been deleted and another is there, as when a copy is put back, that is used, once it is checked.
    """

    def __init__(self, root: Path, busy_seconds: float = BUSY_SECONDS, directory: Path | None = None) -> None:
        self.root = root
        with storage_errors(root):
            self.directory = located(root) if directory is None else directory
        self._is_at_root = directory is None
        self._path = self.directory / DATABASE_FILE
        self.busy_seconds = busy_seconds
        self.revisions = 0
        """Revisions that were written through this one."""
        self._writer = threading.Lock()
        self._local = threading.local()
        self._connections: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._closed = False
        self._is_whole = False  # as far as anything tells
        self._file: _File | None = None
        self._files = 0
        self._anchor: apsw.Connection | None = None  # as long as it is open, no other file gets the same number
        self._adopting = threading.RLock()

    def create(self, fingerprint: str, dim: int, classes: str) -> None:
        """Lay an empty catalogue in one transaction unless the database has something in it already.

        What a killed `create` leaves behind is no catalogue yet, and the next one completes it.
        """
        with storage_errors(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            connection = self._opened(str(self._path), apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                if _is_empty(connection):
                    connection.execute(SCHEMA.read_text(encoding="utf-8"))
                    connection.execute(
                        "INSERT INTO catalogue (only_row, fingerprint, dim, classes, revision) VALUES (1, ?, ?, ?, ?)",
                        (fingerprint, dim, classes, secrets.randbits(FIRST_REVISION_BITS)),
                    )
                    connection.execute(_SEALED)
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}")
                    connection.execute("COMMIT")
            finally:
                connections.close(self._path, connection)
            sync(self.directory)
            sync(self.directory.parent)

    def check(self) -> None:
        """Raise CatalogueMissing, CatalogueTooNew or CatalogueDamaged unless this is a catalogue that can be read.

        One of an earlier format is brought to the present one, durably: else CatalogueNotWritable or CatalogueBusy.
        """
        with storage_errors(self.directory):
            if not self._path.is_file():
                raise missing(self.directory)
            if problem := connections.log_problem(self._path):
                raise commits_lost(self.root, *problem)
        reached = commit_note.noted(self._path)  # before the transaction begins, which is to see it
        with self.read() as connection:
            size, _, log_size = signature_of(self._path)
            if not log_size and size % connection.pragma("page_size"):
                raise damaged(self.directory, "its end is missing")  # SQLite would read zeros there
            application = connection.pragma("application_id")
            version = connection.pragma("user_version")
            if application != APPLICATION_ID:
                if _is_empty(connection):
                    raise CatalogueMissing(
                        f"The catalogue in {self.directory} was never finished. Make it with: lookalike index"
                    )
                raise damaged(self.directory, "it is a database of another program")
            if version > FORMAT:
                raise CatalogueTooNew(
                    f"{self.directory} has format {version}; this version reads up to {FORMAT}. Upgrade lookalike."
                )
            if lost := commit_note.lost(reached, connection):
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # the rest may be found and put back
                raise commits_lost(self.root, "it is missing or cut short", lost)
            self._is_whole = True
        if version < FORMAT:
            with self.write() as connection:
                upgrade(connection, FORMAT)

    def described(self) -> Described:
        """Return the model's facts. Raises CatalogueDamaged."""
        with self.read() as connection:
            return described_in(connection)

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """Give this thread's connection inside a read transaction: one state of the catalogue, whoever writes."""
        with storage_errors(self.directory):
            connection = self._connection()
            try:
                connection.execute("BEGIN")
                yield connection
            except (apsw.CorruptError, apsw.NotADBError):
                self._local.connection = None  # a file that is being put back may be whole the next time
                raise
            finally:
                _roll_back(connection)

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """Give this thread's connection inside a write transaction that is durably committed when the block ends.

        Raises CatalogueBusy when other writers take longer than the time set, CatalogueNotWritable when the
        directory is read-only or the disk full, CatalogueReplaced when another catalogue has taken its place; then
        nothing of the block is kept.
        """
        with self._writer_turn(), storage_errors(self.directory):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                if not self.is_current:
                    raise CatalogueReplaced(
                        f"{self.root} has been reindexed with another model meanwhile. Run the same command again "
                        "with that model: --model DIR."
                    )
                yield connection
                connection.execute("UPDATE catalogue SET revision = revision + 1")
                connection.execute(_SEALED)
                reached = commit_note.state_of(connection)
                connection.execute("COMMIT")
                self.revisions += 1
                if not self._is_there_still():
                    raise CatalogueNotWritable(
                        f"{self._path} was removed while it was written to, so that what was written is lost. Put "
                        "the catalogue back, and run the same command again."
                    )
                commit_note.note(self._path, reached)
            finally:
                _roll_back(connection)
            self._keep_log_short(connection)

    def vacuum(self) -> None:
        """Write the database anew without what is free in it, in one step that is durable when this returns.

        Others read meanwhile, and wait to write. It takes as much room again while it lasts. Raises as `write` does.
        """
        with self._writer_turn(), storage_errors(self.directory):
            connection = self._connection()
            connection.execute("VACUUM")
            self._begin_log_anew(connection)

    def renumber(self) -> None:
        """Let the revisions go on from another random number: for a copy that may become another catalogue."""
        with self.write() as connection:
            connection.execute("UPDATE catalogue SET revision = ?", (secrets.randbits(FIRST_REVISION_BITS),))

    @property
    def is_current(self) -> bool:
        """Whether this may be written to: it was opened where it is, or the root still points at it. Raises
        CatalogueDamaged.
        """
        return not self._is_at_root or self.is_named

    @property
    def is_named(self) -> bool:
        """Whether the root points at this catalogue, however it was opened. Raises CatalogueDamaged."""
        with storage_errors(self.root):
            return located(self.root) == self.directory

    def close(self) -> None:
        """Close every thread's connection. No thread may be inside `read` or `write`."""
        self._closed = True
        for connection in list(self._connections):
            connections.close(self._path, connection)
        self._anchor = None
        if self._is_whole:
            commit_note.forget_at_rest(self._path)

    @property
    def files(self) -> int:
        """How many files had been opened as this database when this thread began to read or write: one, mostly.

        What was learned from one does not hold of the next.
        """
        return int(self._local.files)

    def _connection(self) -> apsw.Connection:
        if self._closed:
            raise ValueError(f"The catalogue in {self.directory} has been closed.")
        file = self._present_file()
        if file != self._file:
            self._adopt(file)
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        frozen_as: Signature | None = getattr(self._local, "frozen_as", None)
        if connection is not None and self._local.file != file:
            connections.close(self._path, connection)
            connection = None
        if connection is None or (frozen_as is not None and frozen_as != signature_of(self._path)):
            connection, self._local.frozen_as = self._connect()
            self._local.connection, self._local.file = connection, file
            self._connections.add(connection)
            self._anchor = self._anchor or connection
        self._local.files = self._files
        return connection

    @contextmanager
    def _writer_turn(self) -> Iterator[None]:
        if not self._writer.acquire(timeout=self.busy_seconds):
            raise CatalogueBusy(f"Another thread is writing to {self.directory}. Try again in a moment.")
        try:
            yield
        finally:
            self._writer.release()

    def _keep_log_short(self, connection: apsw.Connection) -> None:
        """Give back the room of a log that one write has made long; where somebody reads from it, the next one does."""
        if signature_of(self._path).log_size > MOST_LOG:
            self._begin_log_anew(connection)

    def _begin_log_anew(self, connection: apsw.Connection) -> None:
        connection.set_busy_timeout(0)
        try:
            begin_log_anew(connection)
        finally:
            connection.set_busy_timeout(int(self.busy_seconds * 1000))

    def _present_file(self) -> "_File":
        try:
            present = self._path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CatalogueMissing(
                f"There is no catalogue in {self.directory}. Make one with: lookalike index"
            ) from error
        return present.st_dev, present.st_ino

    def _is_there_still(self) -> bool:
        try:
            return bool(self._present_file() == self._local.file)
        except CatalogueMissing:
            return False

    def _adopt(self, file: "_File") -> None:
        """Use a file from now on; one that is there in place of another is checked before."""
        with self._adopting:
            before = self._file
            if file == before:
                return
            self._file = file
            self._files += 1
            if before is None:
                return
            self._anchor = None
            connections.forget(self._path)
            try:
                self.check()
            except BaseException:
                self._file = before  # so that the next who asks checks it again
                raise
            with suppress(apsw.Error):
                self._move_on(self._connection())

    def _move_on(self, connection: apsw.Connection) -> None:
        """Let revisions go on further up: a copy that was put back would come to those that the lost one had."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            ahead = _FAR + secrets.randbits(FIRST_REVISION_BITS - 8)
            connection.execute("UPDATE catalogue SET revision = revision + ?", (ahead,))
            connection.execute(_SEALED)
            connection.execute("COMMIT")
        finally:
            _roll_back(connection)

    def _connect(self) -> tuple[apsw.Connection, Signature | None]:
        """Open the database. Where SQLite can't keep its shared memory (a read-only directory, a full disk), read the
        file as one that nobody writes: then return also what tells whether somebody has written after all.
        """
        signature = signature_of(self._path)
        try:
            return self._opened(str(self._path), apsw.SQLITE_OPEN_READWRITE), None
        except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.FullError, apsw.IOError):
            if signature.log_size:  # the file alone would lack what was acknowledged last
                raise
        uri = f"{self._path.absolute().as_uri()}?immutable=1"
        return self._opened(uri, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI), signature

    def _opened(self, name: str, flags: int) -> apsw.Connection:
        connection = connections.opened(self._path, name, flags | apsw.SQLITE_OPEN_NOMUTEX)
        try:
            connection.create_scalar_function("digest", lambda *values: row_checksum(values), deterministic=True)
            connection.create_scalar_function("has_colour", has_colour, deterministic=True)
            connection.set_busy_timeout(int(self.busy_seconds * 1000))
            connection.execute(
                f"PRAGMA synchronous = {SYNCHRONOUS}; PRAGMA cache_size = -{_CACHE_KIB};"
                f"PRAGMA journal_size_limit = {MOST_LOG}"
            )
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except BaseException:
            connections.close(self._path, connection)
            raise
        return connection


def described_in(connection: apsw.Connection) -> Described:
    """Return what a catalogue says of its model. Raises apsw.CorruptError where it says nothing."""
    row = connection.execute("SELECT fingerprint, dim, classes FROM catalogue").fetchone()
    if row is None:
        raise apsw.CorruptError("it does not say which model it belongs to")
    return Described(row[0], row[1], tuple(json.loads(row[2])))


def _is_empty(connection: apsw.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").get == 0)


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
