"""Exports of shops as tables: what is taken for what, several pictures and rows of an item, columns that are named."""

from pathlib import Path
from typing import Any

import pytest

from indexer.sources import errors
from indexer.sources.feeds.pictures import pictures_in
from indexer.sources.items import Failure, SourceItem
from indexer.sources.named_sources import open_source
from indexer.sources.picture_files import PictureFile
from indexer.sources.source_options import SourceOptions
from indexer.sources.tables import Table
from indexer.sources.web.access import WebAccess, WebPicture
from indexer.sources.web.addresses import AllowedHosts

CDN = "https://cdn.example/"
WEB = WebAccess(AllowedHosts(["cdn.example"]))

SHOPIFY = f"""\
Handle,Title,Vendor,Option1 Value,Variant SKU,Variant Price,Image Src,Image Position
linen-dress,Linen dress,Quillon,S,LD-S,75.95,{CDN}a.jpg,1
linen-dress,,,M,LD-M,79.95,{CDN}b.jpg,2
linen-dress,,,,,,{CDN}c.jpg,3
boot,Boot,Ossby,42,B-42,120.00,{CDN}d.jpg?v=1,1
late,Late,Ossby,1,L-1,9.00,,
late,,,,,,{CDN}e.jpg,1
"""
WOOCOMMERCE = f"""\
ID,Type,SKU,Name,Published,"Regular price",Categories,Images
11,variable,S-1,Skirt,1,39.90,Skirts,"{CDN}a.jpg, {CDN}b.jpg"
12,variation,S-1-M,Skirt M,1,39.90,,
13,simple,S-2,Sock,1,4.90,Socks,{CDN}c.jpg
"""
GOOGLE = f"""\
id\ttitle\timage_link\tadditional_image_link\tprice\tavailability
1\tCoat\t{CDN}a.jpg\t{CDN}b.jpg,{CDN}c.jpg\t199.00 EUR\tin_stock
2\tHat\t{CDN}d.jpg\t\t19.00 EUR\tout_of_stock
"""
GOOGLE_XML = f"""\
<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title><link>https://shop.example</link>
<item><g:id>1</g:id><title>Coat</title><g:image_link>{CDN}a.jpg?w=1&amp;h=2</g:image_link>
<g:additional_image_link>{CDN}b.jpg</g:additional_image_link><g:additional_image_link>{CDN}c.jpg</g:additional_image_link>
<g:price>199.00 EUR</g:price></item>
<item><g:id>2</g:id><title>Hat &amp; scarf</title><g:image_link>{CDN}d.jpg</g:image_link>
<g:price>19.00 EUR</g:price></item>
</channel></rss>
"""
ATOM = f"""\
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>
<entry><g:id>1</g:id><g:title>Coat</g:title><title>Other</title><link href="https://shop.example/1"/>
<g:image_link>{CDN}a.jpg</g:image_link></entry></feed>
"""


def opened(tmp_path: Path, name: str, content: str, **options: Any) -> Table:
    (tmp_path / name).write_text(content)
    table = open_source(str(tmp_path / name), web=WEB, options=SourceOptions(**options))
    assert isinstance(table, Table)
    return table


def pictures_of(table: Table) -> dict[str, str]:
    return {
        item.id: str(item.picture.address)
        for item in table
        if isinstance(item, SourceItem) and isinstance(item.picture, WebPicture)
    }


def test_a_shopify_export_is_one_item_for_all_rows_of_a_product(tmp_path: Path) -> None:
    table = opened(tmp_path, "products_export.csv", SHOPIFY)
    assert pictures_of(table) == {
        "linen-dress": CDN + "a.jpg",
        "boot": CDN + "d.jpg?v=1",
        "late": CDN + "e.jpg",
    }
    dress = next(iter(table))
    assert isinstance(dress, SourceItem)
    assert dress.attributes["title"] == "Linen dress"
    assert (dress.attributes["price"], dress.attributes["Vendor"]) == (75.95, "Quillon")
    told = " ".join(table.notes)
    assert "Taken for a Shopify export: id is 'Handle', image is 'Image Src', title is " in told
    assert "Further pictures, left out as an item has its first: 2, in items: 1." in told
    assert "values of its first: 3." in told
    assert len(table) == 3


