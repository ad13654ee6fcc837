"""From photographs, drawn products and Fashion-MNIST to the bundle of the model for product pictures."""

import os
import platform
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from models.arrays import Vectors
from models.card import (
    CARD_FILE,
    CONFIDENCE_FILE,
    KERAS_FILE,
    OOD_SCORE_FILE,
    PHOTOGRAPHS_FILE,
    RUNTIME_FILE,
    ModelCard,
    file_sha256,
    fingerprint_of,
    read_card,
    write_card,
)
from models.datasets import fashion_mnist
from models.datasets.fashion_mnist import CLASSES, FILES
from models.datasets.photographs import Photograph, find_photographs, write_seen
from models.embedder import as_views
from models.errors import BundleDamaged
from models.evaluation.photo_metrics import evaluate_photographs
from models.files import written_whole
from models.match_confidence import MatchConfidence, Strangers
from models.native_output import silenced
from models.ood_score import OodScore
from models.preprocessing import PRODUCT_PHOTO
from models.progress import Progress
from models.runtime import LiteRTEmbedder
from models.training.product_photos import imagenet_weights
from models.training.product_photos.fine_tuning import BEGUN_WITH, TRUNK_TRAININGS, fine_tuned
from models.training.product_photos.fitting import fit_heads
from models.training.product_photos.network import (
    PARTS,
    Heads,
    build_classifier,
    build_features,
    probabilities_of,
    vectors_of,
)
from models.training.product_photos.pictures import (
    IMAGES,
    IMAGES_HELD_OUT,
    VIEWS,
    Looking,
    Seen,
    drawn_seen,
    images_seen,
    photographs_seen,
    views_to_tune,
)
from models.training.product_photos.trunk import Weights, weights_of
from sample_shop.products import products

if TYPE_CHECKING:
    from models.arrays import Images

_T = TypeVar("_T", bound=np.generic)

RECIPE = "photographs"
"""The recipe's name, which the bundle takes for its own."""

SEED = 2026

AGREEMENT = 0.999
"""The least cosine between the runtime's vector, of weights in half precision, and Keras's for one view."""

_ORIGIN: Mapping[str, object] = MappingProxyType(
    {
        "package": imagenet_weights.PACKAGE,
        "licence": imagenet_weights.LICENCE,
        "sha256": imagenet_weights.SHA256,
        "tuned": [training._asdict() for training in TRUNK_TRAININGS],
        "begun_with": BEGUN_WITH,
    }
)
"""What a card says of a trunk that is tuned anew; one that is taken from a bundle keeps what that card says."""

_CHECKPOINTS = "checkpoints"
_FILES = KERAS_FILE, RUNTIME_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE, PHOTOGRAPHS_FILE
_HELD_OUT_SAY = 0.6, 0.2, 0.2
"""What held-out photographs, drawn products and images count where it is said how far is usual."""

_AXES_OF_FAMILIARITY, _RIDGE_OF_FAMILIARITY = 96, 0.1
"""The first axes of the kind, which pictures from elsewhere agree in, and how much their variances are evened out."""

_CHECKED = 24

_MAY_BE_HALVES = b"reduced_precision_support"
"""The name of the entry in a graph's metadata that allows it."""


