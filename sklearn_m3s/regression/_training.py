"""Training by skorch: batches, networks side by side, held-out rows, devices and schedules."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.history import History
from torch import Tensor

from sklearn_m3s.regression._losses import MSEToSpearmanLoss
from sklearn_m3s.regression._network import Dropout

_HELD_OUT_AT_ONCE = 512  # rows for each network


class Rows(torch.utils.data.Dataset):
    """Training rows: features, scores and, if given, weights.

    Parameters
    ----------
    X : Tensor of shape (n, n_features)
        Features.
    y : Tensor of shape (n,) or (n, n_scores)
        Scores.
    sample_weight : Tensor of shape (n,) or None
        Weights.
    held_out : Tensor of shape (n_networks, n_held_out), int64, or None
        Indices of the rows that are held out for each network.
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

    Each batch is ``(X, (y, sample_weight, learned))``, sliced on the device of the tensors. A
    DataLoader would stack the rows one by one. `learned`, of shape
    (n_networks, n), is True where a network learns from a row. Missing parts are None.
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
    """A NeuralNetRegressor of networks side by side, each with its own loss."""

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

    The prediction of a row is the mean over the networks that hold it out. With several scores, the
    mean of their correlations counts.

    Parameters
    ----------
    rows : Rows
        Training rows, with `held_out`.
    patience : int
        Number of epochs without a better correlation after which training ends.
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
        # Row k of `held_out` has the rows that network k holds out. Predict them in portions, then
        # average for each row over the networks that hold it out.
        with torch.inference_mode():
            parts = [module(X[rows]) for rows in held_out.split(_HELD_OUT_AT_ONCE, dim=1)]
        predicted, rows = torch.cat(parts, dim=1).flatten(0, 1), held_out.flatten()
        counts = torch.bincount(rows, minlength=len(y))
        total = torch.zeros_like(y).index_add_(0, rows, predicted)
        seen = counts > 0
        mean = total[seen] / counts[seen].reshape(-1, *[1] * (y.dim() - 1))
        columns = zip(_columns(y[seen]), _columns(mean), strict=True)
        return float(np.mean([_rank_correlation(*column) for column in columns]))


def _columns(scores: Tensor) -> np.ndarray:
    return scores.cpu().numpy().reshape(len(scores), -1).T


def _rank_correlation(truth: np.ndarray, mean: np.ndarray) -> float:
    """Return Spearman's correlation of the known scores, or -1 if it is undefined."""
    known = ~np.isnan(truth)
    truth, mean = truth[known], mean[known]
    if not len(truth) or not np.isfinite(mean).all() or np.ptp(mean) == 0 or np.ptp(truth) == 0:
        return -1.0
    return float(spearmanr(truth, mean).statistic)


def get_state(net: NeuralNetRegressor) -> dict[str, Any]:
    """Return the weights, optimizer and generator states of a net, as arrays and plain values."""
    moments = net.optimizer_.state_dict()["state"]
    return {
        "weights": to_arrays(net.module_.state_dict()),
        "loss_weights": to_arrays(net.criterion_.state_dict()),
        "moments": {index: to_arrays(tensors) for index, tensors in moments.items()},
        "order": net.iterator_train__generator.get_state().numpy(),
        "dropouts": [layer.save() for layer in _dropouts(net)],
        "history": [_plain(epoch) for epoch in net.history],
    }


def set_state(net: NeuralNetRegressor, state: dict[str, Any]) -> None:
    """Set an untrained net on the CPU to the state of a trained one."""
    net.module_.load_state_dict(to_tensors(state["weights"]))
    net.criterion_.load_state_dict(to_tensors(state["loss_weights"]))
    _load_moments(net, {index: to_tensors(arrays) for index, arrays in state["moments"].items()})
    net.iterator_train__generator.set_state(torch.tensor(state["order"]))
    for layer, saved in zip(_dropouts(net), state["dropouts"], strict=True):
        layer.saved = saved
    net.history_ = History(state["history"])
    # The mixture of the losses is not part of the history: set it for the last epoch.
    for _, callback in net.callbacks_:
        if isinstance(callback, LossSchedule):
            callback.on_epoch_begin(net)


def to_arrays(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Return CPU tensors as arrays that share their memory."""
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def to_tensors(
    arrays: dict[str, np.ndarray], dtype: torch.dtype | None = None
) -> dict[str, Tensor]:
    """Return copies of arrays as tensors."""
    return {name: torch.tensor(array, dtype=dtype) for name, array in arrays.items()}


def _plain(epoch: dict[str, Any]) -> dict[str, Any]:
    """Return the log of an epoch without its batches and NumPy scalars."""
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in epoch.items()
        if name != "batches"
    }


def _load_moments(net: NeuralNetRegressor, moments: dict[int, dict[str, Tensor]]) -> None:
    net.optimizer_.load_state_dict(net.optimizer_.state_dict() | {"state": moments})


def _dropouts(net: NeuralNetRegressor) -> list[Dropout]:
    return [layer for layer in net.module_ if isinstance(layer, Dropout)]


def move_net(net: NeuralNetRegressor, device: str | torch.device) -> None:
    """Move the network, the criterion and the state of the optimizer to a device."""
    net.device = str(device)
    # torch has a fused Adam for these devices.
    net.optimizer__fused = net.device.startswith(("cpu", "cuda")) or None
    net.module_.to(device)
    net.criterion_.to(device)
    # Moving may create new parameter objects, which the old optimizer does not know. So build a
    # new one on them, and load the old moments: loading moves them to the device of the parameters.
    moments = net.optimizer_.state_dict()["state"]
    net.initialize_optimizer()
    _load_moments(net, moments)


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

    The rate only depends on the number of epochs, so that training can continue after unpickling. A
    torch scheduler is bound to one optimizer object, which `move_net` replaces.
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
