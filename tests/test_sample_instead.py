"""Fashion-MNIST that can't be had: the sample takes its place and says so; anything else that is wrong is told."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from commands.composition import open_engine
from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.sources.sample import SampleCatalogue
from models.datasets.fashion_mnist import SPLIT_FILES, Split, data_directory
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from webui.app import create_app

Run = Callable[..., subprocess.CompletedProcess[str]]
SAID_ON_THE_PAGE = "A sample shop: every product in it was drawn by Lookalike's own code."


@pytest.fixture(scope="module")
def unreachable() -> Iterator[str]:
    """An address where nobody listens, as the proxy of every request."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it, and not listening
        yield f"http://127.0.0.1:{kept.getsockname()[1]}"


@pytest.fixture
def run(project: Path, tmp_path: Path, unreachable: str) -> Run:
    """Run `lookalike index` in an empty directory, without a network."""
    offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), unreachable) | {"no_proxy": ""}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, project / "lookalike.py", "index", *arguments]
        environment = {**os.environ, **offline, "LOOKALIKE_DATA_DIR": str(tmp_path / "data")}
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A folder for the data that can't be made, so that no download is tried."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "data"


def test_without_files_and_network_the_sample_is_indexed_and_the_page_says_so(run: Run, tmp_path: Path) -> None:
    done = run("fashion-mnist", "--or-sample", "shop")
    assert done.returncode == 4
    assert done.stdout == "shop: 260 added, 0 updated, 0 unchanged, 0 failed, 260 items.\n"
    (told,) = (line for line in done.stderr.splitlines() if "Fashion-MNIST" in line)
    assert f"Fashion-MNIST is not in {tmp_path / 'data'} and could not be downloaded" in told
    assert "sample shop instead, drawn by Lookalike's own code" in told
    assert "LOOKALIKE_DATA_DIR" in told
    assert not (tmp_path / "catalogues").exists()

    with closing(open_engine(tmp_path / "shop")) as engine:
        client = create_app(lambda: engine).test_client()
        assert SAID_ON_THE_PAGE in client.get("/").get_data(as_text=True)
        page = client.get("/items/sample-013").get_data(as_text=True)
        assert "Drawn by" in page
        assert "Lookalike" in page
        assert client.get("/v1/items/sample-013").get_json()["attributes"]["drawn_by"] == "Lookalike"


def test_what_was_indexed_before_stays_and_is_not_replaced_by_the_sample(
    run: Run, nowhere: Path, small_catalogue: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_catalogue, tmp_path / "before")
    done = run("fashion-mnist", "--data-dir", nowhere, "--catalogue", "before", "--or-sample", "shop")
    assert (done.returncode, done.stdout) == (0, "")
    assert "so before stays as it is, with 300 items" in done.stderr
    assert not (tmp_path / "shop").exists()


def test_a_damaged_file_is_told_and_nothing_takes_its_place(run: Run, tmp_path: Path) -> None:
    images, labels = SPLIT_FILES["test"]
    (tmp_path / "data").mkdir()
    for name in (images, labels):
        shutil.copyfile(data_directory() / name, tmp_path / "data" / name)
    with (tmp_path / "data" / labels).open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    done = run("fashion-mnist", "--or-sample", "shop")
    assert done.returncode == 1
    assert "is damaged: it has the wrong SHA-256" in done.stderr

    (tmp_path / "data" / images).unlink()
    done = run("fashion-mnist", "--or-sample", "shop")
    assert done.returncode == 1, "also where the other file is missing and can't be downloaded"
    assert f"{labels} is damaged" in done.stderr
    assert not (tmp_path / "shop").exists()


def test_the_sample_takes_no_place_that_it_was_not_given(run: Run, nowhere: Path, tmp_path: Path) -> None:
    done = run("fashion-mnist", "--data-dir", nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert "can't be written" in done.stderr
    done = run("my-photos", "--catalogue", "mine", "--or-sample", "shop")
    assert done.returncode == 2
    assert "--or-sample goes with fashion-mnist alone" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("drawn", "photographed", "is_sample"), [(3, 0, True), (3, 1, False), (0, 3, False), (0, 0, False)]
)
def test_a_catalogue_is_the_sample_when_all_in_it_is_drawn(
    drawn: int, photographed: int, is_sample: bool, tmp_path: Path, embedder: LiteRTEmbedder, test_split: Split
) -> None:
    others = FashionMNIST(test_split.first(photographed), "test")
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "mixed", card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index([*list(SampleCatalogue())[:drawn], *others], embedder, catalogue, workers=1)
        engine = Engine(embedder, catalogue)
        with engine.reading() as state:
            assert state.is_sample() == is_sample
        page = create_app(lambda: engine).test_client().get("/").get_data(as_text=True)
        assert (SAID_ON_THE_PAGE in page) == is_sample
        catalogue.delete([item.id for item in others])
        with engine.reading() as state:
            assert state.is_sample() == (drawn > 0), "it is asked anew each time"
