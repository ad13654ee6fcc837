"""Who may ask: keys and their file, rates, origins; and the API behind them, as programs and pages meet it."""

import json
import os
import re
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient

from search_api.access import keyring as keyring_module
from search_api.access.errors import (
    InvalidKey,
    InvalidOrigin,
    InvalidRate,
    KeysUnreadable,
    NoSuchKey,
    NotToBeExposed,
)
from search_api.access.exposure import Exposure
from search_api.access.gate import ASKING, Gate, gate_for, scope_needed
from search_api.access.keyring import Keyring
from search_api.access.keys import Scope, create_key, read_keys, revoke_key
from search_api.access.origins import Origins, checked_hosts, checked_public_url
from search_api.access.rates import Rate, RateCounter, network_of, rate_of
from search_api.engine import Engine
from search_api.http.app import create_app
from webui.app import create_app as create_whole_app

ITEM = "/v1/items/test-00007"
NOBODY = "/v1/items/nobody"
"""What tests may write to: the catalogue is only for reading."""
SIMILAR = f"{ITEM}/similar?k=3"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Where keys are to be."""
    return tmp_path / "keys.json"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def client_of(engine: Engine, keys: Path | None = None, *, public_read: bool = False) -> FlaskClient:
    keyring = None if keys is None else Keyring(keys)
    return create_whole_app(lambda: engine, Exposure(Gate(keyring, public_read=public_read))).test_client()


# --- the file of keys ---


def test_a_key_is_shown_once_and_kept_as_its_digest(keys: Path) -> None:
    key, secret = create_key(keys, "shop", [Scope.WRITE, Scope.READ])
    assert re.fullmatch(r"lk_[A-Za-z0-9_-]{43}", secret)
    assert secret[3:] not in keys.read_text()
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert read_keys(keys) == (key,)
    assert key.scopes == (Scope.READ, Scope.WRITE)
    assert Keyring(keys).key_of(secret) == key
    assert Keyring(keys).key_of(secret[:-1]) is None
    assert [path.name for path in keys.parent.iterdir()] == [keys.name]


def test_a_scope_allows_what_those_before_it_do(keys: Path) -> None:
    allowed = {scope: create_key(keys, scope, [scope])[0] for scope in Scope}
    assert [[allowed[own].allows(scope) for scope in Scope] for own in Scope] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_keys_are_revoked_by_name_and_by_id(keys: Path) -> None:
    first, secret = create_key(keys, "first")
    second, _ = create_key(keys, "second", limit=rate_of("5/minute"))
    keyring = Keyring(keys)
    assert keyring.key_of(secret) == first
    revoke_key(keys, "first")
    assert keyring.key_of(secret) is None
    assert keyring.present() == (second,)
    revoke_key(keys, second.id)
    assert keyring.present() == ()
    with pytest.raises(NoSuchKey):
        revoke_key(keys, "first")


@pytest.mark.parametrize("name", ["", " shop", "a\nb", "x" * 65])
def test_a_name_that_is_none_makes_no_key(keys: Path, name: str) -> None:
    with pytest.raises(InvalidKey):
        create_key(keys, name)
    assert not keys.exists()


def test_no_two_keys_go_by_one_name(keys: Path) -> None:
    key, _ = create_key(keys, "shop")
    for taken in ("shop", key.id):
        with pytest.raises(InvalidKey):
            create_key(keys, taken)
    assert read_keys(keys) == (key,)


def test_keys_made_at_the_same_time_are_all_kept(keys: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: create_key(keys, f"key {number}")[0], range(24)))
    assert set(read_keys(keys)) == set(made)


def test_who_could_read_the_file_still_can_when_it_has_changed(keys: Path) -> None:
    create_key(keys, "first")
    keys.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(keys, 12345, 12346)
    before = keys.stat()
    create_key(keys, "second")
    after = keys.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert after.st_ino != before.st_ino, "it is written whole"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"format": 1, "keys": [{}]}', '{"format": 2, "keys": []}', '{"format": 1, "keys": 3}', "null"],
)
def test_a_file_that_is_none_of_keys_is_refused_and_left(keys: Path, content: str) -> None:
    keys.write_text(content)
    for use in (Keyring, read_keys, lambda path: create_key(path, "new"), lambda path: revoke_key(path, "new")):
        with pytest.raises(KeysUnreadable, match=re.escape(str(keys))):
            use(keys)
    assert keys.read_text() == content


def test_every_key_is_compared_in_constant_time(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever key is right, each of the digests is compared, by the function that takes the same time for all."""
    secrets = [create_key(keys, name)[1] for name in ("a", "b", "c")]
    keyring, compared = Keyring(keys), []
    real = keyring_module.compare_digest

    def watched(one: str, other: str) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(keyring_module, "compare_digest", watched)
    for secret in (*secrets, "lk_wrong"):
        compared.clear()
        keyring.key_of(secret)
        assert [one for one, _ in compared] == [key.sha256 for key in keyring.present()]


