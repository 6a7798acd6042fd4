"""Ctrl-C ends the command at once, whatever it is doing."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_CODE = 130  # 128 + SIGINT, as in shells
MESSAGE = (
    "Stopped. Videos that were described are in the cache: run the same command again to continue."
)
_PATIENCE_SECONDS = 1.0


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """End the process at once after Ctrl-C. Nothing is lost, since rows are kept as they come.

    A KeyboardInterrupt alone does not suffice: it waits until the network has finished its batch,
    skorch takes it for the end of training, and Python joins all threads when it exits.
    """
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    threading.Thread(target=_watch, args=[woken], daemon=True).start()
    try:
        yield
    except SystemExit as end:
        if end.code == EXIT_CODE:
            _end()
        raise


def _watch(woken: socket.socket) -> None:
    while signal.SIGINT not in woken.recv(1):
        pass
    time.sleep(_PATIENCE_SECONDS)
    print(MESSAGE, file=sys.stderr)
    _end()


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(EXIT_CODE)
