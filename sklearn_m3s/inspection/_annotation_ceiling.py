"""The reliability of scores from few annotators, and the best possible prediction of them."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval

from sklearn_m3s._validation import check_arguments, check_scores
from sklearn_m3s.inspection._blocks import Seed
from sklearn_m3s.inspection._intervals import fold_metrics, summarise


@check_arguments(
    scores=["array-like"],
    n_annotations=["array-like", Integral, None],
    n_simulations=[Interval(Integral, 1, None, closed="left")],
    random_state=["random_state"],
)
def annotation_ceiling(
    scores: ArrayLike,
    n_annotations: ArrayLike | None = None,
    *,
    n_simulations: int = 200,
    random_state: Seed = None,
) -> Bunch:
    """Measure the agreement of annotators, and simulate the best possible prediction.

    A score s is the share of n annotators who remembered the video: s ~ Binomial(n, p) / n, where
    p is the memorability of the video. The scores vary more than p does. The distribution of p is
    modelled as Beta(a, b), with the mean of the scores and their variance without the noise,
    var(p) = var(s) - mean(s (1 - s) / (n - 1)). Each simulation draws
    p ~ Beta(a + n s, b + n (1 - s)), and splits the n responses to each video into random halves.

    Parameters
    ----------
    scores : array-like of shape (n_videos,) or (n_videos, n_annotators)
        Shares of annotators who remembered each video, in [0, 1]. Or, without `n_annotations`,
        the responses themselves: 1 where an annotator remembered the video, 0 where not, NaN for a
        missing response.
    n_annotations : int or array-like of int of shape (n_videos,), default=None
        Number of annotators of each video, at least 2. For hits and misses, pass ``hit_rate`` and
        ``n_annotations`` of :func:`~sklearn_m3s.datasets.scores_from_responses`.
    n_simulations : int, default=200
        Number of simulations, and of random splits into halves.
    random_state : int, RandomState instance or None, default=None
        Seed of the simulations and of the halves.

    Returns
    -------
    Bunch
        ``split_half`` (float) is the mean Spearman correlation ρ between the scores of two random
        halves of the annotators, the consistency that data sets report. ``reliability`` (float) is
        2 ρ / (1 + ρ), the correlation with the scores of equally many other annotators, by the
        Spearman-Brown formula. ``ceiling`` (float) is the mean Spearman correlation between p and
        new scores of all annotators, close to √reliability. ``table`` is a dict of the rows "split
        half" and "ceiling", each a dict of the metrics ``spearman``, ``mse``, ``mae`` and
        ``spread`` and their 95 % intervals over the simulations.

    Raises
    ------
    ValueError
        If a score is outside [0, 1], a response is not 0, 1 or NaN, a number of annotators is not
        an integer of at least 2, or lengths differ.

    Notes
    -----
    The ceiling is an estimate. Scores that were corrected for the time between two views are not
    exact shares, and annotators differ in their attention. The halves are drawn separately for each
    video, because annotators see different videos. Shares are rounded to whole responses.

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
    if n_annotations is None:
        scores, n_annotations = _count(scores)
    scores, n = _check(scores, n_annotations)
    hits, half = np.rint(n * scores).astype(int), n // 2
    rng = check_random_state(random_state)
    halves, perfect = [], []
    for _ in range(n_simulations):
        # The hits in a random half of the annotators.
        in_half = rng.hypergeometric(hits, n - hits, half)
        halves.append(_metrics(in_half / half, (hits - in_half) / (n - half)))
        p = _draw_memorability(scores, n, rng)
        perfect.append(_metrics(rng.binomial(n, p) / n, p))
    table = {}
    for name, values in (("split half", halves), ("ceiling", perfect)):
        metrics = np.array(values).T
        table[name] = summarise(np.column_stack([metrics.mean(axis=1), metrics]))
    rho = table["split half"]["spearman"]
    return Bunch(
        split_half=rho,
        # The formula of Spearman and Brown: from half to all annotators.
        reliability=2 * rho / (1 + rho),
        ceiling=table["ceiling"]["spearman"],
        table=table,
    )


def _count(responses: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of annotators who remembered each video, and their number."""
    if np.ndim(responses) != 2:
        raise ValueError(
            "n_annotations is None: pass the number of annotators of each video, or responses of "
            "shape (n_videos, n_annotators) as scores"
        )
    responses = check_array(
        responses, dtype=np.float64, ensure_all_finite="allow-nan", input_name="scores"
    )
    given = ~np.isnan(responses)
    wrong = responses[given & (responses != 0) & (responses != 1)]
    if len(wrong):
        raise ValueError(
            f"scores has the response {wrong[0]:g}: use 1, 0, and NaN for a missing response"
        )
    n_annotations = given.sum(axis=1)
    return np.nansum(responses, axis=1) / np.maximum(n_annotations, 1), n_annotations


def _check(scores: ArrayLike, n_annotations: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores = check_scores(scores, "scores")
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError(
            f"scores range from {scores.min():g} to {scores.max():g}: pass shares of annotators, "
            "in [0, 1]"
        )
    if np.ndim(n_annotations) == 0:
        n_annotations = np.full(len(scores), n_annotations)
    counts = check_scores(n_annotations, "n_annotations")
    check_consistent_length(scores, counts)
    wrong = np.flatnonzero((counts < 2) | (counts % 1 != 0))
    if len(wrong):
        raise ValueError(
            f"n_annotations has {counts[wrong[0]]:g} for video {wrong[0]}: give each video an "
            "integer of at least 2, or leave it out"
        )
    return scores, counts.astype(int)


def _draw_memorability(scores: np.ndarray, n: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    mean, variance = scores.mean(), scores.var()
    # The variance of scores is that of the memorability plus that of the annotators. Subtract the
    # latter, fit a beta distribution to the memorability by its mean and variance, and draw from
    # its posterior given the annotations of each video.
    noise = (scores * (1 - scores) / (n - 1)).mean()
    spread = mean * (1 - mean)
    if spread == 0:
        return scores
    true_variance = np.clip(variance - noise, 1e-6 * spread, (1 - 1e-6) * spread)
    strength = spread / true_variance - 1
    return rng.beta(strength * mean + n * scores, strength * (1 - mean) + n * (1 - scores))


def _metrics(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return fold_metrics(y, [(np.arange(len(y)), predicted)], np.ones((1, len(y)), np.int16))[:, 0]
