"""What was found in a photograph is shown on it, and a box drawn on it searches with what is in it."""

import base64
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from browsing import PHONE, RESULTS, Open, search
from flask.testing import FlaskClient
from numpy.typing import NDArray
from pictures_of_two import BAG, SIZE, TROUSERS, bag_and_trousers
from PIL import Image
from playwright.sync_api import Locator, Page, Request, expect

from models.pictures.boxes import Box
from search_api.engine import Engine
from webui import mask_codec, upload_cookie
from webui.app import create_app
from webui.deflate64 import compact
from webui.view_codec import from_address

Corners = tuple[float, float, float, float]
"""Left, top, right, bottom, in CSS pixels or as shares of a photograph."""

AROUND_BAG = 0.05, 0.3, 0.45, 0.85
AROUND_TROUSERS = 0.55, 0.1, 0.95, 0.95


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two") / "two.jpg"
    path.write_bytes(bag_and_trousers())
    return path


# --- what the server tells, and lets the browser keep ---


@pytest.fixture
def site_client(engine: Engine) -> FlaskClient:
    return create_app(lambda: engine).test_client()


def upload(client: FlaskClient, picture: bytes, **options: str) -> str:
    """Return the address that a picture leads to."""
    answer = client.post("/search", data={"image": (io.BytesIO(picture), "x.jpg"), **options})
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def haze_on(page: str) -> NDArray[np.uint8] | None:
    found = re.search(r'data-haze="data:image/png;base64,([^"]+)"', page)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1])))) if found else None


def test_the_form_takes_a_box_and_leads_to_the_view_of_what_is_in_it(
    site_client: FlaskClient, engine: Engine, two: Path
) -> None:
    picture = two.read_bytes()
    for text in (BAG, TROUSERS):
        (view,) = parse_qs(urlsplit(upload(site_client, picture, box=text)).query)["view"]
        expected = engine.search(picture, box=Box.parse(text)).view.pixels
        np.testing.assert_array_equal(from_address(view, (28, 28)), expected)


def test_the_haze_is_clear_over_what_was_cut_out_and_dense_elsewhere(
    site_client: FlaskClient, engine: Engine, two: Path
) -> None:
    picture = two.read_bytes()
    haze = haze_on(site_client.get(upload(site_client, picture, box=BAG)).text)
    cutout = engine.search(picture, box=Box.parse(BAG)).view.cutout
    assert haze is not None
    assert cutout is not None
    height, width = haze.shape[:2]
    assert width / height == pytest.approx(SIZE[0] / SIZE[1], rel=0.02)
    alpha = np.asarray(Image.fromarray(cutout[:, :, 3].copy()).resize((width, height)))
    assert (haze[alpha == 255, 3] < 128).mean() > 0.98
    assert (haze[alpha == 0, 3] > 128).mean() > 0.98
    assert {tuple(colour) for colour in haze[:, :, :3].reshape(-1, 3)} == {mask_codec.HAZE}


def test_the_steps_belong_to_one_view_only(site_client: FlaskClient, two: Path) -> None:
    picture = two.read_bytes()
    first = upload(site_client, picture, box=BAG)
    assert haze_on(site_client.get(first).text) is not None
    second = upload(site_client, picture, box=TROUSERS)
    assert haze_on(site_client.get(first).text) is None
    assert haze_on(site_client.get(second).text) is not None


