"""Learning a shop's own words from its products: what can be learned, the heads, a bundle, and tags by it."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import models
from commands.command_line import main
from commands.composition import open_engine
from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import Predicted, TargetPrediction, predicted_class
from indexer.told_values import with_told, without_told
from indexer.validation import attribute_error
from models.card import Target, read_card
from models.errors import BundleTooNew, NothingGained, TargetUnusable, TooFewProducts
from models.pictures.decoding import decode
from models.runtime import LiteRTEmbedder
from models.tagging.tags import FILLED, MISTAKE, read_learned, tags_of, threshold_of
from models.training.own_catalogue import bundle, heads
from models.training.own_catalogue.bundle import OwnTraining, train_own
from models.training.own_catalogue.examples import OTHER, Example, Learnable, folds_of, learnable
from models.training.own_catalogue.heads import BRANCHES, COLOUR, KIND, HeadRecipe, fit_branch, inputs_of
from models.training.own_catalogue.judging import precision_at_10
from models.training.own_catalogue.parts import part_of
from models.training.own_catalogue.seeing import Features
from sample_shop.products import products
from webui.app import create_app

BASE = models.bundle_directory(models.PHOTOGRAPHS)
BRIEF = HeadRecipe(epochs=6, hidden=96, patience=4)
KINDS = {"Trouser": "trousers", "Bag": "bags", "Sneaker": "shoes", "Sandal": "shoes", "Ankle boot": "shoes"}


class Bytes:
    """A picture that was read."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> bytes:
        return self.data


def drawn(count: int) -> list[Example]:
    """Return drawn products, with a kind of the shop's own, a shade and a brand."""
    examples = []
    for one in products()[:count]:
        file = BytesIO()
        Image.fromarray(one.draw()).save(file, "PNG", compress_level=1)
        kind = KINDS.get(str(one.attributes["class"]), "tops")
        is_dark = one.attributes["colour"] in ("black", "navy", "charcoal", "petrol", "forest", "plum", "grey", "olive")
        words = {"kind": kind, "shade": "dark" if is_dark else "light", "brand": str(one.attributes["brand"])}
        examples.append(Example(one.id, Bytes(file.getvalue()), words))
    return examples


def write_table(folder: Path, rows: Sequence[Mapping[str, str]], examples: Sequence[Example]) -> Path:
    """Write a table of products, with a picture of each beside it."""
    for one in examples:
        (folder / f"{one.id}.png").write_bytes(one.picture.read())
    table = folder / "products.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "image", *list(rows[0])[1:]])
        writer.writeheader()
        writer.writerows({"image": f"{row['id']}.png".lstrip("="), **row} for row in rows)
    return table


def said(values: Sequence[str], name: str = "type") -> list[Example]:
    return [Example(str(at), Bytes(b""), {name: value}) for at, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "name", "says"),
    [
        (["shirt"] * 30, "type", "nothing to tell apart"),
        ([f"sku {at}" for at in range(40)], "type", "names products, not kinds"),
        (["19.95", "20", "35,50"] * 20, "type", "holds numbers, such as"),
        (["shirt", "shoe"] * 20, "fabric", r"No product has anything in 'fabric'. There are type."),
        (["", " "] * 20, "type", "They have no attributes at all."),
        ([f"kind {at // 3}" for at in range(40)], "type", "have 5 products or more. Learn from more products"),
        (["a", "b"] * 20, "class", "can't be called class"),
    ],
)
def test_what_can_t_be_learned_says_what_to_do(values: list[str], name: str, says: str) -> None:
    with pytest.raises(TargetUnusable, match=says):
        learnable(said(values), name)


def test_rare_values_are_gathered_and_missing_ones_are_none() -> None:
    target = learnable(said(["shirt"] * 30 + ["shoe"] * 25 + ["hat", "hat", "belt", "scarf", "sock"] + [""]), "type")
    assert target.values == ("shirt", "shoe", OTHER)
    assert target.gathered == ("belt", "hat", "scarf", "sock")
    assert target.counts.tolist() == [30, 25, 5]
    assert target.labels[-1] == -1
    assert learnable(said(["a"] * 25 + ["b"] * 7), "type").few == ("b",)


