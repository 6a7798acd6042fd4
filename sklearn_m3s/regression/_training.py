"""Training by skorch: batches, networks side by side, held-out rows, devices and schedules."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from torch import Tensor

from sklearn_m3s.regression._losses import MSEToSpearmanLoss

_HELD_OUT_AT_ONCE = 512  # rows for each network


class Rows(torch.utils.data.Dataset):
    """Training rows: features, scores and, if given, weights.

    Parameters
    ----------
    X : Tensor of shape (n, n_features)
    y : Tensor of shape (n,)
    sample_weight : Tensor of shape (n,) or None
    held_out : Tensor of shape (n_networks, n_held_out), int64, or None
        The rows that each network does not learn from.
    """

    def __init__(
        self,
        X: Tensor,
        y: Tensor,
        sample_weight: Tensor | None = None,
        *,
        held_out: Tensor | None = None,
    ) -> None:
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.held_out: Any = held_out
        self.learned = None
        if held_out is not None:
            shape = len(held_out), len(X)
            self.learned = torch.ones(shape, dtype=torch.bool, device=X.device)
            self.learned.scatter_(1, held_out, False)

    def __len__(self) -> int:
        return len(self.X)


class TensorBatches:
    """Iterate over batches of `Rows`, in a new order each time.

    Each batch is ``(X, (y, sample_weight, learned))``, sliced on the device of the tensors. This is
    much cheaper than a DataLoader, which stacks the rows one by one. `learned`, of shape
    (n_networks, n), says which networks learn from which rows. What is not given is None.
    """

    def __init__(self, dataset: Rows, batch_size: int, generator: torch.Generator) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __iter__(self) -> Iterator[tuple[Tensor, tuple[Tensor | None, ...]]]:
        data = self.dataset
        order = torch.randperm(len(data), generator=self.generator).to(data.X.device)
        for rows in order.split(self.batch_size):
            weight = None if data.sample_weight is None else data.sample_weight[rows]
            learned = None if data.learned is None else data.learned[:, rows]
            yield data.X[rows], (data.y[rows], weight, learned)


class EnsembleNet(NeuralNetRegressor):
    """A NeuralNetRegressor of networks side by side, each with a loss of its own."""

    def get_loss(self, y_pred: Tensor, y_true: tuple[Tensor | None, ...], **kwargs: Any) -> Tensor:
        """Return the sum of the losses, so that each network trains as if it were alone."""
        target, weight, learned = y_true
        losses = []
        for k, prediction in enumerate(y_pred):
            columns = [prediction, target] if weight is None else [prediction, target, weight]
            if learned is not None:
                columns = [column[learned[k]] for column in columns]
            if len(columns[0]):
                named = {"sample_weight": columns[2]} if weight is not None else {}
                losses.append(self.criterion_(*columns[:2], **named))
        return torch.stack(losses).sum() if losses else 0 * y_pred.sum()


class EarlyStopping:
    """Keep the weights of the epoch with the best rank correlation on held-out rows.

    The prediction of a row is the mean over the networks that hold it out.

    Parameters
    ----------
    rows : Rows
        With `held_out`.
    patience : int
        Epochs without a better one after which training is over.
    """

    def __init__(self, rows: Rows, patience: int) -> None:
        self.rows = rows
        self.patience = patience
        self.scores: list[float] = []
        self._best: dict[str, Tensor] = {}

    def is_over(self, module: torch.nn.Module) -> bool:
        """Score an epoch, and return whether training should end."""
        score = self._score(module)
        if score > max(self.scores, default=-np.inf):
            self._best = deepcopy(module.state_dict())
        self.scores.append(score)
        return len(self.scores) - 1 - int(np.argmax(self.scores)) >= self.patience

    def restore(self, module: torch.nn.Module) -> None:
        """Load the weights of the best epoch."""
        module.load_state_dict(self._best)

    def _score(self, module: torch.nn.Module) -> float:
        X, y, held_out = self.rows.X, self.rows.y, self.rows.held_out
        module.eval()
        with torch.inference_mode():
            parts = [module(X[rows]) for rows in held_out.split(_HELD_OUT_AT_ONCE, dim=1)]
        predicted, rows = torch.cat(parts, dim=1).flatten(), held_out.flatten()
        counts = torch.bincount(rows, minlength=len(y))
        total = torch.zeros_like(y).index_add_(0, rows, predicted)
        seen = counts > 0
        truth, mean = y[seen].cpu().numpy(), (total[seen] / counts[seen]).cpu().numpy()
        if not np.isfinite(mean).all() or np.ptp(mean) == 0 or np.ptp(truth) == 0:
            return -1.0
        return float(spearmanr(truth, mean).statistic)


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
