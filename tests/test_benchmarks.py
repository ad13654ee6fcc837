"""The benchmarks: that they run, compare like with like, and report in their form. No time is asserted."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from benchmarks import filtering, recommending, writing
from benchmarks.harness import baseline, load, variations
from benchmarks.harness.gallery import CLASSIFIER, OUR_PATH, Gallery, K, png_file
from benchmarks.harness.measuring import BenchmarkFailed, Figure, Measured, Section, in_turns, less, more
from benchmarks.harness.obvious_server import create_app
from benchmarks.harness.processes import Server, memory_of, serving, workers_of
from benchmarks.harness.queries import Client, get, search
from benchmarks.harness.report import section_lines
from benchmarks.server import crowds
from benchmarks.server.probes import PATIENCE_SECONDS, Waits, probe
from indexer.catalogue.local import LocalCatalogue
from models.datasets.fashion_mnist import Split
from search_api.engine import Engine
from search_api.query import Query


def _run(project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project)


@pytest.fixture(scope="module")
def server(small_catalogue: Path) -> Iterator[Server]:
    """`lookalike serve` over the small catalogue."""
    with serving(Gallery(small_catalogue, small_catalogue, 0, ()).serve_command) as server:
        yield server


def test_a_quick_run_reports_machine_ratios_and_figures(project: Path, tmp_path: Path) -> None:
    done = _run(project, "runtime", "--quick", "--json", tmp_path / "run.json")
    assert done.returncode == 0, done.stderr
    assert "round 2 of 2" in done.stderr
    report = json.loads((tmp_path / "run.json").read_text())

    machine = report["machine"]
    assert machine["cores"] >= 1
    assert machine["processor"] in done.stdout
    assert f"numpy {np.__version__}" in done.stdout

    (section,) = report["benchmarks"]
    assert f"runtime: {section['title']}" in done.stdout
    assert [(one["name"], one["against"]) for one in section["comparisons"]] == [
        (size, other) for size in ("one image", "batch of 256") for other in ("Keras predict", "tf.function")
    ]
    for comparison in section["comparisons"]:
        for side in ("ours", "theirs", "ratio"):
            measured = comparison[side]
            assert 0 < measured["low"] <= measured["value"] <= measured["high"]
        assert comparison["against"] in done.stdout
    (figure,) = section["figures"]
    assert figure["met"] is True
    assert 0.9999 <= figure["measured"] <= 1.00001
    assert f"met     {figure['claim']}" in done.stdout


def test_an_unknown_benchmark_is_a_usage_error(project: Path) -> None:
    done = _run(project, "serving", "sailing")
    assert done.returncode == 2
    assert "sailing" in done.stderr
    assert done.stdout == ""


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_measured(project: Path, tmp_path: Path) -> None:
    done = _run(project, "serving", "--json", tmp_path / "missing" / "run.json")
    assert done.returncode == 1
    assert done.stderr.startswith("benchmarks: ")
    assert len(done.stderr.splitlines()) == 1


def test_without_a_name_the_usual_ones_are_run(project: Path, tmp_path: Path) -> None:
    done = _run(project, "--quick", "--json", tmp_path / "missing" / "run.json")
    assert done.returncode == 1  # not 2, a wrong use
    assert "missing" in done.stderr
    assert "cores" in done.stdout


def test_rounds_are_taken_in_turns_and_each_begins_with_another() -> None:
    order: list[str] = []
    contenders = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    assert in_turns(contenders, 3, lambda _: None) == {"a": [1, 4, 5], "b": [2, 3, 6]}
    assert "".join(order) == "abbaab"


def test_ratios_are_of_pairs_taken_in_the_same_round() -> None:
    slower, costlier = less("x", "s", [1, 2, 4], "y", [30, 20, 80]), more("x", "s", [1, 2, 4], "y", [4, 2, 1])
    assert slower.ratio == Measured(20, 15, 25)
    assert (slower.ours.value, slower.theirs.value) == (2, 30)
    assert costlier.ratio == Measured(1, 0.625, 2.5)


@pytest.mark.parametrize(
    ("measured", "bound", "at_least", "verdict"),
    [(30, 30, True, "met"), (29.9, 30, True, "MISSED"), (180, 180, False, "met"), (181, 180, False, "MISSED")],
)
def test_a_figure_is_said_to_be_met_or_missed(measured: float, bound: float, at_least: bool, verdict: str) -> None:
    figure = Figure("size", measured, bound, at_least, "MB")
    comparison = less("size", "MB", [1.5], "the other", [3])
    *_, table, blank, line, busy = section_lines(Section("name", "title", (comparison,), (figure,), (), 1.2))
    assert table.split("  ")[-1] == "2.00 times the speed"
    assert blank == ""
    assert line.split()[:2] == [verdict, "size:"]
    assert "1.20 cores busy" in busy
    assert "trust" in busy


def test_client_load_and_scales_work_on_the_real_server(server: Server, png: bytes) -> None:
    request = search(server, OUR_PATH, png, K)
    with Client(server) as client:
        assert client.ask(get(server, "/readyz"))["status"] == "ready"
        answer = client.ask(request)
        assert len(answer["hits"]) == K
        assert client.seconds(request) > 0
    assert load.generate(server, [request], 0.5).answered >= 1
    memory = memory_of(server.pid)
    assert memory is None or 20e6 < memory.proportional <= memory.resident


def test_strips_and_batches_are_measured_on_the_real_server(
    server: Server, small_catalogue: Path, test_split: Split, tmp_path: Path
) -> None:
    ids = np.array([f"test-{number:05}" for number in range(300)])
    np.savez(tmp_path / "arrays.npz", ids=ids)
    pictures = tuple(png_file(image) for image in test_split.images[300:364])
    gallery = Gallery(small_catalogue, tmp_path / "arrays.npz", len(ids), pictures)
    with Client(server) as client:
        section = recommending.compare(gallery, server, client, lambda text: None, quick=True)
    assert [(one.name, one.against) for one in section.comparisons] == [
        ("5 likes, 2 dislikes", "similar items"),
        ("64 pictures together", "singly"),
    ]
    assert all(one.ratio.value > 0 for one in section.comparisons)
    assert len(section.figures) == 2


def test_writing_is_measured_on_real_servers(test_split: Split) -> None:
    tiles = [png_file(image) for image in test_split.images[:12]]
    photographs = [png_file(np.repeat(image[:, :, np.newaxis], 3, axis=2)) for image in 255 - test_split.images[:2]]
    section = writing.compare(lambda text: None, tiles, photographs, singles=3, rounds=1)
    assert [(one.name, one.against) for one in section.comparisons] == [
        ("write tiles", "lookalike index"),
        ("write photographs", "lookalike index"),
    ]
    assert all(one.ratio.value > 0 for one in section.comparisons)
    assert section.title == "12 tiles, 2 photographs, 3 single writes"
    assert [figure.measured for figure in section.figures[2:]] == [0, 0]


def test_answers_that_are_errors_are_not_counted(server: Server) -> None:
    request = search(server, OUR_PATH, b"no picture", K)
    with pytest.raises(BenchmarkFailed, match="415"), Client(server) as client:
        client.ask(request)
    with pytest.raises(BenchmarkFailed, match="415"):
        load.generate(server, [request], 0.5)


@contextmanager
def answering(answer: Callable[[socket.socket, int], None]) -> Iterator[Server]:
    """A server of a few lines; `answer` is given each request's connection, and how many it has had."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    def converse(connection: socket.socket) -> None:
        asked = 0
        with connection, suppress(OSError):
            while connection.recv(1 << 16):
                asked += 1
                answer(connection, asked)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield Server(os.getpid(), "127.0.0.1", listener.getsockname()[1], 0.0)
        listener.shutdown(socket.SHUT_RDWR)


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def _load(server: Server, answers: int) -> load.Load:
    with load.underway(server, [get(server, "/")], 2) as running:
        while running.so_far().answered < answers:
            pass
        return running.end()


