"""What a disk may hold when the power goes: only what was synced, and of the rest whatever it happened to have written.

A program runs with power_cut.c before libc, which writes down what it does to its files. From that the state of the
disk is made for any moment, again and again: 200 power cuts take five runs and not 200. What was not synced is kept,
lost, or kept in part, torn at sectors; names of files come to the disk in their order, as in a journal. `python
tests/power_cut.py 200` cuts as often by hand.
"""

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_suffix(".c")
SECTOR = 512

_HEAD = struct.Struct("<6Q")


def built(folder: Path) -> Path:
    """Return the library, made by the C compiler of the system."""
    library = folder / "power_cut.so"
    command = [
        "gcc",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        "-o",
        library,
        SOURCE,
        "-ldl",
        "-lpthread",
    ]
    subprocess.run(command, check=True)
    return library


class Record(NamedTuple):
    """One thing that the program did: see power_cut.c."""

    kind: str
    number: int
    offset: int
    name: str
    other: str
    data: bytes


def traced(library: Path, command: list[str | Path], root: Path, cwd: Path) -> list[Record]:
    """Run a program, and return all that it did below a folder and said."""
    trace = root.with_name(f"{root.name}.trace")
    environment = os.environ | {"LD_PRELOAD": str(library), "POWER_ROOT": str(root), "POWER_TRACE": str(trace)}
    done = subprocess.run(command, env=environment, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(_records(trace.read_bytes(), f"{root.resolve()}/"))


def _records(content: bytes, root: str) -> Iterator[Record]:
    at = 0
    while at < len(content):
        kind, number, offset, *sizes = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        parts = []
        for size in sizes:
            parts.append(content[at : at + size])
            at += size
        name, other = (part.decode().removeprefix(root) for part in parts[:2])
        yield Record(chr(kind), number, offset, name, other, parts[2])


@dataclass(slots=True, eq=False)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Record] = field(default_factory=list)
    memories: list[bytes] = field(default_factory=list)


class Disk:
    """Files below one folder, as a program has them, and as a cut of the power would leave them."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._named: dict[str, _File] = {}  # by names that are durable
        self._moves: list[tuple[str, str, str, _File | None]] = []  # of names that are not yet

    def do(self, record: Record) -> None:
        """Take in what the program did next."""
        name, other = record.name, record.other
        match record.kind:
            case "c":
                self._move("c", name, "", _File())
            case "w" | "s" | "t":
                self._files[name].pending.append(record)
            case "k":
                self._files.setdefault(name, _File()).memories.append(record.data)
            case "r" | "l":
                self._move(record.kind, name, other, self._files[name])
            case "u" if name in self._files:
                self._move("u", name, "", None)
            case "y" if name in self._files:
                file = self._files[name]
                _apply(file.synced, file.pending)
                file.pending = []
            case "y":  # a folder
                for move in [move for move in self._moves if _folder(move[2] or move[1]) == name]:
                    _rename(self._named, move)
                    self._moves.remove(move)

    def _move(self, kind: str, name: str, other: str, file: _File | None) -> None:
        self._moves.append((kind, name, other, file))
        _rename(self._files, self._moves[-1])

    def write(self, to: Path, how: random.Random) -> None:
        """Write what is left of the files when the power goes now."""
        style = how.choice(["synced alone", "all", "some"])
        named = dict(self._named)
        kept = {"synced alone": 0, "all": len(self._moves), "some": how.randint(0, len(self._moves))}[style]
        for move in self._moves[:kept]:
            _rename(named, move)
        for name, file in named.items():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            content = bytearray(file.synced)
            if file.memories:  # what the system has written of a map, and when, nobody knows
                content = bytearray(how.choice([b"", file.memories[-1], how.choice(file.memories)]))
            elif style == "all":
                _apply(content, file.pending)
            elif style == "some":
                _apply(content, [part for record in file.pending for part in _torn(record, how)])
            (to / name).write_bytes(content)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _rename(names: dict[str, _File], move: tuple[str, str, str, _File | None]) -> None:
    kind, name, other, file = move
    if kind in "ru":
        names.pop(name, None)
    if kind == "c" and file is not None:
        names[name] = file
    if kind in "rl" and file is not None:
        names[other] = file


def _apply(content: bytearray, records: list[Record]) -> None:
    for record in records:
        if record.kind == "t":
            content.clear()
        elif record.kind == "s":
            del content[record.number :]
            content.extend(bytes(record.number - len(content)))
        else:
            content.extend(bytes(max(record.offset - len(content), 0)))
            content[record.offset : record.offset + len(record.data)] = record.data


def _torn(record: Record, how: random.Random) -> list[Record]:
    """Return what came to the disk of one change: all of it, nothing, or the sectors up to one."""
    fate = how.random()
    if fate < 0.4 or record.kind != "w":
        return [record]
    if fate < 0.7:
        return []
    return [record._replace(data=record.data[: how.randrange(0, len(record.data) + 1, SECTOR)])]


WRITER = """
import json, os, sys
import numpy as np
from indexer.catalogue.local import LocalCatalogue
from indexer.database import store
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from models.datasets.fashion_mnist import CLASSES

