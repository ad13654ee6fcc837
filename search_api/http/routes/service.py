"""Routes that tell of the service itself."""

from flask import Blueprint, Response, current_app, jsonify, request

from search_api.http import openapi
from search_api.http.engine_access import GATE, current_engine, reading, signature
from search_api.http.reading import requests

service = Blueprint("service", __name__)


@service.get("/v1/openapi.json")
def openapi_document() -> Response:
    """Answer the API's description for machines."""
    requests.no_parameters(request)
    return jsonify(openapi.document(current_engine().card.classes, current_app.config[GATE]))


@service.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive."""
    return jsonify({"status": "alive"})


@service.get("/readyz")
def readyz() -> Response:
    """Answer that questions can be answered, what is being served, and whether a newer catalogue waits for a reload."""
    with reading() as state:
        items = state.reading.items
    return jsonify(
        {"status": "ready", "items": items, "newer_catalogue": not current_engine().is_current} | signature()
    )