# --- rates, hosts, origins, addresses ---


def test_so_many_may_be_asked_at_once_and_then_one_after_the_other() -> None:
    counter, rate = RateCounter(), rate_of("6/minute")
    assert [counter.wait("a", rate, 100.0) for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]
    assert counter.wait("b", rate, 100.0) == 0, "each has their own count"
    assert counter.wait("a", rate, 109.0) == 1
    assert counter.wait("a", rate, 110.0) == 0
    assert counter.wait("a", rate, 110.0) == 10
    assert [counter.wait("a", rate, 1000.0) for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]


def test_counts_take_no_more_memory_than_for_so_many() -> None:
    counter, rate = RateCounter(most_known=3), rate_of("1/day")
    for who in "abc":
        assert counter.wait(who, rate, 0.0) == 0
    assert counter.wait("a", rate, 1.0) > 0
    assert counter.wait("d", rate, 1.0) == 0
    assert [counter.wait(who, rate, 2.0) > 0 for who in "acd"] == [True] * 3
    assert counter.wait("b", rate, 2.0) == 0, "who has not asked for longest was forgotten"


@pytest.mark.parametrize("text", ["", "100", "0/minute", "-1/second", "1.5/hour", "10/week", "10 per minute"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRate):
        rate_of(text)


def test_a_limit_is_written_as_it_is_read() -> None:
    assert rate_of(" 100 / minute ") == Rate(100, 60)
    assert [str(rate_of(text)) for text in ("3/second", "9/day")] == ["3/second", "9/day"]


def test_a_network_of_one_customer_counts_as_one() -> None:
    assert network_of("192.0.2.7") == "192.0.2.7" == network_of("::ffff:192.0.2.7")
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("") == ""


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/vs", "ftp://x", "https://a b", "null", ""])
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(InvalidOrigin):
        Origins([origin])


@pytest.mark.parametrize("host", ["shop.example:443", "https://shop.example", "*", ""])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(InvalidOrigin):
        checked_hosts([host])


@pytest.mark.parametrize(
    "url", ["shop.example", "https://user:secret@shop.example", "https://a/?q", "https://a/../b", ""]
)
def test_a_public_address_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidOrigin) as caught:
        checked_public_url(url)
    assert "secret" not in str(caught.value)


def test_only_what_others_can_not_reach_needs_no_word_on_who_may_ask(keys: Path) -> None:
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost", "[::1]"):
        gate_for(host, None, public_read=False)
    for host in ("0.0.0.0", "::", "", "192.0.2.1", "shop.example", "localhost.example"):
        with pytest.raises(NotToBeExposed, match="--public-read"):
            gate_for(host, None, public_read=False)
        gate_for(host, None, public_read=True)
    with pytest.raises(KeysUnreadable, match="lookalike keys create"):
        gate_for("127.0.0.1", keys, public_read=False)


# --- over HTTP ---


