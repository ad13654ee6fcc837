"""A real server over real items, and a real browser that complains of everything that goes wrong on its pages."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from find_chromium import find_chromium
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.fashion_mnist import FashionMNIST
from models.datasets.fashion_mnist import Split
from models.runtime import LiteRTEmbedder

ITEMS = 600
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)  # five seconds else, which a busy machine may take
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RESULTS = re.compile(r"/search\?view=[A-Za-z0-9_-]+$")
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
EXPECTED = (
    "the server responded with a status of 4",
    "net::ERR_CONNECTION_REFUSED",
    "ViewTransition opt-in disabled",  # Chromium, when the style sheet is not cached, as while Playwright routes
)
"""What the browser may say on its console: refused uploads, a server made unreachable, a skipped animation."""


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder, test_split: Split, project: Path
) -> Iterator[str]:
    """The address of `lookalike serve` over the first 600 test images."""
    directory = tmp_path_factory.mktemp("site") / "catalogue"
    card = embedder.card
    some = Split(test_split.images[:ITEMS], test_split.labels[:ITEMS])
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(FashionMNIST(some, "test"), embedder, catalogue)
    with serving(directory, project) as address:
        yield address


@contextmanager
def serving(catalogue: Path, project: Path) -> Iterator[str]:
    """Give the address of `lookalike serve` over a catalogue."""
    command = [sys.executable, "-m", "lookalike", "serve", "--port", "0", "--catalogue", str(catalogue)]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = ""
        for line in server.stderr:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
        else:
            pytest.fail(f"the server did not start: {said}")
        server.terminate()
        server.stderr.read()
        assert server.wait(PATIENCE_MS / 1000) == 0


def chromium() -> str:
    """Return the path of a Chromium, or skip; where one is required, fail."""
    found = find_chromium()
    if found is None:
        reason = "there is no Chromium: install one, or run: python tests/find_chromium.py --install"
        if os.environ.get("LOOKALIKE_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return str(found)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with (
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=path, args=FLAGS)) as started,
    ):
        yield started


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Open]:
    """Open pages in contexts of their own; nothing may go wrong on any of them, as the browser sees it."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def hear(text: str) -> None:
        if not any(expected in text for expected in EXPECTED):
            complaints.append(text)

    def hear_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            hear(message.text)

    def open_in(path: str = "/", **options: object) -> Page:
        context = browser.new_context(**{"base_url": site, "viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.on("console", hear_console)
        context.on("weberror", lambda error: hear(str(error.error)))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        # Whoever begins to listen with the click itself may be too late for the dialog.
        page.on("filechooser", lambda chooser: None)
        page.goto(path)
        return page

    yield open_in
    for context in contexts:
        context.close()
    assert complaints == []


def search(page: Page, file: Path) -> None:
    page.set_input_files("#picture", file)
    page.wait_for_url(RESULTS)
