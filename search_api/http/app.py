"""The Engine over HTTP: the application that routes, signs, keeps and compresses, and answers errors."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from models.pictures.decoding import MAX_BYTES
from search_api.access.exposure import Exposure
from search_api.access.guard import REFUSED, guarded
from search_api.http import transfer
from search_api.http.engine_access import ENGINE, GATE, PUBLIC_URL
from search_api.http.kept_answers import KEEPER, KeptAnswers
from search_api.http.problems import Problem, problem_of, problem_response
from search_api.http.routes.asking import asking
from search_api.http.routes.items import holdings
from search_api.http.routes.moderating import moderating
from search_api.http.routes.recommending import recommending
from search_api.http.routes.service import service
from search_api.http.routes.writing import writing
from search_api.http.security import SecureHeaders
from search_api.http.urls import ItemIdConverter, KeepEncodedSlashes, path_of

if TYPE_CHECKING:
    from models.errors import LookalikeError
    from search_api.engine import Engine
    from search_api.engine_state import Reading

FORM_OVERHEAD = 256 * 1024
"""Bytes of a body that are not the picture: part headers and fields."""

ProblemPage = Callable[[Problem], Response]
"""Makes a page for people out of a problem."""


def create_app(
    open_engine: "Callable[[], Engine]", problem_page: ProblemPage | None = None, exposure: Exposure | None = None
) -> Flask:
    """Return the API as a WSGI application. `open_engine` is called once, here.

    `exposure` says who may ask; without it, everybody may who reaches the application.

    `problem_page` makes the answer to an error outside `/v1` when the client prefers HTML; without it, and
    for every other client, errors are `application/problem+json`. What `open_engine` raises passes through.
    """
    app = Flask("lookalike", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES + FORM_OVERHEAD
    app.json = transfer.QuickJSON(app)
    app.url_map.merge_slashes = False
    app.url_map.converters["item_id"] = ItemIdConverter
    exposure = exposure or Exposure()
    app.config[PUBLIC_URL] = exposure.public_url
    app.config[GATE] = exposure.gate
    inner = SecureHeaders(app.wsgi_app)
    app.extensions[KEEPER] = kept = KeptAnswers(inner, lambda: engine)
    app.wsgi_app = KeepEncodedSlashes(guarded(kept, inner, exposure))  # type: ignore[method-assign]
    for blueprint in (asking, holdings, moderating, recommending, service, writing):
        app.register_blueprint(blueprint)

    @app.before_request
    def refuse() -> None:
        refusal: LookalikeError | None = request.environ.get(REFUSED)
        if refusal is not None:
            raise refusal

    @app.errorhandler(Exception)
    def answer_error(error: Exception) -> Response:
        if isinstance(error, HTTPException) and (error.code or 500) < 400:
            return cast("Response", error.get_response())
        problem = problem_of(error)
        if problem_page is not None and _wants_page():
            page = problem_page(problem)
            page.headers.update(problem.headers)
            return page
        return problem_response(problem, path_of(request))

    @app.after_request
    def sign(response: Response) -> Response:
        reading: Reading = g.get("reading", engine.last_read)
        response.headers["Lookalike-Model"] = engine.card.fingerprint
        response.headers["Lookalike-State"] = reading.version
        response.headers["Lookalike-Generation"] = str(reading.generation)
        if timings := g.get("timings"):
            response.headers["Server-Timing"] = ", ".join(f"{step};dur={ms:.3f}" for step, ms in timings.items())
        return transfer.compress(request, response)

    engine = open_engine()
    app.extensions[ENGINE] = engine
    return app


def _wants_page() -> bool:
    accepted = request.accept_mimetypes
    prefers_html = accepted["text/html"] > max(accepted["application/json"], accepted["application/problem+json"])
    return prefers_html and not request.path.startswith("/v1/")
