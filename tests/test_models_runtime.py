"""The shipped bundle through the serving runtime, and what happens to bundles that are not sound."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import models
from models.arrays import Probabilities, Vectors
from models.card import (
    CARD_FILE,
    CONFIDENCE_FILE,
    KERAS_FILE,
    OOD_SCORE_FILE,
    RUNTIME_FILE,
    file_sha256,
    fingerprint_of,
    read_card,
)
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import as_views
from models.errors import BundleDamaged, BundleMissing, BundleTooNew, BundleTooOld
from models.runtime import LiteRTEmbedder
from models.training.export import AGREEMENT
from models.training.trainer import predict


def test_the_shipped_card_tells_what_the_issue_of_a_model_needs(embedder: LiteRTEmbedder) -> None:
    card = embedder.card
    assert card.classes == CLASSES
    assert card.input_shape == (28, 28)
    assert card.dim <= 128
    assert card.training["parameters"] <= 1_000_000
    assert set(card.training["data"]) >= {"train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"}
    assert {"tensorflow", "keras", "numpy"} <= set(card.training["versions"])
    assert card.training["recipe"]["seed"] == 2017


def test_the_card_tells_the_truth_about_the_test_set(
    embedder: LiteRTEmbedder, test_split: Split, test_answers: tuple[Vectors, Probabilities]
) -> None:
    _, probabilities = test_answers
    accuracy = (probabilities.argmax(axis=1) == test_split.labels).mean()
    assert accuracy == pytest.approx(embedder.card.metrics["accuracy"], abs=0.0005)
    assert accuracy >= 0.93


def test_vectors_are_of_unit_length_and_probabilities_sum_to_one(embedder: LiteRTEmbedder, test_split: Split) -> None:
    vectors, probabilities = embedder.embed(as_views(test_split.images[:1000]))
    assert vectors.dtype == probabilities.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert probabilities.min() >= 0


@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 255, 257, 300])
def test_a_batch_of_any_size_gives_each_view_its_own_vector(
    n: int, embedder: LiteRTEmbedder, test_split: Split
) -> None:
    vectors, probabilities = embedder.embed(as_views(test_split.images[:n]))
    assert vectors.shape == (n, embedder.card.dim)
    assert probabilities.shape == (n, 10)
    for index in {0, n // 2, n - 1} & set(range(n)):
        alone, _ = embedder.embed(as_views(test_split.images[index : index + 1]))
        assert float(alone[0] @ vectors[index]) > 0.99999


@pytest.mark.parametrize(
    "views",
    [
        np.zeros((1, 28, 28), np.float32),
        np.zeros((1, 27, 28), np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 28, 28, 3), np.uint8),
    ],
)
def test_views_of_another_shape_or_type_are_refused(views: np.ndarray, embedder: LiteRTEmbedder) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        embedder.embed(as_views(views))


def test_many_threads_get_the_answers_of_one(embedder: LiteRTEmbedder, test_split: Split) -> None:
    expected = [embedder.embed(as_views(test_split.images[start : start + 20]))[0] for start in range(0, 640, 20)]
    with ThreadPoolExecutor(16) as pool:
        actual = list(
            pool.map(
                lambda start: embedder.embed(as_views(test_split.images[start : start + 20]))[0], range(0, 640, 20)
            )
        )
    np.testing.assert_allclose(np.stack(actual), np.stack(expected), atol=1e-6)


def test_the_runtime_agrees_with_keras_on_real_images(embedder: LiteRTEmbedder, test_split: Split) -> None:
    import keras

    outputs = predict(keras.saving.load_model(models.PRETRAINED / KERAS_FILE), test_split.images[:2000])
    vectors, probabilities = embedder.embed(as_views(test_split.images[:2000]))
    assert np.einsum("nd,nd->n", outputs["vector"], vectors).min() >= AGREEMENT
    np.testing.assert_allclose(probabilities, outputs["probabilities"], atol=1e-3)


def test_loading_and_embedding_import_no_tensorflow_and_print_nothing() -> None:
    script = (
        "import sys, numpy as np, models; from models.embedder import as_views; e = models.load(); "
        "e.embed(as_views(np.zeros((3, 28, 28), np.uint8))); "
        "sys.exit(any(name.split('.')[0] in ('tensorflow', 'keras') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(models.PRETRAINED, tmp_path / "bundle"))


def _edit(bundle: Path, **changed: object) -> None:
    card = json.loads((bundle / CARD_FILE).read_text())
    card.update(changed)
    (bundle / CARD_FILE).write_text(json.dumps(card))


@pytest.mark.parametrize("name", [RUNTIME_FILE, KERAS_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE])
def test_a_changed_byte_in_any_file_is_noticed(name: str, copy: Path) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleDamaged, match=name):
        models.load(copy)


@pytest.mark.parametrize("name", [RUNTIME_FILE, KERAS_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE, CARD_FILE])
def test_a_missing_file_is_named(name: str, copy: Path) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleMissing, match=name):
        models.load(copy)


def test_a_card_of_a_newer_format_is_refused(copy: Path) -> None:
    _edit(copy, format=99)
    with pytest.raises(BundleTooNew, match="99"):
        models.load(copy)


def test_a_card_of_an_older_format_is_refused(copy: Path) -> None:
    _edit(copy, format=1)
    with pytest.raises(BundleTooOld, match="Train the model again"):
        models.load(copy)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 3}', '{"format": "2"}', '{"format": 3, "files": []}', "\udcff"]
)
def test_a_card_that_is_no_card_is_refused(text: str, copy: Path) -> None:
    (copy / CARD_FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BundleDamaged):
        models.load(copy)


def test_a_card_whose_shapes_are_not_the_graphs_is_refused(copy: Path) -> None:
    for wrong in ({"dim": 64, "parts": []}, {"classes": ["a", "b"]}, {"input_shape": [32, 32]}):
        shutil.copy(models.PRETRAINED / CARD_FILE, copy)
        _edit(copy, **wrong)
        with pytest.raises(BundleDamaged, match=RUNTIME_FILE):
            models.load(copy)


def test_a_file_named_outside_the_bundle_is_refused(copy: Path) -> None:
    files = {**read_card(copy).files, "../secret": "0" * 64}
    _edit(copy, files=files, fingerprint=fingerprint_of(files, "fashion-mnist-v2"))
    with pytest.raises(BundleDamaged, match="outside"):
        models.load(copy)


def test_another_preprocessing_is_refused(copy: Path) -> None:
    files = dict(read_card(copy).files)
    _edit(copy, preprocessing="of-tomorrow", fingerprint=fingerprint_of(files, "of-tomorrow"))
    with pytest.raises(BundleTooNew, match="of-tomorrow"):
        models.load(copy)


def test_a_file_that_is_no_graph_is_refused_even_with_a_right_checksum(copy: Path) -> None:
    files = dict(read_card(copy).files)
    (copy / RUNTIME_FILE).write_bytes(b"not a graph")
    files[RUNTIME_FILE] = file_sha256(copy / RUNTIME_FILE)
    _edit(copy, files=files, fingerprint=fingerprint_of(files, "fashion-mnist-v2"))
    with pytest.raises(BundleDamaged, match="not the graph"):
        models.load(copy)


@pytest.mark.parametrize("name", [OOD_SCORE_FILE, CONFIDENCE_FILE])
@pytest.mark.parametrize("content", ["no file of arrays", "other arrays", "other shapes"])
def test_a_file_of_other_arrays_is_refused_even_with_a_right_checksum(name: str, content: str, copy: Path) -> None:
    if content == "no file of arrays":
        (copy / name).write_bytes(b"PK\x03\x04 and then nothing")
    else:
        names = ("a", "b") if content == "other arrays" else ("means", "whitening", "distances", "chances")
        np.savez(copy / name, **{array: np.zeros((3, 3), np.float32) for array in names})
    files = dict(json.loads((copy / CARD_FILE).read_text())["files"])
    files[name] = file_sha256(copy / name)
    _edit(copy, files=files, fingerprint=fingerprint_of(files, "fashion-mnist-v2"))
    with pytest.raises(BundleDamaged, match="own answers"):
        models.load(copy)
