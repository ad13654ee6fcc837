"""The JSON shapes of the API's answers."""

import math
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from models.pictures.png import encode_png
from models.pictures.webp import encode_webp
from search_api.picture_sizes import sizes_of

if TYPE_CHECKING:
    from indexer.predictions import Guess, Predicted
    from indexer.records import Item
    from indexer.sources.web.addresses import Address
    from models.colours.garment_colours import GarmentColour
    from models.embedder import View
    from models.pictures.boxes import Box
    from search_api.picture_sizes import PictureSize
    from search_api.results import EngineInfo, FacetCounts, Garment, Listing, Match, Matches, SearchResult

Json: TypeAlias = dict[str, Any]
PictureUrl: TypeAlias = Callable[[str], str]
"""From the path of a picture, where the API is at the root of its host, to its address."""

Fields: TypeAlias = Collection[str] | None
"""What is told of each hit; all where it is None."""

_PATHS_KEPT = 16_384
_VIEW_QUALITY = 80
_BOX_STEPS = 10_000
_HARDLY = 1e-6


def picture_path(item_id: str) -> str:
    """Return the address of an item's picture where the API is at the root of its host."""
    return f"{item_path(item_id)}/image"


def sized_path(item_id: str, size: "PictureSize") -> str:
    """Return the address of an item's picture in a size where the API is at the root of its host."""
    return f"{item_path(item_id)}/images/{size.name}"


@lru_cache(_PATHS_KEPT)
def item_path(item_id: str) -> str:
    """Return the address of an item where the API is at the root of its host."""
    return f"/v1/items/{quote(item_id, safe='')}"


def search_answer(
    result: "SearchResult",
    query: Json | None = None,
    url: PictureUrl = str,
    *,
    cutout: bool = False,
    fields: Fields = None,
) -> Json:
    """Return the answer to a search; `query`, when given, tells in it what was searched with.

    The cutout, which makes an answer some ten times larger, is in it only where asked for. `fields` are those of a
    `Query`.
    """
    answer: Json = {} if query is None else {"query": query}
    answer |= {
        "predicted": predicted_answer(result.predicted, guesses=True),
        **({"view": view_data_uri(result.view)} if fields is None or "view" in fields else {}),
        "notes": list(result.notes),
        "colours": colours_answer(result.colours),
        "familiar": result.familiar,
        "familiarity": _share(result.familiarity),
        "garments": [garment_answer(garment) for garment in result.garments],
        **hits_answer(result.hits, url, fields),
        **weights_answer(result.look, result.weights),
        "model": result.model,
        "generation": result.generation,
        "state": result.state,
        "took_ms": round(result.took_ms, 3),
    }
    return answer | ({"cutout": cutout_data_uri(result.view)} if cutout else {})


def picture_source(picture: "bytes | Address", box: "Box | None") -> Json:
    """Return what is told of a picture that was searched with."""
    told: Json = {"source": "image"}
    told |= {"bytes": len(picture)} if isinstance(picture, bytes) else {"image_url": str(picture)}
    return told if box is None else told | {"box": astuple(box)}


def predicted_answer(predicted: "Predicted", *, guesses: bool = False) -> Json:
    """Return what is predicted, by target; with `guesses`, what else each might be."""
    return {
        target: {"value": best.value, "probability": _share(best.probability)}
        | ({"others": [_guess_answer(guess) for guess in best.others]} if guesses else {})
        for target, best in predicted.items()
    }


def _guess_answer(guess: "Guess") -> Json:
    return {"value": guess.value, "probability": _share(guess.probability)}


def garment_answer(garment: "Garment") -> Json:
    """Return one of the garments of a picture."""
    return {
        "box": box_answer(garment.box),
        "predicted": predicted_answer(garment.predicted),
        "searched": garment.searched,
    }


def box_answer(box: "Box") -> list[float]:
    """Return a box as left, top, width and height, rounded so that it lies in the picture still."""
    left, top, width, height = (math.floor(share * _BOX_STEPS + _HARDLY) / _BOX_STEPS for share in astuple(box))
    return [left, top, width, height]


def hits_answer(hits: "Matches", url: PictureUrl = str, fields: Fields = None) -> Json:
    """Return the hits of one query, and what is to be said of all of them."""
    return {
        "hits": [hit_answer(hit, url, fields) for hit in hits],
        "next": hits.next_cursor,
        "no_good_match": hits.no_good_match,
        "exact": hits.exact,
    }


def listing_answer(listing: "Listing", url: PictureUrl = str) -> Json:
    """Return one page of a listing."""
    return {
        "items": [item_answer(item, url) for item in listing.items],
        "total": listing.total,
        "next": listing.next,
        "notes": list(listing.notes),
    }


