"""Tables as shops, scripts and spreadsheets write them, kind by kind: what a person expects to be read of each."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from indexer.sources import errors
from indexer.sources.items import Failure, SourceItem
from indexer.sources.named_sources import open_source
from indexer.sources.picture_files import PictureFile
from indexer.sources.source_options import SourceOptions
from indexer.sources.tables import Table
from indexer.sources.tabular.encodings import likely_encoding
from indexer.sources.tabular.picture_values import PictureBytes
from indexer.sources.web.access import WebAccess, WebPicture
from indexer.sources.web.addresses import AllowedHosts
from models.errors import LookalikeError
from models.pictures.png import encode_png

Items = Mapping[str, Mapping[str, object]]
PRICES: Items = {"1": {"price": 19.95}, "2": {"price": 29.95}, "3": {"price": 39.95}}
ROWS = "1,img/a.png,19.95\n2,img/b.png,29.95\n3,img/c.png,39.95\n"
FEED = (
    "id\ttitle\tlink\timage_link\tprice\tavailability\n"
    "1\tTee\thttps://shop.example/1\thttps://img.shop.example/a.png\t19.95 EUR\tin stock\n"
)
FED: Items = {
    "1": {
        "title": "Tee",
        "link": "https://shop.example/1",
        "price": 19.95,
        "price_currency": "EUR",
        "availability": "in stock",
    }
}
BARE: Items = {"1": {}}
PAIR: Items = {"1": {}, "2": {}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures, named as people name them."""
    import numpy as np

    picture = encode_png(np.zeros((28, 28), dtype=np.uint8))
    (tmp_path / "img").mkdir()
    for name in ("a.png", "b.png", "c.png", "cafe\u0301.png", "IMG_1.JPG", "my shirt.png"):
        (tmp_path / "img" / name).write_bytes(picture)
    return tmp_path


def read(path: Path, content: str | bytes, encoding: str = "utf-8", options: SourceOptions | None = None) -> Table:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    source = open_source(
        str(path),
        web=WebAccess(AllowedHosts(["img.shop.example", "cdn.shop.example", "cdn.shopify.com"])),
        options=SourceOptions() if options is None else options,
    )
    assert isinstance(source, Table)
    return source


def items_of(source: Table) -> tuple[dict[str, dict[str, object]], list[str]]:
    """Return the items with their attributes, whose pictures are there, and the messages of failures."""
    items: dict[str, dict[str, object]] = {}
    failures: list[str] = []
    for row in source:
        if isinstance(row, Failure):
            failures.append(row.message)
        elif isinstance(row, SourceItem):
            assert isinstance(row.picture, WebPicture | PictureBytes) or _is_there(row.picture)
            items[row.id] = dict(row.attributes)
    return items, failures


def _is_there(picture: object) -> bool:
    return isinstance(picture, PictureFile) and picture.path.is_file()


