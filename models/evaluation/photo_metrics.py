"""How well phone photographs are recognised, and whether those of none of the classes are noticed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.datasets.photographs import RIGHT_CLASSES, Photograph
from models.embedder import View
from models.ood_score import auroc, is_familiar
from models.progress import Progress

if TYPE_CHECKING:
    from models.runtime import LiteRTEmbedder


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What is said of one photograph; `is_right` is None where no class can be."""

    photograph: Photograph
    view: View
    label: str
    probability: float
    is_right: bool | None
    is_familiar: bool


@dataclass(frozen=True, slots=True, eq=False)
class PhotographFindings:
    """Verdicts on photographs, one at least of a kind that has right classes, and how far off each vector is."""

    verdicts: tuple[Verdict, ...]
    distances: NDArray[np.float32]

    def shares(self) -> Mapping[str, float]:
        """Return for each kind that has right classes the share of photographs that get one of them, 0 to 1."""
        return {
            kind: float(np.mean([one.is_right for one in self.verdicts if one.photograph.kind == kind]))
            for kind in sorted({one.photograph.kind for one in self.verdicts if one.photograph.is_mapped})
        }

    def figures(self) -> dict[str, float]:
        """Return shares, 0 to 1: photographs in a right class; those of known kinds that count as familiar.

        Besides, how surely photographs of no class are told from the others by how far off they are (AUROC), for all
        of them, and for each kind.
        """
        mapped = np.asarray([one.photograph.is_mapped for one in self.verdicts])
        known = self.distances[mapped]
        none = sorted({one.photograph.kind for one in self.verdicts if not one.photograph.is_mapped})
        kinds = np.asarray([one.photograph.kind for one in self.verdicts])
        return {
            "photographs": float(np.mean([bool(one.is_right) for one in self.verdicts if one.photograph.is_mapped])),
            "photographs_familiar": float(
                np.mean([one.is_familiar for one in self.verdicts if one.photograph.is_mapped])
            ),
            **({"photographs_of_none": auroc(known, self.distances[~mapped])} if none else {}),
            **{f"photographs_of_none_{kind}": auroc(known, self.distances[kinds == kind]) for kind in none},
        }


def evaluate_photographs(
    embedder: "LiteRTEmbedder",
    photographs: Sequence[Photograph],
    progress: Progress = lambda done, total: None,
) -> PhotographFindings:
    """Ask a bundle about photographs; `progress` counts them."""
    views = []
    for number, photograph in enumerate(photographs, 1):
        views.append(embedder.prepare(photograph.read()))
        progress(number, len(photographs))
    vectors, probabilities = embedder.embed(views)
    familiarity, classes = embedder.familiarity(vectors), embedder.card.classes
    verdicts = []
    for number, (photograph, view) in enumerate(zip(photographs, views, strict=True)):
        best = int(probabilities[number].argmax())
        right = RIGHT_CLASSES[photograph.kind]
        verdicts.append(
            Verdict(
                photograph,
                view,
                classes[best],
                float(probabilities[number, best]),
                classes[best] in right if right else None,
                is_familiar(float(familiarity[number])),
            )
        )
    return PhotographFindings(tuple(verdicts), embedder.known.distance(vectors))
