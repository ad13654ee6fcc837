"""What a verification finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.database.locations import CURRENT, DATABASE_FILE
from indexer.database.wal import LOG_SUFFIX
from indexer.upkeep.metadata_checks import Identity

LOG_FILE = DATABASE_FILE + LOG_SUFFIX

_OF_DATABASE = {DATABASE_FILE, LOG_FILE}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: in which file of the directory, of which item where it is of one, what.

    `is_derived` tells that it can be rebuilt from what is sound; what can't is to be indexed again. `items` is how many
    items are lost with it, None where nothing tells.
    """

    file: str
    problem: str
    is_derived: bool
    id: str | None = None
    items: int | None = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what was found.

    `items` is the number of those that are as they were written, or can be made so; `identity` the model that the
    catalogue is of, None when nothing tells. `files` says of every file of the directory, and of the sub-directory that
    the catalogue is in, whether it is sound, damaged, or none that was looked at; `others` are the places of catalogues
    beside it, unfinished or earlier ones.
    """

    directory: Path
    identity: Identity | None
    items: int
    findings: tuple[Finding, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Path, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def lost(self) -> tuple[Finding, ...]:
        """What nothing in the catalogue can give back."""
        return tuple(finding for finding in self.findings if not finding.is_derived)

    @property
    def lost_items(self) -> int | None:
        """How many items nothing in the catalogue can give back; None where that can't be told."""
        counts = [1 if finding.id is not None else finding.items for finding in self.lost]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def has_sound_database(self) -> bool:
        """Whether nothing but index files is damaged."""
        return all(Path(finding.file).name not in _OF_DATABASE for finding in self.findings)

    @property
    def has_sound_pointer(self) -> bool:
        """Whether the catalogue is found where the directory says that it is."""
        return all(finding.file != CURRENT for finding in self.findings)
