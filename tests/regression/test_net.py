import numpy as np
import torch
from torch.utils.data import TensorDataset

from sklearn_m3s.regression import MLPRegressor
from sklearn_m3s.regression._net import TensorBatches, move_net


def batches(n, batch_size, seed=0):
    x = torch.arange(n)
    generator = torch.Generator().manual_seed(seed)
    return TensorBatches(TensorDataset(x, 10 * x, 100 * x), batch_size, generator)


def test_an_epoch_holds_every_row_once_and_the_last_batch_what_is_left():
    epoch = [x.tolist() for x, _ in batches(7, 3)]
    assert [len(x) for x in epoch] == [3, 3, 1]
    assert sorted(row for x in epoch for row in x) == list(range(7))


def test_the_columns_of_a_row_stay_together():
    for x, (y, weight) in batches(7, 3):
        assert torch.equal(y, 10 * x)
        assert torch.equal(weight, 100 * x)


def test_the_order_changes_from_epoch_to_epoch_and_follows_the_generator():
    first, second = batches(50, 50), batches(50, 50)
    orders = [next(iter(first))[0] for _ in range(2)]
    assert not torch.equal(*orders)
    assert all(torch.equal(next(iter(second))[0], order) for order in orders)


def test_a_net_moves_with_its_criterion_and_the_state_of_its_optimizer():
    class Loss(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, prediction, target):
            return self.scale * (prediction - target).square().mean()

    net = MLPRegressor((2,), loss=Loss(), max_epochs=1).fit(np.eye(3), [0, 0.5, 1]).net_
    net.optimizer__fused = None  # torch has no fused Adam for this device
    move_net(net, torch.device("meta"))
    moved = [*net.module_.parameters(), *net.criterion_.parameters()]
    moments = [state["exp_avg"] for state in net.optimizer_.state_dict()["state"].values()]
    assert net.device == "meta"
    assert len(moments) == len(moved) == 5
    assert {tensor.device.type for tensor in moved + moments} == {"meta"}
