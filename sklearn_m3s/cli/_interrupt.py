"""End a command within a second after Ctrl-C, whatever it is doing."""

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
    """End the process at most one second after Ctrl-C. Descriptions in the cache are not lost.

    A KeyboardInterrupt alone is not enough. It waits until the network has finished its batch,
    skorch treats it as the end of training, and Python joins all threads when it exits.
    """
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    # Python writes the number of each signal to this socket, also while C code runs.
    before = signal.set_wakeup_fd(waker.fileno())
    threading.Thread(target=_watch, args=[woken], daemon=True).start()
    try:
        yield
    except SystemExit as end:
        if end.code == EXIT_CODE:
            _end()
        raise
    finally:
        signal.set_wakeup_fd(before)
        waker.close()


def _watch(woken: socket.socket) -> None:
    with woken:
        while signal.SIGINT not in (number := woken.recv(1)):
            if not number:  # the context has ended
                return
    time.sleep(_PATIENCE_SECONDS)
    print(MESSAGE, file=sys.stderr)
    _end()


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(EXIT_CODE)
