"""The report of what failed, for people and programs to work through: JSON Lines."""

import json
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Literal

from indexer.database.storage_errors import not_writable
from indexer.errors import ReportNotWritable
from indexer.sources.items import Failure

REPORT_FILE = "failures.jsonl"
"""The name, in a catalogue's directory, of a link to the report of the run that failed there last."""

MOST_REPORTS = 50
"""Reports that a catalogue's directory keeps, of its latest runs in which something failed."""

_OF_RUNS = "failures-*.jsonl"


class FailureReport:
    """A file with one JSON object a failure: `row` or `path`, `id`, `code`, `message`; what is not known is left out.

    Each line is written at once, so that a run that is killed has reported what failed before. Begins an empty file.
    Raises ReportNotWritable.
    """

    def __init__(self, path: Path, mode: Literal["w", "x"] = "w") -> None:
        self.path = path
        self.count = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open(mode, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            if mode == "x" and path.exists():
                raise
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
        """Close the file. Each line was written at once, so what can't be written now has been told of before."""
        with suppress(OSError):
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


class ReportOfRun:
    """The report of one run in its catalogue's directory: a file of its own, made when the first item fails.

    The name tells when the run began. REPORT_FILE links to it; where nothing failed, the link of an earlier run goes,
    and its report stays, as those of all the latest runs do.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._began = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
        self._report: FailureReport | None = None

    @property
    def path(self) -> Path | None:
        """Where the report is; None while nothing has failed."""
        return None if self._report is None else self._report.path

    def add(self, failure: Failure) -> None:
        """Write one failure. Raises CatalogueNotWritable: where a report can't be written, nor can the catalogue be."""
        try:
            if self._report is None:
                self._report = self._new()
                self._link(self._report.path)
                self._drop_oldest()
            self._report.add(failure)
        except ReportNotWritable as error:
            raise not_writable(self._directory, error.__cause__ or error) from error

    def __enter__(self) -> "ReportOfRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._report is not None:
            self._report.close()
            self._link(self._report.path)
        elif error is None:
            with suppress(OSError):
                (self._directory / REPORT_FILE).unlink(missing_ok=True)

    def _new(self) -> FailureReport:
        for number in count(1):
            ending = "" if number == 1 else f"-{number}"
            try:
                return FailureReport(self._directory / f"failures-{self._began}{ending}.jsonl", "x")
            except FileExistsError:
                continue
        raise AssertionError  # numbers don't end

    def _drop_oldest(self) -> None:
        with suppress(OSError):  # another run may drop them as well
            reports = sorted(self._directory.glob(_OF_RUNS), key=lambda path: path.stat().st_mtime_ns)
            for old in reports[:-MOST_REPORTS]:
                old.unlink(missing_ok=True)

    def _link(self, report: Path) -> None:
        """Let REPORT_FILE be a link to a report, where the file system has links."""
        link, new = self._directory / REPORT_FILE, report.with_suffix(".link")
        with suppress(OSError):
            new.symlink_to(report.name)
            new.replace(link)
