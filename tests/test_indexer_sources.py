"""Folders, tables and streams as sources of items: what they yield, and how they refuse what they can't."""

import gzip
import io
import json
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer import validation
from indexer.sources import errors
from indexer.sources.bounded_lines import LONGEST_LINE
from indexer.sources.csv_rows import number_in
from indexer.sources.files.places import PicturePlaces
from indexer.sources.folder import Folder
from indexer.sources.items import Failure, SourceItem
from indexer.sources.json_rows import JsonStream
from indexer.sources.named_sources import open_source
from indexer.sources.picture_files import PictureFile
from indexer.sources.source_options import SourceOptions
from indexer.sources.tables import Table
from models.errors import LookalikeError, PictureTooLarge
from models.pictures.decoding import MAX_BYTES

NOBODY = 65534
HEAD = b"id,image,price\n"


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def attributes_of(source: Any) -> dict[str, dict[str, object]]:
    return {item.id: dict(item.attributes) for item in source if isinstance(item, SourceItem)}


def failures_of(source: Any) -> list[Failure]:
    return [row for row in source if isinstance(row, Failure)]


def path_of(item: SourceItem | Failure) -> Path:
    assert isinstance(item, SourceItem)
    assert isinstance(item.picture, PictureFile)
    return item.picture.path


# Folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "z/1.webp", "shoes/boots/x.jpeg", "shoes/y.gif", "z.png/inner.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in (".hidden.png", ".cache/p.png", "table.csv", "LICENSE"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_is_walked_in_the_order_of_its_paths(folder: Path) -> None:
    source = Folder(folder)
    items = list(source)
    ids = ["a.JPG", "b.png", "shoes/boots/x.jpeg", "shoes/y.gif", "z.png/inner.bmp", "z/1.webp"]
    assert [item.id for item in items] == [item.place for item in items] == ids
    assert len(source) == len(ids)
    assert [path_of(item) for item in items] == [folder / id_ for id_ in ids]
    assert [item.attributes.get("folder") for item in items if isinstance(item, SourceItem)] == [
        None,
        None,
        "shoes/boots",
        "shoes",
        "z.png",
        "z",
    ]
    assert "folder" not in attributes_of(source)["b.png"]
    (note,) = source.notes
    assert "1 .csv" in note
    assert "1 without a suffix" in note


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    write(tmp_path / "notes.txt", "nothing to see")
    with pytest.raises(errors.SourceEmpty, match="no picture in"):
        Folder(tmp_path)


def test_a_name_that_can_be_no_id_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "good.png").touch()
    (tmp_path / "new\nline.png").touch()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin-\xe9.png")).touch()
    source = Folder(tmp_path)
    failed = failures_of(source)
    assert list(attributes_of(source)) == ["good.png"]
    assert [failure.place for failure in failed] == ["latin-\\udce9.png", "new\nline.png"]
    assert {(failure.code, failure.hides_items) for failure in failed} == {("invalid-row", False)}
    json.dumps([failure.message for failure in failed], ensure_ascii=False).encode()


