"""The process that workers are forked from: it has imported everything and read everything, but started no thread.

So a new worker is there in a moment, and all of them share the memory of what was imported. What it has read is what
they start with, whatever becomes of the files meanwhile, until it is told to read anew.
"""

import gc
import logging
import os
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from models.errors import LookalikeError
from search_api.server.workers import worker
from search_api.server.workers.process_name import set_process_name
from search_api.server.workers.wsgi import Application

log = logging.getLogger(__name__)

Prepare = Callable[[], Callable[[], Application]]
"""Imports and reads what an application needs, without starting a thread, and returns what makes the application."""

PREPARE, SPAWN = b"p", b"s"
_COMMAND = struct.Struct("<cII")
MOST_CHANNELS = 200
"""Sockets that are handed over at once; the system takes 253."""

LONGEST_REPLY = 8192
_MOST_SENTENCE = 4096
_QUIET = {"OPENBLAS_NUM_THREADS": "1"}
"""Libraries must not start threads when they are imported: a fork would not have them."""


class ForkServer(NamedTuple):
    """The process, and the socket over which it is told what to do."""

    pid: int
    control: socket.socket


def start(prepare: Prepare) -> ForkServer:
    """Fork the process, which keeps nothing open but its end of the socket and the three standard files."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if pid := os.fork():
        theirs.close()
        return ForkServer(pid, ours)
    try:
        _forget_all_but(theirs)
        _run(theirs, prepare)
    except BaseException:
        log.exception("The process that starts workers failed")
    finally:
        os._exit(0)


def command(kind: bytes, epoch: int, kept: int = 0) -> bytes:
    """Return a command: to prepare what is to be known as an epoch, or to fork a worker with what was prepared so.

    Of what was prepared before, only the epoch `kept` is kept. A command to fork is sent along with the worker's ends
    of its channels.
    """
    return _COMMAND.pack(kind, epoch, kept)


def reply(message: bytes) -> tuple[int, str | None]:
    """Return the epoch that was prepared, and why it was not, None when it was."""
    epoch = int.from_bytes(message[:4], "little")
    return epoch, message[4:].decode(errors="replace") or None


def _forget_all_but(control: socket.socket) -> None:
    """Close what belongs to the process that this one was forked from."""
    signal.set_wakeup_fd(-1)
    gc.freeze()  # objects of that process must not close descriptors that are this one's by then
    os.closerange(3, control.fileno())
    os.closerange(control.fileno() + 1, os.sysconf("SC_OPEN_MAX"))


def _run(control: socket.socket, prepare: Prepare) -> None:
    set_process_name("lookalike fork")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the front decides, and its end is the end of all
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers: that they are gone is seen otherwise
    os.environ.update(_QUIET)
    prepared: dict[int, Callable[[], Application]] = {}
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _COMMAND.size, MOST_CHANNELS)
        if not message:
            with suppress(ChildProcessError):
                os.wait()  # comes back when the last of them has ended, since none is to be waited for
            return
        kind, epoch, kept = _COMMAND.unpack(message)
        if kind == PREPARE:
            prepared = {number: made for number, made in prepared.items() if number == kept}
            sentence = _prepare(prepare, epoch, prepared)
            control.send(epoch.to_bytes(4, "little") + sentence.encode(errors="replace")[:_MOST_SENTENCE])
            continue
        if epoch not in prepared:
            log.error("A worker can't have what the others have: that is no longer there. Reload: kill -HUP")
        elif os.fork() == 0:
            control.close()
            _become_worker(prepared[epoch], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _prepare(prepare: Prepare, epoch: int, prepared: dict[int, Callable[[], Application]]) -> str:
    """Return the sentence that says why it can't be, or nothing."""
    try:
        made = prepare()
    except LookalikeError as error:
        return str(error)
    except Exception:
        log.exception("What is to be served could not be read")
        return worker.UNEXPECTED
    prepared[epoch] = made
    gc.collect()
    gc.freeze()  # a collection in a worker would write to, and so copy, pages that all share
    return ""


def _become_worker(make_application: Callable[[], Application], descriptors: list[int]) -> NoReturn:
    status = 1
    try:
        worker.work(make_application, [socket.socket(fileno=descriptor) for descriptor in descriptors])
        status = 0
    except BaseException:
        log.exception("A worker failed")
    finally:
        os._exit(status)
