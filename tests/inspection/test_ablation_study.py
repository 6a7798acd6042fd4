"""Rows of the ablation agree with cross-validation of models without a tier."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from stand_ins import PARTS, SETTINGS, rho

from sklearn_m3s import MLPRegressor, make_m3s
from sklearn_m3s.inspection import ablation_study


def test_rows_without_a_tier_are_models_made_without_it(data):
    table = ablation_study(make_m3s(**PARTS), *data, **SETTINGS)
    assert table.loc["all", "spearman"] == pytest.approx(rho(make_m3s(**PARTS), *data))
    for name in ("raw", "scene", "event"):
        kept = {k: v for k, v in PARTS.items() if k != "similarity"}
        without = make_m3s(**{**kept, name: None}, similarity=None)
        plain = ablation_study(make_m3s(**kept, similarity=None), *data, **SETTINGS)
        assert plain.loc[f"without {name}", "spearman"] == pytest.approx(rho(without, *data))
    model = make_m3s(**{**PARTS, "similarity": None})
    assert table.loc["without similarity", "spearman"] == pytest.approx(rho(model, *data))


def test_rows_of_a_tier_alone_are_models_of_that_tier(data):
    table = ablation_study(make_m3s(**PARTS), *data, **SETTINGS)
    left_out = {"raw": None, "scene": None, "event": None, "similarity": None}
    for name in ("raw", "scene", "event"):
        only = make_m3s(**{**left_out, name: PARTS[name]}, regressor=Ridge())
        assert table.loc[f"only {name}", "spearman"] == pytest.approx(rho(only, *data))


def test_an_ablation_counts_columns_and_parameters_and_compares_in_pairs(data):
    model = make_m3s(**{**PARTS, "regressor": MLPRegressor(max_epochs=1, random_state=0)})
    table = ablation_study(model, *data, **SETTINGS)
    blocks = ("raw", "scene", "event", "similarity")
    rows = [f"{how} {name}" for how in ("without", "only") for name in blocks]
    assert list(table.index) == ["all", *rows]
    assert table["n_features"].tolist() == [16, 14, 13, 13, 8, 2, 3, 3, 8]
    sizes = [(n + 1) * 512 + 513 * 64 + 65 for n in table["n_features"]]
    assert table["n_parameters"].tolist() == sizes
    np.testing.assert_allclose(
        table["delta_spearman"], table["spearman"] - table.loc["all", "spearman"]
    )
    assert (table.loc["all", ["delta_spearman_low", "delta_spearman_high"]] == 0).all()


def test_only_some_tiers_can_be_ablated(data):
    table = ablation_study(make_m3s(**PARTS), *data, tiers=["scene"], **SETTINGS)
    assert list(table.index) == ["all", "without scene", "only scene"]


@pytest.mark.parametrize(
    ("model", "tiers", "fault"),
    [
        (make_m3s(**{**PARTS, "scene": None}), ["scene"], r"\['scene'\] cannot be left out.*'raw'"),
        (make_m3s(**PARTS), ["scenes"], r"\['scenes'\] cannot be left out"),
        (make_m3s(**PARTS), [], r"\[\] cannot be left out"),
        (
            make_m3s(**{**PARTS, "scene": None, "event": None}),
            None,
            "only 'raw': an ablation needs two tiers",
        ),
        (make_pipeline(StandardScaler(), Ridge()), None, "as make_m3s returns it"),
        (make_m3s(**{**PARTS, "regressor": None}), None, "has no regressor: pass one to make_m3s"),
    ],
)
def test_a_model_that_cannot_be_ablated_is_an_error(data, model, tiers, fault):
    with pytest.raises(ValueError, match=fault):
        ablation_study(model, *data, tiers=tiers)


def test_dropped_and_passed_through_parts_are_as_in_scikit_learn(data):
    model = make_m3s(**PARTS).set_params(
        tiers__event="drop",
        tiers__scene__context__similarity="drop",
        tiers__scene__context__features="passthrough",
    )
    table = ablation_study(model, *data, **SETTINGS)
    assert list(table.index) == [
        "all", "without raw", "without scene", "only raw", "only scene",
    ]  # fmt: skip
    assert table.loc["all", "spearman"] == pytest.approx(rho(model, *data))


def test_a_tier_may_give_its_context_alone(data):
    model = make_m3s(**PARTS).set_params(tiers__scene__context__features="drop")
    table = ablation_study(model, *data, tiers=["scene"], **SETTINGS)
    assert table.loc["all", "spearman"] == pytest.approx(rho(model, *data))
    assert table["n_features"].tolist() == [13, 13, 0]


def test_a_similarity_without_columns_predicts_the_mean(data):
    empty = FunctionTransformer(lambda X: np.asarray(X)[:, :0])
    table = ablation_study(make_m3s(**{**PARTS, "similarity": empty}), *data, **SETTINGS)
    assert table.loc["only similarity", "n_features"] == 0
    assert np.isnan(table.loc["only similarity", "spearman"])
    assert table.loc["without similarity", "delta_spearman"] == 0
