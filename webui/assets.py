"""Static files under addresses that hold their content's hash, so that a browser may keep them for good."""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from flask import Response, abort, request, url_for

FOLDER = Path(__file__).parent / "static"
FOR_GOOD = "public, max-age=31536000, immutable"

EMBEDDED = frozenset({"lookalike-strip.js"})
"""Files that pages of other origins may load."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file: its bytes, media type, and the version that its address carries."""

    data: bytes
    media_type: str
    version: str


@cache
def assets() -> dict[str, Asset]:
    """Return every static file by name, read once."""
    return {path.name: _read(path) for path in FOLDER.iterdir() if path.is_file()}


def asset_url(name: str) -> str:
    """Return the versioned address of a static file. Needs a request."""
    return url_for("pages.static_file", name=name, v=assets()[name].version)


def static_file(name: str) -> Response:
    """Answer a static file: kept for good under its present version, asked for anew under any other."""
    asset = assets().get(name)
    if asset is None:
        abort(404)
    response = Response(asset.data, content_type=asset.media_type)
    response.set_etag(asset.version)
    response.headers["Cache-Control"] = FOR_GOOD if request.args.get("v") == asset.version else "no-cache"
    if name in EMBEDDED:
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return cast("Response", response.make_conditional(request))


def squeezed(css: str) -> str:
    """Return a style sheet without comments and without the spaces that only people read.

    It must have no string that holds `{};,` or a colon before a space.
    """
    short = re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return re.sub(r":\s+", ":", short).replace(";}", "}").strip()


def _read(path: Path) -> Asset:
    data = path.read_bytes()
    if path.suffix == ".css":
        data = squeezed(data.decode()).encode()
    elif path.suffix == ".js":
        data = re.sub(rb"(?m)^\s*//.*\n", b"", data)  # what only people read
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    media_type = kind if kind.startswith("image/") else f"{kind}; charset=utf-8"
    return Asset(data, media_type, hashlib.sha256(data).hexdigest()[:12])
