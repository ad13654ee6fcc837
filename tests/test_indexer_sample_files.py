"""The sample as files: a folder and a table that are sources like anyone's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import ExportNotWritable
from indexer.exports.sample_files import write_sample
from indexer.sources.items import SourceItem
from indexer.sources.named_sources import open_source
from models.pictures.decoding import Picture, decode
from sample_shop.products import Product, products


@pytest.fixture(scope="module")
def some() -> Sequence[Product]:
    """One product of each class, and a few more."""
    return products()[:13]


@pytest.fixture(scope="module")
def folder(some: Sequence[Product], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """They, written. Only for reading."""
    directory = tmp_path_factory.mktemp("written") / "by me" / "my-photos"
    assert write_sample(directory, sold=some) == 13
    assert [path.name for path in directory.parent.iterdir()] == ["my-photos"]
    return directory


def items_of(source: Path) -> list[SourceItem]:
    items = list(open_source(str(source)))
    assert all(isinstance(item, SourceItem) for item in items)
    return [item for item in items if isinstance(item, SourceItem)]


def pixels_of(item: SourceItem) -> np.ndarray:
    assert not isinstance(item.picture, Picture)
    return decode(item.picture.read()).pixels


def test_the_table_gives_every_product_as_it_is(some: Sequence[Product], folder: Path) -> None:
    items = items_of(folder / "products.csv")
    assert [(item.id, item.attributes) for item in items] == [
        (product.id, dict(product.attributes)) for product in some
    ]
    kinds = [{name: type(value) for name, value in item.attributes.items()} for item in items]
    assert kinds == [{name: type(value) for name, value in product.attributes.items()} for product in some]
    for item, product in zip(items, some, strict=True):
        assert np.array_equal(pixels_of(item), product.draw())


def test_the_folder_gives_every_picture_and_its_class_as_the_folder(some: Sequence[Product], folder: Path) -> None:
    items = {item.id: item for item in items_of(folder)}
    assert len(items) == len(some)
    assert items["ankle-boot/sample-009.png"].attributes == {"folder": "ankle-boot"}
    assert {item.attributes["folder"] for item in items.values()} >= {"t-shirt-top", "dress", "bag"}
    assert np.array_equal(pixels_of(items["dress/sample-003.png"]), some[3].draw())


def test_what_is_there_already_is_left_alone(some: Sequence[Product], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "products.csv").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("mine", "file"):
        with pytest.raises(ExportNotWritable, match="is there already"):
            write_sample(tmp_path / name, sold=some)
    with pytest.raises(ExportNotWritable, match="can't be written"):
        write_sample(tmp_path / "file" / "below", sold=some)
    assert (tmp_path / "mine" / "products.csv").read_text() == (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "mine", "products.csv"]


def test_an_empty_folder_is_filled_and_each_product_counted(some: Sequence[Product], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    seen: list[tuple[int, int]] = []
    write_sample(tmp_path / "empty", lambda *step: seen.append(step), some[:2])
    assert len(items_of(tmp_path / "empty")) == 2
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_what_is_stopped_leaves_nothing_behind(some: Sequence[Product], tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == len(some)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "new" / "my-photos", stop, some)
    assert [path.name for path in tmp_path.rglob("*")] == ["new"]
