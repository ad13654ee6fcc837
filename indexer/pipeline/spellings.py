"""Ids as a catalogue spells them: the same letters may be composed otherwise, as file systems do."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from indexer.catalogue import Catalogue
from indexer.sources.items import Failure, SourceItem


def as_kept(
    batch: Sequence[SourceItem | Failure], catalogue: Catalogue | None
) -> tuple[list[SourceItem | Failure], Mapping[str, str]]:
    """Return a batch, its ids spelt as those in a catalogue that are the same by NFC, and the content keys by id.

    What a catalogue does not have keeps the spelling that it has.
    """
    if catalogue is None:
        return list(batch), {}
    kept = dict(catalogue.content_keys([row.id for row in batch if row.id is not None]))
    strangers = {row.id for row in batch if row.id is not None and row.id not in kept and not row.id.isascii()}
    if not strangers:
        return list(batch), kept
    known = catalogue.content_keys(list(_variants(strangers)))
    spelt = {id_: name for id_ in strangers for name in _variants([id_]) if name in known}
    rows = [replace(row, id=spelt[row.id]) if row.id in spelt else row for row in batch]
    return rows, kept | {name: known[name] for name in spelt.values()}


def _variants(ids: Iterable[str]) -> Iterable[str]:
    return (unicodedata.normalize(form, id_) for id_ in ids for form in ("NFC", "NFD"))