NAMES = [
    "Screenshot at 9.41.00\u202fAM.png", "v\u00a013.05.05.png", "シャツ\u3000白.png", "لباس\u200cها.png",
    "Trench\u00adcoat.png", "family-\U0001f468\u200d\U0001f469\u200d\U0001f467.png", "cafe\u0301.png",
    "/".join(["level-of-a-long-name"] * 40) + "/x.png",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_that_people_have_are_ids_as_they_are_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert list(attributes_of(Folder(tmp_path))) == [name]
    assert validation.attribute_error({Path(name).name: "value"}) is None


@pytest.mark.parametrize("name", [".", "..", "", " ", "\u200b\u00a0", "a\x00", "a\u2028b", "\ud800", "x" * 1001])
def test_what_shows_nothing_or_does_something_else_is_no_id(name: str) -> None:
    assert validation.id_error(name) is not None


def test_two_names_that_are_one_but_for_how_letters_are_composed_are_told(tmp_path: Path) -> None:
    for name in ("caf\u00e9.png", "cafe\u0301.png"):
        (tmp_path / name).touch()
    source = Folder(tmp_path)
    assert list(attributes_of(source)) == ["cafe\u0301.png"]
    assert [(failure.id, failure.code) for failure in failures_of(source)] == [(None, "duplicate-id")]


def test_links_are_followed_once_without_circles_and_told_where_they_lead_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "shop", tmp_path / "outside"
    for path in (root / "a/x.png", root / ".releases/7/y.png", outside / "secret.png"):
        path.parent.mkdir(parents=True)
        path.touch()
    (root / "a/loop").symlink_to(root, target_is_directory=True)
    (root / "b").symlink_to("a", target_is_directory=True)
    (root / "current").symlink_to(".releases/7", target_is_directory=True)
    (root / "out").symlink_to(outside, target_is_directory=True)
    (root / "one.png").symlink_to(outside / "secret.png")
    (root / "itself.png").symlink_to("itself.png")
    source = Folder(root)
    assert list(attributes_of(source)) == ["a/x.png", "current/y.png", "itself.png", "one.png", "out/secret.png"]
    assert source.notes == (
        "Followed 2 links out of the folder: one.png, out.",
        "Links to folders that are read already: 2.",
    )
    without = Folder(root, SourceOptions(exclude=("out", "one.png")))
    assert list(attributes_of(without)) == ["a/x.png", "current/y.png", "itself.png"]


@pytest.mark.parametrize("only", ["link", "@eaDir"])
def test_a_folder_in_which_all_is_left_out_says_what(only: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    if only == "link":
        (tmp_path / "root/season").symlink_to(tmp_path)
        with pytest.raises(errors.SourceEmpty, match="1 links out of the folder: season"):
            Folder(tmp_path / "root")
        (tmp_path / "a.png").touch()
        assert list(attributes_of(Folder(tmp_path / "root"))) == ["season/a.png"]
    else:
        (tmp_path / "root/@eaDir").mkdir()
        with pytest.raises(errors.SourceEmpty, match="1 @eaDir"):
            Folder(tmp_path / "root")


def test_folders_of_systems_are_left_out_and_counted_unless_they_are_named(tmp_path: Path) -> None:
    for name in ("@eaDir", "#recycle", "$RECYCLE.BIN", ".Trashes", "__MACOSX", "kept"):
        (tmp_path / "sub" / name).mkdir(parents=True)
        (tmp_path / "sub" / name / "x.png").touch()
    source = Folder(tmp_path)
    assert list(attributes_of(source)) == ["sub/kept/x.png"]
    (note,) = source.notes
    assert all(f"1 {name}" in note for name in ("@eaDir", "#recycle", "$RECYCLE.BIN", ".Trashes", "__MACOSX"))
    named = Folder(tmp_path, SourceOptions(include=("#recycle", "kept")))
    assert list(attributes_of(named)) == ["sub/#recycle/x.png", "sub/kept/x.png"]


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ((), ("shoes",), ["a.JPG", "b.png", "z.png/inner.bmp", "z/1.webp"]),
        (("*.jpg", "*.PNG"), (), ["a.JPG", "b.png", "z.png/inner.bmp"]),
        (("shoes/**/*.jpeg",), (), ["shoes/boots/x.jpeg"]),
        (("shoes/*.gif", "/z"), (), ["shoes/y.gif", "z/1.webp"]),
        (("**",), ("shoes/boots", "[ab].*"), ["shoes/y.gif", "z.png/inner.bmp", "z/1.webp"]),
    ],
)
def test_a_folder_gives_what_is_included_and_not_excluded(
    include: tuple[str, ...], exclude: tuple[str, ...], taken: list[str], folder: Path
) -> None:
    source = Folder(folder, SourceOptions(include=include, exclude=exclude))
    assert list(attributes_of(source)) == taken
    assert any("--include and --exclude" in note for note in source.notes)


