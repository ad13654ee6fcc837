"""Every request as it is sent, and how its answer is read: one table for both clients. Nothing here sends."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar, Unpack, cast
from urllib.parse import quote

import httpx

from lookalike_client.errors import LookalikeHTTPError, UnexpectedAnswer, error_of
from lookalike_client.options import (
    Json,
    OfPicture,
    OfStrip,
    OnePage,
    OnePageOfWords,
    OnlyIf,
    PictureSource,
    PictureUrl,
    Where,
    picture_bytes,
    picture_fields,
)
from lookalike_client.records import Facets, Found, Item, Listing, Strip, Verdict, Written
from lookalike_client.retrying import retry_after

JSON = "application/json"
T = TypeVar("T")

Ids: TypeAlias = str | Iterable[str] | Mapping[str, float]
"""One id, several, or weights by id."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A like or a dislike that counts `weight`, above 0 and up to 1,000: of an id, or of a picture."""

    subject: str | PictureSource
    weight: float = 1.0


Liked: TypeAlias = str | PictureSource | Opinion
"""An id, as text, or a picture, or either with a weight; a picture by its address is a PictureUrl."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and what is made of its answer. All of them may be sent again: those that write have a key."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, tuple[str, bytes]] | None = None

    def request(self, http: "httpx.Client | httpx.AsyncClient") -> httpx.Request:
        """Return the request as that client sends it; it may be sent several times."""
        return http.build_request(
            self.method,
            self.path,
            params=self.params or None,
            headers=self.headers,
            content=self.content,
            data=self.form,
            files=self.files,
        )

    def answer(self, response: httpx.Response) -> T:
        """Return what an answer says. Raises LookalikeHTTPError and UnexpectedAnswer."""
        if not response.is_success:
            raise error_of(response.status_code, _problem(response), retry_after(response))
        try:
            return self.read(response)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(
                f"The answer to {self.method} {response.url} can't be read ({error!r}). Is this the address of a "
                "Lookalike server of this client's version?"
            ) from error


@dataclass(frozen=True, slots=True)
class StripQuestion:
    """One of several strips; what it does not say is as is said for all."""

    name: str | None = None
    likes: Sequence[Liked] | None = None
    dislikes: Sequence[Liked] | None = None
    options: OfStrip = field(default_factory=OfStrip)


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a batch: made by `search`, `similar`, `recommend` and `item`."""

    kind: str
    fields: Json
    read: Callable[[Json], Found | Strip | Item]

    @classmethod
    def search(cls, picture: PictureSource, **options: Unpack[OfPicture]) -> "Question":
        """Ask as the clients' `search` does."""
        return cls("search", {**picture_fields(picture), **_json_options(options)}, Found.of)

    @classmethod
    def words(cls, q: str, **options: Unpack[OnePageOfWords]) -> "Question":
        """Ask as the clients' `search_words` does."""
        return cls("search", {"q": q, **_json_options(options)}, Found.of)

    @classmethod
    def similar(cls, ids: Ids, **options: Unpack[OnePage]) -> "Question":
        """Ask as the clients' `similar` does, with one item or several."""
        named = {"item_id": ids} if isinstance(ids, str) else {"ids": _named(ids)}
        return cls("similar", {**named, **_json_options(options)}, Found.of)

    @classmethod
    def recommend(
        cls, likes: Iterable[Liked] = (), dislikes: Iterable[Liked] = (), **options: Unpack[OfStrip]
    ) -> "Question":
        """Ask as the clients' `recommend` does."""
        return cls("recommend", _strip_fields(likes, dislikes, options), Strip.of)

    @classmethod
    def item(cls, item_id: str) -> "Question":
        """Ask as the clients' `item` does."""
        return cls("item", {"item_id": item_id}, Item.of)


BatchAnswer: TypeAlias = Found | Strip | Item | LookalikeHTTPError


def search(picture: PictureSource, **options: Unpack[OfPicture]) -> Call[Found]:
    """Ask with a picture."""
    if isinstance(picture, PictureUrl):
        return _asking("/v1/search", {**picture_fields(picture), **_json_options(options)}, _object(Found.of))
    form = {name: _text(name, value) for name, value in _json_options(options).items()}
    return Call("POST", "/v1/search", _object(Found.of), form=form, files=_file(picture))


def search_words(q: str, **options: Unpack[OnePageOfWords]) -> Call[Found]:
    """Ask with words alone."""
    return _asking("/v1/search", {"q": q, **_json_options(options)}, _object(Found.of))


