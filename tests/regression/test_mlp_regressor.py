import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_m3s.metrics import spearman_score, spearman_scorer
from sklearn_m3s.regression import MLPRegressor, MSEToSpearmanLoss, PenalizedMSELoss

LOSSES = ["mse", "penalized_mse", "mse_to_spearman"]


@pytest.fixture
def data(rng):
    X = rng.normal(size=(65, 3))
    return X, expit(X[:, 0] - X[:, 1] ** 2)


def make(**params):
    return MLPRegressor(**{"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0} | params)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.net_.module_.parameters()])


class ShiftedMSE(torch.nn.MSELoss):
    """A loss with a parameter of its own, and no sample_weight."""

    def __init__(self):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(()))

    def forward(self, prediction, target):
        return super().forward(prediction + self.shift, target)


# Predictions


def test_predictions_equal_those_of_the_network_in_float64(data):
    model = make(hidden_layer_sizes=(), activation="identity").fit(*data)
    weight, bias = (p.detach().double().numpy() for p in model.net_.module_.parameters())
    expected = expit(data[0].astype(np.float32) @ weight[0] + bias)
    scores = model.predict(data[0])
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_a_prediction_does_not_depend_on_the_other_rows(data, rng):
    model = make(hidden_layer_sizes=(512, 64)).fit(*data)
    X = rng.normal(size=(5000, 3))
    single = np.concatenate([model.predict(row[None]) for row in X[::500]])
    np.testing.assert_allclose(model.predict(X)[::500], single, rtol=1e-12)


def test_predicting_leaves_the_network_in_float32(data):
    model = make().fit(*data)
    model.predict(data[0])
    assert {p.dtype for p in model.net_.module_.parameters()} == {torch.float32}


# Training


def test_one_full_batch_epoch_is_one_step_of_adam(data):
    model = make(batch_size=100, max_epochs=1, weight_decay=0.1, random_state=1)
    start = clone(model).set_params(learning_rate=1e-30).fit(*data)
    expected = copy.deepcopy(start.net_.module_)
    optimizer = torch.optim.Adam(expected.parameters(), lr=1e-3, weight_decay=0.1)
    X, y = (torch.tensor(column, dtype=torch.float32) for column in data)
    expected.zero_grad()
    torch.nn.functional.mse_loss(expected(X), y).backward()
    optimizer.step()
    trained = torch.cat([p.detach().flatten() for p in expected.parameters()])
    torch.testing.assert_close(weights(model.fit(*data)), trained)


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_learns_the_order_of_the_scores(data, loss):
    model = make(loss=loss, max_epochs=60, learning_rate=1e-2, lr_gamma=1).fit(*data)
    assert spearman_score(data[1], model.predict(data[0])) > 0.9


@pytest.mark.parametrize("loss", LOSSES)
def test_a_last_batch_of_one_row_is_finite(data, loss):
    model = make(loss=loss, batch_size=64).fit(*data)
    assert np.isfinite(model.loss_curve_).all()
    assert torch.isfinite(weights(model)).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_constant_columns_and_constant_scores_are_accepted(loss):
    model = make(loss=loss).fit(np.ones((40, 2)), np.full(40, 0.5))
    assert np.isfinite(model.predict(np.ones((2, 2)))).all()


def test_the_first_predictions_lie_around_the_weighted_mean_score(data):
    weight = np.arange(65) ** 2
    model = make(hidden_layer_sizes=(), learning_rate=1e-30).fit(*data, sample_weight=weight)
    start = model.predict(np.zeros((1, 3)))[0]
    assert start == pytest.approx(np.average(data[1], weights=weight), rel=1e-5)


def test_the_loss_curve_holds_the_mean_loss_of_each_epoch(data):
    model = make(batch_size=100, learning_rate=1e-30, max_epochs=2).fit(*data)
    mse = np.mean((model.predict(data[0]) - data[1]) ** 2)
    np.testing.assert_allclose(model.loss_curve_, [mse, mse], rtol=1e-5)
    assert model.n_iter_ == 2


def test_the_penalty_gets_its_parameters_and_the_weighted_mean_score(data):
    model = make(loss="penalized_mse", penalty_scale=3, penalty_power=1)
    weight = np.arange(65)
    criterion = model.fit(*data, sample_weight=weight).net_.criterion_
    assert (criterion.scale, criterion.power) == (3, 1)
    assert criterion.center == pytest.approx(np.average(data[1], weights=weight))


@pytest.mark.parametrize("loss", [*LOSSES, PenalizedMSELoss(scale=5, center=0)])
def test_rows_of_weight_zero_are_ignored(data, loss):
    X, y = data
    weight = (np.arange(65) < 40).astype(float)
    changed = np.where(weight == 1, y, 0.0)
    first, second = (
        make(loss=loss, batch_size=100).fit(X, target, sample_weight=weight)
        for target in (y, changed)
    )
    torch.testing.assert_close(weights(first), weights(second))
    assert not torch.equal(
        weights(make(loss=loss).fit(X, y)), weights(make(loss=loss).fit(X, y, weight))
    )


# Random state


@pytest.mark.parametrize("random_state", [0, np.random.RandomState(0)])
def test_a_seed_gives_identical_weights_and_leaves_torch_alone(data, random_state):
    before = torch.get_rng_state()
    first, second = (make(random_state=copy.deepcopy(random_state)).fit(*data) for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    assert torch.equal(before, torch.get_rng_state())


def test_without_a_seed_each_fit_differs(data):
    model = make(random_state=None)
    assert not torch.equal(weights(model.fit(*data)), weights(clone(model).fit(*data)))


# Continued training


def test_max_epochs_calls_of_partial_fit_equal_one_fit(data):
    model = make(loss="mse_to_spearman", lr_step=1)
    one_by_one = clone(model)
    for _ in range(3):
        one_by_one.partial_fit(*data)
    assert torch.equal(weights(model.fit(*data)), weights(one_by_one))
    assert model.loss_curve_ == one_by_one.loss_curve_


def test_a_pickled_model_continues_training_like_the_original(data):
    model = make(lr_step=1, loss="mse_to_spearman").partial_fit(*data)
    loaded = pickle.loads(pickle.dumps(model))
    for _ in range(2):
        model.partial_fit(*data)
        loaded.partial_fit(*data)
    assert torch.equal(weights(model), weights(loaded))


def test_warm_start_continues_from_the_fitted_weights(data):
    model = make(warm_start=True).fit(*data)
    before = weights(model)
    model.set_params(learning_rate=1e-30).fit(*data)
    assert torch.equal(weights(model), before)
    assert model.n_iter_ == len(model.loss_curve_) == 6


def test_a_second_fit_without_warm_start_starts_over(data):
    model = make().fit(*data)
    before = weights(model)
    model.fit(*data)
    assert torch.equal(weights(model), before)
    assert model.n_iter_ == 3


def test_warm_start_with_other_layers_is_an_error(data):
    model = make(warm_start=True).fit(*data).set_params(hidden_layer_sizes=(9,))
    with pytest.raises(ValueError, match="hidden_layer_sizes of the last fit"):
        model.fit(*data)


def test_partial_fit_keeps_the_output_activation_of_the_first_call(data):
    X, y = data
    model = make().partial_fit(X, y).set_params(output_activation="identity")
    with pytest.raises(ValueError, match=r"a sigmoid output only reaches \[0, 1\]"):
        model.partial_fit(X, 100 * y)


def test_a_warm_start_uses_the_current_output_activation(data):
    X, y = data
    model = make(warm_start=True, output_activation="identity").fit(X, 100 * y)
    with pytest.raises(ValueError, match=r"a sigmoid output only reaches \[0, 1\]"):
        model.set_params(output_activation="sigmoid").fit(X, 100 * y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_continued_training_needs_the_same_features(data, method):
    model = make(warm_start=True).fit(*data)
    with pytest.raises(ValueError, match="expecting 3 features"):
        getattr(model, method)(data[0][:, :2], data[1])


# Custom losses


def test_a_custom_loss_is_copied_before_training(data):
    loss = ShiftedMSE()
    model = make(loss=loss).fit(*data)
    assert loss.shift.item() == 0
    assert model.net_.criterion_.shift.item() != 0
    assert model.loss is loss


def test_the_copy_of_a_custom_penalty_gets_the_training_mean(data):
    loss = PenalizedMSELoss()
    model = make(loss=loss).fit(*data)
    assert loss.center is None
    assert model.net_.criterion_.center == pytest.approx(data[1].mean())


def test_weights_need_a_loss_that_accepts_them(data):
    with pytest.raises(ValueError, match=r"ShiftedMSE.* add sample_weight=None to its forward"):
        make(loss=ShiftedMSE()).fit(*data, sample_weight=np.ones(65))


# Bad input


@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.5), (0, 90)])
def test_scores_that_a_sigmoid_cannot_reach_are_an_error(data, low, high):
    y = np.linspace(low, high, 65)
    with pytest.raises(ValueError, match=f"from {low} to {high}.*rescale.*'identity'"):
        make().fit(data[0], y)
    make(output_activation="identity").fit(data[0], y)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((4, 2)), [0.1, 0.2, np.nan, 0.3], "Input y contains NaN"),
        (np.ones((4, 2)), list("abcd"), "could not convert string to float"),
        (np.ones((4, 2)), [0.1, 0.2, 0.3], "inconsistent numbers of samples"),
        (np.ones((4, 0)), [0.1] * 4, "0 feature"),
        (np.ones((4, 2)), np.ones((4, 2)), "y should be a 1d array"),
        (np.full((4, 2), 1e300), [0.1] * 4, "Input X contains infinity or a value too large"),
    ],
)
def test_bad_data_are_an_error(X, y, message):
    with pytest.raises(ValueError, match=message), np.errstate(over="ignore"):
        make().fit(X, y)


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [(np.zeros(65), "[Ww]eights? .*zero|all zero"), (np.full(65, -1.0), "[Nn]egative")],
)
def test_bad_weights_are_an_error(data, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        make().fit(*data, sample_weight=sample_weight)


@pytest.mark.parametrize("sizes", [(8, 0), (2.5,), ("8",)])
def test_bad_layer_sizes_are_an_error(data, sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be integers above 0"):
        make(hidden_layer_sizes=sizes).fit(*data)


def test_divergence_is_an_error_that_says_what_to_do(data):
    model = make(output_activation="identity", learning_rate=1e30)
    with pytest.raises(ValueError, match=r"diverged.*StandardScaler.*learning_rate"):
        model.fit(*data)
    with pytest.raises(NotFittedError):
        model.predict(data[0])


# Integration with scikit-learn


@pytest.mark.parametrize("loss", [*LOSSES, ShiftedMSE()])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_predict_the_same(data, loss, duplicate):
    model = make(loss=loss).fit(*data)
    np.testing.assert_array_equal(duplicate(model).predict(data[0]), model.predict(data[0]))


def test_a_grid_search_over_losses_runs_in_processes(data):
    grid = {"mlpregressor__loss": [*LOSSES, MSEToSpearmanLoss(0.1)]}
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make()), grid, scoring=spearman_scorer, cv=2, n_jobs=2
    )
    assert np.isfinite(search.fit(*data).cv_results_["mean_test_score"]).all()


