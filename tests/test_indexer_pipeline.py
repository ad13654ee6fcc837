"""Indexing Fashion-MNIST with the shipped model: what arrives, what is skipped, what a kill costs."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.catalogue.local import LocalCatalogue
from indexer.content_key import ContentKey, picture_checksum
from indexer.errors import ModelMismatch
from indexer.pipeline import indexing
from indexer.pipeline.indexing import IndexReport
from indexer.sources.errors import UnknownSource
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.sources.items import SourceItem
from indexer.sources.named_sources import open_source
from indexer.thumbnails import LONGEST_SIDE, display_copy
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import Answers, View, as_views
from models.pictures.decoding import Picture
from models.runtime import LiteRTEmbedder

SIZE = 700  # items: two whole batches and a part of one


@pytest.fixture(scope="module")
def source(test_split: Split) -> FashionMNIST:
    return FashionMNIST(Split(test_split.images[:SIZE], test_split.labels[:SIZE]), "test")


@pytest.fixture
def catalogue(tmp_path: Path, embedder: LiteRTEmbedder) -> Iterator[LocalCatalogue]:
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "catalogue", card.fingerprint, card.dim, card.classes) as catalogue:
        yield catalogue


def test_every_item_arrives_as_the_model_sees_it(
    catalogue: LocalCatalogue, source: FashionMNIST, embedder: LiteRTEmbedder, test_split: Split
) -> None:
    counted: list[tuple[int, int]] = []
    report = indexing.index(source, embedder, catalogue, lambda done, total: counted.append((done, total)))
    assert report == IndexReport(added=SIZE, updated=0, unchanged=0, generation=1)
    assert counted == [(256, SIZE), (512, SIZE), (SIZE, SIZE)]
    ids = [f"test-{number:05}" for number in range(SIZE)]
    vectors, probabilities = embedder.embed(as_views(test_split.images[:SIZE]))
    np.testing.assert_allclose(catalogue.vectors(ids), vectors, atol=1e-5)
    items = catalogue.get(ids)
    assert [item.best_class.value for item in items] == [CLASSES[best] for best in probabilities.argmax(axis=1)]
    np.testing.assert_allclose([item.best_class.probability for item in items], probabilities.max(axis=1), atol=1e-5)
    assert items[5].attributes == {"class": CLASSES[test_split.labels[5]], "split": "test"}
    hits = catalogue.search(vectors, 1)
    assert [hit[0].item.id for hit in hits] == ids


def test_display_copies_are_the_product_pictures_exactly(
    catalogue: LocalCatalogue, source: FashionMNIST, embedder: LiteRTEmbedder, test_split: Split
) -> None:
    indexing.index(source, embedder, catalogue)
    for number in (0, 300, SIZE - 1):
        display = catalogue.display(f"test-{number:05}")
        assert (display.media_type, display.width, display.height) == ("image/png", 28, 28)
        with Image.open(io.BytesIO(display.data)) as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), 255 - test_split.images[number])


class CountingEmbedder(LiteRTEmbedder):
    """The shipped model, counting what it is given."""

    embedded = 0

    def answers(self, views: Sequence[View]) -> Answers:
        self.embedded += len(views)
        return super().answers(views)


class ChangedSource(FashionMNIST):
    """A source in which some items have changed and one has become new."""

    def __iter__(self) -> Iterator[SourceItem]:
        for item in super().__iter__():
            if item.id == "test-00003":
                changed = Picture(np.flip(item.picture.pixels, axis=1).copy())
                content_key = ContentKey.of(picture_checksum(changed.pixels.tobytes()), item.attributes)
                yield replace(item, picture=changed, content_key=content_key)
            elif item.id == "test-00400":
                attributes = {**item.attributes, "price": 5}
                content_key = ContentKey.of(picture_checksum(item.picture.pixels.tobytes()), attributes)
                yield replace(item, attributes=attributes, content_key=content_key)
            elif item.id == "test-00699":
                yield replace(item, id="new")
            else:
                yield item


def test_only_what_has_changed_is_embedded_again(
    catalogue: LocalCatalogue, source: FashionMNIST, embedder: LiteRTEmbedder, project: Path, test_split: Split
) -> None:
    counting = CountingEmbedder(project / "models" / "pretrained" / "fashion-mnist")
    assert indexing.index(source, counting, catalogue) == IndexReport(SIZE, 0, 0, 1)
    assert indexing.index(source, counting, catalogue) == IndexReport(0, 0, SIZE, 1)
    assert counting.embedded == SIZE
    changed = ChangedSource(Split(test_split.images[:SIZE], test_split.labels[:SIZE]), "test")
    assert indexing.index(changed, counting, catalogue) == IndexReport(1, 2, SIZE - 3, 2)
    assert counting.embedded == SIZE + 2  # attributes alone cost no embedding
    assert catalogue.get(["test-00400"])[0].attributes["price"] == 5
    assert len(catalogue) == SIZE + 1
    flipped, _ = embedder.embed(as_views(test_split.images[3:4, :, ::-1]))
    np.testing.assert_allclose(catalogue.vectors(["test-00003"]), flipped, atol=1e-5)


def test_a_run_that_was_killed_is_resumed_where_it_stood(
    tmp_path: Path, embedder: LiteRTEmbedder, project: Path
) -> None:
    """The run kills itself after its third batch, which `progress` has promised to be safe."""
    code = """
