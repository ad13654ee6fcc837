"""What moderation lets through and holds up: copies of blocked photographs, their colour variants, and other things."""

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness.measuring import BenchmarkFailed, Figure, Say, Section
from commands.composition import engine_without_items
from indexer.directory import index
from models import PHOTOGRAPHS, bundle_directory
from models.colours.difference import delta_e
from models.datasets import fashion_mnist
from models.datasets.photographs import Photograph, find_photographs, pictures_in, unseen_by
from models.faults.writing import find_writing
from models.ood_score import auroc
from models.pictures.colour import lab
from models.pictures.decoding import Picture
from models.preprocessing.garment_finder import bounding_box, find_garment
from search_api.engine import Engine
from search_api.moderation.policy import DEFAULT, BlocklistRule, OtherThings, Policy
from search_api.moderation.submissions import Submission
from search_api.results import Verdict

COPIES, VARIANTS, OTHER_THINGS, PHOTOGRAPHS_HELD_UP = 0.95, 0.01, 0.90, 0.10
"""What the project promises: of copies and variants, what share is rejected; of the rest, what share is held up."""

WRITING, NO_WRITING = 0.75, 0.02
"""Of photographs with writing beside the garment, and of those without, the share where some is found."""

_BLOCKED, _QUICK = 160, 24
_HUES = 30, 60, 90, 128, 170, 210
_LEAST_DYED = 14.0
_DRAWN = 20

_WORDS = (
    "SALE -50 %",
    "€ 19,95",
    "www.shop.example",
    "FREE SHIPPING",
    "only today!",
    "Size M",
    "$24.99",
    "Premium quality",
)

_TELLING = replace(DEFAULT, other_things=OtherThings("allow", 1.0))
"""The default policy, but that it tells how familiar everything is."""

Change: TypeAlias = Callable[[Image.Image, np.random.Generator], Image.Image]
_Found: TypeAlias = tuple[Sequence[Figure], Sequence[str]]


def run(say: Say, quick: bool, photos: Path | None = None, others: Path | None = None) -> Section:
    """Moderate photographs that the model has not learned from, and other things: drawn, ground, or in a folder."""
    folder = photos or fashion_mnist.locate().parent / "clothing-photos"
    if not folder.is_dir():
        raise BenchmarkFailed(f"There are no photographs in {folder}. Name a folder of them with --photos.")
    found = list(unseen_by([bundle_directory(PHOTOGRAPHS)], find_photographs(folder)))
    rng = np.random.default_rng(0)
    rng.shuffle(found)
    blocked = found[: _QUICK if quick else _BLOCKED]
    with TemporaryDirectory(prefix="lookalike-benchmark-") as name, engine_without_items() as engine:
        say(f"blocking {len(blocked)} photographs")
        policy = _blocking(blocked, Path(name))
        of_blocklist = _of_blocklist(engine, policy, blocked, rng, say)
        some = found[: 4 * _QUICK] if quick else found
        of_things = _of_things(engine, some, others, rng, say)
        of_writing = _of_writing(some, rng, say)
    return Section(
        name="moderation",
        title=f"{len(blocked)} blocked photographs, {len(found)} photographs by phone, and other things",
        comparisons=(),
        figures=(*of_blocklist[0], *of_things[0], *of_writing),
        notes=(*of_blocklist[1], *of_things[1]),
    )


def _blocking(photographs: Sequence[Photograph], place: Path) -> Policy:
    refused = place / "refused"
    refused.mkdir()
    for number, one in enumerate(photographs):
        (refused / f"{number:04}{one.path.suffix}").symlink_to(one.path.resolve())
    index(refused, place / "blocklist", workers=1)
    return replace(DEFAULT, blocklist=BlocklistRule(place / "blocklist"))


def _of_blocklist(
    engine: Engine, policy: Policy, blocked: Sequence[Photograph], rng: np.random.Generator, say: Say
) -> _Found:
    pictures = [one.read() for one in blocked]
    images = [Image.fromarray(one.pixels).convert("RGB") for one in pictures]
    shares = {}
    for name, change in EDITS.items():
        say(f"copies: {name}")
        shares[name] = _rejected(engine, policy, [_jpeg(change(image, rng)) for image in images])
    say("colour variants")
    variants = [_jpeg(image) for one in pictures for image in _dyed(one)]
    mean, dyed = float(np.mean(list(shares.values()))), _rejected(engine, policy, variants)
    figures = (
        Figure("copies under seven edits, rejected", mean, COPIES, at_least=True),
        Figure(f"of {len(variants)} colour variants, rejected", dyed, VARIANTS, at_least=False),
    )
    return figures, (f"copies rejected: {', '.join(f'{name} {share:.3f}' for name, share in shares.items())}",)


