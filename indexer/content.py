"""What identifies an item's content: digests of its picture and of its attributes, told apart."""

import hashlib
import json
from collections.abc import Mapping

from indexer.records import AttributeValue

_BETWEEN = ":"
_ATTRIBUTE_DIGITS = 32  # 128 bits: attributes need no defence against forgers, and every item keeps them


def digest_of(picture: bytes) -> str:
    """Return what identifies the bytes of a picture: their SHA-256."""
    return hashlib.sha256(picture).hexdigest()


def content_of(picture: bytes, attributes: Mapping[str, AttributeValue]) -> str:
    """Return what identifies an item's content, from the bytes of its picture and its attributes."""
    return joined(digest_of(picture), attributes)


def joined(picture_digest: str, attributes: Mapping[str, AttributeValue]) -> str:
    """Return what identifies an item's content, from the digest of its picture and its attributes."""
    described = json.dumps(attributes, sort_keys=True).encode()
    return picture_digest + _BETWEEN + hashlib.sha256(described).hexdigest()[:_ATTRIBUTE_DIGITS]


def is_same_picture(content: str, other: str) -> bool:
    """Tell whether two contents are of one picture. (Older catalogues kept one digest of all: never the same.)"""
    return content.partition(_BETWEEN)[0] == other.partition(_BETWEEN)[0]
