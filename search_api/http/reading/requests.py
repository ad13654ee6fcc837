"""Reading questions out of requests: exactly one query, known fields only, each at most once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import MultiDict

from indexer.sorting import RELEVANCE
from indexer.validation import attribute_error
from search_api.errors import (
    BadRequest,
    InvalidField,
    NoQuery,
    OptionsConflict,
    SeveralQueries,
    UnknownField,
    UnsupportedContentType,
)
from search_api.http.reading.forms import read_form
from search_api.http.reading.json_bodies import (
    IDS,
    IMAGE,
    IMAGE_URL,
    JSON,
    read_examples,
    read_object_with_picture,
    read_picture_in,
)
from search_api.http.reading.parameters import read, read_box, read_names, read_object, read_query, refuse_texts
from search_api.parameters import (
    ATTRIBUTES,
    CURSOR,
    CUTOUT,
    FACET_FIELDS,
    FACET_VALUES,
    FACETS,
    LIMIT,
    OFFSET,
    PAGE,
    PICTURE,
    QUERY,
    SORT,
    WHERE,
    Q,
    names_of,
)
from search_api.query import has_words, with_words

if TYPE_CHECKING:
    from flask import Request

    from indexer.records import Where
    from indexer.sources.web.addresses import Address
    from models.pictures.boxes import Box
    from search_api.query import Query

FORM = "multipart/form-data"
BYTES = "application/octet-stream"

SOURCES = (IMAGE, IMAGE_URL, "item_id")
SEARCH_OPTIONS = names_of(*QUERY, *PICTURE)


@dataclass(frozen=True, slots=True)
class Search:
    """One question: the bytes of a picture or its address, maybe with a box in it, or the id of an item; neither for
    words.
    """

    image: "bytes | Address | None"
    item_id: str | None
    query: "Query"
    box: "Box | None"
    cutout: bool


@dataclass(frozen=True, slots=True)
class Moderation:
    """A picture that is to be moderated, and the attributes of the item that it is of."""

    image: "bytes | Address"
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Browse:
    """One page of a listing."""

    where: "Where | None"
    sort: str
    offset: int
    cursor: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What is to be counted among which items."""

    where: "Where | None"
    fields: tuple[str, ...] | None
    limit: int


def read_search(request: "Request") -> Search:
    """Read a search: a form with a picture, a bare picture with options in the address, or JSON with either or with a
    picture's address.

    Raises AddressRefused, NoQuery, SeveralQueries, UnknownField, InvalidField, InvalidBox, BadRequest,
    UnsupportedContentType, what `Query` does, and werkzeug's RequestEntityTooLarge.
    """
    if request.mimetype == JSON:
        plain_body(request)
        no_parameters(request)
        return _read_json(request)
    fields, image = _picture_and_fields(request, ("item_id", *SEARCH_OPTIONS))
    return _search(image, fields.get("item_id"), fields)


def read_moderation(request: "Request") -> Moderation:
    """Read a picture to be moderated: JSON or a form with it, or it alone with the attributes in the address.

    Raises what `read_search` does.
    """
    image: bytes | Address | None
    if request.mimetype == JSON:
        no_parameters(request)
        plain_body(request)
        fields = read_object_with_picture(_body(request), "The body")
        _known(fields, (IMAGE, IMAGE_URL, ATTRIBUTES.name), "field")
        image = None if fields.get(IMAGE) == "" else read_picture_in(fields)
        given = fields.get(ATTRIBUTES.name, {})
        if not isinstance(given, dict):
            raise InvalidField(f"{ATTRIBUTES.name} must be an object, like {ATTRIBUTES.example}.")
    else:
        texts, image = _picture_and_fields(request, names_of(ATTRIBUTES))
        text = texts.get(ATTRIBUTES.name, "{}")
        given = read_object(text.encode(errors="surrogatepass"), ATTRIBUTES.name)
    if not image:
        raise NoQuery("There is no picture to moderate. Send one named image in a form or JSON, or its bytes alone.")
    if problem := attribute_error(given):
        raise InvalidField(f"attributes: {problem}")
    return Moderation(image, given)


def read_similar_to_all(request: "Request") -> tuple[Mapping[str, float], "Query"]:
    """Read which items are asked with, each with its weight, and the options, out of JSON.

    Raises NoQuery, UnknownField, InvalidField, UnsupportedContentType, what `Query` does, and werkzeug's
    RequestEntityTooLarge.
    """
    no_parameters(request)
    plain_body(request)
    if request.mimetype != JSON:
        raise UnsupportedContentType(f'Send {JSON} like {{"ids": ["...", "..."]}}.')
    fields = read_object_with_picture(_body(request), "The body")
    _known(fields, (IDS, *names_of(*QUERY)), "field")
    refuse_texts(fields, *QUERY)
    if IDS not in fields:
        raise NoQuery('There is nothing to search with. Send JSON like {"ids": ["...", "..."]}.')
    return read_examples(fields[IDS]), read_query(fields)


def plain_body(request: "Request") -> None:
    """Raise UnsupportedContentType when a body is compressed."""
    if encoding := request.headers.get("Content-Encoding", "").strip().lower().removeprefix("identity"):
        raise UnsupportedContentType(
            f"The content encoding {encoding[:40]} is not accepted. Send the body as it is, without Content-Encoding."
        )


