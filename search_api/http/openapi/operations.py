"""How an operation is described: what it is called and takes, what it answers, and with which problems."""

from typing import Literal, TypeAlias

from search_api.http.openapi.parts import TEXT, WHOLE, Json, ref

Topic: TypeAlias = Literal["ask", "recommend", "browse", "write", "moderate", "service"]

TOPICS: dict[Topic, str] = {
    "ask": "Items that look like a picture or other items",
    "recommend": "Items for a person, and many questions at once",
    "browse": "What the catalogue holds",
    "write": "Adding, changing and taking out items",
    "moderate": "Whether a picture may be shown",
    "service": "The API itself",
}

_RETRY = {"Retry-After": {"required": True, "schema": WHOLE, "description": "Seconds to wait before asking again"}}
_PROBLEMS: dict[int, tuple[str, Json]] = {
    400: ("The request is malformed: a field that there is not, or a value of another kind", {}),
    401: (
        "A key is needed, or the one sent is not known",
        {"WWW-Authenticate": {"required": True, "schema": TEXT, "description": "How to send a key"}},
    ),
    403: ("The key that was sent does not allow writing; or there are no keys, and the request is from elsewhere", {}),
    404: ("There is no such item", {}),
    408: ("The body did not arrive in time", {}),
    409: (
        "The catalogue is in another state or of another model than is asked for, or the same request is under way",
        {},
    ),
    412: ("The item is not as If-Match or If-None-Match say", {}),
    413: ("The body or the picture is too large", {}),
    415: ("The content type, or the format of the picture, is not supported", {}),
    422: ("What is asked is well-formed, but can't be done: out of range, contradictory, a damaged picture", {}),
    429: ("More was asked than the limit of this key or address allows", _RETRY),
    503: ("The service is busy, or can't answer at the moment", _RETRY),
}
ASKED_BY_ADDRESS = (400, 401, 429, 503)
"""Problems that any question can meet."""

ASKED_BY_BODY = (400, 401, 408, 413, 415, 422, 429, 503)
"""Problems that any question in a body can meet."""

WRITTEN = (400, 401, 403, 408, 409, 413, 415, 422, 429, 503)
"""Problems that any write with a body can meet."""

ETAG: Json = {
    "ETag": {"required": True, "schema": TEXT, "description": "Names this answer: to be sent as If-None-Match"}
}
_IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": TEXT,
    "description": "The ETag of the answer that one has already: 304 where it is still the same",
}


def operation(
    name: str,
    topic: Topic,
    summary: str,
    answers: Json,
    problems: tuple[int, ...],
    *,
    description: str = "",
    parameters: list[Json] | None = None,
    body: Json | None = None,
) -> Json:
    """Return an operation: `answers` by their statuses, `body` what may be sent by content type."""
    described: Json = {"operationId": name, "tags": [topic], "summary": summary}
    if description:
        described["description"] = description
    if parameters:
        described["parameters"] = parameters
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    return described | {"responses": answers | {str(status): _problem(status) for status in problems}}


def reading(
    name: str,
    topic: Topic,
    summary: str,
    answer: Json,
    problems: tuple[int, ...] = (),
    *,
    parameters: list[Json] | None = None,
    description: str = "",
) -> Json:
    """Return an operation that reads what can be kept: its answer has an ETag, and is not sent to who has it."""
    same = {"description": "As the one that has this ETag", "headers": ETAG}
    return operation(
        name,
        topic,
        summary,
        {"200": answer | {"headers": ETAG}, "304": same},
        (*ASKED_BY_ADDRESS, *problems),
        parameters=[*(parameters or ()), _IF_NONE_MATCH],
        description=description,
    )


def answer(schema: str, *others: str, description: str = "The answer") -> Json:
    """Return an answer of JSON, of a schema or one of others."""
    shape = {"anyOf": [ref(one) for one in (schema, *others)]} if others else ref(schema)
    return {"description": description, "content": {"application/json": {"schema": shape}}}


def in_body(schema: Json, **examples: Json) -> Json:
    """Return what a body of JSON may be, with examples by their names."""
    return {"application/json": _with_examples(schema, examples)}


def _with_examples(schema: Json, examples: Json) -> Json:
    told = {name: {"summary": name.replace("_", " "), "value": value} for name, value in examples.items()}
    return {"schema": schema} | ({"examples": told} if told else {})


def _problem(status: int) -> Json:
    description, headers = _PROBLEMS[status]
    content = {"application/problem+json": {"schema": ref("Problem")}}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})