def test_what_does_not_ask_writes() -> None:
    for path in ASKING:
        assert scope_needed("POST", path) is Scope.READ
        assert scope_needed("PUT", path) is Scope.WRITE
    for method in ("POST", "PUT", "PATCH", "DELETE", "MKCOL"):
        for path in (ITEM, "/v1/items", "/v1/search/", "//v1/search", "/healthz", "/static/site.css"):
            assert scope_needed(method, path) is Scope.WRITE
    for path in ("/", "/metrics", ITEM, "/v1/items", "/browse", "/healthz/", "/staticky"):
        assert scope_needed("GET", path) is Scope.READ is scope_needed("HEAD", path)


def test_with_keys_nothing_is_answered_without_one(engine: Engine, keys: Path, png: bytes) -> None:
    _, secret = create_key(keys, "shop")
    client = client_of(engine, keys)
    for path in (SIMILAR, ITEM, f"{ITEM}/image", "/v1/items", "/v1/facets", "/", "/browse", "/v1/nowhere"):
        problem = client.get(path)
        assert_problem(problem, 401, "key-required")
        assert problem.headers["WWW-Authenticate"].startswith("Bearer")
        expected = 404 if path == "/v1/nowhere" else 200
        assert client.get(path, headers=bearer(secret)).status_code == expected
        assert client.get(path, headers={"X-API-Key": secret}).status_code == expected
    for address in ("/v1/search", "/search"):
        assert_problem(client.post(address, data=png, content_type="image/png"), 401, "key-required")
    found = client.post("/v1/search", data=png, content_type="image/png", headers=bearer(secret))
    assert found.status_code == 200
    for path in ("/healthz", "/readyz", "/v1/openapi.json"):
        assert client.get(path).status_code == 200


def test_a_person_without_a_key_gets_a_page_with_nothing_of_the_catalogue(
    engine: Engine, keys: Path, png: bytes
) -> None:
    create_key(keys, "shop")
    client = client_of(engine, keys)
    for answer in (
        client.get("/", headers=BROWSER),
        client.get("/items/test-00007", headers=BROWSER),
        client.post("/search", data=png, content_type="image/png", headers=BROWSER),
    ):
        assert (answer.status_code, answer.mimetype) == (401, "text/html")
        assert "This page is not open to everyone" in answer.text
        assert "A key is needed" in answer.text
        assert "test-000" not in answer.text
        (style,) = re.findall(r'href="(/static/site.css[^"]*)"', answer.text)
        assert client.get(style).status_code == 200


def test_a_kept_answer_is_given_to_nobody_without_a_key(engine: Engine, keys: Path) -> None:
    _, secret = create_key(keys, "shop")
    client = client_of(engine, keys)
    made = client.get(SIMILAR, headers=bearer(secret))
    again = client.get(SIMILAR, headers=bearer(secret))
    assert (made.data, "Server-Timing" in made.headers) == (again.data, True)
    assert "Server-Timing" not in again.headers, "it was kept"
    assert_problem(client.get(SIMILAR), 401, "key-required")
    assert_problem(client.get(SIMILAR, headers={"If-None-Match": made.headers["ETag"]}), 401, "key-required")
    revoke_key(keys, "shop")
    assert_problem(client.get(SIMILAR, headers=bearer(secret)), 401, "unknown-key")


def test_writing_needs_a_key_that_may_write(engine: Engine, keys: Path) -> None:
    secrets = {scope: create_key(keys, scope, [scope])[1] for scope in Scope}
    for public_read in (False, True):
        client = client_of(engine, keys, public_read=public_read)
        for method, path in (("PUT", NOBODY), ("PATCH", NOBODY), ("DELETE", NOBODY), ("POST", "/v1/items")):
            assert_problem(client.open(path, method=method), 401, "key-required")
            refused = client.open(path, method=method, headers=bearer(secrets[Scope.READ]))
            assert_problem(refused, 403, "scope-missing")
            for scope in (Scope.WRITE, Scope.ADMIN):
                passed = client.open(path, method=method, headers=bearer(secrets[scope]))
                assert passed.status_code not in {401, 403}


