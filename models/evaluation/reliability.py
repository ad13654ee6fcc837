"""How far a model knows itself: whether it notices images of none of its classes, and how true its confidence is."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.arrays import Probabilities, Vectors
from models.calibration import ReliabilityBin, binned, mean_gap
from models.datasets.photographs import digest_of, digests_seen, pictures_in
from models.embedder import View
from models.errors import BlankPicture, DatasetMissing
from models.evaluation.retrieval_metrics import Rankings
from models.ood_score import auroc

if TYPE_CHECKING:
    from models.runtime import LiteRTEmbedder


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """The findings on test images and on out-of-distribution (OOD) images.

    `known` are the test images' distances from what the model knows, float32 (n,), `ood_distances` those of other
    pictures by kind, and a picture is familiar up to the distance `limit`. `hits` are the ten nearest of each test
    image by the confidence that they are of its class.
    """

    known: NDArray[np.float32]
    ood_distances: Mapping[str, NDArray[np.float32]]
    limit: float
    hits: tuple[ReliabilityBin, ...]

    def figures(self) -> dict[str, float]:
        """Return shares, 0 to 1: how surely each kind of OOD images is told from test images (AUROC), and the worst.

        Besides, the share of test images that count as familiar, and the mean gap between the confidence in hits
        and how many are right.
        """
        noticed = {f"unfamiliar_{kind}": auroc(self.known, distances) for kind, distances in self.ood_distances.items()}
        return {
            "familiar_share": float((self.known <= self.limit).mean()),
            "hit_confidence_error": mean_gap(self.hits),
            **noticed,
            "unfamiliar_worst": min(noticed.values()),
        }


def measure_reliability(
    embedder: "LiteRTEmbedder",
    vectors: Vectors,
    probabilities: Probabilities,
    labels: NDArray[np.integer],
    rankings: Rankings,
    ood_views: Mapping[str, Sequence[View]],
) -> Reliability:
    """Measure on n test images, given their vectors, probabilities, labels and rankings, and on OOD views by kind."""
    nearest = rankings.nearest
    cosines = np.einsum("nkd,nd->nk", vectors[nearest], vectors)
    confidence = embedder.confidence(probabilities.argmax(axis=1), cosines, embedder.familiarity(vectors))
    return Reliability(
        known=embedder.known.distance(vectors),
        ood_distances={kind: embedder.known.distance(embedder.embed(views)[0]) for kind, views in ood_views.items()},
        limit=embedder.known.limit,
        hits=binned(confidence.ravel(), (labels[nearest] == labels[:, None]).ravel()),
    )


def photographed(embedder: "LiteRTEmbedder", folder: Path) -> Mapping[str, Sequence[View]]:
    """Return the views of the pictures in a folder by kind, the names of its sub-folders.

    What is no picture, or a blank one, is left out, and so is what the bundle has learned from. Raises DatasetMissing
    when there is nothing else.
    """
    seen = digests_seen(embedder.bundle)
    views: dict[str, list[View]] = {}
    for path, data, picture in pictures_in(folder):
        if digest_of(data) not in seen:
            with suppress(BlankPicture):
                view = embedder.prepare(picture).without_display()
                views.setdefault(path.parent.name, []).append(view)
    if not views:
        raise DatasetMissing(f"The model has learned from every picture in {folder}. Give others to measure it on.")
    return views
