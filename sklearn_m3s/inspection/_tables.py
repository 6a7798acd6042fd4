"""Predictions of the rows of a table to the table: metrics, intervals, paired differences."""

import numpy as np

from sklearn_m3s._optional import import_optional
from sklearn_m3s.inspection._bootstrap import fold_metrics, summarise, warn_if_undefined


def make_table(predictions, sizes, y, counts, reference=None):
    """Return a DataFrame of metrics with 95 % bootstrap intervals, one row a model.

    Parameters
    ----------
    predictions, sizes : dict
        As `predict_rows` returns them.
    y : ndarray of shape (n_videos,)
        True scores.
    counts : ndarray of shape (1 + n_bootstrap, n_videos)
        Draws of the bootstrap; all rows share them, so that differences are paired.
    reference : str or None
        The row that the others are compared with, in the columns ``delta_spearman``.

    Returns
    -------
    DataFrame
        Index: the names of the rows.
    """
    metrics = {name: fold_metrics(y, folds, counts) for name, folds in predictions.items()}
    table = {}
    for name, values in metrics.items():
        row = summarise(values)
        row["n_features"], row["n_parameters"] = sizes[name].mean(axis=0)
        if reference is not None:
            row |= compare(values, metrics[reference])
        constant = all(np.ptp(predicted) == 0 for _, predicted in predictions[name])
        if np.ptp(y) == 0 or not constant:  # a constant baseline is meant to be one
            warn_if_undefined(values, name)
        table[name] = row
    return import_optional("pandas").DataFrame.from_dict(table, orient="index")


def compare(metrics, reference):
    """Return the difference of Spearman's correlation from a reference, with its interval."""
    return summarise([metrics[0] - reference[0]], ["delta_spearman"])