# Name, content, encoding, what is read, and what is said: of the table, else of its failures, in their order.
KINDS: list[tuple[str, str, str, Items, tuple[str, ...]]] = [
    (
        "excel-bom-semicolon-crlf.csv",
        "id;image;price\r\n1;img/a.png;19,95\r\n2;img/b.png;1.299,00\r\n3;img/c.png;39,95\r\n",
        "utf-8-sig",
        {"1": {"price": 19.95}, "2": {"price": 1299.0}, "3": {"price": 39.95}},
        ("divided by semicolons", "decimal sign is ','"),
    ),
    ("excel-sep-line.csv", "sep=;\r\nid;image;price\r\n1;img/a.png;19.95\r\n", "utf-8", {"1": {"price": 19.95}}, ()),
    (
        "excel-cp1252.csv",
        "id,image,title\n1,img/a.png,Café tee\n2,img/b.png,Blue\n",
        "cp1252",
        {"1": {"title": "Café tee"}, "2": {"title": "Blue"}},
        ("no UTF-8; it is read as cp1252",),
    ),
    ("excel-unicode.txt", "id\timage\tprice\n1\timg/a.png\t19.95\n", "utf-16", {"1": {"price": 19.95}}, ()),
    ("excel-unicode.tsv", "id\timage\tprice\n1\timg/a.png\t19.95\n", "utf-16", {"1": {"price": 19.95}}, ()),
    (
        "excel-empty-trailing-columns.csv",
        "id,image,price,,\n1,img/a.png,19.95,,\n2,img/b.png,29.95,,\n",
        "utf-8",
        {"1": {"price": 19.95}, "2": {"price": 29.95}},
        ("column 4: nothing, and has no heading. It is left out.",),
    ),
    ("excel-empty-trailing-rows.csv", f"id,image,price\n{ROWS},,\n,,\n", "utf-8", PRICES, ()),
    ("excel-blank-first-line.csv", f"\nid,image,price\n{ROWS}", "utf-8", PRICES, ("The head is row 2",)),
    (
        "pandas-index.csv",
        ",id,image,price\n0,1,img/a.png,19.95\n1,2,img/b.png,29.95\n",
        "utf-8",
        {"1": {"price": 19.95}, "2": {"price": 29.95}},
        ("the index that pandas writes",),
    ),
    (
        "header-case.csv",
        "ID,Image,Price\n1,img/a.png,19.95\n",
        "utf-8",
        {"1": {"Price": 19.95}},
        ("'ID' is called 'id'", "'Image' is called 'image'"),
    ),
    ("header-quoted.csv", '"id","image","price"\n"1","img/a.png","19.95"\n', "utf-8", {"1": {"price": 19.95}}, ()),
    (
        "header-duplicate.csv",
        "id,image,colour,colour\n1,img/a.png,red,blue\n",
        "utf-8",
        {"1": {"colour": "red", "colour 2": "blue"}},
        ("further column 'colour'",),
    ),
    ("header-label.csv", "id,image,label\n1,img/a.png,sale\n", "utf-8", {"1": {"label": "sale"}}, ()),
    (
        "header-newline.csv",
        'id,image,"Size\n(EU)"\n1,img/a.png,40\n2,img/b.png,41\n',
        "utf-8",
        {"1": {"Size (EU)": 40}, "2": {"Size (EU)": 41}},
        ("is called 'Size (EU)'",),
    ),
    (
        "header-quote-in-name.csv",
        'id,image,"Heel ""inch"""\n1,img/a.png,3\n',
        "utf-8",
        {"1": {"Heel 'inch'": 3}},
        ("is called \"Heel 'inch'\"",),
    ),
    ("google.txt", FEED, "utf-8", FED, ("Taken for a Google Merchant feed", "price_currency: EUR")),
    ("google.tsv", FEED, "utf-8", FED, ("Taken for a Google Merchant feed",)),
    (
        "google.xml",
        '<?xml version="1.0"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>1</g:id>'
        "<g:image_link>https://img.shop.example/a.png</g:image_link></item></channel></rss>",
        "utf-8",
        BARE,
        ("Taken for a Google Merchant feed",),
    ),
    (
        "shopify.csv",
        "Handle,Title,Body (HTML),Vendor,Variant SKU,Variant Price,Image Src,Image Position\n"
        "tee,Tee,<p>x</p>,V,SKU1,19.95,https://cdn.shopify.com/s/a.png?v=1,1\n"
        "tee,,,,SKU2,19.95,https://cdn.shopify.com/s/b.png?v=1,2\n",
        "utf-8",
        {
            "tee": {
                "title": "Tee",
                "Body (HTML)": "<p>x</p>",
                "Vendor": "V",
                "Variant SKU": "SKU1",
                "price": 19.95,
                "Image Position": 1,
            }
        },
        ("Taken for a Shopify export", "Further rows of an item", "Further pictures"),
    ),
    (
        "woo-several-images.csv",
        'id,image,price\n1,"img/a.png, img/b.png",19.95\n2,img/c.png,29.95\n',
        "utf-8",
        {"1": {"price": 19.95}, "2": {"price": 29.95}},
        ("Further pictures",),
    ),
    (
        "pipe-several-images.csv",
        "id,image,price\n1,img/a.png|img/b.png,19.95\n2,img/c.png,29.95\n",
        "utf-8",
        {"1": {"price": 19.95}, "2": {"price": 29.95}},
        ("Further pictures",),
    ),
    (
        "price-with-currency.csv",
        "id,image,price\n1,img/a.png,19.95 EUR\n2,img/b.png,139.95 EUR\n",
        "utf-8",
        {"1": {"price": 19.95, "price_currency": "EUR"}, "2": {"price": 139.95, "price_currency": "EUR"}},
        ("kept as price_currency: EUR",),
    ),
    (
        "price-dollar-thousands.csv",
        'id,image,price\n1,img/a.png,$19.95\n2,img/b.png,"$1,299.00"\n',
        "utf-8",
        {"1": {"price": 19.95, "price_currency": "USD"}, "2": {"price": 1299.0, "price_currency": "USD"}},
        ("'$' is taken for USD",),
    ),
    (
        "price-one-bad-cell.csv",
        "id,image,price\n1,img/a.png,19.95\n2,img/b.png,29.95\n3,img/c.png,n/a\n",
        "utf-8",
        {**PRICES, "3": {}},
        ("1 cell with 'n/a' taken as without a value",),
    ),
    (
        "id-leading-zeros.csv",
        "id,image,size\n00123,img/a.png,036\n00124,img/b.png,038\n",
        "utf-8",
        {"00123": {"size": "036"}, "00124": {"size": "038"}},
        (),
    ),
    (
        "quoted-newlines.csv",
        'id,image,description\n1,img/a.png,"Soft\ncotton\n\n""organic"""\n2,img/b.png,x\n',
        "utf-8",
        {"1": {"description": 'Soft\ncotton\n\n"organic"'}, "2": {"description": "x"}},
        (),
    ),
    (
        "inch-quotes.tsv",
        'id\timage\ttitle\n1\timg/a.png\t"Vintage" tee\n2\timg/b.png\t14" chain\n',
        "utf-8",
        {"1": {"title": '"Vintage" tee'}, "2": {"title": '14" chain'}},
        (),
    ),
    (
        "inch-quotes.csv",
        'id,image,title\n1,img/a.png,"Vintage" tee\n2,img/b.png,14" chain\n3,img/c.png,"a, ""b""\nc"\n',
        "utf-8",
        {"1": {"title": '"Vintage" tee'}, "2": {"title": '14" chain'}, "3": {"title": 'a, "b"\nc'}},
        ("From row 2 on, quotes",),
    ),
    (
        "ragged.csv",
        "id,image,price\n1,img/a.png,19.95\n2,img/b.png\n3,img/c.png,39.95\n",
        "utf-8",
        {**PRICES, "2": {}},
        ("1 row has fewer values than columns, first row 3",),
    ),
    (
        "unquoted-comma.csv",
        "id,image,title\n1,img/a.png,Tee\n2,img/b.png,Tee, blue\n3,img/c.png,Tee\n",
        "utf-8",
        {"1": {"title": "Tee"}, "3": {"title": "Tee"}},
        ("row 3 has 4 values for 3 columns. Quote values that hold the delimiter.",),
    ),
    (
        "mac-cr-only.csv",
        "id,image,price\r1,img/a.png,19.95\r2,img/b.png,29.95\r",
        "utf-8",
        {"1": {"price": 19.95}, "2": {"price": 29.95}},
        (),
    ),
    ("pipe-delimited.csv", "id|image|price\n1|img/a.png|19.95\n", "utf-8", {"1": {"price": 19.95}}, ("vertical bars",)),
    ("backslash.csv", "id,image\n1,img\\a.png\n2,.\\img\\b.png\n", "utf-8", PAIR, ()),
    ("slash-first.csv", "id,image\n1,/img/a.png\n", "utf-8", BARE, ()),
    (
        "absolute.csv",
        "id,image\n1,{folder}/img/a.png\n2,C:\\Users\\me\\img\\b.png\n3,file://{folder}/img/my%20shirt.png\n4,/etc/passwd\n",
        "utf-8",
        {"1": {}, "3": {}},
        ("'C:\\\\Users\\\\me\\\\img\\\\b.png' is an absolute path.", "'/etc/passwd' is an absolute path"),
    ),
    ("nfc-name.csv", "id,image\n1,img/caf\u00e9.png\n", "utf-8", BARE, ()),
    ("case-name.csv", "id,image\n1,img/img_1.jpg\n2,IMG/a.png\n", "utf-8", PAIR, ()),
    ("percent-name.csv", "id,image\n1,img/my%20shirt.png\n", "utf-8", BARE, ()),
    ("blank-around.csv", "id , image , price\n 1 , img/a.png , 19.95\n", "utf-8", {"1": {"price": 19.95}}, ()),
    (
        "no-image-cell.csv",
        "id,image\n1,img/a.png\n2,\n3,NULL\n",
        "utf-8",
        BARE,
        ("no picture in the column 'image'", "no picture in the column 'image'"),
    ),
    ("protocol-relative.csv", "id,image\n1,//cdn.shop.example/a.png\n", "utf-8", BARE, ()),
    ("array.json", '[\n {"id": "1", "image": "img/a.png"},\n {"id": "2", "image": "img/b.png"}\n]', "utf-8", PAIR, ()),
    ("array.jsonl", '[{"id": "1", "image": "img/a.png"}]', "utf-8", BARE, ()),
    (
        "tags.jsonl",
        '{"id": "1", "image": "img/a.png", "tags": ["summer", "sale"]}\n{"id": "2", "image": "img/b.png", "tags": []}\n'
        '{"id": "3", "image": "img/c.png", "price": {"amount": 1, "currency": "EUR"}}\n',
        "utf-8",
        {"1": {"tags": ["summer", "sale"]}, "2": {"tags": []}, "3": {"price": 1, "price_currency": "EUR"}},
        (),
    ),
    (
        "nan.jsonl",
        '{"id": "1", "image": "img/a.png", "price": NaN}\n{"id": 2.0, "image": "img/b.png", "price": 1.5}\n',
        "utf-8",
        {"1": {}, "2": {"price": 1.5}},
        (),
    ),
    # Neighbours of these
    ("caret.csv", "id^image^price\n1^img/a.png^19.95\n", "utf-8", {"1": {"price": 19.95}}, ("divided by '^'",)),
    ("tilde.txt", "id~image~price\n1~img/a.png~19.95\n", "utf-8", {"1": {"price": 19.95}}, ()),
    ("hive.csv", "id\x01image\x01price\n1\x01img/a.png\x0119.95\n", "utf-8", {"1": {"price": 19.95}}, ()),
    ("wide-comma.csv", "id，image，title\n1，img/a.png，白衬衫\n", "utf-8", {"1": {"title": "白衬衫"}}, ()),
    (
        "apostrophes.csv",
        "'id','image','title'\n'1','img/a.png','Tee, red'\n",
        "utf-8",
        {"1": {"title": "Tee, red"}},
        (),
    ),
    ("wrapped.csv", '"id,image,title"\n"1,img/a.png,""Tee, red"""\n', "utf-8", {"1": {"title": "Tee, red"}}, ()),
    (
        "escaped.csv",
        'id,image,title\n1,img/a.png,"14\\" chain, gold"\n',
        "utf-8",
        {"1": {"title": '14" chain, gold'}},
        (),
    ),
    ("two-marks.csv", f"\ufeffid,image,price\n{ROWS}", "utf-8-sig", PRICES, ()),
    ("utf-32.csv", f"id,image,price\n{ROWS}", "utf-32", PRICES, ()),
    ("utf-16.csv", "id;image;title\r\n1;img/a.png;白いシャツ\r\n", "utf-16-le", {"1": {"title": "白いシャツ"}}, ()),
    (
        "shift-jis.csv",
        "id,image,title\n1,img/a.png,白いシャツ\n",
        "cp932",
        {"1": {"title": "白いシャツ"}},
        ("as cp932",),
    ),
    ("gb.csv", "id,image,title\n1,img/a.png,白色衬衫\n", "gb18030", {"1": {"title": "白色衬衫"}}, ("as gb18030",)),
    ("gb.jsonl", '{"id":1,"image":"img/a.png","title":"白色衬衫"}\n', "gb18030", {"1": {"title": "白色衬衫"}}, ()),
    ("dos.csv", "id;image;title\n1;img/a.png;Größe\n", "cp850", {"1": {"title": "Größe"}}, ("as cp850",)),
    (
        "line-ends.csv",
        "id,image,price\r\n1,img/a.png,19.95\n2,img/b.png,29.95\r3,img/c.png,39.95\r\n",
        "utf-8",
        PRICES,
        (),
    ),
    ("doubled-returns.csv", "id,image,price\r\r\n1,img/a.png,19.95\r\r\n", "utf-8", {"1": {"price": 19.95}}, ()),
    ("return-in-quotes.csv", 'id,image,text\n1,img/a.png,"a\rb"\n', "utf-8", {"1": {"text": "a\rb"}}, ()),
    ("end-of-dos.csv", f"id,image,price\n{ROWS}\x1a", "utf-8", PRICES, ()),
    (
        "comments.csv",
        f"# of today\nid,image,price\n{ROWS}# 3 rows\n",
        "utf-8",
        PRICES,
        ("begin with '#', passed over: 1",),
    ),
    ("head-wider.csv", f"id,image,price,\n{ROWS}", "utf-8", PRICES, ()),
    ("rows-wider.csv", "id,image,price\n1,img/a.png,19.95,\n", "utf-8", {"1": {"price": 19.95}}, ()),
    ("total.csv", f"id,image,price\n{ROWS}Total,,89.85\n", "utf-8", PRICES, ("no picture in the column 'image'",)),
    (
        "nul.csv",
        "id,image,price\n1,img/a.png,19.95\n2,img/b\0.png,1\n2,img/b.png,29.95\n3,img/c.png,39.95\n",
        "utf-8",
        PRICES,
        ("line 3 holds NUL bytes",),
    ),
    (
        "one-bad-byte.csv",
        "id,image,title\n1,img/a.png,Caf\u00e9\n2,img/b.png,Caf\udce9\n3,img/c.png,x\n",
        "surrogateescape",
        {"1": {"title": "Caf\u00e9"}, "3": {"title": "x"}},
        ("line 3 is not UTF-8",),
    ),
    (
        "broken-line.jsonl",
        '{"id":1,"image":"img/a.png"}\n{"id":2,"image":\n{"id":3,"image":"img/c.png"},\n',
        "utf-8",
        {"1": {}, "3": {}},
        ("line 2 is no JSON",),
    ),
    ("last-comma.json", '[{"id":1,"image":"img/a.png"},{"id":2,"image":"img/b.png"},\n]', "utf-8", PAIR, ()),
    ("page.json", '{"page": 1, "data": {"n": 2, "products": [{"id":1,"image":"img/a.png"}]}}', "utf-8", BARE, ()),
    (
        "one-item.json",
        '{"id":1,"image":"img/a.png","sizes":[{"eu":40}]}',
        "utf-8",
        {"1": {"sizes": '[{"eu": 40}]'}},
        (),
    ),
    (
        "objects.jsonl",
        '{"id":1,"image":{"url":"img/a.png","alt":"x"}}\n{"id":2,"image":[{"src":"img/b.png"},{"src":"img/c.png"}]}\n',
        "utf-8",
        PAIR,
        ("Further pictures",),
    ),
]


