"""From the rows of a data set to a Bunch: the same keys for the same things in every loader."""

import errno
import os
import warnings
from collections import Counter

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions

from sklearn_m3s.datasets._folder import VIDEOS, Folder
from sklearn_m3s.exceptions import M3SWarning

OPTIONS = {
    "root": [str, os.PathLike],
    "video_folder": [str, os.PathLike, None],
    "missing": [StrOptions({"raise", "skip"})],
    "keep_unscored": ["boolean"],
}
_SCORES = ("scores", "raw_scores", "long_term_scores")
_NUMBERS = (*_SCORES, "decay", "n_annotations", "n_long_term_annotations")
_TEXTS = ("captions", "action_labels")
# Scores corrected for the time between two views overshoot a little; percentages do not hide.
_OVERSHOOT = 0.05


def make_bunch(rows, folder, video_folder, missing, keep_unscored, suffixes=VIDEOS):
    """Return checked rows as a Bunch.

    Parameters
    ----------
    rows : list of dict
        Keys of the bunch, and ``stems``, the names that a file of the video may have.
    folder : Folder
        The data set.
    video_folder : str, os.PathLike or None
        Where the videos are; None means `folder`.
    missing : {"raise", "skip"}
        What to do about videos without a file.
    keep_unscored : bool
        Whether to keep rows without a score.
    suffixes : tuple of str, default=VIDEOS
        Endings of the files, the preferred first.

    Returns
    -------
    Bunch
        A key is there if a row has it.

    Raises
    ------
    FileNotFoundError
        If a video has no file, or with ``missing="skip"`` none has.
    ValueError
        If there is no row, a name occurs twice, or a score is outside [0, 1].
    """
    _check_names(rows, folder)
    if not keep_unscored:
        rows = [row for row in rows if not np.isnan(row.get("scores", np.nan))]
    if not rows:
        raise ValueError(f"no row of the tables in {folder.root} has a score: {folder.request}")
    if video_folder is not None:
        folder = Folder(video_folder, "pass the folder of the videos as video_folder")
    paths = [folder.find_media(row["stems"], suffixes) for row in rows]
    _check_found(rows, paths, folder, missing)
    found = [(row, path) for row, path in zip(rows, paths, strict=True) if path is not None]
    return Bunch(videos=_videos(path for _, path in found), **_columns([row for row, _ in found]))


def _columns(rows):
    names = [row["name"] for row in rows]
    keys = {key for row in rows for key in row}
    data = {"names": names}
    for key in _NUMBERS:
        if key in keys:
            data[key] = np.array([row.get(key, np.nan) for row in rows], dtype=float)
        if key in keys.intersection(_SCORES):
            data[key] = _check_scores(data[key], key, names)
    data |= {key: [row.get(key, []) for row in rows] for key in _TEXTS if key in keys}
    return data | {"split": np.array([row["split"] for row in rows])}


def _check_names(rows, folder):
    counts = Counter(row["name"] for row in rows)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(
            f"{len(repeated)} video(s) in {folder.root} have more than one row, such as "
            f"{repeated[:3]}: leave one each"
        )


def _check_found(rows, paths, folder, missing):
    absent = [row["stems"][0] for row, path in zip(rows, paths, strict=True) if path is None]
    if not absent:
        return
    text = f"{len(absent)} of {len(rows)} videos have no file below {folder.root}, such as "
    text += str(absent[:3])
    if missing == "raise" or len(absent) == len(rows):
        raise FileNotFoundError(
            f"{text}: pass their folder as video_folder, or leave them out by missing='skip'"
        )
    warnings.warn(f"{text}: they are left out", M3SWarning, stacklevel=5)


def _check_scores(scores, key, names):
    wrong = np.flatnonzero((scores < -_OVERSHOOT) | (scores > 1 + _OVERSHOOT))
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} of the {key} are outside [0, 1], such as {scores[wrong[0]]:g} of "
            f"{names[wrong[0]]!r}: divide percentages by 100"
        )
    return scores.clip(0, 1)


def _videos(paths):
    return [_map(path) if path.suffix.lower() == ".npy" else str(path) for path in paths]


def _map(path):
    """Return stored frames as an array that is read from disk where it is used."""
    try:
        return np.load(path, mmap_mode="r")
    except ValueError as error:
        raise ValueError(f"{path} is no array of frames: fetch it again") from error
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        raise OSError(
            errno.EMFILE,
            "each .npy file stays open, and the system allows no more: raise its limit "
            "(ulimit -n), or put the videos themselves next to them",
            str(path),
        ) from error