def test_public_reads_need_no_key_and_a_wrong_one_is_told(engine: Engine, keys: Path) -> None:
    _, secret = create_key(keys, "shop")
    client = client_of(engine, keys, public_read=True)
    assert client.get(SIMILAR).status_code == 200
    assert client.get("/").status_code == 200
    assert client.get(f"{ITEM}/image").headers["Cache-Control"].startswith("public")
    assert client.get(SIMILAR, headers={"Authorization": "Basic c2hvcDpzaG9w"}).status_code == 200
    assert_problem(client.get(SIMILAR, headers=bearer("lk_wrong")), 401, "unknown-key")
    both = {**bearer(secret), "X-API-Key": "lk_other"}
    assert_problem(client.get(SIMILAR, headers=both), 401, "unknown-key")
    without_keys = client_of(engine, public_read=True)
    assert without_keys.get(SIMILAR).status_code == 200
    assert_problem(without_keys.delete(NOBODY), 401, "key-required")


def test_what_needs_a_key_is_kept_by_no_cache_for_others(engine: Engine, keys: Path) -> None:
    _, secret = create_key(keys, "shop")
    picture = client_of(engine, keys).get(f"{ITEM}/image", headers=bearer(secret))
    assert picture.headers["Cache-Control"].startswith("private")
    assert "public" not in picture.headers["Cache-Control"]


