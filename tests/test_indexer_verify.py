"""Verifying and repairing: every flipped bit and every missing end is found; what can be rebuilt is, the rest named."""

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from indexer.catalogue.local import LocalCatalogue
from indexer.database.row_checksums import row_checksum
from indexer.database.store import DATABASE_FILE
from indexer.errors import CatalogueDamaged, CatalogueInUse, CatalogueMissing, CatalogueTooNew, NotRepairable
from indexer.upkeep.backup import restore
from indexer.upkeep.bit_repair import BitRepair
from indexer.upkeep.metadata_checks import Identity
from indexer.upkeep.page_checksums import PAGES_FILE, note_pages
from indexer.upkeep.repair import KEPT_FILE, repair
from indexer.upkeep.verification import Verification, verify
from indexer.vectors import index_file
from indexer.vectors.faiss_index import Index
from models.runtime import LiteRTEmbedder

LOG, MEMORY = f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm"
FLIPS = {DATABASE_FILE: 40, "generation-000001.faiss": 15, PAGES_FILE: 10, LOG: 35}
CUTS = 5
"""Of each of these files: 100 flips and 20 cuts in all. Repairing after each would take the time."""

KILLED_WRITER = """
    import os, sys
    from indexer.catalogue.local import LocalCatalogue
    from indexer.records import AttributeUpdate, Record

    catalogue = LocalCatalogue.open(sys.argv[1])
    ids = catalogue.ids()
    vectors, items = catalogue.vectors(ids), catalogue.get(ids)
    catalogue.upsert([
        Record(f"new-{item.id}", item.predicted, vector, catalogue.display(item.id), {"price": 3.5}, "c")
        for item, vector in zip(items[:40], vectors)
    ])
    catalogue.delete(ids[100:110])
    catalogue.upsert([AttributeUpdate(id_, {"size": "M"}, "d") for id_ in ids[200:210]])
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def resting(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue as an indexing run leaves it. Only for copying."""
    directory = tmp_path_factory.mktemp("resting") / "catalogue"
    shutil.copytree(small_catalogue, directory)
    with LocalCatalogue.open(directory):
        pass  # the last to close it leaves no log
    note_pages(directory)
    assert sorted(path.name for path in directory.iterdir()) == [
        PAGES_FILE,
        DATABASE_FILE,
        "generation-000001.faiss",
        "publish.lock",
    ]
    return directory


@pytest.fixture(scope="module")
def interrupted(resting: Path, tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """A catalogue whose last writer was killed: its latest commits are in the log alone. Only for copying."""
    directory = tmp_path_factory.mktemp("interrupted") / "catalogue"
    shutil.copytree(resting, directory)
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED_WRITER), directory], cwd=project, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (directory / LOG).stat().st_size > 100_000
    return directory


@pytest.fixture
def identity(embedder: LiteRTEmbedder) -> Identity:
    """Which model these catalogues are of."""
    card = embedder.card
    return Identity(card.fingerprint, card.dim, tuple(card.classes))


