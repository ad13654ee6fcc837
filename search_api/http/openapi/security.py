"""How one shows one's key: described for all operations, though a server may need none."""

from search_api.http.openapi.parts import Json

SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of the server's operator, lk_ and 43 characters. Reading needs the scope read, writing "
        "the scope write, which allows reading, too.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}
SECURITY: list[Json] = [{"bearer": []}, {"header": []}, {}]
"""Any of these; none on a server that is open, or answers questions without keys."""

FOR_ALL: list[Json] = []
"""Of an operation that no server needs a key for."""
