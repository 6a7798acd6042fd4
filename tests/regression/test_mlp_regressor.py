import copy
import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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
    """A loss with its own parameter, and without sample_weight."""

    def __init__(self):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(()))

    def forward(self, prediction, target):
        return super().forward(prediction + self.shift, target)


# Predictions


def test_predictions_equal_those_of_the_network_in_float64(data):
    model = make(hidden_layer_sizes=(), activation="identity").fit(*data)
    weight, bias = (p[0].detach().double().numpy() for p in model.net_.module_.parameters())
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
    torch.nn.functional.mse_loss(expected(X)[0], y).backward()
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


@pytest.mark.parametrize("params", [{}, {"loss": ShiftedMSE()}, {"n_networks": 2, "dropout": 0.3}])
def test_a_pickled_model_continues_training_like_the_original(data, params):
    model = make(**{"lr_step": 1, "loss": "mse_to_spearman"} | params).partial_fit(*data)
    loaded = pickle.loads(pickle.dumps(model))
    for _ in range(2):
        model.partial_fit(*data)
        loaded.partial_fit(*data)
    assert torch.equal(weights(model), weights(loaded))


def test_partial_fit_continues_the_random_numbers_of_dropout(data):
    model = make(dropout=0.5)
    one_by_one = clone(model)
    for _ in range(3):
        one_by_one.partial_fit(*data)
    assert torch.equal(weights(model.fit(*data)), weights(one_by_one))


def test_training_a_copy_leaves_the_original_alone(data):
    model = make().partial_fit(*data)
    before, losses = model.predict(data[0]), model.loss_curve_[:]
    copy.copy(model).partial_fit(*data)
    np.testing.assert_array_equal(model.predict(data[0]), before)
    assert model.loss_curve_ == losses


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
    with pytest.raises(ValueError, match="hidden_layer_sizes, n_networks and number of scores"):
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
        (np.ones((4, 2)), np.ones((4, 2, 2)), "Found array with dim 3"),
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
    with pytest.raises(ValueError, match="hidden_layer_sizes must be integers of at least 1"):
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


def plain(value):
    """Return whether a value consists of plain Python types and arrays."""
    if isinstance(value, dict):
        return type(value) is dict and all(map(plain, [*value.keys(), *value.values()]))
    if isinstance(value, (list, tuple)):
        return type(value) in (list, tuple) and all(map(plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return type(value) in (int, float, bool, str, type(None))


@pytest.mark.parametrize("n_scores", [None, 2])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_state_is_plain(data, loss, n_scores):
    X, y = data
    y = y if n_scores is None else np.column_stack([y] * n_scores)
    model = make(**ENSEMBLE, loss=loss).fit(X, y)
    assert plain(model.__getstate__())
    assert b"torch" not in pickle.dumps(model)
    assert b"skorch" not in pickle.dumps(model)


def test_a_dumped_model_predicts_from_memory_maps(data, tmp_path):
    model = make().fit(*data)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))
    loaded.partial_fit(*data)
    assert torch.equal(weights(loaded), weights(model.partial_fit(*data)))


def test_the_net_has_the_log_of_its_epochs(data):
    loaded = pickle.loads(pickle.dumps(make().fit(*data)))
    assert loaded.net_.history[:, "epoch"] == [1, 2, 3]
    assert loaded.net_.history[:, "train_loss"] == loaded.loss_curve_
    assert not hasattr(make(), "net_")


FORKED = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import joblib
import numpy as np

from sklearn_m3s.regression import MLPRegressor

X = np.random.default_rng(0).normal(size=(1000, 200))
y = 1 / (1 + np.exp(-X[:, 0]))


def fit(seed):
    return MLPRegressor(max_epochs=1, batch_size=250, random_state=seed).fit(X, y).predict(X)


expected = fit(0)
for found in joblib.Parallel(2, backend="multiprocessing")([joblib.delayed(fit)(0)] * 2):
    np.testing.assert_allclose(found, expected, atol=1e-4)
with ProcessPoolExecutor(1, get_context("fork")) as pool:
    np.testing.assert_allclose(pool.submit(fit, 0).result(), expected, atol=1e-4)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
