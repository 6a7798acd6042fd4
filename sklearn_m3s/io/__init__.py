"""Model files: a fitted model as one file of plain data."""

from sklearn_m3s.io._known_types import trusted_types
from sklearn_m3s.io._model_file import load_card, load_model, load_reference, save_model
from sklearn_m3s.io._reference_set import ReferenceSet, make_reference_set

__all__ = [
    "ReferenceSet",
    "load_card",
    "load_model",
    "load_reference",
    "make_reference_set",
    "save_model",
    "trusted_types",
]