def test_without_keys_only_programs_here_may_write(engine: Engine) -> None:
    client = client_of(engine)

    def status(headers: Mapping[str, str]) -> int:
        return client.delete(NOBODY, headers=headers).status_code

    own = [{}, {"Host": "127.0.0.1:8000"}, {"Host": "[::1]:8000"}, {"Origin": "http://localhost"}]
    assert not {status(headers) for headers in own} & {401, 403}
    foreign: list[Mapping[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Via": "1.1 proxy"},
    ]
    for headers in foreign:
        assert_problem(client.delete(NOBODY, headers=headers), 403, "foreign-write")
        assert client.get(SIMILAR, headers=headers).status_code == 200


def test_while_keys_can_not_be_read_no_key_opens_anything(engine: Engine, keys: Path) -> None:
    _, secret = create_key(keys, "shop")
    client = client_of(engine, keys, public_read=True)
    good = keys.read_bytes()
    for spoil in (lambda: keys.write_text("{"), keys.unlink):
        spoil()
        answer = client.get(SIMILAR, headers=bearer(secret))
        assert_problem(answer, 503, "keys-unreadable")
        assert str(keys) not in answer.text
        assert client.get(SIMILAR).status_code == 200
        keys.write_bytes(good)
        assert client.get(SIMILAR, headers=bearer(secret)).status_code == 200


def test_no_answer_and_no_line_of_the_log_holds_a_key(
    engine: Engine, keys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, read = create_key(keys, "shop")
    client = client_of(engine, keys)
    wrong = read[:-4] + "AAAA"
    answers = [
        client.get(SIMILAR, headers=bearer(wrong)),
        client.get(SIMILAR, headers={"X-API-Key": wrong}),
        client.delete(NOBODY, headers=bearer(read)),
        client.get("/v1/items/nobody", headers=bearer(read)),
        client.get("/", headers={**BROWSER, **bearer(wrong)}),
    ]
    keys.write_text("{")
    answers.append(client.get(SIMILAR, headers=bearer(read)))
    assert [answer.status_code for answer in answers] == [401, 401, 403, 404, 401, 503]
    told = "".join(f"{answer.text}{answer.headers}" for answer in answers) + caplog.text
    assert read not in told
    assert wrong not in told


def test_hosts_that_are_not_the_servers_get_400_kept_or_not(engine: Engine) -> None:
    exposure = Exposure(trusted_hosts=checked_hosts(["shop.example", ".Vs.example"]))
    client = create_app(lambda: engine, exposure=exposure).test_client()
    for host in ("shop.example", "SHOP.example:8443", "a.vs.example", "vs.example"):
        assert client.get(SIMILAR, headers={"Host": host}).status_code == 200
    for host in ("evil.example", "shop.example.evil.example", "10.0.0.1:80", "evilvs.example", "shop.example@evil"):
        assert_problem(client.get(SIMILAR, headers={"Host": host}), 400, "untrusted-host")
        assert client.get("/healthz", headers={"Host": "10.0.0.1:80"}).status_code == 200
        assert client.get("/readyz", headers={"Host": "10.0.0.1:80"}).status_code == 200


def test_pages_of_named_origins_may_ask(engine: Engine, keys: Path) -> None:
    create_key(keys, "shop")
    shop, other = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}
    exposure = Exposure(Gate(Keyring(keys), public_read=True), Origins(["https://shop.example"]))
    client = create_app(lambda: engine, exposure=exposure).test_client()
    for _ in range(2):  # the second time it is kept
        answer = client.get(SIMILAR, headers=shop)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.vary
        assert "Accept-Encoding" in answer.vary
        foreign = client.get(SIMILAR, headers=other)
        assert foreign.status_code == 200
        assert "Access-Control-Allow-Origin" not in foreign.headers
        assert "Origin" in foreign.vary
    asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
    preflight = client.options(NOBODY, headers={**shop, **asked})
    assert preflight.status_code == 204
    assert "DELETE" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    assert "Access-Control-Allow-Origin" not in client.options(NOBODY, headers={**other, **asked}).headers
    refused = client.delete(NOBODY, headers=shop)
    assert_problem(refused, 401, "key-required")
    assert refused.headers["Access-Control-Allow-Origin"] == "https://shop.example", "or its page could not read why"


def test_pictures_may_be_shown_elsewhere_once_an_origin_is_named(engine: Engine) -> None:
    policy = "Cross-Origin-Resource-Policy"
    plain = create_app(lambda: engine).test_client()
    assert plain.get(f"{ITEM}/image").headers[policy] == "same-origin"
    client = create_app(lambda: engine, exposure=Exposure(origins=Origins(["*"]))).test_client()
    assert client.get(f"{ITEM}/image").headers.getlist(policy) == ["cross-origin"]
    assert client.get(SIMILAR).headers[policy] == "same-origin"
    assert client.get(SIMILAR).headers["Access-Control-Allow-Origin"] == "*"


def test_answers_tell_pictures_by_the_public_address_and_pages_by_their_own(engine: Engine) -> None:
    exposure = Exposure(public_url=checked_public_url("https://shop.example/vs/"))
    client = create_whole_app(lambda: engine, exposure).test_client()
    for _ in range(2):
        hit = client.get(SIMILAR).get_json()["hits"][0]["item"]
        assert hit["picture"]["url"] == f"https://shop.example/vs/v1/items/{hit['id']}/image"
    page = client.get("/items/test-00007").text
    assert "https://shop.example" not in page
    assert 'src="/v1/items/' in page


def test_the_description_tells_how_to_show_a_key(engine: Engine) -> None:
    document = create_app(lambda: engine).test_client().get("/v1/openapi.json").get_json()
    assert document["components"]["securitySchemes"]["bearer"] == (
        document["components"]["securitySchemes"]["bearer"] | {"type": "http", "scheme": "bearer"}
    )
    assert {"bearer": []} in document["security"]
    assert document["paths"]["/v1/openapi.json"]["get"]["security"] == []


def test_the_file_says_what_it_holds(keys: Path) -> None:
    key, _ = create_key(keys, "shop", limit=rate_of("10/second"))
    assert json.loads(keys.read_text()) == {
        "format": 1,
        "keys": [
            {
                "id": key.id,
                "name": "shop",
                "scopes": ["read"],
                "created": key.created,
                "sha256": key.sha256,
                "limit": "10/second",
            }
        ],
    }