def test_a_box_that_lies_in_no_picture_is_explained_beside_the_form(site_client: FlaskClient, two: Path) -> None:
    form = {"image": (io.BytesIO(two.read_bytes()), "x.jpg"), "box": "0.5,0.5,0.9,0.1"}
    answer = site_client.post("/search", data=form, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert "does not lie in the picture" in answer.text


@pytest.mark.parametrize("shape", [(96, 72), (1, 1), (96, 96), (5, 91)])
def test_outlines_survive_the_way_through_a_cookie(shape: tuple[int, int]) -> None:
    for outline in (np.random.default_rng(1).random(shape) < 0.5, np.ones(shape, np.bool_)):
        text = mask_codec.to_text(outline)
        np.testing.assert_array_equal(mask_codec.from_text(text), outline)
        assert len(text) < upload_cookie.MAX_LENGTH - 1000, "even noise leaves room for the notes"


def test_outlines_of_cutouts_keep_their_form_and_are_short(engine: Engine, two: Path) -> None:
    cutout = engine.search(two.read_bytes(), box=Box.parse(BAG)).view.cutout
    assert cutout is not None
    outline = mask_codec.outline_of(cutout)
    assert max(outline.shape) == mask_codec.SIDE
    assert outline.mean() == pytest.approx((cutout[:, :, 3] > 0).mean(), abs=0.01)
    assert len(mask_codec.to_text(outline)) < 500


@pytest.mark.parametrize(
    "data",
    [b"", b"\1", b"\2\2", bytes((0, 9, 0)), bytes((97, 1)) + bytes(13), bytes((8, 8)) + bytes(9), bytes(50_000_000)],
    ids=len,
)
def test_what_is_no_outline_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no outline|compact text"):
        mask_codec.from_text(compact(data))


@pytest.mark.parametrize("drawn", ['"x"', "7", "null", '{"a": 1}', '"' + compact(b"\2\2") + '"'])
def test_a_strange_outline_in_the_cookie_is_passed_over(site_client: FlaskClient, two: Path, drawn: str) -> None:
    address = upload(site_client, two.read_bytes())
    (view,) = parse_qs(urlsplit(address).query)["view"]
    site_client.set_cookie(
        upload_cookie.COOKIE, f'["{upload_cookie._digest(view)}", {drawn}, "A note."]', path="/search"
    )
    page = site_client.get(address).text
    assert haze_on(page) is None
    assert "A note." in page


# --- what a person sees and does ---


@pytest.fixture
def open_still(open_page: Open) -> Open:
    """Open pages that follow each other without an animation, during which the browser takes no clicks."""
    return partial(open_page, reduced_motion="reduce")


def box_of(element: Locator) -> Corners:
    bounds = element.bounding_box()
    assert bounds is not None
    return bounds["x"], bounds["y"], bounds["x"] + bounds["width"], bounds["y"] + bounds["height"]


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where on the screen a place in the photograph is."""
    left, top, right, bottom = box_of(page.get_by_alt_text("Your picture"))
    return left + x * (right - left), top + y * (bottom - top)


def drag(page: Page, corners: Corners) -> None:
    """Draw from one corner to the other and keep the button down."""
    page.mouse.move(*place(page, *corners[:2]))
    page.mouse.down()
    page.mouse.move(*place(page, *corners[2:]), steps=3)


def draw(page: Page, corners: Corners) -> None:
    drag(page, corners)
    lead_on(page, page.mouse.up)


def lead_on(page: Page, act: Callable[[], None]) -> None:
    before = page.url
    act()
    page.wait_for_url(lambda url: url != before and RESULTS.search(url) is not None)
    expect(page.get_by_alt_text("Your picture")).to_be_visible()


def drawn_box(page: Page) -> Corners:
    """Return where the box is, as shares of the photograph."""
    left, top, right, bottom = box_of(page.get_by_alt_text("Your picture"))
    box = box_of(page.locator(".box"))
    width, height = right - left, bottom - top
    return (box[0] - left) / width, (box[1] - top) / height, (box[2] - left) / width, (box[3] - top) / height


def found(page: Page) -> str:
    return page.title().partition(",")[0]


def sent_box(page: Page) -> Corners:
    """Return the box that the page's search was sent with, as the tab keeps it."""
    (view,) = parse_qs(urlsplit(page.url).query)["view"]
    kept = page.evaluate("view => JSON.parse(sessionStorage.getItem(`photo:${view}`))", view)
    box = Box.parse(kept["box"])
    return box.x, box.y, box.x + box.width, box.y + box.height


def searches(page: Page) -> list[str]:
    """Return a list that gets the address of every search to come."""
    sent: list[str] = []

    def listen(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url)

    page.on("request", listen)
    return sent


def colour_at(page: Page, x: float, y: float) -> NDArray[np.float64]:
    """Return the mean colour on the screen around a place in the photograph."""
    across, down = place(page, x, y)
    clip = {"x": across - 2, "y": down - 2, "width": 4.0, "height": 4.0}
    shot = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")  # type: ignore[arg-type]
    return np.asarray(shot, np.float64).mean((0, 1))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_but_the_garment_fades_into_the_page(open_still: Open, two: Path, scheme: str) -> None:
    page = open_still(color_scheme=scheme)
    search(page, two)
    draw(page, AROUND_BAG)
    page.mouse.move(640, 880)
    page.wait_for_function("() => !document.getAnimations().length")
    style = page.locator("[data-photo] .tile").evaluate("tile => getComputedStyle(tile).backgroundColor")
    tile = np.array([int(part) for part in re.findall(r"\d+", style)[:3]])
    np.testing.assert_allclose(colour_at(page, 0.25, 0.7), (122, 74, 46), atol=8)
    for background in ((0.5, 0.1), (0.5, 0.6), (0.1, 0.95)):
        np.testing.assert_allclose(colour_at(page, *background), tile, atol=14)
    other_garment = colour_at(page, 0.82, 0.5)
    assert np.abs(other_garment - tile).max() < np.abs(other_garment - (46, 66, 112)).min()


def test_a_box_drawn_with_the_mouse_searches_with_what_is_in_it_again_and_again(open_still: Open, two: Path) -> None:
    page = open_still()
    search(page, two)
    expect(page.locator(".box")).to_be_hidden()
    for drawn, corners, label in (
        (AROUND_BAG, AROUND_BAG, "Bag"),
        ((0.95, 0.95, 0.55, 0.1), AROUND_TROUSERS, "Trouser"),  # from the last corner to the first
        ((0.5, 0.05, 1.4, 1.6), (0.5, 0.05, 1, 1), "Trouser"),  # and out of the photograph
    ):
        draw(page, drawn)
        assert found(page) == label
        assert sent_box(page) == pytest.approx(corners, abs=0.01)
        assert drawn_box(page) == pytest.approx(corners, abs=0.02)
    page.reload()
    assert drawn_box(page) == pytest.approx(corners, abs=0.02)


def test_each_result_keeps_its_own_outline_and_box_in_the_tab(open_still: Open, two: Path) -> None:
    page = open_still()
    search(page, two)
    expect(page.locator(".haze")).to_have_count(1)
    plain = page.locator(".haze").get_attribute("src")
    draw(page, AROUND_BAG)
    bag = page.locator(".haze").get_attribute("src")
    draw(page, AROUND_TROUSERS)
    page.go_back()
    expect(page.locator(".haze")).to_have_attribute("src", str(bag))
    assert drawn_box(page) == pytest.approx(AROUND_BAG, abs=0.02)
    page.go_back()
    expect(page.locator(".haze")).to_have_attribute("src", str(plain))
    expect(page.locator(".box")).to_be_hidden()
    elsewhere = open_still(page.url)
    expect(elsewhere.get_by_text("Draw a box")).to_be_hidden()
    expect(elsewhere.get_by_text("Not what you meant?")).to_be_hidden()


def test_escape_cancels_a_box_while_it_is_drawn(open_still: Open, two: Path) -> None:
    page = open_still()
    search(page, two)
    draw(page, AROUND_BAG)
    address, sent = page.url, searches(page)
    drag(page, AROUND_TROUSERS)
    assert drawn_box(page) == pytest.approx(AROUND_TROUSERS, abs=0.02)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert drawn_box(page) == pytest.approx(AROUND_BAG, abs=0.02)
    expect(page.get_by_text("Draw a box around it")).to_be_visible()
    drag(page, (0.5, 0.5, 0.9, 0.505))
    page.mouse.up()
    assert drawn_box(page) == pytest.approx(AROUND_BAG, abs=0.02), "a line is no box"
    assert (page.url, sent) == (address, [])


def test_a_click_enlarges_the_photo_and_escape_makes_it_small_again(open_still: Open, two: Path) -> None:
    page = open_still()
    search(page, two)
    photo = page.get_by_alt_text("Your picture")
    small = box_of(photo)
    page.mouse.click(*place(page, 0.5, 0.5))
    expect(page.get_by_text("Draw a box around what you mean.")).to_be_visible()
    large = box_of(photo)
    assert large[2] - large[0] > 1.9 * (small[2] - small[0])
    for cancel in (lambda: page.keyboard.press("Escape"), page.get_by_role("button", name="Cancel").click):
        cancel()
        assert box_of(photo) == small
        page.get_by_role("button", name="Draw a box").click()
    draw(page, AROUND_TROUSERS)
    assert found(page) == "Trouser"


def test_a_box_is_drawn_from_the_keyboard(open_still: Open, two: Path) -> None:
    page = open_still()
    search(page, two)
    page.get_by_role("button", name="Draw a box").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("application", name="Box around the garment")).to_be_focused()
    expect(page.get_by_text("Arrow keys move the box")).to_be_visible()
    for key, times in (("ArrowRight", 19), ("ArrowUp", 5), ("Shift+ArrowLeft", 10), ("Shift+ArrowDown", 12)):
        for _ in range(times):
            page.keyboard.press(key)
    corners = 0.4, 0.1, 0.8, 0.94
    assert drawn_box(page) == pytest.approx(corners, abs=0.02)
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    lead_on(page, lambda: page.keyboard.press("Enter"))
    assert sent_box(page) == pytest.approx((0.54, 0.1, 0.94, 0.94), abs=1e-3)
    assert found(page) == "Trouser"
    page.get_by_role("button", name="Draw a box").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Draw a box")).to_be_focused()
    assert drawn_box(page) == pytest.approx((0.54, 0.1, 0.94, 0.94), abs=0.02)


