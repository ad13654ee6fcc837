"""Strips of recommended items over HTTP: read from JSON, and answered."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search_api.batches import Strips
from search_api.errors import InvalidField, OptionsConflict
from search_api.http.answers import hit_answer, told_of
from search_api.http.reading.json_bodies import (
    IMAGE,
    IMAGE_URL,
    read_id_in,
    read_list_in,
    read_object_in,
    read_picture_in,
)
from search_api.http.reading.parameters import read, refuse_texts
from search_api.parameters import OPINION_WEIGHT, RECOMMENDED, REPEAT, STRIP, K, names_of
from search_api.recommending.strips import Opinion, Strip, check_number

if TYPE_CHECKING:
    from search_api.http.answers import Fields, Json, PictureUrl
    from search_api.recommending.recommendations import Recommendation, Recommendations, Recommended

EXAMPLE = '{"likes": ["ID"]}'

OPINIONS = ("likes", "dislikes")
SHARED = (*OPINIONS, "seen", K.name, *names_of(*STRIP))
"""What a body may say of each strip, or of all at once."""


def read_strips(body: Mapping[str, Any]) -> Strips:
    """Read one strip, or several under `strips`, to which what stands beside them applies where they say nothing.

    Raises InvalidField, UnknownField, NoQuery, and what Strip and Opinion do.
    """
    fields = read_object_in(body, (*SHARED, "strips", "repeat"), "The question")
    refuse_texts(fields, REPEAT)
    repeat = read(fields, REPEAT)
    if "strips" not in fields:
        return Strips((_read_strip(fields),), repeat)
    shared = {name: value for name, value in fields.items() if name in SHARED}
    listed = read_list_in(fields["strips"], "strips")
    check_number(listed)
    named = [read_object_in(one, ("name", *SHARED), f"strips[{number}]") for number, one in enumerate(listed)]
    return Strips(tuple(_read_strip({**_beside(shared, one), **one}) for one in named), repeat)


def strips_answer(found: "Recommendations", asked: Mapping[str, Any], url: "PictureUrl" = str) -> "Json":
    """Return what is recommended: a list of strips where a list was asked for, else the fields of the one."""
    strips = [_strip_answer(strip, url) for strip in found.strips]
    answer = {"strips": strips} if "strips" in asked else strips[0]
    return answer | {
        "model": found.model,
        "generation": found.generation,
        "state": found.state,
        "took_ms": round(sum(found.timings.values()), 3),
    }


def _beside(shared: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of all strips and holds for one, which may say how long it is by either name."""
    counts = (RECOMMENDED.name, K.name)
    own = counts if any(name in one for name in counts) else ()
    return {name: value for name, value in shared.items() if name not in own}


def _read_strip(fields: Mapping[str, Any]) -> Strip:
    refuse_texts(fields, K, *STRIP)
    name = fields.get("name")
    if name is not None and not isinstance(name, str):
        raise InvalidField("name must be text.")
    likes, dislikes = (
        tuple(_read_opinion(one, kind) for one in read_list_in(fields.get(kind, []), kind)) for kind in OPINIONS
    )
    if K.name in fields and RECOMMENDED.name in fields:
        raise OptionsConflict(f"{RECOMMENDED.name} and {K.name} are two names of one thing. Give one of them.")
    asked = {one.name: value for one in STRIP if (value := read(fields, one)) is not None}
    if K.name in fields:
        asked[RECOMMENDED.name] = read(fields, K)
    return Strip(
        likes=likes,
        dislikes=dislikes,
        seen=tuple(read_id_in(one, "What is seen") for one in read_list_in(fields.get("seen", []), "seen")),
        name=name,
        **asked,
    )


def _read_opinion(value: Any, kind: str) -> Opinion:
    if isinstance(value, str):
        return Opinion(value)
    what = f"Each of {kind} that is not an id"
    fields = read_object_in(value, ("item_id", IMAGE, IMAGE_URL, "weight"), what)
    picture = read_picture_in(fields)
    if ("item_id" in fields) == (picture is not None):
        raise InvalidField(f"{what} must have an item_id, an {IMAGE} or an {IMAGE_URL}, and one of them.")
    subject = read_id_in(fields["item_id"], "item_id") if picture is None else picture
    refuse_texts(fields, OPINION_WEIGHT)
    return Opinion(subject, read(fields, OPINION_WEIGHT))


def _strip_answer(strip: "Recommendation", url: "PictureUrl") -> "Json":
    named = {} if strip.name is None else {"name": strip.name}
    return named | {
        "hits": [_hit_answer(hit, url, strip.fields) for hit in strip.hits],
        "no_good_match": strip.no_good_match,
        "exact": strip.exact,
        "modes": [{"likes": list(mode.likes), "share": round(mode.share, 6)} for mode in strip.modes],
        "unknown": list(strip.unknown),
        "cold_start": strip.cold_start,
        "weights": None if strip.weights is None else {part: round(one, 6) for part, one in strip.weights.items()},
        "notes": list(strip.notes),
    }


def _hit_answer(hit: "Recommended", url: "PictureUrl", fields: "Fields") -> "Json":
    if hit.match is None or hit.because_of is None:
        told: Json = {"score": None, "relevance": None}
        told |= {} if hit.copies is None else {"copies": list(hit.copies)}
        return told_of(hit.item, told, url, fields) | {"because_of": None}
    because = {"like": hit.because_of.like, "item_id": hit.because_of.item_id}
    return hit_answer(hit.match, url, fields) | {"because_of": because}
