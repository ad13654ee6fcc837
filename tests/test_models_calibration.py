"""Calibration: temperature and expected calibration error."""

import numpy as np
import pytest

from models.calibration import expected_calibration_error, fit_temperature


def test_the_temperature_that_made_the_labels_is_found_again() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (20_000, 10)).astype(np.float32)
    for temperature in (0.5, 1.0, 2.5):
        odds = np.exp(logits / temperature)
        cumulative = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
        labels = (rng.random((20_000, 1)) > cumulative).sum(axis=1).clip(0, 9)
        assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


def test_expected_calibration_error_of_a_case_worked_by_hand() -> None:
    # Two answers at 0.9 (one wrong), two at 0.6 (both right): (|0.5 - 0.9| * 2 + |1 - 0.6| * 2) / 4
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], np.float32)
    assert expected_calibration_error(probabilities, np.array([0, 1, 0, 0])) == pytest.approx(0.4, abs=1e-6)


def test_certain_and_right_has_no_error_and_certain_and_wrong_has_all_of_it() -> None:
    certain = np.array([[1, 0], [1, 0]], np.float32)
    assert expected_calibration_error(certain, np.array([0, 0])) == 0
    assert expected_calibration_error(certain, np.array([1, 1])) == 1
