"""Keys, limits and settings as operators meet them: the commands, and a running server of two workers."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_server import Answer, LiveServer, assert_problem, live_server, wait_until

from search_api.access.keys import Scope, create_key, revoke_key
from search_api.access.rates import rate_of

SIMILAR = "/v1/items/test-00007/similar?k=3"
ORIGIN = "https://shop.example"
MANY = 12
"""Requests of which each worker has some: the front gives each to the worker that is less busy, or either."""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's files are: keys, log."""
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def secret(place: Path) -> str:
    """A key that stays."""
    return create_key(place / "keys.json", "stays", [Scope.WRITE])[1]


@pytest.fixture(scope="module")
def server(place: Path, secret: str, small_catalogue: Path) -> Iterator[LiveServer]:
    """A server of two workers that wants keys, told so by a file of settings and the environment."""
    settings = place / "settings.toml"
    settings.write_text(f'keys = "{place}/keys.json"\ncors-origin = ["{ORIGIN}"]\nport = 1\nworkers = 2\n')
    environment = {**os.environ, "LOOKALIKE_SERVE_ACCESS_LOG": str(place / "access.log")}
    with live_server(
        place / "log", "--settings", settings, "--catalogue", small_catalogue, environment=environment
    ) as one:
        wait_until(lambda: len(one.workers()) == 2)
        yield one


def get(server: LiveServer, path: str, secret: str, **headers: str) -> Answer:
    return server.get(path, Authorization=f"Bearer {secret}", **headers)


def test_a_key_that_is_revoked_opens_nothing_in_any_worker_from_then_on(server: LiveServer, place: Path) -> None:
    _, secret = create_key(place / "keys.json", "leaves")
    assert {get(server, SIMILAR, secret).status for _ in range(MANY)} == {200}
    for _ in range(MANY):
        assert_problem(server.get(SIMILAR), [401])
    revoke_key(place / "keys.json", "leaves")
    for _ in range(MANY):
        refused = get(server, SIMILAR, secret)
        assert_problem(refused, [401])
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert server.get("/healthz").status == 200


def test_metrics_are_for_who_has_a_key_and_health_for_all(server: LiveServer, secret: str) -> None:
    assert_problem(server.get("/metrics"), [401])
    assert_problem(get(server, "/metrics", "lk_wrong"), [401])
    assert get(server, "/metrics", secret).status == 200
    assert server.get("/metrics", X_API_Key=secret).status == 200
    assert [server.get(path).status for path in ("/healthz", "/readyz")] == [200, 200]


