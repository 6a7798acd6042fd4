"""What a perfect predictor could reach on scores that few annotators gave."""

from numbers import Integral

import numpy as np
from sklearn.utils import Bunch, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import check_array

from sklearn_m3s.inspection._bootstrap import METRICS, fold_metrics, summarise


@validate_params(
    {
        "scores": ["array-like"],
        "n_annotations": ["array-like", Integral],
        "n_simulations": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def annotation_ceiling(scores, n_annotations, *, n_simulations=200, random_state=None):
    """Simulate how well annotators agree, and what a perfect predictor would reach.

    A score s is the share of n annotators who remembered the video: s ~ Binomial(n, p) / n, with
    p its memorability. The scores vary by more than p does. What is left after the noise,
    var(p) = var(s) - mean(s (1 - s) / (n - 1)), and the mean of the scores fit a Beta(a, b) as
    the distribution of p, and each simulation draws p ~ Beta(a + n s, b + n (1 - s)).

    Parameters
    ----------
    scores : array-like of shape (n_videos,)
        Shares of annotators who remembered each video, in [0, 1].
    n_annotations : int or array-like of int of shape (n_videos,)
        Annotators of each video, at least 2.
    n_simulations : int, default=200
        How often to simulate.
    random_state : int, RandomState instance or None, default=None
        Seed of the simulations.

    Returns
    -------
    Bunch
        ``split_half``: mean Spearman correlation of the scores of two random halves of the
        annotators, the consistency that data sets report. ``ceiling``: mean Spearman correlation
        of p with scores newly drawn from it by all annotators; by Spearman and Brown's formula
        close to √(2 ρ / (1 + ρ)), with ρ the split half. ``table``: dict of the rows "split half"
        and "ceiling", each of the Spearman correlation, squared and absolute error and spread with
        the 95 % interval of the simulations.

    Raises
    ------
    ValueError
        If a score is outside [0, 1], a count is below 2 or no integer, or lengths differ.

    Notes
    -----
    Scores that were corrected for the time between two showings are no exact shares, and
    annotators differ in their attention: the ceiling is an estimate.

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
        values = np.array(values).T
        table[name] = summarise(np.column_stack([values.mean(axis=1), values]), METRICS)
    return Bunch(
        split_half=table["split half"]["spearman"],
        ceiling=table["ceiling"]["spearman"],
        table=table,
    )


def _check(scores, n_annotations):
    scores = column_or_1d(
        check_array(scores, ensure_2d=False, dtype=np.float64, input_name="scores")
    )
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError(
            f"scores range from {scores.min():g} to {scores.max():g}; as shares of annotators "
            "they must be in [0, 1]"
        )
    counts = (
        np.broadcast_to(n_annotations, scores.shape)
        if np.ndim(n_annotations) == 0
        else (column_or_1d(check_array(n_annotations, ensure_2d=False, input_name="n_annotations")))
    )
    check_consistent_length(scores, counts)
    if counts.min() < 2 or (counts != counts.astype(int)).any():
        raise ValueError(
            f"n_annotations has {counts.min():g}: give each video an integer of at least 2, or "
            "leave out videos with fewer"
        )
    return scores, counts.astype(int)


def _draw_memorability(scores, n, rng):
    mean, variance = scores.mean(), scores.var()
    noise = (scores * (1 - scores) / (n - 1)).mean()
    spread = mean * (1 - mean)
    if spread == 0:
        return scores
    true_variance = np.clip(variance - noise, 1e-6 * spread, (1 - 1e-6) * spread)
    strength = spread / true_variance - 1
    return rng.beta(strength * mean + n * scores, strength * (1 - mean) + n * (1 - scores))


def _metrics(y, predicted):
    return fold_metrics(y, [(np.arange(len(y)), predicted)], np.ones((1, len(y)), np.int16))[:, 0]
