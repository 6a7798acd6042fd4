"""Baselines agree with cross-validation of models with another regressor."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from stand_ins import PARTS, SETTINGS, rho

from sklearn_m3s import make_m3s
from sklearn_m3s.inspection import baseline_study
from sklearn_m3s.inspection._baseline_study import default_baselines


def test_baselines_learn_from_the_columns_of_the_model(data):
    model = make_m3s(**PARTS)
    table = baseline_study(
        model, *data, baselines={"strict": Ridge(50), "mean": DummyRegressor()}, **SETTINGS
    )
    strict = clone(model).set_params(regressor=Ridge(50))
    assert table.loc["strict", "spearman"] == pytest.approx(rho(strict, *data))
    assert table.loc["model", "n_features"] == table.loc["strict", "n_features"] == 16
    assert table.loc["strict", "n_parameters"] == 17
    assert np.isnan(table.loc["mean", "spearman"])
    assert np.isnan(table.loc["mean", "n_parameters"])


def test_the_default_baselines_learn(rng):
    X = rng.normal(size=(600, 5))
    y = 0.8 + 0.05 * X[:, 0] + 0.01 * rng.normal(size=600)
    learning = {k: v for k, v in default_baselines(0).items() if k != "constant"}
    assert list(learning) == ["ridge", "SVR", "plain MLP"]
    for name, baseline in learning.items():
        assert rho(baseline, X, y) > 0.7, name


def test_a_baseline_must_not_have_the_name_of_the_model(data):
    with pytest.raises(ValueError, match="rename"):
        baseline_study(make_m3s(**PARTS), *data, baselines={"model": Ridge()})