def facets_answer(counts: "FacetCounts") -> Json:
    """Return what fields hold among some items; bounds only of those that hold numbers alone."""
    return {
        "facets": [
            {
                "field": facet.field,
                "items": facet.items,
                "values": [{"value": value, "items": items} for value, items in facet.values],
                "others": facet.others,
                **({} if facet.minimum is None else {"minimum": facet.minimum, "maximum": facet.maximum}),
            }
            for facet in counts.facets
        ],
        "total": counts.total,
        "notes": list(counts.notes),
    }


def weights_answer(look: float | None, weights: Mapping[str, float] | None) -> Json:
    """Return what each part of the vector counts in the scores, and the look of these by itself."""
    shares = None if weights is None else {name: _share(weight) for name, weight in weights.items()}
    return {"look": None if look is None else _share(look), "weights": shares}


def hit_answer(hit: "Match", url: PictureUrl = str, fields: Fields = None) -> Json:
    """Return one hit: its item, its score, and the chance that it is of the query's class."""
    told: Json = {"score": _share(hit.score), "relevance": _share(hit.relevance)}
    if hit.copies is not None:
        told |= {"copies": list(hit.copies)}
    return told_of(hit.item, told, url, fields)


def told_of(found: "Item", told: Json, url: PictureUrl, fields: Fields) -> Json:
    """Return a hit of an item, and what more there is to tell of it, as far as fields name it."""
    if fields is None:
        return {"item": item_answer(found, url), **told}
    item = {name: _ITEM_MEMBERS[name](found, url) for name in _ITEM_MEMBERS if name in fields}
    return ({"item": item} if item else {}) | {name: value for name, value in told.items() if name in fields}


def item_answer(item: "Item", url: PictureUrl = str) -> Json:
    """Return one item."""
    return {name: member(item, url) for name, member in _ITEM_MEMBERS.items()}


def _picture_answer(item: "Item", url: PictureUrl) -> Json:
    picture = item.picture
    size = {"width": picture.width, "height": picture.height}
    return {"url": url(picture_path(item.id)), **size, "media_type": picture.media_type}


def _images_answer(item: "Item", url: PictureUrl) -> Json:
    folder = f"{item_path(item.id)}/images/"
    return {
        called: {"url": url(folder + name), "width": width, "height": height}
        for called, (name, width, height) in sizes_of(item.picture).items()
    }


def versioned_item_answer(item: "Item", url: PictureUrl = str) -> Json:
    """Return one item as it is asked for by its id: with its version."""
    return item_answer(item, url) | {"version": item.version}


def colours_answer(colours: "Sequence[GarmentColour]") -> list[Json]:
    """Return a garment's colours."""
    return [{"name": one.name, "hex": f"#{one.code}", "share": one.share} for one in colours]


def info_answer(info: "EngineInfo") -> Json:
    """Return what is being served."""
    card = info.card
    return {
        "model": card.fingerprint,
        "name": card.name,
        "trained_at": card.trained_at,
        "preprocessing": card.preprocessing,
        "dim": card.dim,
        "parts": [{"name": part.name, "dim": part.dim, "share": part.share} for part in card.parts],
        "classes": list(card.classes),
        "metrics": dict(card.metrics),
        "items": info.items,
        "generation": info.generation,
        "state": info.state,
        "recall": info.recall,
    }


def cutout_data_uri(view: "View") -> str | None:
    """Return the garment as it was cut out of its photograph, as a `data:` URI of a PNG; None where nothing was cut."""
    if view.cutout is None:
        return None
    visible = view.cutout[:, :, 3:] > 0
    return png_data_uri(np.where(visible, view.cutout, np.uint8(0)))  # what can't be seen need not be sent


def view_data_uri(view: "View") -> str:
    """Return what the model saw as a `data:` URI: a grey view as a PNG, all of it; one in colour, smaller, as WebP."""
    pixels = view.shown()
    if pixels.ndim == 2 or pixels is view.pixels:
        return png_data_uri(pixels)
    return f"data:image/webp;base64,{b64encode(encode_webp(pixels, _VIEW_QUALITY)).decode()}"


def png_data_uri(pixels: NDArray[np.uint8]) -> str:
    """Return an image, uint8 (height, width), (height, width, 3) or (height, width, 4), as a `data:` URI of a PNG."""
    return f"data:image/png;base64,{b64encode(encode_png(pixels)).decode()}"


def _share(value: float) -> float:
    """Six decimals are more than float32 holds near 1, and half the bytes."""
    return round(float(value), 6)


_ITEM_MEMBERS: "Mapping[str, Callable[[Item, PictureUrl], Any]]" = {
    "id": lambda item, _: item.id,
    "predicted": lambda item, _: predicted_answer(item.predicted),
    "attributes": lambda item, _: dict(item.attributes),
    "colours": lambda item, _: colours_answer(item.colours or ()),
    "picture": _picture_answer,
    "images": _images_answer,
}
