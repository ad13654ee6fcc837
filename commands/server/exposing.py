"""The options of `lookalike serve` that say who may ask, from where, and how much."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from search_api.access.exposure import Exposure
    from search_api.access.gate import Gate
    from search_api.server.admission import Admission

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--keys",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Answer only who has a key of this file (see lookalike keys). Needed where others can reach --host, "
        "unless --public-read.",
    ),
    click.option("--public-read", is_flag=True, help="Answer questions without a key; writes still need one."),
    click.option(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        metavar="ORIGIN",
        help="Origin whose pages may ask the API and show its pictures, like https://shop.example; * for any. May be "
        "repeated.",
    ),
    click.option(
        "--trusted-host",
        "trusted_hosts",
        multiple=True,
        metavar="HOST",
        help="Name that the server goes by, .shop.example with all below it; other Host headers get 400. May be "
        "repeated.",
    ),
    click.option(
        "--limit", metavar="RATE", help="How much a key, or an address without one, may ask, like 100/minute."
    ),
    click.option(
        "--public-url",
        metavar="URL",
        help="Address under which clients see the server, like https://shop.example/vs: answers tell pictures by it, "
        "and its path is the --prefix where none is given.",
    ),
)


@dataclass(frozen=True, slots=True)
class Exposing:
    """What a server was told of who may ask."""

    gate: "Gate"
    exposure: "Exposure"
    admission: "Admission"


def exposing_options(command: Command) -> Command:
    """Give a command with a `host` and a `prefix` these options, and hand it what they make as `exposing`.

    It raises NotToBeExposed, KeysUnreadable, InvalidOrigin or InvalidRate where they can't be meant.
    """

    @functools.wraps(command)
    def with_exposing(
        *,
        host: str,
        prefix: str,
        keys: Path | None,
        public_read: bool,
        cors_origins: tuple[str, ...],
        trusted_hosts: tuple[str, ...],
        limit: str | None,
        public_url: str | None,
        **others: Any,
    ) -> Any:
        from search_api.access.exposure import Exposure
        from search_api.access.gate import gate_for
        from search_api.access.origins import Origins, checked_hosts, checked_public_url
        from search_api.access.rates import rate_of
        from search_api.server.admission import Admission

        gate = gate_for(host, keys, public_read=public_read)
        origins = Origins(cors_origins) if cors_origins else None
        url = checked_public_url(public_url) if public_url else ""
        exposure = Exposure(gate, origins, checked_hosts(trusted_hosts), url)
        admission = Admission(gate, None if limit is None else rate_of(limit), origins)
        prefix = prefix or urlsplit(url).path
        return command(host=host, prefix=prefix, exposing=Exposing(gate, exposure, admission), **others)

    for option in reversed(_OPTIONS):
        with_exposing = option(with_exposing)
    return with_exposing  # type: ignore[return-value]
