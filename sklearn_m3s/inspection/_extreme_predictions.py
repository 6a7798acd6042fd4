"""List the videos with the best and worst predictions, too high and too low."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval

from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_arguments, check_scores
from sklearn_m3s.inspection._blocks import Table, Videos
from sklearn_m3s.video import check_videos, video_name


@check_arguments(
    y_true=["array-like"],
    y_pred=["array-like"],
    n_videos=[Interval(Integral, 1, None, closed="left")],
)
def extreme_predictions(
    videos: Videos, y_true: ArrayLike, y_pred: ArrayLike, *, n_videos: int = 3
) -> Table:
    """List the videos with the best and worst predictions, too high and too low.

    Parameters
    ----------
    videos : sequence of length n_videos
        Paths to videos or images, and uint8 RGB arrays. They are not read.
    y_true : array-like of shape (n_videos,)
        Memorability scores.
    y_pred : array-like of shape (n_videos,)
        Predicted scores, preferably of videos outside the training set.
    n_videos : int, default=3
        Largest number of videos of each kind, at least 1.

    Returns
    -------
    DataFrame
        One row per listed video, with the columns ``kind`` ("best" and "worst" have the smallest
        and largest absolute error, "over-predicted" and "under-predicted" the largest error above
        and below 0), ``row`` (index into `videos`), ``video`` (its path, or the position and shape
        of an array), ``score``, ``predicted`` and ``error`` (predicted - score). The most extreme
        video of a kind comes first. Equal errors stay in the order of the videos.

    Raises
    ------
    TypeError
        If `videos` is not a sequence of videos.
    ValueError
        If `videos` is empty, lengths differ, or a number is not finite.

    Examples
    --------
    >>> from sklearn_m3s.inspection import extreme_predictions
    >>> videos = ["beach.mp4", "face.mp4", "street.mp4"]
    >>> extreme_predictions(videos, [0.5, 0.75, 1.0], [0.75, 0.75, 0.5], n_videos=1)
                  kind  row       video  score  predicted  error
    0             best    1    face.mp4   0.75       0.75   0.00
    1            worst    2  street.mp4   1.00       0.50  -0.50
    2   over-predicted    0   beach.mp4   0.50       0.75   0.25
    3  under-predicted    2  street.mp4   1.00       0.50  -0.50
    """
    videos = check_videos(videos)
    y_true, y_pred = check_scores(y_true, "y_true"), check_scores(y_pred, "y_pred")
    check_consistent_length(videos, y_true, y_pred)
    error = y_pred - y_true
    kinds: list[str] = []
    rows: list[int] = []
    for kind, found in _find(error).items():
        kinds += [kind] * len(found[:n_videos])
        rows += found[:n_videos].tolist()
    columns = {
        "kind": kinds,
        "row": rows,
        "video": [video_name(videos[row], row) for row in rows],
        "score": y_true[rows],
        "predicted": y_pred[rows],
        "error": error[rows],
    }
    return import_optional("pandas", "inspection").DataFrame(columns)


def _find(error: np.ndarray) -> dict[str, np.ndarray]:
    """Return the videos of each kind, the most extreme first."""
    size, rising, falling = (
        np.argsort(values, kind="stable") for values in (np.abs(error), error, -error)
    )
    return {
        "best": size,
        "worst": np.argsort(-np.abs(error), kind="stable"),
        "over-predicted": falling[error[falling] > 0],
        "under-predicted": rising[error[rising] < 0],
    }
