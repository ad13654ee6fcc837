"""The schemas of what is answered, by their names in the document."""

from indexer.predictions import CLASS
from search_api.http.openapi.parts import NUMBER, SHARE, TEXT, WHOLE, Json, array, object_of, ref
from search_api.picture_sizes import SIZES

LOOK_USED: Json = {
    "type": ["number", "null"],
    "description": "The share of the look in the scores, 0 to 1; null for a model that does not tell it apart",
}
SIGNATURE: Json = {
    "model": {**TEXT, "description": "Fingerprint of the model"},
    "generation": {**WHOLE, "description": "Generation of the catalogue's index"},
    "state": {**TEXT, "description": "Version of the catalogue's state: another after every write"},
}
COLOURS: Json = {
    **array(ref("Colour")),
    "description": "The dominant colours of the garment, at most three, the largest share first; none where none was "
    "cut out, as of a grey picture",
}
WEIGHTS_USED: Json = {
    "type": ["object", "null"],
    "additionalProperties": SHARE,
    "description": "What each part of the vector counts in the scores, adding up to 1; null for a model without parts",
}
BEST: Json = {
    **object_of(**{CLASS: ref("Guess")}),
    "additionalProperties": ref("Guess"),
    "description": "What the model says, by target: the most probable value",
}
PREDICTED: Json = {
    **object_of(**{CLASS: ref("Prediction")}),
    "additionalProperties": ref("Prediction"),
    "description": "What the model says, by target: the most probable value and all others; of an item, that alone",
}
ITEM: Json = {
    "id": TEXT,
    "predicted": BEST,
    "attributes": {"type": "object"},
    "colours": COLOURS,
    "picture": ref("Picture"),
    "images": ref("Images"),
}
HITS: Json = {
    "hits": array(ref("Hit")),
    "no_good_match": {
        "type": "boolean",
        "description": "Whether no hit has a relevance of 0.5 or more: then they are the nearest there are, far off",
    },
    "next": {
        "type": ["string", "null"],
        "description": "To be sent as cursor, with the same question, for the page that follows; null at the end",
    },
    "exact": {"type": "boolean", "description": "Whether every item was compared, so that no better hit exists"},
}
NOTES: Json = {
    **array(TEXT),
    "description": "What is to be said of the question, such as that no item ever had an attribute of its filter",
}
SCHEMAS: Json = {
    "Colour": object_of(name=TEXT, hex=TEXT, share=SHARE),
    "Picture": object_of(url=TEXT, width=WHOLE, height=WHOLE, media_type=TEXT),
    "ImageSize": object_of(url=TEXT, width=WHOLE, height=WHOLE),
    "Images": {
        **object_of(**{called: ref("ImageSize") for called in SIZES}),
        "description": "The picture in its sizes, the longest side at most "
        f"{', '.join(map(str, SIZES.values()))} pixels and never larger than it is. An address holds for good: of "
        "another picture it is another",
    },
    "Item": object_of(**ITEM),
    "SignedItem": object_of(
        **ITEM,
        version={
            **TEXT,
            "description": "Of this item: another after every write of it. What If-Match takes, in quotes",
        },
        **SIGNATURE,
    ),
    "Hit": object_of(
        optional={
            "item": {
                "type": "object",
                "properties": ITEM,
                "description": "Whole, or those members of it that fields names; not there where it names none",
            },
            "score": {
                **NUMBER,
                "description": "Weighted cosine, -1 to 1; of words, how well it says them, 1 for the best item",
            },
            "relevance": {
                **SHARE,
                "description": "The chance that the item is of the query's kind, as counted on held-out pictures; of "
                "several items that are asked with, the mean of the chances for each one's kind. It compares between "
                "queries, whatever their weights. Of words alone it is the score, and does not",
            },
            "copies": {
                **array(TEXT),
                "description": "Only where hits are collapsed: the ids of those whose pictures are copies of it",
            },
        },
    ),
    "Guess": object_of(value=TEXT, probability=SHARE),
    "Prediction": object_of(
        value=TEXT,
        probability=SHARE,
        others={**array(ref("Guess")), "description": "What else it might be, the most probable first"},
    ),
    "Garment": object_of(
        box={
            "type": "array",
            "items": SHARE,
            "minItems": 4,
            "maxItems": 4,
            "description": "Left, top, width and height as shares of the upright picture: to be sent as box, joined by "
            "commas, to search with this garment",
        },
        predicted=BEST,
        searched={"type": "boolean", "description": "Whether this is the garment that was searched with"},
    ),
    "Search": object_of(
        query={"type": "object"},
        predicted=PREDICTED,
        notes=array(TEXT),
        colours=COLOURS,
        familiar={
            "type": "boolean",
            "description": "Whether the picture is like those of the model's classes; 95 % of them count as such",
        },
        familiarity={
            **SHARE,
            "description": "The share of pictures of the model's classes that are as strange as this one or more",
        },
        garments={
            **array(ref("Garment")),
            "description": "The garments of the picture, the largest first: one, or several of which one was searched "
            "with, the largest where no box says which; a box around none of them comes first. None for an item",
        },
        **HITS,
        look=LOOK_USED,
        weights=WEIGHTS_USED,
        **SIGNATURE,
        took_ms=NUMBER,
        optional={
            "view": {
                **TEXT,
                "description": "What the model saw, a picture as data: URI; with fields, only where these name it",
            },
            "cutout": {
                "type": ["string", "null"],
                "description": "Only where asked for: the garment as it was cut out of its photograph, a PNG with "
                "alpha as data: URI; null for a picture that is taken whole, such as Fashion-MNIST's own",
            },
        },
    ),
    "WordSearch": object_of(query=object_of(source={"const": "words"}, q=TEXT), notes=NOTES, **HITS, **SIGNATURE),
    "Page": object_of(
        items=array(ref("Item")),
        total=WHOLE,
        next={
            "type": ["string", "null"],
            "description": "The cursor of the page behind, null behind the last. Where the catalogue has changed "
            "meanwhile, the page goes on from the same place and a note says so",
        },
        notes=NOTES,
        offset={"type": ["integer", "null"], "description": "Null where a cursor says where the page begins"},
        limit=WHOLE,
        **SIGNATURE,
    ),
    "Similar": object_of(item_id=TEXT, **HITS, look=LOOK_USED, weights=WEIGHTS_USED, notes=NOTES, **SIGNATURE),
    "Facets": object_of(facets=array(ref("Facet")), total=WHOLE, notes=NOTES, **SIGNATURE),
    "FacetValue": object_of(value={"type": ["string", "number", "boolean"]}, items=WHOLE),
    "Facet": object_of(
        field={**TEXT, "description": "predicted.class, colour~ or an attribute, as a filter names it"},
        items={**WHOLE, "description": "How many items have a value"},
        values={
            **array(ref("FacetValue")),
            "description": "The values that most items have, most first; of a list each member is one. Where all are "
            "numbers, none unless all fit in",
        },
        others={**WHOLE, "description": "How many values there are beside these"},
        optional={
            "minimum": {**NUMBER, "description": "Only where all values are numbers"},
            "maximum": {**NUMBER, "description": "Only where all values are numbers"},
        },
    ),
    "SimilarToAll": object_of(
        ids={**array(TEXT), "description": "The items that were asked with; notes name those that there are none of"},
        notes=array(TEXT),
        **HITS,
        look=LOOK_USED,
        weights=WEIGHTS_USED,
        **SIGNATURE,
    ),
    "Problem": object_of(type=TEXT, title=TEXT, status=WHOLE, detail=TEXT, code=TEXT, optional={"instance": TEXT}),
}
