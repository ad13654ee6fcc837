"""`<lookalike-strip>` on a shop's own page: another origin, a strict Content-Security-Policy, no build step."""

import io
import json
import mimetypes
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsing import PATIENCE_MS, PHONE
from live_server import LiveServer, live_server
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

ITEM, TALL = "test-00042", "test-00050"

Visit = Callable[..., Page]


ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
SEARCH_OF_GUIDE = "http://127.0.0.1:8000"


class Shop:
    """A shop's server: it answers a page, or the guide's shop, under a policy that names only itself and the search."""

    def __init__(self) -> None:
        shop = self
        self.page = ""
        self.search = ""

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = ROOT / "docs" / "shop" / self.path.partition("?")[0].strip("/")
                text = file.read_text(encoding="utf-8") if file.is_file() else shop.page
                body = text.replace(SEARCH_OF_GUIDE, shop.search).encode()
                self.send_response(200)
                kind = mimetypes.guess_type(self.path.partition("?")[0])[0] or "text/html"
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                policy = (
                    f"default-src 'none'; style-src 'self'; script-src 'self' {shop.search}; "
                    f"connect-src {shop.search}; img-src {shop.search}"
                )
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A shop without pages yet."""
    shop = Shop()
    thread = threading.Thread(target=shop.server.serve_forever)
    thread.start()
    yield shop
    shop.server.shutdown()
    thread.join()
    shop.server.server_close()


@pytest.fixture(scope="module")
def search(shop: Shop, small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The search, which lets that shop's pages ask."""
    place = tmp_path_factory.mktemp("search")
    catalogue = shutil.copytree(small_catalogue, place / "catalogue")
    options = ("--catalogue", catalogue, "--workers", "1", "--cors-origin", shop.origin)
    with live_server(place / "log", *options) as server:
        photo = io.BytesIO()
        Image.linear_gradient("L").resize((600, 900)).save(photo, "JPEG")
        assert (
            server.ask("PUT", f"/v1/items/{TALL}/image", photo.getvalue(), {"Content-Type": "image/jpeg"}).status == 200
        )
        shop.search = f"http://127.0.0.1:{server.port}"
        yield server