def test_a_woocommerce_export_gives_products_with_the_first_of_their_pictures(tmp_path: Path) -> None:
    table = opened(tmp_path, "wc-product-export.csv", WOOCOMMERCE)
    assert pictures_of(table) == {"11": CDN + "a.jpg", "13": CDN + "c.jpg"}
    told = " ".join(table.notes)
    assert "title is 'Name', price is 'Regular price'" in told
    assert "left out: 1." in told
    assert "its first: 1, in items: 1." in told
    assert not [row for row in table if isinstance(row, Failure)]


def test_a_product_that_is_not_on_sale_has_its_regular_price(tmp_path: Path) -> None:
    head = "ID,Type,SKU,Name,Sale price,Regular price,Images"
    table = opened(
        tmp_path, "export.csv", f"{head}\n1,simple,S,Sock,3.90,4.90,{CDN}a.jpg\n2,simple,T,Hat,,9.90,{CDN}b.jpg\n"
    )
    assert [item.attributes["price"] for item in table if isinstance(item, SourceItem)] == [3.9, 9.9]


@pytest.mark.parametrize(
    "head",
    [
        "ID,Typ,Artikelnummer,Name,Veröffentlicht,Angebotspreis,Regulärer Preis,Kategorien,Bilder",
        "ID,Typ,SKU,Name,Veröffentlicht,Angebotspreis,Regulärer Preis,Kategorien,Bilder",
        "ID,Type,UGS,Nom,Publié,Tarif promo,Tarif régulier,Catégories,Images",
        "ID,Tipo,SKU,Nombre,Publicado,Precio rebajado,Precio normal,Categorías,Imágenes",
        "ID,Tipo,COD,Nome,Pubblicato,Prezzo in offerta,Prezzo di listino,Categorie,Immagine",
        "ID,Tipo,SKU,Nome,Pubblicato,Prezzo in offerta,Prezzo di listino,Categorie,Immagine",
        "ID,Tipo,SKU,Nome,Publicado,Preço promocional,Preço,Categorias,Imagens",
        "ID,Type,SKU,Naam,Gepubliceerd,Actieprijs,Reguliere prijs,Categorieën,Afbeeldingen",
    ],
)
def test_a_woocommerce_export_is_known_in_the_language_of_the_shop(head: str, tmp_path: Path) -> None:
    rows = f'''
11,variable,S-1,Skirt,1,,39.90,Skirts,"{CDN}a.jpg, {CDN}b.jpg"
12,variation,S-1-M,Skirt M,1,,39.90,,
13,simple,S-2,Sock,1,3.90,4.90,Socks,{CDN}c.jpg
'''
    table = opened(tmp_path, "wc-product-export.csv", head + rows)
    assert pictures_of(table) == {"11": CDN + "a.jpg", "13": CDN + "c.jpg"}
    skirt, sock = (item.attributes for item in table if isinstance(item, SourceItem))
    assert (skirt["title"], sock["title"], sock["price"]) == ("Skirt", "Sock", 3.9)
    assert "left out: 1." in " ".join(table.notes)


@pytest.mark.parametrize(("name", "content"), [("feed.tsv", GOOGLE), ("feed.txt", GOOGLE), ("feed.xml", GOOGLE_XML)])
def test_a_google_merchant_feed_says_the_same_in_text_and_xml(name: str, content: str, tmp_path: Path) -> None:
    table = opened(tmp_path, name, content)
    pictures = pictures_of(table)
    assert list(pictures) == ["1", "2"]
    assert pictures["1"].startswith(CDN + "a.jpg")
    assert "&amp;" not in pictures["1"]
    coat = next(iter(table))
    assert isinstance(coat, SourceItem)
    assert (coat.attributes["title"], coat.attributes["price"], coat.attributes["price_currency"]) == (
        "Coat",
        199.0,
        "EUR",
    )
    assert "additional_image_link" not in coat.attributes
    told = " ".join(table.notes)
    assert "Taken for a Google Merchant feed: id is 'id', image is 'image_link'" in told
    assert "its first: 2, in items: 1." in told