def test_a_process_that_is_forked_after_a_fit_can_fit():
    program = subprocess.Popen(
        [sys.executable, "-c", FORKED],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    try:
        assert program.wait(timeout=60) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


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


@pytest.mark.slow  # a network on thousands of rows
def test_real_videos_are_ranked_by_their_captions(reference):
    with np.load(reference("real/memento10k_captions.npz")) as file:
        X, y = file["captions"].astype(np.float32), file["scores"]
    train, test = next(KFold(5, shuffle=True, random_state=0).split(X))
    model = make_pipeline(StandardScaler(), MLPRegressor(random_state=0)).fit(X[train], y[train])
    assert spearman_score(y[test], model.predict(X[test])) == pytest.approx(0.58, abs=0.02)


# Ensembles and early stopping


ENSEMBLE = {"n_networks": 3, "dropout": 0.2, "input_dropout": 0.1, "early_stopping": True}


def test_an_ensemble_predicts_the_mean_and_spread_of_its_networks(data):
    model = make(n_networks=3).fit(*data)
    X = torch.tensor(data[0].astype(np.float32)).double()
    scores = copy.deepcopy(model.net_.module_).double().eval()(X).detach().numpy()
    mean, std = model.predict(data[0], return_std=True)
    np.testing.assert_allclose(mean, scores.mean(axis=0))
    np.testing.assert_allclose(std, scores.std(axis=0))
    assert std.min() > 0
    assert not make().fit(*data).predict(data[0], return_std=True)[1].any()


def test_networks_of_an_ensemble_train_as_if_alone(data):
    step = {"max_epochs": 1, "batch_size": 100, "weight_decay": 0.1}
    start = make(n_networks=2, **step, learning_rate=1e-30).fit(*data).net_.module_
    pair = make(n_networks=2, **step).fit(*data)
    X, y = (torch.tensor(column, dtype=torch.float32) for column in data)
    losses = []
    for k in range(2):
        alone = make(**step).fit(*data).net_.module_
        for mine, theirs in zip(alone.parameters(), start.parameters(), strict=True):
            mine.data = theirs.data[k : k + 1].clone()
        optimizer = torch.optim.Adam(alone.parameters(), lr=1e-3, weight_decay=0.1)
        loss = torch.nn.functional.mse_loss(alone(X)[0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        for mine, theirs in zip(alone.parameters(), pair.net_.module_.parameters(), strict=True):
            torch.testing.assert_close(mine[0], theirs[k])
    assert pair.loss_curve_ == pytest.approx([np.mean(losses)])


def test_the_loss_is_the_mean_of_the_networks_that_were_trained(data):
    model = make(n_networks=2).partial_fit(*data)
    before = model.loss_curve_[0]
    model.set_params(n_networks=8).partial_fit(*data)  # takes effect at the next fit
    assert before / 2 < model.loss_curve_[1] < before * 2


def test_early_stopping_keeps_the_weights_of_the_best_epoch(data):
    model = make(**ENSEMBLE, max_epochs=50, n_iter_no_change=4, learning_rate=1e-2).fit(*data)
    scores = model.validation_scores_
    assert len(scores) == len(model.loss_curve_) == model.n_iter_ < 50
    assert np.argmax(scores) == len(scores) - 5
    assert model.best_validation_score_ == max(scores)
    shorter = clone(model).set_params(max_epochs=int(np.argmax(scores)) + 1).fit(*data)
    assert torch.equal(weights(shorter), weights(model))


def test_the_validation_score_is_that_of_held_out_rows(data):
    X, y = data
    model = make(early_stopping=True, validation_fraction=0.4, max_epochs=2).fit(X, y)
    order = np.random.RandomState(0).permutation(65)
    held_out = order[:26]
    expected = spearman_score(y[held_out], model.predict(X[held_out]))
    assert model.best_validation_score_ == pytest.approx(expected, abs=1e-3)
    y = y.copy()
    y[held_out] = y[held_out[::-1]]  # the mean score stays
    changed = clone(model).set_params(max_epochs=1).fit(X, y)
    same = clone(model).set_params(max_epochs=1).fit(*data)
    first, second = (m.net_.module_[0].weight.detach() for m in (changed, same))
    assert torch.equal(first, second)  # its score was not learned


def test_without_early_stopping_there_are_no_validation_scores(data):
    model = make(n_networks=2).fit(*data)
    assert model.validation_scores_ is model.best_validation_score_ is None


def test_an_ensemble_is_reproducible_and_leaves_the_global_generator_alone(data):
    before = torch.get_rng_state()
    first, second = (make(**ENSEMBLE).fit(*data) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(weights(first), weights(second))
    assert np.array_equal(
        pickle.loads(pickle.dumps(first)).predict(data[0]), first.predict(data[0])
    )


@pytest.mark.parametrize("loss", [*LOSSES, ShiftedMSE()])
def test_every_loss_trains_an_ensemble_with_held_out_rows(data, loss):
    params = ENSEMBLE | {"dropout": 0, "input_dropout": 0, "learning_rate": 1e-2}
    model = make(**params, loss=loss, max_epochs=60, lr_gamma=1).fit(*data)
    assert spearman_score(data[1], model.predict(data[0])) > 0.7


def test_only_rows_with_a_weight_are_held_out(data):
    weight = np.r_[np.zeros(60), np.ones(5)]
    model = make(**ENSEMBLE, max_epochs=2).fit(*data, sample_weight=weight)
    assert np.isfinite(model.loss_curve_).all()


@pytest.mark.parametrize("n_rows", [1, 2])
def test_no_rows_to_learn_from_is_an_error(data, n_rows):
    model = make(early_stopping=True, validation_fraction=0.9)
    with pytest.raises(ValueError, match="leaves no row to train on"):
        model.fit(data[0][:n_rows], data[1][:n_rows])


def test_partial_fit_refuses_early_stopping(data):
    with pytest.raises(ValueError, match="does not support early_stopping"):
        make(early_stopping=True).partial_fit(*data)


@pytest.mark.parametrize(("n_rows", "expected"), [(20, 32), (800, 50), (10_000, 256)])
def test_an_automatic_batch_follows_the_rows(rng, n_rows, expected):
    X = rng.normal(size=(n_rows, 2))
    model = make(batch_size="auto", max_epochs=1).fit(X, expit(X[:, 0]))
    assert model.net_.batch_size == expected


# Several scores


@pytest.fixture
def both(data):
    """Return features and two scores, some of which are missing."""
    X, y = data
    scores = np.column_stack([y, expit(X[:, 2])])
    scores[::3, 1] = np.nan
    return X, scores


def trained_by_hand(start, X, y, loss, steps=1):
    """Train one network with two outputs by a plain loop, and return its predictions."""
    optimizer = torch.optim.Adam(start.parameters(), lr=1e-3, weight_decay=1e-5)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(start(X)[0], y).backward()
        optimizer.step()
    return start(X)[0].detach().numpy()


def masked_mse(prediction, target):
    known = ~target.isnan()
    errors = torch.where(known, prediction - target.nan_to_num(), 0.0).square()
    return (errors.sum(axis=0) / known.sum(axis=0)).mean()


def masked_penalty(prediction, target):
    center = target.nanmean(axis=0)
    penalty = 1 + 2 * (target.nan_to_num() - center).abs() ** 4
    return masked_mse(penalty.sqrt() * prediction, penalty.sqrt() * target)


@pytest.mark.parametrize(
    ("loss", "by_hand"), [("mse", masked_mse), ("penalized_mse", masked_penalty)]
)
def test_the_loss_is_the_mean_of_the_columns_without_missing_scores(both, loss, by_hand):
    model = make(loss=loss, batch_size=100, lr_step=9)
    start = copy.deepcopy(clone(model).set_params(learning_rate=1e-30).fit(*both).net_.module_)
    expected = trained_by_hand(start, *both, by_hand, steps=3)
    model.fit(*both)
    np.testing.assert_allclose(model.predict(both[0]), expected, atol=1e-6)


@pytest.mark.parametrize("loss", [*LOSSES, ShiftedMSE(), PenalizedMSELoss()])
@pytest.mark.parametrize(
    "params", [{}, {"n_networks": 3}, {"n_networks": 3, "early_stopping": True}]
)
def test_every_loss_learns_the_order_of_two_scores(both, loss, params):
    model = make(**params, loss=loss, max_epochs=80, learning_rate=1e-2, lr_gamma=1).fit(*both)
    scores, std = model.predict(both[0], return_std=True)
    assert scores.shape == std.shape == (65, 2)
    assert (spearman_score(both[1], scores, multioutput="raw_values") > 0.7).all()


def test_each_column_has_the_centre_of_its_scores(both):
    weight = np.arange(65)
    model = make(loss="penalized_mse").fit(*both, sample_weight=weight)
    known = ~np.isnan(both[1])
    expected = [
        np.average(y[k], weights=weight[k]) for y, k in zip(both[1].T, known.T, strict=True)
    ]
    centers = [loss.center for loss in model.net_.criterion_.losses]
    assert centers == pytest.approx(expected, rel=1e-5)
    start = make(hidden_layer_sizes=(), learning_rate=1e-30).fit(*both, sample_weight=weight)
    np.testing.assert_allclose(start.predict(np.zeros((1, 3)))[0], expected, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_column_is_trained_as_a_vector_is(data, loss):
    X, y = data
    column, vector = (make(**ENSEMBLE, loss=loss).fit(X, target) for target in (y[:, None], y))
    assert column.predict(X).shape == (65, 1)
    np.testing.assert_allclose(column.predict(X)[:, 0], vector.predict(X), rtol=1e-5)
    assert column.validation_scores_ == pytest.approx(vector.validation_scores_)


def test_rows_without_any_score_are_left_out(both):
    X, y = both
    y[10:20] = np.nan
    scored = np.r_[:10, 20:65]
    weight = np.linspace(1, 2, 65)
    expected = make(**ENSEMBLE).fit(X[scored], y[scored], weight[scored]).predict(X)
    np.testing.assert_array_equal(make(**ENSEMBLE).fit(X, y, weight).predict(X), expected)


def test_early_stopping_follows_the_mean_correlation_of_the_columns(both):
    X, y = both
    model = make(early_stopping=True, validation_fraction=0.4, max_epochs=1).fit(X, y)
    held_out = np.random.RandomState(0).permutation(65)[:26]
    expected = spearman_score(y[held_out], model.predict(X[held_out]))
    assert model.best_validation_score_ == pytest.approx(expected, abs=1e-3)


def test_two_scores_continue_after_unpickling_and_start_warm(both):
    model = make(loss="penalized_mse").partial_fit(*both)
    loaded = pickle.loads(pickle.dumps(model)).partial_fit(*both)
    assert torch.equal(weights(model.partial_fit(*both)), weights(loaded))
    loaded.set_params(warm_start=True, learning_rate=1e-30).fit(*both)
    assert torch.equal(weights(model), weights(loaded))


def test_another_number_of_scores_is_an_error(data, both):
    model = make(warm_start=True).fit(*data)
    with pytest.raises(ValueError, match="y has 2 columns, but had no columns in the first call"):
        model.partial_fit(*both)
    with pytest.raises(ValueError, match="number of scores of the last fit"):
        model.fit(*both)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_may_lack_all_values_of_a_score(both, loss):
    X, y = both
    y[:64, 1] = np.nan
    y[64, 1] = 0.5
    model = make(loss=loss, batch_size=8).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0.1, np.nan]] * 4, r"no score in the columns \[1\]"),
        (np.full((4, 2), np.nan), "Each of the 4 rows"),
        ([[0.1, np.inf]] * 4, "y contains infinity"),
        ([[0.1, 1.5], [0.1, np.nan], [0, 0], [0, 0]], "y ranges from 0 to 1.5"),
    ],
)
def test_bad_columns_are_an_error(y, message):
    with pytest.raises(ValueError, match=message):
        make().fit(np.ones((4, 2)), y)


