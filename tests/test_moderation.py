"""Moderation: what a policy may say, what it finds in real pictures, and the same over HTTP and in a terminal."""

import io
import json
import logging
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from api_asserts import assert_problem, assert_well_dressed
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from live_server import ROOT, live_server
from outfits import cutouts, outfits
from PIL import Image, ImageDraw
from test_fingerprints import dyed, saved_again
from test_photographs_model import bannered, cropped, flipped, framed, in_other_light, smaller

import models
from commands.command_line import main
from commands.composition import engine_without_items
from indexer.directory import index
from indexer.errors import ModelMismatch
from models.datasets.photographs import Photograph
from models.errors import DamagedPicture, UnsupportedPicture
from models.faults.banners import find_banner
from models.faults.exposure import exposure_of
from models.fingerprints.copies import BLURRED
from models.pictures.bars import without_bars
from models.pictures.decoding import decode
from search_api.engine import Engine
from search_api.errors import InvalidPolicy, InvalidPolicyValue, PolicyMissing, UnknownPolicyKey
from search_api.http.app import create_app
from search_api.moderation.policy import DEFAULT, Policy, policy_of
from search_api.moderation.policy_file import PolicyFile
from search_api.moderation.submissions import Submission
from search_api.results import Verdict

BLOCKED = 6
SEVEN_EDITS = saved_again, smaller, cropped, framed, bannered, in_other_light, flipped


