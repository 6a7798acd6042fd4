"""A split that everybody gets: the official one, or one decided by the names of the videos."""

import hashlib
import os
from numbers import Integral, Real
from pathlib import PurePath

import numpy as np
from sklearn.model_selection import PredefinedSplit
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

_TESTED = ("test", "val", "dev")


@validate_params(
    {
        "data": [Bunch],
        "n_splits": [Interval(Integral, 2, None, closed="left"), None],
        "test_size": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def fixed_split(data, *, n_splits=None, test_size=0.2, random_state=0):
    """Return the split of a data set that makes results comparable, for ``cv=``.

    Where the data set has official parts, "test" is the test set, or else "val", or else "dev";
    all other parts are the training set. Where it has one part, or none, a video is in the test
    set, or in a fold, by a hash of its name and the seed alone: neither the folder nor the order
    nor the number of the files matters, nor the version of a library.

    Parameters
    ----------
    data : Bunch
        From a loader, or with ``videos``, a list of paths.
    n_splits : int or None, default=None
        None is one split, the official one where there is one. A number, at least 2, is as many
        folds by hash, whatever the official parts.
    test_size : float, default=0.2
        The share of videos in the test set, roughly, in (0, 1), where one split is made by hash.
    random_state : int, default=0
        The seed of the hash, at least 0.

    Returns
    -------
    PredefinedSplit
        With one split, or `n_splits`. Its rows are those of `data`.

    Raises
    ------
    ValueError
        If scores of `data` are NaN, its parts have other names, or a training set, test set or
        fold would be empty.
    TypeError
        If a video is an array and `data` has no ``names``.

    Examples
    --------
    >>> from sklearn.utils import Bunch
    >>> from sklearn_m3s.datasets import fixed_split
    >>> data = Bunch(videos=[f"clips/video{i}.mp4" for i in range(8)])
    >>> fixed_split(data, test_size=0.25).test_fold.tolist()
    [-1, 0, -1, -1, -1, 0, -1, -1]
    >>> fixed_split(data, n_splits=2).test_fold.tolist()
    [0, 0, 0, 1, 0, 0, 0, 1]
    """
    unscored = np.isnan(data.get("scores", np.zeros(1))).sum()
    if unscored:
        raise ValueError(f"{unscored} of the scores are NaN: load without keep_unscored=True")
    parts = np.unique(data.get("split", []))
    if n_splits is not None:
        test_fold = (_shares(data, random_state) * n_splits).astype(int)
    elif len(parts) > 1:
        test_fold = np.where(np.asarray(data.split) == _tested(parts), 0, -1)
    else:
        test_fold = np.where(_shares(data, random_state) < test_size, 0, -1)
    expected = range(-1, 1) if n_splits is None else range(n_splits)
    if not set(expected) <= set(test_fold.tolist()):
        raise ValueError(
            f"the {len(test_fold)} videos leave a part of the split empty: pass more of them, "
            "fewer n_splits, or another random_state"
        )
    return PredefinedSplit(test_fold)


def _tested(parts):
    for part in _TESTED:
        if part in parts:
            return part
    raise ValueError(f"data.split has the parts {parts.tolist()}, none of {_TESTED}")


def _shares(data, seed):
    """Return a number in [0, 1) for each video, by its name."""
    names = data.get("names")
    if names is None:
        names = [_stem(video) for video in data.videos]
    digests = (hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names)
    return np.array([int.from_bytes(digest[:4], "big") / 2**32 for digest in digests])


def _stem(video):
    if isinstance(video, str | os.PathLike):
        return PurePath(video).stem
    raise TypeError(f"a {type(video).__name__} has no name to split by: add data.names")
