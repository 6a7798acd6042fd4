"""Rows of descriptors agree with cross-validation of a tier with one descriptor."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from stand_ins import SETTINGS, rho

from sklearn_m3s import RawPerception
from sklearn_m3s.inspection import descriptor_study


def test_descriptors_are_compared_one_by_one(rng):
    level = rng.uniform(30, 200, size=24)
    noise = rng.integers(-20, 20, size=(24, 16, 16, 3))
    videos = list((level[:, None, None, None] + noise).astype(np.uint8))
    tier = RawPerception(
        descriptors=["contrast", "brightness", "hog"], frame_size=32, hog_components=3
    )
    table = descriptor_study(tier, videos, level / 255, regressor=Ridge(), **SETTINGS)
    assert list(table.index) == ["all", "contrast", "brightness", "hog", "constant"]
    assert table["n_features"].tolist() == [5, 1, 1, 3, 5]
    alone = make_pipeline(clone(tier).set_params(descriptors=["brightness"]), Ridge())
    assert table.loc["brightness", "spearman"] == pytest.approx(rho(alone, videos, level / 255))
    assert table.loc["brightness", "spearman"] > 0.95
    assert np.isnan(table.loc["constant", "spearman"])


def test_the_default_regressor_is_the_network_of_the_paper(rng):
    videos = list(rng.integers(0, 255, size=(12, 16, 16, 3), dtype=np.uint8))
    tier = RawPerception(descriptors=["contrast"], frame_size=16)
    table = descriptor_study(tier, videos, rng.uniform(size=12), cv=2, n_bootstrap=0)
    assert table.loc["contrast", "n_parameters"] == 2 * 64 + 64 + 1
