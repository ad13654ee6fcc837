"""Columns in a file beside an index file, so that who opens a large catalogue need not read them from its items.

A cache like that: it has a SHA-256, which is also of the index file's, and where it is missing or not what it was, the
items are read.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from indexer.columns.column import Column, Texts, compact
from indexer.columns.segment import Segment
from models.files import written_whole

SUFFIX = ".columns"
LEAST_KEPT = 10_000
"""Items from which on columns are kept in a file: fewer are read as quickly."""

_SHA_SIZE = 32
_FORMAT = 1


class Generation(NamedTuple):
    """The published index file that columns lie beside: its name and its SHA-256."""

    file: str
    sha256: str

    def path(self, directory: Path) -> Path:
        """Return where its columns are kept."""
        return (directory / self.file).with_suffix(SUFFIX)


def keep(directory: Path, generation: Generation, segments: Sequence[Segment]) -> None:
    """Write the columns that belong to an index file, where there are enough of them; where that fails, none.

    Raises nothing: they can always be had from the items.
    """
    if sum(map(len, segments)) < LEAST_KEPT:
        return
    path, content = generation.path(directory), io.BytesIO()
    arrays = dict(_arrays_of(segments))
    np.savez(content, allow_pickle=False, **arrays)
    data = content.getvalue()
    with suppress(OSError), written_whole(path, path.with_suffix(f"{SUFFIX}.tmp")) as draft:
        draft.write_bytes(data + _sha256(data, generation))


def kept(directory: Path, generation: Generation) -> tuple[Segment, ...] | None:
    """Return the columns that are kept beside an index file; None where there are none, or they are damaged."""
    try:
        data = generation.path(directory).read_bytes()
    except OSError:
        return None
    content = memoryview(data)[:-_SHA_SIZE]
    if data[-_SHA_SIZE:] != _sha256(content, generation):
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            told = json.loads(arrays["told"].tobytes())
            return _segments(told, arrays) if told["format"] == _FORMAT else None
    except (BadZipFile, KeyError, ValueError, EOFError):
        return None  # of another version


def is_sound(directory: Path, generation: Generation) -> bool:
    """Tell whether there is nothing wrong with the columns beside an index file, be there any or none."""
    return not generation.path(directory).exists() or kept(directory, generation) is not None


def _sha256(content: bytes | memoryview, generation: Generation) -> bytes:
    digest = hashlib.sha256(content)
    digest.update(generation.sha256.encode())
    return digest.digest()


def _arrays_of(segments: Sequence[Segment]) -> Iterator[tuple[str, NDArray[Any]]]:
    told = []
    for number, segment in enumerate(segments):
        columns = [segment.classes, segment.colours, *segment.attributes.values()]
        for place, column in enumerate(columns):
            at = f"{number}/{place}"
            are_whole = [isinstance(value, int) for value in column.numbers]
            yield f"{at}/kinds", np.array(are_whole, np.bool_)
            yield f"{at}/whole", np.array([value for value in column.numbers if isinstance(value, int)], np.int64)
            yield f"{at}/reals", np.array([value for value in column.numbers if isinstance(value, float)], np.float64)
            yield f"{at}/texts", np.frombuffer(column.texts.content, np.uint8)
            yield f"{at}/ends", column.texts.ends
            yield f"{at}/places", column.places
            if column.owners is not None:
                yield f"{at}/owners", column.owners
        yield f"{number}/rows", segment.rows
        truths = [[value for value in column.numbers if isinstance(value, bool)] for column in columns]
        told.append({"first": segment.first, "last": segment.last, "names": list(segment.attributes), "truths": truths})
    yield "told", np.frombuffer(json.dumps({"format": _FORMAT, "segments": told}).encode(), np.uint8)


def _segments(told: Mapping[str, Any], arrays: Any) -> tuple[Segment, ...]:
    return tuple(_segment(arrays, number, one) for number, one in enumerate(told["segments"]))


def _segment(arrays: Any, number: int, told: Mapping[str, Any]) -> Segment:
    rows = arrays[f"{number}/rows"]
    classes, colours, *others = (
        _column(arrays, f"{number}/{place}", len(rows), truths) for place, truths in enumerate(told["truths"])
    )
    attributes = dict(zip(told["names"], others, strict=True))
    return Segment(
        told["first"],
        told["last"],
        rows,
        classes,
        attributes,
        colours,
        np.fromiter(colours.numbers, np.intp, len(colours.numbers)),
    )


def _column(arrays: Any, at: str, items: int, truths: Sequence[bool]) -> Column:
    whole, reals = iter(arrays[f"{at}/whole"].tolist()), iter(arrays[f"{at}/reals"].tolist())
    numbers: list[int | float] = [next(whole if is_whole else reals) for is_whole in arrays[f"{at}/kinds"].tolist()]
    numbers = [bool(value) if value in truths else value for value in numbers] if truths else numbers
    owners = arrays.get(f"{at}/owners")
    texts = Texts(arrays[f"{at}/texts"].tobytes(), arrays[f"{at}/ends"])
    return Column(items, compact(numbers), texts, arrays[f"{at}/places"], owners)
