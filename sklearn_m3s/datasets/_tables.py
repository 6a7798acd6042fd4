"""Tables of scores read with the standard library, and with errors that name file and row."""

import csv
import json
from pathlib import PurePosixPath

import numpy as np


def read_csv(path, needed):
    """Return the rows of a comma-separated table as dicts.

    Parameters
    ----------
    path : Path
        The file, in UTF-8 with or without a byte order mark.
    needed : sequence of str
        Columns that must be there.

    Returns
    -------
    list of dict
        The cells of each row by column.

    Raises
    ------
    ValueError
        If a needed column is missing.
    """
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        _check_columns(path, needed, reader.fieldnames or [])
        return list(reader)


def read_json(path, needed):
    """Return a list of objects; as `read_csv` does, where at least one object has each key."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}): fetch it again") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path} is no list of objects, one a video: fetch it again")
    if rows:
        _check_columns(path, needed, list(dict.fromkeys(key for row in rows for key in row)))
    return rows


def to_rows(records, columns, split, path):
    """Return records under the keys of a bunch.

    Parameters
    ----------
    records : list of dict
        Rows of a table.
    columns : dict of str to str
        From a key of the bunch to a column; ``"name"`` is the file or number of a video, all
        others are numbers. What a table does not have is left out.
    split : str
        The part of the data set that they belong to.
    path : Path
        The table, for messages.

    Returns
    -------
    list of dict
        With ``name`` and ``split``, and floats, NaN where a cell is empty.

    Raises
    ------
    ValueError
        If a row has no name, or a cell is not a number.
    """
    rows = []
    for position, record in enumerate(records, 1):
        name = str(record.get(columns["name"]) or "").strip()
        if not name:
            raise ValueError(f"{path}: row {position} has no {columns['name']!r}")
        row = {"name": stem(name), "split": split}
        for key, column in columns.items():
            if key != "name" and column in record:
                row[key] = _number(record[column], f"{path}: {column!r} of {name!r}")
        rows.append(row)
    return rows


def stem(name):
    """Return a file's name without folders and ending: that of ``a/video3.webm`` is video3."""
    return PurePosixPath(name).stem


def _check_columns(path, needed, found):
    absent = [column for column in needed if column not in found]
    if absent:
        raise ValueError(f"{path} has no {', '.join(map(repr, absent))}, only {found}")


def _number(cell, where):
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise ValueError(f"{where} is {cell!r}, not a number") from None