def test_a_sub_folder_that_can_not_be_read_is_a_failure_that_hides_items() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "a.png").touch()
        (root / "closed").mkdir(mode=0o700)
        (root / "closed" / "b.png").touch()
        if os.getuid() != 0:
            (root / "closed").chmod(0)
        with as_nobody():
            source = Folder(root)
        (failure,) = failures_of(source)
        (root / "closed").chmod(0o700)
        assert list(attributes_of(source)) == ["a.png"]
        assert (failure.place, failure.hides_items) == ("closed", True)
        assert "denied" in failure.message
        root.chmod(0o700)
        if os.getuid() == 0:
            with as_nobody(), pytest.raises(errors.SourceUnreadable, match="denied"):
                Folder(root)


class as_nobody:  # noqa: N801
    """Root may read everything; for a while, be somebody who may not."""

    def __enter__(self) -> None:
        if os.getuid() == 0:
            os.seteuid(NOBODY)

    def __exit__(self, *_: object) -> None:
        if os.getuid() == 0:
            os.seteuid(0)


# Tables


def test_csv_tells_numbers_from_text_by_the_whole_column(tmp_path: Path) -> None:
    table = Table(
        write(
            tmp_path / "shop.csv",
            "id,image,price,stock,code,size,ean,note\n1,a/1.jpg,19.90,3,007,42,4006381333931,\n"
            '"two, 2",b.jpg,-5,,008,M,4006381333948,"a ""quoted""\nline"\n\n3,c.jpg, 1e2 ,0,9,43,4006381333955, \n',
        )
    )
    assert attributes_of(table) == {
        "1": {"price": 19.9, "stock": 3, "code": "007", "size": "42", "ean": 4006381333931},
        "two, 2": {"price": -5, "code": "008", "size": "M", "ean": 4006381333948, "note": 'a "quoted"\nline'},
        "3": {"price": 100.0, "stock": 0, "code": "9", "size": "43", "ean": 4006381333955},
    }
    assert len(table) == 3
    assert [type(value) for value in attributes_of(table)["1"].values()] == [float, int, str, str, int]
    assert table.notes == ("Numbers: price, stock, ean.", "Text: code, size, note.")
    assert [item.place for item in table] == [2, 3, 5]
    assert path_of(next(iter(table))) == tmp_path / "a/1.jpg"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("0.5", 0.5),
        ("2e3", 2000.0),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("007", None),
        ("1,5", None),
        ("1_000", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("٣", None),
        ("", None),
        ("12 cm", None),
        ("1" * 5000, None),
    ],
)
def test_what_is_a_number_in_text(text: str, number: float | None) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "id,image,title\n1,a.jpg,Red\n"),
        ("t.csv", "id;image;title\n1;a.jpg;Red\n"),
        ("t.csv", "title\timage\tid\r\nRed\ta.jpg\t1\r\n"),
        ("t.csv", "\ufeffid,image,title\n1,a.jpg,Red\n"),
        ("t.csv", '"id", image ,title\n1, a.jpg, "Red"'),
        ("t.TSV", "id\timage\ttitle\n1\ta.jpg\tRed\n"),
        ("t.jsonl", '{"id": "1", "image": "a.jpg", "title": "Red", "brand": null, "note": ""}\n\n'),
        ("t.ndjson", '\ufeff{"id": 1, "image": "a.jpg", "title": "Red"}'),
    ],
)
def test_tables_of_every_dress_say_the_same(name: str, content: str, tmp_path: Path) -> None:
    assert attributes_of(Table(write(tmp_path / name, content))) == {"1": {"title": "Red"}}


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.csv", "id,image,label\n1,a.jpg,Acme\n"), ("t.jsonl", '{"id": "1", "image": "a.jpg", "label": "Acme"}\n')],
)
def test_a_shop_may_call_an_attribute_label(name: str, content: str, tmp_path: Path) -> None:
    assert attributes_of(Table(write(tmp_path / name, content))) == {"1": {"label": "Acme"}}


