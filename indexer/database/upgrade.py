"""Catalogues of the first format: their rows get the digests that newer ones are written with."""

import apsw

from indexer.database.row_checksums import SEAL

_FIRST_FORMAT = 1
_TABLES = ("catalogue", "items", "tombstones", "attribute_names", "generations")


def upgrade(connection: apsw.Connection, to: int) -> None:
    """Bring a catalogue to the present format, inside a write transaction: what it holds now counts as right."""
    if connection.pragma("user_version") != _FIRST_FORMAT:
        return  # another process was quicker
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
    connection.execute(f"PRAGMA user_version = {to}")