def test_pictures_of_one_product_and_products_of_one_picture_never_part() -> None:
    random = np.random.default_rng(0)
    ids = [f"item {random.integers(60)}" for _ in range(200)]
    pictures = [f"picture {random.integers(150)}" for _ in range(200)]
    folds = folds_of(ids, pictures, random.integers(0, 3, 200))
    for names in (ids, pictures):
        assert all(
            len({fold for fold, other in zip(folds, names, strict=True) if other == name}) == 1 for name in names
        )
    apart = folds_of([str(at) for at in range(200)], [str(at) for at in range(200)], np.arange(200) % 3)
    assert np.bincount(apart).min() >= 45


def features_of(labels: NDArray[np.int64], spread: float = 1.0) -> Features:
    """Return features in which kinds differ in the trunk's maps, and hues in the colours."""
    random = np.random.default_rng(1)
    widths = {"last": 24, "late": 8, "middle": 8, "quarters": 8, "colours": 12, "fine": 16}
    found = {}
    for name, width in widths.items():
        places = np.random.default_rng(len(name)).normal(size=(2, 4, width))
        of = labels % 4 if name in ("colours", "fine") else labels // 4
        found[name] = (places[0][of] + spread * random.normal(size=(len(labels), width))).astype(np.float16)
    return found


def two_targets(count: int) -> tuple[Learnable, Learnable, Features]:
    labels = np.random.default_rng(2).integers(0, 12, count)
    kinds = learnable(said([f"kind {label // 4}" for label in labels]), "type")
    hues = learnable(said([f"hue {label % 4}" for label in labels], "hue"), "hue")
    return kinds, hues, features_of(labels)


def test_a_target_belongs_to_the_colour_where_colours_tell_it_better() -> None:
    kinds, hues, features = two_targets(300)
    assert part_of(kinds, features, 0).part == KIND
    assert part_of(hues, features, 0).part == COLOUR


def test_heads_that_were_stopped_end_like_others_and_tell_what_they_had_not_seen(tmp_path: Path) -> None:
    kinds, _, features = two_targets(240)
    branch = BRANCHES[KIND]
    given = inputs_of(features, branch)
    learned = np.arange(240) % 4 > 0
    recipe = replace(BRIEF, epochs=6)

    class Stopped(Exception):
        pass

    epochs: list[int] = []

    def stop_at_the_third() -> None:
        epochs.append(1)
        if len(epochs) == 3:
            raise Stopped

    stopped = tmp_path / "stopped.npz"
    with pytest.raises(Stopped):
        fit_branch(branch, given, [kinds], learned, 7, stopped, recipe, stop_at_the_third)
    assert stopped.exists()
    more: list[int] = []
    gone_on = fit_branch(branch, given, [kinds], learned, 7, stopped, recipe, lambda: more.append(1))
    assert len(more) == 3
    whole = fit_branch(branch, given, [kinds], learned, 7, tmp_path / "whole.npz", recipe)
    np.testing.assert_allclose(gone_on.part(given), whole.part(given), atol=1e-5)
    assert not stopped.exists()
    told = whole.logits(given[~learned])["type"].argmax(axis=1)
    assert (told == kinds.labels[~learned]).mean() > 0.9
    np.testing.assert_allclose(np.linalg.norm(whole.part(given), axis=1), 1, atol=1e-5)


def test_a_product_without_a_value_teaches_nothing(tmp_path: Path) -> None:
    kinds, hues, features = two_targets(240)
    branch = BRANCHES[KIND]
    given = inputs_of(features, branch)
    everything = np.ones(240, np.bool_)
    silent = replace(hues, labels=np.full(240, -1))
    silent.labels[:8] = hues.labels[:8]
    half = replace(kinds, labels=np.where(np.arange(240) < 120, kinds.labels, -1))
    fitted = fit_branch(branch, given, [half, silent], everything, 3, tmp_path / "one.npz", BRIEF)
    told = fitted.logits(given)["type"].argmax(axis=1)
    assert (told[120:] == kinds.labels[120:]).mean() > 0.9, "the others had values enough"


