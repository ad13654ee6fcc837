"""Catalogues of refused pictures: whether a picture is a copy of one of them, or looks like one."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.catalogue.local import LocalCatalogue
from models.fingerprints.copies import VERSION, copy_evidence

if TYPE_CHECKING:
    from models.arrays import Vectors

COMPARED = 100
"""Refused pictures that a fingerprint is compared with: those whose vectors are nearest. It takes 0.4 milliseconds."""


SURELY = 0.5
"""The evidence from which on a picture is refused: half of the colour variants that pass for one have less."""


@dataclass(frozen=True, slots=True)
class BlocklistMatch:
    """Of refused pictures, the one that a picture is likeliest a copy of, with the evidence for that where there is any
    (`models.fingerprints.copies.copy_evidence`), and the one that its vector is nearest to, with the cosine.
    """

    original: str | None = None
    evidence: float = 0.0
    nearest: str | None = None
    cosine: float = -1.0


NO_MATCH = BlocklistMatch()


class Blocklists:
    """The blocklists of one model by their directories, each opened when first asked for.

    Safe to use from several threads. What is written to one counts at once, and so does a reindexing.
    """

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._open: dict[Path, LocalCatalogue] = {}
        self._replaced: list[LocalCatalogue] = []  # other threads may still be reading them
        self._opening = threading.Lock()

    def match(self, directory: Path, vectors: "Vectors", fingerprints: Sequence[bytes]) -> BlocklistMatch:
        """Return which refused pictures a picture is like, by its vectors, float32 (1, dim), and its fingerprints.

        Raises what `LocalCatalogue.open` does: ModelMismatch for a blocklist of another model.
        """
        with self._catalogue(directory).reading() as state:
            hits = state.search(vectors, COMPARED)[0] if len(state) else []
        if not hits:
            return NO_MATCH
        known = [(hit.item.id, kept) for hit in hits if (kept := hit.item.fingerprint or b"")[:1] == bytes((VERSION,))]
        found = [copy_evidence(fingerprint, [kept for _, kept in known]) for fingerprint in fingerprints]
        likeliest = [(max(each), id_) for *each, (id_, _) in zip(*found, known, strict=True)]
        evidence, original = max(likeliest, default=(0.0, ""))
        match = BlocklistMatch(nearest=hits[0].item.id, cosine=hits[0].score)
        return replace(match, original=original, evidence=evidence) if evidence > 0 else match

    def check(self, directory: Path) -> None:
        """Open a blocklist, for who wants to know early that it is sound. Raises as `match` does."""
        self._catalogue(directory)

    def close(self) -> None:
        """Close them all. No other thread may be using one."""
        for catalogue in (*self._open.values(), *self._replaced):
            catalogue.close()
        self._open.clear()
        self._replaced.clear()

    def _catalogue(self, directory: Path) -> LocalCatalogue:
        with self._opening:
            known = self._open.get(directory)
            if known is not None and not known.is_current:
                self._replaced.append(self._open.pop(directory))
                known = None
            if known is None:
                known = self._open[directory] = LocalCatalogue.open(directory, self._fingerprint)
            return known
