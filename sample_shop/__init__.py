"""A shop that ships with the project: product pictures drawn by its own code, with titles and prices to match.

It knows nothing of models or catalogues. `sample_shop.products` lists what is sold.
"""

from collections.abc import Mapping
from types import MappingProxyType

DRAWN: Mapping[str, str] = MappingProxyType({"drawn_by": "Lookalike"})
"""What tells a drawn product from a photographed one: an attribute that it carries into every table and catalogue."""
