"""Fetching a file of known size and checksum from a list of mirrors, whatever the network does."""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Retry, Timeout, make_headers
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError
from urllib3.util import parse_url

from models.card import file_sha256
from models.errors import LookalikeError
from models.files import lock, put_in_place
from models.progress import Progress

TIMEOUT = 30.0
"""Seconds of silence, or with fewer than LEAST_BYTES new bytes, after which a try is given up."""

LEAST_BYTES = 16_384

ATTEMPTS = 3
"""Tries at one mirror before the next, for each way of failing; a try that came LEAST_BYTES further does not count."""

BACK_OFF = 1.0
"""Half of the seconds before the third try at one mirror, doubled for each further one; the second comes at once."""

MAX_WAIT = 60.0
"""Seconds that are waited at most, whatever a server asks for by Retry-After."""

_CHUNK = 1 << 16
_REDIRECTS = 5
_PASSING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)})
"""Answers that may be others the next time."""


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
    """Why a mirror does not give the file."""


class _BrokenOff(Exception):
    """Why a transfer ended early; `retries` are the tries that were left when it began."""

    def __init__(self, reason: str, retries: "_Retry") -> None:
        super().__init__(reason)
        self.retries = retries


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


class _Retry(Retry):
    """urllib3's own retries: connections that fail, answers that may pass, Retry-After, back-off, redirects.

    A redirect away from http and https is no answer.
    """

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **kwargs: Any) -> "_Retry":
        """Count one more try, or raise why there is none."""
        response: BaseHTTPResponse | None = kwargs.get("response", args[0] if args else None)
        location = response and response.get_redirect_location()
        if response and location and not _is_http(urljoin(url or "", location)):
            raise _MirrorFailed(f"it answered {response.status} and points to {location}")
        return super().increment(method, url, *args, **kwargs)


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
    if not _is_http(url):
        raise _MirrorFailed("it is no http or https address")
    fresh = _Retry(
        total=None,
        connect=ATTEMPTS - 1,
        read=ATTEMPTS - 1,
        status=ATTEMPTS - 1,
        other=ATTEMPTS - 1,
        redirect=_REDIRECTS,
        status_forcelist=_PASSING,
        backoff_factor=back_off,
        backoff_max=MAX_WAIT,
        retry_after_max=int(MAX_WAIT),
        raise_on_status=False,
        raise_on_redirect=False,
    )
    retries, most = fresh, 0
    try:
        connections = _pool(url, timeout)
    except HTTPError as error:
        raise _MirrorFailed(str(error)) from None
    with connections as pool:
        while True:
            begun_at = _length(file)
            if begun_at > size:
                _restart(file)
            elif begun_at < size:
                try:
                    retries = _request(pool, url, file, retries, size, progress, timeout)
                except _BrokenOff as broken:
                    if _length(file) - most >= LEAST_BYTES:
                        retries, most = fresh, _length(file)
                    else:
                        retries = _one_less(url, broken)
                    continue
                except MaxRetryError as error:
                    raise _MirrorFailed(str(error.reason)) from None
                except (HTTPError, OSError, ValueError) as error:
                    raise _MirrorFailed(str(error) or type(error).__name__) from None
            if _length(file) == size and file_sha256(Path(file.name)) == sha256:
                return
            if begun_at == 0:
                raise _MirrorFailed("it sent other bytes than the file's (SHA-256 differs)")
            _restart(file)  # bytes kept from an earlier try may be to blame, or the mirror can't continue


def _one_less(url: str, broken: _BrokenOff) -> _Retry:
    """Return the tries that are left after a transfer that broke off, having waited for the next."""
    try:
        left = broken.retries.increment("GET", url, error=ProtocolError(str(broken)))
    except MaxRetryError:
        raise _MirrorFailed(str(broken)) from None
    left.sleep()
    return left


def _request(
    pool: PoolManager,
    url: str,
    file: BinaryIO,
    retries: _Retry,
    size: int,
    progress: Progress | None,
    timeout: float,
) -> _Retry:
    """Make one request for what is missing and append it, or throw away what the mirror can't continue.

    Returns the tries that are left. Raises _BrokenOff where the body ends early, _MirrorFailed for a wrong answer.
    """
    have = _length(file)
    headers = {"User-Agent": "lookalike", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    response = pool.request("GET", url, headers=headers, retries=retries, preload_content=False, decode_content=False)
    left = response.retries if isinstance(response.retries, _Retry) else retries
    with contextlib.closing(response):
        if response.status == HTTPStatus.OK:
            _restart(file)
            announced = response.headers.get("Content-Length")
            if announced is not None and announced.strip() != str(size):
                raise _MirrorFailed(f"it offers {announced} bytes instead of {size}")
        elif response.status == HTTPStatus.PARTIAL_CONTENT and _continues(response, have, size):
            pass
        elif have and response.status in {HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}:
            _restart(file)
            return left
        else:
            raise _MirrorFailed(f"it answered {response.status} {response.reason or ''}".rstrip())
        _append(response, file, size, progress, timeout, left)
    return left


def _continues(response: BaseHTTPResponse, have: int, size: int) -> bool:
    """Tell whether a partial answer begins where the file ends."""
    content_range = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
    return match is not None and int(match[1]) == have and match[2] in {str(size), "*"}


def _append(
    response: BaseHTTPResponse,
    file: BinaryIO,
    size: int,
    progress: Progress | None,
    timeout: float,
    retries: _Retry,
) -> None:
    done = _length(file)
    window_end, window_start_done = time.monotonic() + timeout, done
    while True:
        try:
            chunk = response.read1(min(_CHUNK, size + 1 - done))
        except ProtocolError:
            break
        except (HTTPError, OSError) as error:
            raise _BrokenOff(str(error) or type(error).__name__, retries) from None
        if not chunk:
            break
        done += len(chunk)
        if done > size:
            _restart(file)
            raise _MirrorFailed(f"it sends more than the file's {size} bytes")
        with writing(Path(file.name).parent):
            _write_all(file, chunk)
        if progress:
            progress(done, size)
        if time.monotonic() > window_end:
            if done < size and done - window_start_done < LEAST_BYTES:
                raise _MirrorFailed("it is too slow")
            window_end, window_start_done = time.monotonic() + timeout, done
    if done < size:
        raise _BrokenOff(f"the connection ended after {done} of {size} bytes", retries)


def _is_http(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _pool(url: str, timeout: float) -> PoolManager:
    """Return what opens connections, by the proxy that the environment names for the address, if any."""
    parts = parse_url(url)
    proxy = None if proxy_bypass(parts.host or "") else getproxies().get(parts.scheme or "")
    limit = Timeout(connect=timeout, read=timeout)
    if proxy is None:
        return PoolManager(timeout=limit)
    login = parse_url(proxy).auth
    return ProxyManager(proxy, timeout=limit, proxy_headers=make_headers(proxy_basic_auth=login) if login else None)


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
