"""What many tests share: the real data, and the shipped model."""

from pathlib import Path

import pytest

import models
from models import fashion_mnist
from models.runtime import LiteRTEmbedder


@pytest.fixture(scope="session")
def test_split() -> fashion_mnist.Split:
    """The official 10,000 test images and labels."""
    return fashion_mnist.load("test")


@pytest.fixture(scope="session")
def embedder() -> LiteRTEmbedder:
    """The shipped model."""
    return LiteRTEmbedder(models.PRETRAINED)


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent
