"""The exports that are recognised by their headings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feed:
    """An export: by which headings it is known, and which of them are `id`, `image` and some attributes.

    Headings are in lower case. `meanings` gives for each of our names the headings that it may have, the first that is
    there counts. `more_pictures` are columns with further pictures of an item; `row_kind` is the column, and the value
    in it, of rows that are parts of an item before; `repeats_id` tells that an item may have several rows.
    """

    name: str
    known_by: frozenset[str]
    meanings: Mapping[str, tuple[str, ...]]
    more_pictures: frozenset[str] = frozenset()
    repeats_id: bool = False
    part: tuple[str, str] | None = None


def _woocommerce(sku: str, images: str, kind: str, name: str, sale_price: str, regular_price: str) -> Feed:
    """Return WooCommerce's export in one language: `ID` and the kinds of rows are not translated."""
    return Feed(
        "a WooCommerce export",
        frozenset({"id", images, sku}),
        {"id": ("id",), "image": (images,), "title": (name,), "price": (sale_price, regular_price)},
        part=(kind, "variation"),
    )


FEEDS = (
    Feed(
        "a Google Merchant feed",
        frozenset({"id", "image_link"}),
        {"id": ("id",), "image": ("image_link",), "title": ("title",)},
        more_pictures=frozenset({"additional_image_link"}),
    ),
    Feed(
        "a Google Merchant feed",
        frozenset({"id", "image link"}),
        {"id": ("id",), "image": ("image link",), "title": ("title",)},
        more_pictures=frozenset({"additional image link"}),
    ),
    Feed(
        "a Shopify export",
        frozenset({"handle", "image src"}),
        {"id": ("handle",), "image": ("image src",), "title": ("title",), "price": ("variant price",)},
        repeats_id=True,
    ),
    Feed(
        "a Shopify export",
        frozenset({"url handle", "product image url"}),
        {"id": ("url handle",), "image": ("product image url",), "title": ("title",), "price": ("price",)},
        repeats_id=True,
    ),
    _woocommerce("sku", "images", "type", "name", "sale price", "regular price"),
    _woocommerce("artikelnummer", "bilder", "typ", "name", "angebotspreis", "regulärer preis"),
    _woocommerce("sku", "bilder", "typ", "name", "angebotspreis", "regulärer preis"),
    _woocommerce("ugs", "images", "type", "nom", "tarif promo", "tarif régulier"),
    _woocommerce("sku", "imágenes", "tipo", "nombre", "precio rebajado", "precio normal"),
    _woocommerce("cod", "immagine", "tipo", "nome", "prezzo in offerta", "prezzo di listino"),
    _woocommerce("sku", "immagine", "tipo", "nome", "prezzo in offerta", "prezzo di listino"),
    _woocommerce("sku", "imagens", "tipo", "nome", "preço promocional", "preço"),
    _woocommerce("sku", "afbeeldingen", "type", "naam", "actieprijs", "reguliere prijs"),
)


def recognised(headings: Iterable[str]) -> Feed | None:
    """Return the export that has these headings; None for a table that names its own `image`, and for any other."""
    names = {heading.casefold() for heading in headings}
    if "image" in names:
        return None
    return next((feed for feed in FEEDS if feed.known_by <= names), None)
