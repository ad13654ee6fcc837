"""What tests of catalogues hold them to."""

import numpy as np

from indexer.catalogue.local import LocalCatalogue


def assert_same(one: LocalCatalogue, other: LocalCatalogue) -> None:
    """Hold two catalogues to be the same, item for item, picture for picture and vector for vector."""
    ids = one.ids()
    assert other.ids() == ids
    assert one.get(ids) == other.get(ids)
    assert one.content_keys(ids) == other.content_keys(ids)
    assert [one.display(id_) for id_ in ids] == [other.display(id_) for id_ in ids]
    np.testing.assert_array_equal(one.vectors(ids), other.vectors(ids))
