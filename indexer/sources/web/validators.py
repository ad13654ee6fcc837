"""What a server says by which a picture is known again, so that an unchanged one is not sent twice (RFC 9110, 8.8).

A validator is kept with the digest of the address that said so, for it means nothing to any other.
"""

import hashlib
import re
from collections.abc import Mapping

from indexer.sources.web.addresses import Address

LONGEST = 200
"""Characters of a validator that is kept; one that is longer does without."""

_BETWEEN = "="
_ENTITY_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e]*"', re.ASCII)
_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", re.ASCII)


def validator_of(address: Address, headers: Mapping[str, str]) -> str:
    """Return the validator of an answer by its headers (names in lower case), empty where there is none to trust."""
    for name, form in (("etag", _ENTITY_TAG), ("last-modified", _DATE)):
        value = headers.get(name, "")
        if len(value) <= LONGEST and form.fullmatch(value):
            return _digest(address) + _BETWEEN + value
    return ""


def condition(address: Address, validator: str) -> dict[str, str]:
    """Return the headers that ask an address for its picture only if it is no longer the one of a validator."""
    digest, _, value = validator.partition(_BETWEEN)
    if not value or digest != _digest(address):
        return {}
    return {"If-None-Match" if _ENTITY_TAG.fullmatch(value) else "If-Modified-Since": value}


def _digest(address: Address) -> str:
    return hashlib.sha256(str(address).encode()).hexdigest()[:16]