def test_data_frames_give_names_and_read_only_arrays_are_accepted(data):
    model = make().fit(pd.DataFrame(data[0], columns=list("abc")), pd.Series(data[1]))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    X = data[0].astype(np.float32)
    X.flags.writeable = False
    make().fit(X, data[1]).predict(X)


def test_metadata_routing_can_be_enabled(data):
    with config_context(enable_metadata_routing=True):
        model = make().fit(*data, sample_weight=np.ones(65))
    np.testing.assert_allclose(
        model.predict(data[0]), make().fit(*data).predict(data[0]), atol=1e-4
    )


def test_verbose_prints_one_line_per_epoch(data, capsys):
    make().fit(*data)
    assert capsys.readouterr().out == ""
    make(verbose=1).fit(*data)
    assert len(capsys.readouterr().out.splitlines()) == 2 + 3


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("loss", LOSSES)
def test_a_model_trained_on_cuda_predicts_and_pickles_on_the_cpu(data, loss):
    model = make(loss=loss, device="cuda").fit(*data)
    state = pickle.dumps(model)
    assert b"cuda" not in state.replace(b"__cuda_dependent_attributes__", b"").replace(
        b"cuda_dependent_attributes_", b""
    )
    loaded = pickle.loads(state).set_params(device="cpu")
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))
    np.testing.assert_allclose(
        model.predict(data[0]), make(loss=loss, device="cpu").fit(*data).predict(data[0]), atol=1e-3
    )
    loaded.partial_fit(*data)
    model.partial_fit(*data)


@pytest.mark.slow  # five networks on thousands of rows
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("prepare", "least"), [(None, 0.42), (lambda X: np.log(X + 1e-3), 0.43)], ids=["raw", "log"]
)
def test_real_videos_are_ranked_by_their_object_scores(reference, prepare, least):
    with np.load(reference("videomem/coco80_short_term.npz")) as file:
        X, y = file["features"], file["scores"]
    steps = FunctionTransformer(prepare), StandardScaler(), MLPRegressor(random_state=0)
    cv = KFold(5, shuffle=True, random_state=0)
    rho = cross_val_score(make_pipeline(*steps), X, y, cv=cv, scoring=spearman_scorer)
    assert rho.mean() >= least
