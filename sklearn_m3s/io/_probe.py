"""Sample rows and their predictions, to check a model after loading."""

from typing import Any

import numpy as np

from sklearn_m3s.exceptions import ModelError
from sklearn_m3s.io._zip_file import ModelZip, ModelZipWriter
from sklearn_m3s.pipeline import ModelParts, take_apart
from sklearn_m3s.tiers import VideoTransformer

_ROWS = 8
_TOLERANCE = 1e-6


def parts_of(model: Any) -> ModelParts:
    """Return the parts of a fitted model, with or without prediction intervals."""
    try:
        return take_apart(getattr(model, "estimator_", model))
    except ValueError as error:
        raise ModelError(f"{error}, or fitted PredictionIntervals of such a pipeline") from error


def write_probe(model: Any, file: ModelZipWriter) -> None:
    """Store random rows that resemble the rows of each tier, and their predictions."""
    parts = parts_of(model)
    rng = np.random.default_rng(0)
    rows = []
    for name, tier in parts.tiers.items():
        reduction = getattr(tier, "reduction_", None)
        if reduction is None:
            scaler = parts.scalers[name]
            width = len(tier.get_feature_names_out())
            centre, variance = getattr(scaler, "mean_", 0), getattr(scaler, "var_", 1)
        else:  # rows as they are before the reduction
            width, centre, variance = reduction.n_features_in_, 0.5, 0.01
        noise = rng.normal(size=(_ROWS, width))
        rows.append((centre + np.sqrt(variance) * noise).astype(np.float32))
    for i, array in enumerate([*rows, _predict(parts, rows)]):
        file.write_array(f"check/{i}.npy", array)


def check_probe(model: Any, file: ModelZip) -> None:
    """Raise a ModelError unless the model predicts the same as when it was saved."""
    parts = parts_of(model)
    *rows, expected = (file.array(f"check/{i}.npy") for i in range(len(parts.tiers) + 1))
    try:
        found = _predict(parts, rows)
    except Exception as error:  # mismatched arrays raise errors of many classes
        raise ModelError(
            f"its parts do not fit together: {type(error).__name__}: {error!s:.300}"
        ) from error
    if found.shape != expected.shape or not np.allclose(
        found, expected, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
    ):
        raise ModelError("its predictions differ from those at the time of saving")


def _predict(parts: ModelParts, rows: list[np.ndarray]) -> np.ndarray:
    """Predict the rows of each tier with the parts of the model that follow the tiers."""
    columns = []
    for (name, tier), block in zip(parts.tiers.items(), rows, strict=True):
        if isinstance(tier, VideoTransformer) and tier.reduction_ is not None:
            block = tier.reduction_.transform(block)
        columns += [
            block if part == "passthrough" else np.asarray(part.transform(block))
            for part in (parts.scalers[name], parts.contexts.get(name))
            if part is not None and part != "drop"
        ]
    joined = np.hstack(columns)
    return joined if parts.regressor is None else np.asarray(parts.regressor.predict(joined))
