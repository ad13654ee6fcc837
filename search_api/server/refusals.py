"""What the server refuses by itself, as problems (RFC 9457): a request that is not HTTP, is too large, late or many.

Who asks for too many pages in a browser gets a page.
"""

import json
from html import escape
from http import HTTPStatus

from search_api.server.frames import Answer, AnswerFacts

_HEADERS = (
    "Content-Type: application/problem+json\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
)


def refusal(status: int, code: str, detail: str, headers: str = "") -> Answer:
    """Return a problem as an answer; `headers` are further lines, each with its CRLF."""
    phrase = HTTPStatus(status).phrase
    problem = {
        "type": f"urn:lookalike:problem:{code}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    body = json.dumps(problem).encode()
    head = f"HTTP/1.1 {status} {phrase}\r\n{_HEADERS}{headers}Content-Length: {len(body)}\r\n"
    return Answer(AnswerFacts(status, None, None, None, ()), head.encode(), body)


_PAGE_HEADERS = (
    "Content-Type: text/html; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 34rem; margin: 15vh auto; padding: 0 1.5rem; font: 1.125rem/1.5 sans-serif;
  color: light-dark(#1b1a17, #f1ede5); background: light-dark(#fbfaf7, #151412); }}
h1 {{ font: 400 2.5rem/1.1 serif; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""


def refusal_page(status: int, title: str, text: str, headers: str = "") -> Answer:
    """Return a page for a person as an answer, which needs nothing that another answer holds; as `refusal`."""
    body = _PAGE.format(title=escape(title), text=escape(text)).encode()
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{_PAGE_HEADERS}{headers}Content-Length: {len(body)}\r\n"
    return Answer(AnswerFacts(status, None, None, None, ()), head.encode(), body)


_NOT_HTTP = "The request is not HTTP as this server reads it."

BAD_REQUEST = refusal(400, "bad-request", _NOT_HTTP)
URI_TOO_LONG = refusal(414, "uri-too-long", _NOT_HTTP)
HEADERS_TOO_LARGE = refusal(431, "request-header-fields-too-large", _NOT_HTTP)
TOO_LATE = refusal(408, "request-timeout", "The request did not arrive whole in time. Send it again.")
PICTURE_TOO_LARGE = refusal(413, "picture-too-large", "The picture is larger than is accepted. Send a smaller one.")
CONTENT_TOO_LARGE = refusal(
    413, "content-too-large", "The body is larger than is accepted. Send a smaller picture, or fewer."
)
LINES_TOO_LARGE = refusal(
    413,
    "content-too-large",
    "There are more lines than one request can hold: send them in several of at most 20 MiB. None was written.",
)
ENCODED = refusal(
    415,
    "unsupported-content-encoding",
    "Bodies are not decompressed here. Send it as it is, without Content-Encoding.",
    "Accept-Encoding: identity\r\n",
)
UNKNOWN_EXPECTATION = refusal(417, "expectation-failed", "Only 100-continue may be expected.")
BUSY = refusal(
    503,
    "busy",
    "The server has as many requests as it can hold at this moment. Try again in a few seconds.",
    "Retry-After: 5\r\n",
)
FATAL = refusal(
    500, "internal-error", "Something went wrong on our side when this was tried; it has been logged. Don't repeat it."
)
METHOD_NOT_ALLOWED = refusal(
    405,
    "method-not-allowed",
    "This address does not answer that method; the Allow header names those that it does.",
    "Allow: GET, HEAD\r\n",
)