def test_a_threshold_holds_its_precision() -> None:
    random = np.random.default_rng(5)
    sure = random.uniform(0.5, 1, 4_000)
    probabilities = np.stack([sure, 1 - sure], axis=1)
    labels = (random.uniform(size=4_000) > sure).astype(np.int64)  # as often right as is said
    threshold, filled = threshold_of(probabilities[:2_000], labels[:2_000], 0.95)
    others, asked = probabilities[2_000:], labels[2_000:]
    reached = others.max(axis=1) >= threshold
    assert (others.argmax(axis=1) == asked)[reached].mean() >= 0.94
    assert 0.05 < filled < 0.6
    assert threshold_of(probabilities, 1 - labels, 0.95) == (1.01, 0.0), "where it is never right, nothing is filled"


def test_neighbours_that_share_a_value_are_counted_as_by_hand() -> None:
    angles = np.array([0, 1, 2, 3, 90, 91, 92, 93], np.float32)
    vectors = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
    labels = {"same": np.repeat([0, 1], 4), "mixed": np.tile([0, 1], 4), "few": np.array([0, 0, 1, 1, -1, -1, -1, -1])}
    found = precision_at_10(vectors, labels)
    assert found["same"] == 1
    assert found["mixed"] == pytest.approx(1 / 3)
    assert np.isnan(found["few"])


@pytest.fixture(scope="module")
def learned_from() -> list[Example]:
    return drawn(110)


