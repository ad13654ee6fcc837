"""What is read is what was written, or an error that names the item: a flipped bit is never served."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from indexer.catalogue.item_list import Items
from indexer.catalogue.local import LocalCatalogue
from indexer.database.store import DATABASE_FILE
from indexer.errors import CatalogueDamaged
from indexer.upkeep.repair import repair
from indexer.upkeep.verification import verify
from models.errors import LookalikeError

FLIPS = 60


@pytest.fixture(scope="module")
def resting(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty items, with attributes. Only for copying."""
    from indexer.records import AttributeUpdate

    directory = Path(shutil.copytree(small_catalogue, tmp_path_factory.mktemp("resting") / "catalogue"))
    with LocalCatalogue.open(directory) as catalogue:
        ids = catalogue.ids()
        catalogue.delete(ids[60:])
        catalogue.upsert([AttributeUpdate(id_, {"brand": "Ossby", "price": n}, "c") for n, id_ in enumerate(ids[:60])])
    with closing(apsw.Connection(str(directory / DATABASE_FILE))) as connection:
        connection.execute("VACUUM")  # so that flips hit what is kept
    return directory


@pytest.fixture
def catalogue(resting: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(resting, tmp_path / "catalogue"))


def execute(directory: Path, sql: str) -> None:
    with closing(apsw.Connection(str(directory / DATABASE_FILE))) as connection:
        connection.execute(sql)


Question = Callable[[LocalCatalogue, list[str]], Any]

QUESTIONS: dict[str, Question] = {
    "ids": lambda catalogue, ids: catalogue.ids(),
    "items": lambda catalogue, ids: catalogue.get(ids),
    "pictures": lambda catalogue, ids: [catalogue.display(id_) for id_ in ids],
    "vectors": lambda catalogue, ids: catalogue.vectors(ids).tobytes(),
    "table": lambda catalogue, ids: catalogue.vector_table().vectors.tobytes(),
    "page": lambda catalogue, ids: catalogue.browse(sort="-price", limit=60).items,
    "filter": lambda catalogue, ids: catalogue.browse({"price": {"lt": 20}}).items,
    "facets": lambda catalogue, ids: catalogue.facets(None, ["brand", "price", "predicted.class"]),
    "words": lambda catalogue, ids: catalogue.browse({"q~": "ossby"}).items,
    "hits": lambda catalogue, ids: catalogue.search(catalogue.vectors(ids[:1]), 60)[0],
    "counts": lambda catalogue, ids: dict(catalogue.counts()),
}


def answers(directory: Path, ids: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the answer to each question; the error that there is instead."""
    for name, ask in QUESTIONS.items():
        try:
            with LocalCatalogue.open(directory) as catalogue:
                answer: Any = ask(catalogue, ids)
        except LookalikeError as error:
            answer = error
        yield name, answer


def test_a_flipped_bit_alters_no_answer(resting: Path, tmp_path: Path) -> None:
    with LocalCatalogue.open(resting) as catalogue:
        ids = catalogue.ids()
    right = dict(answers(resting, ids))
    assert not any(isinstance(answer, LookalikeError) for answer in right.values())
    place = random.Random(3)
    content = (resting / DATABASE_FILE).read_bytes()
    refused = 0
    for number in range(FLIPS):
        directory = Path(shutil.copytree(resting, tmp_path / str(number)))
        at = place.randrange(len(content))
        flipped = content[:at] + bytes((content[at] ^ 1 << place.randrange(8),)) + content[at + 1 :]
        (directory / DATABASE_FILE).write_bytes(flipped)
        for name, answer in answers(directory, ids):
            if isinstance(answer, LookalikeError):
                refused += 1
            else:
                assert answer == right[name], f"{name}: a bit at {at} is flipped"
        shutil.rmtree(directory)
    assert refused > FLIPS / 2


@pytest.mark.parametrize(
    ("altered", "questions"),
    [
        ("UPDATE displays SET data = zeroblob(600) WHERE row = 305", ("pictures",)),
        ("UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE row = 310) WHERE row = 305", ("table",)),
        ("UPDATE items SET attributes = replace(attributes, 'Ossby', 'Ossba') WHERE row = 305", ("facets", "words")),
        ("UPDATE items SET attributes = replace(attributes, ': 4', ': 5') WHERE row = 305", ("filter", "page")),
        ("UPDATE items SET label = 'Cag' WHERE row = 305", ("items", "facets")),
        ("UPDATE items SET row_digest = x'00' WHERE row = 305", ("items", "hits")),
        ("UPDATE displays SET digest = x'00' WHERE row = 305", ("pictures",)),
    ],
)
def test_what_is_altered_is_named_and_the_rest_is_served(
    catalogue: Path, altered: str, questions: tuple[str, ...]
) -> None:
    with LocalCatalogue.open(catalogue) as opened:
        ids = opened.ids()
    right = dict(answers(catalogue, ids))
    execute(catalogue, altered)
    given = dict(answers(catalogue, ids))
    for question in questions:
        assert isinstance(given[question], CatalogueDamaged), question
        assert "not what its digest says" in str(given[question])
    for name, answer in given.items():
        assert isinstance(answer, CatalogueDamaged) or answer == right[name], name
    found, after = repair(catalogue)
    assert not found.is_sound
    assert after.is_sound
    assert not any(isinstance(answer, LookalikeError) for _, answer in answers(catalogue, ids[10:11]))


def test_a_listing_of_an_altered_item_is_refused(catalogue: Path) -> None:
    execute(catalogue, "UPDATE items SET probability = 0.25 WHERE row = 307")
    with LocalCatalogue.open(catalogue) as opened, pytest.raises(CatalogueDamaged):
        opened.ids()
    with Items(catalogue) as items, pytest.raises(CatalogueDamaged):
        list(items.each())
    assert len({finding.id for finding in verify(catalogue).findings}) == 1
