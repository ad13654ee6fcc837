"""The model card: what a bundle is, how it was made, and the fingerprint that says which vectors compare."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.errors import BundleDamaged, BundleMissing, BundleTooNew, BundleTooOld
from models.vector_parts import VectorPart

CARD_FILE = "card.json"
CARD_FORMAT = 3
KERAS_FILE = "classifier.keras"
RUNTIME_FILE = "embedder.tflite"
OOD_SCORE_FILE = "familiarity.npz"
CONFIDENCE_FILE = "confidence.npz"
PHOTOGRAPHS_FILE = "photographs.txt"

_NEEDED = RUNTIME_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE

_SHARE_TOLERANCE = 1e-6

_WITH_TARGETS = 4
"""The format of a card that names targets; one that names none keeps the format before, which older programs read."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a model tells beside the class: its name, the values, and the graph's output with their probabilities.

    `output` is float32 (n, values) of calibrated probabilities, in the order of `values`.
    """

    name: str
    values: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything that is known of a bundle without opening its weights.

    `parts` are those of the vector in their order, none where it is undivided; `targets` what is told beside the
    class; `input_shape` is (height, width) for grey or (height, width, 3) for colour views; `files` maps file names to
    their SHA-256; `metrics` are shares between 0 and 1 on the official test split; `training` holds recipe, seeds,
    versions, data checksums and seconds.
    """

    name: str
    fingerprint: str
    dim: int
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    preprocessing: str
    files: Mapping[str, str]
    trained_at: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[VectorPart, ...] = ()
    targets: tuple[Target, ...] = ()

    @property
    def epochs(self) -> tuple[Mapping[str, Any], ...]:
        """Every epoch in which this network's weights were learned, numbered from 1, in whichever training it was."""
        by_name = {one["recipe"]["name"]: one for one in (*self.training.get("before", ()), self.training)}
        line: list[Mapping[str, Any]] = []
        name = self.training["recipe"]["name"]
        while name is not None:
            line = [*by_name[name]["history"], *line]
            name = by_name[name]["recipe"].get("begins_as")
        return tuple({**epoch, "epoch": number} for number, epoch in enumerate(line, 1))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_of(files: Mapping[str, str], preprocessing: str) -> str:
    """Return the fingerprint: SHA-256 over the files' names and checksums and the preprocessing's name."""
    lines = [f"{name} {files[name]}\n" for name in sorted(files)]
    return hashlib.sha256("".join([*lines, preprocessing]).encode()).hexdigest()


def write_card(card: ModelCard, bundle: Path) -> None:
    """Write `card.json` into the bundle directory."""
    raw = asdict(card)
    if not card.targets:
        del raw["targets"]
    text = json.dumps({"format": _WITH_TARGETS if card.targets else CARD_FORMAT, **raw}, indent=2, sort_keys=True)
    (bundle / CARD_FILE).write_text(text + "\n", encoding="utf-8")


def read_card(bundle: Path) -> ModelCard:
    """Read a bundle's card and check every file that it names.

    Raises BundleMissing when the card or a file is not there, BundleTooNew for a later format and BundleTooOld for
    an earlier one, BundleDamaged when the card is not a card or a file's SHA-256 is another.
    """
    path = bundle / CARD_FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise BundleMissing(f"{bundle} holds no model: {CARD_FILE} is not there.") from None
    except (ValueError, OSError) as error:
        raise BundleDamaged(f"{path} can't be read ({error}). Train the model again or restore the file.") from error
    card = _parse(raw, path)
    for name, expected in card.files.items():
        file = bundle / name
        if not file.is_file():
            raise BundleMissing(f"{file} is missing. Train the model again or restore the file.")
        if file_sha256(file) != expected:
            raise BundleDamaged(f"{file} is not the file that {CARD_FILE} describes. Restore it or train again.")
    return card


def _parse(raw: Any, path: Path) -> ModelCard:
    if not isinstance(raw, dict) or not isinstance(raw.get("format"), int):
        raise BundleDamaged(f"{path} is not a model card.")
    if raw["format"] > _WITH_TARGETS:
        raise BundleTooNew(
            f"{path} has format {raw['format']}; this version reads up to {_WITH_TARGETS}. Upgrade lookalike."
        )
    if raw["format"] < CARD_FORMAT:
        raise BundleTooOld(
            f"{path} has format {raw['format']}, which does not say what is familiar. Train the model again."
        )
    try:
        files = {str(name): str(digest) for name, digest in raw["files"].items()}
        card = ModelCard(
            name=str(raw["name"]),
            fingerprint=str(raw["fingerprint"]),
            dim=int(raw["dim"]),
            classes=tuple(str(label) for label in raw["classes"]),
            input_shape=tuple(int(side) for side in raw["input_shape"]),
            preprocessing=str(raw["preprocessing"]),
            files=files,
            trained_at=str(raw["trained_at"]),
            metrics=dict(raw["metrics"]),
            training=dict(raw["training"]),
            parts=tuple(_part(entry) for entry in raw.get("parts", ())),
            targets=tuple(_target(entry) for entry in raw.get("targets", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BundleDamaged(f"{path} lacks or garbles {error}. Train the model again or restore the file.") from error
    if any(Path(name).name != name for name in files) or not files.keys() >= set(_NEEDED):
        raise BundleDamaged(f"{path} names files outside the bundle, or not all of {', '.join(_NEEDED)}.")
    if card.fingerprint != fingerprint_of(files, card.preprocessing):
        raise BundleDamaged(f"{path} has a fingerprint that does not fit its own file list.")
    _check_parts(card, path)
    return card


def _target(entry: Mapping[str, Any]) -> Target:
    name, values, output = entry["name"], tuple(entry["values"]), entry["output"]
    texts = name, output, *values
    if not all(isinstance(text, str) and text for text in texts) or len(set(values)) != len(values) or not values:
        raise TypeError("targets")
    return Target(name, values, output)


def _part(entry: Mapping[str, Any]) -> VectorPart:
    name, dim, share = entry["name"], entry["dim"], entry["share"]
    if not isinstance(name, str) or not isinstance(dim, int) or not isinstance(share, int | float):
        raise TypeError("parts")
    return VectorPart(name, dim, float(share))


def _check_parts(card: ModelCard, path: Path) -> None:
    parts = card.parts
    are_sound = (
        len({part.name for part in parts}) == len(parts)
        and all(part.name and part.dim > 0 and part.share > 0 for part in parts)
        and sum(part.dim for part in parts) == card.dim
        and math.isclose(sum(part.share for part in parts), 1, abs_tol=_SHARE_TOLERANCE)
    )
    if parts and not are_sound:
        raise BundleDamaged(
            f"{path} has parts that don't make up its vector: dimensions must add up to {card.dim}, shares to 1."
        )
