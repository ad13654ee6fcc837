"""How one shows one's key, and what needs one: as the server that is asked has it."""

from typing import TYPE_CHECKING

from search_api.access.gate import scope_needed
from search_api.http.openapi.parts import Json

if TYPE_CHECKING:
    from search_api.access.gate import Gate

SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of the server's operator, lk_ and 43 characters. Reading needs the scope read, writing "
        "the scope write, which allows reading, too.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}
WITH_KEY: list[Json] = [{"bearer": []}, {"header": []}]
WITH_OR_WITHOUT: list[Json] = [*WITH_KEY, {}]


def security_of(method: str, path: str, gate: "Gate | None") -> list[Json]:
    """Return how an operation may be asked for; an empty list where no server needs a key."""
    if scope_needed(method, path) is None:
        return []
    return WITH_KEY if gate is not None and gate.needs_key(method, path) else WITH_OR_WITHOUT
