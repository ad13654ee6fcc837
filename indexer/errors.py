"""What can go wrong with a catalogue, each with a sentence that tells the person what to do."""

from models.errors import LookalikeError


class CatalogueMissing(LookalikeError):
    """There is no catalogue in that directory."""

    code = "catalogue-missing"


class CatalogueDamaged(LookalikeError):
    """The catalogue's database can't be read. (A damaged index file is no error: it is rebuilt.)"""

    code = "catalogue-damaged"


class CatalogueTooNew(LookalikeError):
    """The catalogue was written in a format that this version does not know."""

    code = "catalogue-too-new"


class CatalogueNotWritable(LookalikeError):
    """The directory is read-only, or the disk is full. What was acknowledged before is safe."""

    code = "catalogue-not-writable"


class CatalogueBusy(LookalikeError):
    """Another process is writing and did not finish in time."""

    code = "catalogue-busy"


class ModelMismatch(LookalikeError):
    """The catalogue's vectors were made by another model."""

    code = "model-mismatch"


class UnknownItem(LookalikeError):
    """No item has that id."""

    code = "unknown-item"


class InvalidFilter(LookalikeError):
    """A `where` that names an unknown field or holds a value of the wrong kind."""

    code = "invalid-filter"


class UnknownSource(LookalikeError):
    """There is no such source of items."""

    code = "unknown-source"


class SourceUnreadable(LookalikeError):
    """A folder or a table can't be opened or read."""

    code = "source-unreadable"


class SourceEmpty(LookalikeError):
    """The source holds no item at all."""

    code = "source-empty"


class SourceChanged(LookalikeError):
    """A table changed while it was being indexed."""

    code = "source-changed"


class TableDamaged(LookalikeError):
    """A table can't be read as what its name says: encoding, NUL bytes, endless lines, broken syntax."""

    code = "table-damaged"


class ColumnMissing(LookalikeError):
    """A table lacks the column `id` or `image`."""

    code = "column-missing"


class ColumnUnusable(LookalikeError):
    """A column's name, or the kind of its values, is nothing that an attribute can have."""

    code = "column-unusable"


class DuplicateId(LookalikeError):
    """Two rows have one id."""

    code = "duplicate-id"


class InvalidRow(LookalikeError):
    """One row lacks what it needs, or holds what can't be kept."""

    code = "invalid-row"


class ParquetUnavailable(LookalikeError):
    """A Parquet table was given and what reads it is not installed."""

    code = "parquet-unavailable"


class PathRefused(LookalikeError):
    """The path of a picture is absolute, or leaves the folder that it belongs to."""

    code = "path-refused"


class AddressRefused(LookalikeError):
    """The picture of an item lies at a web address, which is not fetched."""

    code = "address-refused"


class PictureMissing(LookalikeError):
    """There is no file where an item's picture should be."""

    code = "picture-missing"


class PictureUnreadable(LookalikeError):
    """The picture of an item is no regular file, or can't be opened or read."""

    code = "picture-unreadable"


class PictureFailed(LookalikeError):
    """A picture could not be prepared for a reason that is its own: it broke what works on it."""

    code = "picture-failed"


class WorkersLost(LookalikeError):
    """Worker processes can't be started, or end as soon as they have."""

    code = "workers-lost"


class ItemFailed(LookalikeError):
    """An item failed in a run that was to stop at the first failure."""

    code = "item-failed"


class ReportNotWritable(LookalikeError):
    """The report of failures can't be written."""

    code = "report-not-writable"
