"""Where the files of a cache are, and how each comes to be there whole or not at all."""

import contextlib
import os
import re
import uuid
from pathlib import Path

DIGESTS = ".digests"  # no class can have this name
_GROUP = "*/" + "[0-9a-f]" * 16
# <tier>/<settings>/<first two digits>/<key>.npy, and what lies beside.
_KINDS = {
    "vector": re.compile(r"\w+/[0-9a-f]{16}/([0-9a-f]{2})/\1[0-9a-f]{62}\.npy"),
    "settings": re.compile(r"\w+/[0-9a-f]{16}/settings\.json"),
    "digests": re.compile(rf"{re.escape(DIGESTS)}/\d+\.[0-9a-f]{{32}}\.json"),
    "part": re.compile(r".+/\.[0-9a-f]{32}\.part"),
}


def groups(root):
    """Return the folders of a cache, one for each tier and settings, in order."""
    return sorted(path for path in root.glob(_GROUP) if path.parent.name.isidentifier())


def own_files(folder, root):
    """Yield (kind, path, status) of the files in a folder of a cache that are the cache's own."""
    for place, _, names in os.walk(folder):
        relative = Path(place).relative_to(root).as_posix()
        for name in names:
            for kind, pattern in _KINDS.items():
                if pattern.fullmatch(f"{relative}/{name}"):
                    with contextlib.suppress(FileNotFoundError):  # another process was quicker
                        yield kind, Path(place, name), os.lstat(os.path.join(place, name))


def write_whole(path, fill):
    """Write a file aside, then move it into place; its folder is made if need be."""
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with _create(aside) as file:
            fill(file)
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def _create(path):
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
