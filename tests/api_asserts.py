"""What every answer of the API must be, whatever was asked."""

import json
from typing import Any

from werkzeug.test import TestResponse

from search_api.engine import Engine


def assert_well_dressed(response: TestResponse, engine: Engine) -> None:
    """Every answer, right or wrong, says which model and generation answer, and tells browsers to be careful."""
    headers = response.headers
    assert headers["Lookalike-Model"] == engine.card.fingerprint
    assert headers["Lookalike-Generation"] == str(engine.generation)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in headers


def assert_problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """An error has the one shape of RFC 9457 and a sentence for a person."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.data)
    assert list(problem) == ["type", "title", "status", "detail", "code", "instance"]
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:lookalike:problem:{code}"
    assert problem["detail"].endswith(".")
    assert "Traceback" not in problem["detail"]
    assert 'File "' not in problem["detail"]
    return problem
