"""Search against brute force, through every mixture of updates, deletions, publications and readers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Hit, Record
from models.datasets.fashion_mnist import CLASSES, Split

DIM = 49
NO_PICTURE = DisplayCopy(b"", "image/png", 28, 28)


def record(id_: str, image: int, vectors: NDArray[np.float32], labels: NDArray[np.uint8], size: int) -> Record:
    attributes = {"image": image, "size": size}
    return Record(id_, predicted_class(CLASSES[labels[image]], 0.9), vectors[image], NO_PICTURE, attributes)


def brute_force(
    live: Mapping[str, Record], query: NDArray[np.float32], k: int, allows: Any, exclude: Sequence[str]
) -> list[tuple[str, float]]:
    """Score every live item, sort, cut: what any search must equal."""
    among = [record for record in live.values() if allows(record) and record.id not in exclude]
    if not among:
        return []
    products = np.stack([record.vector for record in among]).astype(np.float64) @ query.astype(np.float64)
    scores = np.clip(products, -1, 1).astype(np.float32).tolist()
    ranked = sorted((-score, record.id) for score, record in zip(scores, among, strict=True))
    return [(id_, -score) for score, id_ in ranked[:k]]


QUERY_LENGTHS = [1, 1, 1, 0.002, 2.6, -2.6, 900]
"""A query that weighs its parts anew is longer than 1, and where scores pass 1 they are clipped, and tie."""

FIRST_STEPS = ["upsert", "publish", "delete", "add", "publish", "add"]

FILTERS: list[tuple[dict[str, Any] | None, Any]] = [
    (None, lambda _: True),
    ({"predicted.class": "Sneaker"}, lambda r: r.predicted["class"].value == "Sneaker"),
    ({"predicted.class": ["Bag", "Dress", "Coat"]}, lambda r: r.predicted["class"].value in ("Bag", "Dress", "Coat")),
    ({"size": {"gte": 40}}, lambda r: r.attributes["size"] >= 40),
    (
        {"size": {"gte": 38, "lte": 39.5}, "predicted.class": "Bag"},
        lambda r: 38 <= r.attributes["size"] <= 39.5 and r.predicted["class"].value == "Bag",
    ),
    ({"size": [36, 44]}, lambda r: r.attributes["size"] in (36, 44)),
    ({"size": 1}, lambda _: False),
]


def assert_equal(hits: Sequence[Hit], expected: Sequence[tuple[str, float]], live: Mapping[str, Record]) -> None:
    assert [(hit.item.id, hit.score) for hit in hits] == list(expected)
    for hit in hits:
        record = live[hit.item.id]
        assert (hit.item.best_class.value, hit.item.attributes) == (record.predicted["class"].value, record.attributes)


@pytest.mark.parametrize("seed", range(6))
def test_search_equals_brute_force_whatever_happened_before(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split, seed: int
) -> None:
    """Few images stand for many items, so that ties, also at the k-th place and across index files, are common."""
    random = np.random.default_rng(seed)
    pool = random.choice(10_000, 5 if seed == 0 else 80, replace=False)
    live: dict[str, Record] = {}
    searched = set()
    with (
        LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as writer,
        LocalCatalogue.open(tmp_path) as reader,
    ):
        for step in range(60):
            kind = str(random.choice(["upsert", "add", "delete", "publish"], p=[0.4, 0.2, 0.2, 0.2]))
            match FIRST_STEPS[step] if step < len(FIRST_STEPS) else kind:
                case "upsert" | "add" as how:
                    new = [
                        record(
                            f"item-{random.integers(400)}" if how == "upsert" else f"new-{step}-{number}",
                            int(random.choice(pool)),
                            vectors,
                            test_split.labels,
                            int(random.integers(36, 45)),
                        )
                        for number in range(random.integers(1, 40))
                    ]
                    writer.upsert(new)
                    live |= {one.id: one for one in new}
                case "delete":
                    gone = {*random.choice(sorted(live) or [""], 15).tolist(), "item-999"}
                    assert writer.delete(gone) == len(gone & live.keys())
                    live = {id_: one for id_, one in live.items() if id_ not in gone}
                case "publish":
                    assert writer.publish() == writer.generation
            k = int(random.choice([1, 3, 10, 1000]))
            where, allows = FILTERS[random.integers(len(FILTERS))] if live else FILTERS[0]
            exclude = [f"item-{number}" for number in random.integers(400, size=random.choice([0, 1, 50]))]
            queries = vectors[random.choice(10_000, random.choice([1, 2, 30]))]
            queries[0] = vectors[pool[0]]
            queries[1:] *= random.choice(QUERY_LENGTHS, (len(queries) - 1, 1)).astype(np.float32)
            for catalogue in (writer, reader):
                assert len(catalogue) == len(live)
                answers = catalogue.search(queries, k, where, exclude)
                for query, hits in zip(queries, answers, strict=True):
                    assert_equal(hits, brute_force(live, query, k, allows, exclude), live)
            state = reader._memory.snapshot
            assert state is not None
            index, alive = state.published.index, state.published.alive
            searched.add((len(index.rows) > 0, len(state.recent) > 0, alive is not None))
    mixtures_of_index_file_newer_rows_and_deaths = {
        (False, True, False),
        (True, False, False),
        (True, False, True),
        (True, True, True),
        (True, True, False),
    }
    assert mixtures_of_index_file_newer_rows_and_deaths <= searched


def test_the_whole_test_split_equals_brute_force(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split
) -> None:
    live = {f"{n:05}": record(f"{n:05}", n, vectors, test_split.labels, n % 9) for n in range(10_000)}
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert([live[id_] for id_ in sorted(live)[:6000]])
        catalogue.publish()
        catalogue.upsert([live[id_] for id_ in sorted(live)[6000:]])
        for number in range(0, 10_000, 199):
            exclude = [f"{number:05}"]
            hits = catalogue.search(vectors[number : number + 1], 20, exclude=exclude)[0]
            assert_equal(hits, brute_force(live, vectors[number], 20, lambda _: True, exclude), live)


def test_answers_do_not_depend_on_where_items_lie_or_on_how_many_are_asked_at_once(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split
) -> None:
    records = [record(f"{n:05}", n, vectors, test_split.labels, 1) for n in range(2000)]
    queries = vectors[5000:5300]
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(records)
        new = catalogue.search(queries, 10)
        catalogue.publish()
        assert catalogue.search(queries, 10) == new
        assert [catalogue.search(queries[n : n + 1], 10)[0] for n in range(300)] == new
        catalogue.upsert(records[::2])
        assert catalogue.search(queries, 10) == new


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_that_are_clipped_tie_and_come_in_order_of_id(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split, sign: int
) -> None:
    """Far more items than FAISS is asked for score beyond 1, or below -1, each differently before it is clipped."""
    query = np.float32(3 * sign) * vectors[:1]
    beyond = np.flatnonzero(3 * (vectors[:3000] @ vectors[0]) > 1.01)[::-1]
    assert len(beyond) > 200
    ids = [f"{n:04}" for n in range(len(beyond))]
    records = [record(id_, int(n), vectors, test_split.labels, 1) for id_, n in zip(ids, beyond, strict=True)]
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(records[:150])
        catalogue.publish()
        catalogue.upsert(records[150:])
        hits = catalogue.search(query, 30)[0]
    assert [(hit.item.id, hit.score) for hit in hits] == [(id_, sign) for id_ in ids[:30]]


def test_a_long_query_whose_terms_cancel_is_answered_exactly(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split
) -> None:
    """All but orthogonal to the query, items differ by less than FAISS's float32 sums err by."""
    centred = vectors[:3001].astype(np.float64) - vectors[:3001].mean(axis=0)
    direction = centred[0] / np.linalg.norm(centred[0])
    across = centred[1:] - np.outer(centred[1:] @ direction, direction)
    near = (across / np.linalg.norm(across, axis=1, keepdims=True)).astype(np.float32)
    live = {f"{n:04}": record(f"{n:04}", n, near, test_split.labels, 1) for n in range(len(near))}
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(list(live.values()))
        for length in (1, 30, 900):
            query = (length * direction).astype(np.float32)
            for k in (1, 5, 40):
                hits = catalogue.search(query[np.newaxis], k)[0]
                expected = brute_force(live, query, k, lambda _: True, [])
                assert [hit.item.id for hit in hits] == [id_ for id_, _ in expected]
                np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in expected], atol=1e-11)