import os, sys
import models
from indexer.sources import named_sources
from indexer.pipeline import indexing
from indexer.catalogue.local import LocalCatalogue
embedder = models.load()
card = embedder.card
def progress(done, total):
    if done == 768:
        print(done, flush=True)
        os.kill(os.getpid(), 9)
catalogue = LocalCatalogue.create(sys.argv[1], card.fingerprint, card.dim, card.classes)
indexing.index(named_sources.open_source("fashion-mnist"), embedder, catalogue, progress)
"""
    directory = tmp_path / "catalogue"
    run = subprocess.run(
        [sys.executable, "-c", code, directory],
        capture_output=True,
        text=True,
        cwd=project,
        check=False,
        env=os.environ,
    )
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, "768\n"), run.stderr
    card = embedder.card
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        before = len(catalogue)
        assert before >= 768
        assert set(catalogue.content_keys([f"test-{number:05}" for number in range(768)])) >= {
            "test-00000",
            "test-00767",
        }
        report = indexing.index(open_source("fashion-mnist"), embedder, catalogue)
        assert report == IndexReport(added=10_000 - before, updated=0, unchanged=before, generation=1)
        assert sum(catalogue.counts().values()) == len(catalogue) == 10_000


def test_a_catalogue_of_another_model_is_left_alone(
    tmp_path: Path, source: FashionMNIST, embedder: LiteRTEmbedder
) -> None:
    with LocalCatalogue.create(tmp_path, "another", embedder.card.dim, embedder.card.classes) as catalogue:
        with pytest.raises(ModelMismatch, match="another"):
            indexing.index(source, embedder, catalogue)
        assert len(catalogue) == 0


class FailingSource(FashionMNIST):
    """A source that breaks off after 600 items."""

    def __iter__(self) -> Iterator[SourceItem]:
        for number, item in enumerate(super().__iter__()):
            if number == 600:
                raise ConnectionError("the shop is closed")
            yield item


def test_a_source_that_fails_loses_no_batch_before_the_failure(
    catalogue: LocalCatalogue, embedder: LiteRTEmbedder, test_split: Split
) -> None:
    failing = FailingSource(Split(test_split.images[:SIZE], test_split.labels[:SIZE]), "test")
    with pytest.raises(ConnectionError, match="closed"):
        indexing.index(failing, embedder, catalogue)
    assert len(catalogue) == 512


def test_fashion_mnist_is_a_source_of_product_pictures(test_split: Split) -> None:
    source = open_source("fashion-mnist")
    items = list(source)
    assert len(source) == len(items) == len({item.id for item in items}) == 10_000
    assert (items[0].id, items[-1].id) == ("test-00000", "test-09999")
    np.testing.assert_array_equal(items[7].picture.pixels, 255 - test_split.images[7])
    assert [item.content_key for item in source] == [item.content_key for item in items]
    assert len({item.content_key for item in items}) > 9_990  # a handful of images occurs twice
    with pytest.raises(UnknownSource, match="fashion-mnist"):
        open_source("imagenet")


def test_content_tells_pictures_and_attributes_apart() -> None:
    picture, another = picture_checksum(b"picture"), picture_checksum(b"picturf")
    keys = [
        ContentKey.of(picture, {"a": 1, "b": 2}),
        ContentKey.of(picture, {"a": 1, "b": "2"}),
        ContentKey.of(another, {"a": 1, "b": 2}),
        ContentKey.of(picture, {}),
    ]
    assert len(set(keys)) == len(set(map(str, keys))) == 4
    assert ContentKey.of(picture, {"b": 2, "a": 1}) == keys[0]


@pytest.mark.parametrize(
    ("shape", "media_type", "size"),
    [
        ((28, 28), "image/png", (28, 28)),
        ((64, 40, 3), "image/png", (40, 64)),
        ((65, 65), "image/jpeg", (65, 65)),
        ((2000, 1000, 3), "image/jpeg", (LONGEST_SIDE // 2, LONGEST_SIDE)),
        ((600, 8), "image/jpeg", (7, LONGEST_SIDE)),
    ],
)
def test_display_copies_keep_small_pictures_and_reduce_large_ones(
    test_split: Split, shape: tuple[int, ...], media_type: str, size: tuple[int, int]
) -> None:
    pixels = np.resize(test_split.images, shape)
    display = display_copy(Picture(pixels))
    assert (display.media_type, (display.width, display.height)) == (media_type, size)
    with Image.open(io.BytesIO(display.data)) as image:
        image.load()
        assert image.size == size
        assert image.mode == ("L" if len(shape) == 2 else "RGB")
        if media_type == "image/png":
            np.testing.assert_array_equal(np.asarray(image), pixels)
