"""What only somebody who wants to break the service would send, or a tool that writes JSON in its own way."""

import json
from typing import Any

import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient

ITEM = "test-00007"
MORE_THAN_A_FLOAT = 10**400
LONG = "x" * 200_000
MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("part", ["look", "unknown"])
@pytest.mark.parametrize("weight", [MORE_THAN_A_FLOAT, -MORE_THAN_A_FLOAT], ids=["much", "little"])
def test_a_weight_beyond_all_numbers_is_refused_everywhere(client: FlaskClient, part: str, weight: int) -> None:
    weights = {part: weight}
    for path, asked in (
        ("/v1/search", {"item_id": ITEM, "weights": weights}),
        ("/v1/similar", {"ids": [ITEM], "weights": weights}),
        ("/v1/recommend", {"likes": [ITEM], "weights": weights}),
        ("/v1/recommend", {"strips": [{"likes": [ITEM], "weights": weights}]}),
    ):
        assert_problem(client.post(path, json=asked), 400, "invalid-field")
    (answer,) = client.post("/v1/batch", json={"questions": [{"similar": {"item_id": ITEM, "weights": weights}}]}).json[
        "answers"
    ]
    assert (answer["status"], answer["problem"]["code"]) == (400, "invalid-field")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/search", {"item_id": ITEM, "weights": {LONG: 1}}),
        ("/v1/similar", {"ids": [LONG]}),
        ("/v1/similar", {"ids": [ITEM, "x" * 2_000]}),
        ("/v1/search", {"item_id": LONG}),
        ("/v1/search", {"item_id": ITEM, "where": {"predicted.class": LONG}}),
        ("/v1/search", {"item_id": ITEM, "group_by": LONG}),
        ("/v1/search", {"item_id": ITEM, LONG: 1}),
    ],
)
def test_no_answer_repeats_what_is_endless(client: FlaskClient, path: str, asked: dict[str, Any]) -> None:
    answer = client.post(path, json=asked)
    assert answer.status_code < 500
    told = [answer.json.get("detail", ""), *answer.json.get("notes", [])]
    assert all(len(one) < 600 for one in told)
    assert client.post(path, data=b"{}", content_type="a" * 5_000).json["detail"].count("a") < 200


def test_a_byte_order_mark_is_passed_over(client: FlaskClient) -> None:
    asked = MARK + json.dumps({"item_id": ITEM, "limit": 1}).encode()
    assert client.post("/v1/search", data=asked, content_type="application/json").status_code == 200
    line = MARK + json.dumps({"id": "nobody", "delete": False}).encode()
    (answer,) = client.post("/v1/items", data=line, content_type="application/x-ndjson").data.splitlines()
    assert (json.loads(answer)["id"], json.loads(answer)["problem"]["code"]) == ("nobody", "invalid-field")
