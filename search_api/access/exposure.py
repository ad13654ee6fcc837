"""How an application is shown to others: who may ask, from which pages, by which names."""

from dataclasses import dataclass

from search_api.access.gate import Gate
from search_api.access.origins import Origins


@dataclass(frozen=True, slots=True)
class Exposure:
    """Without anything, an application answers whoever calls it.

    `trusted_hosts` are as `checked_hosts` gives them; `public_url` is the address under which clients see the
    application, like `https://shop.example/vs`: pictures are told by it.
    """

    gate: Gate | None = None
    origins: Origins | None = None
    trusted_hosts: tuple[str, ...] = ()
    public_url: str = ""
