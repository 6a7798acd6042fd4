"""Training by skorch: batches, weights of the rows, devices and schedules."""

from collections.abc import Iterator
from typing import Any

import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback

from sklearn_m3s.regression._losses import MSEToSpearmanLoss


class TensorBatches:
    """Iterate over the batches of a TensorDataset, in a new order each time.

    Each batch is ``(X, (y,))`` or ``(X, (y, sample_weight))``, sliced on the device of the
    tensors. This is much cheaper than a DataLoader, which stacks the rows one by one.
    """

    def __init__(
        self, dataset: torch.utils.data.TensorDataset, batch_size: int, generator: torch.Generator
    ) -> None:
        self.tensors = dataset.tensors
        self.batch_size = batch_size
        self.generator = generator

    def __iter__(self) -> Iterator[tuple[torch.Tensor, tuple[torch.Tensor, ...]]]:
        X, *rest = self.tensors
        order = torch.randperm(len(X), generator=self.generator).to(X.device)
        for rows in order.split(self.batch_size):
            yield X[rows], tuple(column[rows] for column in rest)


class WeightedNet(NeuralNetRegressor):
    """A NeuralNetRegressor that passes the weights of the rows to its criterion."""

    def get_loss(
        self, y_pred: torch.Tensor, y_true: tuple[torch.Tensor, ...], **kwargs: Any
    ) -> torch.Tensor:
        """Return the loss of a batch. `y_true` holds the targets and, if given, the weights."""
        target, *weight = y_true
        return self.criterion_(y_pred, target, **({"sample_weight": weight[0]} if weight else {}))


def move_net(net: NeuralNetRegressor, device: str | torch.device) -> None:
    """Move the network, the criterion and the state of the optimizer to a device."""
    net.device = str(device)
    net.module_.to(device)
    net.criterion_.to(device)
    # Moving may create new parameter objects, which the old optimizer does not know. So build a
    # new one on them, and load the old state: loading moves it to the device of the parameters.
    state = net.optimizer_.state_dict()
    net.initialize_optimizer()
    net.optimizer_.load_state_dict(state)


class LossSchedule(Callback):
    """Raise `alpha` of every MSEToSpearmanLoss from 0 in the first epoch to 1 in the last."""

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net: NeuralNetRegressor, **kwargs: Any) -> None:
        """Set alpha = e / (N - 1), or 0 if N = 1."""
        alpha = _epoch(net, self.n_epochs) / max(self.n_epochs - 1, 1)
        # Set on the live criterion: net.set_params(criterion__alpha=...) would make skorch build
        # a new criterion and a new optimizer.
        for module in net.criterion_.modules():
            if isinstance(module, MSEToSpearmanLoss):
                module.alpha = alpha


class LearningRateSchedule(Callback):
    """Multiply the learning rate by `gamma` every `step` epochs.

    The rate is a function of the number of epochs alone, so that training can go on after
    unpickling. A torch scheduler is bound to one optimizer object, which `move_net` replaces.
    """

    def __init__(self, n_epochs: int, step: int, gamma: float) -> None:
        self.n_epochs = n_epochs
        self.step = step
        self.gamma = gamma

    def on_epoch_begin(self, net: NeuralNetRegressor, **kwargs: Any) -> None:
        """Set the learning rate of this epoch, and record it in the history."""
        lr = net.lr * self.gamma ** (_epoch(net, self.n_epochs) // self.step)
        for group in net.optimizer_.param_groups:
            group["lr"] = lr
        net.history.record("lr", lr)


def _epoch(net: NeuralNetRegressor, n_epochs: int) -> int:
    """Return the number of the current epoch, from 0 to at most `n_epochs` - 1."""
    # skorch appends a row to the history before it calls on_epoch_begin.
    return min(len(net.history), n_epochs) - 1
