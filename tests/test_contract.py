"""That the API does what its description says: asked by schemathesis, and by a client made of it."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import strategies as st
from live_server import live_server
from ruff import find_ruff_bin
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import (
    NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES,
    POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES,
)
from schemathesis.engine import events, from_schema

from indexer.catalogue.local import LocalCatalogue
from models.colours.names import NAMES
from models.runtime import LiteRTEmbedder
from search_api.access.exposure import Exposure
from search_api.access.gate import Gate
from search_api.access.keyring import Keyring
from search_api.access.keys import Scope, create_key
from search_api.engine import Engine
from search_api.http.app import create_app
from search_api.results import DECISIONS

EXAMPLES = 8
"""Of each operation, besides those that cover the schema's limits."""

SEQUENCES, STEPS = 20, 5
"""Of requests that go on with what an answer before gave, and how many requests each has at most."""

DESCRIPTION = "/v1/openapi.json"


@pytest.fixture(scope="module")
def own(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder) -> Iterator[Engine]:
    """The engine over a catalogue that is written."""
    directory = Path(shutil.copytree(small_catalogue, tmp_path_factory.mktemp("own") / "catalogue"))
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as catalogue:
        yield Engine(embedder, catalogue)


@pytest.fixture(scope="module")
def formats(own: Engine) -> None:
    """What texts and pictures are, where a schema can only name it."""
    pictures = st.sampled_from([own.display(f"test-{number:05}").data for number in range(4)])
    printable = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
    printable = printable.filter(lambda text: text not in {".", ".."})
    plain = printable.filter(lambda text: not set(text) & set("\"\\;~=<>!^,'"))
    filters = st.sampled_from(
        ['{"brand": "Acme"}', "predicted.class=Bag", "price<40;brand!=Acme", "colour~navy:15", "a^=b"]
    )
    attributes = st.dictionaries(plain, st.integers() | st.text(max_size=5) | st.none(), max_size=3)
    for name, strategy in {
        "binary": pictures,
        "byte": pictures.map(lambda picture: base64.b64encode(picture).decode()),
        "printable": printable | st.sampled_from([f"test-{number:05}" for number in range(9)]),
        "attribute": plain,
        "attributes": attributes.map(json.dumps),
        "filter": filters,
        "ids-or-filter": filters.filter(lambda text: text.startswith("{")) | st.sampled_from(["test-00001", "a,b"]),
        "weights": st.sampled_from(["kind:0.5,look:0.5", '{"kind": 1}']),
        "box": st.sampled_from(["0.1,0.2,0.5,0.6", "0,0,1,1"]),
        "order": st.sampled_from(["id", "-predicted.class", "price", "-attributes.id"]),
        "fields": st.sampled_from(["predicted.class", "brand,colour~"]),
        "colour": st.sampled_from([*NAMES, "#1f2a44", "abc"]),
    }.items():
        schemathesis.openapi.format(name, strategy)
    for name in ("image/*", "application/octet-stream"):
        schemathesis.openapi.media_type(name, pictures)
    lines = st.lists(
        st.fixed_dictionaries({"id": printable}, optional={"attributes": attributes}), min_size=1, max_size=3
    )
    schemathesis.openapi.media_type(
        "application/x-ndjson", lines.map(lambda some: "\n".join(map(json.dumps, some)).encode())
    )


_CAN_NOT_NEGATE = "does not support a `not` whose complement is not spelled out"


def without_cursors(described: Any) -> Any:
    """Return a description without the cursors: only those that an answer gave are any good."""
    if isinstance(described, dict):
        return {name: without_cursors(value) for name, value in described.items() if name != "cursor"}
    if isinstance(described, list):
        return [without_cursors(one) for one in described if not isinstance(one, dict) or one.get("name") != "cursor"]
    return described


def found(app: Flask, secret: str | None = None, url: str | None = None) -> list[str]:
    """Return what schemathesis finds that an application does otherwise than it says, asked with a key or without."""
    document = without_cursors(app.test_client().get(DESCRIPTION).get_json())
    for path in ("/v1/search", "/v1/moderate"):  # OpenAPI can't say that these go with a bare picture alone
        del document["paths"][path]["post"]["parameters"]
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {"Accept-Encoding": "identity"}
            | ({} if secret is None else {"Authorization": f"Bearer {secret}"}),
            "analysis": {"constants": {"enabled": False}},
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "no-shrink": True,
                "database": "none",
                "with-security-parameters": False,
            },
            "phases": {
                "coverage": {"enabled": url is None, "unexpected-methods": ["TRACE"]},
                "stateful": {"max-steps": STEPS, "generation": {"max-examples": SEQUENCES}},
            },
            "checks": {
                # What no schema tells: that two options contradict each other, that this model has no such part (422),
                # that the item has another version than one may guess (412).
                "positive_data_acceptance": {
                    "expected-statuses": [*POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES, "412", "422"]
                },
                "negative_data_rejection": {
                    "expected-statuses": [*NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES, "412", "413"]
                },
            },
            # A question of a batch is refused in the answer: 200, and the problem in the place of its own answer.
            "operations": [
                *(
                    {"include-path": path, "phases": {"coverage": {"enabled": False}}}
                    for path in ("/v1/recommend", "/v1/search", "/v1/similar")  # of nested filters it tries thousands
                ),
                {
                    "include-path": "/v1/batch",
                    "phases": {"coverage": {"enabled": False}},
                    "checks": {
                        "negative_data_rejection": {
                            "expected-statuses": [*NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES, "200", "413"]
                        }
                    },
                },
            ],
        }
    )
    schema = schemathesis.openapi.from_dict(document, config=config)
    if url is None:
        schema.app = app
    else:
        schema.config.update(base_url=url)
    told: dict[str, str] = {}
    asked = 0
    for event in from_schema(schema).execute():
        # Now and then schemathesis draws the negation of a filter, which refers to itself, and can't spell it out.
        if isinstance(event, events.NonFatalError) and _CAN_NOT_NEGATE not in event.info.format():
            told[f"{event.label}: {event.info.format()}"] = ""
        assert not isinstance(event, events.FatalError), event.exception
        if isinstance(event, events.ScenarioFinished):
            asked += len(event.recorder.interactions)
            for nodes in event.recorder.checks.values():
                for node in nodes:
                    if node.failure_info is not None:
                        failure = node.failure_info.failure
                        told.setdefault(
                            f"{failure.operation}: {failure.title}: {failure.message}", node.failure_info.code_sample
                        )
    assert asked > 10 * len(document["paths"])
    return [f"{what}\n{how}" for what, how in told.items()]