def test_the_keyboard_cannot_move_or_size_the_box_beyond_the_photo(open_still: Open, two: Path) -> None:
    page = open_still()
    search(page, two)
    page.get_by_role("button", name="Draw a box").focus()
    page.keyboard.press("Enter")
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowDown", "Shift+ArrowRight"):
        for _ in range(21):
            page.keyboard.press(key)
    assert drawn_box(page) == pytest.approx((0, 0, 1, 1), abs=0.02)
    lead_on(page, lambda: page.keyboard.press("Enter"))


def touch(page: Page, points: list[tuple[float, float]]) -> None:
    """Move one finger from point to point of the screen."""
    devtools = page.context.new_cdp_session(page)
    for number, (x, y) in enumerate(points):
        kind = "touchMove" if number else "touchStart"
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_finger_scrolls_over_the_photo_and_draws_on_it_after_a_tap(open_still: Open, two: Path) -> None:
    phone = open_still(**PHONE)
    search(phone, two)
    sent = searches(phone)
    x, y = place(phone, 0.5, 0.9)
    touch(phone, [(x, y - 30 * step) for step in range(5)])
    phone.wait_for_function("() => scrollY > 50")
    expect(phone.get_by_text("Draw a box around it")).to_be_attached()
    assert sent == []
    # The page glides on for a while after a swipe, and may undo a single leap to its top.
    phone.wait_for_function(
        "() => { scrollTo(0, 0); return new Promise(rest => setTimeout(() => rest(!scrollY), 300)) }"
    )
    phone.get_by_alt_text("Your picture").tap(force=True)
    expect(phone.get_by_text("Draw a box around what you mean.")).to_be_visible()
    left, top, right, bottom = AROUND_TROUSERS
    ways = [place(phone, left + part * (right - left), top + part * (bottom - top)) for part in (0, 0.3, 0.7, 1)]
    lead_on(phone, lambda: touch(phone, ways))
    assert found(phone) == "Trouser"
    assert sent_box(phone) == pytest.approx(AROUND_TROUSERS, abs=0.01)


