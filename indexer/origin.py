"""What tells a drawn product from a photographed one: an attribute that it carries into every table and catalogue."""

from collections.abc import Mapping
from types import MappingProxyType

DRAWN: Mapping[str, str] = MappingProxyType({"drawn_by": "Lookalike"})
"""The attribute of every product of the sample, as a record has it and as a filter asks for it."""