@pytest.mark.usefixtures("formats")
def test_everybody_gets_what_is_described(own: Engine) -> None:
    assert not (told := found(create_app(lambda: own))), "\n\n".join(told)


@pytest.mark.usefixtures("formats")
def test_whoever_has_a_key_gets_what_is_described_and_nobody_else_does(own: Engine, tmp_path: Path) -> None:
    _, secret = create_key(tmp_path / "keys.json", "shop", [Scope.WRITE])
    app = create_app(lambda: own, exposure=Exposure(Gate(Keyring(tmp_path / "keys.json"))))
    directory = shutil.copytree(own.directory, tmp_path / "catalogue")
    options = ("--workers", "1", "--keys", tmp_path / "keys.json")
    with live_server(
        tmp_path / "log", "--catalogue", directory, *options
    ) as server:  # schemathesis can't try WSGI without its key
        told = found(app, secret, f"http://127.0.0.1:{server.port}")
    assert not told, "\n\n".join(told)


CLIENT = """
import sys, json
from base64 import b64encode
from io import BytesIO
from lookalike_api import Client
from lookalike_api.api.ask import search_catalogue
from lookalike_api.api.moderate import moderate_picture
from lookalike_api.api.recommend import recommend_items
from lookalike_api.api.write import put_item
from lookalike_api.models import ItemSearch, RecommendQuestion, WrittenItem
from lookalike_api.models import ModeratePictureFilesBody, SearchCatalogueFilesBody
from lookalike_api.types import File

client = Client(base_url=sys.argv[1])
picture = open(sys.argv[2], "rb").read()
def file(): return File(payload=BytesIO(picture), file_name="x.png", mime_type="image/png")
found = search_catalogue.sync(client=client, body=SearchCatalogueFilesBody(image=file()))
assert not hasattr(found, "detail"), found.detail
strip = recommend_items.sync(client=client, body=RecommendQuestion(likes=["test-00001"], limit=5))
encoded = b64encode(picture).decode()
new = WrittenItem.from_dict({"attributes": {"brand": "Acme"}, "image": encoded})
written = put_item.sync_detailed("new-1", client=client, body=new)
verdict = moderate_picture.sync(client=client, body=ModeratePictureFilesBody(image=file()))
again = search_catalogue.sync(client=client, body=ItemSearch(item_id="new-1"))
assert hasattr(found, "hits"), found.detail
kind = again.predicted.class_.value
print(json.dumps([found.hits[0].item.id, len(strip.hits), written.status_code, verdict.verdict, kind]))
"""


def test_a_generated_client_searches_recommends_writes_and_moderates(
    own: Engine, engine: Engine, small_catalogue: Path, project: Path, png: bytes, tmp_path: Path
) -> None:
    (tmp_path / "openapi.json").write_bytes(create_app(lambda: own).test_client().get(DESCRIPTION).data)
    (tmp_path / "picture.png").write_bytes(png)
    generated = tmp_path / "generated"
    told = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"),
            *("--path", tmp_path / "openapi.json", "--output-path", generated / "lookalike_api"),
            *("--config", project / "docs" / "openapi-python-client.yml"),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{Path(find_ruff_bin()).parent}:{os.environ['PATH']}"},
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "WARNING" not in told.stdout + told.stderr
    directory = shutil.copytree(small_catalogue, tmp_path / "catalogue")
    with live_server(tmp_path / "log", "--catalogue", directory, "--workers", "1") as server:
        asked = subprocess.run(
            [sys.executable, "-c", CLIENT, f"http://127.0.0.1:{server.port}", tmp_path / "picture.png"],
            check=False,
            capture_output=True,
            text=True,
            cwd=generated,
        )
    assert asked.returncode == 0, asked.stderr
    best, recommended, written, verdict, again = json.loads(asked.stdout)
    assert (best, recommended, written) == ("test-00042", 5, 201)
    assert verdict in DECISIONS
    assert again == engine.item("test-00042").best_class.value
