"""Find the files of a data set by name, and read its tables into rows."""

import csv
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sklearn_m3s._files import PathLike

VIDEOS = (".mp4", ".webm", ".mov", ".avi", ".mkv", ".npy")
IMAGES = (".jpg", ".jpeg", ".png")


class Folder:
    """The files below a folder, without hidden files and the additions of macOS archives.

    `request` tells the user how to get the data set, for messages.
    """

    def __init__(self, root: PathLike, request: str) -> None:
        self.root = Path(root)
        self.request = request
        if not self.root.is_dir():
            raise FileNotFoundError(f"{self.root} is not a folder: {request}")
        self._paths: dict[str, list[Path]] = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
            for name in names:
                if not name.startswith("."):
                    base, suffix = os.path.splitext(name)
                    self._paths.setdefault(base + suffix.lower(), []).append(Path(folder, name))

    def find(self, *names: str) -> Path:
        """Return the file with the first of these names that exists.

        A missing file, or several files with the same name, raise an error.
        """
        path = self.find_optional(*names)
        if path is None:
            raise FileNotFoundError(
                f"{' or '.join(names)} is neither in {self.root} nor in a folder below it: pass "
                f"the folder of the data set as root; {self.request}"
            )
        return path

    def find_optional(self, *names: str) -> Path | None:
        """Return the file that `find` returns, or None if there is none."""
        return self._first(names, "pass the folder of one of them as root")

    def find_media(self, stems: Iterable[str], suffixes: Sequence[str]) -> Path | None:
        """Return a video or image by its possible names without suffix, or None.

        The first of `stems` that exists wins, then the first of `suffixes`.
        """
        names = (stem + suffix for stem in stems for suffix in suffixes)
        return self._first(names, "choose between them with video_folder")

    def _first(self, names: Iterable[str], cure: str) -> Path | None:
        for name in names:
            paths = self._paths.get(name, [])
            if len(paths) > 1:
                listed = ", ".join(map(str, sorted(paths)[:3]))
                raise ValueError(f"{len(paths)} files ({listed}) have the same name: {cure}")
            if paths:
                return paths[0]
        return None


def read_csv(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a comma-separated UTF-8 table, each as a dict by column."""
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        _check_columns(path, needed, reader.fieldnames or [])
        return list(reader)


def read_json(path: Path, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Return the objects of a JSON list. Each needed key must occur in at least one of them."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}): fetch it again") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path} is not a list of objects, one per video: fetch it again")
    if rows:
        _check_columns(path, needed, list(dict.fromkeys(key for row in rows for key in row)))
    return rows


def to_rows(
    records: Iterable[dict[str, Any]], columns: dict[str, str], split: str, path: Path
) -> list[dict[str, Any]]:
    """Rename the columns of records to the keys of a bunch, and turn their cells into floats.

    `columns` maps each key to its column. The key ``"name"`` is the file or number of a video. All
    others are numbers. Columns that the table lacks are left out. An empty cell is NaN.
    """
    rows = []
    for position, record in enumerate(records, 1):
        name = str(record.get(columns["name"]) or "").strip()
        if not name:
            raise ValueError(f"{path}: row {position} has no {columns['name']!r}: add or remove it")
        row: dict[str, Any] = {"name": stem(name), "split": split}
        for key, column in columns.items():
            if key != "name" and column in record:
                row[key] = _number(record[column], f"{path}: {column!r} of {name!r}")
        rows.append(row)
    return rows


def stem(name: str) -> str:
    """Return the name of a file without folders and suffix: ``a/video3.webm`` is video3."""
    return PurePosixPath(name).stem


def _check_columns(path: Path, needed: Sequence[str], found: Sequence[str]) -> None:
    absent = [column for column in needed if column not in found]
    if absent:
        raise ValueError(
            f"{path} has no {', '.join(map(repr, absent))}, only {found}: fetch it again or rename "
            "its columns"
        )


def _number(cell: Any, where: str) -> float:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise ValueError(f"{where} is {cell!r}: use a number, or leave it empty") from None