def read_similar(request: "Request") -> "Query":
    """Read the options of a question about similar items from its address."""
    return read_query(_once(request.args, names_of(*QUERY), "query parameter"))


def read_browse(request: "Request") -> Browse:
    """Read what a listing is asked for from its address."""
    fields = _once(request.args, names_of(*PAGE), "query parameter")
    where, words = read(fields, WHERE), read(fields, Q)
    sort = RELEVANCE if has_words(words) and SORT.name not in fields else read(fields, SORT)
    if CURSOR.name in fields and OFFSET.name in fields:
        raise OptionsConflict("A cursor says itself where the page begins. Give a cursor or an offset, not both.")
    return Browse(with_words(where, words), sort, read(fields, OFFSET), read(fields, CURSOR), read(fields, LIMIT))


def read_facets(request: "Request") -> Facets:
    """Read what is to be counted from the address."""
    fields = _once(request.args, names_of(*FACETS), "query parameter")
    asked = read(fields, FACET_FIELDS)
    named = None if asked is None else read_names(asked)
    return Facets(with_words(read(fields, WHERE), read(fields, Q)), named, read(fields, FACET_VALUES))


def no_parameters(request: "Request") -> None:
    """Raise UnknownField when the address has a query parameter."""
    _once(request.args, (), "query parameter")


def _picture_and_fields(request: "Request", options: tuple[str, ...]) -> tuple[dict[str, str], bytes | None]:
    """Read the fields and the picture of a form, or the picture alone with fields in the address."""
    plain_body(request)
    kind = request.mimetype
    if kind == FORM:
        no_parameters(request)
        return _read_form(request, options)
    if kind.startswith("image/") or kind == BYTES:
        return _read_bytes(request, options)
    if not kind and not _body(request):
        raise NoQuery("The request is empty. Send a picture, a form with a picture, or JSON with an item_id.")
    raise UnsupportedContentType(
        f"The content type {kind[:60] or '(none)'} is not accepted. Send a picture as image/* or {BYTES}, "
        f"a form as {FORM} with a file named image, or {JSON} with an image in base64 or an item_id."
    )


def _read_form(request: "Request", options: tuple[str, ...]) -> tuple[dict[str, str], bytes | None]:
    parts = read_form(request)
    _known([part.name for part in parts], ("image", *options), "form field")
    pictures = [part.data for part in parts if part.name == "image" and part.is_file]
    if len(pictures) > 1:
        raise SeveralQueries("There is more than one file named image. Send one picture at a time.")
    for part in parts:
        if part.name == "image" and not part.is_file:
            raise InvalidField("The form field image must be a file.")
        if part.name != "image" and part.is_file:
            raise InvalidField(f"The form field {part.name} must be text, not a file.")
    fields = MultiDict([(part.name, part.text) for part in parts if not part.is_file])
    return _once(fields, options, "form field"), pictures[0] if pictures else None


def _read_bytes(request: "Request", options: tuple[str, ...]) -> tuple[dict[str, str], bytes | None]:
    fields = _once(request.args, options, "query parameter")
    data = _body(request)
    if request.content_length is not None and len(data) < request.content_length:
        raise BadRequest(f"The body ends after {len(data)} of {request.content_length} bytes. Send it again.")
    return fields, data


def _read_json(request: "Request") -> Search:
    body = _body(request)
    if not body:
        raise NoQuery('The body is empty. Send JSON like {"item_id": "..."}.')
    fields = read_object_with_picture(body, "The body")
    _known(fields, (*SOURCES, *SEARCH_OPTIONS), "field")
    refuse_texts(fields, *QUERY, *PICTURE)
    item_id = fields.get("item_id")
    if item_id is not None and not isinstance(item_id, str):
        raise InvalidField("item_id must be text.")
    if item_id is not None and any(fields.get(name) is not None for name in (IMAGE, IMAGE_URL)):
        raise _several()
    return _search(b"" if fields.get(IMAGE) == "" else read_picture_in(fields), item_id, fields)


def _search(image: "bytes | Address | None", item_id: str | None, fields: Mapping[str, Any]) -> Search:
    if image is not None and item_id is not None:
        raise _several()
    query = read_query(fields)
    if image is None and item_id is None and not has_words(query.q):
        raise NoQuery("There is nothing to search with. Send a picture named image, an item_id, or words as q.")
    if image is not None and not image:
        raise NoQuery("The picture is empty. Choose a file that is not, and send it again.")
    box = read_box(fields, of_picture=image is not None)
    return Search(image, item_id, query, box, read(fields, CUTOUT))


def _several() -> SeveralQueries:
    return SeveralQueries("There is both a picture and an item_id. Send one of the two.")


def _body(request: "Request") -> bytes:
    return request.get_data(cache=False)


def _once(fields: MultiDict[str, str], known: tuple[str, ...], kind: str) -> dict[str, str]:
    _known(fields, known, kind)
    for name, values in fields.lists():
        if len(values) > 1:
            raise InvalidField(f"The {kind} {name} is given {len(values)} times. Give it once.")
    return fields.to_dict()


def _known(names: Iterable[str | None], known: tuple[str, ...], kind: str) -> None:
    for name in names:
        if name not in known:
            allowed = f"Known are: {', '.join(known)}." if known else "This address takes none here."
            raise UnknownField(f"There is no {kind} {str(name)[:60]!r}. {allowed}")