def copied(directory: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(directory, to)
    return to


def contents(directory: Path) -> dict[str, Any]:
    """All that a catalogue gives of each item."""
    with LocalCatalogue.open(directory) as catalogue:
        ids = catalogue.ids()
        items, vectors, kept = catalogue.get(ids), catalogue.vectors(ids), catalogue.content_keys(ids)
        return {
            item.id: (item, vector.tobytes(), catalogue.display(item.id), kept[item.id])
            for item, vector in zip(items, vectors, strict=True)
        }


def flip(file: Path, place: int, bit: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes((byte ^ 1 << bit,)))


def flip_within(file: Path, pattern: bytes, bit: int = 0) -> None:
    """Flip a bit of the first byte of the last place where a file has a pattern."""
    place = file.read_bytes().rindex(pattern)
    flip(file, place, bit)


def execute(directory: Path, sql: str) -> None:
    connection = apsw.Connection(str(directory / DATABASE_FILE))
    connection.execute(sql).fetchall()
    connection.close()


def assert_repaired(directory: Path, expected: dict[str, Any], identity: Identity) -> Verification:
    """Repair; then each item is there as it was, or it was named as lost. Return what was found."""
    before, after = repair(directory, lambda: identity)
    assert not before.is_sound
    assert after.is_sound, after.findings
    now = contents(directory)
    assert {id_: now[id_] for id_ in now if now[id_] != expected.get(id_)} == {}
    lost = {finding.id for finding in before.lost}
    unnamed = expected.keys() - now.keys() - lost
    # Of an item whose every copy of its name is gone the number of its row is told.
    assert len(unnamed) <= sum(str(id_).startswith("row ") for id_ in lost)
    assert after.items == len(now)
    return before


@pytest.mark.parametrize("file", FLIPS)
def test_every_flipped_bit_is_found_and_nothing_is_lost_unnamed(
    resting: Path, interrupted: Path, tmp_path: Path, identity: Identity, file: str
) -> None:
    state = interrupted if file == LOG else resting
    expected = contents(copied(state, tmp_path / "catalogue"))
    random = np.random.default_rng(1)
    size = (state / file).stat().st_size
    for number in range(FLIPS[file]):
        directory = copied(state, tmp_path / "catalogue")
        flip(directory / file, int(random.integers(size)), int(random.integers(8)))
        if number % 10:
            assert verify(directory, lambda: identity).files[file] == "damaged"
        else:
            assert_repaired(directory, expected, identity)


def test_flips_in_a_database_with_a_log_are_found_wherever_anything_is_kept(
    interrupted: Path, tmp_path: Path, identity: Identity
) -> None:
    """What is not found changes nothing: the pages that it is in are unused there, or newer in the log."""
    expected = contents(copied(interrupted, tmp_path / "catalogue"))
    random = np.random.default_rng(3)
    found = 0
    for _ in range(15):
        for file in (DATABASE_FILE, MEMORY):
            directory = copied(interrupted, tmp_path / "catalogue")
            flip(directory / file, int(random.integers((directory / file).stat().st_size)), int(random.integers(8)))
            if verify(directory, lambda: identity).is_sound:
                assert contents(directory) == expected
            else:
                found += file == DATABASE_FILE
    assert found >= 5


@pytest.mark.parametrize("file", FLIPS)
def test_every_missing_end_is_found_and_what_is_lost_is_named(
    resting: Path, interrupted: Path, tmp_path: Path, identity: Identity, file: str
) -> None:
    state = interrupted if file == LOG else resting
    expected = contents(copied(state, tmp_path / "catalogue"))
    random = np.random.default_rng(4)
    size = (state / file).stat().st_size
    for length in (0, 1, size - 1, size - 4096, *random.integers(size, size=CUTS - 4)):
        directory = copied(state, tmp_path / "catalogue")
        with (directory / file).open("r+b") as opened:
            opened.truncate(max(0, int(length)))
        verification = verify(directory, lambda: identity)
        assert verification.files[file] == "damaged"
        if file == LOG:
            assert "changes that were committed last" in verification.lost[0].problem
        elif verification.identity is not None:
            assert_repaired(directory, expected, identity)
        else:
            with pytest.raises(NotRepairable, match="--model"):
                repair(directory, lambda: identity)


def test_a_log_that_is_cut_leaves_what_was_committed_before(
    interrupted: Path, tmp_path: Path, identity: Identity
) -> None:
    directory = copied(interrupted, tmp_path / "catalogue")
    with (directory / LOG).open("r+b") as log:
        log.truncate(log.seek(0, 2) - 5000)
    before, after = repair(directory, lambda: identity)
    assert [finding.file for finding in before.lost] == [LOG]
    assert after.is_sound
    now = contents(directory)
    assert {"new-test-00000", "test-00200"} <= now.keys()
    assert "test-00105" not in now
    assert "size" not in now["test-00200"][0].attributes


@pytest.mark.parametrize("state", ["resting", "interrupted"])
def test_a_sound_catalogue_is_said_to_be_sound_and_is_not_changed(
    resting: Path, interrupted: Path, tmp_path: Path, state: str
) -> None:
    directory = copied(resting if state == "resting" else interrupted, tmp_path / "catalogue")
    told: list[tuple[int, int]] = []
    verification = verify(directory, progress=lambda done, total: told.append((done, total)))
    assert verification.is_sound
    assert verification.items == len(contents(directory)) == told[-1][1] == told[-1][0]
    assert verification.files[DATABASE_FILE] == "sound"
    assert verify(directory).is_sound


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE items SET label = 'Hat' WHERE row = 7", "is not what its digest says"),
        ("UPDATE displays SET data = x'89504e47' WHERE row = 7", "is not what its digest says"),
        ("DELETE FROM displays WHERE row = 7", "picture can't be read"),
    ],
)
def test_an_item_that_can_not_be_proven_is_named_and_left_out(
    resting: Path, tmp_path: Path, identity: Identity, damage: str, problem: str
) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = contents(directory)
    execute(directory, damage)
    before = assert_repaired(directory, expected, identity)
    assert [finding.id for finding in before.lost] == ["test-00006"]
    assert problem in before.lost[0].problem
    assert (directory / KEPT_FILE).exists()
    with LocalCatalogue.open(directory) as catalogue:
        assert len(catalogue) == 299
        assert catalogue.content_keys(["test-00006"]) == {}  # so that indexing the source adds it


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE vectors SET vector = zeroblob(512) WHERE row = 7",
        "DELETE FROM vectors WHERE row < 100",
        "UPDATE generations SET last_row = 250",
        "UPDATE generations SET file = 'generation-000009.faiss'",
        "INSERT INTO tombstones (row) VALUES (7)",
        "UPDATE sqlite_sequence SET seq = 5 WHERE name = 'items'",
        "UPDATE catalogue SET revision = 77",
        "DROP INDEX items_by_label",
    ],
)
def test_what_is_derived_is_rebuilt(resting: Path, tmp_path: Path, identity: Identity, damage: str) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = contents(directory)
    execute(directory, damage)
    assert assert_repaired(directory, expected, identity).lost == ()
    assert contents(directory) == expected


