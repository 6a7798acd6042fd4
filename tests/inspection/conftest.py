"""Fixtures: figures without a screen, videos to show, and feature rows in place of videos."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from sklearn_m3s.inspection._plotting import PICTURE_SIZE

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


@pytest.fixture
def without_matplotlib(monkeypatch):
    """Hide matplotlib, and return the error that it causes."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    return r'matplotlib is required but not installed: pip install "sklearn-m3s\[inspection\]"'


@pytest.fixture(scope="session")
def clips():
    """Return ten videos of three frames, of the size of a picture."""
    rng = np.random.default_rng(0)
    shape = (3, PICTURE_SIZE, PICTURE_SIZE, 3)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(10)]


@pytest.fixture
def videos(clips):
    """Return the clips as a new list, which a test may change."""
    return list(clips)


@pytest.fixture
def data(rng):
    """Return feature rows in place of videos, and scores that all tiers explain in part."""
    X = rng.normal(size=(90, 8))
    effect = X[:, 0] + X[:, 3] - X[:, 6] + np.abs(X[:, 2])
    return X, 0.8 + 0.02 * effect + 0.01 * rng.normal(size=90)
