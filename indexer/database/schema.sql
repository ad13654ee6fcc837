-- The truth about a catalogue. Index files beside it are caches of the table `vectors`.
-- Every row carries a digest of itself, an item's of its vector and its picture as well: SQLite notices no flipped bit.

CREATE TABLE catalogue (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    fingerprint TEXT    NOT NULL,
    dim         INTEGER NOT NULL CHECK (dim > 0),
    classes     TEXT    NOT NULL,            -- JSON list, in the model's order
    revision    INTEGER NOT NULL DEFAULT 0,  -- begins at random, grows with every write: what readers compare
    digest      BLOB    NOT NULL DEFAULT x'' -- also of the numbers that were given out last
) STRICT;

-- A row number is never reused: an update is a new row, and a tombstone for the old one. So an index of any age,
-- joined to these rows, can only yield items that live and are what they were when they were indexed.
CREATE TABLE items (
    row         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    label       TEXT    NOT NULL,
    probability REAL    NOT NULL,
    attributes  TEXT    NOT NULL,            -- JSON object
    content     TEXT    NOT NULL,
    media_type  TEXT    NOT NULL,
    width       INTEGER NOT NULL,
    height      INTEGER NOT NULL,
    digest      BLOB    NOT NULL DEFAULT x'',
    colours     TEXT,                        -- as `models.colours` writes them; null where nobody looked
    fingerprint BLOB,                        -- of the picture, by which copies are known; null where nobody looked
    row_digest  BLOB                         -- of all before it, so that an item can be proven without its picture
) STRICT;
CREATE INDEX items_by_label ON items (label, id);

-- Apart from the items, so that reading a page of items touches neither vectors nor pictures.
-- Each has a digest of its own, null in rows that were written before there was one.
CREATE TABLE vectors  (row INTEGER PRIMARY KEY, vector BLOB NOT NULL, digest BLOB) STRICT;   -- float32, little endian
CREATE TABLE displays (row INTEGER PRIMARY KEY, data   BLOB NOT NULL, digest BLOB) STRICT;

-- Rows that have died since the published generation was built.
CREATE TABLE tombstones (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    row    INTEGER NOT NULL,
    digest BLOB    NOT NULL DEFAULT x''
) STRICT;

-- Every attribute name that an item ever had, so that a misspelt filter is told what there is.
CREATE TABLE attribute_names (
    name   TEXT PRIMARY KEY,
    digest BLOB NOT NULL DEFAULT x''
) STRICT, WITHOUT ROWID;

-- The index file to use: at most one row.
CREATE TABLE generations (
    number         INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL,
    file           TEXT    NOT NULL,
    size           INTEGER NOT NULL,
    sha256         TEXT    NOT NULL,
    count          INTEGER NOT NULL,
    last_row       INTEGER NOT NULL,         -- it holds the live rows up to this one
    last_tombstone INTEGER NOT NULL,         -- and knows of the deaths up to this one
    digest         BLOB    NOT NULL DEFAULT x''
) STRICT;
