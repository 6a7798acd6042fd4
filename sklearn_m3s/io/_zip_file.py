"""Members of a model file. Their names and sizes are checked before they are read.

All members are stored without compression. So they cannot unpack to more bytes than the file has,
and the memory for reading them is bounded.
"""

import io
import math
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from sklearn_m3s._files import PathLike
from sklearn_m3s.exceptions import ModelError
from sklearn_m3s.io._schema import parse_json

_NAMES = re.compile(
    r"README\.md|(model|schema)\.json|\d+\.npy|check/\d+\.npy|"
    r"reference/(index\.json|\w+\.npy|thumbnails/\d+\.webp)"
)
_LARGEST_TEXT = 2**25  # bytes of JSON, which takes many times as much memory
_MOST_MEMBERS = 200_000
_LONGEST_SIDE = 2**40  # if another side is 0, the size of the file does not bound it
_DEEPEST = 8  # nested brackets in the header of an array
_KINDS = "biufcUSV"  # numbers, strings, and records of them


@contextmanager
def open_model(path: PathLike) -> Iterator["ModelZip"]:
    """Open a model file. Faults raise a ModelError that names the file."""
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield ModelZip(archive, os.fstat(file.fileno()).st_size)
        except ModelError as error:
            raise ModelError(f"{os.fspath(path)!r}: {error}") from error
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise ModelError(
                f"{os.fspath(path)!r} is damaged or not a model file: {error!s:.200}"
            ) from error


class ModelZip:
    """An open model file whose members are known by name and size.

    Parameters
    ----------
    archive : ZipFile
        The open file.
    n_bytes : int
        Size of the file.
    """

    def __init__(self, archive: zipfile.ZipFile, n_bytes: int) -> None:
        self.archive = archive
        members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise ModelError(f"it has {len(members)} members, more than {_MOST_MEMBERS}")
        self.members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.filename
            if not _NAMES.fullmatch(name) or member.orig_filename != name:
                raise ModelError(f"it has the member {name!r:.200}, which no model file has")
            if name in self.members:
                raise ModelError(f"it has the member {name!r} twice")
            is_link = (member.external_attr >> 28) not in (0, 8)  # Unix types; 8 is a plain file
            if is_link or member.compress_type or member.flag_bits & 1:
                raise ModelError(
                    f"its member {name!r} is not a plain file, or is compressed or encrypted"
                )
            if member.file_size != member.compress_size:
                raise ModelError(f"its member {name!r} has two different sizes")
            self.members[name] = member
        if sum(member.file_size for member in members) > n_bytes:
            raise ModelError("its members have more bytes than the file")

    def json(self, name: str) -> Any:
        """Return the content of a JSON member."""
        return parse_json(self.read(name, _LARGEST_TEXT), name)

    def read(self, name: str, most: int | None = None) -> bytes:
        """Return the bytes of a member."""
        if name not in self.members:
            raise ModelError(f"its member {name!r} is missing")
        size = self.members[name].file_size
        if most is not None and size > most:
            raise ModelError(f"its member {name!r} has {size} bytes, more than {most}")
        return self.archive.read(name)

    def array(self, name: str) -> np.ndarray:
        """Return the array of a member."""
        self.check_array(name)
        return np.load(io.BytesIO(self.read(name)), allow_pickle=False)

    def check_array(self, name: str) -> None:
        """Raise a ModelError unless an array has a correct header and contains no objects."""
        if name not in self.members:
            raise ModelError(f"its member {name!r} is missing")
        with self.archive.open(name) as file:
            try:
                shape, dtype = _read_header(file)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
                raise ModelError(
                    f"its array {name!r} has no valid header: {error!s:.200}"
                ) from error
            n_bytes = self.members[name].file_size - file.tell()
        plain = dtype.kind in _KINDS and not dtype.hasobject and dtype.itemsize
        if not plain:
            raise ModelError(f"its array {name!r} has the type {dtype!r}, which is not numeric")
        if any(not 0 <= side < _LONGEST_SIDE for side in shape) or (
            math.prod(shape) * dtype.itemsize != n_bytes
        ):
            raise ModelError(
                f"its array {name!r} has the shape {shape!r:.200} of {dtype}, and {n_bytes} bytes"
            )


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version}")
    start = file.tell()
    n_bytes = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if n_bytes > 10_000:
        raise ValueError(f"{n_bytes} bytes")
    # Count the brackets first: NumPy lets Python parse the header, and deep nesting can crash the
    # parser.
    depths = np.cumsum([(x in b"([{") - (x in b")]}") for x in file.read(n_bytes)])
    if depths.max(initial=0) > _DEEPEST:
        raise ValueError(f"{depths.max()} nested brackets")
    file.seek(start)
    read = np.lib.format.read_array_header_1_0
    if version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


class ModelZipWriter:
    """A model file that is being written.

    Parameters
    ----------
    archive : ZipFile
        Open for writing.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write(self, name: str, content: str | bytes) -> None:
        """Add a member."""
        self._archive.writestr(name, content, zipfile.ZIP_STORED)

    def write_array(self, name: str, array: np.ndarray) -> None:
        """Add an array."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        self.write(name, buffer.getvalue())
