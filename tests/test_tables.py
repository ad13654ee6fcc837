"""Tables as shops and spreadsheets write them: what is read of them, and what a person is told of that."""

import csv
import datetime
import gzip
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.catalogue.item_list import Items
from indexer.directory import index_into
from indexer.pipeline import last_run
from indexer.pipeline.plan import BATCH_BYTES, batches
from indexer.pipeline.run_report import IndexReport
from indexer.sources import errors
from indexer.sources.items import Failure, SourceItem
from indexer.sources.named_sources import open_source
from indexer.sources.tables import Table
from indexer.sources.tabular.amounts import Convention, amount_in
from indexer.sources.tabular.picture_values import PictureBytes
from indexer.sources.tabular.safe_cells import plain_cell, safe_cell
from indexer.validation import LARGEST_VALUE, attribute_error
from models.pictures.png import encode_png
from models.runtime import LiteRTEmbedder

Attributes = Mapping[str, Mapping[str, object]]


def table(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    source = open_source(str(path))
    assert isinstance(source, Table)
    return source


def items_of(source: Table) -> dict[str, dict[str, object]]:
    rows = list(source)
    assert not [row for row in rows if isinstance(row, Failure)]
    return {row.id: dict(row.attributes) for row in rows if isinstance(row, SourceItem)}


ONE: Attributes = {"1": {"price": 19.95}}
TWO: Attributes = {"1": {"price": 19.95}, "2": {"price": 1299.0}}


@pytest.mark.parametrize(
    ("name", "content", "encoding", "read"),
    [
        ("sep.csv", "sep=;\r\nid;image;price\r\n1;a.png;19.95\r\n", "utf-8", ONE),
        ("sep.csv", "sep=^\nid^image^price\n1^a.png^19.95\n", "utf-8", ONE),
        ("mark.csv", "id;image;price\r\n1;a.png;19,95\r\n2;b.png;1.299,00\r\n", "utf-8-sig", TWO),
        ("unicode.txt", "id\timage\tprice\n1\ta.png\t19.95\n", "utf-16", ONE),
        ("unicode.tsv", "id\timage\tprice\n1\ta.png\t19.95\n", "utf-16-be", ONE),
        ("unicode.jsonl", '{"id": "1", "image": "a.png", "price": 19.95}\n', "utf-16", ONE),
        ("columns.csv", "id,image,price,,\n1,a.png,19.95,,\n", "utf-8", ONE),
        ("wide.csv", "id,image,price\n1,a.png,19.95,,\n", "utf-8", ONE),
        ("rows.csv", "id,image,price\n1,a.png,19.95\n,,\n , ,\n,\n", "utf-8", ONE),
        ("blank.csv", "\n\nid,image,price\n1,a.png,19.95\n", "utf-8", ONE),
        ("titled.csv", "Price list,,\n,,\nid,image,price\n1,a.png,19.95\n", "utf-8", ONE),
        ("case.csv", "ID,Image,price\n1,a.png,19.95\n", "utf-8", ONE),
        ("mac.csv", "id,image,price\r1,a.png,19.95\r", "utf-8", ONE),
        ("bars.csv", "id|image|price\n1|a.png|19.95\n", "utf-8", ONE),
        ("semicolons.txt", "id;image;price\n1;a.png;19.95\n", "utf-8", ONE),
        ("index.csv", ",id,image,price\n0,1,a.png,19.95\n", "utf-8", ONE),
        ("index.csv", "Unnamed: 0,id,image,price\n7,1,a.png,19.95\n", "utf-8", ONE),
        ("floats.csv", "id,image,price\n1.0,a.png,19.95\n2.0,b.png,1299\n", "utf-8", TWO),
        ("label.csv", "id,image,label\n1,a.png,sale\n", "utf-8", {"1": {"label": "sale"}}),
        ("break.csv", 'id,image,"Size\n(EU)"\n1,a.png,40\n', "utf-8", {"1": {"Size (EU)": 40}}),
        ("inch.csv", 'id,image,"Heel ""inch"""\n1,a.png,3\n', "utf-8", {"1": {"Heel 'inch'": 3}}),
        ("unnamed.csv", "id,image,\n1,a.png,new\n", "utf-8", {"1": {"column 3": "new"}}),
        ("array.json", '[\n {"id": 1, "image": "a.png", "price": 19.95}\n]\n', "utf-8", ONE),
        ("array.jsonl", '[{"id": "1", "image": "a.png", "price": 19.95}]', "utf-8", ONE),
        ("whole.json", '{"products": [{"id": 1, "image": "a.png", "price": 19.95}], "total": 1}', "utf-8", ONE),
        ("pretty.json", '{\n"id": "1",\n"image": "a.png",\n"price": 19.95\n}\n', "utf-8", ONE),
        ("case.jsonl", '{"ID": 1.0, "Image": "a.png", "price": 19.95, "weight": NaN}\n', "utf-8", ONE),
    ],
)
def test_tables_as_programs_write_them(
    name: str, content: str, encoding: str, read: Attributes, tmp_path: Path
) -> None:
    assert items_of(table(tmp_path, name, content, encoding)) == read
    packed = table(tmp_path, f"{name}.gz", gzip.compress(content.encode(encoding)))
    assert items_of(packed) == read
    assert items_of(table(tmp_path, name, gzip.compress(content.encode(encoding)))) == read


def test_quotes_between_tabs_are_what_is_written_unless_they_quote_a_whole_value(tmp_path: Path) -> None:
    rows = ['1\ta.png\t"Vintage" tee', '2\ta.png\t14" chain', '3\ta.png\t"14 inch', '4\ta.png\t"a\tb"']
    rows += ['5\ta.png\t"Soft\n""cotton"""', "6\ta.png\tplain"]
    read = items_of(table(tmp_path, "t.tsv", "id\timage\ttitle\n" + "\n".join(rows)))
    titles = ['"Vintage" tee', '14" chain', '"14 inch', "a\tb", 'Soft\n"cotton"', "plain"]
    assert [attributes["title"] for attributes in read.values()] == titles


# Numbers


def column_of(
    folder: Path, *cells: str, name: str = "price", others: str = ""
) -> tuple[list[object], set[object], str]:
    """Return what is read of a column, the currencies beside it, and what is told of it."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";" if others else ",")
    writer.writerow(["id", "image", name, "other"])
    writer.writerows([str(number), "a.png", cell, others] for number, cell in enumerate(cells))
    source = table(folder, "t.csv", file.getvalue())
    read = items_of(source).values()
    (told,) = (line for line in source.columns_told if line.startswith(f"{name}:"))
    return [item.get(name) for item in read], {item.get(f"{name}_currency") for item in read}, told


@pytest.mark.parametrize(
    ("cells", "numbers", "currencies"),
    [
        (["19,95", "1.299,00", "5"], [19.95, 1299.0, 5], {None}),
        (["19.95", "1,299.00"], [19.95, 1299.0], {None}),
        (["19.95 EUR", "139.95 eur"], [19.95, 139.95], {"EUR"}),
        (["$19.95", "$1,299.00", "-$5"], [19.95, 1299.0, -5], {"USD"}),
        (["1 299,00 €", "19,95 €"], [1299.0, 19.95], {"EUR"}),
        (["1\u202f299,00\u00a0€", "€ 5"], [1299.0, 5], {"EUR"}),
        (["CHF 1'299.00", "CHF 19.–", "19,- CHF"], [1299.0, 19, 19], {"CHF"}),
        (["₹1,29,999.00", "₹999"], [129999.0, 999], {"INR"}),
        (["£5", "€ 6", "7 kr"], [5, 6, 7], {"GBP", "EUR", "kr"}),
        (["19.95", "n/a", "-", "NULL", "#N/A"], [19.95, None, None, None, None], {None}),
        (["19,95", "29.95"], [19.95, 29.95], {None}),
        (["19.95", "29.95", "call us"], [19.95, 29.95, "call us"], {None}),
        (["1.299", "2.499"], [1299, 2499], {None}),
        (["1,299", "2,499"], [1299, 2499], {None}),
        (["1.299", "19.95"], [1.299, 19.95], {None}),
        (["1.299 KWD", "2.500 KWD"], [1.299, 2.5], {"KWD"}),
    ],
)
def test_prices_are_read_by_column(
    cells: list[str], numbers: list[object], currencies: set[object], tmp_path: Path
) -> None:
    read, kept, told = column_of(tmp_path, *cells)
    assert read == numbers
    assert kept == currencies
    assert told.startswith("price: numbers (")
    assert ("taken as without a value" in told) == ("n/a" in cells)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1.299", "2.499"], [1.299, 2.499]),
        (["1,299", "2,499"], [1299, 2499]),
        (["42", "M"], ["42", "M"]),
        (["007", "12"], ["007", "12"]),
        (["555 123 456", "10 115"], ["555 123 456", "10 115"]),
        (["RED 5", "12 PCS"], ["RED 5", "12 PCS"]),
        (["12-34", "1E5"], ["12-34", "1E5"]),
        (["36,5", "M"], ["36,5", "M"]),
        (["n/a", "none"], ["n/a", "none"]),
        (["1.2.3", "1.2.4"], ["1.2.3", "1.2.4"]),
        (["31.01.2026", "01.02.2026"], ["31.01.2026", "01.02.2026"]),
    ],
)
def test_what_is_no_price_stays_what_it_is(cells: list[str], read: list[object], tmp_path: Path) -> None:
    assert column_of(tmp_path, *cells, name="value")[0] == read


def test_what_a_column_leaves_open_the_rest_of_the_table_decides(tmp_path: Path) -> None:
    assert column_of(tmp_path, "1.299", name="weight")[0] == [1.299]
    read, _, told = column_of(tmp_path, "1.299", name="weight", others="0,5")
    assert read == [1299]
    assert "leaves it open" in told
    assert column_of(tmp_path, "1,299", name="weight", others="text")[0] == [1.299]  # between semicolons


def test_a_currency_never_takes_the_place_of_a_column(tmp_path: Path) -> None:
    source = table(tmp_path, "t.csv", "id,image,price,price_currency\n1,a.png,$5,CAD\n")
    assert items_of(source) == {"1": {"price": 5, "price_currency": "CAD"}}
    assert "is not kept" in " ".join(source.columns_told)


@pytest.mark.parametrize("text", ["", "-", "EUR", "5 EUR 6", "EUR 5 EUR", "--5", "1,2,3", "1.29.999", "٣", "5" * 50])
def test_what_is_no_amount(text: str) -> None:
    assert amount_in(text) is None


def test_an_amount_is_what_each_convention_makes_of_it() -> None:
    amount = amount_in("1.299")
    assert amount is not None
    assert amount.is_ambiguous
    assert (amount.read(Convention.POINT), amount.read(Convention.COMMA)) == (1.299, 1299)


def test_ids_that_a_spreadsheet_shortened_are_named(tmp_path: Path) -> None:
    with pytest.raises(errors.DuplicateId, match="shortened by a spreadsheet"):
        table(tmp_path, "t.csv", "id,image\n4.05E+12,a.png\n4.05E+12,b.png\n")
    source = table(tmp_path, "t.csv", "id,image\n4.05E+12,a.png\n4.06E+12,b.png\n")
    assert "'4.05E+12'" in source.notes[0]


def test_a_word_for_nothing_is_no_picture(tmp_path: Path) -> None:
    (row,) = table(tmp_path, "t.csv", "id,image\n1,NULL\n")
    assert isinstance(row, Failure)
    assert "no picture" in row.message


def test_what_was_made_of_a_table_is_told(tmp_path: Path) -> None:
    told = "\n".join(table(tmp_path, "t.csv", 'ID;image;"Old\nprice";\n1;a.png;5,50 €;\n2;b.png;k.A.;\n').columns_told)
    for part in (
        "divided by semicolons",
        "'ID' is called 'id'",
        "'Old\\nprice' is called 'Old price'",
        "Old price: numbers ('5,50 €', 'k.A.')",
        "decimal sign is ','",
        "kept as Old price_currency: EUR",
        "1 cell with 'k.A.' taken as without a value",
        "column 4: nothing, and has no heading. It is left out.",
    ):
        assert part in told


# Nested values


def test_objects_become_columns_and_lists_stay(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "image": "a.png", "price": {"amount": 1, "currency": "EUR"}, "tags": ["a", None, "b"]},
        {
            "id": 2.0,
            "image": "b.png",
            "price": {"value": "19.95", "currency": "USD"},
            "size": {"eu": 40, "uk": {"a": 6}},
        },
        {"id": "3", "image": "c.png", "parts": [{"a": 1}], "empty": {}, "none": []},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert items_of(table(tmp_path, "t.jsonl", lines)) == {
        "1": {"price": 1, "price_currency": "EUR", "tags": ["a", "b"]},
        "2": {"price": 19.95, "price_currency": "USD", "size.eu": 40, "size.uk.a": 6},
        "3": {"parts": '[{"a": 1}]', "none": []},
    }


def test_text_of_formats_with_types_is_money_or_stays_text(tmp_path: Path) -> None:
    rows = [{"id": n, "image": "a.png", "price": f"{n},50 EUR", "size": "42", "sku": "5"} for n in (1, 2)]
    assert items_of(table(tmp_path, "t.json", json.dumps(rows))) == {
        str(n): {"price": n + 0.5, "price_currency": "EUR", "size": "42", "sku": "5"} for n in (1, 2)
    }


def test_an_array_is_read_in_pieces_and_each_item_once(tmp_path: Path) -> None:
    rows = [{"id": n, "image": "a.png", "text": "é" * (n % 700)} for n in range(2000)]
    read = items_of(table(tmp_path, "t.json", json.dumps(rows, ensure_ascii=False, indent=3)))
    assert read == {str(row["id"]): {"text": row["text"]} if row["text"] else {} for row in rows}


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Table]:
    pyarrow = pytest.importorskip("pyarrow")
    tables = pytest.importorskip("pyarrow.parquet")

    def written(**columns: Any) -> Table:
        tables.write_table(pyarrow.table(columns), tmp_path / "t.parquet", compression="zstd")
        return Table(tmp_path / "t.parquet")

    return written


def test_parquet_may_nest_and_hold_the_pictures_themselves(parquet: Callable[..., Table]) -> None:
    source = parquet(
        id=[1.0, 2.0, 3.0],
        image=[{"bytes": b"picture", "path": "a.png"}, {"bytes": None, "path": "b.png"}, None],
        size=[{"eu": 40, "uk": None}, None, None],
        tags=[["a", None], [], None],
        __index_level_0__=[5, 6, 7],
    )
    first, second, third = source
    assert isinstance(first, SourceItem)
    assert isinstance(second, SourceItem)
    assert isinstance(third, Failure)
    assert (first.id, first.picture, first.attributes) == (
        "1",
        PictureBytes(b"picture"),
        {"size.eu": 40, "tags": ["a"]},
    )
    assert "b.png" in str(second.picture)
    assert second.attributes == {"tags": []}


def test_few_bytes_of_parquet_never_take_much_memory(parquet: Callable[..., Table]) -> None:
    import pyarrow

    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 500, pyarrow.int32()), pyarrow.array(["x" * 2**20]))
    source = parquet(id=[str(number) for number in range(500)], image=["a.png"] * 500, text=same)
    before = pyarrow.total_allocated_bytes()
    most = 0
    for row in source:
        assert isinstance(row, Failure)
        assert "more than 64 KB" in row.message
        most = max(most, pyarrow.total_allocated_bytes() - before)
    assert most < 100 * 2**20, "all rows at once are 500 MiB"


def test_a_batch_holds_no_more_than_some_bytes_of_pictures() -> None:
    rows = [SourceItem(str(number), PictureBytes(bytes(BATCH_BYTES // 4))) for number in range(9)]
    assert [len(batch) for batch in batches(rows)] == [4, 4, 1]


def test_an_attribute_has_at_most_64_kilobytes() -> None:
    for value in ("é" * (LARGEST_VALUE // 2), ["x" * (LARGEST_VALUE // 2)] * 2):
        assert attribute_error({"text": value}) is None
        longer = value + "x" if isinstance(value, str) else [*value, "x"]
        assert "more than 64 KB" in str(attribute_error({"text": longer}))


# Workbooks


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Notes"])
    sheet = book.create_sheet("Products")
    sheet.append(["Spring"])
    noon = datetime.datetime.fromisoformat("2026-01-31 12:00")
    sheet.append(["ID", "Image", "Price", "Since", "Size", "EAN", "New", "Left", None])
    sheet.append([1.0, "a.png", "19,95 €", datetime.date(2026, 1, 31), "036", 4006381333931, True, 5, None])
    sheet.append([2, "b.png", "1.299,00 €", noon, "038", None, False, "#N/A"])
    sheet.append([None] * 8)
    book.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


def test_a_workbook_is_read_from_the_sheet_that_has_the_items(workbook: Path) -> None:
    common = {"Price_currency": "EUR"}
    expected = {
        "1": {
            **common,
            "Price": 19.95,
            "Since": "2026-01-31",
            "Size": "036",
            "EAN": 4006381333931,
            "New": True,
            "Left": 5,
        },
        "2": {**common, "Price": 1299.0, "Since": "2026-01-31 12:00:00", "Size": "038", "New": False, "Left": "#N/A"},
    }
    source = Table(workbook)
    del expected["2"]["Left"]
    assert items_of(source) == expected
    assert "The sheet 'Products' is read; others are not: 'Sheet'." in source.notes
    assert [row.place for row in source] == [3, 4]
    packed = workbook.with_name("t.xlsx.gz")
    packed.write_bytes(gzip.compress(workbook.read_bytes()))
    assert items_of(Table(packed)) == expected


def test_a_workbook_without_openpyxl_says_what_to_install(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(errors.XlsxUnavailable, match=r"pip install 'lookalike\[xlsx\]'"):
        Table(workbook)


# What is written


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "'=1", "''=1", "'", "''", "plain", "'90s", "＝1", ""])
def test_text_in_csv_is_no_formula_and_comes_back_as_it_was(text: str, tmp_path: Path) -> None:
    safe = safe_cell(text)
    assert not safe.startswith(("=", "+", "-", "@", "＝"))
    assert plain_cell(safe) == text
    if text:
        file = io.StringIO()
        csv.writer(file).writerows(
            [["id", "image", "note", "more"], [safe, "a.png", safe, "x"], ["2", "a.png", "x", "x"]]
        )
        read = items_of(table(tmp_path, "t.csv", file.getvalue()))
        assert read[text]["note"] == text


# Running it again


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: LiteRTEmbedder) -> Callable[..., IndexReport]:
    """A table with three pictures, which were there long before: what indexes it into `catalogue`."""
    monkeypatch.setattr(last_run, "_TICK_NS", -(10**18))
    rng = np.random.default_rng(0)
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(encode_png(rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)))
    (tmp_path / "t.csv").write_text("id,image,price\n1,a.png,1\n2,b.png,2\n3,c.png,3\n", encoding="utf-8")

    def run(**options: bool) -> IndexReport:
        return index_into(tmp_path / "catalogue", Table(tmp_path / "t.csv"), embedder, workers=1, **options).report

    return run


def test_a_table_of_which_nothing_changed_is_known_without_reading_it(
    shop: Callable[..., IndexReport], tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue"

    def known(*, prune: bool = False, options: str = "") -> tuple[IndexReport, int] | None:
        return last_run.unchanged(catalogue, str(tmp_path / "t.csv"), options, prune)

    assert known() is None
    assert shop().added == 3
    nothing = (IndexReport(0, 0, 3, 1), 3)
    assert known() == nothing
    assert known(prune=True) is None
    assert known(options="read in another way") is None
    assert last_run.unchanged(catalogue, str(tmp_path / "other.csv"), "", False) is None

    assert shop(prune=True).unchanged == 3
    assert known() == known(prune=True) == nothing

    os.utime(tmp_path / "b.png", ns=(123_456_789, 123_456_789))
    assert known() is None
    assert shop().unchanged == 3
    assert known() == nothing

    with (tmp_path / "t.csv").open("a", encoding="utf-8") as file:
        file.write("4,none.png,4\n")
    assert known() is None
    assert shop().failed == 1
    assert known() is None, "what fails is tried each time"

    (tmp_path / "none.png").write_bytes((tmp_path / "a.png").read_bytes())
    assert shop().added == 1
    assert known() == (IndexReport(0, 0, 4, 2), 4)
    with Items(catalogue) as items:
        items.delete(["2"])
    assert known() is None, "somebody else has written"
    assert shop().added == 1
    (catalogue / last_run.LAST_RUN_FILE).write_bytes(b"nonsense")
    assert known() is None


def test_what_was_written_just_now_is_looked_at_again(
    shop: Callable[..., IndexReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_run, "_TICK_NS", 10**18)
    assert shop().added == 3
    assert last_run.unchanged(tmp_path / "catalogue", str(tmp_path / "t.csv"), "", False) is None
