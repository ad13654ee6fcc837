"""A run as people read it, and as machines do."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.harness.machine import Machine
from benchmarks.harness.measuring import Comparison, Figure, Measured, Section

QUIET = 0.1
"""Cores that other programs may use before a run says that it can't be trusted."""


def as_json(machine: Machine, sections: Sequence[Section]) -> dict[str, Any]:
    """Return a run as JSON values: dataclasses as objects, and with each figure whether it is met."""
    found = []
    for section in sections:
        figures = [asdict(figure) | {"met": figure.met} for figure in section.figures]
        found.append(asdict(section) | {"figures": figures})
    return {"machine": asdict(machine), "benchmarks": found}


def machine_lines(machine: Machine) -> Iterator[str]:
    """Yield the lines that say where a run happened."""
    yield (f"{machine.processor}, {machine.cores} cores, {machine.memory_gb:.0f} GB, {machine.system}, {machine.files}")
    yield f"{machine.python}; " + ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    yield "Medians, with the quartiles of the rounds; both sides are measured in turns."


def section_lines(section: Section) -> Iterator[str]:
    """Yield the lines of one benchmark: its table, its figures, its notes."""
    yield f"{section.name}: {section.title}"
    yield ""
    header = ("", "lookalike", "against", "", "ratio")
    yield from _aligned([header, *(_cells(comparison) for comparison in section.comparisons)])
    if section.figures:
        yield ""
    yield from (f"  {figure_line(figure)}" for figure in section.figures)
    yield from (f"  {note}" for note in section.notes)
    if section.others_cores is not None:
        verdict = "" if section.others_cores <= QUIET else ": too many to trust the ratios"
        yield f"  Other programs kept {section.others_cores:.2f} cores busy meanwhile{verdict}."


def figure_line(figure: Figure) -> str:
    """Return whether a figure is met, what it claims and what was measured."""
    verdict = "met   " if figure.met else "MISSED"
    bound = "at least" if figure.at_least else "at most"
    unit = f" {figure.unit}" if figure.unit else ""
    return f"{verdict}  {figure.claim}: {number(figure.measured)}{unit}, {bound} {number(figure.bound)}{unit}"


def number(value: float) -> str:
    """Return three significant digits; four decimals for what is nearly 1, where they matter."""
    if 0.99 < value < 1:
        return f"{value:.6f}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _cells(comparison: Comparison) -> tuple[str, ...]:
    return (
        comparison.name,
        _measured(comparison.ours, comparison.unit),
        comparison.against,
        _measured(comparison.theirs, comparison.unit),
        f"{_measured(comparison.ratio)} {comparison.meaning}",
    )


def _measured(measured: Measured, unit: str = "") -> str:
    spread = f" ({number(measured.low)}–{number(measured.high)})" if measured.low and measured.high else ""
    return f"{number(measured.value)}{unit and ' '}{unit}{spread}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(cells).rstrip()
