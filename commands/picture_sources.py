"""Pictures that a person names on the command line: a file, standard input, or a web address."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from indexer.sources.web.addresses import Address


@dataclass(frozen=True, slots=True, eq=False)
class NamedPicture:
    """A picture as the engine takes it, the name that it was given by, and the host that this allows, if any."""

    name: str
    picture: "bytes | Address"
    hosts: tuple[str, ...] = ()


class PictureSource(click.File):
    """A file, - for standard input, or an address, whose own host is allowed by being typed: a NamedPicture."""

    name = "picture"

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return what is named. Raises AddressRefused for an address that none can be fetched from."""
        if isinstance(value, NamedPicture):
            return value
        if str(value).lower().startswith(("http://", "https://")):
            from indexer.sources.web.addresses import Address

            address = Address.parse(value)
            return NamedPicture(value, address, (address.authority_with_port,))
        return NamedPicture(str(value), super().convert(value, parameter, context).read())
