"""The report: read as HTML, checked against the figures it shows, and opened in a browser."""

import base64
import io
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from find_chromium import find_chromium
from PIL import Image
from playwright.sync_api import sync_playwright
from sklearn.decomposition import PCA

from models.datasets.download import NotWritable
from models.datasets.fashion_mnist import CLASSES, Split
from models.evaluation.item_map import COLOURS, choose_cells, draw_map, principal_plane
from models.evaluation.measure import Evaluation, evaluate, evaluate_pixels
from models.evaluation.report import AUGMENTATION_TITLES, PAGE, render_report, write_report
from models.evaluation.retrieval_sheets import choose_sheets
from models.runtime import LiteRTEmbedder

FEW = 300
VOID = {"meta", "img", "source", "link", "br", "rect"}
PNG = "data:image/png;base64,"
DARK_CHOSEN = """[...document.querySelectorAll("picture")].map(
    picture => picture.querySelector("img").currentSrc === picture.querySelector("source").srcset)"""


class Parsed(HTMLParser):
    """A page as its elements, each (tag, attributes), and its text; an end tag must fit its start."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))  # type: ignore[arg-type]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, css_class: str = "") -> list[dict[str, str]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and (not css_class or css_class in attributes.get("class", "").split())
        ]


@pytest.fixture(scope="module")
def evaluation(embedder: LiteRTEmbedder, test_split: Split) -> Evaluation:
    return evaluate(embedder, test_split.first(FEW))


@pytest.fixture(scope="module")
def pixels(test_split: Split) -> Evaluation:
    return evaluate_pixels(test_split.first(FEW), CLASSES)


@pytest.fixture(scope="module")
def pages(evaluation: Evaluation, pixels: Evaluation) -> dict[str, str]:
    return {"alone": render_report([evaluation]), "beside": render_report([evaluation, pixels])}


@pytest.mark.parametrize("which", ["alone", "beside"])
def test_the_page_refers_to_nothing_outside_itself(which: str, pages: dict[str, str]) -> None:
    parsed = Parsed(pages[which])
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "a", "base", "form"}
    for _, attributes in parsed.elements:
        for name in ("src", "srcset", "href", "xlink:href", "data", "poster", "background"):
            assert attributes.get(name, PNG).startswith(PNG)
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"url\(|@import|://", pages[which])


@pytest.mark.parametrize("which", ["alone", "beside"])
def test_every_picture_is_a_png_with_a_text_in_its_place(which: str, pages: dict[str, str]) -> None:
    parsed = Parsed(pages[which])
    assert all("alt" in image for image in parsed.all("img"))
    uris = {image["src"] for image in parsed.all("img")} | {source["srcset"] for source in parsed.all("source")}
    assert len(uris) > 100
    for uri in uris:
        with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(PNG), validate=True))) as picture:
            assert picture.format == "PNG"
            picture.load()
            assert any(low < high for low, high in picture.convert("RGBA").getextrema()), "it shows something"


def test_ids_and_headings_are_those_of_the_sections_in_order(pages: dict[str, str]) -> None:
    ids = [attributes["id"] for _, attributes in Parsed(pages["alone"]).elements if "id" in attributes]
    assert ids == ["looks", "found", "classes", "confidence", "strangers", "map", "training"]


def test_the_page_shows_the_figures(pages: dict[str, str], evaluation: Evaluation, pixels: Evaluation) -> None:
    text = Parsed(pages["beside"]).text
    for figures in (evaluation.figures(), pixels.figures()):
        for name in (
            "precision_at_10",
            "map_at_r",
            "looks_mean",
            *(f"looks_{change}" for change in AUGMENTATION_TITLES),
        ):
            assert f"{100 * figures[name]:.1f}" in text
    assert f"{100 * evaluation.figures()['expected_calibration_error']:.2f}%" in text
    assert f"{100 * evaluation.figures()['unfamiliar_worst']:.1f}%" in text
    assert f"{evaluation.subject.parameters:,}" in text
    assert evaluation.speed is not None
    assert f"{evaluation.speed.one_image_ms:.2f} ms" in text
    assert "784 dimensions" in text
    assert all(label in text for label in CLASSES)


def test_a_bar_is_as_long_as_its_figure(pages: dict[str, str], evaluation: Evaluation) -> None:
    widths = [bar["style"] for bar in Parsed(pages["alone"]).all("i") if "width" in bar.get("style", "")]
    expected = [evaluation.figures()[f"looks_{change}"] for change in AUGMENTATION_TITLES]
    assert evaluation.classification is not None
    for one in evaluation.classification.classes:
        expected += [one.precision, one.recall]
    assert evaluation.reliability is not None
    expected += [evaluation.figures()[f"unfamiliar_{kind}"] for kind in evaluation.reliability.ood_distances]
    assert widths == [f"width:{100 * value:.1f}%" for value in expected]


def test_sheets_mark_every_item_of_another_class_and_no_other(
    pages: dict[str, str], evaluation: Evaluation, pixels: Evaluation
) -> None:
    labels = evaluation.test.labels
    expected = [
        labels[found] != labels[query]
        for sheet in choose_sheets(evaluation)
        for query in sheet.queries
        for one in (evaluation, pixels)
        for found in one.rankings.nearest[query]
    ]
    parsed = Parsed(pages["beside"])
    alts = [image["alt"] for image in parsed.all("img") if image["alt"].split(",")[0] in CLASSES]
    rows = np.array([alt.endswith(", wrong") for alt in alts]).reshape(-1, 21)  # a query and ten for each of two
    assert not rows[:, 0].any()
    assert rows[:, 1:].ravel().tolist() == expected
    assert len(parsed.all("li", "wrong")) == sum(expected) > 0


def test_sheets_show_medians_and_the_best_and_worst_of_different_classes(evaluation: Evaluation) -> None:
    labels, rankings = evaluation.test.labels, evaluation.rankings
    typical, best, worst = choose_sheets(evaluation)
    assert sorted(labels[list(typical.queries)]) == list(range(10))
    for sheet, extreme in ((best, rankings.precision_at_10.max()), (worst, rankings.precision_at_10.min())):
        assert len(set(labels[list(sheet.queries)])) == 5
        assert rankings.precision_at_10[sheet.queries[0]] == extreme
    for query in typical.queries:
        of_class = rankings.precision_at_10[labels == labels[query]]
        assert rankings.precision_at_10[query] == np.sort(of_class)[len(of_class) // 2]


def test_beside_pixels_only_what_pixels_have_is_shown_twice(pages: dict[str, str]) -> None:
    alone, beside = Parsed(pages["alone"]), Parsed(pages["beside"])
    assert (len(alone.all("div", "map")), len(beside.all("div", "map"))) == (1, 2)
    assert len(alone.all("table")) == len(beside.all("table")) == 2
    assert len(beside.all("source")) == len(alone.all("source")) == 6


def test_pixels_alone_and_a_bundle_without_a_history_have_shorter_pages(
    evaluation: Evaluation, pixels: Evaluation
) -> None:
    def sections(one: Evaluation) -> list[str]:
        return [attributes["id"] for _, attributes in Parsed(render_report([one])).elements if "id" in attributes]

    assert sections(pixels) == ["looks", "found", "map"]
    forgetful = replace(evaluation, subject=replace(evaluation.subject, history=()))
    assert "training" not in sections(forgetful)
    young = replace(evaluation, subject=replace(evaluation.subject, history=evaluation.subject.history[:1]))
    assert "training" in sections(young)


def test_a_card_can_not_put_markup_into_the_page(evaluation: Evaluation) -> None:
    sly = replace(evaluation, subject=replace(evaluation.subject, name="<script>x</script>", classes=("<b>",) * 10))
    parsed = Parsed(render_report([sly]))
    assert not parsed.all("script")
    assert "<script>x</script>" in parsed.text
    assert {"<b>", "<b>, wrong"} >= {image["alt"] for image in parsed.all("img") if image["alt"].startswith("<b>")}


# The map


def test_the_plane_is_scikit_learns_up_to_sign(evaluation: Evaluation) -> None:
    ours, theirs = principal_plane(evaluation.vectors), PCA(2).fit_transform(evaluation.vectors.astype(np.float64))
    for axis in range(2):
        sign = np.sign(ours[:, axis] @ theirs[:, axis])
        np.testing.assert_allclose(ours[:, axis], sign * theirs[:, axis], atol=1e-5)


def test_a_cell_shows_the_item_nearest_to_its_middle() -> None:
    corners = [[0, 0], [4, 0], [0, 2], [4, 2]]
    plane = np.array([*corners, [0.6, 0.4], [0.9, 0.9]], float)
    assert choose_cells(plane, 4, 2) == {(1, 0): 4, (1, 3): 1, (0, 0): 2, (0, 3): 3}


def test_items_that_are_all_alike_share_one_cell(test_split: Split) -> None:
    vectors = np.ones((20, 8), np.float32)
    assert len(choose_cells(principal_plane(vectors), 10, 10)) == 1
    draw_map(vectors, test_split.images[:20], test_split.labels[:20], io.BytesIO())


def test_a_drawn_item_has_its_class_colour_and_a_clear_background(test_split: Split) -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 10:20, 10:20] = 255
    file = io.BytesIO()
    draw_map(np.array([[-1, 0], [1, 0]], np.float32), images, np.array([3, 8]), file)
    picture = np.asarray(Image.open(file).convert("RGBA"))
    opaque = picture[picture[..., 3] == 255][:, :3]
    assert {bytes(colour).hex() for colour in opaque} == {COLOURS[3][1:], COLOURS[8][1:]}
    assert len(opaque) == 200
    assert (picture[..., 3] == 0).sum() == picture.shape[0] * picture.shape[1] - 200


# Written and opened


def test_the_command_writes_the_page_and_keeps_stdout_for_figures(project: Path, tmp_path: Path) -> None:
    directory = tmp_path / "reports" / "one"
    command = [
        sys.executable,
        "lookalike.py",
        "evaluate",
        "--items",
        "100",
        "--against",
        "pixels",
        "--report",
        directory,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=project)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in directory.iterdir()] == [PAGE]
    assert str(directory / PAGE) in done.stderr
    assert "mAP@R" in done.stdout
    assert "first 100 of Fashion-MNIST" in Parsed((directory / PAGE).read_text(encoding="utf-8")).text


def test_a_place_that_can_not_be_written_is_named(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match="file"):
        write_report([evaluation], tmp_path / "file" / "report")


def test_a_browser_shows_it_from_a_file_on_phones_and_desks_in_light_and_dark(
    evaluation: Evaluation, pixels: Evaluation, tmp_path: Path
) -> None:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("there is no Chromium")
    page_file = write_report([evaluation, pixels], tmp_path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for width, scheme in ((390, "light"), (1280, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))  # noqa: B023
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))  # noqa: B023
            page.goto(page_file.as_uri())
            assert said == []
            assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
            chosen = page.evaluate(DARK_CHOSEN)
            assert chosen == [scheme == "dark"] * 6
        browser.close()
