"""skorch adapted to rows that are tensors in memory and may carry weights."""

import torch
from skorch import NeuralNetRegressor


class TensorBatches:
    """Iterate over the batches of a TensorDataset, in a new order each time.

    Each batch is ``(X, (y,))`` or ``(X, (y, sample_weight))``, sliced on the device that holds
    the tensors: far cheaper than a DataLoader, which stacks the rows one by one.
    """

    def __init__(self, dataset, batch_size, generator):
        self.tensors = dataset.tensors
        self.batch_size = batch_size
        self.generator = generator

    def __iter__(self):
        X, *rest = self.tensors
        order = torch.randperm(len(X), generator=self.generator).to(X.device)
        for rows in order.split(self.batch_size):
            yield X[rows], tuple(column[rows] for column in rest)


class WeightedNet(NeuralNetRegressor):
    """A NeuralNetRegressor that hands the weights of the rows to its criterion."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the criterion of (prediction, target[, sample_weight])."""
        target, *weight = y_true
        return self.criterion_(y_pred, target, **({"sample_weight": weight[0]} if weight else {}))


def move_net(net, device):
    """Move all that training left on a device: weights, criterion and optimizer state."""
    net.device = str(device)
    net.module_.to(device)
    net.criterion_.to(device)
    # Built again, since a moved parameter may be a new object; loading moves the state.
    state = net.optimizer_.state_dict()
    net.initialize_optimizer()
    net.optimizer_.load_state_dict(state)
