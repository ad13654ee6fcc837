"""A catalogue that is deleted under a running program, and put back: it is noticed, and nothing is acknowledged."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from indexer.catalogue.local import LocalCatalogue
from indexer.database.store import DATABASE_FILE
from indexer.errors import CatalogueDamaged, CatalogueMissing, CatalogueNotWritable, CatalogueReplaced
from indexer.records import AttributeUpdate
from indexer.upkeep.verification import verify
from models.embedder import Embedder
from search_api.engine import Engine
from search_api.http.app import create_app


@pytest.fixture
def directory(small_catalogue: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_catalogue, tmp_path / "catalogue"))


@pytest.fixture
def server(directory: Path) -> Iterator[LocalCatalogue]:
    with LocalCatalogue.open(directory) as catalogue:
        yield catalogue


def change(catalogue: LocalCatalogue, id_: str, value: str) -> None:
    catalogue.upsert([AttributeUpdate(id_, {"brand": value}, value)])


ASKED: tuple[Callable[[LocalCatalogue], Any], ...] = (
    len,
    lambda catalogue: catalogue.get(["test-00001"]),
    lambda catalogue: catalogue.browse({"brand": "Ossby"}),
    lambda catalogue: catalogue.browse({"q~": "ossby"}),
    lambda catalogue: catalogue.search(catalogue.vectors(["test-00001"]), 3),
)


def test_what_is_put_back_is_found_by_every_thread(directory: Path, server: LocalCatalogue, tmp_path: Path) -> None:
    change(server, "test-00001", "Ossby")
    shutil.copytree(directory, tmp_path / "live")
    with LocalCatalogue.open(tmp_path / "live") as copy:
        assert [item.id for item in copy.browse({"brand": "Ossby"}).items] == ["test-00001"]
    assert not (tmp_path / "live" / f"{DATABASE_FILE}-wal").exists()
    change(server, "test-00002", "Ossby")  # and is lost with the directory
    with ThreadPoolExecutor(1) as elsewhere:
        for ask in ASKED:
            ask(server)
            elsewhere.submit(ask, server).result()
        with server.reading() as state:
            versions = {state.version}
        shutil.rmtree(directory)
        for ask in (*ASKED, lambda catalogue: change(catalogue, "test-00003", "Ossby")):
            with pytest.raises(CatalogueMissing):
                ask(server)
            with pytest.raises(CatalogueMissing):
                elsewhere.submit(ask, server).result()
        shutil.copytree(tmp_path / "live", directory)
        for run in (lambda ask: ask(server), lambda ask: elsewhere.submit(ask, server).result()):
            assert run(len) == 300
            assert [item.id for item in run(ASKED[2]).items] == ["test-00001"]
            assert [item.id for item in run(ASKED[3]).items] == ["test-00001"]
        for number in range(3):
            change(server, "test-00004", str(number))
            with server.reading() as state:
                versions.add(state.version)
        elsewhere.submit(change, server, "test-00005", "Lund").result()
    assert len(versions) == 4, "what was answered of the lost catalogue is taken for nothing of this one"
    with LocalCatalogue.open(directory) as another:
        assert another.get(["test-00004"])[0].attributes == {"brand": "2"}
        assert another.get(["test-00005"])[0].attributes == {"brand": "Lund"}
    server.close()
    assert verify(directory).is_sound


def test_what_is_written_while_the_files_go_is_not_acknowledged(
    directory: Path, server: LocalCatalogue, tmp_path: Path
) -> None:
    shutil.copytree(directory, tmp_path / "copy")
    with pytest.raises(CatalogueNotWritable, match="removed while"), server._store.write():
        shutil.rmtree(directory)
    shutil.copytree(tmp_path / "copy", directory)
    assert server.delete(["test-00000"]) == 1
    assert len(server) == 299


def test_a_copy_that_is_not_whole_yet_is_tried_again(directory: Path, server: LocalCatalogue, tmp_path: Path) -> None:
    server.close()
    content = (directory / DATABASE_FILE).read_bytes()
    with LocalCatalogue.open(directory) as again:
        shutil.rmtree(directory)
        directory.mkdir()
        for size in (0, 3000, 4096, len(content) // 2 // 4096 * 4096, len(content) - 100):
            (directory / DATABASE_FILE).write_bytes(content[:size])
            with pytest.raises((CatalogueMissing, CatalogueDamaged)):
                again.browse(limit=300)
            for left in directory.glob("*-*"):
                left.unlink()
        (directory / DATABASE_FILE).write_bytes(content)
        assert len(again.browse(limit=300).items) == len(again) == 300
        assert again.search(again.vectors(["test-00007"]), 1)[0][0].item.id == "test-00007"


def test_a_catalogue_of_another_model_is_not_taken_for_it(directory: Path, server: LocalCatalogue) -> None:
    shutil.rmtree(directory)
    LocalCatalogue.create(directory, "another", 7, ["Bag"]).close()
    with pytest.raises(CatalogueReplaced, match="SIGHUP"):
        len(server)


def test_a_server_answers_again(directory: Path, embedder: Embedder, tmp_path: Path) -> None:
    shutil.copytree(directory, tmp_path / "copy")
    client = create_app(lambda: Engine(embedder, LocalCatalogue.open(directory))).test_client()
    assert client.get("/readyz").status_code == 200
    shutil.rmtree(directory)
    assert client.get("/readyz").status_code == 503
    assert client.get("/v1/items/test-00001").status_code == 503
    shutil.copytree(tmp_path / "copy", directory)
    assert client.get("/readyz").json["items"] == 300  # type: ignore[index]
    assert client.get("/v1/items/test-00001").status_code == 200
    assert client.get("/v1/items?where=label%3DBag").status_code == 200
