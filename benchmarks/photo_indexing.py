"""Indexing phone photographs: in parallel against plain loops, at phone size against full decoding, and once more."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

import models
from benchmarks.harness.measuring import BenchmarkFailed, Figure, Say, Section, in_turns, less, seconds
from indexer.catalogue.local import LocalCatalogue
from indexer.content_key import ContentKey, picture_checksum
from indexer.pipeline import indexing
from indexer.pipeline.embed import PreparedItem, embedded
from indexer.pipeline.plan import BATCH
from indexer.pipeline.worker_main import Prepared
from indexer.records import Record
from indexer.sources.folder import Folder
from indexer.sources.items import SourceItem
from indexer.thumbnails import display_copy
from models.datasets import fashion_mnist
from models.embedder import Embedder
from models.pictures.decoding import WORKING_SIDE, Picture, decode
from models.preprocessing.product_photo import SIDE

TIMES_THE_LOOP, TIMES_FULL_SIZE, TIMES_THE_FIRST_RUN, TIMES_THE_TUTORIAL = 1.7, 3, 30, 4
"""What the project promises, on two cores."""

PHONE_SIZE = 4000, 3000
"""Pixels of a phone's photograph, the longer side first: 12 megapixels."""

OURS, LOOP, FULL = "lookalike index", "a loop in one process", "the loop, decoding at full size"
IN_COLOUR, TUTORIAL = "lookalike index, in colour", "the tutorials' loop, Keras predict"

_LARGE = 120
_QUICK, _QUICK_LARGE = 200, 12

Decoder = Callable[[bytes], Picture]


def run(say: Say, quick: bool, photos: Path | None = None) -> Section:
    """Index a folder of photographs each round anew, both ways; some of them enlarged to a phone's size as well.

    The loop takes the same steps with the same code, durable commits of batches and publication included.
    """
    folder = photos or fashion_mnist.locate().parent / "clothing-photos"
    if not folder.is_dir():
        raise BenchmarkFailed(f"There are no photographs in {folder}. Name a folder of them with --photos.")
    embedder, in_colour = models.load(), models.load(models.PHOTOGRAPHS)
    tutorial = _tutorial()
    with TemporaryDirectory(prefix="lookalike-benchmark-") as name:
        place = Path(name)
        new_directory = (place / f"catalogue-{number}" for number in count()).__next__
        some = _chosen(folder, place / "photographs", _QUICK if quick else None)
        large = _enlarged(some, place / "large", _QUICK_LARGE if quick else _LARGE, say)
        rounds = 1 if quick else 3

        def index(source: Folder) -> tuple[float, float]:
            directory = new_directory()
            first = seconds(partial(_index, source, embedder, directory))
            return first, seconds(partial(_index, source, embedder, directory))

        def loop(source: Folder, decoder: Decoder) -> tuple[float, float]:
            return seconds(partial(_loop, source, embedder, new_directory(), decoder)), 0.0

        say("photographs as they are")
        as_they_are = in_turns(
            {OURS: partial(index, Folder(some)), LOOP: partial(loop, Folder(some), decode)}, rounds, say
        )
        say("photographs of a phone's size")
        at_phone_size = in_turns(
            {OURS: partial(index, Folder(large)), FULL: partial(loop, Folder(large), decode_fully)}, rounds, say
        )
        say("photographs in colour")
        as_tutorials_do = in_turns(
            {
                IN_COLOUR: lambda: seconds(partial(_index, Folder(some), in_colour, new_directory())),
                TUTORIAL: lambda: seconds(partial(tutorial, sorted(some.rglob("*.jpg")))),
            },
            rounds,
            say,
        )
        photographs, enlarged = len(list(Folder(some))), len(list(Folder(large)))
    first, second = zip(*as_they_are[OURS], strict=True)
    large_first = [time for time, _ in at_phone_size[OURS]]
    against_loop = less("index the photographs", "s", first, LOOP, [time for time, _ in as_they_are[LOOP]])
    against_full = less("index at 12 megapixels", "s", large_first, FULL, [time for time, _ in at_phone_size[FULL]])
    again = less("index once more, unchanged", "s", second, "the first run", first)
    against_tutorial = less("index in colour", "s", as_tutorials_do[IN_COLOUR], TUTORIAL, as_tutorials_do[TUTORIAL])
    return Section(
        name="photo_indexing",
        title=f"{photographs:,} photographs, and {enlarged} of them enlarged to {PHONE_SIZE[0]} x {PHONE_SIZE[1]}",
        comparisons=(against_loop, against_full, again, against_tutorial),
        figures=(
            Figure("times the speed of the loop", against_loop.ratio.value, TIMES_THE_LOOP, at_least=True),
            Figure("times the speed of full decoding", against_full.ratio.value, TIMES_FULL_SIZE, at_least=True),
            Figure("times the first run's speed, the second", again.ratio.value, TIMES_THE_FIRST_RUN, at_least=True),
            Figure(
                "times the tutorials' speed, in colour", against_tutorial.ratio.value, TIMES_THE_TUTORIAL, at_least=True
            ),
        ),
        notes=(
            f"{photographs / against_loop.ours.value:,.0f} photographs a second, "
            f"{photographs / against_tutorial.ours.value:,.0f} in colour.",
            "The tutorials' loop decodes, resizes to 224 x 224, and asks Keras's EfficientNet-Lite0, one by one; it "
            "finds no garment, keeps no picture and writes nothing.",
            "The photographs have a few hundred pixels a side, where full decoding is no detour: so the second line is "
            "of the same ones enlarged to what a phone takes.",
        ),
    )


