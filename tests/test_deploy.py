"""What lies in deploy/ does what it says: nginx in front of a server, the settings, the unit, the alerts."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from find_nginx import find_nginx
from live_server import PATIENCE, LiveServer, live_server, wait_until

from search_api.access.keys import create_key

SIMILAR = "/vs/v1/items/test-00007/similar?k=3"
HOST = {"Host": "shop.example"}


@pytest.fixture(scope="module")
def deploy(project: Path) -> Path:
    """The folder."""
    return project / "deploy"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A key, and the file of keys."""
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    return create_key(keys, "shop")[1], keys


@pytest.fixture(scope="module")
def server(
    deploy: Path, secret: tuple[str, Path], small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with the settings that lie there, but for the places of its files."""
    options = ("--settings", deploy / "serve.toml", "--catalogue", small_catalogue, "--keys", secret[1])
    with live_server(tmp_path_factory.mktemp("deploy") / "log", *options, "--workers", "1", "--limit", "20/day") as one:
        yield one


@pytest.fixture(scope="module")
def nginx(deploy: Path, server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Nginx in front of it, with the file that lies there: the server as its clients see it."""
    program = find_nginx()
    if program is None:
        pytest.skip("there is no nginx here")
    place = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sites = (deploy / "nginx.conf").read_text()
    assert sites.count("listen 80;") == sites.count("127.0.0.1:8000") == 1
    sites = sites.replace("listen 80;", f"listen 127.0.0.1:{port};").replace(":8000", f":{server.port}")
    temporary = "".join(
        f"{kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (place / "nginx.conf").write_text(
        f"{user}daemon off;\npid {place}/pid;\nerror_log {place}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{sites}}}\n"
    )
    process = subprocess.Popen([program, "-p", place, "-c", place / "nginx.conf", "-e", place / "error.log"])
    try:
        wait_until(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, (place / "error.log").read_text()
        yield replace(server, port=port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_clients_get_answers_with_addresses_that_they_can_use(nginx: LiveServer) -> None:
    answer = nginx.get(SIMILAR, **HOST)
    assert answer.status == 200
    hit = answer.json["hits"][0]["item"]
    assert hit["picture"]["url"] == f"https://shop.example/vs/v1/items/{hit['id']}/image"
    assert nginx.get(f"/vs/v1/items/{hit['id']}/image", **HOST).status == 200
    page = nginx.get("/vs/", Accept="text/html", **HOST)
    assert page.status == 200
    assert b'href="/vs/static/' in page.body
    assert (
        nginx.get(SIMILAR, Host="shop.example", Origin="https://shop.example").headers["access-control-allow-origin"]
        == "https://shop.example"
    )


def test_a_phones_picture_comes_through(nginx: LiveServer, png: bytes) -> None:
    padded = png + bytes(18 * 2**20)  # what follows a picture in its file is passed over
    answer = nginx.ask("POST", "/vs/v1/search", padded, {**HOST, "Content-Type": "image/png"})
    assert answer.status == 200, answer


def test_writes_need_a_key_and_metrics_are_not_shown(
    nginx: LiveServer, server: LiveServer, secret: tuple[str, Path]
) -> None:
    assert nginx.ask("DELETE", "/vs/v1/items/nobody", headers=HOST).status == 401
    reader = {**HOST, "X-API-Key": secret[0]}
    assert nginx.ask("DELETE", "/vs/v1/items/nobody", headers=reader).status == 403
    assert nginx.ask("GET", "/vs/metrics", headers=reader).status == 404
    assert server.ask("GET", "/vs/metrics", headers=reader).status == 200


def test_who_makes_up_where_they_come_from_is_counted_all_the_same(nginx: LiveServer) -> None:
    statuses = [nginx.get(SIMILAR, X_Forwarded_For=f"192.0.2.{number}", **HOST).status for number in range(25)]
    assert statuses[-1] == 429, "the proxy's word counts, and it says that all of these are one"


@pytest.fixture(scope="module")
def samples(server: LiveServer, secret: tuple[str, Path], png: bytes) -> Mapping[str, set[str]]:
    """The labels of each series that a scrape tells of a server that has answered something, by its name."""
    key = {**HOST, "X-API-Key": secret[0]}
    assert server.ask("POST", "/v1/search", png, {**key, "Content-Type": "image/png"}).status == 200
    told = server.ask("GET", "/metrics", headers=key).body.decode()
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(lookalike_\w+)(\{.*\})? ", told, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def _assert_can_be_asked(expression: str, samples: Mapping[str, set[str]]) -> None:
    """Fail unless every series and label of an expression of PromQL are there; a job is what Prometheus adds."""
    named = re.findall(r"\b(lookalike_\w+)(\{[^}]*\})?", expression)
    assert named, expression
    for name, chosen in named:
        assert name in samples, f"{name} in {expression}"
        asked = set(re.findall(r"(\w+) *=", chosen)) - {"job"}
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
        assert asked | grouped <= samples[name], f"{asked | grouped} of {name}"


def test_every_metric_that_alerts_ask_for_is_there(deploy: Path, samples: Mapping[str, set[str]]) -> None:
    asked = re.findall(r"expr: (.*lookalike_.*)", (deploy / "alerts.yml").read_text())
    assert len(asked) > 6
    for expression in asked:
        _assert_can_be_asked(expression, samples)


def test_every_panel_of_the_board_shows_what_is_there(deploy: Path, samples: Mapping[str, set[str]]) -> None:
    board = json.loads((deploy / "grafana" / "lookalike.json").read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    for panel in panels:
        assert panel["targets"]
        for target in panel["targets"]:
            _assert_can_be_asked(target["expr"], samples)
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = set(re.findall(r"by \((\w+)\)", target["expr"]))
            assert shown <= grouped, target
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    places = [panel["gridPos"] for panel in panels]
    covered = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(covered)) == len(covered), "two panels lie on one another"
    variables = {one["name"]: one for one in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(panels)))
    assert used == set(variables)
    assert variables["job"]["definition"] == "label_values(lookalike_ready, job)"


def test_the_unit_starts_what_there_is(deploy: Path, project: Path, tmp_path: Path) -> None:
    unit = (deploy / "lookalike.service").read_text()
    started = re.findall(r"^ExecStart\w*=(\S+) serve --settings (\S+)", unit, re.MULTILINE)
    assert len(started) == 2
    assert {place for _, place in started} == {"/etc/lookalike/serve.toml"}
    if (tool := shutil.which("systemd-analyze")) is not None:
        own = tmp_path / "lookalike.service"
        own.write_text(unit.replace("/opt/lookalike/.venv/bin/lookalike", "/bin/true"))
        done = subprocess.run([tool, "verify", own], capture_output=True, text=True, check=False)
        assert "lookalike.service" not in done.stderr, done.stderr


def test_the_image_sets_options_that_there_are(deploy: Path, project: Path) -> None:
    text = (deploy / "Containerfile").read_text()
    environment: Mapping[str, str] = dict(re.findall(r"(LOOKALIKE_\w+)=([^\s\\]+) ?\\?$", text, re.MULTILINE))
    assert set(environment) == {"LOOKALIKE_SERVE_HOST", "LOOKALIKE_SERVE_PUBLIC_READ", "LOOKALIKE_CATALOGUE"}
    command = [sys.executable, project / "lookalike.py", "serve", "--check"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}, cwd=project
    )
    assert done.returncode == 0, done.stderr
    for name in environment:
        assert f"# {name}" in done.stdout
