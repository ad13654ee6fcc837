"""Evaluations in words: as JSON for machines and as a table for a terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from models.evaluation.measure import RECALL_QUERIES, Evaluation

NAMES = {
    "accuracy": "accuracy",
    "expected_calibration_error": "expected calibration error",
    "precision_at_1": "P@1",
    "precision_at_10": "P@10",
    "map_at_100": "mAP@100",
    "map_at_r": "mAP@R",
    "hit_confidence_error": "hits' confidence error",
    "familiar_share": "test images familiar",
    "unfamiliar_worst": "unfamiliar, worst AUROC",
    "looks_mean": "looks, mean R@1",
    "photographs": "photographs, right class",
    "photographs_familiar": "photographs familiar",
    "photographs_of_none": "photographs of none, AUROC",
}
"""What people call the figures, in the order in which they read them.

A single look is called by its change, a single kind of stranger by its name.
"""

_FAMILIES = {
    "unfamiliar_worst": "unfamiliar_",
    "looks_mean": "looks_",
    "photographs_of_none": "photographs_of_none_",
}
"""Figures that sum up others, whose names begin like this."""


def evaluation_answer(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Return an evaluation as plain values; a second one stands in it under `against`."""
    first, *others = (_one_answer(evaluation) for evaluation in evaluations)
    return {**first, **({"against": others[0]} if others else {})}


def _one_answer(evaluation: Evaluation) -> dict[str, Any]:
    subject, found = evaluation.subject, evaluation.classification
    answer: dict[str, Any] = {
        "model": {
            "name": subject.name,
            "fingerprint": subject.fingerprint,
            "dim": subject.dim,
            "parameters": subject.parameters,
            "bytes": subject.bytes,
        },
        "items": len(evaluation.test.labels),
        "look_queries": min(RECALL_QUERIES, len(evaluation.test.labels)),
        "figures": {name: round(value, 4) for name, value in evaluation.figures().items()},
    }
    if found is not None:
        answer["classes"] = [
            {"label": label, **_rounded(asdict(figures))}
            for label, figures in zip(subject.classes, found.classes, strict=True)
        ]
        answer["confusion"] = found.confusion
        answer["reliability"] = [_rounded(asdict(one)) for one in found.reliability]
    if evaluation.reliability is not None:
        answer["hit_reliability"] = [_rounded(asdict(one)) for one in evaluation.reliability.hits]
    if evaluation.photographs is not None:
        answer["photographs"] = {
            "count": len(evaluation.photographs.verdicts),
            "right": _rounded(dict(evaluation.photographs.shares())),
        }
    if evaluation.speed is not None:
        answer["speed"] = _rounded(asdict(evaluation.speed))
    return answer


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def evaluation_text(evaluations: Sequence[Evaluation]) -> str:
    """Return the evaluations side by side as lines for a terminal."""
    every = [evaluation.figures() for evaluation in evaluations]
    named = {}
    for name, title in NAMES.items():
        named[name] = title
        if (family := _FAMILIES.get(name)) is not None:
            members = [member for member in every[0] if member.startswith(family) and member not in NAMES]
            named |= {member: f"  {member.removeprefix(family)}" for member in members}
    blocks = [
        *(describe(evaluation) for evaluation in evaluations),
        "",
        *([_row("", *titles(evaluations))] if len(evaluations) > 1 else []),
        *(_row(title, *(_share(figures.get(name)) for figures in every)) for name, title in named.items()),
    ]
    found = evaluations[0].classification
    if found is not None:
        blocks += ["", _row("", "precision", "recall", "F1")]
        blocks += [
            _row(label, *(_share(value) for value in (one.precision, one.recall, one.f1)))
            for label, one in zip(evaluations[0].subject.classes, found.classes, strict=True)
        ]
    photographs = evaluations[0].photographs
    if photographs is not None:
        blocks += ["", _row(f"{len(photographs.verdicts):,} photographs", "right class")]
        blocks += [_row(kind, _share(share)) for kind, share in photographs.shares().items()]
    return "\n".join(blocks)


def titles(evaluations: Sequence[Evaluation]) -> tuple[str, ...]:
    """Return a short name for each evaluation: the subject's own, with its fingerprint where two share a name."""
    names = [evaluation.subject.name for evaluation in evaluations]
    return tuple(
        f"{name} {(evaluation.subject.fingerprint or '')[:6]}".strip() if names.count(name) > 1 else name
        for name, evaluation in zip(names, evaluations, strict=True)
    )


def describe(evaluation: Evaluation) -> str:
    """Return one line that says what was measured, on how much, and its size and speed where it has them."""
    subject, speed = evaluation.subject, evaluation.speed
    parts = [f"{subject.name} {(subject.fingerprint or '')[:12]}".strip(), f"{subject.dim}-d"]
    if subject.parameters is not None:
        parts.append(f"{subject.parameters:,} parameters")
    if subject.bytes is not None:
        parts.append(f"{subject.bytes / 1e6:.2f} MB")
    if speed is not None:
        parts += [f"one image {speed.one_image_ms:.2f} ms", f"256 in {speed.batch_of_256_ms:.0f} ms"]
    return f"{', '.join(parts)}; {len(evaluation.test.labels):,} test images"


def _row(title: str, *cells: str) -> str:
    return f"{title:<26}" + "".join(f"  {cell:>12}" for cell in cells)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
