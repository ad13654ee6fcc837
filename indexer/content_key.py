"""What identifies an item's content, so that an unchanged item is passed over."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from indexer.records import AttributeValue

_BETWEEN = ":"
_CHECKSUM_DIGITS = 64
_ATTRIBUTE_DIGITS = 32  # 128 bits: attributes need no defence against forgers, and every item keeps them


def picture_checksum(picture: bytes) -> str:
    """Return what identifies the bytes of a picture: their SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(picture).hexdigest()


def picture_digest(content_key: str, version: str) -> str:
    """Return what names the picture of an item in addresses: 16 hexadecimal digits.

    It is made of the picture's checksum, which a catalogue keeps, so it outlives changes of attributes; of an item with
    a content key of another kind, of its version.
    """
    checksum = ContentKey.parse(content_key).picture
    named = checksum if len(checksum) == _CHECKSUM_DIGITS else version
    return hashlib.blake2b(named.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class ContentKey:
    """What identifies an item's content: a checksum of its picture, one of its attributes, and a validator.

    The validator is that by which a web server knows its picture again, empty where there is none. Catalogues keep
    keys as text: `str(key)`. Old ones keep a single checksum of everything there, which is no picture's.
    """

    picture: str
    attributes: str = ""
    validator: str = ""

    @classmethod
    def of(cls, picture: str, attributes: Mapping[str, AttributeValue], validator: str = "") -> "ContentKey":
        """Return the key of an item, from its picture's checksum and its attributes."""
        described = json.dumps(attributes, sort_keys=True).encode()
        return cls(picture, hashlib.sha256(described).hexdigest()[:_ATTRIBUTE_DIGITS], validator)

    @classmethod
    def parse(cls, text: str) -> "ContentKey":
        """Return the key that a catalogue keeps as a text."""
        return cls(*text.split(_BETWEEN, 2))

    def __str__(self) -> str:
        fields = (self.picture, self.attributes, self.validator)
        count = 3 if self.validator else 2 if self.attributes else 1
        return _BETWEEN.join(fields[:count])