@pytest.fixture(scope="module")
def trained(learned_from: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that has learned from a table of drawn products, by the command, after a stop among the epochs."""
    folder = tmp_path_factory.mktemp("own")
    out = folder / "model"

    class Stopped(Exception):
        pass

    def stop_among_epochs(done: int, total: int) -> None:
        if total != len(learned_from) and done == 5:
            raise Stopped

    training = OwnTraining(("kind", "shade"), {"shade": COLOUR}, recipe=BRIEF)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "_FOLDS", 2)
        with pytest.raises(Stopped):
            train_own(learned_from, training, out, BASE, stop_among_epochs)
    shards = sorted((out / "checkpoints" / "seen").iterdir())
    table = write_table(folder, [{"id": one.id, **one.values} for one in learned_from], learned_from)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "RECIPE", BRIEF)
        patch.setattr(bundle, "_FOLDS", 2)
        arguments = ["--target", "kind", "--target", "shade", "--part", "shade=colour", "--out", str(out)]
        done = CliRunner().invoke(main, ["train", str(table), *arguments])
    assert done.exit_code == 0, done.output
    assert "nearest that share it" in done.output
    card = read_card(out)
    assert [path.name for path in sorted((out / "seen").iterdir())] == [path.name for path in shards], "seen once"
    assert not (out / "checkpoints").exists()
    assert train_own(learned_from, training, out, BASE) == card
    return out


def test_a_bundle_answers_in_the_shop_s_words(trained: Path, learned_from: list[Example]) -> None:
    embedder = LiteRTEmbedder(trained)
    card = embedder.card
    assert [one.name for one in card.targets] == ["kind", "shade"]
    assert set(card.targets[0].values) == {"tops", "trousers", "shoes", "bags"}
    assert card.classes == read_card(BASE).classes
    views = [embedder.prepare(decode(one.picture.read())) for one in learned_from[::4]]
    answers = embedder.answers(views)
    for target in card.targets:
        np.testing.assert_allclose(answers.targets[target.name].sum(axis=1), 1, atol=1e-3)
    told = [card.targets[0].values[at] for at in answers.targets["kind"].argmax(axis=1)]
    right = [one.values["kind"] for one in learned_from[::4]]
    assert np.mean([a == b for a, b in zip(told, right, strict=True)]) > 0.85
    np.testing.assert_allclose(np.linalg.norm(answers.vectors, axis=1), 1, atol=1e-3)
    assert (embedder.familiarity(answers.vectors) > 0.05).mean() > 0.7
    held_out = card.metrics["held_out"]
    assert held_out["kind"]["right"] > 0.8
    ways = card.metrics["precision_at_10"]
    assert np.mean(list(ways["own"].values())) > np.mean(list(ways["shipped"].values()))
    raw = json.loads((trained / "card.json").read_text())
    assert raw["format"] == 4, "an older program must not take it for one that tells the class alone"
    (trained / "card.json").write_text(json.dumps({**raw, "format": 5}))
    with pytest.raises(BundleTooNew):
        read_card(trained)
    (trained / "card.json").write_text(json.dumps(raw))


def test_a_catalogue_keeps_what_is_told_and_is_asked_for_it(trained: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue"
    folder = tmp_path / "pictures"
    folder.mkdir()
    for one in drawn(12):
        (folder / f"{one.id}.png").write_bytes(one.picture.read())
    runner = CliRunner()
    done = runner.invoke(main, ["index", str(folder), "--catalogue", str(catalogue), "--model", str(trained)])
    assert done.exit_code == 0, done.output
    opened = LocalCatalogue.open(catalogue)
    with opened.reading() as state:
        items = state.get(state.ids())
        kinds = [one.predicted["kind"] for one in items]
        assert all(0 < one.probability <= 1 for one in kinds)
        assert all(not any(name.startswith("predicted") for name in one.attributes) for one in items)
        shoes = state.browse({"predicted.kind": "shoes"}).items
        assert {one.id for one in shoes} == {one.id for one in items if one.predicted["kind"].value == "shoes"}
        not_shoes = state.browse({"not": {"predicted.kind": ["shoes", "bags"]}}).items
        assert {one.predicted["kind"].value for one in not_shoes} <= {"tops", "trousers"}
        facets = {facet.field: facet for facet in state.facets()}
        assert dict(facets["predicted.kind"].values)["shoes"] == len(shoes)
        assert "predicted.kind~" not in facets
        (note,) = state.filter_notes({"predicted.fabric": "linen"})
        assert "predicted.fabric" in note
    opened.close()
    with closing(open_engine(catalogue, trained)) as engine:
        client = create_app(lambda: engine).test_client()
        shoe = next(one for one in items if one.predicted["kind"].value == "shoes")
        data = {"image": (BytesIO((folder / shoe.id).read_bytes()), "shoe.png")}
        page = client.post("/search", data=data, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=True)
        assert page.status_code == 200
        text = page.get_data(as_text=True)
        assert re.search(r'<h1 id="verdict">(perhaps )?shoes', text)
        assert "Probability of each kind" in text
        assert "Kind, by its picture" in client.get(f"/items/{shoe.id}").get_data(as_text=True)
        similar = client.get(f"/v1/items/{shoe.id}/similar?where=predicted.kind=shoes").get_json()
        assert {hit["item"]["predicted"]["kind"]["value"] for hit in similar["hits"]} == {"shoes"}
    verified = runner.invoke(main, ["verify", "--catalogue", str(catalogue), "--model", str(trained)])
    assert verified.exit_code == 0, verified.output


def test_tags_fill_what_is_empty_and_find_what_is_wrong(
    trained: Path, learned_from: list[Example], tmp_path: Path
) -> None:
    planted = {one.id for one in learned_from[3::26]}
    emptied = {one.id for one in learned_from[5::26]}
    rows = []
    for one in learned_from:
        kind = one.values["kind"]
        wrong = "bags" if kind != "bags" else "shoes"
        kind = "" if one.id in emptied else wrong if one.id in planted else kind
        rows.append({"id": one.id, "kind": kind, "shade": one.values["shade"]})
    (tmp_path / "broken.png").write_bytes(b"no picture")
    rows.append({"id": "=broken", "kind": "tops", "shade": "dark"})
    table = write_table(tmp_path, rows, learned_from)
    out, page = tmp_path / "tags.csv", tmp_path / "tags.html"
    arguments = ["tag", str(table), "--model", str(trained), "--out", str(out), "--page", str(page)]
    done = CliRunner().invoke(main, [*arguments, "--precision", "0.8"])
    assert done.exit_code == 0, done.output
    assert "left out: =broken" in done.output
    with out.open(newline="") as file:
        tags = list(csv.DictReader(file))
    filled = {row["id"]: row["looks like"] for row in tags if row["action"] == FILLED and row["target"] == "kind"}
    right = {one.id: one.values["kind"] for one in learned_from}
    assert filled.keys() <= emptied
    assert filled
    assert np.mean([right[id_] == told for id_, told in filled.items()]) >= 0.8
    doubted = [row["id"] for row in tags if row["action"] == MISTAKE and row["target"] == "kind"]
    assert len(planted & set(doubted[: len(learned_from) // 10])) / len(planted) >= 0.8
    assert "Likely mistakes" in page.read_text()


def test_what_was_learned_from_is_told_by_heads_that_had_not(trained: Path, learned_from: list[Example]) -> None:
    learned = read_learned(trained, read_card(trained))
    assert len(learned.rows) == len(learned_from)
    assert all(len(of) == len(learned_from) for of in learned.probabilities.values())


def test_a_model_that_tells_the_class_alone_tags_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["tag", "sample", "--model", models.PHOTOGRAPHS, "--out", str(tmp_path / "tags.csv")]
    )
    assert done.exit_code == 1
    assert "lookalike train TABLE --target type" in done.output


def test_a_gathered_value_is_as_probable_as_all_of_them() -> None:
    card = replace(read_card(BASE), targets=(Target("type", ("shirt", "other"), "target_0"),))
    said_of: Sequence[Mapping[str, str]] = [{"type": "hat"}, {"type": "hat"}, {"type": ""}, {"type": "shirt"}]
    probabilities = {"type": np.array([[0.1, 0.9], [0.9, 0.1], [0.99, 0.01], [0.2, 0.8]], np.float32)}
    tags = tags_of(["a", "b", "c", "d"], said_of, card.targets, probabilities, {"type": 0.95})
    assert [(tag.id, tag.action, tag.told) for tag in tags] == [
        ("c", FILLED, "shirt"),
        ("b", MISTAKE, "shirt"),
        ("d", MISTAKE, "other"),
    ]


def test_too_few_products_and_nothing_gained_keep_the_shipped_model(
    learned_from: list[Example], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TooFewProducts, match="and 50 are needed"):
        train_own(learned_from[:40], OwnTraining(("kind",), {}, recipe=BRIEF), tmp_path / "few", BASE)
    monkeypatch.setattr(bundle, "_FOLDS", 2)
    monkeypatch.setattr(bundle, "_mean", lambda figures: 0.5)
    training = OwnTraining(("kind",), {"kind": KIND}, recipe=replace(BRIEF, epochs=1))
    with pytest.raises(NothingGained, match="it is kept"):
        train_own(learned_from, training, tmp_path / "same", BASE, goes_on=trained)
    assert not (tmp_path / "same" / "card.json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sample"], "Say with --target what to learn"),
        (["--target", "type"], "go with a SOURCE"),
        (["sample", "--target", "fabric"], "No product has anything in 'fabric'"),
        (["sample", "--target", "colour", "--part", "colour"], "--part takes a target and a part"),
        (["sample", "--from-catalogue", ".", "--target", "colour"], "not from both"),
        (["no-such-file.csv", "--target", "type"], "does not exist"),
    ],
)
def test_the_command_says_what_it_needs(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["train", *arguments, "--out", str(tmp_path / "model")])
    assert done.exit_code in (1, 2)
    assert says in done.output
    assert "Traceback" not in done.output


def test_a_shop_s_attributes_are_never_taken_for_what_a_model_says() -> None:
    own = {"predicted.type": "by hand", "predicted.x": "linen", "predicted.x~": "certain", "price": 3}
    some: tuple[Predicted, ...] = ({}, predicted_class("Bag", 0.5), {"type": TargetPrediction("Shirts", 0.75)})
    for predicted in some:
        kept, told = without_told(json.loads(json.dumps(with_told(own, predicted))))
        assert kept == own
        assert told == {target: best for target, best in predicted.items() if target != "class"}
    assert "how probable a prediction is" in str(attribute_error({"predicted.x~": 0.5}))
    assert attribute_error({"predicted.x": "linen"}) is None


@pytest.mark.parametrize("probability", ["certain", "3", "0.5"])
def test_a_column_called_as_a_probability_is_refused_with_a_reason(probability: str, tmp_path: Path) -> None:
    (one,) = drawn(1)
    row = {"id": one.id, "predicted.x": "linen", "predicted.x~": probability}
    table = write_table(tmp_path, [row], [one])
    done = CliRunner().invoke(main, ["index", str(table), "--catalogue", str(tmp_path / "catalogue")])
    assert done.exit_code in (1, 3)
    report = tmp_path / "catalogue" / "failures.jsonl"
    said_of_it = done.output + (report.read_text() if report.exists() else "")
    assert "how probable a prediction is" in said_of_it
    assert "Traceback" not in said_of_it
