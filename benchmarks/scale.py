"""Catalogues of 100,000 and a million items: every item compared, against a graph with a measured recall."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness.measuring import BenchmarkFailed, Comparison, Figure, Say, Section, in_turns, less, seconds
from benchmarks.harness.processes import ENVIRONMENT, ROOT
from benchmarks.harness.variations import QUERIES, query_vectors, vectors
from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from indexer.vectors.hnsw import LEAST_RECALL
from models.arrays import Vectors

SIZES = (100_000, 1_000_000)
QUICK_SIZES = (20_000,)
K = 10

GRAPH, SCAN = "through the graph", "every item compared"

_AT_ONCE = 4096
_CLASSES = ("item",)
_PICTURE = DisplayCopy(b"", "image/png", 28, 28)


def run(say: Say, quick: bool, sizes: Sequence[int] | None = None) -> Section:
    """Fill catalogues with variations of Fashion-MNIST's images, publish them in a process of their own, and search.

    Every item is a picture of its own that went through the model; its display copy is left out. Vectors are kept in
    LOOKALIKE_BENCHMARK_CACHE, or in the temporary directory: a million of them take 512 MB.
    """
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    notes: list[str] = []
    sizes = sizes or (QUICK_SIZES if quick else SIZES)
    for size in sizes:
        items = vectors(size, say)
        with TemporaryDirectory(prefix="lookalike-benchmark-") as name:
            directory = Path(name) / "catalogue"
            writing = seconds(partial(_fill, directory, items))
            del items
            say(f"{size:,} items: publishing")
            publishing, peak = _published(directory)
            with LocalCatalogue.open(directory) as catalogue:
                recall = catalogue.recall
                if recall is None:
                    raise BenchmarkFailed(f"No graph over {size:,} items found enough: every search stays exact.")
                say(f"{size:,} items: searching")
                found = _recall(catalogue)
                comparisons += _timed(catalogue, size, 1 if quick else 5, say)
            index, database = _bytes(directory, ".faiss"), _bytes(directory, ".sqlite")
        figures += [
            Figure(f"{size:,} items: recall@10, measured when published", recall, LEAST_RECALL, at_least=True),
            Figure(f"{size:,} items: recall@10 of pictures that are no items", found, LEAST_RECALL, at_least=True),
        ]
        notes.append(
            f"{size:,} items: written in {writing:.0f} s, published in {publishing:.0f} s, with at most "
            f"{peak / 1e6:,.0f} MB resident; {index / size:.0f} bytes an item in the index file, "
            f"{database / size:.0f} in the database without pictures."
        )
    title = f"{', '.join(f'{size:,}' for size in sizes)} items, single queries, k = {K}"
    return Section("scale", title, tuple(comparisons), tuple(figures), tuple(notes))


def _fill(directory: Path, items: Vectors) -> None:
    with LocalCatalogue.create(directory, "benchmark", items.shape[1], _CLASSES) as catalogue:
        for batch in _records(items):
            catalogue.upsert(batch)


def _records(items: Vectors) -> Iterator[list[Record]]:
    for start in range(0, len(items), _AT_ONCE):
        yield [
            Record(f"{number:08}", predicted_class(_CLASSES[0], 1.0), vector, _PICTURE)
            for number, vector in enumerate(items[start : start + _AT_ONCE], start)
        ]


_PUBLISH = """
import resource, sys, time
from indexer.catalogue.local import LocalCatalogue
with LocalCatalogue.open(sys.argv[1]) as catalogue:
    started = time.perf_counter()
    catalogue.publish(exact_up_to=1000)
    print(time.perf_counter() - started, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _published(directory: Path) -> tuple[float, int]:
    """Publish a catalogue with a graph; return the seconds and the most bytes that were resident."""
    command = [sys.executable, "-c", _PUBLISH, str(directory)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"Publishing failed: {done.stderr.strip()[-2000:]}")
    took, peak = done.stdout.split()
    return float(took), int(peak)


def _recall(catalogue: LocalCatalogue) -> float:
    queries = query_vectors()
    best = catalogue.search(queries, K, exact=True)
    found = catalogue.search(queries, K)
    if any(hits.exact for hits in found):
        raise BenchmarkFailed("The graph was not searched: there are too few items for one to pay.")
    near = [hit.score >= exact[-1].score for hits, exact in zip(found, best, strict=True) for hit in hits]
    return sum(near) / len(near)


def _timed(catalogue: LocalCatalogue, size: int, rounds: int, say: Say) -> Iterator[Comparison]:
    """Yield the median and the 95th percentile of single queries, in the whole catalogue's search."""
    queries = query_vectors()[: QUERIES // 4]

    def times(exact: bool) -> list[float]:
        return [
            1000 * seconds(partial(catalogue.search, queries[at : at + 1], K, exact=exact))
            for at in range(len(queries))
        ]

    measured = in_turns({GRAPH: partial(times, False), SCAN: partial(times, True)}, rounds, say)
    for name, share in (("median", 50), ("95th percentile", 95)):
        of = {way: [float(np.percentile(one, share)) for one in measured[way]] for way in measured}
        yield less(f"{size:,} items, a query: {name}", "ms", of[GRAPH], SCAN, of[SCAN])


def _bytes(directory: Path, suffix: str) -> int:
    return sum(path.stat().st_size for path in directory.iterdir() if path.suffix == suffix)
