"""Tables of metrics with bootstrap intervals.

SciPy's `bootstrap` is not used, because it draws for one statistic at a time. Here, all rows of a
table and all repeats of a fold share the draws, so that differences are paired.
"""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import ConstantInputWarning
from sklearn.utils import check_random_state

from sklearn_m3s._optional import import_optional
from sklearn_m3s.inspection._blocks import Predictions, Seed, Sizes, Table

METRICS = ("spearman", "mse", "mae", "spread")


def draw_counts(
    n_videos: int, n_bootstrap: int, random_state: Seed, groups: ArrayLike | None = None
) -> np.ndarray:
    """Return how often each video occurs in the sample and in bootstrap samples of it.

    The shape is (1 + n_bootstrap, n_videos). The first row, the sample, is all ones. The videos of
    a group are drawn together.
    """
    rng = check_random_state(random_state)
    units = (
        np.arange(n_videos)
        if groups is None
        else np.unique(np.ravel(groups), return_inverse=True)[1]
    )
    n_units = units.max() + 1
    counts = np.ones((1 + n_bootstrap, n_videos), dtype=np.int16)
    for row in counts[1:]:
        row[:] = np.bincount(rng.randint(n_units, size=n_units), minlength=n_units)[units]
    return counts


def fold_metrics(
    y: np.ndarray, folds: Iterable[tuple[np.ndarray, np.ndarray]], counts: np.ndarray
) -> np.ndarray:
    """Return the metrics of predictions in each sample, averaged over the folds.

    The shape is (4, n_samples): Spearman's correlation (NaN where scores or predictions are
    constant), mean squared error, mean absolute error, and standard deviation of the predictions.
    `counts` has the number of times that each video occurs in each sample. Folds of a repeated
    cross-validation share the draws, so that repeats do not count as more videos. The weight of a
    fold is the mean count of its videos: a sample of few groups may lack a fold, or have it twice.
    """
    total, weight = np.zeros((len(METRICS), len(counts))), np.zeros(len(counts))
    for test, predicted in folds:
        # How often a sample holds the videos of this fold, on average. It weights the fold.
        drawn = counts[:, test].mean(axis=1)
        total += np.where(drawn > 0, drawn * _metrics(y[test], predicted, counts[:, test]), 0)
        weight += drawn
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


def make_table(
    predictions: Predictions,
    sizes: Sizes,
    y: np.ndarray,
    counts: np.ndarray,
    reference: str | None = None,
) -> Table:
    """Return a table of metrics with 95 % bootstrap intervals, one row per name.

    The columns ``delta_spearman`` compare each row with the row `reference`, if given.
    """
    metrics = {name: fold_metrics(y, folds, counts) for name, folds in predictions.items()}
    table = {}
    for name, values in metrics.items():
        row = summarise(values)
        row["n_features"], row["n_parameters"] = sizes[name].mean(axis=0)
        if reference is not None:
            row |= compare(values, metrics[reference])
        constant = all(np.ptp(predicted) == 0 for _, predicted in predictions[name])
        if np.ptp(y) == 0 or not constant:  # a constant baseline needs no warning
            warn_if_undefined(values, name, stacklevel=5)
        table[name] = row
    return import_optional("pandas", "inspection").DataFrame.from_dict(table, orient="index")


def compare(metrics: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return the difference of Spearman's correlation from a reference, with its interval."""
    return summarise([metrics[0] - reference[0]], ["delta_spearman"])


def summarise(metrics: Iterable[np.ndarray], names: Sequence[str] = METRICS) -> dict[str, float]:
    """Return each metric of the sample, with the 95 % percentile interval of the resamples."""
    row: dict[str, float] = {}
    for name, (value, *resampled) in zip(names, metrics, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # for a metric that is always NaN
            low, high = np.nanpercentile(resampled, [2.5, 97.5]) if resampled else [np.nan] * 2
        row |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return row


def warn_if_undefined(metrics: np.ndarray, name: str, stacklevel: int = 4) -> None:
    """Warn as SciPy does where the rank correlation of the sample is undefined."""
    if np.isnan(metrics[0, 0]):
        warnings.warn(
            ConstantInputWarning(
                f"Spearman's correlation of {name!r} is undefined: in at least one test fold, the "
                "scores or the predictions are constant."
            ),
            stacklevel=stacklevel,
        )


def _metrics(y: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
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


def _ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean rank of each video in each sample, where it occurs `counts` times."""
    order = np.argsort(values, kind="stable")
    _, starts, groups = np.unique(values[order], return_index=True, return_inverse=True)
    # Equal values form a group, whose members all have the mean of its ranks. If the group ends at
    # rank e and has k members, that is e - (k - 1) / 2.
    totals = np.add.reduceat(counts[:, order], starts, axis=1, dtype=float)
    ranks = np.empty(counts.shape)
    ranks[:, order] = (totals.cumsum(axis=1) - (totals - 1) / 2)[:, groups]
    return ranks


def _covary(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean_a, mean_b = ((weights * values).sum(axis=1, keepdims=True) for values in (a, b))
    return (weights * (a - mean_a) * (b - mean_b)).sum(axis=1)


def _correlate(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    scale = np.sqrt(_covary(a, a, weights) * _covary(b, b, weights))
    defined = scale > 1e-9  # smaller ones are rounding errors: ranks differ by a half at least
    return np.divide(
        _covary(a, b, weights), scale, out=np.full(len(weights), np.nan), where=defined
    )
