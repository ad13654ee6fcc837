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


def joined(picture_digest: str, attributes: Mapping[str, AttributeValue], validator: str = "") -> str:
    """Return what identifies an item's content, from the digest of its picture and its attributes.

    A `validator`, by which a server knows its picture again, is kept with it.
    """
    described = json.dumps(attributes, sort_keys=True).encode()
    content = picture_digest + _BETWEEN + hashlib.sha256(described).hexdigest()[:_ATTRIBUTE_DIGITS]
    return content + _BETWEEN + validator if validator else content


def picture_digest_in(content: str) -> str:
    """Return the digest of the picture that a content is of."""
    return content.partition(_BETWEEN)[0]


def validator_in(content: str) -> str:
    """Return the validator that is kept with a content, empty where there is none."""
    _, _, rest = content.partition(_BETWEEN)
    return rest.partition(_BETWEEN)[2]


def is_same_picture(content: str, other: str) -> bool:
    """Tell whether two contents are of one picture. (Older catalogues kept one digest of all: never the same.)"""
    return picture_digest_in(content) == picture_digest_in(other)
