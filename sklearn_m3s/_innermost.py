"""The model inside a search or another meta-estimator."""

from typing import Any


def innermost(model: Any) -> Any:
    """Follow ``estimator`` attributes to the innermost model, fitted if the outer one is."""
    while hasattr(model, "estimator"):
        fitted = [name for name in ("estimator_", "best_estimator_") if hasattr(model, name)]
        model = getattr(model, fitted[0] if fitted else "estimator")
    return model
