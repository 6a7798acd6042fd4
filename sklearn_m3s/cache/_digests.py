"""Digests of files, remembered by what the system says of a file, so that each is read once."""

import contextlib
import hashlib
import json
import os
import stat
import time
import uuid
from functools import lru_cache
from pathlib import Path
from threading import Lock

from sklearn_m3s.cache._files import DIGESTS, write_whole

# Clocks of file systems tick every 2 s at the slowest, and need not agree with ours: of a file that
# changed less than this before it was read, the next change might leave the time as it is.
_SETTLED_NS = 10 * 10**9
_MOST_UNSAVED = 1000
_MOST_FILES = 16


class Digests:
    """The SHA-256 of files, read again only where a file may have changed.

    A file counts as unchanged while path, size, times and inode stay as they were when it was
    read. Each process writes files of its own, which are never changed; when there are many, one
    takes their place. What is lost between two processes that do this at once is only the time to
    read some videos again.

    Parameters
    ----------
    folder : Path
        Where they are kept.
    """

    def __init__(self, folder):
        self._folder = folder
        self._known = {}
        self._unsaved = {}
        self._files = []
        self._lock = Lock()
        for file in sorted(folder.glob("*.json")):  # oldest first
            with contextlib.suppress(OSError, ValueError):  # merged by another process, or damaged
                self._known.update(json.loads(file.read_bytes()))
                self._files.append(file)

    def of(self, path):
        """Return the digest of a file as 64 hexadecimal digits, or raise what reading it raises."""
        path = Path(path)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            raise FileNotFoundError(f"{path} is no file")
        *state, digest = self._known.get(str(path.absolute()), [None])
        return digest if state == _state(status) else self._read(path)

    def _read(self, path):
        now = time.time_ns()
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if max(status.st_mtime_ns, status.st_ctime_ns) < now - _SETTLED_NS:
            record = {str(path.absolute()): [*_state(status), digest]}
            with self._lock:
                self._known |= record
                self._unsaved |= record
            if len(self._unsaved) >= _MOST_UNSAVED:
                self.save()
        return digest

    def save(self):
        """Write down what is new; a folder that cannot be written to is left as it is."""
        with self._lock, contextlib.suppress(OSError):
            if not self._unsaved:
                return
            merged = self._files if len(self._files) >= _MOST_FILES else []
            text = json.dumps(self._known if merged else self._unsaved)
            self._unsaved = {}
            file = self._folder / f"{time.time_ns():020d}.{uuid.uuid4().hex}.json"
            write_whole(file, lambda out: out.write(text.encode()))
            self._files = [*self._files[len(merged) :], file]
            for old in merged:
                old.unlink(missing_ok=True)


def shared_digests(root):
    """Return the digests kept in a cache, the same for all in this process that ask."""
    with _opening:  # threads that ask at once would each get their own
        return _open(root / DIGESTS)


_opening = Lock()
_open = lru_cache(maxsize=8)(Digests)


def _state(status):
    # Not the device: on a network folder its number changes from one machine and start to the next.
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
