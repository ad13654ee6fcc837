"""Catalogues too large to compare with every item: a graph with a measured recall, and exactness where it is owed.

The graphs are real ones, over a few thousand items instead of a hundred thousand.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partialmethod
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue.local import LocalCatalogue
from indexer.catalogue.neighbours import Neighbourhoods
from indexer.database import rows
from indexer.database.store import Store
from indexer.pipeline import indexing
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Hit, Record
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.upkeep.repair import repair
from indexer.upkeep.verification import verify
from indexer.vectors import hnsw, index_file
from indexer.vectors.faiss_index import Index
from indexer.vectors.index_file import IndexFileDamaged
from models.datasets.fashion_mnist import CLASSES, Split
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.http.answers import info_answer
from search_api.query import Query

DIM = 49
ITEMS = 4000
THRESHOLD = 1000
QUERIES = slice(9000, 9100)
"""Images that are not among the items."""


def record(number: int, vector: NDArray[np.float32]) -> Record:
    attributes = {"parity": number % 2, "hundred": number // 100}
    return Record(
        f"{number:05}", predicted_class("Bag", 1.0), vector, DisplayCopy(b"", "image/png", 28, 28), attributes
    )


def some(vectors: NDArray[np.float32], numbers: range) -> list[Record]:
    return [record(number, vectors[number]) for number in numbers]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, vectors: NDArray[np.float32]) -> Path:
    """A published catalogue of the first images, searched through a graph. Only for copying."""
    directory = tmp_path_factory.mktemp("hnsw") / "catalogue"
    with LocalCatalogue.create(directory, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(some(vectors, range(ITEMS)))
        catalogue.publish(exact_up_to=THRESHOLD)
    return directory


@pytest.fixture
def catalogue(published: Path, tmp_path: Path) -> Iterator[LocalCatalogue]:
    """A catalogue of its own for each test."""
    with LocalCatalogue.open(shutil.copytree(published, tmp_path / "catalogue")) as catalogue:
        yield catalogue


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.item.id for hit in hits]


def share_found(catalogue: LocalCatalogue, queries: NDArray[np.float32], k: int) -> float:
    """Return the recall@k of a catalogue's searches, which must not be exact, by the scores of what they find."""
    exact, found = catalogue.search(queries, k, exact=True), catalogue.search(queries, k)
    assert all(hits.exact for hits in exact)
    assert not any(hits.exact for hits in found)
    near = [hit.score >= best[-1].score for hits, best in zip(found, exact, strict=True) for hit in hits]
    assert len(near) == k * len(queries)
    return sum(near) / len(near)


