"""SHA-256 of files, memoised by path, size, times and inode."""

import contextlib
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from sklearn_m3s._files import PathLike, file_state
from sklearn_m3s.cache._layout import DIGESTS, is_digest, write

# File systems store times in steps of up to 2 s, and their clocks may differ from ours. A file that
# changed less than this before it was read could change again and keep its times.
_SETTLED_NS = 10 * 10**9

# State and digest of the files that this process has asked for, by the path of their record.
_known: dict[Path, tuple[list[int], str]] = {}


def remembered_digest(path: PathLike, root: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    The file is read only if `known_digest` returns None. Errors of reading it are not caught.
    """
    path = Path(path).absolute()
    return known_digest(path, root) or _read(path, _record(path, root), root)


def known_digest(path: PathLike, root: Path) -> str | None:
    """Return the digest of an unchanged file, from this process or the cache `root`, or None."""
    path = Path(path).absolute()
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would never end
        raise FileNotFoundError(f"{path} is not a file")
    record, state = _record(path, root), file_state(status)
    known = _known.get(record)
    if known is None or known[0] != state:
        known = _load(record, path)
    if known is None or known[0] != state:
        return None
    _known[record] = known
    return known[1]


def _record(path: Path, root: Path) -> Path:
    """Return the path of the record that holds the digest of a file in a cache."""
    name = hashlib.sha256(os.fsencode(path)).hexdigest()
    return root / DIGESTS / name[:2] / f"{name}.json"


def _load(record: Path, path: Path) -> tuple[list[int], str] | None:
    """Return the state and digest of a file from its record, or None if the record is invalid."""
    try:
        if not record.is_file():  # a pipe would never end
            return None
        fields = json.loads(record.read_bytes())
        state, digest = fields["state"], fields["digest"]
        is_whole = is_digest(digest) and fields == _fields(path, state, digest)
    except Exception:  # a damaged record can raise anything
        return None
    return (state, digest) if is_whole else None


def _fields(path: Path, state: list[int], digest: str) -> dict[str, Any]:
    """Return the content of a record. Its checksum also covers the path of the file."""
    fields = {"path": str(path), "state": state, "digest": digest}
    checksum = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    return fields | {"checksum": checksum}


def _read(path: Path, record: Path, root: Path) -> str:
    now = time.time_ns()
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if max(status.st_mtime_ns, status.st_ctime_ns) < now - _SETTLED_NS:
        state = file_state(status)
        _known[record] = state, digest
        with contextlib.suppress(OSError):  # then only this process remembers it
            write(root, record, json.dumps(_fields(path, state, digest)).encode())
    return digest