directory, seed, steps, is_careful = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "careful"
store.MOST_LOG = 200_000
if not is_careful:
    store.SYNCHRONOUS = "OFF"
random = np.random.default_rng(seed)
vectors = random.standard_normal((40, 49)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

def say(*words):
    os.write(1, json.dumps(words).encode())

catalogue = LocalCatalogue.create(directory, "f", 49, CLASSES)
say("done", {})
for step in range(steps):
    ids = [f"item-{n}" for n in random.choice(60, int(random.integers(1, 12)), replace=False)]
    kind = str(random.choice(["upsert", "upsert", "upsert", "delete", "publish", "reopen"]))
    if kind == "upsert":
        change = {id_: step for id_ in ids}
        say("begun", change)
        picture = DisplayCopy(random.bytes(900), "image/png", 28, 28)
        bag = predicted_class("Bag", 1.0)
        catalogue.upsert([Record(id_, bag, vectors[n], picture, {"step": step}) for n, id_ in enumerate(ids)])
    elif kind == "delete":
        change = dict.fromkeys(ids)
        say("begun", change)
        catalogue.delete(ids)
    else:
        change = {}
        say("begun", change)
        if kind == "publish":
            catalogue.publish()
        else:
            catalogue.close()
            catalogue = LocalCatalogue.open(directory)
    say("done", change)
"""


@dataclass(frozen=True, slots=True)
class Cut:
    """What became of one cut: the state that was opened, None where it was not; and those that it may be in."""

    place: Path
    allowed: tuple[dict[str, int], ...]
    found: dict[str, int] | None
    problem: str | None


def cuts(records: list[Record], count: int, seed: int, folder: Path) -> Iterator[Cut]:
    """Cut the power at so many moments of a run of WRITER, and open what is left of the catalogue `c`."""
    from indexer.catalogue.local import LocalCatalogue
    from indexer.errors import CatalogueMissing
    from models.errors import LookalikeError

    how = random.Random(seed)
    moments = sorted(how.sample(range(1, len(records) + 1), min(count, len(records))))
    disk, known, change = Disk(), dict[str, int](), dict[str, int | None]()
    was_created, is_done = False, True
    for at, record in enumerate(records, 1):
        if record.kind == "m":
            word, change = json.loads(record.data)
            is_done = word == "done"
            if is_done:
                was_created = True
                known = _changed(known, change)
        else:
            disk.do(record)
        if at not in moments:
            continue
        place = folder / str(at)
        disk.write(place, how)
        allowed = (known,) if is_done else (known, _changed(known, change))
        try:
            with LocalCatalogue.open(place / "c") as catalogue:
                items = catalogue.get(catalogue.ids())
                found: dict[str, int] | None = {item.id: item.attributes["step"] for item in items}  # type: ignore[misc]
                problem = None
        except CatalogueMissing as error:
            found, problem = (None, str(error)) if was_created else ({}, None)
        except LookalikeError as error:
            found, problem = None, str(error)
        yield Cut(place, allowed, found, problem)


def _changed(known: dict[str, int], change: dict[str, int | None]) -> dict[str, int]:
    after = known | change
    return {id_: step for id_, step in after.items() if step is not None}


def main(count: int) -> int:
    """Cut the power so many times, in runs of 40 changes with 40 cuts each; return 1 when something was lost."""
    lost = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = built(folder)
        for seed in range(-(-count // 40)):
            (folder / str(seed)).mkdir()
            command = [sys.executable, "-c", WRITER, folder / str(seed) / "c", str(seed), "40", "careful"]
            records = traced(library, command, folder / str(seed), Path(__file__).parent.parent)
            for cut in cuts(records, min(40, count - 40 * seed), seed, folder / f"{seed}.cuts"):
                if cut.problem or cut.found not in cut.allowed:
                    lost += 1
                    sys.stdout.write(f"{cut.place} {cut.problem or f'{cut.found} is none of {cut.allowed}'}\n")
    sys.stdout.write(f"{count} power cuts, {lost} with a loss or a false alarm.\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main(int(sys.argv[1])))
