"""Searches that are known to come one after another, made in one go: one product of matrices instead of many."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from indexer.catalogue import CatalogueState
    from indexer.records import Hits, Where
    from models.arrays import Vectors


class JointSearches:
    """A catalogue's state that, asked for one query of a group, searches with all of the group.

    `queries` are (group, query) with queries float32 (1, dim). Those of a group are expected to be asked with the same
    arguments; where they are not, each is answered rightly all the same.
    """

    def __init__(self, catalogue: "CatalogueState", queries: "Sequence[tuple[str, Vectors]]") -> None:
        self._catalogue = catalogue
        groups: dict[str, dict[bytes, Vectors]] = defaultdict(dict)
        for group, query in queries:
            groups[group][query.tobytes()] = query
        self._together = {data: group for group in groups.values() for data in group}
        self._found: dict[tuple[bytes, str], Hits] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogue, name)

    def __len__(self) -> int:
        return len(self._catalogue)

    def search(
        self,
        queries: "Vectors",
        k: int,
        where: "Where | None" = None,
        exclude: Collection[str] = (),
        *,
        exact: bool = False,
    ) -> "list[Hits]":
        """Return what the catalogue does."""
        data = queries.tobytes()
        group = self._together.get(data, {})
        if len(group) < 2:
            return self._catalogue.search(queries, k, where, exclude, exact=exact)
        asked = repr((k, where, tuple(exclude), exact))
        if (data, asked) not in self._found:
            found = self._catalogue.search(np.concatenate(list(group.values())), k, where, exclude, exact=exact)
            self._found.update(zip(((one, asked) for one in group), found, strict=True))
        return [self._found[data, asked]]
