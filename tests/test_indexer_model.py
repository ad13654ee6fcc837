"""The catalogue held against a dictionary, whatever is done to it in whatever order, with crashes in between."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis.strategies as st
import numpy as np
import pytest
from filter_meaning import allows, members
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from numpy.typing import NDArray

from indexer.catalogue import local
from indexer.catalogue.item_list import Items
from indexer.catalogue.local import LocalCatalogue
from indexer.columns import column_files
from indexer.database import commit_note, store
from indexer.errors import UnknownItem, VersionConflict
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Record
from indexer.upkeep.backup import back_up, restore
from indexer.upkeep.compacting import compact
from indexer.upkeep.repair import repair
from indexer.upkeep.verification import verify
from indexer.vectors import publishing
from models.datasets.fashion_mnist import CLASSES
from models.pictures.png import encode_png

DIM = 49
PICTURES = [
    DisplayCopy(encode_png(np.full((side, 4, 3), 40 * side, np.uint8)), "image/png", 4, side) for side in range(1, 6)
]
IDS = st.sampled_from([f"item-{number}" for number in range(12)] + ["Ä", "b c", "é"])
VALUES = st.one_of(
    st.sampled_from(["a", "b", "", "Ä", "ab", "1", "\0x", 0, 1, -1, 1.0, 2.5, 2**53 + 1, 2.0**53, True, False, None]),
    st.lists(st.sampled_from(["a", 1, 2.5, "b", True]), max_size=3),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["x", "y", "a b", "any"]), VALUES, max_size=3)
CONDITIONS = st.one_of(
    st.sampled_from(["a", "", "1", 0, 1, 2**53 + 1, 2.0**53, True, None]),
    st.lists(st.sampled_from(["a", "Ä", 1, 2.5, None]), max_size=3),
    st.dictionaries(st.sampled_from(["lt", "lte", "gt", "gte"]), st.sampled_from([0, 1, 2.5, 2**53]), min_size=1),
    st.dictionaries(st.sampled_from(["lt", "gte"]), st.sampled_from(["", "a", "ab"]), min_size=1),
    st.builds(lambda prefix: {"prefix": prefix}, st.sampled_from(["", "a", "Ä"])),
    st.builds(lambda value: {"not": value}, st.sampled_from(["a", 1, None])),
)
FIELDS = st.dictionaries(st.sampled_from(["x", "y", "a b", "attributes.any"]), CONDITIONS, min_size=1, max_size=2)
LABELS = st.builds(lambda label: {"predicted.class": label}, st.sampled_from(CLASSES[:2]))
SIMPLE = FIELDS | LABELS | st.builds(lambda id_: {"id": id_}, IDS)
FILTERS = st.recursive(
    SIMPLE,
    lambda inner: (
        st.builds(lambda one: {"not": one}, inner)
        | st.builds(lambda some: {"any": some}, st.lists(inner, min_size=1, max_size=2))
        | st.builds(lambda some: {"all": some}, st.lists(inner, min_size=1, max_size=2))
    ),
    max_leaves=3,
)

Model = dict[str, Record]


class Shop(RuleBasedStateMachine):
    """One catalogue, opened by two, and what it is to hold."""

    vectors: NDArray[np.float32]
    versions = Bundle("versions")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.stack.enter_context(patch.object(publishing, "MOST_UNPUBLISHED", 3))
        self.stack.enter_context(patch.object(store, "MOST_LOG", 60_000))
        for module in (local, column_files):
            self.stack.enter_context(patch.object(module, "LEAST_KEPT", 3))
        self.model: Model = {}
        self.places = 0
        self.open(self.new_place())

    def new_place(self) -> Path:
        self.places += 1
        return self.folder / str(self.places)

    def open(self, place: Path) -> None:
        self.place = place
        self.catalogue = LocalCatalogue.create(place, "f", DIM, CLASSES)
        self.other = LocalCatalogue.open(place)

    def close(self) -> None:
        self.catalogue.close()
        self.other.close()

    def teardown(self) -> None:
        self.close()
        assert verify(self.place).is_sound
        self.stack.close()

    # --- what is written ---

    @rule(
        items=st.lists(st.tuples(IDS, st.integers(0, 19), ATTRIBUTES, st.sampled_from(CLASSES[:3])), max_size=4),
        crash=st.sampled_from([None, None, "state_of", "note"]),
    )
    def upsert(self, items: list[tuple[str, int, Mapping[str, Any], str]], crash: str | None) -> None:
        records = [
            Record(id_, predicted_class(label, 0.5), self.vectors[image], PICTURES[image % 5], attributes, str(image))
            for id_, image, attributes, label in items
        ]
        after = self.model | {record.id: record for record in records}
        self.change(lambda: self.catalogue.upsert(records), after, crash if records else None)

    @rule(id_=IDS, attributes=ATTRIBUTES)
    def update(self, id_: str, attributes: Mapping[str, Any]) -> None:
        change = AttributeUpdate(id_, attributes, "u")
        if id_ not in self.model:
            with pytest.raises(UnknownItem):
                self.other.upsert([change])
            return
        self.other.upsert([change])
        self.model[id_] = replace(self.model[id_], attributes=attributes, content_key="u")

    @rule(ids=st.lists(IDS, max_size=5), crash=st.sampled_from([None, "state_of", "note"]))
    def delete(self, ids: list[str], crash: str | None) -> None:
        after = {id_: record for id_, record in self.model.items() if id_ not in ids}
        self.change(lambda: self.other.delete(ids), after, crash)

    @rule(where=FIELDS)
    def delete_where(self, where: dict[str, Any]) -> None:
        with Items(self.place) as items:
            known = {name for record in self.model.values() for name in record.attributes}
            if not {name.removeprefix("attributes.") for name in where} <= known:
                return  # what no item ever had is refused
            gone = self.meeting(where)
            assert items.delete_where(where) == len(gone)
        self.model = {id_: record for id_, record in self.model.items() if id_ not in gone}

    @rule(id_=IDS)
    def write_on_condition(self, id_: str) -> None:
        record = Record(id_, predicted_class(CLASSES[0], 0.5), self.vectors[3], PICTURES[0], {"x": "new"}, "n")
        if id_ in self.model:
            with pytest.raises(VersionConflict):
                self.catalogue.upsert([record], {id_: None})
            version = self.other.get([id_])[0].version
            self.catalogue.upsert([record], {id_: version})
        else:
            self.catalogue.upsert([record], {id_: None})
        self.model[id_] = record

    def change(self, do: Callable[[], object], after: Model, crash: str | None) -> None:
        """Make a change; or have it end, just before or after it is committed, and go on with what a kill leaves."""
        if crash is None:
            do()
            self.model = after
            return
        place, real = self.new_place(), getattr(commit_note, crash)

        def die(*arguments: Any) -> Any:
            if not place.exists():
                shutil.copytree(self.place, place)  # all that there is, if the process ended at this moment
            return real(*arguments)

        with patch.object(commit_note, crash, die):
            do()
        if place.exists():
            self.close()
            self.open(place)
            self.model = after if crash == "note" else self.model
        else:
            self.model = after

    # --- what is done to all of it ---

    @rule(by_other=st.booleans(), graph=st.booleans())
    def publish(self, by_other: bool, graph: bool) -> None:
        (self.other if by_other else self.catalogue).publish(exact_up_to=2 if graph else None)

    @rule()
    def keep_up(self) -> None:
        self.catalogue.keep_up()

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open(self.place)

    @rule()
    def crash(self) -> None:
        place = self.new_place()
        shutil.copytree(self.place, place)
        self.close()
        self.open(place)

    @rule()
    def lose_index_files(self) -> None:
        for file in self.place.glob("*.faiss"):
            file.write_bytes(b"")
        self.reopen()

    @rule()
    def back_up_and_restore(self) -> None:
        backup, place = self.new_place(), self.new_place()
        assert back_up(self.place, backup) == len(self.model)
        assert restore(backup, place) == len(self.model)
        self.close()
        self.open(place)

    @rule()
    def compact(self) -> None:
        assert compact(self.place).items == len(self.model)

    @rule()
    def put_back(self) -> None:
        copy = self.new_place()
        back_up(self.place, copy)
        files = {path.name: path.read_bytes() for path in self.place.glob("generation-*")}
        shutil.rmtree(self.place)
        self.place.mkdir()
        for name, content in files.items():
            (self.place / name).write_bytes(content)
        shutil.copyfile(copy, self.place / store.DATABASE_FILE)

    @rule()
    def verify_and_repair(self) -> None:
        self.close()
        before, after = repair(self.place)
        assert not before.lost
        assert after.is_sound
        self.open(self.place)

    # --- what is read ---

    def meeting(self, where: Mapping[str, Any]) -> list[str]:
        return sorted(
            id_
            for id_, record in self.model.items()
            if allows(where, id_, record.predicted["class"].value, record.attributes)
        )

    @rule(where=FILTERS, image=st.integers(0, 19))
    def ask(self, where: dict[str, Any], image: int) -> None:
        expected = self.meeting(where)
        for catalogue in (self.catalogue, self.other):
            page = catalogue.browse(where, limit=50)
            assert ([item.id for item in page.items], page.total) == (expected, len(expected)), where
        hits = self.catalogue.search(self.vectors[image : image + 1], 3, where)[0]
        scores = {id_: self.score(image, id_) for id_ in expected}
        assert [hit.item.id for hit in hits] == sorted(scores, key=lambda id_: (-scores[id_], id_))[:3]
        facets = {facet.field: dict(facet.values) for facet in self.other.facets(where, ["x", "predicted.class"])}
        of_x = [value for id_ in expected for value in set(members(self.model[id_].attributes.get("x")))]
        assert facets["x"] == {value: of_x.count(value) for value in set(of_x)}
        labels = [self.model[id_].predicted["class"].value for id_ in expected]
        assert facets["predicted.class"] == {label: labels.count(label) for label in set(labels)}

    def score(self, image: int, id_: str) -> float:
        exact = self.vectors[image].astype(np.float64) @ self.model[id_].vector.astype(np.float64)
        return min(float(np.float32(exact)), 1.0)

    @invariant()
    def both_hold_what_they_are_to_hold(self) -> None:
        ids = sorted(self.model)
        for catalogue in (self.catalogue, self.other):
            assert catalogue.ids() == ids
            assert len(catalogue) == len(ids)
        for item, vector, id_ in zip(self.catalogue.get(ids), self.other.vectors(ids), ids, strict=True):
            record = self.model[id_]
            assert (item.predicted, dict(item.attributes)) == (record.predicted, dict(record.attributes))
            assert np.array_equal(vector, record.vector)
            assert self.other.display(id_) == record.display
        assert self.other.content_keys(ids) == {id_: record.content_key for id_, record in self.model.items()}
        counts = {label: count for label, count in self.catalogue.counts().items() if count}
        labels = [record.predicted["class"].value for record in self.model.values()]
        assert counts == {label: labels.count(label) for label in set(labels)}


def test_the_catalogue_is_a_dictionary_that_survives(vectors: NDArray[np.float32]) -> None:
    Shop.vectors = vectors[:20]
    run_state_machine_as_test(
        Shop,
        settings=settings(
            max_examples=35,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