def test_a_column_needs_a_score_of_positive_weight(both):
    X, y = both
    weight = np.isnan(y[:, 1])
    with pytest.raises(ValueError, match=r"no score in the columns \[1\].*positive weight"):
        make().fit(X, y, sample_weight=weight)


# Missing rows


@pytest.mark.parametrize("scores", ["data", "both"])
def test_rows_with_nan_are_left_out_and_predicted_as_nan(scores, request):
    X, y = request.getfixturevalue(scores)
    bad = [3, 40]
    kept = np.delete(np.arange(65), bad)
    weight = np.linspace(1, 2, 65)
    expected = make(**ENSEMBLE).fit(X[kept], y[kept], weight[kept])
    gaps = X.copy()
    gaps[3] = np.nan
    gaps[40, 1] = np.nan
    model = make(**ENSEMBLE).fit(gaps, y, weight)
    for found, right in zip(
        model.predict(gaps, return_std=True), expected.predict(X, return_std=True), strict=True
    ):
        assert np.isnan(found[bad]).all()
        np.testing.assert_array_equal(found[kept], right[kept])
    assert np.isnan(model.predict(gaps[bad])).all()


def test_rows_of_nan_alone_are_an_error(data):
    X, y = data
    with pytest.raises(ValueError, match="Each of the 65 rows has NaN in X or no score in y"):
        make().fit(np.full_like(X, np.nan), y)
    weight = np.zeros(65)
    weight[0] = 1
    gaps = X.copy()
    gaps[0] = np.nan
    with pytest.raises(ValueError, match="sample_weight is all zeros"):
        make().fit(gaps, y, sample_weight=weight)


def test_infinity_is_an_error(data):
    X, y = data
    model = make().fit(X, y)
    X[0, 0] = np.inf
    for method in (lambda: make().fit(X, y), lambda: model.predict(X)):
        with pytest.raises(ValueError, match="X contains infinity"):
            method()


def test_the_tags_say_what_is_accepted():
    tags = make().__sklearn_tags__()
    assert tags.input_tags.allow_nan
    assert tags.target_tags.multi_output