def test_a_thousand_equal_items_come_in_order_of_id(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split
) -> None:
    random = np.random.default_rng(0)
    ids = [f"{n:04}" for n in random.permutation(1000)]
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert([record(id_, 3, vectors, test_split.labels, 1) for id_ in ids[:700]])
        catalogue.publish()
        catalogue.upsert([record(id_, 3, vectors, test_split.labels, 1) for id_ in ids[700:]])
        for query in (vectors[3:4], vectors[4:5]):
            assert [hit.item.id for hit in catalogue.search(query, 30)[0]] == sorted(ids)[:30]


def test_excluded_items_take_up_no_place(tmp_path: Path, vectors: NDArray[np.float32], test_split: Split) -> None:
    records = [record(f"{n:03}", n, vectors, test_split.labels, 1) for n in range(200)]
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(records)
        catalogue.publish()
        best = [hit.item.id for hit in catalogue.search(vectors[:1], 200)[0]]
        assert [hit.item.id for hit in catalogue.search(vectors[:1], 5, exclude=best[:150])[0]] == best[150:155]
        assert catalogue.search(vectors[:1], 5, exclude=best) == [[]]


def test_an_item_that_was_updated_is_found_only_where_it_is_now(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split
) -> None:
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert([record(f"{n}", n, vectors, test_split.labels, 1) for n in range(50)])
        catalogue.publish()
        catalogue.upsert([record("7", 9_000, vectors, test_split.labels, 2)])
        of_old = {hit.item.id: hit.score for hit in catalogue.search(vectors[7:8], 50)[0]}
        assert len(of_old) == 50
        assert of_old["7"] == pytest.approx(vectors[7] @ vectors[9_000], abs=1e-6)
        hit = catalogue.search(vectors[9_000:9_001], 1)[0][0]
        assert (hit.item.id, hit.item.attributes["size"], hit.score) == ("7", 2, pytest.approx(1))
