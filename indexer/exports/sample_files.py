"""The sample as files: a folder of pictures and the table that goes with them, as a shop would have them."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from indexer.errors import ExportNotWritable
from indexer.records import AttributeValue
from indexer.sources.tabular.headings import ID, IMAGE
from indexer.sources.tabular.safe_cells import safe_cell
from models.files import written_whole
from models.pictures.png import encode_png
from models.progress import Progress
from sample_shop.products import Product, products

TABLE = "products.csv"


def write_sample(directory: Path | str, progress: Progress | None = None, sold: Sequence[Product] | None = None) -> int:
    """Write drawn products, by default the whole sample, into a new folder, and return how many they are.

    Each has a PNG of 400 x 500 pixels in the sub-folder of its class (`ankle-boot/sample-009.png`) and a row in the
    table products.csv (UTF-8, with a head): its id, the path of its image, and its attributes. So the folder is a
    source to index, and so is the table in it. The folder gets its name when it is whole. `progress(done, total)`
    counts products.

    Raises ExportNotWritable, also where something is there already.
    """
    directory, sold = Path(directory), products() if sold is None else sold
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise ExportNotWritable(f"{directory} is there already. Name a folder that is new or empty.")
        with written_whole(directory.absolute()) as draft:
            draft.mkdir(parents=True)
            _write_table(
                draft / TABLE, [{ID: product.id, IMAGE: _image(product), **product.attributes} for product in sold]
            )
            for number, product in enumerate(sold):
                if progress is not None:
                    progress(number, len(sold))
                picture = draft / _image(product)
                picture.parent.mkdir(exist_ok=True)
                picture.write_bytes(encode_png(product.draw()))
            if progress is not None:
                progress(len(sold), len(sold))
    except OSError as error:
        reason = error.strerror or error
        raise ExportNotWritable(f"{directory} can't be written ({reason}). Make room, or name another.") from error
    return len(sold)


def _image(product: Product) -> str:
    folder = str(product.attributes["class"]).lower().replace("/", "-").replace(" ", "-")
    return f"{folder}/{product.id}.png"


def _write_table(path: Path, rows: Sequence[Mapping[str, AttributeValue]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(
            {name: safe_cell(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows
        )
