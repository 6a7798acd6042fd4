"""Turn the rows of a data set into a Bunch, with the same keys in every loader."""

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions

from sklearn_m3s._files import PathLike
from sklearn_m3s.datasets._reading import VIDEOS, Folder
from sklearn_m3s.exceptions import M3SWarning

OPTIONS: dict[str, list[Any]] = {
    "root": [str, os.PathLike],
    "video_folder": [str, os.PathLike, None],
    "missing": [StrOptions({"raise", "skip"})],
    "keep_unscored": ["boolean"],
}
_SCORES = ("scores", "raw_scores", "long_term_scores")
_NUMBERS = (*_SCORES, "decay", "n_annotations", "n_long_term_annotations")
_TEXTS = ("captions", "action_labels")
# Corrections for the time between two views can push scores slightly out of [0, 1]. Percentages are
# far out of it.
_OVERSHOOT = 0.05


def make_bunch(
    rows: list[dict[str, Any]],
    folder: Folder,
    video_folder: PathLike | None,
    missing: str,
    keep_unscored: bool,
    suffixes: Sequence[str] = VIDEOS,
) -> Bunch:
    """Return checked rows as a Bunch, with the keys that at least one row has.

    A row has the keys of the bunch. If its video file may have other names than ``name``, it also
    has ``stems``, all possible names. The file is looked for in `video_folder`, or in `folder` if
    that is None, with the first of `suffixes` that exists.
    """
    _check_names(rows, folder)
    if not keep_unscored:
        rows = [row for row in rows if not np.isnan(row.get("scores", np.nan))]
    if not rows:
        raise ValueError(f"the tables in {folder.root} have no scores: {folder.request}")
    if video_folder is not None:
        folder = Folder(video_folder, "pass the folder of the videos as video_folder")
    paths = [folder.find_media(row.get("stems", [row["name"]]), suffixes) for row in rows]
    _check_found(rows, paths, folder, missing)
    found = [(row, path) for row, path in zip(rows, paths, strict=True) if path is not None]
    videos = [_to_video(path) for _, path in found]
    return Bunch(videos=videos, **_columns([row for row, _ in found]))


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = [row["name"] for row in rows]
    keys = {key for row in rows for key in row}
    data: dict[str, Any] = {"names": names}
    for key in _NUMBERS:
        if key in keys:
            data[key] = np.array([row.get(key, np.nan) for row in rows], dtype=float)
        if key in keys.intersection(_SCORES):
            data[key] = _clip_scores(data[key], key, names)
    data |= {key: [row.get(key, []) for row in rows] for key in _TEXTS if key in keys}
    return data | {"split": np.array([row["split"] for row in rows])}


def _check_names(rows: Iterable[dict[str, Any]], folder: Folder) -> None:
    counts = Counter(row["name"] for row in rows)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(
            f"{len(repeated)} video(s) in {folder.root} have more than one row, such as "
            f"{repeated[:3]}: keep one row for each"
        )


def _check_found(
    rows: list[dict[str, Any]], paths: list[Path | None], folder: Folder, missing: str
) -> None:
    absent = [row["name"] for row, path in zip(rows, paths, strict=True) if path is None]
    if not absent:
        return
    counts = f"{len(absent)} of {len(rows)} videos"
    text = f"{counts} have no file below {folder.root}, such as {absent[:3]}"
    if missing == "raise" or len(absent) == len(rows):
        raise FileNotFoundError(
            f"{text}: pass their folder as video_folder, or leave them out with missing='skip'"
        )
    warnings.warn(f"{text}. They are left out", M3SWarning, stacklevel=5)


def _clip_scores(scores: np.ndarray, key: str, names: list[str]) -> np.ndarray:
    wrong = np.flatnonzero((scores < -_OVERSHOOT) | (scores > 1 + _OVERSHOOT))
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} of the {key} are outside [0, 1], such as {scores[wrong[0]]:g} of "
            f"{names[wrong[0]]!r}: divide percentages by 100"
        )
    return scores.clip(0, 1)


def _to_video(path: Path) -> str | np.ndarray:
    """Return a path as a string, and stored frames as an array that stays on disk."""
    if path.suffix.lower() != ".npy":
        return str(path)
    try:
        return np.load(path, mmap_mode="r")
    except ValueError as error:
        raise ValueError(f"{path} is not an array of frames: fetch it again") from error
