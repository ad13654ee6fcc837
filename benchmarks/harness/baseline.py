"""An earlier commit to measure against: its files, and an environment with the packages that it pins."""

import io
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.measuring import BenchmarkFailed, Say
from benchmarks.harness.processes import ROOT, run_quietly

BEFORE_THE_FRONT = "b0b41ec"
"""The last commit whose server gave every connection a thread."""

CHECKOUTS = ROOT / "build" / "baselines"

_COMPLETE = "installed-by-benchmarks"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A tree of the project, and the interpreter that has its packages."""

    root: Path
    python: Path

    @classmethod
    def here(cls) -> "Checkout":
        """Return the tree that this benchmark is of."""
        return cls(ROOT, Path(sys.executable))

    @classmethod
    def at(cls, root: Path) -> "Checkout":
        """Return a tree that has been set up with `make setup`. Raises BenchmarkFailed where it has not."""
        python = root.resolve() / ".venv" / "bin" / "python"
        if not python.exists():
            raise BenchmarkFailed(f"{root} has no .venv/bin/python: run `make setup` there, or name another checkout.")
        return cls(root.resolve(), python)

    def command(self, *arguments: str) -> list[str]:
        """Return the words that run `lookalike` of this tree, from its root."""
        return [str(self.python), "-m", "lookalike", *arguments]


def checked_out(commit: str, say: Say) -> Checkout:
    """Return a commit's tree with an environment of its own, made once under build/ and kept there.

    Raises BenchmarkFailed when git does not have the commit, or its packages can't be installed.
    """
    root = CHECKOUTS / commit
    if not (root / _COMPLETE).exists():
        say(f"checking out {commit}")
        _extract(commit, root)
        say(f"installing the packages that {commit} pins")
        run_quietly([sys.executable, "-m", "venv", "--clear", ".venv"], root)
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        run_quietly([".venv/bin/python", "-m", "pip", "install", *quiet, "-c", "constraints.txt", "-e", "."], root)
        (root / _COMPLETE).touch()
    return Checkout.at(root)


def _extract(commit: str, root: Path) -> None:
    archived = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        raise BenchmarkFailed(
            f"Commit {commit} is not in this clone: `git fetch --unshallow` brings it, or name a checkout of it with "
            f"--against-checkout. ({archived.stderr.decode(errors='replace').strip()})"
        )
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as tree:
        tree.extractall(root, filter="data")
