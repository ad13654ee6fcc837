"""Pictures that a table holds itself, as data sets in Parquet do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.errors import PictureTooLarge
from models.pictures.decoding import MAX_BYTES


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """A picture whose encoded bytes stand in the table."""

    data: bytes = field(repr=False)

    def read(self) -> bytes:
        """Return the bytes. Raises PictureTooLarge above MAX_BYTES."""
        if len(self.data) > MAX_BYTES:
            raise PictureTooLarge(
                f"The picture has {len(self.data) / 2**20:.1f} MiB; at most {MAX_BYTES >> 20} MiB are accepted. Save "
                "it smaller."
            )
        return self.data


def picture_in(value: Any) -> PictureBytes | str | None:
    """Return what a table has for a picture: bytes, its path or its address, else None.

    It may stand in an object, as `bytes`, `path`, `url` or `src`.
    """
    if isinstance(value, Mapping):
        value = next((value[name] for name in ("bytes", "path", "url", "src") if value.get(name)), None)
    if isinstance(value, bytes) and value:
        return PictureBytes(value)
    return value if isinstance(value, str) and value else None
