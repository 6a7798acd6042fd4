"""Files that appear only when complete, and digests of files."""

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

PathLike = str | os.PathLike[str]


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there at the end, or delete it on an error.

    The folder is made if needed. Other processes see the whole file or none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{uuid.uuid4().hex}{path.suffix}.part")
    try:
        yield aside
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def file_state(status: os.stat_result) -> list[int]:
    """Return the size, times and inode of a file. They stay the same while it is unchanged."""
    # Not the device: on a network folder its number changes from one machine to the next.
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def file_digest(path: PathLike) -> str:
    """Return the SHA-256 of a file, read once per process as long as the file is unchanged."""
    path = Path(path).resolve()
    return _digest(path, *file_state(path.stat()))


@lru_cache(maxsize=64)
def _digest(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
