"""Anything at all, as a picture, a table or a filter: an answer or a named error, and never anything else.

FUZZ_EXAMPLES=100000 looks for longer, and then each time for others; what it finds becomes an `example` here.
"""

import io
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.filters import condition_of
from indexer.sources.items import Failure, SourceItem
from indexer.sources.named_sources import open_source
from indexer.typed_filters import parse_conditions, split_conditions
from models.datasets.fashion_mnist import CLASSES
from models.errors import LookalikeError
from models.pictures.decoding import decode

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
OFTEN = settings(
    max_examples=EXAMPLES or 120, deadline=None, derandomize=not EXAMPLES, suppress_health_check=list(HealthCheck)
)


def encoded(kind: str, mode: str, **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (24, 20, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


PICTURES = [
    encoded("PNG", "RGB"),
    encoded("PNG", "P"),
    encoded("PNG", "LA"),
    encoded("JPEG", "RGB"),
    encoded("JPEG", "CMYK", progressive=True),
    encoded("GIF", "P"),
    encoded("WEBP", "RGBA"),
    encoded("BMP", "RGB"),
    encoded("TIFF", "RGB", compression="tiff_lzw"),
    encoded("TIFF", "L"),
    encoded("AVIF", "RGB"),
]

CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "put", "drop", "number"]), st.integers(0, 2**31), st.binary(max_size=8)),
    min_size=1,
    max_size=6,
)
Changes = list[tuple[str, int, bytes]]


def changed(content: bytes, changes: Changes) -> bytes:
    """Return bytes with some of them altered: what parsers stumble over lies near what they accept."""
    altered = bytearray(content)
    for kind, number, extra in changes:
        at = number % (len(altered) + 1)
        match kind:
            case "flip" if at < len(altered):
                altered[at] ^= 1 << number % 8
            case "cut" if number % 3 == 0:
                del altered[at:]
            case "put":
                altered[at:at] = extra
            case "drop":
                del altered[at : at + 1 + number % 40]
            case "number":
                altered[at : at + 4] = (0, 0xFFFFFFFF, 0x7FFFFFFF, 1)[number % 4].to_bytes(4)
    return bytes(altered)


@OFTEN
@given(st.sampled_from(PICTURES), CHANGES)
def test_bytes_are_a_picture_or_a_named_error(picture: bytes, changes: Changes) -> None:
    with suppress(LookalikeError):
        pixels = decode(changed(picture, changes)).pixels
        assert pixels.dtype == np.uint8
        assert pixels.ndim in (2, 3)


@OFTEN
@given(st.binary(max_size=200))
def test_any_bytes_are_no_picture_and_that_is_said(content: bytes) -> None:
    for begin in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0"):
        with pytest.raises(LookalikeError):
            decode(begin + content)


CELLS = st.one_of(
    st.text(max_size=12), st.sampled_from(["1.png", "id", "image", '"', ",", "\n", "=1+1", "é", "1,5", ""])
)
NAMES = st.lists(st.sampled_from(["id", "image", "price", "Ä", "label", "", "a\nb"]) | CELLS, min_size=1, max_size=5)
ROWS = st.lists(st.lists(CELLS, max_size=6), max_size=5)


def as_text(names: list[str], rows: list[list[str]], between: str) -> str:
    return "\n".join(between.join(cells) for cells in [names, *rows])


def read(file: Path) -> None:
    """Read a table through; hold what it yields to what a catalogue can keep."""
    with suppress(LookalikeError):
        for row in open_source(str(file)):
            assert isinstance(row, SourceItem | Failure)
            if isinstance(row, SourceItem):
                json.dumps(dict(row.attributes), allow_nan=False).encode()
            else:
                assert row.message


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tables")
    (place / "1.png").write_bytes(PICTURES[0])
    return place


@OFTEN
@given(names=NAMES, rows=ROWS, ending=st.sampled_from([("csv", ","), ("csv", ";"), ("tsv", "\t")]), changes=CHANGES)
@example(names=["id", "image"], rows=[["a", "1.png"]], ending=("csv", ","), changes=[("put", 0, b"\xef\xbb\xbf")])
def test_lines_and_cells_are_rows_or_named_failures(
    folder: Path, names: list[str], rows: list[list[str]], ending: tuple[str, str], changes: Changes
) -> None:
    file = folder / f"shop.{ending[0]}"
    text = as_text(["id", "image", *names], [["a", "1.png", *cells] for cells in rows], ending[1])
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    read(file)
    file.write_bytes(changed(file.read_bytes(), changes))
    read(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@OFTEN
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["id", "image", "x"]) | st.text(max_size=4), JSON, max_size=4), max_size=4
    ),
    changes=CHANGES,
)
def test_json_is_rows_or_named_failures(folder: Path, rows: list[dict[str, Any]], changes: Changes) -> None:
    file = folder / "shop.jsonl"
    file.write_bytes("\n".join(json.dumps(row) for row in rows).encode(errors="surrogatepass"))
    read(file)
    file.write_bytes(changed(file.read_bytes(), changes))
    read(file)


@pytest.fixture(scope="module")
def parquet(folder: Path) -> bytes:
    import pyarrow.parquet as pq

    table = pa.table({"id": ["a", "b"], "image": ["1.png", "2.png"], "price": [1.5, None], "sizes": [[1, 2], []]})
    pq.write_table(table, folder / "whole.parquet")
    return (folder / "whole.parquet").read_bytes()


@OFTEN
@given(changes=CHANGES)
def test_altered_parquet_is_rows_or_a_named_error(folder: Path, parquet: bytes, changes: Changes) -> None:
    file = folder / "shop.parquet"
    file.write_bytes(changed(parquet, changes))
    read(file)


FILTERS = st.recursive(
    JSON,
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["not", "any", "all", "id", "predicted.class", "colour~", "q~", "price", "lt", "gte", "prefix", "near"]
        ),
        inner | st.lists(inner, max_size=3),
        max_size=3,
    ),
    max_leaves=8,
)


@OFTEN
@given(FILTERS)
def test_anything_is_a_filter_or_a_named_error(where: Any) -> None:
    with suppress(LookalikeError):
        condition = condition_of(where, CLASSES)
        assert condition is None or hash(condition) is not None


@OFTEN
@given(st.text(max_size=30) | st.from_regex(r"[a-z ]{0,3}(=|!=|<|<=|\^=|~)[^\n]{0,8}(;[a-z]=[0-9.]{0,4}){0,2}"))
def test_anything_typed_is_a_filter_or_a_named_error(text: str) -> None:
    with suppress(LookalikeError):
        where = parse_conditions(split_conditions(text))
        condition_of(where, CLASSES)


def test_what_is_no_table_at_all_is_said(folder: Path) -> None:
    (folder / "shop.parquet").write_bytes(b"")
    with pytest.raises(LookalikeError):
        list(open_source(str(folder / "shop.parquet")))
