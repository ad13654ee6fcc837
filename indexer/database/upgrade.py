"""Catalogues of earlier formats: what the present one keeps beside is added, empty."""

import apsw

from indexer.database.row_checksums import SEAL

_WITHOUT_DIGESTS = 1
_WITHOUT_COLOURS = 2
_WITHOUT_DIGESTS_OF_PARTS = 3
_TABLES = ("catalogue", "items", "tombstones", "attribute_names", "generations")


def upgrade(connection: apsw.Connection, to: int) -> None:
    """Bring a catalogue to the present format, inside a write transaction.

    The first had no digests: what it holds now counts as right. The second had neither colours nor fingerprints: its
    items have none, and keep their digests, until they are indexed or reindexed anew. The third had one digest for all
    of an item: its rows are proven by that, at more cost, until they are compacted.
    """
    version = connection.pragma("user_version")  # another process may have been quicker
    if version == _WITHOUT_DIGESTS:
        _add_digests(connection)
    if version in (_WITHOUT_DIGESTS, _WITHOUT_COLOURS):
        connection.execute("ALTER TABLE items ADD COLUMN colours TEXT")
        connection.execute("ALTER TABLE items ADD COLUMN fingerprint BLOB")
    if version in (_WITHOUT_DIGESTS, _WITHOUT_COLOURS, _WITHOUT_DIGESTS_OF_PARTS):
        for table, column in (("items", "row_digest"), ("vectors", "digest"), ("displays", "digest")):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} BLOB")
        connection.execute(f"PRAGMA user_version = {to}")


def _add_digests(connection: apsw.Connection) -> None:
    for table in _TABLES:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN digest BLOB NOT NULL DEFAULT x''")
    connection.execute(
        "UPDATE items SET digest = digest(items.row, id, label, probability, attributes, content, media_type, width,"
        " height, vector, data) FROM vectors, displays WHERE vectors.row = items.row AND displays.row = items.row"
    )
    connection.execute("UPDATE tombstones SET digest = digest(row)")
    connection.execute("UPDATE attribute_names SET digest = digest(name)")
    connection.execute(
        "UPDATE generations SET digest = digest(number, kind, file, size, sha256, count, last_row, last_tombstone)"
    )
    connection.execute(f"UPDATE catalogue SET digest = {SEAL}")
