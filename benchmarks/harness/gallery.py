"""What both ways search, and what they are asked: Fashion-MNIST's test images, as items and as queries."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import models
from benchmarks.harness.measuring import Say
from benchmarks.harness.processes import run_quietly
from models.card import KERAS_FILE
from models.datasets import fashion_mnist

K = 12
"""Hits that every query asks for."""

QUERIES = 1000
"""Different pictures that are asked in turn."""

OURS, OUR_PATH = "lookalike", "/v1/search"
OBVIOUS, OBVIOUS_PATH = "the obvious way", "/search"
"""The two servers' names, and where each is asked."""

CLASSIFIER = models.PRETRAINED / KERAS_FILE


@dataclass(frozen=True, slots=True)
class Gallery:
    """The 10,000 test images as a catalogue, the same vectors and ids as plain arrays, and queries as PNG files."""

    catalogue: Path
    arrays: Path
    items: int
    pictures: tuple[bytes, ...]

    @property
    def serve_command(self) -> list[str]:
        """The command that serves the catalogue on a free port."""
        return [sys.executable, "-m", "lookalike", "serve", "--catalogue", str(self.catalogue), "--port", "0"]

    @property
    def obvious_command(self) -> list[str]:
        """The command that serves the arrays in the obvious way on a free port."""
        return [sys.executable, "-m", "benchmarks.harness.obvious_server", str(CLASSIFIER), str(self.arrays)]


def build(directory: Path, say: Say) -> Gallery:
    """Index the test images with the command line, copy the vectors out, and encode the queries.

    Raises BenchmarkFailed when indexing fails, and what `models.datasets.fashion_mnist.load` raises.
    """
    from indexer.catalogue.local import LocalCatalogue

    images = fashion_mnist.load("test").images
    catalogue, arrays = directory / "catalogue", directory / "gallery.npz"
    say(f"indexing {len(images):,} items for both servers")
    command = [sys.executable, "-m", "lookalike", "index", "fashion-mnist", "--catalogue", str(catalogue)]
    run_quietly(command)
    with LocalCatalogue.open(catalogue) as opened:
        ids = [item.id for item in opened.browse(limit=len(images)).items]
        np.savez(arrays, ids=np.array(ids), vectors=opened.vectors(ids))
    step = len(images) // QUERIES
    return Gallery(catalogue, arrays, len(ids), tuple(png_file(image) for image in images[::step][:QUERIES]))


def png_file(image: NDArray[np.uint8]) -> bytes:
    """Return a grey image, uint8 (height, width), as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
