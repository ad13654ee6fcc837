"""What many tests share: the real data, the shipped model, and a small shop made of both."""

import json
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from browsing import browser, open_page, site  # noqa: F401 (fixtures)
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray

import models
from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.fashion_mnist import FashionMNIST
from models.arrays import Probabilities, Vectors
from models.card import CARD_FILE, RUNTIME_FILE, file_sha256, fingerprint_of
from models.datasets import fashion_mnist
from models.datasets.fashion_mnist import Split
from models.datasets.photographs import Photograph, find_photographs, unseen_by
from models.embedder import as_views
from models.errors import LookalikeError
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.http.app import create_app

SMALL = 300
"""Items in the small catalogue."""

PHOTOGRAPHS_OF_A_KIND = 8
WEIGHTS_MOVED = 4096

BESIDE_THE_CHECKOUT = Path(__file__).parent.parent.parent / "shared" / "datasets" / "fashion-mnist"
if not os.environ.get(fashion_mnist.DATA_DIR_VARIABLE) and BESIDE_THE_CHECKOUT.is_dir():
    os.environ[fashion_mnist.DATA_DIR_VARIABLE] = str(BESIDE_THE_CHECKOUT)  # where make finds it, too


def pytest_sessionstart(session: pytest.Session) -> None:
    """End at once where Fashion-MNIST can't be had: nearly every test needs it."""
    if hasattr(session.config, "workerinput"):  # whoever started this worker has looked
        return
    folder = fashion_mnist.data_directory()
    if not all((folder / name).exists() for name in fashion_mnist.FILES):
        session.config.get_terminal_writer().line(f"Fashion-MNIST is not in {folder}: downloading it ...")
    try:
        fashion_mnist.locate()
    except LookalikeError as error:
        pytest.exit(f"The tests need Fashion-MNIST. {error}", pytest.ExitCode.USAGE_ERROR)


LONGEST = (
    "stages",
    "make_targets",
    "training",
    "benchmarks",
    "own_catalogue",
    "readme",
    "make",
    "reliability",
    "photographs_model",
)
"""What the names of the files say that take a minute or more, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: else one is left to a worker when the other has nothing more to do."""

    def place(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(LONGEST) if item.path.stem.endswith(name)), len(LONGEST))

    items.sort(key=place)


NOTHING_MAY_BE_MISSING = os.environ.get("LOOKALIKE_REQUIRE_ALL", os.environ.get("CI", "")).lower() in {"1", "true"}
"""Whether a test that finds no browser, photographs, mounts or programs fails, where else it is skipped."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a failure of what is skipped where nothing may be missing."""
    report = yield
    if NOTHING_MAY_BE_MISSING and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and nothing may be missing here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def test_split() -> Split:
    """The official 10,000 test images and labels."""
    return fashion_mnist.load("test")


@pytest.fixture(scope="session")
def embedder() -> LiteRTEmbedder:
    """The shipped model."""
    return LiteRTEmbedder(models.PRETRAINED)


@pytest.fixture(scope="session")
def test_answers(embedder: LiteRTEmbedder, test_split: Split) -> tuple[Vectors, Probabilities]:
    """What the shipped model says of the test images: vectors and probabilities. Only for reading."""
    answers = embedder.embed(as_views(test_split.images))
    for array in answers:
        array.setflags(write=False)
    return answers


