"""How a person wants a source to be read, where that is not as it reads itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What of a source is wanted, and how it is read.

    Of a folder: only paths that `include` matches, where there is any, none that `exclude` does. Of a table: `columns`
    maps `id`, `image` or an attribute to the heading that is meant by it, and `images_dir` is where the paths of
    pictures begin (default: the table's folder). `follow_links_out` also follows links that
    lead out of that folder. `encoding` is what the text of a table is in, where it is not to be found out.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    follow_links_out: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    images_dir: Path | None = None
    encoding: str = ""

    @property
    def told(self) -> str:
        """The options as text, the same for the same; empty where there are none."""
        return "" if self == AS_IT_IS else repr(self)


AS_IT_IS = SourceOptions()
