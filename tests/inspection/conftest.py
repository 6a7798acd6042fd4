"""What the tests of the displays share: figures without a screen, and videos to show."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from sklearn_m3s.inspection._thumbnails import PICTURE_SIZE

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


@pytest.fixture
def without_matplotlib(monkeypatch):
    """Return what the error has to say where matplotlib is missing."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    return r'matplotlib is needed here and not installed: pip install "sklearn-m3s\[inspection\]"'


@pytest.fixture(scope="session")
def clips():
    """Return ten videos of three frames, of the size of a picture."""
    rng = np.random.default_rng(0)
    shape = (3, PICTURE_SIZE, PICTURE_SIZE, 3)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(10)]


@pytest.fixture
def videos(clips):
    """Return a list of the same, that a test may change."""
    return list(clips)