def similar(ids: Ids, **options: Unpack[OnePage]) -> Call[Found]:
    """Ask with items."""
    return _asking("/v1/similar", {"ids": _named(ids), **_json_options(options)}, _object(Found.of))


def recommend(likes: Iterable[Liked], dislikes: Iterable[Liked], **options: Unpack[OfStrip]) -> Call[Strip]:
    """Ask for one strip."""
    return _asking("/v1/recommend", _strip_fields(likes, dislikes, options), _object(Strip.of))


def strips(strips: Iterable[StripQuestion], repeat: bool, options: OfStrip) -> Call[list[Strip]]:
    """Ask for several strips together; `options` are of all that do not say otherwise."""
    asked = [
        ({} if one.name is None else {"name": one.name}) | _strip_fields(one.likes, one.dislikes, one.options)
        for one in strips
    ]
    body = {**_json_options(options), "strips": asked, "repeat": repeat}
    return _asking("/v1/recommend", body, _object(lambda told: [Strip.of(one) for one in told["strips"]]))


def batch(questions: Iterable[Question]) -> Call[list[BatchAnswer]]:
    """Ask several questions of one state."""
    asked = list(questions)

    def read(told: Json) -> list[BatchAnswer]:
        return [
            question.read(one["answer"]) if one["status"] == 200 else error_of(one["status"], one["problem"])
            for question, one in zip(asked, told["answers"], strict=True)
        ]

    return _asking("/v1/batch", {"questions": [{one.kind: one.fields} for one in asked]}, _object(read))


def moderate(picture: PictureSource, attributes: Json | None) -> Call[Verdict]:
    """Ask whether a picture may be shown."""
    if isinstance(picture, PictureUrl):
        told = {} if attributes is None else {"attributes": attributes}
        return _asking("/v1/moderate", {**picture_fields(picture), **told}, _object(Verdict.of))
    form = {} if attributes is None else {"attributes": _dumps(attributes)}
    return Call("POST", "/v1/moderate", _object(Verdict.of), form=form, files=_file(picture))


def item(item_id: str) -> Call[Item]:
    """Ask for one item."""
    return Call("GET", _path(item_id), _object(Item.of))


def image(item_id: str) -> Call[bytes]:
    """Ask for the display copy of an item's picture."""
    return Call("GET", f"{_path(item_id)}/image", lambda response: response.content)


def listing(where: Where | None, q: str | None, sort: str | None, page_size: int, cursor: str | None) -> Call[Listing]:
    """Ask for one page of items."""
    asked = {"where": where, "q": q, "sort": sort, "limit": page_size, "cursor": cursor}
    return Call("GET", "/v1/items", _object(Listing.of), params=_params(asked))


def facets(where: Where | None, q: str | None, fields: Sequence[str] | None, limit: int) -> Call[Facets]:
    """Ask what fields hold."""
    asked = {"where": where, "q": q, "fields": None if fields is None else ",".join(fields), "limit": limit}
    return Call("GET", "/v1/facets", _object(Facets.of), params=_params(asked))


def put(item_id: str, attributes: Json | None, picture: PictureSource | None, only_if: OnlyIf) -> Call[Item]:
    """Add or replace an item."""
    headers = _writing(only_if)
    told: dict[str, Any] = {} if attributes is None else {"attributes": attributes}
    if picture is None or isinstance(picture, PictureUrl):
        told |= {} if picture is None else picture_fields(picture)
        return Call("PUT", _path(item_id), _object(Item.of), headers=_json_type(headers), content=_body(told))
    form = {name: _dumps(value) for name, value in told.items()}
    return Call("PUT", _path(item_id), _object(Item.of), headers=headers, form=form, files=_file(picture))


def patch(item_id: str, attributes: Json, only_if: OnlyIf) -> Call[Item]:
    """Change some attributes of an item; None takes one away."""
    headers = _json_type(_writing(only_if))
    return Call("PATCH", _path(item_id), _object(Item.of), headers=headers, content=_body({"attributes": attributes}))


def put_image(item_id: str, picture: PictureSource, only_if: OnlyIf) -> Call[Item]:
    """Give an item another picture."""
    path = f"{_path(item_id)}/image"
    if isinstance(picture, PictureUrl):
        headers = _json_type(_writing(only_if))
        return Call("PUT", path, _object(Item.of), headers=headers, content=_body(picture_fields(picture)))
    headers = {**_writing(only_if), "Content-Type": "application/octet-stream"}
    return Call("PUT", path, _object(Item.of), headers=headers, content=picture_bytes(picture))


