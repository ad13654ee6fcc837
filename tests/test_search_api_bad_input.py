"""What is wrong with a request is told with the right status, the one shape of problems, and a sentence that helps."""

import io
import json
import random
import struct
import zlib
from typing import Any
from urllib.parse import quote, quote_from_bytes

import numpy as np
import pytest
from api_asserts import assert_problem, assert_well_dressed
from flask.testing import FlaskClient
from PIL import Image

from models.pictures.decoding import MAX_BYTES
from search_api.engine import Engine
from search_api.http.reading.forms import MAX_FORM_FIELD, MAX_FORM_PARTS

FORM = "multipart/form-data; boundary=xyz"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def garment(mode: str = "RGB", size: tuple[int, int] = (60, 90)) -> Image.Image:
    """A dark upright block on white, in any mode."""
    pixels = np.full((size[1], size[0]), 253, np.uint8)
    pixels[10:-10, 15:-15] = 40
    return Image.fromarray(pixels).convert(mode)


def png_header_of(width: int, height: int) -> bytes:
    """A sound PNG of one bit a pixel, which unpacks to far more than it weighs."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compressobj()
    row = b"\0" * (1 + (width + 7) // 8)
    data = b"".join(rows.compress(row) for _ in range(height)) + rows.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def sixteen_bit() -> bytes:
    return encoded(Image.fromarray(np.asarray(garment("L")).astype(np.uint16) * 257), "PNG")


def animated() -> bytes:
    return encoded(garment(), "GIF", save_all=True, append_images=[Image.new("RGB", (60, 90), "red")])


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(garment().rotate(90, expand=True), "JPEG", exif=exif.tobytes())


SOUND_PICTURES = {
    "JPEG": lambda: encoded(garment(), "JPEG"),
    "WebP": lambda: encoded(garment(), "WEBP"),
    "16-bit": sixteen_bit,
    "CMYK": lambda: encoded(garment("CMYK"), "JPEG"),
    "palette": lambda: encoded(garment("P"), "PNG"),
    "alpha": lambda: encoded(garment("RGBA"), "PNG"),
    "animated": animated,
    "rotated by EXIF": turned,
}

BAD_PICTURES = {
    "text named .png": (lambda: b"This is no picture.", 415, "unsupported-picture"),
    "truncated JPEG": (lambda: encoded(garment(size=(300, 400)), "JPEG")[:1500], 422, "damaged-picture"),
    "damaged PNG": (lambda: encoded(garment(), "PNG")[:60] + b"\0" * 200, 422, "damaged-picture"),
    "20,000 x 20,000": (lambda: png_header_of(20_000, 20_000), 413, "picture-too-large"),
    "1x1": (lambda: encoded(Image.new("L", (1, 1)), "PNG"), 422, "unusable-picture"),
    "5000x3": (lambda: encoded(Image.new("L", (5000, 3)), "PNG"), 422, "unusable-picture"),
    "blank": (lambda: encoded(Image.new("RGB", (60, 90), "white"), "JPEG"), 422, "blank-picture"),
    "transparent": (lambda: encoded(Image.new("RGBA", (60, 90)), "PNG"), 422, "blank-picture"),
    "EPS": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "unsupported-picture"),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, "unsupported-picture"),
}


@pytest.mark.parametrize("name", SOUND_PICTURES)
def test_unusual_but_sound_pictures_are_answered(client: FlaskClient, name: str) -> None:
    data = SOUND_PICTURES[name]()
    assert client.post("/v1/search", data=data, content_type="image/png").status_code == 200
    assert client.post("/v1/search", data={"image": (io.BytesIO(data), "x")}).status_code == 200


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_pictures_that_cannot_be_searched_with(
    client: FlaskClient,
    engine: Engine,
    name: str,
) -> None:
    make, status, code = BAD_PICTURES[name]
    data = make()
    for response in (
        client.post("/v1/search", data=data, content_type="application/octet-stream"),
        client.post("/v1/search", data={"image": (io.BytesIO(data), "x.png", "image/png")}),
    ):
        assert_problem(response, status, code)
        assert_well_dressed(response, engine)


PNG = encoded(garment(), "PNG")


def bare(query: str = "", data: bytes = PNG, content_type: str | None = "image/png") -> dict[str, Any]:
    return {"path": f"/v1/search{query}", "method": "POST", "data": data, "content_type": content_type}


def form(*fields: tuple[str, Any]) -> dict[str, Any]:
    """A form from (name, text) and (name, bytes) pairs, in order and with repetitions."""
    body = b""
    for name, value in fields:
        is_file = isinstance(value, bytes)
        extra = b'; filename="x.png"\r\nContent-Type: image/png' if is_file else b""
        data = value if is_file else str(value).encode()
        body += b'--xyz\r\nContent-Disposition: form-data; name="%s"' % name.encode() + extra
        body += b"\r\n\r\n" + data + b"\r\n"
    return bare(data=body + b"--xyz--\r\n", content_type=FORM)


def by_json(body: Any) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return bare(data=data, content_type="application/json")


def to_all(body: Any) -> dict[str, Any]:
    return {**by_json(body), "path": "/v1/similar"}


def get(path: str) -> dict[str, Any]:
    return {"path": path, "method": "GET"}


ITEM = "test-00001"
DEEP = "[" * 20_000 + "]" * 20_000

BAD_REQUESTS: dict[str, tuple[dict[str, Any], int, str]] = {
    # nothing to search with
    "nothing at all": (bare(data=b"", content_type=None), 400, "no-query"),
    "empty picture": (bare(data=b""), 400, "no-query"),
    "empty octets": (bare(data=b"", content_type="application/octet-stream"), 400, "no-query"),
    "empty form": (form(), 400, "no-query"),
    "form without a picture": (form(("k", 3)), 400, "no-query"),
    "form with an empty file": (form(("image", b"")), 400, "no-query"),
    "empty JSON body": (by_json(b""), 400, "no-query"),
    "empty JSON object": (by_json({}), 400, "no-query"),
    "null item_id": (by_json({"item_id": None}), 400, "no-query"),
    # more than one
    "picture and item in a form": (form(("image", PNG), ("item_id", ITEM)), 400, "several-queries"),
    "picture and item in the address": (bare(f"?item_id={ITEM}"), 400, "several-queries"),
    "picture and item in JSON": (by_json({"image": "", "item_id": ITEM}), 400, "several-queries"),
    "two pictures": (form(("image", PNG), ("image", PNG)), 400, "several-queries"),
    # content types
    "no content type": (bare(content_type=None), 415, "unsupported-content-type"),
    "text": (bare(content_type="text/plain"), 415, "unsupported-content-type"),
    "urlencoded": (bare(content_type="application/x-www-form-urlencoded"), 415, "unsupported-content-type"),
    "nonsense type": (bare(content_type=";;;=,"), 415, "unsupported-content-type"),
    # forms
    "form without a boundary": (bare(content_type="multipart/form-data"), 400, "bad-request"),
    "form with a boundary that is not ASCII": (bare(content_type=FORM + "é"), 400, "bad-request"),
    "form that is cut off": ({**form(("image", PNG)), "data": form(("image", PNG))["data"][:200]}, 400, "bad-request"),
    "form that is no form": (bare(content_type=FORM), 400, "bad-request"),
    "picture as text": (form(("image", "text")), 400, "invalid-field"),
    "k as a file": (form(("image", PNG), ("k", b"3")), 400, "invalid-field"),
    "unknown field": (form(("image", PNG), ("colour", "red")), 400, "unknown-field"),
    "unknown file": (form(("image", PNG), ("second", b"red")), 400, "unknown-field"),
    "repeated k": (form(("image", PNG), ("k", 3), ("k", 3)), 400, "invalid-field"),
    "form with options in the address": ({**form(("image", PNG)), "path": "/v1/search?k=3"}, 400, "unknown-field"),
    "too many parts": (form(*[("k", 1)] * (MAX_FORM_PARTS + 1)), 413, "content-too-large"),
    "a huge field": (form(("image", PNG), ("where", "x" * (MAX_FORM_FIELD + 1))), 413, "content-too-large"),
    # sizes
    "a body beyond the limit": (bare(data=b"\0" * (MAX_BYTES + 2**19)), 413, "content-too-large"),
    "a picture beyond the limit": (bare(data=PNG + b"\0" * MAX_BYTES), 413, "picture-too-large"),
    "a huge JSON body": (by_json({"item_id": "x" * MAX_FORM_FIELD}), 413, "content-too-large"),
    # k
    "k=0": (bare("?k=0"), 422, "k-out-of-range"),
    "k=1001": (bare("?k=1001"), 422, "k-out-of-range"),
    "k=-1": (bare("?k=-1"), 422, "k-out-of-range"),
    "k=10**9": (bare(f"?k={10**9}"), 422, "k-out-of-range"),
    "k=10**29": (bare(f"?k={10**29}"), 422, "k-out-of-range"),
    "k=10**4000": (bare(f"?k=1{'0' * 4000}"), 400, "invalid-field"),
    "k=ten": (bare("?k=ten"), 400, "invalid-field"),
    "k empty": (bare("?k="), 400, "invalid-field"),
    "k=1.5": (bare("?k=1.5"), 400, "invalid-field"),
    "k=1_0": (bare("?k=1_0"), 400, "invalid-field"),
    "k=NaN": (bare("?k=NaN"), 400, "invalid-field"),
    "k in other digits": (bare("?k=" + quote("１０")), 400, "invalid-field"),
    "k twice": (bare("?k=1&k=2"), 400, "invalid-field"),
    "k=0 in a form": (form(("image", PNG), ("k", 0)), 422, "k-out-of-range"),
    "k=0 for similar items": (get(f"/v1/items/{ITEM}/similar?k=0"), 422, "k-out-of-range"),
    "k=0 for an item": (by_json({"item_id": ITEM, "k": 0}), 422, "k-out-of-range"),
    "k=true": (by_json({"item_id": ITEM, "k": True}), 400, "invalid-field"),
    "k=3.5": (by_json({"item_id": ITEM, "k": 3.5}), 400, "invalid-field"),
    "k=null": (by_json({"item_id": ITEM, "k": None}), 400, "invalid-field"),
    "k=[3]": (by_json({"item_id": ITEM, "k": [3]}), 400, "invalid-field"),
    # look
    "look=1.01": (bare("?look=1.01"), 422, "look-out-of-range"),
    "look=-0.5": (bare("?look=-0.5"), 422, "look-out-of-range"),
    "look=1e999": (bare("?look=1e999"), 422, "look-out-of-range"),
    "look=2 in a form": (form(("image", PNG), ("look", 2)), 422, "look-out-of-range"),
    "look=2 for similar items": (get(f"/v1/items/{ITEM}/similar?look=2"), 422, "look-out-of-range"),
    "look=2 for an item": (by_json({"item_id": ITEM, "look": 2}), 422, "look-out-of-range"),
    "look=NaN": (bare("?look=NaN"), 400, "invalid-field"),
    "look=inf": (bare("?look=inf"), 400, "invalid-field"),
    "look=half": (bare("?look=half"), 400, "invalid-field"),
    "look empty": (bare("?look="), 400, "invalid-field"),
    "look=.": (bare("?look=."), 400, "invalid-field"),
    "look=0,5": (bare("?look=0,5"), 400, "invalid-field"),
    "look in other digits": (bare("?look=" + quote("０.５")), 400, "invalid-field"),
    "look twice": (bare("?look=0&look=1"), 400, "invalid-field"),
    "look as a file": (form(("image", PNG), ("look", b"1")), 400, "invalid-field"),
    "look=true": (by_json({"item_id": ITEM, "look": True}), 400, "invalid-field"),
    "look=[1]": (by_json({"item_id": ITEM, "look": [1]}), 400, "invalid-field"),
    "look=10**400": (by_json({"item_id": ITEM, "look": 10**400}), 400, "invalid-field"),
    "JSON look NaN": (by_json(b'{"item_id": "x", "look": NaN}'), 400, "invalid-field"),
    # JSON
    "not JSON": (by_json(b"{item_id: 3"), 400, "invalid-field"),
    "not UTF-8": (by_json(b'{"item_id": "\xff"}'), 400, "invalid-field"),
    "a JSON list": (by_json([ITEM]), 400, "invalid-field"),
    "a JSON number": (by_json(b"3"), 400, "invalid-field"),
    "JSON NaN": (by_json(b'{"item_id": "x", "k": NaN}'), 400, "invalid-field"),
    "JSON 1e999": (by_json(b'{"item_id": "x", "k": 1e999}'), 400, "invalid-field"),
    "JSON with a name twice": (by_json(b'{"item_id": "x", "item_id": "y"}'), 400, "invalid-field"),
    "JSON with 5000 digits": (by_json(b'{"item_id": "x", "k": 1%s}' % (b"0" * 5000)), 400, "invalid-field"),
    "deep JSON": (by_json(DEEP.encode()), 400, "invalid-field"),
    "half a surrogate pair": (by_json(b'{"item_id": "\\ud800"}'), 400, "invalid-field"),
    "item_id a number": (by_json({"item_id": 3}), 400, "invalid-field"),
    "item_id a list": (by_json({"item_id": [ITEM]}), 400, "invalid-field"),
    "text in base64": (by_json({"image": "aGk="}), 415, "unsupported-picture"),
    "a picture that is not in base64": (by_json({"image": "a?"}), 400, "invalid-field"),
    "half a picture in base64": (by_json({"image": "aGkab"}), 400, "invalid-field"),
    "an empty picture in JSON": (by_json({"image": ""}), 400, "no-query"),
    "a picture that is a number": (by_json({"image": 3}), 400, "invalid-field"),
    "a huge picture elsewhere in JSON": (
        by_json({"where": {"image": "x" * MAX_FORM_FIELD}, "item_id": ITEM}),
        413,
        "content-too-large",
    ),
    "a huge picture with bytes that are no JSON": (
        by_json(b'{"image": "%s"}' % (b"\n" * MAX_FORM_FIELD)),
        400,
        "invalid-field",
    ),
    # the limit and other options
    "limit and k": (bare("?limit=3&k=3"), 422, "options-conflict"),
    "limit=1001": (bare("?limit=1001"), 422, "k-out-of-range"),
    "diversity=2": (bare("?diversity=2"), 422, "option-out-of-range"),
    "diversity=NaN": (bare("?diversity=NaN"), 400, "invalid-field"),
    "group_size=0": (bare("?group_by=predicted.class&group_size=0"), 422, "option-out-of-range"),
    "group_size alone": (bare("?group_size=2"), 422, "options-conflict"),
    "group_by a number": (by_json({"item_id": ITEM, "group_by": 3}), 400, "invalid-field"),
    "min_relevance=1.1": (get(f"/v1/items/{ITEM}/similar?min_relevance=1.1"), 422, "option-out-of-range"),
    "fields that do not exist": (bare("?fields=id,colour"), 400, "invalid-field"),
    "no fields": (bare("?fields="), 400, "invalid-field"),
    "fields a number": (by_json({"item_id": ITEM, "fields": 3}), 400, "invalid-field"),
    "fields a list of lists": (by_json({"item_id": ITEM, "fields": [["id"]]}), 400, "invalid-field"),
    "exclude a number": (by_json({"item_id": ITEM, "exclude": 3}), 400, "invalid-field"),
    "exclude a list of numbers": (bare("?exclude=[3]"), 400, "invalid-field"),
    "exclude what no item can be": (bare('?exclude={"predicted.class": "Hat"}'), 400, "invalid-filter"),
    "exclude is no JSON": (bare("?exclude={shape"), 400, "invalid-field"),
    "cursor of nothing": (get(f"/v1/items/{ITEM}/similar?cursor=xyz"), 400, "invalid-cursor"),
    "cursor that is not ASCII": (bare("?cursor=" + quote("\u00e9")), 400, "invalid-cursor"),
    "cursor a number": (by_json({"item_id": ITEM, "cursor": 3}), 400, "invalid-field"),
    "a long cursor": (by_json({"item_id": ITEM, "cursor": "x" * 100_000}), 400, "invalid-cursor"),
    # several items
    "no ids": (to_all({}), 400, "no-query"),
    "an empty list of ids": (to_all({"ids": []}), 400, "no-query"),
    "ids that are all unknown": (to_all({"ids": ["none", "nothing"]}), 404, "unknown-item"),
    "ids that are numbers": (to_all({"ids": [3]}), 400, "invalid-field"),
    "ids null": (to_all({"ids": None}), 400, "invalid-field"),
    "an id without a name": (to_all({"ids": [{"weight": 2}]}), 400, "invalid-field"),
    "an id with more than a weight": (to_all({"ids": [{"id": ITEM, "colour": 2}]}), 400, "invalid-field"),
    "a weight of 0": (to_all({"ids": [{"id": ITEM, "weight": 0}]}), 400, "invalid-field"),
    "a weight that is true": (to_all({"ids": [{"id": ITEM, "weight": True}]}), 400, "invalid-field"),
    "a huge weight": (to_all({"ids": [{"id": ITEM, "weight": 10**400}]}), 400, "invalid-field"),
    "too many ids": (to_all({"ids": [ITEM] * 101}), 400, "invalid-field"),
    "a box for items": (to_all({"ids": [ITEM], "box": "0,0,1,1"}), 400, "unknown-field"),
    "ids in a form": ({**form(("ids", ITEM)), "path": "/v1/similar"}, 415, "unsupported-content-type"),
    "unknown member": (by_json({"item_id": ITEM, "colour": 1}), 400, "unknown-field"),
    "JSON with options in the address": (
        {**by_json({"item_id": ITEM}), "path": "/v1/search?k=3"},
        400,
        "unknown-field",
    ),
    # where
    "where is not JSON": (bare("?where={label"), 400, "invalid-field"),
    "where is a list": (bare("?where=[1]"), 400, "invalid-field"),
    "where is text in JSON": (by_json({"item_id": ITEM, "where": 3}), 400, "invalid-field"),
    "where is deep": (form(("image", PNG), ("where", DEEP)), 400, "invalid-field"),
    "where is deep inside": (
        by_json({"item_id": ITEM, "where": {"predicted.class": [[[["Bag"]]]]}}),
        400,
        "invalid-filter",
    ),
    "where holds NaN": (bare('?where={"predicted.class": NaN}'), 400, "invalid-field"),
    "where names no class": (bare('?where={"predicted.class": "Hat"}'), 400, "invalid-filter"),
    "where names what can be no field": (bare("?where=" + quote(r'{"a\\b": 1}')), 400, "invalid-filter"),
    "where is no condition": (bare("?where=label"), 400, "invalid-filter"),
    "where with an unknown bound": (bare('?where={"split":{"near":3}}'), 400, "invalid-filter"),
    "where for similar items": (get(f'/v1/items/{ITEM}/similar?where={{"predicted.class": 7}}'), 400, "invalid-filter"),
    # items
    "unknown item": (get("/v1/items/none"), 404, "unknown-item"),
    "picture of an unknown item": (get("/v1/items/none/image"), 404, "unknown-item"),
    "similar to an unknown item": (get("/v1/items/none/similar"), 404, "unknown-item"),
    "search with an unknown item": (by_json({"item_id": "none"}), 404, "unknown-item"),
    "search with an unknown item in a form": (form(("item_id", "none")), 404, "unknown-item"),
    "a path": (get("/v1/items/..%2F..%2Fetc%2Fpasswd/image"), 404, "unknown-item"),
    "an id that is not UTF-8": (get("/v1/items/%FF%FE"), 404, "unknown-item"),
    # listing
    "limit=0": (get("/v1/items?limit=0"), 422, "page-out-of-range"),
    "limit=101": (get("/v1/items?limit=101"), 422, "page-out-of-range"),
    "offset=-1": (get("/v1/items?offset=-1"), 422, "page-out-of-range"),
    "offset=10**20": (get(f"/v1/items?offset={10**20}"), 422, "page-out-of-range"),
    "offset=x": (get("/v1/items?offset=x"), 400, "invalid-field"),
    "listing of no class": (get("/v1/items?where=predicted.class=Hat"), 400, "invalid-filter"),
    "listing by a bad filter": (get('/v1/items?where={"any":[]}'), 400, "invalid-filter"),
    "listing by half a filter": (get('/v1/items?where={"any":'), 400, "invalid-field"),
    "listing by what is no condition": (get("/v1/items?where=;price"), 400, "invalid-filter"),
    "listing by nothing": (get("/v1/items?where="), 400, "invalid-filter"),
    "listing by too many": (get("/v1/items?where=" + ";".join(f"a{n}=1" for n in range(101))), 400, "filter-too-large"),
    "listing too deep": (get("/v1/items?where=" + '{"not":' * 9 + '{"a":1}' + "}" * 9), 400, "filter-too-large"),
    "listing far too deep": (get("/v1/items?where=" + '{"not":' * 5000), 400, "invalid-field"),
    "sorted by nothing": (get("/v1/items?sort="), 400, "invalid-sort"),
    "sorted by a minus": (get("/v1/items?sort=-"), 400, "invalid-sort"),
    "sorted by what can be no field": (get('/v1/items?sort=a"b'), 400, "invalid-sort"),
    "sorted twice": (get("/v1/items?sort=id&sort=id"), 400, "invalid-field"),
    "a cursor that is none": (get("/v1/items?cursor=x"), 400, "invalid-cursor"),
    "an empty cursor": (get("/v1/items?cursor="), 400, "invalid-cursor"),
    "a cursor of another language": (get("/v1/items?cursor=" + quote("été")), 400, "invalid-cursor"),
    "a cursor of a number": (get("/v1/items?cursor=MTIz"), 400, "invalid-cursor"),
    "a cursor of nulls": (get("/v1/items?cursor=W251bGwsbnVsbCxudWxsLG51bGxd"), 400, "invalid-cursor"),
    "a deep cursor": (get("/v1/items?cursor=" + "W1tb" * 2000), 400, "invalid-cursor"),
    "a cursor and an offset": (get("/v1/items?cursor=x&offset=1"), 422, "options-conflict"),
    # facets
    "facets by a bad filter": (get("/v1/facets?where=price"), 400, "invalid-filter"),
    "facets of no class": (get("/v1/facets?where=predicted.class=Hat"), 400, "invalid-filter"),
    "facets of ids": (get("/v1/facets?fields=id"), 400, "invalid-facet"),
    "facets of nothing": (get("/v1/facets?fields="), 400, "invalid-facet"),
    "facets of what can be no field": (get('/v1/facets?fields=predicted.class,a"b'), 400, "invalid-facet"),
    "facets of too many": (get("/v1/facets?fields=" + ",".join(f"a{n}" for n in range(51))), 400, "invalid-facet"),
    "facets with limit=0": (get("/v1/facets?limit=0"), 422, "page-out-of-range"),
    "facets with limit=x": (get("/v1/facets?limit=x"), 400, "invalid-field"),
    "facets with an unknown parameter": (get("/v1/facets?k=3"), 400, "unknown-field"),
    "where twice": (get("/v1/items?where=predicted.class=Bag&where=predicted.class=Coat"), 400, "invalid-field"),
    # addresses and methods
    "nowhere": (get("/v2/search"), 404, "not-found"),
    "no id": (get("/v1/items/"), 404, "not-found"),
    "GET of search": (get("/v1/search"), 405, "method-not-allowed"),
    "DELETE of all items": ({"path": "/v1/items", "method": "DELETE"}, 405, "method-not-allowed"),
    "an invented method": ({"path": "/v1/search", "method": "BREW"}, 405, "method-not-allowed"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_bad_requests(client: FlaskClient, engine: Engine, name: str) -> None:
    request, status, code = BAD_REQUESTS[name]
    response = client.open(**request)
    assert_problem(response, status, code)
    assert_well_dressed(response, engine)
    if status == 405:
        assert response.headers["Allow"]


def test_a_refusal_names_what_it_refuses(client: FlaskClient) -> None:
    detail = json.loads(client.open(**form(("image", PNG), ("colour", "red"))).data)["detail"]
    assert "'colour'" in detail
    assert "where" in detail
    detail = json.loads(client.open(**bare("?k=1001")).data)["detail"]
    assert "1000" in detail
    assert "1001" in detail


def test_a_body_shorter_than_announced_is_refused(client: FlaskClient) -> None:
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(PNG) + 10)}
    response = client.open(**bare(), environ_overrides=environ)
    assert_problem(response, 400, "bad-request")


# --- malformed requests, hundreds of them ---


def mangled(data: bytes, chance: random.Random) -> bytes:
    """Flip, cut, repeat and insert at random places."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(result) + 1)
        match chance.randrange(4):
            case 0 if result:
                result[place % len(result)] = chance.randrange(256)
            case 1:
                del result[place : place + chance.randrange(40)]
            case 2:
                result[place:place] = chance.randbytes(chance.randrange(20))
            case _:
                result[place:place] = result[place : place + chance.randrange(60)]
    return bytes(result)