def test_beyond_the_threshold_a_graph_is_published_with_the_recall_it_has(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    assert catalogue.recall is not None
    assert catalogue.recall >= hnsw.LEAST_RECALL
    assert share_found(catalogue, vectors[QUERIES], 10) >= 0.98
    with LocalCatalogue.open(catalogue.directory) as opened:
        assert opened.recall == catalogue.recall
        assert opened.search(vectors[QUERIES], 10) == catalogue.search(vectors[QUERIES], 10)


def test_up_to_the_threshold_every_search_is_exact(tmp_path: Path, vectors: NDArray[np.float32]) -> None:
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(some(vectors, range(THRESHOLD)))
        catalogue.publish(exact_up_to=THRESHOLD)
        assert catalogue.recall is None
        assert all(hits.exact for hits in catalogue.search(vectors[QUERIES], 10))
        catalogue.upsert(some(vectors, range(THRESHOLD, 2 * THRESHOLD)))
        assert catalogue.publish(exact_up_to=THRESHOLD) == 2
        assert catalogue.recall is not None


def test_a_catalogue_that_was_exact_gets_its_graph_without_a_change(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(some(vectors, range(2000)))
        assert catalogue.publish() == 1
        assert catalogue.recall is None
        assert catalogue.publish(exact_up_to=THRESHOLD) == 2
        assert catalogue.recall is not None


def test_scores_are_the_same_through_the_graph(catalogue: LocalCatalogue, vectors: NDArray[np.float32]) -> None:
    for query, hits in zip(vectors[QUERIES], catalogue.search(vectors[QUERIES], 10), strict=True):
        found = vectors[[int(id_) for id_ in ids(hits)]].astype(np.float64)
        assert [hit.score for hit in hits] == (found @ query.astype(np.float64)).astype(np.float32).tolist()
        assert [(-hit.score, hit.item.id) for hit in hits] == sorted((-hit.score, hit.item.id) for hit in hits)


@pytest.mark.parametrize("where", [{"parity": 1}, {"hundred": 7}, {"hundred": {"gte": 1}}, {"predicted.class": "Bag"}])
def test_filters_are_exact_be_they_narrow_or_wide(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32], where: dict[str, object]
) -> None:
    allowed = np.array([int(item.id) for item in catalogue.browse(where, limit=ITEMS).items])
    for query, hits in zip(vectors[QUERIES], catalogue.search(vectors[QUERIES], 60, where), strict=True):
        assert hits.exact
        products = np.sort(vectors[allowed].astype(np.float64) @ query.astype(np.float64))[::-1]
        np.testing.assert_array_equal([hit.score for hit in hits], products[:60].astype(np.float32))
        assert {int(id_) for id_ in ids(hits)} <= set(allowed.tolist())


@pytest.mark.parametrize("k", [1, 7, 30, 3000, ITEMS])
def test_neither_the_dead_nor_the_excluded_take_up_a_place(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32], k: int
) -> None:
    queries = vectors[QUERIES][:20]
    nearest = [ids(hits)[0] for hits in catalogue.search(queries, 1, exact=True)]
    catalogue.delete(nearest)
    excluded = list({id_ for hits in catalogue.search(queries, 2) for id_ in ids(hits)})
    live = ITEMS - len(set(nearest)) - len(excluded)
    for hits in catalogue.search(queries, k, exclude=excluded):
        assert len(set(ids(hits))) == min(k, live)
        assert set(ids(hits)).isdisjoint({*nearest, *excluded})