def _tutorial() -> Callable[[Sequence[Path]], None]:
    """Return what embeds photographs as every tutorial does. Raises TrainingUnavailable without the trunk's weights."""
    import keras

    from models.training.product_photos.imagenet_weights import find_weights, read_weights
    from models.training.product_photos.trunk import trunk

    pixels = keras.Input((SIDE, SIDE, 3))
    last = trunk(pixels, read_weights(find_weights())).last
    embedder = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(last))

    def embed(paths: Sequence[Path]) -> None:
        for path in paths:
            with Image.open(path) as image:
                picture = np.asarray(image.convert("RGB").resize((SIDE, SIDE)), np.float32)
            embedder.predict(picture[np.newaxis], verbose=0)

    return embed


def decode_fully(data: bytes) -> Picture:
    """Decode every pixel, and only then reduce to about what `models.pictures.decoding` gives of such a picture."""
    with Image.open(io.BytesIO(data)) as image:
        whole = image.convert("RGB")
    return Picture(np.asarray(whole.reduce(max(1, max(whole.size) // WORKING_SIDE))))


def _index(source: Folder, embedder: Embedder, directory: Path) -> None:
    card = embedder.card
    with closing(LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes)) as catalogue:
        report = indexing.index(source, embedder, catalogue)
        if report.failed or not (report.added or report.unchanged):
            raise BenchmarkFailed(f"The pipeline did not index everything: {report}.")


def _loop(source: Folder, embedder: Embedder, directory: Path, decoder: Decoder) -> None:
    card = embedder.card
    with closing(LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes)) as catalogue:
        for items in _batches(list(source)):
            catalogue.upsert(_records(items, embedder, decoder))
        catalogue.publish()


def _records(items: Sequence[SourceItem], embedder: Embedder, decoder: Decoder) -> list[Record]:
    prepared = []
    for item in items:
        data = item.picture.read()  # type: ignore[union-attr]  # a folder's pictures are files
        picture = decoder(data)
        kept = Prepared.of(picture, embedder.prepare(picture), display_copy(picture), picture_checksum(data))
        content = str(ContentKey.of(kept.checksum, item.attributes))
        prepared.append(PreparedItem(item.id, item.attributes, content, kept))
    return embedded(prepared, embedder)


def _batches(rows: Sequence[object]) -> Iterator[list[SourceItem]]:
    items = [row for row in rows if isinstance(row, SourceItem)]
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _chosen(folder: Path, copy: Path, most: int | None) -> Path:
    """Return a folder with so many of the photographs, spread over all of them; None: the folder itself."""
    if most is None:
        return folder
    paths = sorted(folder.rglob("*.jpg"))
    for path in paths[:: max(1, len(paths) // most)][:most]:
        target = copy / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return copy


def _enlarged(folder: Path, copy: Path, most: int, say: Say) -> Path:
    """Return a folder of photographs as large as a phone takes them."""
    say(f"enlarging {most} photographs")
    copy.mkdir()
    paths = sorted(folder.rglob("*.jpg"))
    for path in paths[:: max(1, len(paths) // most)][:most]:
        with Image.open(path) as image:
            upright = image.height > image.width
            size = PHONE_SIZE[::-1] if upright else PHONE_SIZE
            large = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        large.save(copy / f"{path.parent.name}-{path.name}", quality=90)
    return copy
