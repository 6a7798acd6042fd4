import numpy as np
import pytest
import torch

from sklearn_m3s.regression import MLPRegressor, MSEToSpearmanLoss

X = np.linspace(0, 1, 20).reshape(10, 2)
Y = X[:, 0]


class Recorder(MSEToSpearmanLoss):
    """Notes alpha at each batch, in a list that copies share."""

    seen: list = []

    def forward(self, prediction, target, sample_weight=None):
        self.seen.append(self.alpha)
        return super().forward(prediction, target, sample_weight)


@pytest.mark.parametrize(
    ("n_epochs", "expected"), [(1, [0]), (2, [0, 1]), (5, [0, 0.25, 0.5, 0.75, 1])]
)
def test_alpha_goes_from_0_to_1(n_epochs, expected):
    Recorder.seen.clear()
    MLPRegressor((2,), loss=Recorder(), max_epochs=n_epochs, device="cpu").fit(X, Y)
    assert Recorder.seen == expected


def test_alpha_of_a_loss_within_a_loss_moves_too():
    class Wrapper(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = MSEToSpearmanLoss()

        def forward(self, prediction, target):
            return self.inner(prediction, target)

    model = MLPRegressor((2,), loss=Wrapper(), max_epochs=2, device="cpu").fit(X, Y)
    assert model.net_.criterion_.inner.alpha == 1


def test_the_learning_rate_is_that_of_torch_steplr():
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


def test_after_the_last_epoch_schedules_stay_where_they_are():
    model = MLPRegressor((2,), loss="mse_to_spearman", lr_step=1, lr_gamma=0.5, max_epochs=2)
    model.fit(X, Y).partial_fit(X, Y)
    assert model.net_.criterion_.alpha == 1
    np.testing.assert_allclose(model.net_.history[:, "lr"], [1e-3, 5e-4, 5e-4])