def _of_things(
    engine: Engine, photographs: Sequence[Photograph], others: Path | None, rng: np.random.Generator, say: Say
) -> _Found:
    say(f"{len(photographs)} photographs")
    pictures = [one.read() for one in photographs]
    verdicts = _verdicts(engine, _TELLING, pictures)
    of_classes = [one for one, photograph in zip(verdicts, photographs, strict=True) if photograph.is_mapped]
    things = {"ground beside a garment": list(_grounds(pictures))} | _drawn(rng)
    if others is not None:
        found = defaultdict(list)
        for path, _, picture in pictures_in(others):
            found[path.parent.name].append(picture)
        things |= found
    judged = {}
    for kind, some in things.items():
        say(f"other things: {kind}")
        judged[kind] = _verdicts(engine, _TELLING, some)
    known = -np.array([_familiarity(one) for one in verdicts])
    every = [one for some in judged.values() for one in some]
    figures = (
        Figure(
            f"of {len(of_classes)} photographs of the classes, held up",
            _held_up(of_classes),
            PHOTOGRAPHS_HELD_UP,
            at_least=False,
        ),
        Figure(f"of {len(verdicts)} photographs, held up", _held_up(verdicts), PHOTOGRAPHS_HELD_UP, at_least=False),
        Figure(f"of {len(every)} other things, held up", _held_up(every), OTHER_THINGS, at_least=True),
    )
    why = Counter(reason.code for one in verdicts for reason in one.reasons if reason.verdict != "allow")
    told = ", ".join(f"{code} {count}" for code, count in why.most_common()) or "nothing"
    notes = [f"photographs held up for something other than their familiarity: {told}"]
    for kind, answers in judged.items():
        area = auroc(known, -np.array([_familiarity(one) for one in answers]))
        notes.append(f"{kind}: {len(answers)}, held up {_held_up(answers):.3f}, AUROC of the familiarity {area:.3f}")
    return figures, notes


def _of_writing(photographs: Sequence[Photograph], rng: np.random.Generator, say: Say) -> Sequence[Figure]:
    """Write on photographs where no garment lies, and tell how often that is found, and how often it is without."""
    say("writing")
    plain, lettered = [], []
    for one in photographs:
        image = Image.fromarray(one.read().pixels).convert("RGB")
        plain.append(_is_written(image))
        written, box = _written(image, rng)
        mask = find_garment(np.asarray(image)).mask
        if mask is None or mask[box[1] : box[3], box[0] : box[2]].mean() < 0.2:
            lettered.append(_is_written(Image.open(io.BytesIO(_jpeg(written)))))
    return (
        Figure(
            f"of {len(lettered)} with writing beside the garment, noticed",
            float(np.mean(lettered)),
            WRITING,
            at_least=True,
        ),
        Figure(f"of {len(plain)} without writing, taken for such", float(np.mean(plain)), NO_WRITING, at_least=False),
    )


def _is_written(image: Image.Image) -> bool:
    pixels = np.asarray(image)
    return find_writing(pixels, lambda: find_garment(pixels).mask) is not None