def train_photographs(
    out: Path,
    photographs: Path,
    data_dir: Path | None = None,
    progress: Progress = lambda done, total: None,
    log: Callable[[str], None] = lambda text: None,
    trunk: Path | None = None,
) -> ModelCard:
    """Fit the model to the photographs in a folder and leave its bundle in the directory `out`; return its card.

    The trunk is that of the bundle `trunk`, or tuned anew from ImageNet's weights. What it says of each set of pictures
    is kept until the end, so a stopped run goes on after the last whole set. `progress` counts pictures. A finished run
    is returned as it is. Raises TrainingUnavailable where the package with the trunk's weights is missing,
    DatasetMissing, DatasetDamaged or UnknownKind.
    """
    if (out / CARD_FILE).exists():
        log(f"{out} is already trained.")
        return read_card(out)
    started = time.monotonic()
    learn = fashion_mnist.load("train", data_dir)
    found = find_photographs(photographs)
    learnable = [one for one in found if not one.is_unseen]
    kinds = sorted({one.kind for one in learnable})
    kept = out / _CHECKPOINTS / ("tuned" if trunk is None else "given")
    if trunk is None:
        weights, origin = _tuned_anew(kept, learnable, kinds, learn, progress, log), _ORIGIN
    else:
        weights = weights_of(keras.models.load_model(trunk / KERAS_FILE))
        origin = read_card(trunk).training["trunk"]
    features = build_features(weights)
    total = len(learnable) * VIEWS + 2 * len(products()) + min(len(learn.images), IMAGES + IMAGES_HELD_OUT)
    looking = Looking(features, kept, progress, total)
    seen = photographs_seen(learnable, kinds, looking), drawn_seen(looking), images_seen(learn, looking)
    log("fitting the heads")
    heads = fit_heads(*seen, folders=len(kinds))
    model = build_classifier(features, heads)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as draft_name:
        draft = Path(draft_name)
        log("exporting")
        save_packed(model, draft / KERAS_FILE)
        with silenced():
            export_halved(model, draft / RUNTIME_FILE)
        _fit_answers(seen, heads, draft)
        write_seen(learnable, draft / PHOTOGRAPHS_FILE)
        card = _card_of(draft, heads, learnable, kinds, origin)
        write_card(card, draft)
        embedder = LiteRTEmbedder(draft)
        _check_agreement(embedder, model, learnable)
        log("measuring on the photographs that were not looked at")
        figures = evaluate_photographs(embedder, [one for one in found if one.is_unseen]).figures()
        card = replace(
            card,
            metrics={name: round(value, 4) for name, value in figures.items()},
            training={**card.training, "seconds": round(time.monotonic() - started, 1)},
        )
        write_card(card, draft)
        out.mkdir(exist_ok=True)
        # The card goes last: a bundle without one is no bundle.
        for file in sorted(draft.iterdir(), key=lambda file: file.name == CARD_FILE):
            shutil.move(file, out / file.name)
    shutil.rmtree(out / _CHECKPOINTS)
    return card


def _tuned_anew(
    kept: Path,
    learnable: Sequence[Photograph],
    kinds: Sequence[str],
    learn: fashion_mnist.Split,
    progress: Progress,
    log: Callable[[str], None],
) -> Weights:
    """Return ImageNet's weights tuned to garments, or what an earlier run has kept of that."""
    file = kept / "trunk.npz"
    if not file.exists():
        weights = imagenet_weights.read_weights(imagenet_weights.find_weights())
        log("preparing what the trunk is tuned to")
        sets = views_to_tune(learnable, kinds, learn)
        kept.mkdir(parents=True, exist_ok=True)
        tuned = fine_tuned(weights, sets, len(kinds), kept, SEED, progress)
        with written_whole(file, kept / "unfinished.npz") as draft:
            np.savez(draft, allow_pickle=False, **tuned)
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def save_packed(model: keras.Model, path: Path) -> None:
    """Save a model as Keras does, with what is in the file compressed: kernels of halves pack well."""
    model.save(path)
    packed = path.with_suffix(".packed")
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(packed, "w") as small:
        for entry in plain.infolist():
            small.writestr(zipfile.ZipInfo(entry.filename, entry.date_time), plain.read(entry), zipfile.ZIP_BZIP2)
    packed.replace(path)


def export_halved(model: keras.Model, path: Path) -> None:
    """Write the runtime's graph of a model, its weights in half precision, to be computed with in single precision."""
    import tensorflow as tf

    model.export(
        path,
        format="litert",
        verbose=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec={"supported_types": [tf.float16]},
    )
    # Else a processor that has instructions for halves may compute in them, and answer otherwise than others.
    path.write_bytes(path.read_bytes().replace(_MAY_BE_HALVES, _MAY_BE_HALVES[::-1]))


def _fit_answers(seen: Sequence[Seen], heads: Heads, bundle: Path) -> None:
    """Write into a bundle directory how its model's answers are to be read: what is familiar, what a score means."""
    photographs = seen[0]
    vectors = [vectors_of(one.features, heads) for one in seen]
    _familiarity_of(seen, vectors, [_labels(one, heads) for one in seen]).save(bundle / OOD_SCORE_FILE)
    chosen = photographs.right.any(axis=1)
    predicted = probabilities_of(photographs.features, heads)[chosen].argmax(axis=1)
    strangers = Strangers.among(vectors[0], photographs.folder, np.flatnonzero(~chosen & photographs.held_out))
    MatchConfidence.fit(
        vectors[0][chosen], _labels(photographs, heads)[chosen], predicted, len(CLASSES), strangers
    ).save(bundle / CONFIDENCE_FILE)