def mangled_request(chance: random.Random) -> dict[str, Any]:
    request = chance.choice(
        [
            bare("?k=3&look=0.7"),
            bare('?where={"predicted.class": "Bag"}', encoded(garment(), "JPEG")),
            form(("image", PNG), ("k", 3), ("where", '{"predicted.class": ["Bag", "Coat"]}')),
            by_json({"item_id": ITEM, "k": 3, "where": {"split": "test", "predicted.class": "Bag"}}),
            get(f"/v1/items/{ITEM}/similar?k=5&where=%7B%22class%22%3A%22Bag%22%7D"),
            get("/v1/items?where=predicted.class=Bag&offset=3&limit=4"),
            get(f"/v1/items/{ITEM}/image"),
        ]
    )
    path, _, query = request["path"].partition("?")
    for part in chance.sample(["data", "path", "query", "content_type", "method"], chance.randint(1, 3)):
        match part:
            case "data" if "data" in request:
                request["data"] = mangled(request["data"], chance)
            case "path":
                path = path[:10] + quote_from_bytes(mangled(path[10:].encode(), chance), safe="/%.")
            case "query":
                query = quote_from_bytes(mangled(query.encode(), chance), safe="=&%?{}:,[]")
            case "content_type" if "content_type" in request:
                request["content_type"] = mangled(request["content_type"].encode(), chance).decode("latin-1")
                request["content_type"] = "".join(c for c in request["content_type"] if c.isprintable())
            case "method":
                request["method"] = chance.choice(["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "X"])
    return {**request, "path": f"{path}?{query}" if query else path}


@pytest.mark.parametrize("seed", range(8))
def test_no_malformed_request_is_our_fault(client: FlaskClient, engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    statuses = set()
    for _ in range(100):
        request = mangled_request(chance)
        response = client.open(**request)
        assert response.status_code < 500, request
        assert_well_dressed(response, engine)
        if response.status_code >= 400 and request["method"] != "HEAD":
            assert_problem(response, response.status_code, json.loads(response.data)["code"])
        statuses.add(response.status_code)
    assert len(statuses) > 3, "the requests are not varied enough"