def test_connections_that_are_closed_between_requests_are_opened_again() -> None:
    def tells_and_closes(connection: socket.socket, asked: int) -> None:
        connection.sendall(ANSWER if asked < 3 else ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        if asked == 3:
            connection.close()

    with answering(tells_and_closes) as one:
        result = _load(one, 50)
    assert result.failures == {}
    assert result.answered >= 50
    assert 0 < result.longest_gap <= result.seconds


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (b"", "closed without an answer"),
        (ANSWER[:-1], "closed within an answer"),
        (ANSWER[:20], "closed within an answer"),
        (ANSWER.replace(b"200 OK", b"503 Busy"), "503"),
        (ANSWER.replace(b"Content-Length: 2", b"X-Y: z"), "length"),
    ],
)
def test_requests_without_a_whole_answer_of_200_have_failed(last: bytes, reason: str) -> None:
    def fails(connection: socket.socket, asked: int) -> None:
        connection.sendall(last if asked == 20 else ANSWER)
        if asked == 20:
            connection.shutdown(socket.SHUT_RDWR)

    with answering(fails) as one:
        result = _load(one, 100)
    assert result.failed >= 1
    assert all(reason in why for why in result.failures)


def test_those_who_answer_for_a_server_are_found(server: Server) -> None:
    names = {Path(f"/proc/{worker}/comm").read_text().strip() for worker in workers_of(server)}
    assert names == {"lookalike work"}


@pytest.mark.parametrize("kind", crowds.Kind)
def test_a_crowd_of_slow_clients_comes_and_goes(server: Server, png: bytes, kind: crowds.Kind) -> None:
    with crowds.assembled(crowds.Crowd(kind, 5, png), server) as crowd:
        if kind is crowds.Kind.UPLOAD:
            while crowd.uploads().get("200", 0) < 5:
                pass
        waits = probe(server, get(server, "/healthz"), 0.05, 0.5)
        assert (len(waits.milliseconds), waits.unanswered) == (10, 0)
        assert 0 < waits.quantile(0.5) <= waits.quantile(1)