def convolution_weights(graph: bytes) -> NDArray[np.float32]:
    """Return the most weights that a convolution of a graph has, float32 (n,), as they lie in its file."""
    interpreter = Interpreter(
        model_content=graph, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    kernels = [one for one in interpreter.get_tensor_details() if one["name"].endswith("/convolution")]
    largest = max(kernels, key=lambda one: int(np.prod(one["shape"])))
    return np.ravel(interpreter.get_tensor(largest["index"]))


@pytest.fixture(scope="session")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second model: the shipped one with some of its weights in another order."""
    bundle = Path(shutil.copytree(models.PRETRAINED, tmp_path_factory.mktemp("other") / "bundle"))
    graph = (bundle / RUNTIME_FILE).read_bytes()
    weights = convolution_weights(graph)[:WEIGHTS_MOVED]
    (bundle / RUNTIME_FILE).write_bytes(graph.replace(weights.tobytes(), weights[::-1].tobytes()))
    card = json.loads((bundle / CARD_FILE).read_text())
    card["files"][RUNTIME_FILE] = file_sha256(bundle / RUNTIME_FILE)
    card["fingerprint"] = fingerprint_of(card["files"], card["preprocessing"])
    (bundle / CARD_FILE).write_text(json.dumps(card))
    return bundle


@pytest.fixture(scope="session")
def other(other_bundle: Path) -> LiteRTEmbedder:
    """The embedder of that."""
    return LiteRTEmbedder(other_bundle)


@pytest.fixture(scope="session")
def all_photographs() -> Path:
    """The 3,068 phone photographs, a sub-folder a kind, where they lie beside Fashion-MNIST."""
    folder = fashion_mnist.locate().parent / "clothing-photos"
    if not folder.is_dir():
        pytest.skip("the photographs are not beside Fashion-MNIST")
    return folder


@pytest.fixture(scope="session")
def shop_table(all_photographs: Path) -> Path:
    """The table of a real shop's products, where it lies beside the photographs."""
    table = all_photographs.parent / "shop" / "products.csv"
    if not table.is_file():
        pytest.skip("the shop is not beside the photographs")
    return table


@pytest.fixture(scope="session")
def eye() -> LiteRTEmbedder:
    """The shipped model for photographs."""
    return LiteRTEmbedder(models.bundle_directory(models.PHOTOGRAPHS))


@pytest.fixture(scope="session")
def unseen_by_eye(all_photographs: Path, eye: LiteRTEmbedder) -> tuple[Photograph, ...]:
    """The photographs that it has not learned from."""
    return unseen_by([eye.bundle], find_photographs(all_photographs))


@pytest.fixture(scope="session")
def unseen_photographs(all_photographs: Path, embedder: LiteRTEmbedder) -> tuple[Photograph, ...]:
    """Those that the shipped model has not learned from."""
    return unseen_by([embedder.bundle], find_photographs(all_photographs))


@pytest.fixture(scope="session")
def photographs(all_photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few photographs of each kind. Only for reading."""
    folder = tmp_path_factory.mktemp("photographs")
    for kind in sorted(path for path in all_photographs.iterdir() if path.is_dir()):
        (folder / kind.name).mkdir()
        for path in sorted(kind.iterdir())[:PHOTOGRAPHS_OF_A_KIND]:
            (folder / kind.name / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def vectors(test_split: Split) -> NDArray[np.float32]:
    """The test images averaged over blocks of 4x4 pixels: (10000, 49), unit rows. They need no model."""
    blocks = test_split.images.reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(-1, 49).astype(np.float32)
    unit: NDArray[np.float32] = blocks / np.linalg.norm(blocks, axis=1, keepdims=True)
    return unit


@pytest.fixture(scope="session")
def small_catalogue(tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder, test_split: Split) -> Path:
    """A catalogue of the first 300 test images, made by the pipeline. Only for reading."""
    directory = tmp_path_factory.mktemp("small") / "catalogue"
    card = embedder.card
    some = Split(test_split.images[:SMALL], test_split.labels[:SMALL])
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(FashionMNIST(some, "test"), embedder, catalogue)
    return directory


@pytest.fixture(scope="module")
def engine(small_catalogue: Path, embedder: LiteRTEmbedder) -> Iterator[Engine]:
    """The engine over the small catalogue."""
    with LocalCatalogue.open(small_catalogue, embedder.card.fingerprint) as catalogue:
        yield Engine(embedder, catalogue)


@pytest.fixture(scope="module")
def app(engine: Engine) -> Flask:
    """The API over the small catalogue."""
    return create_app(lambda: engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Someone who calls it."""
    return app.test_client()


@pytest.fixture(scope="module")
def png(engine: Engine) -> bytes:
    """The display copy of item 42, which is also a query."""
    return engine.display("test-00042").data
