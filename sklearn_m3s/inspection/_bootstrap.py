"""How good predictions are, and how far that could be chance: metrics under resampled videos."""

import warnings

import numpy as np
from scipy.stats import ConstantInputWarning
from sklearn.utils import check_random_state

METRICS = ("spearman", "mse", "mae", "spread")


def draw_counts(n_videos, n_bootstrap, random_state):
    """Return how often each video occurs in the sample itself and in bootstrap samples of it.

    Parameters
    ----------
    n_videos : int
        Size of the sample.
    n_bootstrap : int
        How many samples to draw from it, with replacement.
    random_state : int, RandomState instance or None
        Seed of the draws.

    Returns
    -------
    ndarray of shape (1 + n_bootstrap, n_videos), int16
        The first row is all ones.
    """
    rng = check_random_state(random_state)
    counts = np.ones((1 + n_bootstrap, n_videos), dtype=np.int16)
    for row in counts[1:]:
        row[:] = np.bincount(rng.randint(n_videos, size=n_videos), minlength=n_videos)
    return counts


def fold_metrics(y, folds, counts):
    """Return the metrics of predictions in each sample, averaged over the folds.

    Parameters
    ----------
    y : ndarray of shape (n_videos,)
        True scores.
    folds : list of (ndarray of int, ndarray of float)
        The videos of each test fold, and what was predicted for them.
    counts : ndarray of shape (n_samples, n_videos)
        How often each video occurs in each sample. Folds of repeated cross-validation share the
        draws, so that repeats do not pass for more videos.

    Returns
    -------
    ndarray of shape (4, n_samples)
        Spearman's correlation (NaN where scores or predictions are constant), mean squared error,
        mean absolute error, and standard deviation of the predictions.
    """
    return np.mean(
        [_metrics(y[test], predicted, counts[:, test]) for test, predicted in folds], axis=0
    )


def summarise(metrics, names=METRICS):
    """Return each metric of the sample itself, with the 95 % percentile interval of the others."""
    row = {}
    for name, (value, *resampled) in zip(names, metrics, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NaN in every sample
            low, high = np.nanpercentile(resampled, [2.5, 97.5]) if resampled else [np.nan] * 2
        row |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return row


def warn_if_undefined(metrics, name):
    """Warn as SciPy does where the rank correlation of the sample itself is undefined."""
    if np.isnan(metrics[0, 0]):
        warnings.warn(
            ConstantInputWarning(
                f"Spearman's correlation of {name!r} is undefined: in at least one test fold the "
                "scores or the predictions are constant."
            ),
            stacklevel=4,
        )


def _metrics(y, predicted, counts):
    weights = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weights[~counts.any(axis=1)] = np.nan
    error = predicted - y
    return np.stack(
        [
            _correlate(_ranks(y, counts), _ranks(predicted, counts), weights),
            weights @ error**2,
            weights @ np.abs(error),
            np.sqrt(_covary(predicted[None], predicted[None], weights)),
        ]
    )


def _ranks(values, counts):
    """Return the mean rank of each video in each sample, as if it stood there `counts` times."""
    order = np.argsort(values, kind="stable")
    _, starts, groups = np.unique(values[order], return_index=True, return_inverse=True)
    totals = np.add.reduceat(counts[:, order], starts, axis=1, dtype=float)
    ranks = np.empty(counts.shape)
    ranks[:, order] = (totals.cumsum(axis=1) - (totals - 1) / 2)[:, groups]
    return ranks


def _covary(a, b, weights):
    mean_a, mean_b = ((weights * values).sum(axis=1, keepdims=True) for values in (a, b))
    return (weights * (a - mean_a) * (b - mean_b)).sum(axis=1)


def _correlate(a, b, weights):
    scale = np.sqrt(_covary(a, a, weights) * _covary(b, b, weights))
    defined = scale > 1e-9  # ranks are at least half a rank apart
    return np.divide(
        _covary(a, b, weights), scale, out=np.full(len(weights), np.nan), where=defined
    )