@pytest.mark.parametrize(("name", "content", "encoding", "expected", "says"), KINDS, ids=[kind[0] for kind in KINDS])
def test_a_table_is_read_as_a_person_expects(
    name: str, content: str, encoding: str, expected: Items, says: tuple[str, ...], folder: Path
) -> None:
    content = content.replace("{folder}", str(folder))
    by_bytes = content.encode("utf-8", "surrogateescape") if encoding == "surrogateescape" else content.encode(encoding)
    source = read(folder / name, by_bytes)
    items, failures = items_of(source)
    assert items == expected
    told = "\n".join(source.columns_told)
    left = [part for part in says if part not in told]
    assert len(left) == len(failures)
    for part, failure in zip(left, failures, strict=True):
        assert part in failure


REFUSED = [
    ("same-id.csv", "id,image,view\n1,img/a.png,front\n1,img/b.png,back\n", errors.DuplicateId, "rows 2 and 3"),
    ("scientific.csv", "id,image\n4.05E+12,img/a.png\n4.05E+12,img/b.png\n", errors.DuplicateId, "by a spreadsheet"),
    ("list.csv.gz", "x", errors.ColumnMissing, "no column 'id'"),
    ("decimals.csv", "id,image,price\n1,img/a.png,19,95\n2,img/b.png,29,95\n", errors.TableDamaged, "4 values for 3"),
    ("halves.csv", "id,image,price\n1,img/a.png\n2,img/b.png\n3,img/c.png,5\n", errors.TableDamaged, "Most rows"),
    ("pictures.csv", "id,image,image\n1,img/a.png,img/b.png\n", errors.ColumnUnusable, "2 columns 'image'"),
    ("open.csv", 'id,image,title\n1,img/a.png,x\n2,img/b.png,"never ends\n', errors.TableDamaged, "row 3 is no sound"),
]