def test_json_lines_keep_types_and_a_bad_row_fails_alone(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "1", "image": "a.jpg", "price": 5, "sale": True, "weight": 0.5, "size": "42"},
        {"image": "a.jpg"},
        {"id": True, "image": "a.jpg"},
        {"id": "x" * 1001, "image": "a.jpg"},
        {"id": "2", "image": "a.jpg", "tags": ["a", ["b"]]},
        {"id": "3", "image": "a.jpg", "price": 2**70},
        {"id": "4", "price": 1},
        {"id": "5", "image": ["a.jpg"]},
        {"id": "6", "image": "a.jpg", "weight": float("nan")},
        {"id": "7", "image": "a.jpg", "title": "\ud800"},
        {"id": "8", "image": "a.jpg", "tags": ["a", None]},
        {"id": "9", "image": "a.jpg", "tags": [1] * 1001},
        {"id": "10", "image": "a.jpg", "tags": {"a": 1}},
        {"id": "11", "image": "a.jpg", "sizes": ["S", 36, 37.5, True], "tags": []},
    ]
    table = Table(write(tmp_path / "t.jsonl", "\n".join(json.dumps(row) for row in rows)))
    assert attributes_of(table) == {
        "1": {"price": 5, "sale": True, "weight": 0.5, "size": "42"},
        "2": {"tags": '["a", ["b"]]'},
        "5": {},
        "6": {},
        "8": {"tags": ["a"]},
        "10": {"tags.a": 1},
        "11": {"sizes": ["S", 36, 37.5, True], "tags": []},
    }
    failed = failures_of(table)
    assert [failure.place for failure in failed] == [2, 3, 4, 6, 7, 10, 12]
    assert [failure.id for failure in failed] == [None, None, None, "3", "4", "7", "9"]
    assert {failure.code for failure in failed} == {"invalid-row"}
    assert [failure.hides_items for failure in failed] == [True, True] + [False] * 5


