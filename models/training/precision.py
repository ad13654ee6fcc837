"""The precision that a network is trained in: the one that this processor takes a step fastest in."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

AUTO = "auto"
"""What a recipe says that leaves the choice to a probe."""

FLOAT32, BFLOAT16 = "float32", "mixed_bfloat16"

PRECISIONS = (FLOAT32, BFLOAT16)
"""Keras's names of what there is to choose from, the one that every processor has first."""

_STEPS = 4
_CLEARLY_FASTER = 0.9
"""Ratio of times from which another precision than the first is worth its rounding."""
_HOPELESS = 1.5
"""Ratio of times from which one step is enough to tell: emulated bfloat16 takes some eight times as long."""

Step: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Probe:
    """The precision that was found fastest, and the seconds that a training step takes in each."""

    precision: str
    step_seconds: Mapping[str, float]

    def describe(self) -> str:
        """Return one line for a person."""
        times = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in self.step_seconds.items())
        return f"training in {self.precision}, the fastest on this processor (a step: {times})"


def probe(build: Callable[[str], Step], clock: Callable[[], float] = time.perf_counter) -> Probe:
    """Time a few training steps in each precision, and choose.

    `build` returns what takes a step in a precision; its first call, which compiles the step, is not timed. Of each the
    fastest step counts, since other programs can only slow one down.
    """
    seconds: dict[str, float] = {}
    for precision in PRECISIONS:
        step = build(precision)
        step()
        fastest = float("inf")
        for _ in range(_STEPS):
            started = clock()
            step()
            fastest = min(fastest, clock() - started)
            if seconds and fastest > _HOPELESS * seconds[FLOAT32]:
                break
        seconds[precision] = fastest
    is_faster = seconds[BFLOAT16] < _CLEARLY_FASTER * seconds[FLOAT32]
    return Probe(BFLOAT16 if is_faster else FLOAT32, MappingProxyType(seconds))
