"""The route that says whether a picture may be shown."""

from flask import Blueprint, Response, g, jsonify, request

from search_api.http import verdict_answers
from search_api.http.engine_access import current_engine
from search_api.http.reading import requests

moderating = Blueprint("moderating", __name__)


@moderating.post("/v1/moderate")
def moderate() -> Response:
    """Answer the verdict of the policy in force on a picture, with its reasons."""
    asked = requests.read_moderation(request)
    verdict = current_engine().moderate(asked.image, attributes=asked.attributes)
    g.timings = verdict.timings
    return jsonify(verdict_answers.verdict_answer(verdict))
