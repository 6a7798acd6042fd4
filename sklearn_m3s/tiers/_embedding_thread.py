"""A thread for networks that Ctrl-C stops."""

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class EmbeddingThread(ThreadPoolExecutor):
    """A thread that embeds videos while the next ones are read.

    At its end, the context waits for work that has started. After Ctrl-C, the work is stopped.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1, initializer=self._note)
        self._ident = 0
        self._last: Future | None = None

    def _note(self) -> None:
        self._ident = threading.get_ident()

    def submit(self, function: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Call a function in the thread."""
        self._last = super().submit(function, *args, **kwargs)
        return self._last

    def __exit__(self, kind: Any, *error: Any) -> None:
        is_interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if is_interrupted and self._last is not None and not self._last.done():
            # The interpreter would wait for the batch before it exits, which can take many seconds.
            # So raise an exception in the thread. Python does that between two instructions, of
            # which a network has many.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._ident), ctypes.py_object(SystemExit)
            )
        self.shutdown(wait=not is_interrupted)
