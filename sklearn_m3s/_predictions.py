"""Predictions as tables and reports show them."""

from typing import Any

import numpy as np
from scipy.stats import percentileofscore


def predict_with_intervals(model: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions of shape (n, n_scores), and their intervals of shape (n, 2, n_scores).

    Intervals are NaN for a model without them. They end at 0 and 1 if all training scores are in
    this range.
    """
    values = np.asarray(model.predict(X), dtype=np.float64).reshape(len(X), -1)
    intervals = np.full((len(X), 2, values.shape[1]), np.nan)
    if hasattr(model, "predict_interval"):
        intervals[:] = np.reshape(model.predict_interval(X), intervals.shape)
        known = getattr(model, "y_", None)
        if known is not None and np.nanmin(known) >= 0 and np.nanmax(known) <= 1:
            intervals.clip(0, 1, out=intervals)
    return values, intervals


def percentiles(known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the percentage of known predictions below each value. Equal ones count half."""
    known = known[np.isfinite(known)]
    if not len(known):
        return np.full(len(values), np.nan)
    return percentileofscore(known, values, kind="mean", nan_policy="propagate")
