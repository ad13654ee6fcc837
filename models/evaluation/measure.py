"""Every measure of a model on test images: naming the class, finding its like, seeing the very item, speed and size."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from models.arrays import Images, Probabilities, Vectors
from models.augmentations import AUGMENTATIONS
from models.embedder import Embedder, View, as_views
from models.evaluation.classification_metrics import ClassificationMetrics, classification_metrics
from models.evaluation.ood_images import draw_ood_images
from models.evaluation.photo_metrics import PhotographFindings, evaluate_photographs
from models.evaluation.reliability import Reliability, measure_reliability
from models.evaluation.retrieval_metrics import Rankings, instance_recall, rank_all
from models.pictures.decoding import Picture
from models.progress import Progress

if TYPE_CHECKING:
    from models.datasets.fashion_mnist import Split
    from models.datasets.photographs import Photograph
    from models.runtime import LiteRTEmbedder

RECALL_QUERIES = 2_000
"""Items that look for themselves under each augmentation."""

_STEPS = len(AUGMENTATIONS) + 2


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians over repeated calls, views in, vectors and probabilities out, on this machine as it is now."""

    one_image_ms: float
    batch_of_256_ms: float


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured. `bytes` is the size of the runtime graph; raw pixels have neither it nor a fingerprint."""

    name: str
    classes: tuple[str, ...]
    dim: int
    fingerprint: str | None = None
    parameters: int | None = None
    bytes: int | None = None
    trained_at: str | None = None
    history: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The findings of one subject on the images and labels of `test`.

    `instance_recall` maps each augmentation to its recall@1; `vectors` are those of the test images. `classification`,
    `reliability` and `speed` are None for raw pixels, which name no class, and `photographs` where there are none.
    """

    subject: Subject
    test: "Split"
    vectors: Vectors
    rankings: Rankings
    instance_recall: Mapping[str, float]
    classification: ClassificationMetrics | None = None
    reliability: Reliability | None = None
    speed: Speed | None = None
    photographs: PhotographFindings | None = None

    def figures(self) -> dict[str, float]:
        """Return the measures that are one number each, by the names that a model card gives them: shares, 0 to 1."""
        named = {}
        if self.classification is not None:
            named = {
                "accuracy": self.classification.accuracy,
                "expected_calibration_error": self.classification.expected_calibration_error,
            }
        return {
            **named,
            **asdict(self.rankings.means()),
            **{f"looks_{name}": value for name, value in self.instance_recall.items()},
            **({} if self.reliability is None else self.reliability.figures()),
            **({} if self.photographs is None else self.photographs.figures()),
        }


def evaluate(
    embedder: "LiteRTEmbedder",
    test: "Split",
    progress: Progress = lambda done, total: None,
    others: Mapping[str, Sequence[View]] | None = None,
    photographs: Sequence["Photograph"] = (),
) -> Evaluation:
    """Measure a bundle on test images, 11 at least; `progress` counts steps.

    Whether it notices out-of-distribution images is measured on those that `models.evaluation.ood_images` draws, and on
    `others`, views by kind; `photographs`, if any, are such as it has not learned from.
    """
    card = embedder.card
    subject = Subject(
        name=card.name,
        classes=card.classes,
        dim=card.dim,
        fingerprint=card.fingerprint,
        parameters=card.training.get("parameters"),
        bytes=embedder.graph_bytes,
        trained_at=card.trained_at,
        history=card.epochs if "recipe" in card.training else (),
    )
    views = seen_by(embedder, test.images)
    vectors, probabilities = embedder.embed(views)
    rankings, recall = _found(vectors, lambda images: embedder.embed(seen_by(embedder, images))[0], test, progress)
    drawn = {kind: seen_by(embedder, images) for kind, images in draw_ood_images(test.images).items()}
    ood_views = {**drawn, **(others or {})}
    return Evaluation(
        subject,
        test,
        vectors,
        rankings,
        recall,
        reliability=measure_reliability(embedder, vectors, probabilities, test.labels, rankings, ood_views),
        classification=classification_metrics(probabilities, test.labels),
        speed=measure_speed(embedder.embed, views),
        photographs=evaluate_photographs(embedder, photographs) if photographs else None,
    )


def seen_by(embedder: Embedder, images: Images) -> list[View]:
    """Return images, uint8 (n, height, width), as a model sees them: as they are where they have its views' shape."""
    if images.shape[1:] == embedder.card.input_shape:
        return as_views(images)
    return [embedder.prepare(Picture(image)) for image in images]


def evaluate_pixels(
    test: "Split", classes: tuple[str, ...], progress: Progress = lambda done, total: None
) -> Evaluation:
    """Measure the cosine of raw pixels, the naive way to find what looks alike; it names no class."""
    vectors = pixel_vectors(test.images)
    subject = Subject("pixels", classes, dim=vectors.shape[1])
    return Evaluation(subject, test, vectors, *_found(vectors, pixel_vectors, test, progress))


def pixel_vectors(images: Images) -> Vectors:
    """Return images (n, height, width) as rows of pixels of unit length; an image that is all 0 stays 0."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    norms[norms == 0] = 1
    unit: Vectors = flat / norms
    return unit


def measure_speed(
    embed: Callable[[Sequence[View]], tuple[Vectors, Probabilities]],
    views: Sequence[View],
    calls: int = 200,
    batches: int = 8,
) -> Speed:
    """Time one view and batches of 256, after a warm-up of each."""
    batch = list(islice(cycle(views), 256))
    return Speed(_median_ms(lambda: embed(views[:1]), calls), _median_ms(lambda: embed(batch), batches))


def _median_ms(call: Callable[[], object], calls: int) -> float:
    call()
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return 1000 * median(seconds)


def _found(
    vectors: Vectors, embed: Callable[[Images], Vectors], test: "Split", progress: Progress
) -> tuple[Rankings, Mapping[str, float]]:
    progress(1, _STEPS)
    rankings = rank_all(vectors, test.labels)
    progress(2, _STEPS)
    return rankings, instance_recall(
        embed, test.images, RECALL_QUERIES, progress=lambda done, total: progress(done + 2, _STEPS)
    )
