"""Fetching a file of known size and checksum from a list of mirrors, whatever the network does."""

import contextlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from models.card import file_sha256
from models.errors import LookalikeError
from models.files import lock, put_in_place
from models.progress import Progress

TIMEOUT = 30.0
"""Seconds of silence, or with fewer than LEAST_BYTES new bytes, after which a try is given up."""

LEAST_BYTES = 16_384

ATTEMPTS = 3
"""Tries at one mirror before the next; a try that brought LEAST_BYTES or more does not count."""

BACK_OFF = 1.0
"""Seconds before the second try at one mirror, doubled for each further one."""

_CHUNK = 1 << 16


class DownloadFailed(LookalikeError):
    """No mirror gave the file. `attempts` holds each address and why it failed."""

    code = "download-failed"

    def __init__(self, name: str, attempts: Sequence[tuple[str, str]]) -> None:
        self.attempts = tuple(attempts)
        tried = "; ".join(f"{url}: {reason}" for url, reason in attempts)
        super().__init__(f"{name} could not be downloaded. Tried {tried or 'nothing: there is no mirror'}.")


class NotWritable(LookalikeError):
    """The place for a file can't be written: read-only, not a folder, or full."""

    code = "not-writable"


class _MirrorFailed(Exception):
    """Why one try failed, and whether another try at the same mirror can help."""

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.retry = retry


def download(
    urls: Sequence[str],
    target: Path,
    *,
    size: int,
    sha256: str,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    back_off: float = BACK_OFF,
) -> None:
    """Put the file of that size (bytes) and SHA-256 at `target`, from the first of `urls` that gives it.

    What has arrived stays in `target` + ".part" and is continued by the next call, in another process or from
    another mirror too. `target` appears in one step, checked and flushed to disk; two processes that want the
    same file fetch it once. `progress(done, total)` counts bytes; `done` falls when a transfer starts again.

    Raises DownloadFailed with every address and its reason, or NotWritable. Only http and https are spoken.
    """
    part = target.with_name(target.name + ".part")
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("a+b", buffering=0)
    with file:
        with contextlib.suppress(OSError):  # a file system without locks: the checksum still guards
            lock(file.fileno())
        if target.exists():  # another process was faster, and `part` may be its finished file
            _remove_if_same(part, file)
            return
        attempts: list[tuple[str, str]] = []
        for url in urls:
            try:
                _fetch_patiently(url, file, size, sha256, progress, timeout, back_off)
            except _MirrorFailed as failure:
                attempts.append((url, str(failure)))
                continue
            with writing(target.parent):
                put_in_place(part, target)
            return
        if _length(file) == 0:
            _remove_if_same(part, file)
    raise DownloadFailed(target.name, attempts)


def _fetch_patiently(
    url: str,
    file: BinaryIO,
    size: int,
    sha256: str,
    progress: Progress | None,
    timeout: float,
    back_off: float,
) -> None:
    """Fill the file from one mirror, trying again while that can help."""
    failures = 0
    while True:
        begun_at = _length(file)
        try:
            if begun_at > size:
                _restart(file)
            elif begun_at < size:
                _fetch(url, file, size, progress, timeout)
            if file_sha256(Path(file.name)) == sha256:
                return
            _restart(file)
            # Bytes kept from an earlier try may be to blame; from a fresh start they are the mirror's own.
            raise _MirrorFailed("it sent other bytes than the file's (SHA-256 differs)", retry=begun_at > 0)
        except _MirrorFailed as failure:
            gained = _length(file) - begun_at >= LEAST_BYTES
            failures = 0 if gained else failures + 1
            if not failure.retry or failures >= ATTEMPTS:
                raise
            time.sleep(0 if gained else back_off * 2 ** (failures - 1))


def _fetch(url: str, file: BinaryIO, size: int, progress: Progress | None, timeout: float) -> None:
    """Make one request for what is missing and append it; afterwards the file has exactly `size` bytes."""
    have = _length(file)
    headers = {"User-Agent": "lookalike", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 -- the opener speaks only http(s)
        with _opener().open(request, timeout=timeout) as response:
            if response.status == http.HTTPStatus.PARTIAL_CONTENT:
                _check_range(response.headers.get("Content-Range", ""), file, have, size)
            elif response.status == http.HTTPStatus.OK:
                _restart(file)
                announced = response.headers.get("Content-Length")
                if announced is not None and announced.strip() != str(size):
                    raise _MirrorFailed(f"it offers {announced} bytes instead of {size}", retry=False)
            else:
                raise _MirrorFailed(f"it answered with status {response.status}", retry=False)
            _append(response, file, size, progress, timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            _restart(file)
            raise _MirrorFailed("it refuses to continue the file", retry=True) from None
        raise _MirrorFailed(f"it answered {error.code} {error.reason}", retry=error.code >= 500) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.URLError) and not isinstance(error.reason, OSError):
            raise _MirrorFailed(str(error.reason), retry=False) from None
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _MirrorFailed(str(reason) or type(reason).__name__, retry=not isinstance(error, ValueError)) from None


def _check_range(content_range: str, file: BinaryIO, have: int, size: int) -> None:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range.strip())
    if not match or int(match[1]) != have or match[2] not in {str(size), "*"}:
        _restart(file)
        raise _MirrorFailed(f"it continues with the wrong part ({content_range or 'no Content-Range'})", retry=True)


def _append(
    response: http.client.HTTPResponse, file: BinaryIO, size: int, progress: Progress | None, timeout: float
) -> None:
    done = _length(file)
    window_end, window_start_done = time.monotonic() + timeout, done
    while chunk := response.read1(min(_CHUNK, size + 1 - done)):
        done += len(chunk)
        if done > size:
            _restart(file)
            raise _MirrorFailed(f"it sends more than the file's {size} bytes", retry=False)
        with writing(Path(file.name).parent):
            _write_all(file, chunk)
        if progress:
            progress(done, size)
        if time.monotonic() > window_end:
            if done < size and done - window_start_done < LEAST_BYTES:
                raise _MirrorFailed("it is too slow", retry=False)
            window_end, window_start_done = time.monotonic() + timeout, done
    if done < size:
        raise _MirrorFailed(f"the connection ended after {done} of {size} bytes", retry=True)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https, with redirects and proxies, and for nothing else (file:, ftp:)."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


@contextlib.contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what the system says when a directory can't be written into NotWritable."""
    try:
        yield
    except OSError as error:
        raise NotWritable(
            f"{directory} can't be written ({error.strerror or error}). "
            "Free space there, change its permissions, or choose another folder."
        ) from error


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _restart(file: BinaryIO) -> None:
    with writing(Path(file.name).parent):
        file.truncate(0)


def _length(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _remove_if_same(part: Path, file: BinaryIO) -> None:
    with contextlib.suppress(OSError):
        if part.stat().st_ino == os.fstat(file.fileno()).st_ino:
            part.unlink()
