"""Faults of every kind befall every file of a catalogue: nothing is lost unsaid, and no alarm is false."""

from pathlib import Path

from fault_injections import outcomes, prepare

FAULTS = 40


def test_nothing_is_lost_unsaid_and_no_alarm_is_false(small_catalogue: Path, tmp_path: Path) -> None:
    states = prepare(small_catalogue, tmp_path)
    noticed = 0
    for outcome in outcomes(states, FAULTS, 4, tmp_path):
        assert outcome.wrong is None, f"{outcome.fault}: {outcome.wrong}"
        noticed += outcome.was_noticed
    assert FAULTS / 4 < noticed < FAULTS
