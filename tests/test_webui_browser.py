"""The pages in a real browser against the real server: what a person does, sees and hears."""

import base64
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from browsing import PHONE, RESULTS, Open, search
from PIL import Image
from playwright.sync_api import Page, Route, expect

from models.datasets.fashion_mnist import Split

QUERY = 42
PAGES = ("/", "/browse", "/browse?class=Sneaker", "/items/test-00007", "/nothing-here")


@pytest.fixture(scope="module")
def picture(test_split: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Test image 42 as the product picture that it was: what it finds first is itself."""
    path = tmp_path_factory.mktemp("pictures") / "query.png"
    Image.fromarray(np.invert(test_split.images[QUERY])).save(path)
    return path


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large colour picture of something like a pullover on a table."""
    pixels = np.full((1500, 1200, 3), (214, 201, 180), np.uint8)
    pixels[300:1200, 350:850] = (40, 60, 110)
    pixels[320:900, 150:1050] = (44, 64, 116)
    path = tmp_path_factory.mktemp("photos") / "photo.jpg"
    Image.fromarray(pixels).save(path, quality=90)
    return path


def hold_searches(page: Page) -> list[Route]:
    """Let uploads wait; `continue_()` on what this list gets lets them go on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/search", hold)
    return held


def first_card(page: Page) -> str:
    return page.locator("main .grid .card").first.get_attribute("href") or ""


def pixels_of(page: Page, selector: str) -> np.ndarray:
    """Return the pixels of an image element as the browser decoded it."""
    address = page.locator(selector).evaluate(
        """image => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL("image/png");
        }"""
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB"))


def test_a_chosen_file_is_searched_with_at_once(open_page: Open, picture: Path, test_split: Split) -> None:
    page = open_page()
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Choose a picture").click()
    chooser.value.set_files(picture)
    page.wait_for_url(RESULTS)
    assert first_card(page) == f"/items/test-{QUERY:05}"
    expect(page.locator("main .grid .score").first).to_contain_text("100%")
    assert re.match(r".+, .*\d+%: 24 lookalikes · Lookalike", page.title())
    expect(page.get_by_role("list", name="Probability of each class").get_by_role("listitem")).to_have_count(10)
    shown = pixels_of(page, "img[alt^='What the model saw']")
    np.testing.assert_array_equal(shown[:, :, 0], 255 - test_split.images[QUERY])
    np.testing.assert_array_equal(pixels_of(page, "img[alt='Your picture']")[:, :, 0], shown[:, :, 0])


def test_a_photograph_stays_in_the_tab_and_is_shown_beside_the_view(open_page: Open, photo: Path) -> None:
    page = open_page()
    search(page, photo)
    kept = pixels_of(page, "img[alt='Your picture']")
    assert kept.shape == (640, 512, 3)
    np.testing.assert_allclose(kept[320, 256], (44, 64, 116), atol=4)
    page.reload()
    expect(page.get_by_alt_text("Your picture")).to_be_visible()


def drag_over(page: Page, picture: Path) -> Callable[[str], object]:
    """Hold a file over the page, whose time stands still; what is returned ends the drag: `drop` or `dragCancel`."""
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(picture)], "dragOperationsMask": 1}

    def dispatch(kind: str) -> object:
        return devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 300, "data": data})

    dispatch("dragEnter")
    dispatch("dragOver")
    expect(page.get_by_text("Drop it to search")).to_be_visible()
    return dispatch


def test_a_file_dropped_anywhere_on_any_page_is_searched_with(open_page: Open, picture: Path) -> None:
    for path in ("/", "/items/test-00007", "/nothing-here"):
        page = open_page(path)
        end = drag_over(page, picture)
        page.clock.resume()
        end("drop")
        page.wait_for_url(RESULTS)
        assert first_card(page) == f"/items/test-{QUERY:05}"


def test_a_drag_that_leaves_again_takes_its_veil_along(open_page: Open, picture: Path) -> None:
    page = open_page()
    drag_over(page, picture)
    page.evaluate("document.body.dispatchEvent(new DragEvent('dragleave', { bubbles: true }))")
    expect(page.get_by_text("Drop it to search")).to_have_count(0)


def test_a_drag_that_ends_without_a_word_takes_its_veil_along(open_page: Open, picture: Path) -> None:
    page = open_page()
    end = drag_over(page, picture)
    end("dragCancel")
    page.clock.run_for(1000)
    expect(page.get_by_text("Drop it to search")).to_have_count(0)


def test_a_picture_on_the_clipboard_is_pasted(open_page: Open, picture: Path) -> None:
    page = open_page("/browse", permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async text => {
            const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
            const blob = new Blob([bytes], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        base64.b64encode(picture.read_bytes()).decode(),
    )
    page.keyboard.press("Control+V")
    page.wait_for_url(RESULTS)
    assert first_card(page) == f"/items/test-{QUERY:05}"


def test_another_picture_can_be_chosen_from_the_results(open_page: Open, picture: Path, photo: Path) -> None:
    page = open_page()
    search(page, photo)
    before = page.url
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Another picture").click()
    chooser.value.set_files(picture)
    page.wait_for_url(lambda url: url != before and RESULTS.search(url) is not None)
    assert first_card(page) == f"/items/test-{QUERY:05}"


def test_items_lead_to_items_and_back_and_forward_work(open_page: Open, picture: Path) -> None:
    page = open_page()
    search(page, picture)
    results = page.url
    visited = []
    for _ in range(3):
        target = first_card(page)
        page.locator("main .grid .card").first.click()
        page.wait_for_url("**" + target)
        visited.append(target)
        assert target not in [card.get_attribute("href") for card in page.locator("main .grid .card").all()]
    for target in reversed(visited[:-1]):
        page.go_back()
        page.wait_for_url("**" + target)
    page.go_back()
    page.wait_for_url(results)
    expect(page.get_by_alt_text("Your picture")).to_be_visible()
    expect(page.locator("main .grid .card")).to_have_count(24)
    page.go_back()
    expect(page.get_by_text("Choose a picture")).to_be_visible()
    page.go_forward()
    page.go_forward()
    page.wait_for_url("**" + visited[0])


def test_a_shared_address_shows_the_same_results_to_someone_else(open_page: Open, picture: Path) -> None:
    page = open_page()
    search(page, picture)
    elsewhere = open_page(page.url)
    assert elsewhere.title() == page.title()
    cards = "cards => cards.map(card => card.href + card.textContent)"
    assert elsewhere.locator(".card").evaluate_all(cards) == page.locator(".card").evaluate_all(cards)
    expect(elsewhere.get_by_alt_text("What the model saw")).to_be_visible()
    expect(elsewhere.get_by_alt_text("Your picture")).to_have_count(0)
    expect(elsewhere.get_by_text("Your picture")).to_be_hidden()


def test_the_class_filter_and_the_number_of_items(open_page: Open, picture: Path) -> None:
    page = open_page()
    search(page, picture)
    label = page.title().partition(",")[0]
    page.get_by_role("link", name=f"Only {label}").click()
    page.get_by_role("link", name="48", exact=True).click()
    expect(page.get_by_role("link", name=f"Only {label}")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("link", name="48", exact=True)).to_have_attribute("aria-current", "true")
    names = page.locator("main .grid .name").evaluate_all("names => names.map(name => name.firstChild.data.trim())")
    assert set(names) == {label}
    page.get_by_role("link", name="All classes").click()
    expect(page.locator("main .grid .card")).to_have_count(48)
    expect(page.get_by_alt_text("Your picture")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_look_is_moved_with_the_mouse_and_the_keyboard_and_is_kept(
    open_page: Open, picture: Path, scripts: bool
) -> None:
    page = open_page()
    search(page, picture)
    page = open_page(page.url, java_script_enabled=scripts)
    control = page.get_by_role("navigation", name="Same kind or same look")
    expect(control.get_by_role("link")).to_have_count(5)
    expect(control.get_by_role("link", name="Balanced")).to_have_attribute("aria-current", "true")
    hrefs = "cards => cards.map(card => card.pathname)"
    shown = [page.locator("main .grid .card").evaluate_all(hrefs)]
    control.get_by_role("link", name="Same look").click()
    expect(control.get_by_role("link", name="Same look")).to_have_attribute("aria-current", "true")
    expect(control).to_contain_text("0% kind, 100% look")
    shown.append(page.locator("main .grid .card").evaluate_all(hrefs))
    control.get_by_role("link").nth(2).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(control.get_by_role("link", name="Same kind")).to_have_attribute("aria-current", "true")
    shown.append(page.locator("main .grid .card").evaluate_all(hrefs))
    assert len({tuple(cards) for cards in shown}) == 3
    assert {cards[0] for cards in shown[:2]} == {f"/items/test-{QUERY:05}"}
    page.get_by_role("link", name="48", exact=True).click()
    expect(page.locator("main .grid .card")).to_have_count(48)
    expect(control.get_by_role("link", name="Same kind")).to_have_attribute("aria-current", "true")
    page.locator("main .grid .card").nth(1).click()
    page.wait_for_url("**/items/*?look=0")
    expect(control.get_by_role("link", name="Same kind")).to_have_attribute("aria-current", "true")


def test_on_a_phone_the_look_is_moved_without_losing_the_place(open_page: Open) -> None:
    phone = open_page("/items/test-00007", **PHONE)
    control = phone.get_by_role("navigation", name="Same kind or same look")
    for place in (4, 3, 1):
        link = control.get_by_role("link").nth(place)
        link.tap()
        expect(link).to_have_attribute("aria-current", "true")
        expect(link).to_be_in_viewport()
        expect(phone.locator("main .grid .card").first).to_be_in_viewport()


def test_browsing_page_by_page(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("link", name="Browse", exact=True).click()
    page.get_by_role("navigation", name="Classes").get_by_role("link", name="Sneaker").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sneaker")
    first = first_card(page)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of")).to_be_visible()
    assert first_card(page) > first
    page.get_by_role("link", name="Previous").click()
    page.wait_for_url("**/browse?class=Sneaker")
    assert first_card(page) == first


def test_a_bad_file_is_explained_and_the_page_stays(open_page: Open, picture: Path) -> None:
    page = open_page()
    page.set_input_files("#picture", {"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"})
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("JPEG, PNG")
    expect(page.locator("body")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_text("Choose a picture")).to_be_visible()
    search(page, picture)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_server_that_cannot_be_reached_is_told(open_page: Open, picture: Path) -> None:
    page = open_page()
    page.route("**/search", lambda route: route.abort("connectionrefused"))
    with page.expect_event("requestfailed"):
        page.set_input_files("#picture", picture)
    expect(page.get_by_role("alert")).to_contain_text("can’t be reached")


def test_while_searching_the_page_says_so(open_page: Open, picture: Path) -> None:
    page = open_page()
    held = hold_searches(page)
    page.set_input_files("#picture", picture)
    expect(page.get_by_role("status")).to_have_text("Searching…")
    expect(page.locator("body")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".preview")).to_be_visible()
    held[0].continue_()
    page.wait_for_url(RESULTS)
    page.go_back()
    expect(page.locator("body")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator(".preview")).to_have_count(0)


def test_everything_works_from_the_keyboard(open_page: Open, picture: Path) -> None:
    page = open_page()

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"Tab never reaches {selector}")

    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to("#picture")
    button = page.get_by_text("Choose a picture")
    assert button.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(picture)
    page.wait_for_url(RESULTS)
    tab_to("main .grid .card")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/items/test-{QUERY:05}")


def test_everything_works_without_javascript(open_page: Open, picture: Path) -> None:
    page = open_page(java_script_enabled=False)
    expect(page.locator("#picture")).to_be_in_viewport()
    page.set_input_files("#picture", picture)
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(RESULTS)
    assert first_card(page) == f"/items/test-{QUERY:05}"
    expect(page.get_by_alt_text("What the model saw")).to_be_visible()
    expect(page.get_by_text("Your picture", exact=True)).to_be_hidden()
    page.locator("main .grid .card").nth(1).click()
    page.get_by_role("link", name="Browse", exact=True).click()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of")).to_be_visible()
    page.goto("/")
    page.set_input_files("#picture", {"name": "x.png", "mimeType": "image/png", "buffer": b"not a picture"})
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("alert")).to_contain_text("JPEG, PNG")
    expect(page.locator("#picture")).to_be_visible()


def test_a_phone_offers_its_camera_and_a_desktop_does_not(open_page: Open) -> None:
    phone = open_page(**PHONE)
    expect(phone.get_by_text("Take a photo")).to_be_in_viewport()
    assert phone.locator("#camera").get_attribute("capture") == "environment"
    expect(phone.get_by_text("drop one anywhere")).to_be_hidden()
    desktop = open_page()
    expect(desktop.get_by_text("Take a photo")).to_be_hidden()


def test_a_phone_shows_the_class_that_is_browsed_among_the_others(open_page: Open) -> None:
    phone = open_page(
        "/browse?class=Ankle+boot", viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    expect(phone.get_by_role("navigation", name="Classes").get_by_role("link", name="Ankle boot")).to_be_in_viewport()
    assert phone.evaluate("scrollY") == 0


def test_a_photo_from_the_camera_is_searched_with(open_page: Open, photo: Path) -> None:
    phone = open_page(**PHONE)
    with phone.expect_file_chooser() as chooser:
        phone.get_by_text("Take a photo").tap()
    chooser.value.set_files(photo)
    phone.wait_for_url(RESULTS)
    expect(phone.get_by_alt_text("Your picture")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2000])
def test_nothing_is_wider_than_the_screen(open_page: Open, picture: Path, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 844}, is_mobile=width < 500, has_touch=width < 500)
    search(page, picture)
    for path in (page.url, *PAGES):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_text_stands_out_from_what_is_behind_it(open_page: Open, photo: Path, scheme: str, width: int) -> None:
    """WCAG 2.2 AA: 4.5 to 1, 3 to 1 for large text; and what can be pressed is at least 24 pixels high."""
    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    search(page, photo)
    for path in (page.url, *PAGES):
        page.goto(path)
        faint = page.evaluate(FAINT_TEXT)
        assert faint == [], path
        assert page.evaluate(SMALL_TARGETS) == [], path


FAINT_TEXT = """() => {
    const channels = text => text.match(/[\\d.]+/g).map(Number);
    const luminance = ([red, green, blue]) => [red, green, blue]
        .map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = channels(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
        if (element.closest(".unseen, noscript")) continue;
        const style = getComputedStyle(element);
        const [one, other] = [luminance(channels(style.color)), luminance(behind(element))];
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) {
            found.push(`${walker.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
        }
    }
    return found;
}"""

SMALL_TARGETS = """() => [...document.querySelectorAll("a, button, label.button")]
    .filter(target => target.checkVisibility() && !target.closest("p, dd, .unseen"))
    .filter(target => target.getBoundingClientRect().height < 24)
    .map(target => target.textContent.trim())"""


def test_dark_pages_are_dark_and_products_still_lie_on_a_light_ground(open_page: Open) -> None:
    def brightness(page: Page, selector: str) -> float:
        colour = page.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")
        return float(np.mean([int(part) for part in re.findall(r"\d+", colour)[:3]]))

    dark, light = open_page(color_scheme="dark"), open_page(color_scheme="light")
    assert brightness(dark, "body") < 40
    assert brightness(light, "body") > 240
    assert brightness(dark, ".tile") > 180
    assert brightness(light, ".tile") > 230


def test_pictures_have_their_place_before_they_arrive(open_page: Open, picture: Path) -> None:
    page = open_page()
    search(page, picture)

    def linger(route: Route) -> None:
        page.wait_for_timeout(50)
        route.continue_()

    page.route(lambda address: address.startswith("http"), linger)
    for path in ("/", page.url, "/browse", "/items/test-00007"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        shift = page.evaluate(
            """() => new Promise(resolve => new PerformanceObserver(list =>
                resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))
            ).observe({ type: "layout-shift", buffered: true }) ?? setTimeout(() => resolve(0), 300))"""
        )
        assert shift < 0.01, path


def test_every_picture_arrives_when_it_is_scrolled_to(open_page: Open) -> None:
    page = open_page("/browse")
    page.locator(".card").last.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => document.images.length >= 48 && [...document.images].slice(-6).every(image => image.naturalWidth)"
    )
    assert page.locator(".card img").last.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"


def test_whoever_wants_less_motion_gets_none(open_page: Open, picture: Path) -> None:
    page = open_page(reduced_motion="reduce")
    held = hold_searches(page)
    page.set_input_files("#picture", picture)
    expect(page.locator(".progress")).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.locator(".tile img").first.evaluate("image => getComputedStyle(image).transitionProperty") == "none"
    held[0].continue_()
    page.wait_for_url(RESULTS)


def test_a_screen_reader_finds_landmarks_headings_and_names(open_page: Open, picture: Path) -> None:
    page = open_page()
    search(page, picture)
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    for name in ("Main", "Class of the items", "Number of items", "Same kind or same look"):
        expect(page.get_by_role("navigation", name=name)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("heading", level=2)).to_have_text("24 lookalikes")
    names = page.get_by_role("link").evaluate_all("links => links.map(link => link.textContent.trim())")
    assert all(names)
    item_names = page.locator(".card").evaluate_all("links => links.map(link => link.textContent)")
    assert len(set(item_names)) == 24, "no two items sound the same"
