import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from sklearn_m3s.regression import MLPRegressor, MSEToSpearmanLoss
from sklearn_m3s.regression._training import EarlyStopping, Rows, TensorBatches, move_net

X = np.linspace(0, 1, 20).reshape(10, 2)
Y = X[:, 0]


def batches(n, batch_size, seed=0):
    x = torch.arange(n)
    generator = torch.Generator().manual_seed(seed)
    return TensorBatches(Rows(x, 10 * x, 100 * x), batch_size, generator)


def test_an_epoch_has_every_row_once_and_a_smaller_last_batch():
    epoch = [x.tolist() for x, _ in batches(7, 3)]
    assert [len(x) for x in epoch] == [3, 3, 1]
    assert sorted(row for x in epoch for row in x) == list(range(7))


def test_a_batch_keeps_the_columns_of_each_row_together():
    for x, (y, weight, _) in batches(7, 3):
        assert torch.equal(y, 10 * x)
        assert torch.equal(weight, 100 * x)


def test_the_order_changes_every_epoch_and_depends_on_the_generator():
    first, second = batches(50, 50), batches(50, 50)
    orders = [next(iter(first))[0] for _ in range(2)]
    assert not torch.equal(*orders)
    assert all(torch.equal(next(iter(second))[0], order) for order in orders)


def test_moving_a_net_moves_its_criterion_and_optimizer_state():
    class Loss(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, prediction, target):
            return self.scale * (prediction - target).square().mean()

    net = MLPRegressor((2,), loss=Loss(), max_epochs=1).fit(np.eye(3), [0, 0.5, 1]).net_
    move_net(net, torch.device("meta"))
    moved = [*net.module_.parameters(), *net.criterion_.parameters()]
    moments = [state["exp_avg"] for state in net.optimizer_.state_dict()["state"].values()]
    assert net.device == "meta"
    assert len(moments) == len(moved) == 5
    assert {tensor.device.type for tensor in moved + moments} == {"meta"}


class Recorder(MSEToSpearmanLoss):
    """Records alpha at each batch, in a list that copies share."""

    seen: list = []

    def forward(self, prediction, target, *, sample_weight=None):
        self.seen.append(self.alpha)
        return super().forward(prediction, target, sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("n_epochs", "expected"), [(1, [0]), (2, [0, 1]), (5, [0, 0.25, 0.5, 0.75, 1])]
)
def test_alpha_goes_from_0_to_1(n_epochs, expected):
    Recorder.seen.clear()
    MLPRegressor((2,), loss=Recorder(), max_epochs=n_epochs, device="cpu").fit(X, Y)
    assert Recorder.seen == expected


def test_alpha_of_a_nested_loss_is_scheduled():
    class Wrapper(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = MSEToSpearmanLoss()

        def forward(self, prediction, target):
            return self.inner(prediction, target)

    model = MLPRegressor((2,), loss=Wrapper(), max_epochs=2, device="cpu").fit(X, Y)
    assert model.net_.criterion_.inner.alpha == 1


def test_the_learning_rate_equals_that_of_torch_steplr():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    expected = []
    for _ in range(8):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    model = MLPRegressor((2,), learning_rate=0.01, lr_step=3, lr_gamma=0.5, max_epochs=8)
    model.fit(X, Y)
    np.testing.assert_allclose(model.net_.history[:, "lr"], expected)


def test_schedules_keep_their_last_value_after_max_epochs():
    model = MLPRegressor((2,), loss="mse_to_spearman", lr_step=1, lr_gamma=0.5, max_epochs=2)
    model.fit(X, Y).partial_fit(X, Y)
    assert model.net_.criterion_.alpha == 1
    np.testing.assert_allclose(model.net_.history[:, "lr"], [1e-3, 5e-4, 5e-4])


class Fixed(torch.nn.Module):
    """Two networks. Their scores of a row are its first two features."""

    def __init__(self):
        super().__init__()
        self.epoch = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return torch.stack([x[k, :, k] for k in range(2)])


def held_out_score(predictions, y, held_out):
    rows = Rows(torch.tensor(predictions).T, torch.tensor(y), held_out=torch.tensor(held_out))
    stopping = EarlyStopping(rows, patience=1)
    stopping.is_over(Fixed())
    return stopping.scores[0]


def test_held_out_rows_are_scored_by_the_networks_that_hold_them_out():
    # Row 0 by the first network, row 1 by both, row 2 by the second, row 3 by none.
    predictions = [[0.1, 0.3, 9.0, 9.0], [9.0, 0.5, 0.2, 9.0]]
    expected = spearmanr([0.1, 0.4, 0.2], [0.0, 0.5, 1.0]).statistic
    found = held_out_score(predictions, [0.0, 0.5, 1.0, 0.2], [[0, 1], [1, 2]])
    assert found == pytest.approx(expected)


def test_constant_predictions_score_minus_1():
    predictions = [[0.1] * 3, [0.1] * 3]
    assert held_out_score(predictions, [0.0, 0.5, 1.0], [[0, 1], [1, 2]]) == -1


def test_rows_held_out_by_a_network_are_not_learned_by_it():
    rows = Rows(torch.zeros(4, 2), torch.zeros(4), held_out=torch.tensor([[0, 3], [1, 2]]))
    assert rows.learned.tolist() == [[False, True, True, False], [True, False, False, True]]
