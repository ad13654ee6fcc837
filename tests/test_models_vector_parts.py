"""Weights of a vector's parts by name: on vectors made by hand, and against the look that stands for some of them."""

import math

import numpy as np
import pytest

from models.errors import InvalidWeights, UnknownPart
from models.vector_parts import VectorPart, weighted, weights_of_look

THREE = (VectorPart("kind", 2, 0.5), VectorPart("colour", 1, 0.3), VectorPart("look", 1, 0.2))
TWO = (VectorPart("kind", 64, 0.85), VectorPart("look", 64, 0.15))


def ones(parts: tuple[VectorPart, ...]) -> np.ndarray:
    """One vector whose cosine with itself is 1 in every part: (1, dim)."""
    pieces = [np.full(part.dim, math.sqrt(part.share / part.dim)) for part in parts]
    return np.concatenate(pieces).astype(np.float32)[None]


def contributions(weights: dict[str, float]) -> list[float]:
    """What each of THREE contributes to the score of a vector with itself."""
    unit = ones(THREE)
    products = (weighted(unit, THREE, weights) * unit)[0]
    return [round(float(piece.sum()), 5) for piece in np.split(products, [2, 3])]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, [0.5, 0.3, 0.2]),
        ({"kind": 0.5, "colour": 0.3, "look": 0.2}, [0.5, 0.3, 0.2]),
        ({"colour": 1}, [0, 1, 0]),
        ({"colour": 0.3}, [0.5, 0.3, 0.2]),
        ({"colour": 0}, [0.71429, 0, 0.28571]),
        ({"look": 0.6}, [0.25, 0.15, 0.6]),
        ({"kind": 0.1, "colour": 0.1, "look": 0.2}, [0.25, 0.25, 0.5]),
        ({"kind": 1, "colour": 1}, [0.5, 0.5, 0]),
        ({"kind": 1, "colour": 1, "look": 1}, [0.33333, 0.33333, 0.33333]),
        ({"kind": 0, "colour": 0, "look": 0.01}, [0, 0, 1]),
    ],
)
def test_weights_are_proportions_and_what_is_not_named_shares_the_rest(
    weights: dict[str, float], expected: list[float]
) -> None:
    assert contributions(weights) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("look", [0, 0.03, 0.1, 0.15, 0.3, 0.5, 0.7, 0.8, 0.999, 1])
def test_a_look_is_the_weights_it_stands_for_bit_by_bit(look: float) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 128)).astype(np.float32)
    before = vectors * np.repeat(np.array([(1 - look) / (1 - 0.15), look / 0.15], np.float32), [64, 64])
    assert weighted(vectors, TWO, weights_of_look(TWO, look)).tobytes() == before.tobytes()
    assert weighted(vectors, TWO, {"kind": 1 - look, "look": look}).tobytes() == before.tobytes()
    assert weights_of_look(TWO, look) == {"look": look}


def test_the_models_own_shares_leave_a_vector_as_it_is() -> None:
    vectors = np.random.default_rng(1).normal(size=(5, 128)).astype(np.float32)
    assert weighted(vectors, TWO, {}).tobytes() == vectors.tobytes()
    assert weighted(vectors, TWO, {"kind": 0.85, "look": 0.15}).tobytes() == vectors.tobytes()


def test_a_part_that_the_model_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(UnknownPart, match=r"no part 'price': it has kind, colour, look\."):
        weighted(ones(THREE), THREE, {"price": 1})
    with pytest.raises(UnknownPart, match="undivided"):
        weighted(ones(THREE), (), {"look": 1})
    with pytest.raises(UnknownPart, match="Search without look"):
        weights_of_look((VectorPart("look", 2, 1.0),), 0.5)


@pytest.mark.parametrize(
    "weights",
    [{"kind": -0.1}, {"kind": 1.01}, {"look": math.nan}, {"look": math.inf}, {"kind": 0, "colour": 0, "look": 0}],
)
def test_weights_that_say_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidWeights):
        weighted(ones(THREE), THREE, weights)
