"""Visual search for fashion catalogues: the one name that a user's code needs.

`index` fills a catalogue from a folder, a table or a name, and `open_engine` opens it, with the model that it was made
with, to answer a `Query`. To compose it oneself, `load` gives a model, `Catalogue.open` a catalogue, and `Engine` is
over both. Each is imported when it is first named, so that `import lookalike` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commands.command_line import main
    from commands.composition import open_engine
    from indexer.catalogue.local import LocalCatalogue as Catalogue
    from indexer.directory import index
    from models import load
    from search_api.engine import Engine
    from search_api.query import Query

__all__ = ["Catalogue", "Engine", "Query", "index", "load", "main", "open_engine"]

_HOMES = {
    "Catalogue": ("indexer.catalogue.local", "LocalCatalogue"),
    "Engine": ("search_api.engine", "Engine"),
    "Query": ("search_api.query", "Query"),
    "index": ("indexer.directory", "index"),
    "load": ("models", "load"),
    "main": ("commands.command_line", "main"),
    "open_engine": ("commands.composition", "open_engine"),
}
"""The module of each name, and what it is called there."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, its_name = _HOMES[name]
    return getattr(import_module(module), its_name)


def __dir__() -> list[str]:
    return __all__


if __name__ == "__main__":
    from commands.command_line import main

    main()
