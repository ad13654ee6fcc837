"""What a catalogue keeps, gives back and refuses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import (
    CatalogueBusy,
    CatalogueDamaged,
    CatalogueMissing,
    CatalogueNotWritable,
    CatalogueTooNew,
    ModelMismatch,
    UnknownItem,
)
from indexer.predictions import predicted_class
from indexer.records import Item, PictureInfo, Record
from indexer.thumbnails import display_copy
from models.datasets.fashion_mnist import CLASSES, Split
from models.pictures.decoding import Picture

FINGERPRINT = "a1" * 32
DIM = 49


@pytest.fixture(scope="module")
def records(test_split: Split) -> list[Record]:
    """300 items, with images averaged over blocks of 4x4 pixels as vectors."""
    images, labels = test_split.images[:300], test_split.labels[:300]
    blocks = images.reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(-1, DIM).astype(np.float32)
    vectors = blocks / np.linalg.norm(blocks, axis=1, keepdims=True)
    return [
        Record(
            id=f"test-{number:05}",
            predicted=predicted_class(CLASSES[label], 0.5),
            vector=vector,
            display=display_copy(Picture(255 - image)),
            attributes={"number": number},
            content_key=f"content of {number}",
        )
        for number, (image, label, vector) in enumerate(zip(images, labels, vectors, strict=True))
    ]


@pytest.fixture
def catalogue(tmp_path: Path, records: Sequence[Record]) -> Iterator[LocalCatalogue]:
    with LocalCatalogue.create(tmp_path / "catalogue", FINGERPRINT, DIM, CLASSES) as catalogue:
        catalogue.upsert(records)
        yield catalogue


def test_gives_back_what_was_put_in(catalogue: LocalCatalogue, records: Sequence[Record]) -> None:
    chosen = [records[7], records[3], records[7]]
    assert catalogue.get([record.id for record in chosen]) == [
        Item(r.id, r.predicted, r.attributes, PictureInfo("image/png", 28, 28)) for r in chosen
    ]
    assert catalogue.vectors([r.id for r in chosen]).tolist() == [r.vector.tolist() for r in chosen]
    assert catalogue.display(records[3].id) == records[3].display
    assert catalogue.content_keys([records[3].id, "nothing"]) == {records[3].id: "content of 3"}


def test_remembers_model_classes_and_items_when_opened_again(tmp_path: Path, catalogue: LocalCatalogue) -> None:
    with LocalCatalogue.open(tmp_path / "catalogue", FINGERPRINT) as again:
        assert (again.fingerprint, again.dim, again.classes) == (FINGERPRINT, DIM, CLASSES)
        assert len(again) == len(catalogue) == 300
    with LocalCatalogue.create(tmp_path / "catalogue", FINGERPRINT, DIM, CLASSES) as again:
        assert len(again) == 300


def test_an_id_that_exists_is_replaced(catalogue: LocalCatalogue, records: Sequence[Record]) -> None:
    sure, unsure = (predicted_class(records[5].predicted["class"].value, share) for share in (0.75, 0.25))
    changed = replace(records[5], vector=records[9].vector, predicted=sure, attributes={}, content_key="new")
    catalogue.upsert([replace(changed, predicted=unsure), changed])
    assert catalogue.get([changed.id])[0].best_class.probability == 0.75
    assert catalogue.get([changed.id])[0].attributes == {}
    assert catalogue.vectors([changed.id])[0].tolist() == records[9].vector.tolist()
    assert catalogue.content_keys([changed.id]) == {changed.id: "new"}
    assert len(catalogue) == 300


def test_deleted_items_are_gone(catalogue: LocalCatalogue, records: Sequence[Record]) -> None:
    gone = records[5].id
    assert catalogue.delete([gone, "never was", gone]) == 1
    assert catalogue.delete([gone]) == 0
    assert len(catalogue) == 299
    for ask in (catalogue.display, lambda id_: catalogue.get([id_]), lambda id_: catalogue.vectors([id_])):
        with pytest.raises(UnknownItem, match=gone):
            ask(gone)
    assert catalogue.search(records[5].vector[np.newaxis], 1)[0][0].item.id != gone


@pytest.mark.parametrize("id_", ["", "test-99999", "test-00001\0", "\ud800", "' OR 1=1 --", "x" * 10_000])
def test_strange_ids_are_unknown_items(catalogue: LocalCatalogue, id_: str) -> None:
    with pytest.raises(UnknownItem):
        catalogue.get([id_])
    with pytest.raises(UnknownItem):
        catalogue.display(id_)
    with pytest.raises(UnknownItem):
        catalogue.vectors([id_])
    assert catalogue.delete([id_]) == 0


def test_counts_every_class_in_the_models_order(catalogue: LocalCatalogue, records: Sequence[Record]) -> None:
    labels = [record.predicted["class"].value for record in records]
    assert list(catalogue.counts().items()) == [(label, labels.count(label)) for label in CLASSES]
    catalogue.delete([record.id for record in records if record.predicted["class"].value == "Bag"])
    assert catalogue.counts()["Bag"] == 0


def test_browses_in_order_of_id(catalogue: LocalCatalogue, records: Sequence[Record]) -> None:
    bags = sorted(record.id for record in records if record.predicted["class"].value == "Bag")
    page = catalogue.browse({"predicted.class": "Bag"}, offset=3, limit=5)
    assert [item.id for item in page.items] == bags[3:8]
    assert page.total == len(bags)
    assert catalogue.browse(offset=299).items == (catalogue.get(["test-00299"])[0],)
    assert catalogue.browse(offset=300).items == ()
    assert catalogue.browse(limit=0).total == 300
    with pytest.raises(ValueError, match="0 or more"):
        catalogue.browse(offset=-1)


def test_an_empty_catalogue_answers_with_nothing(tmp_path: Path, records: Sequence[Record]) -> None:
    with LocalCatalogue.create(tmp_path / "new" / "catalogue", FINGERPRINT, DIM, CLASSES) as empty:
        for generation in (0, 1):
            assert empty.generation == generation
            assert len(empty) == 0
            assert empty.search(records[0].vector[np.newaxis], 5) == [[]]
            assert empty.search(np.empty((0, DIM), np.float32), 5) == []
            assert empty.browse().items == ()
            assert set(empty.counts().values()) == {0}
            empty.upsert([])
            empty.publish()


def _bad(record: Record) -> dict[str, Record]:
    return {
        "an id is": replace(record, id=""),
        "length 1": replace(record, vector=record.vector * np.float32(1.1)),
        "not of length": replace(record, vector=np.full(DIM, np.nan, np.float32)),
        "float64": replace(record, vector=record.vector.astype(np.float64)),
        "not float32": replace(record, vector=record.vector[:-1]),
        "no prediction": replace(record, predicted=predicted_class("Hat", 0.5)),
        "probability": replace(record, predicted=predicted_class("Bag", float("nan"))),
        "can't name": replace(record, attributes={'say "hi"': 1}),
        "no prediction of a class": replace(record, predicted={}),
        "price": replace(record, attributes={"price": float("inf")}),
        "stock": replace(record, attributes={"stock": 2**63}),
        "brand": replace(record, attributes={"brand": "\ud800"}),
        "sizes": replace(record, attributes={"sizes": [1, [2]]}),  # type: ignore[dict-item]
    }


@pytest.mark.parametrize("says", list(_bad(Record("x", predicted_class("Bag", 1), np.empty(1, np.float32), None))))  # type: ignore[arg-type]
def test_an_unsound_record_is_refused_with_all_that_came_along(
    catalogue: LocalCatalogue, records: Sequence[Record], says: str
) -> None:
    sound = replace(records[0], id="sound")
    with pytest.raises(ValueError, match=f"(?i){says}"):
        catalogue.upsert([sound, _bad(records[1])[says]])
    assert catalogue.content_keys(["sound"]) == {}


@pytest.mark.parametrize(
    "queries",
    [
        np.ones(DIM, np.float32),
        np.ones((1, DIM)),
        np.ones((1, DIM + 1), np.float32),
        np.zeros((1, DIM), np.float32),
        np.full((1, DIM), 1e-5, np.float32),
        np.full((1, DIM), 1e3, np.float32),
        np.full((1, DIM), 3e38, np.float32),
        np.full((1, DIM), np.nan, np.float32),
        np.full((1, DIM), -np.inf, np.float32),
    ],
)
def test_queries_of_another_shape_type_or_length_are_refused(catalogue: LocalCatalogue, queries: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"[Qq]ueries"):
        catalogue.search(queries, 3)


def test_k_below_one_is_refused_and_a_huge_k_gives_all(catalogue: LocalCatalogue, records: Sequence[Record]) -> None:
    query = records[0].vector[np.newaxis]
    with pytest.raises(ValueError, match="at least 1"):
        catalogue.search(query, 0)
    assert len(catalogue.search(query, 10**9)[0]) == 300


def test_no_catalogue_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(CatalogueMissing, match=r"no catalogue in .*lookalike index"):
            LocalCatalogue.open(place)
    with pytest.raises(CatalogueNotWritable):
        LocalCatalogue.create(tmp_path / "file", FINGERPRINT, DIM, CLASSES)


def test_a_creation_that_was_killed_is_no_catalogue_until_completed(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "catalogue.sqlite"))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with pytest.raises(CatalogueMissing, match="never finished"):
        LocalCatalogue.open(tmp_path)
    with LocalCatalogue.create(tmp_path, FINGERPRINT, DIM, CLASSES) as catalogue:
        assert len(catalogue) == 0


def test_another_models_catalogue_is_refused_with_both_names(tmp_path: Path, catalogue: LocalCatalogue) -> None:
    other = "b2" * 32
    for open_it in (
        lambda: LocalCatalogue.open(catalogue.directory, other),
        lambda: LocalCatalogue.create(catalogue.directory, other, DIM, CLASSES),
    ):
        with pytest.raises(ModelMismatch, match=f"{FINGERPRINT[:12]}.*{other[:12]}.*lookalike reindex"):
            open_it()


def test_a_later_format_is_refused(catalogue: LocalCatalogue) -> None:
    catalogue.close()
    connection = apsw.Connection(str(catalogue.directory / "catalogue.sqlite"))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(CatalogueTooNew, match=r"99.*Upgrade"):
        LocalCatalogue.open(catalogue.directory)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "catalogue.sqlite"))
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    for open_it in (LocalCatalogue.open, lambda place: LocalCatalogue.create(place, FINGERPRINT, DIM, CLASSES)):
        with pytest.raises(CatalogueDamaged, match="another program"):
            open_it(tmp_path)


@pytest.mark.parametrize("content", [b"not a database, only text\n" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(content)
    with pytest.raises(CatalogueDamaged, match=r"lookalike verify.*backup"):
        LocalCatalogue.open(tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_database_is_said_to_be_damaged(catalogue: LocalCatalogue, share: float) -> None:
    catalogue.publish()
    catalogue.close()
    path = catalogue.directory / "catalogue.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CatalogueDamaged):
        _read_everything(catalogue.directory)


def _read_everything(directory: Path) -> None:
    with LocalCatalogue.open(directory) as catalogue:
        ids = [item.id for item in catalogue.browse(limit=1000).items]
        for id_ in ids:
            catalogue.display(id_)
        catalogue.vectors(ids)


def test_a_vector_that_was_garbled_in_the_database_is_said_to_be_damaged(catalogue: LocalCatalogue) -> None:
    catalogue.close()
    connection = apsw.Connection(str(catalogue.directory / "catalogue.sqlite"))
    connection.execute("UPDATE vectors SET vector = zeroblob(?) WHERE row = 7", (4 * DIM,))
    connection.close()
    with pytest.raises(CatalogueDamaged, match="vector"):
        LocalCatalogue.open(catalogue.directory)


def test_a_writer_that_waits_too_long_says_busy_and_readers_never_wait(
    catalogue: LocalCatalogue, records: Sequence[Record]
) -> None:
    other = apsw.Connection(str(catalogue.directory / "catalogue.sqlite"))
    other.execute("BEGIN IMMEDIATE")
    with LocalCatalogue.open(catalogue.directory, busy_seconds=0.05) as hurried:
        with pytest.raises(CatalogueBusy, match="Try again"):
            hurried.upsert(records[:1])
        with pytest.raises(CatalogueBusy, match="Try again"):
            hurried.delete([records[0].id])
        assert len(hurried.search(records[0].vector[np.newaxis], 5)[0]) == 5
        other.execute("ROLLBACK")
        hurried.upsert(records[:1])
    other.close()


def test_a_closed_catalogue_says_so(catalogue: LocalCatalogue) -> None:
    catalogue.close()
    with pytest.raises(ValueError, match="closed"):
        catalogue.get([])
    with pytest.raises(ValueError, match="closed"):
        len(catalogue)
