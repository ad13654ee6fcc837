"""The headers that every answer carries, so that a browser never does more with it than it must."""

from collections.abc import Callable, Iterable
from typing import Any

API_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_OF_ALL = [(name.lower(), (name, value)) for name, value in _ALWAYS.items()]
_OF_PAGES = [*_OF_ALL, ("content-security-policy", ("Content-Security-Policy", PAGE_POLICY))]
_OF_ALL_ELSE = [*_OF_ALL, ("content-security-policy", ("Content-Security-Policy", API_POLICY))]


class SecureHeaders:
    """WSGI middleware that adds to any answer what it lacks: pages may load what is ours, all else may load nothing."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass the request on."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            given = {name.lower(): value for name, value in headers}
            is_page = given.get("content-type", "").startswith("text/html")
            missing = [field for name, field in (_OF_PAGES if is_page else _OF_ALL_ELSE) if name not in given]
            return start_response(status, headers + missing, *error)

        return self._application(environ, start)
