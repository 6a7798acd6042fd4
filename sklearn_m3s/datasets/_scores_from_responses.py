"""Scores of videos from the responses of annotators."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.utils import Bunch, check_consistent_length

from sklearn_m3s._validation import check_arguments, check_scores


@check_arguments(
    hits=["array-like"],
    misses=["array-like"],
    false_alarms=["array-like", None],
    correct_rejections=["array-like", None],
)
def scores_from_responses(
    hits: ArrayLike,
    misses: ArrayLike,
    false_alarms: ArrayLike | None = None,
    correct_rejections: ArrayLike | None = None,
) -> Bunch:
    """Return scores of videos from counts of responses in a recognition test.

    Parameters
    ----------
    hits, misses : array-like of int of shape (n_videos,)
        Number of annotators who recognised the video when they saw it again, and of those who did
        not.
    false_alarms, correct_rejections : array-like of int of shape (n_videos,), default=None
        Number of annotators who claimed to recognise the video when they first saw it, and of those
        who did not. Pass both or none.

    Returns
    -------
    Bunch
        All values are ndarrays of shape (n_videos,), float64, as in the loaders. ``hit_rate`` is
        hits / (hits + misses), in [0, 1], the score of most data sets. ``n_annotations`` is
        hits + misses. With false alarms and correct rejections, there are two more:
        ``corrected_recognition`` is the hit rate minus the false alarm rate, in [-1, 1].
        ``d_prime`` is z(hit rate) - z(false alarm rate), in standard deviations, where z is the
        quantile function of the normal distribution. Because z(0) and z(1) are infinite, 0.5 is
        added to each count and 1 to each number of annotators for it (the log-linear correction).

    Raises
    ------
    ValueError
        If a count is negative or not an integer, a video has neither hits nor misses, or neither
        false alarms nor correct rejections, lengths differ, or only one of the last two parameters
        is given.

    References
    ----------
    Hautus: Corrections for extreme proportions and their biasing effects on estimated values of
    d', Behavior Research Methods, Instruments, & Computers 27, 1995.

    Examples
    --------
    >>> from sklearn_m3s.datasets import scores_from_responses
    >>> data = scores_from_responses([30, 10], [10, 30], [4, 10], [36, 30])
    >>> data.hit_rate, data.n_annotations
    (array([0.75, 0.25]), array([40., 40.]))
    >>> data.corrected_recognition.round(2), data.d_prime.round(2)
    (array([0.65, 0.  ]), array([1.88, 0.  ]))
    """
    hits, seen = _count(hits, misses, ("hits", "misses"))
    scores = Bunch(hit_rate=hits / seen, n_annotations=seen)
    if false_alarms is None and correct_rejections is None:
        return scores
    if false_alarms is None or correct_rejections is None:
        raise ValueError(
            "only one of false_alarms and correct_rejections is given: pass both or none of them"
        )
    names = ("false_alarms", "correct_rejections")
    false_alarms, unseen = _count(false_alarms, correct_rejections, names)
    check_consistent_length(hits, false_alarms)
    scores.corrected_recognition = scores.hit_rate - false_alarms / unseen
    # Half a response more on each side keeps rates of 0 and 1 finite.
    scores.d_prime = norm.ppf((hits + 0.5) / (seen + 1)) - norm.ppf(
        (false_alarms + 0.5) / (unseen + 1)
    )
    return scores


def _count(yes: ArrayLike, no: ArrayLike, names: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first of two counts, and their sum."""
    yes, no = (check_scores(count, name) for count, name in zip((yes, no), names, strict=True))
    check_consistent_length(yes, no)
    for name, counts in zip(names, (yes, no), strict=True):
        wrong = np.flatnonzero((counts < 0) | (counts % 1 != 0))
        if len(wrong):
            raise ValueError(
                f"{name} has {counts[wrong[0]]:g} for video {wrong[0]}: pass integers of at least 0"
            )
    empty = np.flatnonzero(yes + no == 0)
    if len(empty):
        raise ValueError(
            f"{' and '.join(names)} of {len(empty)} video(s) are 0, such as video {empty[0]}: "
            "leave videos without responses out"
        )
    return yes, yes + no