@pytest.mark.parametrize("size", [(900, 300), (300, 900)])
def test_the_photo_is_shown_whole_and_undistorted(
    open_still: Open, tmp_path: Path, two: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "photo.png"
    Image.open(two).resize(size).save(path)
    page = open_still()
    search(page, path)
    left, top, right, bottom = box_of(page.get_by_alt_text("Your picture"))
    tile = box_of(page.locator("[data-photo] .tile"))
    assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], rel=0.02)
    assert max(right - left, bottom - top) == pytest.approx(tile[2] - tile[0], abs=1)
    assert left - tile[0] == pytest.approx(tile[2] - right, abs=1)
    assert top - tile[1] == pytest.approx(tile[3] - bottom, abs=1)
    assert box_of(page.locator(".haze")) == pytest.approx((left, top, right, bottom), abs=0.5)


def test_a_photo_taken_sideways_is_boxed_upright(open_still: Open, two: Path, tmp_path: Path) -> None:
    path, exif = tmp_path / "sideways.jpg", Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.open(two).transpose(Image.Transpose.ROTATE_90).save(path, quality=95, exif=exif)
    page = open_still()
    search(page, path)
    left, top, right, bottom = box_of(page.get_by_alt_text("Your picture"))
    assert (right - left) / (bottom - top) == pytest.approx(SIZE[0] / SIZE[1], rel=0.02)
    for corners, label in ((AROUND_TROUSERS, "Trouser"), (AROUND_BAG, "Bag")):
        draw(page, corners)
        assert found(page) == label


def test_a_search_that_fails_is_told_and_leaves_the_results_as_they_were(open_still: Open, two: Path) -> None:
    page = open_still()
    search(page, two)
    draw(page, AROUND_BAG)
    address = page.url
    page.route("**/search", lambda route: route.abort("connectionrefused"))
    drag(page, AROUND_TROUSERS)
    page.mouse.up()
    expect(page.get_by_role("alert")).to_contain_text("can’t be reached")
    assert page.url == address
    assert drawn_box(page) == pytest.approx(AROUND_BAG, abs=0.02)
    page.unroute("**/search")
    draw(page, AROUND_TROUSERS)
    assert found(page) == "Trouser"


def test_without_javascript_the_results_say_nothing_of_boxes(open_still: Open, two: Path) -> None:
    page = open_still(java_script_enabled=False)
    page.set_input_files("#picture", two)
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(RESULTS)
    expect(page.locator("main .grid .card")).to_have_count(24)
    expect(page.locator("[data-photo]")).to_be_hidden()
    expect(page.locator("[data-by-hand]")).to_be_hidden()
    expect(page.get_by_text("The background was removed.")).to_be_visible()