def test_a_flipped_bit_of_an_item_is_found_by_its_digest_and_flipped_back(
    resting: Path, tmp_path: Path, identity: Identity
) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = contents(directory)
    (directory / PAGES_FILE).unlink()
    flip_within(directory / DATABASE_FILE, expected["test-00123"][2].data[100:160])
    before = assert_repaired(directory, expected, identity)
    assert [(finding.id, finding.is_derived) for finding in before.findings] == [("test-00123", True)]
    assert contents(directory) == expected


def test_two_flipped_bits_of_one_item_are_not_guessed_at(resting: Path, tmp_path: Path, identity: Identity) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = contents(directory)
    (directory / PAGES_FILE).unlink()
    picture = expected["test-00123"][2].data
    flip_within(directory / DATABASE_FILE, picture[100:160])
    flip_within(directory / DATABASE_FILE, picture[200:260])
    before = assert_repaired(directory, expected, identity)
    assert [finding.id for finding in before.lost] == ["test-00123"]


def test_flipped_bits_of_pages_are_found_by_their_digests_and_flipped_back(
    resting: Path, tmp_path: Path, identity: Identity
) -> None:
    """In the heads of pages, where one bit can hide a whole tree."""
    directory = tmp_path / "catalogue"
    expected = contents(copied(resting, directory))
    random = np.random.default_rng(6)
    pages = (resting / DATABASE_FILE).stat().st_size // 4096
    for _ in range(6):
        copied(resting, directory)
        for page in random.choice(pages, 3, replace=False):
            flip(directory / DATABASE_FILE, 4096 * int(page) + int(random.integers(12)), int(random.integers(8)))
        assert assert_repaired(directory, expected, identity).lost == ()
        assert contents(directory) == expected


def test_mending_has_an_end() -> None:
    assert BitRepair(most_hashed=0).repaired((b"x" * 1000,), b"y" * 16) is None


@pytest.mark.parametrize("what", ["fingerprint", "classes"])
def test_a_damaged_record_of_the_model_is_proven_by_naming_the_model(
    resting: Path, tmp_path: Path, identity: Identity, what: str
) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = contents(directory)
    (directory / PAGES_FILE).unlink()
    pattern = identity.fingerprint.encode()[3:] if what == "fingerprint" else b'Trouser", "Pullover"'
    flip_within(directory / DATABASE_FILE, pattern)
    other = Identity("0" * 64, identity.dim, identity.classes)
    with pytest.raises(NotRepairable, match="--model"):
        repair(directory, lambda: other)
    assert assert_repaired(directory, expected, identity).lost == ()
    with LocalCatalogue.open(directory, identity.fingerprint) as catalogue:
        assert catalogue.classes == identity.classes


