"""A reproducible split: the official one, or one by a hash of the names."""

import hashlib
import os
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

import numpy as np
from sklearn.model_selection import PredefinedSplit
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval

from sklearn_m3s._validation import check_arguments

_TEST_PARTS = ("test", "val", "dev")


@check_arguments(
    data=[Bunch],
    n_splits=[Interval(Integral, 2, None, closed="left"), None],
    test_size=[Interval(Real, 0, 1, closed="neither")],
    random_state=[Interval(Integral, 0, None, closed="left")],
)
def fixed_split(
    data: Bunch, *, n_splits: int | None = None, test_size: float = 0.2, random_state: int = 0
) -> PredefinedSplit:
    """Return a fixed split of a data set, for ``cv=``. It makes results comparable.

    A data set with several official parts is split by them. The test set is the part "test", or
    else "val", or else "dev". All other parts are the training set. A data set with one part or
    none is split by a hash of the names of the videos and the seed. The split does not depend on
    the folder, order or number of the files, or on versions of libraries.

    Parameters
    ----------
    data : Bunch
        The result of a loader, or a Bunch with ``videos``, a list of paths.
    n_splits : int or None, default=None
        Number of folds by hash, at least 2. The official parts are then ignored. None gives one
        split, the official one if there is one.
    test_size : float, default=0.2
        Approximate share of videos in the test set of a single split by hash, in (0, 1).
    random_state : int, default=0
        Seed of the hash, at least 0.

    Returns
    -------
    PredefinedSplit
        One split of the videos of `data`, or `n_splits` splits.

    Raises
    ------
    ValueError
        If scores of `data` are NaN, no part of it is called "test", "val" or "dev", or a training
        set, test set or fold would be empty.
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
        test_fold = np.where(np.asarray(data.split) == _test_part(parts), 0, -1)
    else:
        test_fold = np.where(_shares(data, random_state) < test_size, 0, -1)
    expected = range(-1, 1) if n_splits is None else range(n_splits)
    if not set(expected) <= set(test_fold.tolist()):
        raise ValueError(
            f"the {len(test_fold)} videos leave a part of the split empty: pass more videos, "
            "fewer n_splits, or another random_state"
        )
    return PredefinedSplit(test_fold)


def _test_part(parts: np.ndarray) -> str:
    for part in _TEST_PARTS:
        if part in parts:
            return part
    raise ValueError(
        f"data.split has the parts {parts.tolist()}: rename the test part to one of {_TEST_PARTS}"
    )


def _shares(data: Bunch, seed: int) -> np.ndarray:
    """Return a number in [0, 1) for each video, by its name."""
    names = data.get("names")
    if names is None:
        names = [_stem(video) for video in data.videos]
    digests = (hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names)
    return np.array([int.from_bytes(digest[:4], "big") / 2**32 for digest in digests])


def _stem(video: Any) -> str:
    if isinstance(video, str | os.PathLike):
        return PurePath(video).stem
    raise TypeError(f"a video of type {type(video).__name__} has no name: add data.names")
