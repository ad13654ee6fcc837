"""The HTTP server: a front that owns all connections, and workers behind it that answer.

The process that calls `serve` becomes the front. What is heavy is imported in others only.
"""

import os
from collections.abc import Callable, Sequence

from search_api.server.admission import Admission
from search_api.server.limits import DEFAULTS, Limits
from search_api.server.listening import DEFAULT_HOST, DEFAULT_PORT, listen
from search_api.server.workers import fork_server
from search_api.server.workers.fork_server import Prepare

DEFAULT_THREADS = 2
MOST_THREADS = 128


def default_workers() -> int:
    """Return how many workers there are where nobody says: 2, or 1 on a single core."""
    return min(2, len(os.sched_getaffinity(0)))


def serve(
    prepare: Prepare,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    threads: int = DEFAULT_THREADS,
    workers: int | None = None,
    on_ready: Callable[[str], None] | None = None,
    reuse_port: bool = False,
    prefix: str = "",
    trusted_proxies: Sequence[str] = (),
    access_log: str | None = None,
    admission: Admission | None = None,
    limits: Limits = DEFAULTS,
    fetches: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests being answered and return.

    `prepare` is called in a process of its own, at the start and at every SIGHUP. It imports and reads what the
    application needs, without starting a thread, and returns a function that makes the application, which is called
    in each worker: FAISS, SQLite and the model's runtime must not be used before. Each worker has so many `threads`
    for what needs no picture decoded, one for pictures, one that makes their smaller sizes, one that writes, and one
    that tells whether it is ready. Port 0 takes a free one. `on_ready` is given the address, like
    `http://127.0.0.1:8000`, once requests are answered.

    `prefix` is the path under which clients see the application, with or without which a proxy may pass requests on;
    headers of proxies are believed from `trusted_proxies`, addresses or networks. `access_log` names a file, or `-`.
    `admission` refuses what the application need not hear of; without it, nothing is refused so. `fetches` tells that
    the application fetches pictures from addresses that requests name: these get threads of their own, to wait in.

    A worker that dies is replaced, and what it was answering goes to another. When none is left and none can start,
    because `prepare` or what it returns raises a LookalikeError, the server stops and ServerFailed is raised with that
    error's sentence. Raises AddressInUse, AddressNotAllowed or InvalidAddress when it can't listen, LogNotWritable,
    InvalidPrefix, and ValueError for less than one thread or worker, or more than 128 threads.
    """
    workers = default_workers() if workers is None else workers
    if workers < 1 or not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"threads and workers must be at least 1, and threads at most {MOST_THREADS}")
    listener = listen(host, port, reuse_port=reuse_port)
    forks = fork_server.start(prepare)
    forks.control.send(fork_server.command(fork_server.PREPARE, 0))

    # While that process imports what is heavy:
    from search_api.server.front.access_log import AccessLog
    from search_api.server.front.proxies import Proxies
    from search_api.server.front.service import Service, run, worker_lanes

    log = None if access_log is None else AccessLog(access_log)
    proxies = Proxies(trusted_proxies, prefix)
    lanes = worker_lanes(threads, fetches=fetches)
    run(Service(prepare, forks, listener, workers, lanes, on_ready, limits, proxies, log, admission or Admission()))
