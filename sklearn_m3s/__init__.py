"""Tiered representations of videos and their memorability, as scikit-learn estimators.

::

    videos ─┬─ RawPerception       (frames → descriptors) ─── scale ─────────────────┐
            ├─ SceneParsing        (frames → HRNetV2) ──┬──── scale ─────────────────┤
            │                                           └──── DBSCANSimilarity ──────┼─ MLPRegressor ─ score
            └─ EventUnderstanding  (clip → ip-CSN) ─────┬──── scale ─────────────────┤
                                                        └──── DBSCANSimilarity ──────┘

Names are imported when they are first used, so that ``import sklearn_m3s`` is quick.
"""  # noqa: E501

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "RawPerception": "tiers",
    "SceneParsing": "tiers",
    "EventUnderstanding": "tiers",
    "FrameEncoder": "tiers",
    "ClipEncoder": "tiers",
    "DBSCANSimilarity": "similarity",
    "DistanceSimilarity": "similarity",
    "CosineSimilarity": "similarity",
    "KDESimilarity": "similarity",
    "MLPRegressor": "regression",
    "PredictionIntervals": "regression",
    "make_m3s": "pipeline",
    "make_m3s_from_features": "pipeline",
    "load_model": "io",
    "save_model": "io",
}
_MODULES = {
    "backbones", "cache", "datasets", "descriptors", "exceptions", "inspection", "io", "metrics",
    "pipeline", "regression", "report", "similarity", "tiers", "video",
}  # fmt: skip

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
