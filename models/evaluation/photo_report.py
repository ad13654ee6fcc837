"""A contact sheet of photographs: what was found in each, what the model saw, and what it said."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from models.datasets.download import writing
from models.evaluation.photo_metrics import PhotographFindings, Verdict
from models.pictures.inline_png import garment_uri

PAGE = "photographs.html"

_SIDE = 120
"""Longest side of a photograph on the sheet (pixels)."""

_QUALITY = 70


@dataclass(frozen=True, slots=True)
class Panel:
    """One photograph on the sheet: itself, the garment cut out, and the view, as data URIs."""

    photograph: str
    cutout: str
    view: str
    verdict: Verdict


def write_sheet(findings: PhotographFindings, name: str, directory: Path) -> Path:
    """Write the sheet of a model's findings into a directory, made if need be, and return its path.

    The page shows the photographs themselves. Raises NotWritable.
    """
    page = directory / PAGE
    text = render_sheet(findings, name)
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    return page


def render_sheet(findings: PhotographFindings, name: str) -> str:
    """Return the sheet as HTML that refers to nothing outside itself, kind by kind, wrong answers first."""
    environment = Environment(
        loader=PackageLoader("models.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    kinds: dict[str, list[Panel]] = {}
    for verdict in sorted(findings.verdicts, key=_wrong_first):
        kinds.setdefault(verdict.photograph.kind, []).append(_panel(verdict))
    return environment.get_template("photographs.html").render(
        name=name, kinds=dict(sorted(kinds.items())), shares=findings.shares(), figures=findings.figures()
    )


def _wrong_first(verdict: Verdict) -> tuple[bool, float]:
    expected = verdict.is_right if verdict.is_right is not None else not verdict.is_familiar
    return bool(expected), -verdict.probability


def _panel(verdict: Verdict) -> Panel:
    cutout = verdict.view.cutout
    if cutout is None:
        pixels = verdict.photograph.read().pixels
        cutout = np.dstack(
            [*([pixels] * 3 if pixels.ndim == 2 else [pixels]), np.full(pixels.shape[:2], 255, np.uint8)]
        )
    mask = cutout[:, :, 3:] > 0
    white = np.where(mask, cutout[:, :, :3], np.uint8(255))
    return Panel(_uri(cutout[:, :, :3]), _uri(white), garment_uri(verdict.view.shown()), verdict)


def _uri(pixels: NDArray[np.uint8]) -> str:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
