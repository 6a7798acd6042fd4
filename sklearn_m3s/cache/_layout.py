"""Names in a cache folder, and how files are written to it."""

import hashlib
import re
from pathlib import Path

from sklearn_m3s._files import written_aside

MARKER = ".sklearn_m3s_cache"
DIGESTS = ".digests"
SETTINGS = "settings.json"
_NOTE = b"This folder is a cache of sklearn_m3s. All that it holds can be computed again.\n"


def is_digest(text: object) -> bool:
    """Return whether an object is a SHA-256 of 64 hexadecimal digits, the name of files here."""
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text) is not None


def settings_digest(text: bytes) -> str:
    """Return the name of the folder that holds the descriptions of some settings."""
    return hashlib.sha256(text).hexdigest()[:16]


def write(root: Path, path: Path, content: bytes) -> None:
    """Write a file of the cache `root`, and the marker file of a cache."""
    try:
        _write_marked(root, path, content)
    except FileNotFoundError:  # another process has just removed the empty folder
        _write_marked(root, path, content)


def _write_marked(root: Path, path: Path, content: bytes) -> None:
    if not (root / MARKER).exists():
        _write(root / MARKER, _NOTE)
    _write(path, content)


def _write(path: Path, content: bytes) -> None:
    with written_aside(path) as aside:
        aside.write_bytes(content)
