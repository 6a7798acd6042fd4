"""Contributions of measures agree with the difference of two models."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from stand_ins import PARTS, SETTINGS, rho

from sklearn_m3s import make_m3s
from sklearn_m3s.inspection import similarity_study
from sklearn_m3s.inspection._similarity_study import default_measures


def test_a_measure_contributes_the_difference_of_two_models(data):
    measures = {"centres": PARTS["similarity"], "pair": {"scene": KMeans(2, random_state=0)}}
    model = make_m3s(**PARTS)
    table = similarity_study(model, *data, measures=measures, regressor=Ridge(2.0), **SETTINGS)
    assert list(table.index) == ["none", "centres", "pair"]
    none = rho(make_m3s(**{**PARTS, "similarity": None}), *data)
    assert table.loc["none", "spearman"] == pytest.approx(none)
    assert table.loc["centres", "delta_spearman"] == pytest.approx(rho(model, *data) - none)
    scene_only = make_m3s(**{**PARTS, "similarity": measures["pair"]})
    assert table.loc["pair", "delta_spearman"] == pytest.approx(rho(scene_only, *data) - none)
    assert table["n_features"].tolist() == [8, 8, 2]
    alone = make_m3s(
        raw=None, event=None, scene=make_pipeline(PARTS["scene"], measures["pair"]["scene"]),
        similarity=None,
    )  # fmt: skip
    alone.set_params(tiers__scene__context__features="passthrough", regressor=Ridge(2.0))
    assert table.loc["pair", "spearman"] == pytest.approx(rho(alone, *data))


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning")  # one cluster in a fold
def test_all_measures_of_the_paper_run(data):
    model = make_m3s(**{**PARTS, "event": None, "regressor": Ridge()})
    table = similarity_study(
        model, *data, measures=default_measures(0), regressor=Ridge(), cv=2, n_bootstrap=5
    )
    assert list(table.index) == ["none", *default_measures()]
    assert np.isfinite(table["mse"]).all()


@pytest.mark.parametrize(
    ("model", "measures", "fault"),
    [
        (make_m3s(**{**PARTS, "scene": None, "event": None}), None, "no tier with a context"),
        (make_m3s(**PARTS), {"a": {"raw": KMeans(2)}}, r"measures\['a'\] has the tiers \['raw'\]"),
        (make_m3s(**PARTS), {"scene": KMeans(2)}, r"measures has the names \['scene'\]"),
    ],
)
def test_an_error_names_a_measure_that_cannot_be_studied(data, model, measures, fault):
    with pytest.raises(ValueError, match=fault):
        similarity_study(model, *data, measures=measures)
