"""Several pictures in one cell: a list, JSON, or text with commas, bars or line breaks between them."""

import json
import re
from collections.abc import Sequence
from typing import Any

from indexer.sources.files.walk import SUFFIXES

_BETWEEN = re.compile(r"\s*[|\n]\s*|\s*[,;]\s+|[,;](?=https?://|//)|\s+(?=https?://)")
_CLOSE = re.compile(r"\s*[|,;\n]\s*")
_ADDRESS = re.compile(r"(https?:)?//", re.IGNORECASE)


def pictures_in(value: Any) -> Sequence[Any]:
    """Return the pictures that a cell names, in their order; those of a text only where each part looks like one."""
    if isinstance(value, list | tuple):
        return [one for one in value if one not in (None, "")]
    if not isinstance(value, str) or not any(sign in value for sign in "|,;[\n "):
        return [value]
    if value.startswith("[") and value.endswith("]"):
        try:
            listed = json.loads(value)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            return [one for one in listed if one]
    for between in (_BETWEEN, _CLOSE):
        parts = [part for part in between.split(value.strip()) if part]
        if len(parts) > 1 and (all(map(_ADDRESS.match, parts)) or all(map(_is_path, parts))):
            return parts
    return [value]


def _is_path(text: str) -> bool:
    """Tell whether a part is the path of a picture; an address may hold a comma itself."""
    return not _ADDRESS.match(text) and text.casefold().endswith(tuple(SUFFIXES))