BAD_TABLES = [
    ("t.csv", b"", errors.SourceEmpty, "is empty"),
    ("t.csv", HEAD, errors.SourceEmpty, "no rows"),
    ("t.csv", b"\n" + HEAD, errors.SourceEmpty, "no rows"),
    ("t.csv", b"\n,,\n \n", errors.SourceEmpty, "is empty"),
    ("t.csv", b"id,picture\n1,a.jpg\n", errors.ColumnMissing, "'image'.*'picture'"),
    ("t.csv", b"SKU,image\n1,a.jpg\n", errors.ColumnMissing, "'id'.*'SKU'"),
    ("t.csv", b"ID,Id,image\n1,2,a.jpg\n", errors.ColumnMissing, "'id'.*'ID', 'Id'"),
    ("t.csv", b"id,image,image\n1,a.jpg,b.jpg\n", errors.ColumnUnusable, "2 columns 'image'"),
    ("t.csv", b"id,image," + b"c," * 2000 + b"\n1,a.jpg\n", errors.ColumnUnusable, "2003 columns"),
    ("t.csv", HEAD + b"1,a.jpg,1\n2,b.jpg,1\n1,c.jpg,1\n", errors.DuplicateId, "rows 2 and 4.*'1'"),
    ("t.csv", HEAD + b"1,a.jpg\n", errors.TableDamaged, "row 2 has 2 values for 3 columns"),
    ("t.csv", HEAD + b"1,a.jpg,1\n2,b.jpg,1,5\n", errors.TableDamaged, "row 3 has 4 values"),
    ("t.csv", HEAD + b'1,a.jpg,"never ends\n', errors.TableDamaged, "row 2"),
    ("t.csv", HEAD + b'1,"a"b.jpg,1\n', errors.TableDamaged, "row 2"),
    ("t.csv", HEAD + b"1,gr\xffn.jpg,1\n", errors.TableDamaged, "line 2 is not UTF-8.*0xff.*--encoding"),
    ("t.csv", (HEAD + b"1,a.jpg,1\n").decode().encode("utf-16")[:-1], errors.TableDamaged, "no sound UTF-16"),
    ("t.csv.gz", gzip.compress(HEAD + b"1,a.jpg,1\n", mtime=0)[:-9], errors.TableDamaged, "gzip"),
    ("t.xlsx", b"PK\3\4 and nothing more", errors.TableDamaged, "no sound Excel workbook"),
    ("t.json", b'[{"id": "1", "image": "a"},', errors.TableDamaged, "line 1 is no JSON"),
    ("t.json", b'[{"id": "1", "image": "a"}] [', errors.TableDamaged, "after the end"),
    ("t.json", b'[\n{"id": "1", "image": "a"},\n"b"]', errors.TableDamaged, "line 3 is no JSON object"),
    ("t.jsonl", b'[{"id": "1", "image": "\xff"}]', errors.TableDamaged, "not UTF-8"),
    ("t.csv", HEAD + b"1,a\0.jpg,1\n", errors.TableDamaged, "line 2 holds NUL bytes"),
    ("t.csv", b"x" * 200_000 + b"\n1\n", errors.TableDamaged, "no columns"),
    ("t.csv", HEAD + b'1,"' + b"x" * 200_000 + b'",1\n', errors.TableDamaged, "row 2.*field"),
    ("t.csv", HEAD + b"1," + b'"a\n",' * 300_000 + b"1\n", errors.TableDamaged, "without an end"),
    ("t.csv", HEAD + b"1,a.jpg," + b"x" * LONGEST_LINE + b"\n", errors.TableDamaged, "line 2 is longer than 1 MiB"),
    ("t.jsonl", b"", errors.SourceEmpty, "no rows"),
    ("t.jsonl", b"\n \n", errors.SourceEmpty, "no rows"),
    ("t.jsonl", b'{"id": "1", "image": "a.jpg"}\n{"id": "2",\n', errors.TableDamaged, "line 2 is no JSON"),
    ("t.jsonl", b'["1", "a.jpg"]\n', errors.TableDamaged, "line 1 is no JSON object"),
    ("t.jsonl", b"[" * 200_000, errors.TableDamaged, "line 1 is no JSON"),
    ("t.jsonl", b'{"id": "1", "photo": "a.jpg"}\n', errors.ColumnMissing, "'image'.*'photo'"),
    ("t.jsonl", b'{"id": 1, "image": "a"}\n{"id": "1", "image": "b"}\n', errors.DuplicateId, "rows 1 and 2"),
    ("t.jsonl", b'{"id": "1", "image": "\xff"}\n', errors.TableDamaged, "not UTF-8"),
    ("t.jsonl", b'{"id": "1", "image": "a\0.jpg"}\n', errors.TableDamaged, "NUL"),
    ("t.jsonl", b'{"id": ' + b"1" * 5000 + b', "image": "a"}\n', errors.TableDamaged, "line 1 is no JSON"),
    ("t.parquet", b"", errors.TableDamaged, "no sound Parquet"),
    ("t.parquet", b"PAR1 nothing of the kind PAR1", errors.TableDamaged, "no sound Parquet"),
]


