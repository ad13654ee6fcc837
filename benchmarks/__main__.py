"""Run benchmarks: `python -m benchmarks [NAME ...] [--quick] [--json FILE]`."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from benchmarks.harness.machine import OtherPrograms, this_machine
from benchmarks.harness.measuring import BenchmarkFailed, Say, Section
from benchmarks.harness.report import as_json, machine_lines, section_lines
from models.errors import LookalikeError

NAMES = ("serving", "startup", "memory", "indexing", "runtime", "quantization", "photograph", "recommending")
SERVER = ("throughput", "slow_clients", "restarts", "footprint")
"""The server against the one of an earlier commit, which is installed first."""

LARGE = ("scale", "filtering", "photo_indexing", "moderation", "writing", *SERVER)
"""Run only when they are named: they take long, or need what is not everywhere."""

OPTIONS = {
    "scale": ("sizes",),
    "filtering": ("sizes",),
    "photo_indexing": ("photos",),
    "writing": ("photos",),
    "moderation": ("photos", "others"),
    **dict.fromkeys(SERVER, ("against_checkout",)),
}
"""Options that are for some benchmarks alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks and print what they found; return 0 whether or not the figures are met.

    The report goes to stdout, progress to stderr. Returns 1 when a benchmark can't be run, 130 when interrupted.
    """
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    machine = this_machine()
    _print(machine_lines(machine))
    sections: list[Section] = []

    def write() -> None:
        if options.json:
            options.json.write_text(json.dumps(as_json(machine, sections), indent=2) + "\n", encoding="utf-8")

    try:
        write()  # a place that can't be written to is found out first
        for name in options.benchmarks or NAMES:
            module = f"benchmarks.server.{name}" if name in SERVER else f"benchmarks.{name}"
            run: Callable[..., Section] = import_module(module).run
            chosen = {option: getattr(options, option) for option in OPTIONS.get(name, ())}
            others = OtherPrograms()
            section = run(_teller(name), options.quick, **chosen)
            sections.append(replace(section, others_cores=others.cores()))
            _print(["", *section_lines(sections[-1])])
            write()
    except (BenchmarkFailed, LookalikeError, ModuleNotFoundError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmarks: interrupted.", file=sys.stderr)
        return 130
    return 0


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _teller(name: str) -> Say:
    return lambda text: print(f"{name}: {text} ...", file=sys.stderr, flush=True)


def _benchmark(name: str) -> str:
    """Check a name here: with `choices`, Python 3.11 rejects the empty list that stands for the default."""
    if name not in NAMES + LARGE:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(NAMES + LARGE)}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Lookalike against the obvious ways, in turns on this machine, and print the ratios.",
    )
    parser.add_argument(
        "benchmarks",
        nargs="*",
        type=_benchmark,
        metavar="BENCHMARK",
        help=f"any of {', '.join(NAMES)} (default: all of these), {', '.join(LARGE)}",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, not a measurement")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="ITEMS", help="scale, filtering: numbers of items")
    parser.add_argument(
        "--photos", type=Path, metavar="DIR", help="photo_indexing, writing, moderation: a folder of JPEG files"
    )
    parser.add_argument("--others", type=Path, metavar="DIR", help="moderation: other things, a sub-folder a kind")
    parser.add_argument(
        "--against-checkout",
        type=Path,
        metavar="DIR",
        help=f"{', '.join(SERVER)}: a checkout that is set up already (default: one is made under build/)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
