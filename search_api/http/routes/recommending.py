"""Routes that take what is asked as JSON, pictures in base64 among it: strips by likes, and questions by the batch."""

import time

from flask import Blueprint, Response, g, jsonify, request

from models.errors import LookalikeError
from search_api.http import batches, strips
from search_api.http.engine_access import current_engine, picture_urls, reading, signature
from search_api.http.reading.json_bodies import read_json_body
from search_api.http.urls import path_of

recommending = Blueprint("recommending", __name__)


@recommending.post("/v1/recommend")
def recommend() -> Response:
    """Answer strips of items by what is liked and disliked."""
    body = read_json_body(request, strips.EXAMPLE)
    question = strips.read_strips(body)
    pictures = current_engine().see([question])
    with reading() as state:
        found = state.recommend(question.strips, pictures, repeat=question.repeat)
    g.timings = found.timings
    return jsonify(strips.strips_answer(found, body, picture_urls()))


@recommending.post("/v1/batch")
def batch() -> Response:
    """Answer up to 64 questions from one state, each by itself."""
    started = time.perf_counter()
    asked = batches.read_questions(read_json_body(request, batches.EXAMPLE))
    questions = [one.question for one in asked if not isinstance(one.question, LookalikeError)]
    pictures = current_engine().see(questions) if questions else {}
    with reading() as state:
        found = state.batch(questions, pictures)
        answered = batches.questions_answer(asked, state, found, picture_urls(), path_of(request))
    took = (time.perf_counter() - started) * 1000
    return jsonify({"answers": answered} | signature() | {"took_ms": round(took, 3)})
