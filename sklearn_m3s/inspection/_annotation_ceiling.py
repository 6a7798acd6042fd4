"""Simulate the best possible prediction of scores from few annotators."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval

from sklearn_m3s._validation import check_arguments, check_scores
from sklearn_m3s.inspection._blocks import Seed
from sklearn_m3s.inspection._intervals import fold_metrics, summarise


@check_arguments(
    scores=["array-like"],
    n_annotations=["array-like", Integral],
    n_simulations=[Interval(Integral, 1, None, closed="left")],
    random_state=["random_state"],
)
def annotation_ceiling(
    scores: ArrayLike,
    n_annotations: ArrayLike,
    *,
    n_simulations: int = 200,
    random_state: Seed = None,
) -> Bunch:
    """Simulate the agreement of annotators, and the best possible prediction.

    A score s is the share of n annotators who remembered the video: s ~ Binomial(n, p) / n, where
    p is its memorability. The scores vary more than p does. The distribution of p is a Beta(a, b)
    with the mean of the scores and the variance without the noise,
    var(p) = var(s) - mean(s (1 - s) / (n - 1)). Each simulation draws
    p ~ Beta(a + n s, b + n (1 - s)).

    Parameters
    ----------
    scores : array-like of shape (n_videos,)
        Shares of annotators who remembered each video, in [0, 1].
    n_annotations : int or array-like of int of shape (n_videos,)
        Annotators of each video, at least 2.
    n_simulations : int, default=200
        Number of simulations.
    random_state : int, RandomState instance or None, default=None
        Seed of the simulations.

    Returns
    -------
    Bunch
        ``split_half``: mean Spearman correlation between the scores of two random halves of the
        annotators, the consistency that data sets report. ``ceiling``: mean Spearman correlation
        between p and new scores of all annotators. By the formula of Spearman and Brown it is
        close to √(2 ρ / (1 + ρ)), where ρ is the split half. ``table``: dict of the rows "split
        half" and "ceiling", each with Spearman correlation, squared error, absolute error and
        spread, and their 95 % intervals over the simulations.

    Raises
    ------
    ValueError
        If a score is outside [0, 1], a count is below 2 or not an integer, or lengths differ.

    Notes
    -----
    The ceiling is an estimate. Scores that were corrected for the time between two showings are
    not exact shares, and annotators differ in their attention.

    References
    ----------
    Isola, Xiao, Torralba, Oliva: What makes an image memorable?, CVPR 2011 (split halves).
    Spearman: Correlation calculated from faulty data, 1910; Brown: Some experimental results in
    the correlation of mental abilities, 1910.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.inspection import annotation_ceiling
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.binomial(40, rng.beta(17, 3, size=2000)) / 40
    >>> result = annotation_ceiling(scores, 40, random_state=0)
    >>> bool(result.split_half < result.ceiling < 1)
    True
    """
    scores, n_annotations = _check(scores, n_annotations)
    rng = check_random_state(random_state)
    halves, perfect = [], []
    for _ in range(n_simulations):
        p = _draw_memorability(scores, n_annotations, rng)
        half = n_annotations // 2
        one, two = (rng.binomial(n, p) / n for n in (half, n_annotations - half))
        halves.append(_metrics(one, two))
        perfect.append(_metrics(rng.binomial(n_annotations, p) / n_annotations, p))
    table = {}
    for name, values in (("split half", halves), ("ceiling", perfect)):
        metrics = np.array(values).T
        table[name] = summarise(np.column_stack([metrics.mean(axis=1), metrics]))
    return Bunch(
        split_half=table["split half"]["spearman"],
        ceiling=table["ceiling"]["spearman"],
        table=table,
    )


def _check(scores: ArrayLike, n_annotations: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores = check_scores(scores, "scores")
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError(
            f"scores range from {scores.min():g} to {scores.max():g}; as shares of annotators "
            "they must be in [0, 1]"
        )
    if np.ndim(n_annotations) == 0:
        n_annotations = np.full(len(scores), n_annotations)
    counts = check_scores(n_annotations, "n_annotations")
    check_consistent_length(scores, counts)
    wrong = counts[(counts < 2) | (counts % 1 != 0)]
    if len(wrong):
        raise ValueError(
            f"n_annotations has {wrong[0]:g}: give each video an integer of at least 2, or leave "
            "it out"
        )
    return scores, counts.astype(int)


def _draw_memorability(scores: np.ndarray, n: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    mean, variance = scores.mean(), scores.var()
    noise = (scores * (1 - scores) / (n - 1)).mean()
    spread = mean * (1 - mean)
    if spread == 0:
        return scores
    true_variance = np.clip(variance - noise, 1e-6 * spread, (1 - 1e-6) * spread)
    strength = spread / true_variance - 1
    return rng.beta(strength * mean + n * scores, strength * (1 - mean) + n * (1 - scores))


def _metrics(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return fold_metrics(y, [(np.arange(len(y)), predicted)], np.ones((1, len(y)), np.int16))[:, 0]