def delete(item_id: str, only_if: OnlyIf) -> Call[None]:
    """Take an item out."""
    return Call("DELETE", _path(item_id), lambda _: None, headers=_writing(only_if))


def write(lines: Mapping[int, bytes]) -> Call[Sequence[Written]]:
    """Write lines, by their numbers among all that are written."""
    numbers = list(lines)

    def read(response: httpx.Response) -> list[Written]:
        told = [json.loads(line) for line in response.content.splitlines()]
        return [Written.of({**one, "line": numbers[one["line"] - 1]}) for one in told]

    headers = {**_writing({}), "Content-Type": "application/x-ndjson"}
    return Call("POST", "/v1/items", read, headers=headers, content=b"".join(lines.values()))


def client_headers(key: str | None) -> dict[str, str]:
    """Return the headers of every request. Raises ValueError for a key that no header holds."""
    headers = {"Accept": "application/json, */*;q=0.5"}
    if key is not None:
        if not key.isascii() or not key.isprintable():
            raise ValueError("A key is printable ASCII, as lookalike keys create has shown it.")
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _asking(path: str, body: Json, read: Callable[[httpx.Response], T]) -> Call[T]:
    return Call("POST", path, read, headers=_json_type({}), content=_body(body))


def _object(read: Callable[[Json], T]) -> Callable[[httpx.Response], T]:
    return lambda response: read(cast("Json", response.json()))


def _problem(response: httpx.Response) -> Json:
    try:
        told = response.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _path(item_id: str) -> str:
    quoted = quote(item_id, safe="")
    return f"/v1/items/{quoted.replace('.', '%2E') if quoted in {'.', '..'} else quoted}"


def _file(picture: PictureSource) -> Mapping[str, tuple[str, bytes]]:
    return {"image": ("image", picture_bytes(picture))}


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _body(value: Json) -> bytes:
    return _dumps(value).encode()


def _json_type(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {**headers, "Content-Type": JSON}


def _writing(only_if: OnlyIf) -> dict[str, str]:
    """Return the headers of a write: the key that lets it be sent again, and its conditions."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    if "version" in only_if:
        version = only_if["version"]
        headers["If-Match"] = version if version == "*" else f'"{version}"'
    if only_if.get("absent"):
        headers["If-None-Match"] = "*"
    return headers


def _named(ids: Ids) -> list[Any]:
    if isinstance(ids, Mapping):
        return [{"id": item_id, "weight": weight} for item_id, weight in ids.items()]
    return [ids] if isinstance(ids, str) else list(ids)


def _plain(options: Mapping[str, object]) -> dict[str, Any]:
    """Return options as JSON holds them: what is None is not said; ids are a list, though one be given as text."""
    said = {name: value for name, value in options.items() if value is not None}
    for name in {"exclude", "seen"} & said.keys():
        value = said[name]
        said[name] = [value] if isinstance(value, str) else dict(value) if isinstance(value, Mapping) else list(value)  # type: ignore[call-overload]
    return said


def _json_options(options: OnePage | OnePageOfWords | OfStrip) -> dict[str, Any]:
    said = _plain(options)
    if "fields" in said:
        said["fields"] = list(dict.fromkeys(["id", *said["fields"]]))  # no record of an item is without it
    if "box" in said:
        said["box"] = ",".join(map(str, said["box"]))
    return said


def _text(name: str, value: Any) -> str:
    """Return an option as a form or an address holds it."""
    if isinstance(value, str):
        return value
    return ",".join(value) if name == "fields" else _dumps(value)


def _params(asked: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(name, value) for name, value in asked.items() if value is not None}


def _strip_fields(likes: Iterable[Liked] | None, dislikes: Iterable[Liked] | None, options: OfStrip) -> dict[str, Any]:
    opinions = {"likes": likes, "dislikes": dislikes}
    said = {kind: [_opinion(one) for one in given] for kind, given in opinions.items() if given is not None}
    return {**said, **_json_options(options)}


def _opinion(liked: Liked) -> Json:
    opinion = liked if isinstance(liked, Opinion) else Opinion(liked)
    subject = opinion.subject
    named = {"item_id": subject} if isinstance(subject, str) else picture_fields(subject)
    return {**named, "weight": opinion.weight}
