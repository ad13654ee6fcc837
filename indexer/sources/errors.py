"""What can be wrong with a source as a whole or with one of its rows, each with a sentence that says what to do."""

from models.errors import LookalikeError


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


class EncodingUnknown(LookalikeError):
    """What is said to be the encoding of a table is none, or the table has none."""

    code = "encoding-unknown"


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


class XlsxUnavailable(LookalikeError):
    """An Excel workbook was given and what reads it is not installed."""

    code = "xlsx-unavailable"


class PathRefused(LookalikeError):
    """The path of a picture is absolute, or leaves the folder that it belongs to."""

    code = "path-refused"


class InvalidHost(LookalikeError):
    """What was given as a host to fetch pictures from is none."""

    code = "invalid-host"


class InvalidHeader(LookalikeError):
    """What was given as a header to ask for pictures with is none."""

    code = "invalid-header"


class AddressRefused(LookalikeError):
    """A web address that pictures are not fetched from: it, or where it leads to, is not allowed."""

    code = "address-refused"


class AddressUnreachable(LookalikeError):
    """Nothing was heard from a web address: no such name, no connection, no answer, or a certificate not trusted."""

    code = "address-unreachable"


class AddressTooSlow(LookalikeError):
    """A web address did not give its picture in the time there is for one."""

    code = "address-too-slow"


class AddressFailed(LookalikeError):
    """A web address was answered with an error, or in a way that nothing can be made of."""

    code = "address-failed"


class AddressHoldsNoPicture(LookalikeError):
    """What a web address gives declares itself to be no picture."""

    code = "address-holds-no-picture"


class PictureMissing(LookalikeError):
    """There is nothing where an item's picture should be, no file or nothing at its web address."""

    code = "picture-missing"


class PictureUnreadable(LookalikeError):
    """The picture of an item is no regular file, or can't be opened or read."""

    code = "picture-unreadable"