@pytest.mark.parametrize(("name", "content", "error", "says"), REFUSED, ids=[kind[0] for kind in REFUSED])
def test_what_can_not_be_read_is_refused_with_advice(
    name: str, content: str, error: type[LookalikeError], says: str, folder: Path
) -> None:
    with pytest.raises(error, match=says):
        read(folder / name, content)


COLUMNS: list[tuple[tuple[str, ...], list[object], set[object]]] = [
    (("CHF 1'299.00", "CHF 5.-"), [1299.0, 5], {"CHF"}),
    (("1 299,00 kr", "99:-", "5,- kr"), [1299.0, 99, 5], {"kr", None}),
    (("¥1200", "1,200円"), [1200, 1200], {"JPY"}),
    (("R$ 12,90", "R$ 1.299,90"), [12.9, 1299.9], {"BRL"}),
    (("₹1,23,456", "Rs. 1,299/-"), [123456, 1299], {"INR"}),
    (("US $19.95", "$5 USD"), [19.95, 5], {"USD"}),
    (("$5 CAD", "$6 AUD"), [5, 6], {"CAD", "AUD"}),
    (("1 299,00 р.", "99,50 ₽"), [1299.0, 99.5], {"RUB"}),
    (("19.95", "(5.00)", "5.00-", "(3)"), [19.95, -5.0, -5.0, -3], {None}),
    (("$5 EUR", "€6", "€7"), ["$5 EUR", 6, 7], {"EUR", None}),
    (("12 990 Ft", "1.299 Ft"), [12990, 1299], {"HUF"}),
    (("$12.990", "$129.990"), [12990, 129990], {"USD"}),
]