def _familiarity_of(seen: Sequence[Seen], vectors: Sequence[Vectors], labels: Sequence[NDArray[np.int64]]) -> OodScore:
    """Fit what is familiar to photographs as they are and on white, to drawn products and to images."""
    photographs = seen[0]
    is_on_white = np.arange(len(photographs.right)) % VIEWS
    domains = [is_on_white, *(np.full(len(one.right), VIEWS + at) for at, one in enumerate(seen[1:]))]
    learned = [one.right.any(axis=1) & ~one.held_out for one in seen]
    asked = [one.right.any(axis=1) & one.held_out for one in seen]
    none = ~photographs.right.any(axis=1) & ~photographs.held_out
    groups = [
        none & (photographs.folder == kind) & (is_on_white == ground)
        for kind in sorted(set(photographs.folder[none]))
        for ground in range(VIEWS)
    ]
    weights = [
        np.full(int(some.sum()), share / max(1, int(some.sum())))
        for some, share in zip(asked, _HELD_OUT_SAY, strict=True)
    ]
    used = np.zeros(vectors[0].shape[1], np.bool_)
    used[:_AXES_OF_FAMILIARITY] = True
    return OodScore.fit(
        _chosen(vectors, learned),
        _chosen(labels, learned),
        _chosen(vectors, asked),
        weights=np.concatenate(weights),
        others=np.stack([vectors[0][group].mean(axis=0) for group in groups]) if groups else None,
        used=used,
        domains=_chosen(domains, learned),
        ridge=_RIDGE_OF_FAMILIARITY,
    )


def _chosen(arrays: Sequence[NDArray[_T]], chosen: Sequence[NDArray[np.bool_]]) -> NDArray[_T]:
    return np.concatenate([array[some] for array, some in zip(arrays, chosen, strict=True)])


def _labels(seen: Seen, heads: Heads) -> NDArray[np.int64]:
    """Return the class of each picture: of those that are right the likeliest."""
    return np.asarray(np.where(seen.right, probabilities_of(seen.features, heads), -1).argmax(axis=1), np.int64)


def _card_of(
    bundle: Path,
    heads: Heads,
    photographs: Sequence[Photograph],
    kinds: Sequence[str],
    origin: Mapping[str, object],
) -> ModelCard:
    files = {name: file_sha256(bundle / name) for name in _FILES}
    held_out = sum(one.is_held_out for one in photographs)
    return ModelCard(
        name=RECIPE,
        fingerprint=fingerprint_of(files, PRODUCT_PHOTO.name),
        dim=sum(part.dim for part in PARTS),
        classes=CLASSES,
        input_shape=PRODUCT_PHOTO.view_shape,
        preprocessing=PRODUCT_PHOTO.name,
        files=files,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        training={
            "recipe": {"name": RECIPE, "seed": SEED, "views": VIEWS},
            "history": [],
            "temperature": heads.temperature,
            "photographs": {"learned": len(photographs) - held_out, "held_out": held_out},
            "kinds": list(kinds),
            "trunk": dict(origin),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("tensorflow", "keras", "numpy", "ai-edge-litert", "lookalike")},
            },
            "data": {name: FILES[name].sha256 for name in FILES if name.startswith("train")},
        },
        parts=PARTS,
    )


def _check_agreement(embedder: LiteRTEmbedder, model: keras.Model, photographs: Sequence[Photograph]) -> None:
    chosen = photographs[:: max(1, len(photographs) // _CHECKED)]
    views: Images = np.stack([embedder.prepare(one.read()).pixels for one in chosen])
    expected = model.predict_on_batch(views.astype(np.float32))["vector"]
    actual, _ = embedder.embed(as_views(views))
    least = float(np.einsum("nd,nd->n", expected, actual).min())
    if least < AGREEMENT:
        raise BundleDamaged(
            f"The exported graph's vectors differ from Keras's (least cosine {least:.5f}). "
            "Install the versions in constraints.txt and train again."
        )
