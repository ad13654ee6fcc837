"""Product feeds in XML: RSS 2.0 and Atom, as Google Merchant reads them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from indexer.sources.bounded_lines import LONGEST_LINE
from indexer.sources.errors import TableDamaged
from indexer.sources.table_rows import Row
from indexer.sources.tabular.opened import open_table

_ITEMS = frozenset({"item", "entry"})
_BLOCK = 2**16


class XmlRows:
    """The items of a feed; their elements are columns, without namespaces, a list where one comes several times."""

    is_text = True
    columns: tuple[str, ...] = ()
    unnamed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    delimiter = ""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Row]:
        number = 0
        try:
            self._refuse_document_type()
            with open_table(self.path) as file:
                path: list[Any] = []
                for event, element in ElementTree.iterparse(file, events=("start", "end")):  # noqa: S314 -- it declares no entities
                    if event == "start":
                        path.append(element)
                        continue
                    path.pop()
                    if _name(element.tag) in _ITEMS:
                        number += 1
                        yield Row(number, _values(element, number, self.path))
                        for above in path[-1:]:
                            above.clear()
        except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
            raise TableDamaged(f"{self.path} is no sound XML ({error}). Export it again.") from error

    def _refuse_document_type(self) -> None:
        """Raise TableDamaged where entities may be declared, in any encoding: a few lines of them become gigabytes.

        The parser itself is asked, and only up to the first element: a document type comes before it or nowhere.
        """
        has_begun = False

        def begin(*_: object) -> None:
            nonlocal has_begun
            has_begun = True

        def refuse(*_: object) -> None:
            raise TableDamaged(f"{self.path} declares a document type, which no feed needs. Take that line out.")

        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.StartDoctypeDeclHandler = begin, refuse
        with open_table(self.path) as file:
            while not has_begun and (block := file.read(_BLOCK)):
                parser.Parse(block)


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _values(item: Any, number: int, path: Path) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    size = 0
    for element in sorted(item, key=lambda one: "base.google.com" not in one.tag):  # Google's own come first
        text = " ".join("".join(element.itertext()).split()) or element.get("href", "")
        size += len(text)
        if size > LONGEST_LINE:
            raise TableDamaged(f"{path}: item {number} is longer than {LONGEST_LINE >> 20} MiB.")
        if text:
            found.setdefault(_name(element.tag), []).append(text)
    own = {_name(element.tag) for element in item if "base.google.com" in element.tag}
    return {
        name: texts[0] if len(texts) == 1 or (name in own and name not in _REPEATED) else texts
        for name, texts in found.items()
    }


_REPEATED = frozenset({"additional_image_link", "product_type", "product_highlight", "excluded_destination"})
