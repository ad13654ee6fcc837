"""Faults that befall the files of a catalogue, and what must hold of each: nothing is lost unsaid, no alarm is false.

`python tests/fault_injections.py 240` tries as many by hand.
"""

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.catalogue.local import LocalCatalogue
from indexer.database.commit_note import SUFFIX
from indexer.database.locations import DATABASE_FILE, PAGES_FILE
from indexer.errors import NotRepairable
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, Record
from indexer.upkeep.findings import Finding
from indexer.upkeep.metadata_checks import Identity
from indexer.upkeep.page_checksums import note_pages
from indexer.upkeep.repair import repair
from indexer.upkeep.verification import Verification, verify
from models.errors import LookalikeError

LOG, MEMORY, NOTE = (f"{DATABASE_FILE}{suffix}" for suffix in ("-wal", "-shm", SUFFIX))
REBUILT = (MEMORY, NOTE, PAGES_FILE, "publish.lock")
"""What may be gone, and nothing is lost; and so may index files."""

KINDS = ("flipped", "zeros", "cut", "empty", "gone", "earlier", "longer", "untouched")


def prepare(source: Path, folder: Path) -> dict[str, Path]:
    """Return a catalogue at rest, one whose writer was killed, and that as it was some commits before."""
    resting, live = folder / "resting", folder / "live"
    shutil.copytree(source, resting)
    with LocalCatalogue.open(resting) as catalogue:
        ids = catalogue.ids()
        catalogue.delete(ids[40:])
        catalogue.upsert([AttributeUpdate(id_, {"brand": "Ossby", "price": n}, "c") for n, id_ in enumerate(ids[:40])])
        catalogue.publish()
    note_pages(resting)
    shutil.copytree(resting, live)
    with LocalCatalogue.open(live) as catalogue:
        kept = catalogue.get(ids[:20])
        for place, some in (("earlier", kept[:10]), ("killed", kept[10:])):
            catalogue.upsert(
                [
                    Record(
                        f"new-{item.id}",
                        item.predicted,
                        catalogue.vectors([item.id])[0],
                        catalogue.display(item.id),
                    )
                    for item in some
                ]
            )
            catalogue.delete([some[0].id])
            shutil.copytree(live, folder / place)
    return {"resting": resting, "killed": folder / "killed", "earlier": folder / "earlier"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault; `wrong` says what must not be, None where all is as it must."""

    fault: str
    was_noticed: bool
    wrong: str | None


def outcomes(states: dict[str, Path], count: int, seed: int, folder: Path) -> Iterator[Outcome]:
    """Inject so many faults, one at a time, and tell what came of each."""
    how = random.Random(seed)
    with LocalCatalogue.open(states["resting"]) as catalogue:
        identity = Identity(catalogue.fingerprint, catalogue.dim, catalogue.classes)
    right = {
        name: _contents(Path(shutil.copytree(states[name], folder / f"right-{name}"))) for name in ("resting", "killed")
    }
    for number in range(count):
        name = how.choice(["resting", "killed"])
        place = Path(shutil.copytree(states[name], folder / str(number)))
        files = sorted(path.name for path in place.iterdir())
        file = how.choice([DATABASE_FILE, LOG, *files] if name == "killed" else files)
        kind = how.choice(KINDS)
        _inject(place / file, kind, states["earlier"] / file if name == "killed" else None, how)
        fault = f"{name}: {file} {kind}"
        yield _outcome(fault, place, right[name], identity=identity, is_harmless=_is_harmless(file, kind))
        shutil.rmtree(place)


def _inject(file: Path, kind: str, earlier: Path | None, how: random.Random) -> None:
    content = bytearray(file.read_bytes())
    at = how.randrange(len(content)) if content else 0
    match kind:
        case "flipped" if content:
            content[at] ^= 1 << how.randrange(8)
        case "zeros":
            start = at // 512 * 512
            content[start : start + 512] = bytes(len(content[start : start + 512]))
        case "cut":
            del content[at:]
        case "empty":
            content.clear()
        case "longer":
            content += how.randbytes(700)
        case "earlier" if earlier is not None and file.name != DATABASE_FILE:
            content = bytearray(earlier.read_bytes())
    if kind == "gone":
        file.unlink()
    else:
        file.write_bytes(content)


def _is_harmless(file: str, kind: str) -> bool:
    return kind == "untouched" or (kind in ("gone", "earlier") and (file in REBUILT or file.startswith("generation-")))


def _outcome(fault: str, place: Path, right: dict[str, Any], *, identity: Identity, is_harmless: bool) -> Outcome:
    copy = shutil.copytree(place, place.with_suffix(".verified"))
    try:
        found = verify(copy, lambda: identity)
    except LookalikeError as error:
        found = Verification(place, None, 0, (Finding(DATABASE_FILE, str(error), is_derived=False, items=None),))
    shutil.rmtree(copy)
    given: dict[str, Any] | str
    try:
        given = _contents(place)
    except LookalikeError as error:
        given = str(error)
    wrong = None
    if isinstance(given, str):
        if is_harmless:
            wrong = f"a false alarm: {given}"
        elif found.is_sound:
            wrong = f"it is refused and called sound: {given}"
    elif given != right:
        wrong = f"silently, {len(given)} items are read and not {len(right)}, or others"
    elif not found.is_sound and any(not finding.is_derived for finding in found.findings):
        wrong = f"all is read as it was, and this is called lost: {found.findings[0]}"
    if wrong is None and not found.is_sound:
        try:
            before, after = repair(place, lambda: identity)
        except NotRepairable:
            return Outcome(fault, was_noticed=True, wrong=None)  # which is said, and what may help
        except LookalikeError as error:
            told = None if file_is_gone(place) else f"it can't be repaired: {error}"
            return Outcome(fault, was_noticed=True, wrong=told)
        left = _contents(place)
        lost = before.lost_items
        if not after.is_sound or any(left[id_] != right[id_] for id_ in left.keys() & right.keys()):
            wrong = "it is not repaired"
        elif lost is not None and len(right.keys() - left.keys()) > lost:
            wrong = f"{len(right.keys() - left.keys())} items are lost, and {lost} were named"
    return Outcome(fault, isinstance(given, str) or not found.is_sound, wrong)


def file_is_gone(place: Path) -> bool:
    """Tell whether a catalogue has no database any more, or none of its pages."""
    database = place / DATABASE_FILE
    return not database.exists() or database.stat().st_size < 4096


def _contents(place: Path) -> dict[str, Any]:
    with LocalCatalogue.open(place) as catalogue:
        ids = catalogue.ids()
        of_filter = {item.id for item in catalogue.browse({"brand": "Ossby"}, limit=500).items}
        if not ids:
            return {}
        hits = {hit.item.id for hit in catalogue.search(catalogue.vectors(ids[:1]), 500)[0]}
        rows = zip(catalogue.get(ids), catalogue.vectors(ids), strict=True)
        return {
            item.id: (
                item.predicted,
                dict(item.attributes),
                vector.tobytes(),
                catalogue.display(item.id),
                item.id in of_filter,
                item.id in hits,
            )
            for item, vector in rows
        }


def main(count: int) -> int:
    """Inject faults into a small catalogue; return 1 when something is lost unsaid, or an alarm is false."""
    import numpy as np

    from indexer.records import DisplayCopy
    from models.datasets.fashion_mnist import CLASSES
    from models.pictures.png import encode_png

    wrong = noticed = 0
    with tempfile.TemporaryDirectory() as name:
        folder, draw = Path(name), np.random.default_rng(1)
        vectors = draw.standard_normal((60, 49)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        with LocalCatalogue.create(folder / "source", "f", 49, CLASSES) as catalogue:
            pictures = [encode_png(draw.integers(0, 255, (28, 28, 3), np.uint8)) for _ in vectors]
            catalogue.upsert(
                [
                    Record(
                        f"item-{n:03}",
                        predicted_class(CLASSES[n % 10], 0.5),
                        vector,
                        DisplayCopy(pictures[n], "image/png", 28, 28),
                    )
                    for n, vector in enumerate(vectors)
                ]
            )
        states = prepare(folder / "source", folder)
        for outcome in outcomes(states, count, 1, folder):
            noticed += outcome.was_noticed
            if outcome.wrong:
                wrong += 1
                sys.stdout.write(f"{outcome.fault}: {outcome.wrong}\n")
    sys.stdout.write(f"{count} faults, {noticed} noticed, {wrong} with a silent loss or a false alarm.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