def test_who_is_not_answered_has_waited_until_the_end(server: Server) -> None:
    assert Waits((1.0, 2.0, 3.0), 1).quantile(1) == 1000 * PATIENCE_SECONDS
    assert probe(server, get(server, "/none"), 0.05, 0.1) == Waits((), 2)


def test_the_server_is_measured_against_another_checkout(project: Path, tmp_path: Path) -> None:
    arguments = "restarts", "--quick", "--against-checkout", project, "--json", tmp_path / "run.json"
    done = _run(project, *arguments)
    assert done.returncode == 0, done.stderr
    (section,) = json.loads((tmp_path / "run.json").read_text())["benchmarks"]
    assert len(section["comparisons"]) == 6
    assert [figure["claim"] for figure in section["figures"]] == [
        "3 kills of a worker, one a second: failed requests a kill",
        "3 kills of a worker, one a second: longest gap",
        "1 reloads: failed requests",
        "1 rolling restarts: failed requests",
    ]


def test_a_checkout_that_is_not_set_up_is_named(project: Path, tmp_path: Path) -> None:
    done = _run(project, "footprint", "--against-checkout", tmp_path)
    assert done.returncode == 1
    assert "make setup" in done.stderr


def test_a_commit_that_git_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "CHECKOUTS", tmp_path)
    with pytest.raises(BenchmarkFailed, match="--against-checkout"):
        baseline.checked_out("0" * 40, print)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = Gallery(tmp_path / "missing", tmp_path, 0, ()).serve_command
    with pytest.raises(BenchmarkFailed, match="no catalogue"), serving(command):
        pass


def test_the_obvious_way_finds_what_the_engine_finds(small_catalogue: Path, engine: Engine, test_split: Split) -> None:
    with LocalCatalogue.open(small_catalogue) as catalogue:
        ids = [item.id for item in catalogue.browse(limit=1000).items]
        vectors = catalogue.vectors(ids)
    obvious = create_app(keras.models.load_model(CLASSIFIER), np.array(ids), vectors).test_client()
    for image in test_split.images[1000:1004]:
        picture = png_file(image)
        answer = obvious.post("/search", data={"k": "5", "image": (io.BytesIO(picture), "query.png")}).get_json()
        result = engine.search(picture, Query(k=5))
        assert answer["label"] == result.best_class.value
        assert [hit["id"] for hit in answer["hits"]] == [hit.item.id for hit in result.hits]
        assert [hit["score"] for hit in answer["hits"]] == pytest.approx([hit.score for hit in result.hits], abs=1e-4)


def test_a_large_catalogue_is_measured_at_any_size(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_BENCHMARK_CACHE", str(tmp_path / "cache"))
    done = _run(project, "scale", "--quick", "--sizes", "3000", "--json", tmp_path / "run.json")
    assert done.returncode == 0, done.stderr
    (section,) = json.loads((tmp_path / "run.json").read_text())["benchmarks"]
    assert [comparison["name"] for comparison in section["comparisons"]] == [
        "3,000 items, a query: median",
        "3,000 items, a query: 95th percentile",
    ]
    assert all(0.98 <= figure["measured"] <= 1 for figure in section["figures"])
    assert "bytes an item" in section["notes"][0]
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npy"]


def test_new_filters_are_measured_against_sql() -> None:
    section = filtering.run(lambda text: None, quick=True, sizes=[2000])
    assert [comparison.name for comparison in section.comparisons][:2] == [
        "2,000 items: one item (1)",
        "2,000 items: a sixth (336)",
    ]
    assert section.comparisons[-1].name.startswith("2,000 items: several")
    assert len(section.notes) == 2
    assert section.figures == ()


def test_variations_are_pictures_of_their_own_and_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_split: Split
) -> None:
    monkeypatch.setenv("LOOKALIKE_BENCHMARK_CACHE", str(tmp_path))
    monkeypatch.setattr(variations, "_images", lambda: test_split.images[:50])
    said: list[str] = []
    vectors = variations.vectors(120, said.append)
    assert len(said) == 3
    np.testing.assert_array_equal(variations.vectors(120, said.append), vectors)
    assert len(said) == 3
    assert len(np.unique(vectors.round(4), axis=0)) == 120
    assert np.einsum("ij,ij->i", vectors[:50], vectors[50:100]).mean() > 0.8


def test_photographs_are_indexed_both_ways(project: Path, tmp_path: Path, test_split: Split) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(2):
        photo = Image.fromarray(255 - test_split.images[number]).resize((300, 400))
        photo.convert("RGB").save(tmp_path / "photos" / f"{number}.jpg")
    arguments = "photo_indexing", "--quick", "--photos", tmp_path / "photos", "--json", tmp_path / "run.json"
    done = _run(project, *arguments)
    assert done.returncode == 0, done.stderr
    (section,) = json.loads((tmp_path / "run.json").read_text())["benchmarks"]
    assert section["title"].startswith("2 photographs, and 2 of them enlarged")
    assert len(section["comparisons"]) == len(section["figures"]) == 4
    assert _run(project, "photo_indexing", "--photos", tmp_path / "none").stderr.endswith("with --photos.\n")