def _written(image: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Write a line at random on a picture, of 5 to 13 % of its height; return it with left, top, right and bottom."""
    words, font = str(rng.choice(_WORDS)), _font(rng.uniform(0.05, 0.13) * image.height)
    while (width := font.getlength(words)) > 0.94 * image.width:
        font = _font(font.size * 0.9)
    height = font.size
    left, top = int(rng.uniform(0, image.width - width)), int(rng.uniform(0, image.height - height))
    box = left, top, int(left + width), int(top + height)
    ground = np.asarray(image.convert("L"))[box[1] : box[3], box[0] : box[2]].mean()
    ink = next(
        ink for ink in iter(lambda: _colour(rng), None) if abs(np.dot(ink, (0.299, 0.587, 0.114)) - ground) >= 80
    )
    written = image.copy()
    ImageDraw.Draw(written).text((left, top), words, fill=ink, font=font)
    return written, box


def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(9, size))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _verdicts(engine: Engine, policy: Policy, pictures: Sequence[Picture | bytes]) -> list[Verdict]:
    return [
        one for one in engine.moderate_all([Submission(one) for one in pictures], policy) if isinstance(one, Verdict)
    ]


def _rejected(engine: Engine, policy: Policy, pictures: Sequence[bytes]) -> float:
    return float(np.mean([one.verdict == "reject" for one in _verdicts(engine, policy, pictures)]))


def _held_up(verdicts: Sequence[Verdict]) -> float:
    """Return the share that the default policy does not allow."""
    least = DEFAULT.other_things.familiarity
    return float(np.mean([one.verdict != "allow" or _familiarity(one) < least for one in verdicts]))


def _familiarity(verdict: Verdict) -> float:
    """Return how familiar a picture is as a garment, by a verdict of _TELLING."""
    told = [reason.measured for reason in verdict.reasons if reason.code == "other-thing"]
    return float(told[0] or 0) if told else 1.0


def _jpeg(image: Image.Image, quality: int = 92) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return data.getvalue()


def _saved_again(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return Image.open(io.BytesIO(_jpeg(image, int(rng.integers(40, 61)))))


def _smaller(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.resize((image.width // 3, image.height // 3), Image.Resampling.BOX)


def _cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    across, down = (round(rng.uniform(0.05, 0.08) * side) for side in image.size)
    return image.crop((across, down, image.width - across, image.height - down))


def _framed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    border = round(rng.uniform(0.03, 0.08) * image.width)
    whole = Image.new("RGB", (image.width + 2 * border, image.height + 2 * border), _colour(rng))
    whole.paste(image, (border, border))
    return whole


def _bannered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    image, height = image.copy(), int(rng.uniform(0.08, 0.13) * image.height)
    top = int(rng.uniform(0, image.height - height))
    draw, colour = ImageDraw.Draw(image), _colour(rng)
    draw.rectangle((0, top, image.width, top + height), fill=colour)
    ink = "black" if sum(colour) > 380 else "white"
    draw.text((image.width // 10, top + height // 5), "SALE -50 %", fill=ink, font_size=max(9, height // 2))
    return image


def _relit(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    light = rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3)
    return Image.fromarray(np.clip(np.asarray(image, np.float64) * light, 0, 255).astype(np.uint8))


def _mirrored(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


EDITS: Mapping[str, Change] = {
    "saved again": _saved_again,
    "a third": _smaller,
    "cropped": _cropped,
    "framed": _framed,
    "bannered": _bannered,
    "relit": _relit,
    "mirrored": _mirrored,
}
"""What is done to a picture so that it passes for another."""


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def _dyed(picture: Picture) -> Iterator[Image.Image]:
    """Yield a picture with the hue of its garment turned, as often as much changes by that."""
    mask = find_garment(picture.pixels).mask
    if mask is None or picture.pixels.ndim != 3:
        return
    hues = np.asarray(Image.fromarray(picture.pixels).convert("HSV"))
    for turn in _HUES:
        turned = hues.copy()
        turned[:, :, 0] = np.where(mask, turned[:, :, 0] + np.uint8(turn), turned[:, :, 0])
        other = np.asarray(Image.fromarray(turned, "HSV").convert("RGB"))
        apart = delta_e(lab(picture.pixels[mask][::50]), lab(other[mask][::50]))
        if float(apart.mean()) >= _LEAST_DYED:
            yield Image.fromarray(other)


def _grounds(pictures: Sequence[Picture]) -> Iterator[Picture]:
    """Yield of every second picture the largest strip beside the garment, where there is one to speak of."""
    for picture in pictures[::2]:
        mask = find_garment(picture.pixels).mask
        if mask is None:
            continue
        rows, columns = bounding_box(mask)
        pixels = picture.pixels
        strips = pixels[: rows.start], pixels[rows.stop :], pixels[:, : columns.start], pixels[:, columns.stop :]
        strip = max(strips, key=lambda one: min(one.shape[:2]))
        side = min(strip.shape[:2])
        if side >= 40:
            yield Picture(np.ascontiguousarray(strip[: 2 * side, : 2 * side]), None, (400, 400))


def _drawn(rng: np.random.Generator) -> dict[str, list[Picture]]:
    """Return pages of words, charts, noise, gradients and shapes."""
    things: dict[str, list[Picture]] = defaultdict(list)
    for number in range(_DRAWN):
        things["noise"].append(Picture(rng.integers(0, 256, (300, 300, 3), np.uint8)))
        few = rng.integers(0, 256, (6, 6, 3), np.uint8)
        things["gradients"].append(_as_picture(Image.fromarray(few).resize((320, 320), Image.Resampling.BICUBIC)))
        page = Image.new("RGB", (400, 500), "white")
        for row in range(30, 470, 16 + number % 9):
            ImageDraw.Draw(page).text((30, row), "an invoice, words and figures, 42 in all", fill="black", font_size=14)
        things["pages"].append(_as_picture(page))
        chart, colour = Image.new("RGB", (400, 400), "white"), _colour(rng)
        for bar, height in enumerate(rng.integers(20, 360, 8).tolist()):
            ImageDraw.Draw(chart).rectangle((20 + bar * 45, 390 - height, 50 + bar * 45, 390), fill=colour)
        things["charts"].append(_as_picture(chart))
        shape, side = Image.new("RGB", (400, 400), _colour(rng)), int(rng.integers(60, 160))
        ImageDraw.Draw(shape).regular_polygon((200, 200, side), 3 + number % 6, fill=_colour(rng))
        things["shapes"].append(_as_picture(shape))
    return things


def _as_picture(image: Image.Image) -> Picture:
    return Picture(np.asarray(image))