def column(folder: Path, name: str, cells: tuple[str, ...]) -> tuple[list[object], set[object], str]:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "image", name])
    writer.writerows([str(number), "img/a.png", cell] for number, cell in enumerate(cells))
    source = read(folder / "t.csv", file.getvalue())
    items, _ = items_of(source)
    kept = items.values()
    return [item.get(name) for item in kept], {item.get(f"{name}_currency") for item in kept}, source.columns_told[-1]


@pytest.mark.parametrize(("cells", "numbers", "currencies"), COLUMNS)
def test_prices_of_many_countries(
    cells: tuple[str, ...], numbers: list[object], currencies: set[object], folder: Path
) -> None:
    assert column(folder, "price", cells)[:2] == (numbers, currencies)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("10%", "12,5 %", "n/a"), [10, 12.5, None]),
        (("10%", "12"), ["10%", "12"]),
        (("(5)", "(6)"), ["(5)", "(6)"]),
        (("5-", "6-"), ["5-", "6-"]),
        (("TRUE", "FALSE", ""), [True, False, None]),
        (("WAHR", "falsch"), [True, False]),
        (("VRAI", "FAUX"), [True, False]),
        (("TRUE", "maybe"), ["TRUE", "maybe"]),
        (("yes", "no"), ["yes", "no"]),
        (("2026-01-31", "31.01.2026"), ["2026-01-31", "31.01.2026"]),
        (("36 2/3", "37"), ["36 2/3", "37"]),
        (("+49 30 12", "0049 30"), ["+49 30 12", "0049 30"]),
    ],
)
def test_what_cells_hold_is_told_by_their_column(cells: tuple[str, ...], expected: list[object], folder: Path) -> None:
    assert column(folder, "value", cells)[0] == expected


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Größe\nCrème Größe façon\nseñora – L’été"),
        ("cp1252", "19,95 €"),
        ("cp1250", "Żółta sukienka\nPłaszcz"),
        ("cp1250", "Černá košile\nPříliš žluťoučký"),
        ("cp1251", "Платье красное, Nike"),
        ("cp1253", "Φόρεμα κόκκινο"),
        ("cp1254", "Kırmızı gömlek"),
        ("mac_roman", "Größe Café"),
        ("cp850", "Café noir, Weiße Hülle"),
        ("euc_jp", "青いズボン"),
        ("big5", "白色襯衫\n藍色牛仔褲"),
        ("cp949", "흰색 셔츠\n파란 청바지"),
    ],
)
def test_an_encoding_is_one_that_explains_the_letters(encoding: str, text: str) -> None:
    lines = text.encode(encoding).split(b"\n")
    found = likely_encoding(lines)
    assert b"\n".join(lines).decode(found) == text


