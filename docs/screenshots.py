"""Take the README's screenshots of a running server, and of the shipped model's report, into docs/images/.

    lookalike evaluate --report docs/report
    lookalike sample --out my-photos && lookalike index my-photos --catalogue catalogues/mine
    python docs/screenshots.py http://127.0.0.1:8000 http://127.0.0.1:8001 http://127.0.0.1:8002

The second address is that of a server of the sample catalogue, the third of one of catalogues/mine.

The photograph that is searched with is drawn here, so that it is nobody's. Chromium is LOOKALIKE_CHROMIUM, else the
one on PATH, else Playwright's own.
"""

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
REPORT = Path(__file__).parent / "report" / "index.html"
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
FRAME = "#d6d0c2"
REDUCED = 1600
"""Width in pixels of a picture of much, as of a desk and a phone side by side."""


def drawn_dress() -> bytes:
    """Return a JPEG of a red dress on a pale wall, 900 x 1200 pixels."""
    wall, red, shade, light = (232, 227, 218), (176, 44, 38), (146, 32, 30), (196, 66, 56)
    dress = Image.new("RGB", (900, 1200), wall)
    pen = ImageDraw.Draw(dress)
    for x in (345, 525):
        pen.rectangle((x, 110, x + 30, 260), fill=red)
    pen.polygon([(320, 250), (450, 290), (580, 250), (600, 400), (560, 540), (340, 540), (300, 400)], fill=red)
    pen.polygon([(340, 540), (560, 540), (720, 1060), (450, 1100), (180, 1060)], fill=red)
    for top, bottom in ((370, 260), (415, 370), (490, 530), (535, 650)):
        pen.polygon([(top, 560), (top + 8, 560), (bottom + 34, 1080), (bottom - 14, 1080)], fill=shade)
        pen.polygon([(top + 12, 560), (top + 17, 560), (bottom + 66, 1080), (bottom + 46, 1080)], fill=light)
    pen.rectangle((336, 525, 564, 560), fill=shade)
    shadow = Image.new("RGB", dress.size, wall)
    garment = dress.convert("L").point(lambda grey: 255 if grey < 190 else 0)
    shadow.paste((176, 168, 156), (16, 20), garment.filter(ImageFilter.GaussianBlur(14)))
    shadow.paste(dress, mask=garment.filter(ImageFilter.GaussianBlur(1)))
    jpeg = io.BytesIO()
    shadow.save(jpeg, "JPEG", quality=92)
    return jpeg.getvalue()


def main(address: str, sample: str, mine: str) -> None:
    """Take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        found = os.environ.get("LOOKALIKE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = opened(browser, address, "light")
        save(picture_of(page), "home.png")
        search(page)
        save(picture_of(page), "results.png")
        page = opened(browser, address, "dark")
        page.set_viewport_size({"width": 1280, "height": 1000})
        page.goto("/browse?class=Bag")
        page.locator(".grid .card").nth(8).click()
        page.wait_for_url("**/items/*")
        save(picture_of(page), "item.png")
        phones = [opened(browser, address, scheme, phone=True) for scheme in ("light", "light", "dark")]
        search(phones[1])
        phones[2].goto("/browse?class=Sneaker")
        save(side_by_side([picture_of(phone) for phone in phones]), "phones.png")
        take_sample(browser, sample)
        take_mine(browser, mine)
        page = browser.new_page(viewport={"width": 1100, "height": 800}, device_scale_factor=1.5)
        page.goto(REPORT.as_uri())
        for part, selector in (("looks", "#looks"), ("nearest", "#found .sheet"), ("map", "#map")):
            shot = page.locator(selector).first.screenshot()
            save(Image.open(io.BytesIO(shot)).convert("RGB"), f"report-{part}.png")
        browser.close()


def take_sample(browser: Browser, address: str) -> None:
    """Take an item of the sample."""
    page = opened(browser, address, "light")
    page.set_viewport_size({"width": 1280, "height": 1200})
    page.goto("/items/sample-013")
    save(reduced(picture_of(page)), "sample.png")


def take_mine(browser: Browser, address: str) -> None:
    """Take what the page finds in a person's own folder, on a desk and on a phone."""
    pages = [opened(browser, address, "light"), opened(browser, address, "light", phone=True)]
    for page in pages:
        search(page)
    pages[1].locator("#found").evaluate("found => scrollBy(0, found.getBoundingClientRect().top - 24)")
    desk, phone = (ImageOps.expand(picture_of(page), 2, FRAME) for page in pages)
    phone = phone.resize((round(phone.width * desk.height / phone.height), desk.height), Image.Resampling.LANCZOS)
    save(reduced(side_by_side([desk, phone])), "mine.png")


def opened(browser: Browser, address: str, scheme: str, phone: bool = False) -> Page:
    """Return the start page in a window of its own."""
    context = browser.new_context(
        base_url=address,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
        device_scale_factor=1.5,
        is_mobile=phone,
        has_touch=phone,
    )
    page = context.new_page()
    page.goto("/")
    return page


def search(page: Page) -> None:
    """Search with the drawn dress and wait for the results."""
    page.set_input_files("#picture", {"name": "dress.jpg", "mimeType": "image/jpeg", "buffer": drawn_dress()})
    page.wait_for_url("**/search?view=*")
    page.reload()
    page.get_by_alt_text("Your picture").wait_for()


def picture_of(page: Page) -> Image.Image:
    """Return what the window shows once everything has arrived."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def reduced(picture: Image.Image) -> Image.Image:
    """Return a picture REDUCED pixels wide."""
    size = (REDUCED, round(picture.height * REDUCED / picture.width))
    return picture.resize(size, Image.Resampling.LANCZOS)


def side_by_side(pictures: list[Image.Image], gap: int = 36) -> Image.Image:
    """Return pictures of one height in a row on white."""
    widths = [picture.width + gap for picture in pictures]
    row = Image.new("RGB", (sum(widths) - gap, pictures[0].height), "white")
    for place, picture in enumerate(pictures):
        row.paste(picture, (sum(widths[:place]), 0))
    return row


def save(picture: Image.Image, name: str) -> None:
    """Save a picture with a palette of its own."""
    palette = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    palette.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