def test_a_damaged_first_page_is_rebuilt(resting: Path, tmp_path: Path, identity: Identity) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = contents(directory)
    with (directory / DATABASE_FILE).open("r+b") as file:
        file.write(bytes(4096))
    assert assert_repaired(directory, expected, identity).lost == ()


def test_a_database_that_another_process_has_open_is_not_replaced(
    resting: Path, tmp_path: Path, identity: Identity, project: Path
) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    execute(directory, "UPDATE items SET label = 'Hat' WHERE row = 7")
    code = (
        "import sys; from indexer.catalogue.local import LocalCatalogue;"
        " c = LocalCatalogue.open(sys.argv[1]); print(); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert not verify(directory).is_sound
        with pytest.raises(CatalogueInUse, match="Stop it"):
            repair(directory, lambda: identity)
        other.communicate("\n")
    assert repair(directory, lambda: identity)[1].is_sound


def test_no_catalogue_and_one_of_a_later_version_are_said(resting: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogueMissing):
        verify(tmp_path / "nothing")
    directory = copied(resting, tmp_path / "catalogue")
    execute(directory, "PRAGMA user_version = 5")
    assert [finding.problem for finding in verify(directory).findings] == ["the number of its format is damaged"]
    execute(directory, "UPDATE catalogue SET digest = x'00'")
    with pytest.raises(CatalogueTooNew):
        verify(directory)


def made_of_format_3(directory: Path) -> None:
    """Make a catalogue what it would be if an earlier version had written it: one digest for all of an item."""
    (directory / PAGES_FILE).unlink(missing_ok=True)
    for table, column in (("items", "row_digest"), ("vectors", "digest"), ("displays", "digest")):
        execute(directory, f"ALTER TABLE {table} DROP COLUMN {column}")
    execute(directory, "PRAGMA user_version = 3")


def made_of_format_2(directory: Path) -> None:
    """The same of a version before that: neither colours nor fingerprints."""
    made_of_format_3(directory)
    with closing(apsw.Connection(str(directory / DATABASE_FILE))) as connection:
        connection.create_scalar_function("digest", lambda *values: row_checksum(values), deterministic=True)
        for column in ("colours", "fingerprint"):
            connection.execute(f"ALTER TABLE items DROP COLUMN {column}")
        connection.execute(
            "UPDATE items SET digest = digest(items.row, id, label, probability, attributes, content, media_type,"
            " width, height, vector, data) FROM vectors, displays WHERE vectors.row = items.row"
            " AND displays.row = items.row"
        )
        connection.pragma("user_version", 2)


def without_looks(kept: dict[str, Any]) -> dict[str, Any]:
    return {id_: (replace(item, colours=None, fingerprint=None), *rest) for id_, (item, *rest) in kept.items()}


def test_a_catalogue_of_the_first_format_gets_its_digests_when_it_is_opened(resting: Path, tmp_path: Path) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = without_looks(contents(directory))
    made_of_format_2(directory)
    for table in ("catalogue", "items", "tombstones", "attribute_names", "generations"):
        execute(directory, f"ALTER TABLE {table} DROP COLUMN digest")
    execute(directory, "PRAGMA user_version = 1")
    assert contents(directory) == expected
    assert verify(directory).is_sound
    execute(directory, "UPDATE items SET probability = 0.5 WHERE row = 9")
    assert [finding.id for finding in verify(directory).lost] == ["test-00008"]


def test_a_catalogue_of_the_second_format_keeps_all_and_gets_colours_when_indexed(
    resting: Path, tmp_path: Path
) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = without_looks(contents(directory))
    made_of_format_2(directory)
    shutil.copyfile(directory / DATABASE_FILE, tmp_path / "backup")
    assert contents(directory) == expected
    assert verify(directory).is_sound
    restore(tmp_path / "backup", tmp_path / "restored")
    assert contents(tmp_path / "restored") == expected
    place = (directory / DATABASE_FILE).read_bytes().index(b"test-00008")
    flip(directory / DATABASE_FILE, place, 1)
    assert verify(directory).lost == ()  # one flipped bit is found, as ever


def test_what_an_earlier_version_wrote_is_proven_when_it_is_read(resting: Path, tmp_path: Path) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    expected = contents(directory)
    made_of_format_3(directory)
    assert contents(directory) == expected
    assert verify(directory).is_sound
    execute(directory, "UPDATE items SET attributes = '{}' WHERE row = 9")
    execute(directory, "UPDATE displays SET data = x'00' WHERE row = 10")
    with LocalCatalogue.open(directory) as catalogue:
        for id_ in ("test-00008", "test-00009"):
            for ask in (lambda id_=id_: catalogue.get([id_]), lambda id_=id_: catalogue.display(id_)):
                with pytest.raises(CatalogueDamaged, match=id_):
                    ask()
        assert len(catalogue.get([f"test-{number:05}" for number in range(10, 300)])) == 290


def published_meanwhile(directory: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Let another program publish, and sweep the file, just before each of the first few index files is read."""
    load, swept = index_file.load, list[str]()

    def loaded(place: Path, pointer: index_file.Pointer, dim: int) -> Index:
        if len(swept) < times:
            swept.append(pointer.file)
            with monkeypatch.context() as undisturbed:
                undisturbed.setattr(index_file, "load", load)
                with LocalCatalogue.open(directory) as other:
                    other.delete(other.ids()[:1])
                    other.publish()
            assert not (directory / pointer.file).exists()
        return load(place, pointer, dim)

    monkeypatch.setattr(index_file, "load", loaded)
    return swept


def test_an_index_file_that_was_replaced_meanwhile_is_no_damage(
    resting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    swept = published_meanwhile(directory, monkeypatch, times=3)
    found = verify(directory)
    assert (len(swept), found.findings, found.items) == (3, (), 297)
    swept = published_meanwhile(directory, monkeypatch, times=3)
    with LocalCatalogue.open(directory) as server:
        with server.reading() as state:
            assert (len(swept), len(state), state.generation) == (3, 294, 7)
            assert state._snapshot.is_whole
        assert server.generation == 7, "nothing was published for being damaged"
    next(directory.glob("*.faiss")).unlink()
    assert [finding.problem for finding in verify(directory).findings] == [
        "generation-000007.faiss: No such file or directory"
    ]


def test_pages_are_noted_anew_after_a_write_only(resting: Path, tmp_path: Path) -> None:
    directory = copied(resting, tmp_path / "catalogue")
    noted = (directory / PAGES_FILE).read_bytes()
    comment = (directory / DATABASE_FILE).read_bytes().index(b"JSON list, in the model's order")  # of the schema
    flip(directory / DATABASE_FILE, comment, 3)
    note_pages(directory)
    assert (directory / PAGES_FILE).read_bytes() == noted  # or the damage would count as right
    with LocalCatalogue.open(directory) as catalogue:
        catalogue.delete(["test-00001"])
    note_pages(directory)
    assert (directory / PAGES_FILE).read_bytes() != noted
    assert verify(directory).is_sound


def test_the_command_says_what_it_found_and_did(resting: Path, tmp_path: Path, project: Path) -> None:
    directory = copied(resting, tmp_path / "catalogue")

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, project / "lookalike.py", "verify", "--catalogue", directory, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout

    code, said = run()
    assert (code, "sound. 300 items" in said) == (0, True)
    execute(directory, "UPDATE items SET label = 'Hat' WHERE row = 7")
    execute(directory, "UPDATE vectors SET vector = zeroblob(512) WHERE row = 8")
    code, said = run()
    assert code == 1
    assert "test-00006: it is not what its digest says (can't be rebuilt" in said
    assert "test-00007: its vector is damaged (can be rebuilt)" in said
    code, said = run("--json")
    answer = json.loads(said)
    assert (code, answer["sound"], answer["files"][DATABASE_FILE]) == (1, False, "damaged")
    assert [finding["id"] for finding in answer["findings"]] == ["test-00006", "test-00007"]
    code, said = run("--repair")
    assert code == 3
    assert "test-00006" in said
    assert "repaired, with 299 items. 1 were lost" in said
    assert run()[0] == 0
    next(directory.glob("*.faiss")).write_bytes(b"")
    assert run("--repair")[0] == 0
    assert run()[0] == 0
