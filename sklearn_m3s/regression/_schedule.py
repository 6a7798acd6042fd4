"""What moves from epoch to epoch: the mixture of the loss and the learning rate."""

from skorch.callbacks import Callback

from sklearn_m3s.regression._losses import MSEToSpearmanLoss


class LossSchedule(Callback):
    """Move `alpha` of every MSEToSpearmanLoss from 0 in the first epoch to 1 in the last.

    The attribute is written on the live criterion: setting it as a parameter of the net would
    make skorch build a new criterion and a new optimizer.
    """

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net, **kwargs):
        """Set alpha = e / (N - 1), and 0 where N = 1."""
        alpha = _epoch(net, self.n_epochs) / max(self.n_epochs - 1, 1)
        for module in net.criterion_.modules():
            if isinstance(module, MSEToSpearmanLoss):
                module.alpha = alpha


class LearningRateSchedule(Callback):
    """Multiply the learning rate by `gamma` every `step` epochs.

    It depends on nothing but the number of epochs, so that a pickled net trains on as it would
    have; a torch scheduler is bound to one optimizer object and does not follow it.
    """

    def __init__(self, n_epochs, step, gamma):
        self.n_epochs = n_epochs
        self.step = step
        self.gamma = gamma

    def on_epoch_begin(self, net, **kwargs):
        """Set the learning rate of this epoch."""
        lr = net.lr * self.gamma ** (_epoch(net, self.n_epochs) // self.step)
        for group in net.optimizer_.param_groups:
            group["lr"] = lr
        net.history.record("lr", lr)


def _epoch(net, n_epochs):
    """Return the number of the current epoch, from 0; past the last one it stays there."""
    return min(len(net.history), n_epochs) - 1