def test_a_limit_holds_over_all_workers_and_is_each_keys_own(server: LiveServer, place: Path, secret: str) -> None:
    _, few = create_key(place / "keys.json", "few", limit=rate_of("5/day"))
    answers = [get(server, SIMILAR, few, Origin=ORIGIN) for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    for refused in answers[5:]:
        assert_problem(refused, [429])
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert refused.headers["access-control-allow-origin"] == ORIGIN
    item = get(server, "/v1/items/test-00007", secret).json
    for picture in (item["picture"], item["images"]["small"]):
        assert get(server, picture["url"], few).status == 200, "pictures are not counted"
    assert get(server, SIMILAR, secret).status == 200
    assert get(server, "/healthz", few).status == get(server, "/readyz", few).status == 200


def test_who_may_not_write_is_refused_before_a_worker_has_the_body(server: LiveServer, place: Path) -> None:
    _, reader = create_key(place / "keys.json", "reader")
    body, address = b"x" * 1_000_000, "/v1/items/nobody"
    for key, status in ((reader, 403), ("lk_wrong", 401)):
        refused = server.ask("PUT", address, body, {"Authorization": f"Bearer {key}", "Origin": ORIGIN})
        assert_problem(refused, [status])
        assert "lookalike-model" not in refused.headers, "a worker would have told"
        assert refused.headers["access-control-allow-origin"] == ORIGIN
    assert (
        server.ask("POST", "/v1/sea%72ch", b"{}", {"X-API-Key": reader, "Content-Type": "application/json"}).json[
            "code"
        ]
        == "no-query"
    )


def test_no_log_holds_a_key(server: LiveServer, place: Path, secret: str) -> None:
    wrong = f"{secret[:-4]}AAAA"
    get(server, SIMILAR, secret)
    get(server, SIMILAR, wrong)
    assert_problem(get(server, f"{SIMILAR}&key={secret}", secret), [400])
    server.get("/v1/facets", X_Request_Id="the-last")
    wait_until(lambda: "the-last" in (place / "access.log").read_text())
    logged = (place / "access.log").read_text() + server.said()
    assert "key=lk_..." in logged
    assert secret[3:30] not in logged


def test_limits_of_addresses_go_by_the_client_and_not_by_the_connection(small_catalogue: Path, tmp_path: Path) -> None:
    options = ("--catalogue", small_catalogue, "--workers", "1", "--limit", "2/day", "--trusted-proxy", "127.0.0.1")
    with live_server(tmp_path / "log", *options) as server:
        for client in ("192.0.2.1", "192.0.2.2"):
            asked = [server.get(SIMILAR, X_Forwarded_For=client).status for _ in range(3)]
            assert asked == [200, 200, 429]
        assert {server.get("/healthz").status for _ in range(5)} == {200}
        for path, accepted, is_page in (
            ("/browse", "text/html,application/xhtml+xml,*/*;q=0.8", True),
            ("/browse", "application/json", False),
            ("/browse", "application/json, text/html;q=0.5", False),
            (SIMILAR, "text/html", False),
        ):
            refused = server.get(path, X_Forwarded_For="192.0.2.1", Accept=accepted)
            assert 0 < int(refused.headers["retry-after"]) <= 86_400
            if is_page:
                assert (refused.status, refused.headers["content-type"]) == (429, "text/html; charset=utf-8")
                assert b"Many pages were opened in a short time. Wait 12 hours, and" in refused.body
                assert refused.headers["content-security-policy"].startswith("default-src 'none'")
            else:
                assert_problem(refused, [429])


# --- the commands ---


@pytest.fixture
def run(project: Path, tmp_path: Path) -> Run:
    """Run the command in an empty directory."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, project / "lookalike.py", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )

    return run


def test_keys_are_made_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    made = run("keys", "create", "shop", "--keys", "keys.json", "--limit", "9/minute")
    assert made.returncode == 0
    secret = made.stdout.strip()
    assert secret.startswith("lk_")
    assert secret not in made.stderr
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    run("keys", "create", "importer", "--keys", "keys.json", "--scope", "write")
    listed = run("keys", "list", "--keys", "keys.json").stdout
    assert [line.split()[1::3] for line in listed.splitlines()] == [["read", "shop"], ["write", "importer"]]
    (shop, _) = json.loads(run("keys", "list", "--keys", "keys.json", "--json").stdout)
    assert set(shop) == {"id", "name", "scopes", "created", "limit"}
    assert "shop" in run("keys", "revoke", shop["id"], "--keys", "keys.json").stdout
    assert "shop" not in run("keys", "list", "--keys", "keys.json").stdout
    for wrong in (("revoke", "shop"), ("create", "importer"), ("create", "new", "--limit", "many")):
        failed = run("keys", *wrong, "--keys", "keys.json")
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr.startswith("Error: ")


def test_a_server_that_others_reach_does_not_start_unless_told_who_may_ask(run: Run) -> None:
    refused = run("serve", "--host", "0.0.0.0")
    assert refused.returncode == 1
    for told in ("lookalike keys create", "--keys", "--public-read", "127.0.0.1"):
        assert told in refused.stderr
    assert run("serve", "--host", "0.0.0.0", "--public-read", "--check").returncode == 0
    wrong = (("--keys", "keys.json"), ("--prefix", "/a b"), ("--trusted-proxy", "nginx"), ("--limit", "many"))
    for options in wrong:
        assert run("serve", *options, "--check").returncode == 1


def test_servers_that_share_a_port_are_said_to_count_limits_each_by_itself(run: Run) -> None:
    said = "Each server on a port counts limits by itself"
    assert said in run("serve", "--check", "--reuse-port", "--limit", "5/minute").stdout
    assert said not in run("serve", "--check", "--reuse-port").stdout


def test_what_is_in_force_is_told_with_where_it_comes_from(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('port = 1\nthreads = 3\nworkers = 5\npublic-read = true\nlimit = "9/minute"\n')
    done = run(
        "serve", "--check", "--port", "3", LOOKALIKE_SERVE_PORT="2", LOOKALIKE_SERVE_SETTINGS="s.toml",
        LOOKALIKE_SERVE_WORKERS="4", LOOKALIKE_SERVE_CORS_ORIGIN="https://a.example https://b.example",
        LOOKALIKE_CATALOGUE="mine",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()) >= {
        "port = 3  # the command line",
        "workers = 4  # LOOKALIKE_SERVE_WORKERS",
        "threads = 3  # s.toml",
        "public-read = true  # s.toml",
        'limit = "9/minute"  # s.toml',
        'host = "127.0.0.1"  # the default',
        'catalogue = "mine"  # LOOKALIKE_CATALOGUE',
        'cors-origin = ["https://a.example", "https://b.example"]  # LOOKALIKE_SERVE_CORS_ORIGIN',
        "# model is not set",
        "# Anybody may ask, nobody may write.",
    }
    (tmp_path / "t.toml").write_text(done.stdout)
    again = run("serve", "--check", "--settings", "t.toml").stdout
    values = [line.partition("  #")[0] for line in again.splitlines()]
    assert values == [line.partition("  #")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("prot = 1", "prot"),
        ("check = true", "check"),
        ('port = "many"', "port"),
        ("port = true", "port"),
        ("port = 70000", "port"),
        ('public-read = "yes"', "public-read"),
        ("host = [1]", "host"),
        ("cors-origin = [1.5]", "cors-origin"),
        ("[serve]\nport = 1", "serve"),
        ("port", "TOML"),
    ],
)
def test_settings_that_are_none_are_told_by_name(run: Run, tmp_path: Path, settings: str, told: str) -> None:
    (tmp_path / "s.toml").write_text(settings)
    done = run("serve", "--check", "--settings", "s.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "s.toml" in done.stderr
    assert told in done.stderr


def test_make_serve_says_who_may_ask_where_others_reach_it(project: Path) -> None:
    def told(*settings: str) -> str:
        command = ["make", "--dry-run", "-o", ".venv/serving", "serve", *settings]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=project).stdout

    assert "--public-read" not in told()
    assert "--public-read" not in told("HOST=::1")
    assert "--host 0.0.0.0 --port 8000 --public-read" in told("HOST=0.0.0.0")
