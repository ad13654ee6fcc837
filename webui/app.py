"""The whole web application: the API with the pages on top."""

from typing import TYPE_CHECKING

from search_api.http import app as search_app
from webui.pages import pages, problem_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from search_api.access.exposure import Exposure
    from search_api.engine import Engine


def create_app(open_engine: "Callable[[], Engine]", exposure: "Exposure | None" = None) -> "Flask":
    """Return the API's application with the pages registered on it. `open_engine` is called once, here.

    `exposure` says who may ask; without it, everybody may who reaches the application.
    """
    app = search_app.create_app(open_engine, problem_page, exposure)
    app.register_blueprint(pages)
    return app