@pytest.fixture
def visit(browser: Browser, shop: Shop, search: LiveServer) -> Iterator[Visit]:
    """Open the shop's page with elements on it; what the browser complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_with(elements: str, path: str = "/", **options: object) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        script = f'<script src="{shop.search}/static/lookalike-strip.js"></script>'
        shop.page = f'<!doctype html><html lang="en"><title>A shop</title>{script}<h1>Coat</h1>{elements}</html>'
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(shop.origin + path)
        return page

    yield open_with
    for context in contexts:
        with closing(context):
            pass
    assert complaints == []


def shown(page: Page) -> list[str]:
    """Wait for the pictures of a strip; return where its cards lead."""
    cards = page.locator("lookalike-strip a")
    cards.first.wait_for()
    page.wait_for_function(
        "() => [...document.querySelector('lookalike-strip').shadowRoot.querySelectorAll('img')]"
        ".slice(0, 2).every(one => one.complete && one.naturalWidth > 0)"
    )
    return [str(cards.nth(number).get_attribute("href")) for number in range(cards.count())]


def test_a_strip_shows_what_is_similar_and_leads_to_the_shops_products(visit: Visit, search: LiveServer) -> None:
    page = visit(
        f'<lookalike-strip item="{ITEM}" limit="5" href="/p/{{id}}" heading="More like this"></lookalike-strip>'
    )
    found = search.get(f"/v1/items/{ITEM}/similar?k=5").json
    assert shown(page) == [f"/p/{hit['item']['id']}" for hit in found["hits"]]
    assert page.get_by_role("region", name="More like this").get_by_role("listitem").count() == 5


@pytest.mark.parametrize(("scale", "side"), [(1, 320), (2, 512)])
def test_a_card_shows_the_size_that_fits_it_and_the_screen(visit: Visit, scale: int, side: int) -> None:
    page = visit(
        f"""<lookalike-strip item="{ITEM}" limit="1" where='{{"id": "{TALL}"}}'></lookalike-strip>""",
        device_scale_factor=scale,
    )
    shown(page)
    picture = page.locator("lookalike-strip img")
    assert str(picture.evaluate("image => image.currentSrc")).endswith(f"-{side}.webp")
    assert picture.evaluate("image => [image.width, image.height].map(Math.round)") == [176, 220]


def test_a_strip_of_likes_holds_what_they_recommend(visit: Visit) -> None:
    page = visit('<lookalike-strip likes="test-00042,test-00001" limit="6" href="/p/{id}"></lookalike-strip>')
    addresses = shown(page)
    assert len(addresses) == 6
    assert not {"/p/test-00042", "/p/test-00001"} & set(addresses)


def test_another_item_is_asked_for_when_the_attribute_changes(visit: Visit, search: LiveServer) -> None:
    page = visit(f'<lookalike-strip item="{ITEM}" limit="3" href="/p/{{id}}"></lookalike-strip>')
    shown(page)
    (first,) = search.get("/v1/items/test-00007/similar?k=1").json["hits"]
    page.evaluate("document.querySelector('lookalike-strip').setAttribute('item', 'test-00007')")
    page.locator(f"lookalike-strip a[href='/p/{first['item']['id']}']").wait_for()


def test_a_click_is_told_to_the_page(visit: Visit) -> None:
    page = visit(f'<lookalike-strip item="{ITEM}" limit="3" href="#{{id}}"></lookalike-strip>')
    first = shown(page)[0].removeprefix("#")
    page.evaluate(
        "document.addEventListener('lookalike-click', event => { document.title = event.detail.id; }, { once: true })"
    )
    page.locator("lookalike-strip a").first.click()
    page.wait_for_function("id => document.title === id", arg=first)


def test_a_page_loses_nothing_where_there_is_nothing_to_show(visit: Visit, shop: Shop) -> None:
    page = visit("<lookalike-strip></lookalike-strip><p>Below</p>")
    page.get_by_text("Below").wait_for()
    assert page.locator("lookalike-strip").bounding_box()["height"] == 0  # type: ignore[index]


def test_cards_are_swiped_on_a_phone_and_the_page_does_not_widen(visit: Visit) -> None:
    page = visit(f'<lookalike-strip item="{ITEM}" limit="12"></lookalike-strip>', **PHONE)
    shown(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(
        "(() => { const list = document.querySelector('lookalike-strip').shadowRoot.querySelector('ul');"
        " return list.scrollWidth > list.clientWidth; })()"
    )


def test_the_guides_two_lines_put_a_strip_on_a_page(visit: Visit) -> None:
    script, element = re.findall(r"^```html\n(.*)\n(.*)\n```", GUIDE, re.MULTILINE)[0]
    assert script == f'<script src="{SEARCH_OF_GUIDE}/static/lookalike-strip.js"></script>'
    page = visit(element.replace("sample-013", ITEM))
    assert len(shown(page)) == 8


def test_the_guides_shop_shows_what_is_similar_and_what_goes_with_what_was_looked_at(visit: Visit) -> None:
    page = visit("", "/index.html?product=test-00001")
    page.locator("#similar a").first.wait_for()
    assert page.locator("#liked a").count() == 0
    page.goto(page.url.replace("test-00001", ITEM))
    page.locator("#liked a").first.wait_for()
    page.wait_for_function("() => document.getElementById('picture').naturalWidth > 0")


@pytest.mark.parametrize("command", [line for line in GUIDE.splitlines() if line.startswith("curl ")])
def test_the_guides_requests_work(command: str, search: LiveServer) -> None:
    command = re.sub(r"sample-0(\d\d)", r"test-000\1", command).replace(
        SEARCH_OF_GUIDE, f"http://127.0.0.1:{search.port}"
    )
    done = subprocess.run(
        ["curl", "--fail", "--silent", "--show-error", *shlex.split(command)[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["hits"]) == 8
