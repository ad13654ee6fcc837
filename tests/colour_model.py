"""A second kind of model: it sees colour, knows other classes, and its vector has no parts."""

from pathlib import Path

import numpy as np
from PIL import Image

from models.card import (
    CONFIDENCE_FILE,
    OOD_SCORE_FILE,
    RUNTIME_FILE,
    ModelCard,
    file_sha256,
    fingerprint_of,
    write_card,
)
from models.embedder import View
from models.match_confidence import MatchConfidence
from models.ood_score import OodScore
from models.pictures.boxes import Box
from models.pictures.decoding import Picture
from models.preprocessing import Preprocessing

SIDE = 32
CLASSES = ("dark", "bright", "red")
DIM = 192


def prepare(picture: Picture, box: Box | None = None) -> View:
    """Return all of a picture, or what the box holds, in colour: uint8 (32, 32, 3)."""
    pixels = picture.pixels if box is None else picture.pixels[box.of(picture.pixels)]
    return View(np.asarray(Image.fromarray(pixels).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)))


COLOUR = Preprocessing("whole-in-colour-v1", (SIDE, SIDE, 3), prepare)


def write_colour_bundle(bundle: Path) -> None:
    """Write a bundle of a model whose vector is a picture's colours at 8 x 8 places, and whose classes are chance."""
    import keras

    views = keras.Input((SIDE, SIDE, 3), name="views")
    colours = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(keras.layers.AveragePooling2D(4)(views))
    flat = keras.layers.Flatten()(colours)
    vector = keras.layers.UnitNormalization(name="vector")(flat)
    probabilities = keras.layers.Dense(len(CLASSES), activation="softmax", name="probabilities")(flat)
    bundle.mkdir()
    keras.Model(views, {"vector": vector, "probabilities": probabilities}).export(
        bundle / RUNTIME_FILE, format="litert", verbose=False
    )
    rng = np.random.default_rng(0)
    known = rng.normal(size=(600, DIM)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    labels = rng.integers(0, len(CLASSES), len(known))
    OodScore.fit(known, labels, known).save(bundle / OOD_SCORE_FILE)
    MatchConfidence.fit(known, labels, labels, len(CLASSES)).save(bundle / CONFIDENCE_FILE)
    files = {name: file_sha256(bundle / name) for name in (RUNTIME_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE)}
    write_card(
        ModelCard(
            name="colour",
            fingerprint=fingerprint_of(files, COLOUR.name),
            dim=DIM,
            classes=CLASSES,
            input_shape=COLOUR.view_shape,
            preprocessing=COLOUR.name,
            files=files,
            trained_at="2026-01-01T00:00:00+00:00",
        ),
        bundle,
    )
