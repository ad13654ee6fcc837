"""A filter that was not asked before: by columns in memory, against SQL over the attributes' JSON, in CPU time."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness.measuring import BenchmarkFailed, Comparison, Figure, Say, Section, in_turns, less
from indexer.catalogue.local import LocalCatalogue
from indexer.database import rows
from indexer.filters import condition_of
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Record
from models.datasets.fashion_mnist import CLASSES
from models.pictures.png import encode_png

SIZES = (100_000,)
MOST_MILLISECONDS = {100_000: 20.0, 1_000_000: 60.0}
"""What the project promises of a filter of any selectivity, by numbers of items."""

_DIM = 49
_AT_ONCE = 4096
_BRANDS = ("Acme", "Ossby", "Lund", "Nord", "Kiri", "Faro")


def run(say: Say, quick: bool, sizes: list[int] | None = None) -> Section:
    """Make catalogues of drawn items, five attributes each, and filter them; 1,000,000 items take minutes to make."""
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    notes: list[str] = []
    for size in sizes or SIZES:
        with TemporaryDirectory(prefix="lookalike-benchmark-") as directory:
            say(f"making {size:,} items")
            _make(Path(directory), size)
            with LocalCatalogue.open(Path(directory)) as catalogue:
                first = _milliseconds(lambda: catalogue.browse({"brand": "nobody"}))
                notes.append(f"{size:,} items: the first filter of a process, which loads the columns, {first:.0f} ms")
                slowest = 0.0
                for name, wanted in _filters(size):
                    measured = _compared(catalogue, f"{size:,} items: {name}", wanted, say, 2 if quick else 7)
                    comparisons.append(measured)
                    slowest = max(slowest, measured.ours.value)
                change = AttributeUpdate("item-0000001", {"brand": "Lund"}, "")
                after = [_after_a_write(catalogue, change) for _ in range(2 if quick else 7)]
                notes.append(f"{size:,} items: the first filter after a write, {float(np.median(after)):.1f} ms")
                bound = MOST_MILLISECONDS.get(size)
                if bound is not None:
                    claim = f"a new filter of {size:,} items"
                    figures.append(Figure(claim, slowest, bound, at_least=False, unit="ms"))
    return Section(
        "filtering", "filters that were not asked before, CPU time", tuple(comparisons), tuple(figures), tuple(notes)
    )


def _compared(catalogue: LocalCatalogue, name: str, wanted: dict[str, Any], say: Say, rounds: int) -> Comparison:
    condition = condition_of(wanted, catalogue.classes)
    if condition is None:
        raise BenchmarkFailed(f"{wanted} asks for all items")
    with catalogue.reading() as state:
        connection, revision = state._connection, state._snapshot.revision
        ours: Callable[[], Any] = partial(state._columns.rows_where, connection, revision, None, condition)
        theirs: Callable[[], Any] = partial(rows.rows_where, connection, condition)
        found = ours()
        if not np.array_equal(found, theirs()):
            raise BenchmarkFailed(f"{wanted} finds other items one way than the other")

        def filtered() -> None:
            state._snapshot._filtered.clear()
            state._snapshot.allowed(condition, lambda _: ours())

        both = {"columns": partial(_milliseconds, filtered), "SQL": partial(_milliseconds, theirs)}
        measured = in_turns(both, rounds, lambda text: say(f"{name}, {text}"))
    return less(f"{name} ({len(found):,})", "ms", measured["columns"], "SQL", measured["SQL"])


def _filters(size: int) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "one item", {"title": f"Thing {size // 2} of linen"}
    yield "a sixth", {"brand": "Acme"}
    yield "all but a sixth", {"brand": {"not": "Acme"}}
    yield "half by a bound", {"price": {"lt": 250}}
    yield "members of lists", {"sizes": [36, 40]}
    yield "a beginning", {"title": {"prefix": "Thing 1"}}
    yield (
        "several",
        {"any": [{"brand": "Kiri", "sale": False}, {"not": {"any": [{"price": {"gt": 100}}, {"sizes": 45}]}}]},
    )


def _after_a_write(catalogue: LocalCatalogue, change: AttributeUpdate) -> float:
    catalogue.upsert([change])
    return _milliseconds(lambda: catalogue.search(np.eye(_DIM, dtype=np.float32)[:1], 10, {"brand": "Ossby"}))


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return 1000 * (time.process_time() - started)


def _make(directory: Path, size: int) -> None:
    draw = np.random.default_rng(0)
    picture = DisplayCopy(encode_png(np.zeros((4, 4, 3), np.uint8)), "image/png", 4, 4)
    with LocalCatalogue.create(directory, "benchmark", _DIM, CLASSES) as catalogue:
        for start in range(0, size, _AT_ONCE):
            count = min(_AT_ONCE, size - start)
            vectors = draw.standard_normal((count, _DIM)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            catalogue.upsert(
                [
                    Record(
                        f"item-{start + n:07}",
                        predicted_class(CLASSES[n % len(CLASSES)], 0.5),
                        vectors[n],
                        picture,
                        {
                            "brand": str(draw.choice(_BRANDS)),
                            "price": round(float(draw.uniform(1, 500)), 2),
                            "sizes": draw.integers(34, 46, 3).tolist(),
                            "sale": bool(draw.integers(2)),
                            "title": f"Thing {start + n} of linen",
                        },
                    )
                    for n in range(count)
                ]
            )
        catalogue.publish(exact_up_to=None)
