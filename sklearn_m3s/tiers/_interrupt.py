"""Ctrl-C: noticed while waiting, and shown by a script in one line."""

import math
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from types import TracebackType
from typing import Any

_LONGEST_WAIT = 0.5  # seconds


@contextmanager
def shown_in_one_line(message: str) -> Iterator[None]:
    """Give a KeyboardInterrupt a message, and no traceback where a script ends by it.

    Python would show every call between the script and the engine, which has no error to find.
    Debuggers, notebooks and scripts with an excepthook of their own show what they always show.

    Parameters
    ----------
    message : str
        What was interrupted.
    """
    try:
        yield
    except KeyboardInterrupt:
        if sys.excepthook is sys.__excepthook__:
            sys.excepthook = _show
        # A subclass would change the exit code of Python.
        interrupt = KeyboardInterrupt(message)
        interrupt._is_shown_in_one_line = True  # type: ignore[attr-defined]
        raise interrupt from None


def result_of(future: Future, timeout: float | None = None) -> Any:
    """Return the result of a future, and notice Ctrl-C while waiting for it.

    A signal that arrives just before a call blocks does not end the call. Python sees the signal
    after the call, so no call may block for long.

    Raises
    ------
    TimeoutError
        If the future is not done after some seconds.
    """
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while not future.done():
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        wait([future], min(left, _LONGEST_WAIT))
    return future.result()


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not hasattr(error, "_is_shown_in_one_line"):
        sys.__excepthook__(kind, error, trace)
        return
    [place] = traceback.extract_tb(trace, limit=1)
    print(
        f'KeyboardInterrupt: {error} (File "{place.filename}", line {place.lineno})',
        file=sys.stderr,
    )