def test_bytes_that_nothing_explains_have_no_encoding() -> None:
    for nonsense in (b"a\xff", b"\x81\x8d\x8f", bytes(range(128, 256)), b"gr\xffn \xff"):
        assert not likely_encoding([nonsense])


def test_a_person_may_say_the_encoding(folder: Path) -> None:
    content = "id,image,title\n1,img/a.png,señ\n".encode("cp1250", "replace").replace(b"?", b"\xf1")
    assert items_of(read(folder / "t.csv", content))[0] == {"1": {"title": "señ"}}
    polish = read(folder / "t.csv", content, options=SourceOptions(encoding="cp1250"))
    assert items_of(polish)[0] == {"1": {"title": "seń"}}
    assert not polish.notes[:-1]
    with pytest.raises(errors.EncodingUnknown, match="'latin-99' is no encoding"):
        read(folder / "t.csv", content, options=SourceOptions(encoding="latin-99"))
    with pytest.raises(errors.EncodingUnknown, match="is no text"):
        read(folder / "t.xlsx", b"PK", options=SourceOptions(encoding="cp1252"))


def test_a_link_is_not_followed_out_by_an_absolute_path_either(folder: Path, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    outside.write_bytes(b"x")
    (folder / "img" / "link.png").symlink_to(outside)
    rows = f"id,image\n1,{folder}/img/link.png\n2,{folder}/img/../../x.png\n3,{folder}\n4,img/a.png\n"
    items, failures = items_of(read(folder / "t.csv", rows))
    assert set(items) == {"4"}
    assert "leads by a link out" in failures[0]
    assert all("is an absolute path" in failure for failure in failures[1:])


def test_parquet_as_data_sets_write_it(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    tables = pytest.importorskip("pyarrow.parquet")
    picture = (folder / "img/a.png").read_bytes()
    for columns, expected in (
        ({"id": ["1", "2"], "image": ["img/a.png"] * 2, "sizes": [["S", "M"], ["L"]]}, [["S", "M"], ["L"]]),
        ({"id": [1.0, 2.0], "image": ["img/a.png"] * 2}, [None, None]),
        ({"id": ["1", "2"], "image": [{"bytes": picture, "path": None}] * 2}, [None, None]),
    ):
        tables.write_table(pyarrow.table(columns), folder / "t.parquet")
        items, failures = items_of(Table(folder / "t.parquet"))
        assert not failures
        assert [items["1"].get("sizes"), items["2"].get("sizes")] == expected


def test_notes_of_rows_are_the_same_on_each_reading(folder: Path) -> None:
    source = read(folder / "t.jsonl", "".join(json.dumps({"id": n, "image": "img/a.png"}) + "\n" for n in range(3)))
    assert items_of(source) == items_of(source)
