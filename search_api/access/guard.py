"""WSGI middleware around an application that others reach."""

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.sansio.utils import host_is_trusted

from models.errors import LookalikeError
from search_api.access.errors import UntrustedHost
from search_api.access.exposure import Exposure
from search_api.access.gate import HEALTH, Asked
from search_api.access.origins import Origins

REFUSED = "lookalike.refused"
"""Set in a request's environment where it may not be answered: the error that says why."""

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
Fields = list[tuple[str, str]]


def guarded(answering: Application, refusing: Application, exposure: Exposure) -> Application:
    """Return the application as others may reach it; `refusing` answers what they may not ask, told under REFUSED."""
    guard = Guard(answering, refusing, exposure)
    return guard if exposure.origins is None else CrossOrigin(guard, exposure.origins)


class Guard:
    """WSGI middleware that stands before all that answers, and before answers that are kept.

    What may not be answered goes to `refusing`, with the error in its environment under REFUSED.
    """

    def __init__(self, answering: Application, refusing: Application, exposure: Exposure) -> None:
        self._answering = answering
        self._refusing = refusing
        self._exposure = exposure

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass the request on to one or the other."""
        exposure = self._exposure
        try:
            self._check(environ)
        except LookalikeError as error:
            environ[REFUSED] = error
            return self._refusing(environ, start_response)
        gate = exposure.gate
        if gate is None or not gate.is_private or gate.is_open_for(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            return self._answering(environ, start_response)

        def start(status: str, headers: Fields, *error: Any) -> Any:
            return start_response(status, [_for_one_alone(field) for field in headers], *error)

        return self._answering(environ, start)

    def _check(self, environ: dict[str, Any]) -> None:
        hosts, gate = self._exposure.trusted_hosts, self._exposure.gate
        is_asked_by_address = environ["PATH_INFO"] in HEALTH
        if hosts and not is_asked_by_address and not host_is_trusted(environ.get("HTTP_HOST", "").lower(), hosts):
            raise UntrustedHost("The server goes by other names than the Host of this request.")
        if gate is not None and not gate.is_open_for(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            gate.check(Asked.of(environ))


class CrossOrigin:
    """WSGI middleware that lets pages of other origins ask the API, and show its pictures."""

    def __init__(self, application: Application, origins: Origins) -> None:
        self._application = application
        self._origins = origins

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a preflight, or pass the request on and say in its answer who may read that."""
        if not environ["PATH_INFO"].startswith("/v1/"):
            return self._application(environ, start_response)
        origin = environ.get("HTTP_ORIGIN", "")
        if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            start_response("204 No Content", self._origins.preflight_fields(origin))
            return []

        def start(status: str, headers: Fields, *error: Any) -> Any:
            is_picture = any(name.lower() == "content-type" and value.startswith("image/") for name, value in headers)
            if is_picture:
                headers = [field for field in headers if field[0].lower() != "cross-origin-resource-policy"]
                headers.append(("Cross-Origin-Resource-Policy", "cross-origin"))
            return start_response(status, _joined(headers, self._origins.fields(origin)), *error)

        return self._application(environ, start)


def _joined(headers: Fields, more: Fields) -> Fields:
    """Return header fields with more, and one Vary: not every cache reads a second."""
    vary = [value for name, value in (*headers, *more) if name.lower() == "vary"]
    others = [(name, value) for name, value in (*headers, *more) if name.lower() != "vary"]
    return [*others, ("Vary", ", ".join(vary))] if vary else others


def _for_one_alone(field: tuple[str, str]) -> tuple[str, str]:
    """Return a header field, without the leave to keep an answer for others."""
    name, value = field
    if name.lower() == "cache-control":
        return name, value.replace("public", "private")
    return field