def test_what_is_new_is_found_at_once_and_what_was_replaced_only_as_it_is_now(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    catalogue.upsert(some(vectors, range(9000, 9100)))
    catalogue.upsert([record(3, vectors[9200])])
    for number in (9000, 9050, 9099):
        assert ids(catalogue.search(vectors[number : number + 1], 1)[0]) == [f"{number:05}"]
    assert ids(catalogue.search(vectors[9200:9201], 1)[0]) == ["00003"]
    assert "00003" not in ids(catalogue.search(vectors[3:4], 10)[0])
    assert share_found(catalogue, vectors[QUERIES], 10) >= 0.98


def test_queries_that_weigh_the_parts_anew_are_answered_exactly(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    """The graph joins what is near by the usual weights, and its recall holds for no others."""
    weights = np.repeat(np.array([0.3, 1.2], np.float32), [25, 24])
    weighted = vectors[QUERIES] * weights
    for query, hits in zip(weighted, catalogue.search(weighted, 10), strict=True):
        assert hits.exact
        products = np.sort(vectors[:ITEMS].astype(np.float64) @ query.astype(np.float64))[::-1]
        scores = np.clip(products[:10], -1, 1).astype(np.float32)
        np.testing.assert_array_equal([hit.score for hit in hits], scores)


def test_a_graph_is_built_anew_when_a_tenth_has_changed(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    catalogue.upsert(some(vectors, range(ITEMS, ITEMS + 300)))
    catalogue.delete([f"{number:05}" for number in range(100)])
    assert catalogue.publish(exact_up_to=THRESHOLD) == 1
    assert not catalogue.search(vectors[:1], 10)[0].exact
    catalogue.delete(["00200"])
    assert catalogue.publish(exact_up_to=THRESHOLD) == 2
    assert len(catalogue) == ITEMS + 199
    assert share_found(catalogue, vectors[QUERIES], 10) >= 0.98


def test_a_graph_of_which_too_much_is_dead_is_not_searched(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    catalogue.delete([f"{number:05}" for number in range(401)])
    assert catalogue.search(vectors[:1], 10)[0].exact
    assert len(catalogue.search(vectors[:1], 10)[0]) == 10


def test_a_graph_that_finds_too_little_is_refused_once_and_searches_stay_exact(
    tmp_path: Path, vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hnsw, "LEAST_RECALL", 1.01)
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(some(vectors, range(2000)))
        assert catalogue.publish(exact_up_to=THRESHOLD) == 1
        assert catalogue.recall is None
        assert catalogue.search(vectors[:1], 10)[0].exact
        assert catalogue.publish(exact_up_to=THRESHOLD) == 1
        catalogue.delete(["00001"])
        assert catalogue.publish(exact_up_to=THRESHOLD) == 2


def test_the_graph_is_searched_as_broadly_as_its_recall_needs(
    vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hnsw, "_EF_SEARCH", (1, 2, 4, 200))
    index, recall = hnsw.chosen(np.arange(1, 3001), vectors[:3000], THRESHOLD)
    assert recall is not None
    assert recall >= hnsw.LEAST_RECALL
    narrower = [hnsw.recall_at_10(index, ef_search) for ef_search in (1, 2, 4, 200) if ef_search < index.ef_search]
    assert narrower
    assert max(narrower) < hnsw.LEAST_RECALL
    assert narrower == sorted(narrower)


def test_a_graph_grows_step_by_step_and_says_how_far_it_is(
    vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.vectors.faiss_index._AT_ONCE", 900)
    counted: list[tuple[int, int]] = []
    numbers = np.arange(1, 2001)
    index = Index.build_graph(numbers, vectors[:2000], lambda *step: counted.append(step))
    assert counted == [(900, 2000), (1800, 2000), (2000, 2000)]
    assert index.rows.tolist() == numbers.tolist()
    assert hnsw.recall_at_10(index, 128) >= hnsw.LEAST_RECALL


def test_recall_is_the_share_of_the_nearest_others_that_are_found(vectors: NDArray[np.float32]) -> None:
    index = Index.build_graph(np.arange(1, 2001), vectors[:2000])
    own = np.random.default_rng(0).choice(2000, 50, replace=False)
    found, _ = index.reach(vectors[own], 11, None, 5)
    shares = []
    for number, positions in zip(own.tolist(), found.tolist(), strict=True):
        scores = vectors[:2000] @ vectors[number]
        others = [other for other in np.argsort(-scores).tolist() if other != number]
        near = {other for other in others if scores[other] >= scores[others[9]] - 1e-5}
        shares.append(min(len(near & {*positions} - {number}), 10) / 10)
    assert 0.1 < np.mean(shares) < 1
    assert hnsw.recall_at_10(index, 5, sample=50) == pytest.approx(np.mean(shares), abs=0.005)


def test_any_flipped_bit_of_a_graph_is_noticed_and_answers_are_exact_until_it_is_built_again(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    expected = catalogue.search(vectors[QUERIES], 10, exact=True)
    (path,) = catalogue.directory.glob("generation-*.faiss")
    with apsw.Connection(str(catalogue.directory / "catalogue.sqlite")) as connection:
        pointer = index_file.published(connection)
    connection.close()
    assert pointer is not None
    assert index_file.load(catalogue.directory, pointer, DIM).has_graph
    random, content = np.random.default_rng(0), bytearray(path.read_bytes())
    for place in [*range(60), *random.integers(60, len(content), 60).tolist(), -1]:
        content[place] ^= (bit := 1 << int(random.integers(8)))
        path.write_bytes(content)
        with pytest.raises(IndexFileDamaged):
            index_file.load(catalogue.directory, pointer, DIM)
        content[place] ^= bit
    path.write_bytes(content[:-1])
    with LocalCatalogue.open(catalogue.directory) as opened:
        assert opened.search(vectors[QUERIES], 10) == expected
        assert (opened.generation, opened.recall) == (2, None)
        assert opened.publish(exact_up_to=THRESHOLD) == 3
        assert opened.recall is not None


@pytest.mark.parametrize("damage", [{"kind": "gnsw breadth=64"}, {"kind": b"flat"}, {"kind": 7}, {"size": None}])
def test_whatever_a_flipped_bit_makes_of_the_kind_it_is_noticed(
    catalogue: LocalCatalogue, damage: dict[str, Any]
) -> None:
    with apsw.Connection(str(catalogue.directory / "catalogue.sqlite")) as connection:
        pointer = index_file.published(connection)
    connection.close()
    assert pointer is not None
    with pytest.raises(IndexFileDamaged):
        index_file.load(catalogue.directory, replace(pointer, **damage), DIM)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder, test_split: Split) -> Path:
    """A catalogue of items as the model sees them, searched through a graph. Only for copying."""
    directory = tmp_path_factory.mktemp("embedded") / "catalogue"
    card = embedder.card
    items = Split(test_split.images[:2000], test_split.labels[:2000])
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(FashionMNIST(items, "test"), embedder, catalogue)
        assert catalogue.recall is None
        catalogue.publish(exact_up_to=THRESHOLD)
    return directory


@pytest.mark.parametrize(("rule", "has_graph"), [(THRESHOLD, True), (hnsw.EXACT_UP_TO, False)])
def test_a_damaged_graph_is_found_and_repaired_as_the_number_of_items_asks_for(
    embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: int, has_graph: bool
) -> None:
    directory = shutil.copytree(embedded, tmp_path / "catalogue")
    assert verify(directory).findings == ()
    (path,) = directory.glob("generation-*.faiss")
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1  # in the graph: the vectors lie before it
    path.write_bytes(content)
    (finding,) = verify(directory).findings
    assert (finding.file, finding.is_derived) == (path.name, True)
    monkeypatch.setattr(LocalCatalogue, "publish", partialmethod(LocalCatalogue.publish, exact_up_to=rule))
    _, after = repair(directory)
    assert after.findings == ()
    assert after.items == 2000
    with LocalCatalogue.open(directory) as repaired:
        assert (repaired.recall is not None) == has_graph


def test_a_graph_over_other_vectors_than_the_items_have_is_found(embedded: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(embedded, tmp_path / "catalogue")
    with closing(Store(directory)) as store:
        dim = store.described().dim
        with store.read() as connection:
            numbers, vectors = rows.vectors_after(connection, 0, dim)
        index = Index.build_graph(numbers, vectors[::-1])
        pointer = index_file.write(directory, 9, index, int(numbers[-1]), 0, recall=0.99)
        with store.write() as connection:
            index_file.record_published(connection, pointer)
    (finding,) = verify(directory).findings
    assert (finding.file, finding.problem) == (pointer.file, "its vectors are not those of the items")


def test_the_table_of_neighbours_is_exact_however_little_a_graph_finds(
    tmp_path: Path, vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hnsw, "LEAST_RECALL", 0)
    monkeypatch.setattr(hnsw, "_EF_SEARCH", (1,))
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(some(vectors, range(2000)))
        catalogue.publish(exact_up_to=THRESHOLD)
        nearest, reached = catalogue.search(vectors[:200], 6, exact=True), catalogue.search(vectors[:200], 6)
        assert sum(ids(hits) != ids(exact) for hits, exact in zip(reached, nearest, strict=True)) > 20
        found = next(iter(Neighbourhoods(catalogue.vector_table(), 5, lambda queries: queries)))
    expected = [
        (f"{number:05}", hit.item.id, hit.score)
        for number, hits in enumerate(nearest)
        for hit in [hit for hit in hits if hit.item.id != f"{number:05}"][:5]
    ]
    assert list(zip(found.id, found.similar_id, found.score.tolist(), strict=True))[: len(expected)] == expected


def test_answers_tell_that_a_graph_was_searched(
    embedded: Path, tmp_path: Path, embedder: LiteRTEmbedder, test_split: Split
) -> None:
    with LocalCatalogue.open(shutil.copytree(embedded, tmp_path / "catalogue")) as catalogue:
        engine = Engine(embedder, catalogue)
        assert not engine.search_view(test_split.images[3000], Query(k=10)).hits.exact
        assert engine.search_view(test_split.images[3000], Query(k=10, where={"predicted.class": "Dress"})).hits.exact
        for look in (0, 0.5, 1):
            assert engine.search_view(test_split.images[3000], Query(k=10, look=look)).hits.exact
            assert engine.similar("test-00300", Query(k=9, look=look)).exact
        assert not engine.similar("test-00300", Query(k=9)).exact
        assert info_answer(engine.info())["recall"] == catalogue.recall
        assert catalogue.recall is not None
        assert catalogue.recall >= hnsw.LEAST_RECALL
    with LocalCatalogue.create(tmp_path / "small", catalogue.fingerprint, catalogue.dim, CLASSES) as small:
        assert info_answer(Engine(embedder, small).info())["recall"] is None