def encoded(image: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    data = io.BytesIO()
    image.convert("RGB").save(data, kind, **options)
    return data.getvalue()


def codes(verdict: object) -> list[str]:
    assert isinstance(verdict, Verdict), verdict
    return [reason.code for reason in verdict.reasons]


def policy(text: str, folder: Path = Path()) -> Policy:
    return policy_of(text, folder)


@pytest.fixture(scope="module")
def some(unseen_by_eye: Sequence[Photograph]) -> Sequence[Photograph]:
    """Photographs of the ten classes, spread over their kinds, that the model has not learned from."""
    mapped = [one for one in unseen_by_eye if one.is_mapped]
    return mapped[:: len(mapped) // 40][:40]


@pytest.fixture(scope="module")
def seeing() -> Iterator[Engine]:
    """An engine with the model for photographs, and nothing in its catalogue."""
    with engine_without_items() as engine:
        yield engine


@pytest.fixture(scope="module")
def blocklist(some: Sequence[Photograph], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of refused photographs."""
    folder = tmp_path_factory.mktemp("refused")
    for number, photograph in enumerate(some[:BLOCKED]):
        (folder / f"{number:02}.jpg").symlink_to(photograph.path)
    directory = folder.parent / "blocklist"
    index(folder, directory, workers=1)
    return directory


@pytest.fixture(scope="module")
def blocking(blocklist: Path) -> Policy:
    """The default policy, with that blocklist."""
    return policy(f'[blocklist]\ncatalogue = "{blocklist.name}"', blocklist.parent)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("verdict = 1 2", InvalidPolicy, "line 1"),
        ("[" * 5000, InvalidPolicy, "TOML"),
        ("[blocklists]", UnknownPolicyKey, r"\[blocklist\].*\[\[class\]\]"),
        ("[dark]\nlevel = 1", UnknownPolicyKey, "dark: there is no key 'level'. There may be: verdict, lightness"),
        ("[dark]\nlightness = 30", InvalidPolicyValue, "dark: lightness must be a number between 0 and 1, not '30'"),
        ("[dark]\nlightness = nan", InvalidPolicyValue, "dark: lightness"),
        ("[small]\nside = 10.5", InvalidPolicyValue, "small: side must be a whole number between 1 and 100000"),
        ("[small]\nside = true", InvalidPolicyValue, "small: side"),
        ('[blank]\nverdict = "refuse"', InvalidPolicyValue, "blank: verdict must be one of off, allow, review, reject"),
        ("blank = 1", InvalidPolicyValue, "blank must be a table"),
        ("[class]\nvalues = ['Bag']", InvalidPolicyValue, r"class must be a list of tables: .*\[\[class\]\]"),
        ("[[class]]\nprobability = 0.9", InvalidPolicyValue, "class 1: values is missing"),
        ("[[class]]\nvalues = []", InvalidPolicyValue, "class 1: values must be a list of texts"),
        ("[[attribute]]\nname = 'fur'", InvalidPolicyValue, "attribute 1: give values, below or above"),
        ("[[attribute]]\nname = 'x'\nvalues = [[1]]", InvalidPolicyValue, "attribute 1: values"),
        ("[other_things]\nclasses_only = 1", InvalidPolicyValue, "other_things: classes_only must be true or false"),
        ("[blocklist]\ncatalogue = ''", InvalidPolicyValue, "blocklist: catalogue must be text"),
    ],
)
def test_a_policy_that_is_not_sound_says_which_key_is_wrong_and_what_it_may_be(
    text: str, error: type[InvalidPolicy], told: str
) -> None:
    with pytest.raises(error, match=told) as raised:
        policy(text)
    assert type(raised.value) is error


def test_a_policy_keeps_the_defaults_of_what_it_does_not_say() -> None:
    assert policy("") == Policy(name=policy("").name)
    sparing = policy("[dark]\nlightness = 0.1\n[[class]]\nvalues = ['Bag']")
    assert (sparing.dark.lightness, sparing.dark.verdict) == (0.1, DEFAULT.dark.verdict)
    assert sparing.classes[0].verdict == "reject"
    assert sparing.name != policy("").name
    with pytest.raises(InvalidPolicyValue, match=r"class 1: values: there is no class 'Bags'. The model's are: Bag"):
        policy("[[class]]\nvalues = ['Bags']").require_classes(["Bag"])


def test_a_policy_is_read_anew_when_its_file_changes_and_stays_when_it_is_spoilt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.toml"
    with pytest.raises(PolicyMissing, match=r"policy\.toml"):
        PolicyFile(path)
    path.write_text("[small]\nside = 10")
    kept = PolicyFile(path, lambda policy: policy.require_classes(["Bag"]))
    assert kept.current().small.side == 10
    assert kept.current() is kept.current()
    path.write_text("[small]\nside = 200")
    assert kept.current().small.side == 200
    for spoilt in (b"[small]\nside = 'x'", b"\xff\xfe", b"[[class]]\nvalues = ['Hat']", b"#" * 2_000_000):
        path.write_bytes(spoilt)
        with caplog.at_level(logging.ERROR):
            assert kept.current().small.side == 200
            kept.current()
        assert len(caplog.records) == 1  # said once
        assert str(path) in caplog.text
        caplog.clear()
    path.unlink()
    assert kept.current().small.side == 200
    path.write_text("[small]\nside = 30")
    assert kept.current().small.side == 30
    os.mkfifo(tmp_path / "pipe")
    assert PolicyFile(tmp_path / "pipe").current().small == DEFAULT.small


def test_photographs_of_garments_are_allowed_and_other_things_reviewed(
    seeing: Engine, some: Sequence[Photograph]
) -> None:
    verdicts = seeing.moderate_all([Submission(one.read()) for one in some])
    assert sum(isinstance(one, Verdict) and one.verdict == "allow" for one in verdicts) >= 0.9 * len(some)
    rng = np.random.default_rng(0)
    page = Image.new("RGB", (400, 500), "white")
    draw = ImageDraw.Draw(page)
    for row in range(30, 470, 20):
        draw.text((30, row), "an invoice, a page of words and figures 42", fill="black")
    chart = Image.new("RGB", (400, 400), "white")
    for bar in range(8):
        ImageDraw.Draw(chart).rectangle((20 + bar * 45, 380 - bar * 40, 50 + bar * 45, 390), fill=(40, 90, 200))
    noise = Image.fromarray(rng.integers(0, 256, (300, 300, 3), np.uint8))
    for thing in (page, chart, noise):
        verdict = seeing.moderate(encoded(thing))
        assert "other-thing" in codes(verdict)
        assert verdict.verdict == "review"
        (reason,) = [one for one in verdict.reasons if one.code == "other-thing"]
        assert reason.measured == pytest.approx(0, abs=0.07)
        assert reason.threshold == DEFAULT.other_things.familiarity
        assert codes(seeing.moderate(encoded(thing), policy("[other_things]\nverdict = 'off'"))) == []


def test_garments_of_none_of_the_classes_are_other_things_only_where_asked(
    seeing: Engine, unseen_by_eye: Sequence[Photograph]
) -> None:
    hats = [Submission(one.read()) for one in unseen_by_eye if one.kind in {"hat", "skirt"}][:20]
    strict = policy("[other_things]\nclasses_only = true")
    noticed = [sum("other-thing" in codes(one) for one in seeing.moderate_all(hats, of)) for of in (DEFAULT, strict)]
    assert noticed[0] <= 10
    assert noticed[1] >= 18


def test_copies_of_blocked_pictures_are_rejected_and_colour_variants_are_not(
    seeing: Engine, blocking: Policy, some: Sequence[Photograph]
) -> None:
    pictures = [one.read() for one in some]
    copies = [
        Submission(encoded(change(Image.fromarray(one.pixels).convert("RGB")), "JPEG", quality=90))
        for one in pictures[:BLOCKED]
        for change in SEVEN_EDITS
    ]
    found = [answer for answer in seeing.moderate_all(copies, blocking) if isinstance(answer, Verdict)]
    rejected = [answer for answer in found if answer.verdict == "reject"]
    assert len(rejected) >= 0.95 * len(copies)
    assert {codes(answer)[0] for answer in rejected} == {"blocklist-copy"}
    assert {answer.reasons[0].item_id for answer in rejected} == {f"{number:02}.jpg" for number in range(BLOCKED)}
    variants = [variant for one in pictures[:BLOCKED] for turn in (90, 128) if (variant := dyed(one, turn)) is not None]
    others = [Submission(one) for one in (*variants, *pictures[BLOCKED:])]
    assert len(variants) >= BLOCKED // 2
    assert all(isinstance(one, Verdict) and one.verdict != "reject" for one in seeing.moderate_all(others, blocking))
    lenient = policy("[blocklist]\ncopies = 'off'\nalike = 'allow'\ncatalogue = 'blocklist'")
    lenient = Policy(blocklist=type(lenient.blocklist)(blocking.blocklist.catalogue, "off", "allow", 0.9))
    answer = seeing.moderate(some[0].path.read_bytes(), lenient)
    assert (answer.verdict, codes(answer)) == ("allow", ["blocklist-alike"])  # said, with no consequence


def test_a_frame_that_a_jpeg_blurs_is_known_around_a_copy(
    seeing: Engine, blocking: Policy, some: Sequence[Photograph]
) -> None:
    for one in some[:BLOCKED]:
        image = Image.open(one.path).convert("RGB")
        whole = Image.new("RGB", (image.width + 50, image.height + 50), (80, 178, 191))
        whole.paste(image, (25, 25))
        rows, columns = without_bars(decode(encoded(whole, "JPEG", quality=92)).pixels, BLURRED)
        assert max(abs(rows.start - 25), abs(columns.start - 25)) <= BLURRED
        assert seeing.moderate(encoded(whole, "JPEG", quality=92), blocking).verdict == "reject"


def test_what_is_added_to_a_blocklist_counts_at_once(
    seeing: Engine, some: Sequence[Photograph], tmp_path: Path
) -> None:
    folder = tmp_path / "refused"
    folder.mkdir()
    (folder / "a.jpg").symlink_to(some[0].path)
    index(folder, tmp_path / "list", workers=1)
    refusing = policy("[blocklist]\ncatalogue = 'list'", tmp_path)
    data = some[20].path.read_bytes()
    assert "blocklist-copy" not in codes(seeing.moderate(data, refusing))
    (folder / "b.jpg").symlink_to(some[20].path)
    index(folder, tmp_path / "list", workers=1)
    assert "blocklist-copy" in codes(seeing.moderate(data, refusing))


def test_a_blocklist_of_another_model_or_none_is_told(engine: Engine, blocking: Policy, png: bytes) -> None:
    with pytest.raises(ModelMismatch, match="reindex"):
        engine.moderate(png, blocking)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda image: image.point(lambda level: level // 6), "too-dark"),
        (lambda image: image.point(lambda level: 242 + level // 20), "too-bright"),
        (lambda image: image.resize((60, 90)), "too-small"),
        (lambda image: Image.new("RGB", image.size, "navy"), "blank"),
        (bannered, "banner"),
    ],
)
def test_a_fault_of_a_photograph_is_noticed_and_only_where_it_is(
    seeing: Engine, some: Sequence[Photograph], change: Callable[[Image.Image], Image.Image], code: str
) -> None:
    faulty = 0
    for one in some[:3]:
        plain = Image.open(one.path).convert("RGB")
        assert code not in codes(seeing.moderate(encoded(plain)))
        verdict = seeing.moderate(encoded(change(plain)))
        faulty += code in codes(verdict)
        assert verdict.verdict == "review" or code not in codes(verdict)
    assert faulty == 3


def test_the_size_is_that_of_the_file(seeing: Engine, some: Sequence[Photograph]) -> None:
    large = Image.open(some[0].path).convert("RGB").resize((1500, 2000))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    large.save(data, "JPEG", exif=exif)
    assert decode(data.getvalue()).full_size == (2000, 1500)
    assert decode(encoded(large)).full_size == (1500, 2000)
    assert "too-small" in codes(seeing.moderate(encoded(large), policy("[small]\nside = 1501")))
    assert "too-small" not in codes(seeing.moderate(encoded(large), policy("[small]\nside = 1500")))


def test_grey_and_tiny_pictures_have_an_exposure_and_no_banner() -> None:
    assert exposure_of(np.zeros((3, 900), np.uint8)) == (0, 0)
    darkest, brightest = exposure_of(np.tile(np.arange(256, dtype=np.uint8), (64, 1)))
    assert (darkest, brightest) == pytest.approx((0.02, 0.98), abs=0.01)
    assert find_banner(np.zeros((90, 90), np.uint8)) is None
    assert find_banner(np.zeros((1, 1, 3), np.uint8)) is None
    assert find_banner(np.zeros((900, 3, 3), np.uint8)) is None


def test_unwanted_classes_and_attributes_are_told_with_what_was_measured(
    seeing: Engine, some: Sequence[Photograph]
) -> None:
    trousers = next(one for one in some if one.kind == "pants").path.read_bytes()
    unwanted = policy(
        "[[class]]\nvalues = ['Bag', 'Trouser']\nprobability = 0.6\n"
        "[[attribute]]\nname = 'brand'\nvalues = ['Acme', 7]\nverdict = 'review'\n"
        "[[attribute]]\nname = 'price'\nbelow = 5\nabove = 100\n"
    )
    verdict = seeing.moderate(trousers, unwanted, {"brand": ["Other", "Acme"], "price": 120})
    assert verdict.verdict == "reject"
    assert codes(verdict) == ["unwanted-class", "unwanted-attribute", "unwanted-attribute"]
    assert verdict.reasons[0].measured == verdict.garments[0].best_class.probability
    assert [one.verdict for one in verdict.reasons] == ["reject", "reject", "review"]
    assert (verdict.reasons[1].measured, verdict.reasons[1].threshold) == (120, 100)
    for attributes in ({"brand": ["Other"], "price": [50, 7]}, {"brand": None, "price": "120"}, {"brand": 8}, {}):
        assert codes(seeing.moderate(trousers, unwanted, attributes)) == ["unwanted-class"]
    surely = policy("[[class]]\nvalues = ['Trouser']\nprobability = 1")
    assert verdict.garments[0].best_class.probability == 1 or seeing.moderate(trousers, surely).verdict == "allow"


def test_several_garments_are_reviewed(seeing: Engine, unseen_by_eye: Sequence[Photograph]) -> None:
    made = outfits(cutouts(unseen_by_eye, 4), 9)
    answers = seeing.moderate_all([Submission(one.jpeg) for one in made])
    several = [one for one in answers if isinstance(one, Verdict) and len(one.garments) > 1]
    assert len(several) >= 5
    for one in several:
        assert "several-garments" in codes(one)
        assert one.verdict == "review"


def test_a_picture_that_cannot_be_read_stops_no_other(seeing: Engine, some: Sequence[Photograph]) -> None:
    data = some[1].path.read_bytes()
    answers = seeing.moderate_all(
        [Submission(b"junk"), Submission(data), Submission(encoded(Image.open(io.BytesIO(data)))[:900])]
    )
    assert [type(one) for one in answers] == [UnsupportedPicture, Verdict, DamagedPicture]
    assert seeing.moderate_all([]) == []
    with pytest.raises(UnsupportedPicture):
        seeing.moderate(b"junk")
    alone = seeing.moderate(data)
    assert isinstance(answers[1], Verdict)
    assert alone.familiarity == pytest.approx(answers[1].familiarity, abs=1e-3)


@pytest.fixture(scope="module")
def judge(seeing: Engine, blocklist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with a policy in a file."""
    path = tmp_path_factory.mktemp("judge") / "policy.toml"
    path.write_text(f'[blocklist]\ncatalogue = "{blocklist}"\n[[attribute]]\nname = "fur"\nvalues = [true]\n')
    with closing(Engine(seeing._embedder, seeing._catalogue, policy=path)) as engine:
        yield engine


@pytest.fixture(scope="module")
def asker(judge: Engine) -> FlaskClient:
    return create_app(lambda: judge).test_client()


def test_a_picture_is_moderated_over_http_in_each_kind_of_body(
    asker: FlaskClient, judge: Engine, some: Sequence[Photograph]
) -> None:
    data = some[0].path.read_bytes()
    bare = asker.post("/v1/moderate", data=data, content_type="image/jpeg")
    assert bare.status_code == 200
    assert_well_dressed(bare, judge)
    answer = bare.get_json()
    assert answer["verdict"] == "reject"
    assert answer["reasons"][0] == {
        "code": "blocklist-copy",
        "sentence": "It is a copy of '00.jpg' on the blocklist.",
        "verdict": "reject",
        "measured": answer["reasons"][0]["measured"],
        "threshold": 0.5,
        "item_id": "00.jpg",
    }
    assert (answer["model"], answer["policy"]) == (judge.card.fingerprint, judge.policy.name)
    assert len(answer["predicted"]["class"]["others"]) == 9
    assert answer["garments"][0]["searched"] is True
    attributes = '{"fur": true}'
    form = asker.post("/v1/moderate", data={"image": (io.BytesIO(data), "x.jpg"), "attributes": attributes})
    given = asker.post(f"/v1/moderate?attributes={quote(attributes)}", data=data, content_type="image/jpeg")
    in_json = {"image": b64encode(data).decode(), "attributes": json.loads(attributes)}
    for response in (form, given, asker.post("/v1/moderate", json=in_json)):
        assert [one["code"] for one in response.get_json()["reasons"]][:2] == ["blocklist-copy", "unwanted-attribute"]
    blank = asker.post("/v1/moderate", data=encoded(Image.new("RGB", (200, 200))), content_type="image/png").get_json()
    assert (blank["verdict"], blank["predicted"], blank["garments"]) == ("review", {}, [])


def test_what_cannot_be_moderated_over_http_is_a_problem(asker: FlaskClient) -> None:
    def problem(status: int, code: str, address: str = "/v1/moderate", **request: object) -> None:
        assert_problem(asker.post(address, **request), status, code)  # type: ignore[arg-type]

    problem(415, "unsupported-picture", data=b"junk", content_type="image/png")
    problem(400, "no-query")
    problem(400, "no-query", data=b"", content_type="image/png")
    problem(400, "no-query", data={"attributes": "{}"}, content_type="multipart/form-data")
    problem(400, "no-query", json={})
    problem(400, "no-query", json={"image": ""})
    problem(400, "invalid-field", json={"image": "?"})
    problem(415, "unsupported-picture", json={"image": "anVuaw=="})
    problem(400, "unknown-field", json={"image": "anVuaw==", "item_id": "1"})
    problem(400, "invalid-field", json={"image": "anVuaw==", "attributes": []})
    problem(415, "unsupported-content-type", data=b"x", content_type="text/plain")
    problem(400, "unknown-field", "/v1/moderate?k=3", data=b"x", content_type="image/png")
    problem(400, "unknown-field", data={"item_id": "1"}, content_type="multipart/form-data")
    for attributes in ("[1]", "{", '{"a": {}}', '{"a": 1, "a": 2}', '{"": 1}'):
        problem(
            400, "invalid-field", f"/v1/moderate?attributes={quote(attributes)}", data=b"x", content_type="image/png"
        )


def moderated(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["moderate", *map(str, arguments)])


def test_the_command_tells_a_line_for_each_picture_and_stops_for_none(
    some: Sequence[Photograph], blocklist: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "a.jpg").symlink_to(some[0].path)
    (folder / "b.jpg").write_bytes(b"junk")
    Image.open(some[30].path).save(folder / "c.jpg")
    (tmp_path / "policy.toml").write_text(f'[blocklist]\ncatalogue = "{blocklist}"')
    done = moderated(folder, "--policy", tmp_path / "policy.toml")
    assert done.exit_code == 3, done.output
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["reject", "a.jpg"], ["review", "b.jpg"], ["allow", "c.jpg"]]
    assert "a copy of '00.jpg'" in lines[0][2]
    assert "no picture that can be read" in lines[1][2]
    assert "3 pictures: 1 allowed, 1 to be reviewed, 1 rejected." in done.stderr

    (tmp_path / "table.csv").write_text(
        "id,image,brand\none,shop/c.jpg,Acme\ntwo,shop/none.jpg,Acme\nthree,../x.jpg,\n"
    )
    (tmp_path / "policy.toml").write_text("[[attribute]]\nname = 'brand'\nvalues = ['Acme']")
    done = moderated(tmp_path / "table.csv", "--policy", tmp_path / "policy.toml", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    told = [(row["id"], row["verdict"], row["reasons"][0]["code"]) for row in rows]
    assert told == [
        ("one", "reject", "unwanted-attribute"),
        ("two", "review", "picture-missing"),
        ("three", "review", "path-refused"),
    ]

    fine = moderated(folder / "c.jpg", str(folder / "[c]*.jpg"))
    assert fine.exit_code == 0, fine.output
    assert fine.stdout.splitlines() == [f"allow\t{folder / 'c.jpg'}"] * 2
    assert moderated(tmp_path / "nowhere").exit_code == 1
    missing = moderated(folder, "--policy", tmp_path / "none.toml")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "none.toml" in missing.stderr


def test_a_catalogue_that_is_missing_or_of_another_model_stops_the_command(
    small_catalogue: Path, some: Sequence[Photograph], tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text(f'[blocklist]\ncatalogue = "{small_catalogue}"')
    other = moderated(some[0].path, "--policy", tmp_path / "policy.toml", "--model", models.PHOTOGRAPHS)
    assert other.exit_code == 1
    assert "reindex" in other.stderr
    (tmp_path / "policy.toml").write_text('[blocklist]\ncatalogue = "none"')
    missing = moderated(some[0].path, "--policy", tmp_path / "policy.toml")
    assert missing.exit_code == 1
    assert str(tmp_path / "none") in missing.stderr


def test_a_server_takes_a_policy_obeys_its_changes_and_does_not_begin_with_one_that_is_not_sound(
    blocklist: Path, some: Sequence[Photograph], tmp_path: Path
) -> None:
    path, photograph = tmp_path / "policy.toml", some[20].path.read_bytes()
    path.write_text("[small]\nsid = 10")
    begin = ["serve", "--port", "0", "--workers", "1", "--catalogue", str(blocklist), "--policy", str(path)]
    unsound = subprocess.run(
        [sys.executable, "-m", "lookalike", *begin], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert unsound.returncode == 1
    assert "small: there is no key 'sid'. There may be: verdict, side" in unsound.stderr
    assert "Traceback" not in unsound.stderr
    checked = CliRunner().invoke(main, ["serve", "--check", "--policy", str(path)])
    assert (checked.exit_code, checked.stdout) == (1, "")
    assert "'sid'" in checked.stderr
    path.write_text("[small]\nside = 10")
    with live_server(tmp_path / "log", *begin[3:]) as server:

        def verdict() -> str:
            answer = server.ask("POST", "/v1/moderate", photograph, {"Content-Type": "image/jpeg"})
            assert answer.status == 200, answer.body
            return str(answer.json["verdict"])

        assert verdict() == "allow"
        path.write_text("[small]\nside = 5000\nverdict = 'reject'")
        assert verdict() == "reject"
        for spoilt, told in (("[smal]", "There is no 'smal' in a policy"), ("[blocklist]\ncatalogue = 'no'", "/no")):
            path.write_text(spoilt)
            assert verdict() == "reject"
            assert told in server.said()
