"""The report of what failed, for people and programs to work through: JSON Lines."""

import json
from pathlib import Path
from types import TracebackType

from indexer.errors import ReportNotWritable
from indexer.sources.items import Failure

REPORT_FILE = "failures.jsonl"
"""The name of a report that lies in its catalogue's directory."""


class FailureReport:
    """A file with one JSON object a failure: `row` or `path`, `id`, `code`, `message`; what is not known is left out.

    Each line is written at once, so that a run that is killed has reported what failed before. Begins an empty file.
    Raises ReportNotWritable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise self._not_writable(error) from error

    def add(self, failure: Failure) -> None:
        """Write one failure."""
        place = "row" if isinstance(failure.place, int) else "path"
        fields = {place: failure.place, "id": failure.id, "code": failure.code, "message": failure.message}
        told = {name: value for name, value in fields.items() if value is not None}
        try:
            self._file.write(json.dumps(told, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._not_writable(error) from error
        self.count += 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "FailureReport":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _not_writable(self, error: OSError) -> ReportNotWritable:
        reason = error.strerror or error
        return ReportNotWritable(f"{self.path} can't be written ({reason}). Name another file with --report.")