def test_an_atom_feed_is_read_and_what_google_says_counts(tmp_path: Path) -> None:
    table = opened(tmp_path, "feed.xml", ATOM)
    (coat,) = table
    assert isinstance(coat, SourceItem)
    assert coat.attributes["title"] == "Coat"
    assert coat.attributes["link"] == "https://shop.example/1"


ENTITIES = '<!DOCTYPE rss [<!ENTITY a "aaaa">]><rss><item><id>&a;</id></item></rss>'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("<rss><channel><item><id>1</id>", "no sound XML"),
        (ENTITIES, "document type"),
        (f"<!--{' ' * 200_000}-->{ENTITIES}", "document type"),
        (f'<?xml version="1.0" encoding="UTF-16"?>{ENTITIES}'.encode("utf-16"), "document type"),
        ('<?xml version="1.0" encoding="klingon"?><rss/>', "no sound XML"),
        ("not xml", "no sound XML"),
    ],
)
def test_xml_that_is_damaged_or_declares_entities_is_refused(content: str | bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(errors.TableDamaged, match=says):
        open_source(str(tmp_path / "feed.xml"))


def test_columns_and_the_folder_of_pictures_are_as_one_says(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    rows = "sku,Front Photo,image,name\n7,a.png,ignored.png,Boot\n"
    table = opened(
        tmp_path,
        "t.csv",
        rows,
        columns={"id": "SKU", "image": "front photo", "title": "name"},
        images_dir=tmp_path / "photos",
    )
    (boot,) = table
    assert isinstance(boot, SourceItem)
    assert boot.picture == PictureFile(tmp_path / "photos/a.png")
    assert (boot.id, boot.attributes) == ("7", {"title": "Boot", "image (as written)": "ignored.png"})
    assert "As --column says, id is 'sku', image is 'Front Photo', title is 'name'." in table.notes
    with pytest.raises(errors.ColumnMissing, match=r"'Front Foto', which --column names. Is 'Front Photo' meant\?"):
        opened(tmp_path, "t.csv", rows, columns={"image": "Front Foto"})
    with pytest.raises(errors.ColumnMissing, match="--column id=HEADING"):
        opened(tmp_path, "t.csv", rows)


@pytest.mark.parametrize(
    ("cell", "pictures"),
    [
        ("a.jpg", ["a.jpg"]),
        ("a.jpg,b.png", ["a.jpg", "b.png"]),
        ("a.jpg | b.png|c.webp", ["a.jpg", "b.png", "c.webp"]),
        ("red, blue.jpg", ["red, blue.jpg"]),
        ("summer, 26/a, b.jpg", ["summer, 26/a, b.jpg"]),
        (f"{CDN}a,{CDN}b?w=1,h=2", [f"{CDN}a", f"{CDN}b?w=1,h=2"]),
        (f"{CDN}w_100,h_200/a.jpg", [f"{CDN}w_100,h_200/a.jpg"]),
        (f"{CDN}a.jpg\n{CDN}b.jpg", [f"{CDN}a.jpg", f"{CDN}b.jpg"]),
        ('["a.jpg", "b, c.jpg"]', ["a.jpg", "b, c.jpg"]),
        ("[draft].jpg", ["[draft].jpg"]),
        (["a.jpg", "", None, "b.jpg"], ["a.jpg", "b.jpg"]),
        ("my photo.jpg", ["my photo.jpg"]),
    ],
)
def test_several_pictures_in_a_cell_are_told_from_names_with_commas(cell: Any, pictures: list[str]) -> None:
    assert list(pictures_in(cell)) == pictures


def test_two_rows_of_one_id_are_a_mistake_where_no_export_is_known_to_have_them(tmp_path: Path) -> None:
    with pytest.raises(errors.DuplicateId):
        opened(tmp_path, "t.csv", "id,image\n1,a.jpg\n1,b.jpg\n")