@pytest.mark.parametrize(("name", "content", "error", "says"), BAD_TABLES, ids=lambda part: str(part)[:40])
def test_a_bad_table_is_refused_before_it_gives_an_item(
    name: str, content: bytes, error: type[LookalikeError], says: str, tmp_path: Path
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(error, match=says) as refused:
        open_source(str(write(tmp_path / name, content)))
    assert str(tmp_path / name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_line_of_a_gigabyte_is_not_held_in_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", HEAD + b"1,a.jpg,")
    os.truncate(path, 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(errors.TableDamaged, match="line 2 is longer"):
            Table(path)
        assert tracemalloc.get_traced_memory()[1] < 8 * LONGEST_LINE
    finally:
        tracemalloc.stop()


def test_a_table_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", HEAD + b"1,a.jpg,1\n")
    table = Table(path)
    assert len(list(table)) == 1
    write(path, HEAD + b"1,a.jpg,1\n2,b.jpg,1\n")
    with pytest.raises(errors.SourceChanged, match="changed"):
        list(table)


def test_a_name_of_no_source_lists_what_there_is(tmp_path: Path) -> None:
    for name in ("nothing", str(write(tmp_path / "t.ods", b"PK"))):
        with pytest.raises(errors.UnknownSource, match=r"fashion-mnist, sample, a folder.*\.parquet"):
            open_source(name)
    with pytest.raises(errors.SourceUnreadable, match="too long"):
        open_source("n" * 300)
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(errors.UnknownSource, match="standard input"):
        open_source(str(tmp_path / "t.csv"))


# Parquet


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Path]:
    pyarrow = pytest.importorskip("pyarrow")
    tables = pytest.importorskip("pyarrow.parquet")

    def written(**columns: Any) -> Path:
        tables.write_table(pyarrow.table(columns), tmp_path / "t.parquet", row_group_size=1000)
        return tmp_path / "t.parquet"

    return written


def test_parquet_gives_plain_values(parquet: Callable[..., Path]) -> None:
    import datetime
    import decimal

    import pyarrow

    day = datetime.date(2026, 1, 31)
    path = parquet(
        id=pyarrow.array([1, 2, 3]),
        image=["a.jpg", "b.jpg", None],
        price=[decimal.Decimal("9.50"), None, None],
        stock=pyarrow.array([3, None, 1], pyarrow.int16()),
        weight=[0.5, float("nan"), 1.0],
        sale=[True, False, None],
        brand=pyarrow.array(["x", "y", "x"]).dictionary_encode(),
        since=[day, None, day],
        at=pyarrow.array([1_700_000_000_000_000_001, None, None], pyarrow.timestamp("ns")),
        sizes=[["S", None, "M"], [], None],
        widths=pyarrow.array([[0.5, float("nan")], None, None], pyarrow.large_list(pyarrow.float32())),
    )
    table = Table(path)
    assert attributes_of(table) == {
        "1": {
            "price": 9.5,
            "stock": 3,
            "weight": 0.5,
            "sale": True,
            "brand": "x",
            "since": "2026-01-31",
            "at": "2023-11-14 22:13:20.000000001",
            "sizes": ["S", "M"],
            "widths": [0.5],
        },
        "2": {"sale": False, "brand": "y", "sizes": []},
    }
    assert [(failure.place, failure.id) for failure in failures_of(table)] == [(3, "3")]


def test_bad_parquet_tables_are_refused(parquet: Callable[..., Path]) -> None:
    with pytest.raises(errors.ColumnUnusable, match=r"'tags' holds list<.*binary"):
        Table(parquet(id=["1"], image=["a"], tags=[[b"x"]]))
    with pytest.raises(errors.ColumnUnusable, match="'tags' holds struct"):
        Table(parquet(id=["1"], image=["a"], tags=[{"x": b"1"}]))
    with pytest.raises(errors.ColumnMissing, match="'image'"):
        Table(parquet(id=["1"]))
    with pytest.raises(errors.SourceEmpty, match="no rows"):
        Table(parquet(id=[], image=[]))
    with pytest.raises(errors.DuplicateId, match="rows 1 and 2"):
        Table(parquet(id=["1", "1"], image=["a", "b"]))


def test_parquet_that_is_cut_short_or_overwritten_inside_is_refused(parquet: Callable[..., Path]) -> None:
    path = parquet(id=[f"item {number}" for number in range(5000)], image=[f"{n * 7919}.jpg" for n in range(5000)])
    content = path.read_bytes()
    assert len(Table(path)) == 5000
    with pytest.raises(errors.TableDamaged, match="no sound Parquet"):
        Table(write(path, content[: len(content) // 2]))
    with pytest.raises(errors.TableDamaged, match="no sound Parquet"):
        Table(write(path, content[:4] + bytes(2000) + content[2004:]))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(errors.ParquetUnavailable, match=r"pip install 'lookalike\[parquet\]'"):
        Table(write(tmp_path / "t.parquet", b"PAR1"))


# Streams


def test_a_stream_gives_items_and_every_trouble_is_one_row(tmp_path: Path) -> None:
    lines = [
        b'{"id": "1", "image": "a.jpg", "price": 5}',
        b"",
        b"nonsense",
        b'{"id": "1", "image": "b.jpg"}',
        b'{"id": "2", "image": "' + b"x" * (3 * LONGEST_LINE) + b'"}',
        b'{"id": "3", "image": "\xff"}',
        b'{"id": "4", "image": "a.jpg", "a\\"b": "x"}',
        b'{"id": "5", "image": "c.jpg"}',
    ]
    rows = list(JsonStream(io.BytesIO(b"\n".join(lines)), tmp_path))
    assert attributes_of(rows) == {"1": {"price": 5}, "5": {}}
    assert [(failure.place, failure.id, failure.code) for failure in failures_of(rows)] == [
        (3, None, "table-damaged"),
        (4, "1", "duplicate-id"),
        (5, None, "table-damaged"),
        (6, None, "table-damaged"),
        (7, "4", "invalid-row"),
    ]
    assert path_of(rows[-1]) == tmp_path / "c.jpg"


def test_a_stream_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(errors.SourceEmpty, match="standard input"):
        list(JsonStream(io.BytesIO(), tmp_path))


# Paths and picture files


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("/etc/passwd", errors.PathRefused),
        ("//server/share/a.jpg", errors.AddressRefused),
        ("C:\\pictures\\a.jpg", errors.PathRefused),
        ("..", errors.PathRefused),
        ("../a.jpg", errors.PathRefused),
        ("a/../../b.jpg", errors.PathRefused),
        ("./../b.jpg", errors.PathRefused),
        ("http://example.org/a.jpg", errors.AddressRefused),
        ("HTTPS://example.org/a.jpg", errors.AddressRefused),
        ("file:///etc/passwd", errors.AddressRefused),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(reference: str, error: type[LookalikeError], tmp_path: Path) -> None:
    with pytest.raises(error):
        PicturePlaces(tmp_path).at(reference)
    table = Table(write(tmp_path / "t.jsonl", json.dumps({"id": "1", "image": reference})))
    (failure,) = failures_of(table)
    assert (failure.place, failure.id, failure.code) == (1, "1", error.code)


def test_paths_within_the_folder_are_followed(tmp_path: Path) -> None:
    assert PicturePlaces(tmp_path).at("a/../b/./c.jpg") == PictureFile(tmp_path / "b/c.jpg")
    assert PicturePlaces(tmp_path).at("..a/b.jpg") == PictureFile(tmp_path / "..a/b.jpg")


@pytest.mark.parametrize(
    ("written", "is_at"),
    [
        ("Kleider\\Sommer 26\\a.JPG", "Kleider/Sommer 26/a.JPG"),
        ("/Kleider/Sommer 26/a.JPG", "Kleider/Sommer 26/a.JPG"),
        ("\\Kleider\\Sommer%2026\\a.jpg", "Kleider/Sommer 26/a.JPG"),
        ("kleider/SOMMER 26/A.jpg", "Kleider/Sommer 26/a.JPG"),
        ("cafe\u0301/\u00e9te\u0301.png", "caf\u00e9/e\u0301t\u00e9.png"),
        ("CAF%C3%89/%C3%89t%C3%A9.PNG", "caf\u00e9/e\u0301t\u00e9.png"),
        ("100%25.png", "100%25.png"),
        ("twice.png", "twice.png"),
    ],
)
def test_a_path_is_found_however_another_system_writes_it(written: str, is_at: str, tmp_path: Path) -> None:
    sommer, ete = "Kleider/Sommer 26/a.JPG", "caf\u00e9/e\u0301t\u00e9.png"
    for name in (sommer, ete, "100%25.png", "100%.png", "twice.png", "Twice.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, name)
    picture = PicturePlaces(tmp_path).at(written)
    assert picture == PictureFile(tmp_path / is_at)
    assert picture.read().decode() == is_at


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("shoes/boot-1.png", "'shoes/Boot 1.jpg'"),
        ("SHOES/boot_1", "'shoes/Boot 1.jpg'"),
        ("bags/bag.png", "'bag.png'"),
        ("shoes/other.png", None),
        ("TWICE.PNG", "'Twice.png'"),
    ],
)
def test_a_picture_that_is_not_there_is_told_with_one_that_is_near(
    written: str, near: str | None, tmp_path: Path
) -> None:
    for name in ("shoes/Boot 1.jpg", "bag.png", "Twice.png", "twice.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    picture = PicturePlaces(tmp_path).at(written)
    assert isinstance(picture, PictureFile)
    with pytest.raises(errors.PictureMissing) as failed:
        picture.read()
    assert (f"There is {near}." in str(failed.value)) is (near is not None)
    with pytest.raises(errors.PathRefused, match=r"--images-dir.* There is 'bag.png'"):
        PicturePlaces(tmp_path).at("C:\\Users\\me\\bag.png")


def test_links_of_a_table_lead_out_of_its_folder_only_where_that_is_allowed(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    for name in ("mine/secret.png", "archive/real/a.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        write(tmp_path / name, name)
    (archive / "inner.png").symlink_to("real/a.png")
    (archive / "folder").symlink_to(tmp_path / "mine")
    (archive / "file.png").symlink_to("../mine/secret.png")
    places = PicturePlaces(archive)
    assert places.at("inner.png") == PictureFile(archive / "inner.png")
    for name in ("folder/secret.png", "file.png", "FILE.png", "folder\\secret.png"):
        with pytest.raises(errors.PathRefused, match="--follow-links-out"):
            places.at(name)
        followed = PicturePlaces(archive, follow_links_out=True).at(name)
        assert isinstance(followed, PictureFile)
        assert followed.read() == b"mine/secret.png"
    table = write(archive / "t.csv", "id,image\n1,folder/secret.png\n2,real/a.png\n")
    assert [failure.id for failure in failures_of(Table(table))] == ["1"]
    elsewhere = Table(table, options=SourceOptions(images_dir=tmp_path))
    assert [path_of(item) for item in elsewhere] == [tmp_path / "folder/secret.png", tmp_path / "real/a.png"]


@pytest.fixture
def odd_files(tmp_path: Path) -> Path:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "broken.jpg").symlink_to("nothing")
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    write(tmp_path / "file", b"content")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("folder.jpg", errors.PictureUnreadable, "is a folder"),
        ("pipe.jpg", errors.PictureUnreadable, "pipe"),
        ("device.jpg", errors.PictureUnreadable, "device"),
        ("loop.jpg", errors.PictureUnreadable, "symbolic links"),
        ("broken.jpg", errors.PictureMissing, "no file"),
        ("none.jpg", errors.PictureMissing, "no file"),
        ("file/a.jpg", errors.PictureMissing, "no file"),
        ("a\0b.jpg", errors.PictureUnreadable, "null"),
        ("\ud800.jpg", errors.PictureUnreadable, "surrogates"),
        ("n" * 300, errors.PictureUnreadable, "too long"),
        ("large.jpg", PictureTooLarge, "20.0 MiB; at most 20"),
    ],
)
def test_what_is_no_picture_file_is_neither_waited_for_nor_read(
    name: str, error: type[LookalikeError], says: str, odd_files: Path
) -> None:
    with pytest.raises(error, match=says) as failed:
        PicturePlaces(odd_files, follow_links_out=True).at(name).read()
    str(failed.value).encode()


def test_a_picture_file_gives_its_bytes(odd_files: Path) -> None:
    assert PicturePlaces(odd_files).at("file").read() == b"content"


def test_long_values_are_shortened_where_they_are_told() -> None:
    trouble = validation.attribute_error({"tags": ["long"] * 10_000})
    assert trouble is not None
    assert len(trouble) < 200
