"""Losses of the paper. Each is a mean over a batch, with optional weights of the videos."""

from collections.abc import Sequence

import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from sklearn_m3s.regression._soft_rank import soft_rank


class _Loss(nn.Module):
    """Base of the losses. A subclass computes its loss from vectors in ``_loss``."""

    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        sample_weight: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        prediction, target : torch.Tensor of shape (n,) or (n, 1)
            Predicted and true scores.
        sample_weight : torch.Tensor of shape (n,), default=None
            Weights ≥ 0 of the rows.

        Returns
        -------
        loss : torch.Tensor of shape ()
            At least 0.
        """
        weight = None if sample_weight is None else sample_weight.flatten()
        return self._loss(prediction.flatten(), target.flatten(), weight)

    def _loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        raise NotImplementedError


class WeightedMSELoss(_Loss):
    """Mean squared error (m - m̂)² that accepts weights of the rows."""

    def _loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        return _weighted_mean((target - prediction).square(), weight)


class PenalizedMSELoss(_Loss):
    """Squared error with a weight that grows with the distance of the target from the centre.

    The loss is the mean over the batch of ``[1 + scale * |m - center|^power] * (m - m̂)²``, where m
    is the target and m̂ is the prediction. This is the loss L1 of the paper (section 6). It gives
    more weight to the tails of the distribution of the scores, where the hardest videos are.

    Parameters
    ----------
    scale : float, default=2
        Factor α ≥ 0 of the penalty. 0 gives the mean squared error.
    power : float, default=4
        Exponent k > 0 of the distance to the centre.
    center : float, default=None
        Mean score m̄. If None, ``MLPRegressor`` sets it to the mean of the training scores.
        Outside ``MLPRegressor``, None means the mean target of each batch.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 6.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.regression import PenalizedMSELoss
    >>> loss = PenalizedMSELoss(scale=2, power=1, center=0.5)
    >>> loss(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 1.0]))
    tensor(0.2500)
    """

    def __init__(self, scale: float = 2, *, power: float = 4, center: float | None = None) -> None:
        super().__init__()
        self.scale = scale
        self.power = power
        self.center = center

    def _loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        center: Tensor | float | None = self.center
        if center is None:
            center = _weighted_mean(target, weight)
        penalty = 1 + self.scale * (target - center).abs() ** self.power
        return _weighted_mean(penalty * (target - prediction).square(), weight)


class SpearmanLoss(_Loss):
    """One minus a differentiable rank correlation of predictions and targets.

    The correlation is Pearson's, between the soft ranks of the predictions and the hard ranks of
    the targets (ties share their mean rank). The loss approaches SciPy's ``1 - spearmanr`` as the
    strength approaches 0. Weights of the rows enter the correlation, not the ranks. Rows of
    weight 0 are left out.

    The loss is in [0, 2]. Only the predictions receive a gradient. A batch with a single row or
    equal targets has loss 0. A batch with equal predictions has loss 1. Both have a gradient of 0.

    Parameters
    ----------
    regularization_strength : float, default=1.0
        Strength of :func:`soft_rank`, in the units of the predictions. At 1.0, the soft ranks of
        scores in [0, 1] are an affine function of the scores. Lower it for sharper ranks.

    References
    ----------
    M. Blondel, O. Teboul, Q. Berthet, J. Djolonga, "Fast Differentiable Sorting and Ranking",
    ICML 2020, section 6.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.regression import SpearmanLoss
    >>> loss = SpearmanLoss(regularization_strength=0.1)
    >>> loss(torch.tensor([0.1, 0.4, 0.7]), torch.tensor([1.0, 3.0, 2.0]))
    tensor(0.5000)
    """

    def __init__(self, regularization_strength: float = 1.0) -> None:
        super().__init__()
        self.regularization_strength = regularization_strength

    def _loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        if weight is not None:  # rows of weight 0 must not shift the ranks of the others
            kept = weight > 0
            prediction, target, weight = prediction[kept], target[kept], weight[kept]
        ranks = soft_rank(prediction, regularization_strength=self.regularization_strength)
        target_ranks = torch.from_numpy(rankdata(target.detach().cpu().numpy())).to(ranks)
        x = ranks - _weighted_mean(ranks, weight)
        y = target_ranks - _weighted_mean(target_ranks, weight)
        x_scale = _weighted_mean(x.square(), weight).sqrt()
        y_scale = _weighted_mean(y.square(), weight).sqrt()
        # The division would amplify a spread that is only rounding error.
        rounding = len(x) * torch.finfo(x.dtype).eps
        if y_scale <= rounding:
            return 0 * ranks.sum()  # a gradient of 0, and not none
        if x_scale <= rounding:
            return 1 + 0 * ranks.sum()
        return 1 - _weighted_mean(x * y, weight) / (x_scale * y_scale)


class MSEToSpearmanLoss(_Loss):
    """Mixture of mean squared error and rank loss that shifts to the rank loss during training.

    The loss is ``(1 - alpha) * MSE + alpha * spearman_scale * SpearmanLoss``. This is the loss L2
    of the paper (section 6). In epoch e of N, counted from 0, ``MLPRegressor`` sets
    alpha = e / (N - 1), or 0 if there is only one epoch.

    Parameters
    ----------
    spearman_scale : float, default=0.01
        Factor of the rank loss. The default brings it to the magnitude of the squared error of
        scores in [0, 1].

    Attributes
    ----------
    alpha : float
        Share of the rank loss, in [0, 1]. Initially 0.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 6.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.regression import MSEToSpearmanLoss
    >>> loss = MSEToSpearmanLoss()
    >>> loss(torch.tensor([0.5, 0.7]), torch.tensor([0.6, 0.4]))
    tensor(0.0500)
    >>> loss.alpha = 1.0
    >>> loss(torch.tensor([0.5, 0.7]), torch.tensor([0.6, 0.4]))
    tensor(0.0200)
    """

    def __init__(self, spearman_scale: float = 0.01) -> None:
        super().__init__()
        self.spearman_scale = spearman_scale
        self.alpha = 0.0
        self.mse = WeightedMSELoss()
        self.spearman = SpearmanLoss()

    def _loss(self, prediction: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        mse = self.mse(prediction, target, sample_weight=weight)
        if self.alpha == 0:
            return mse
        spearman = self.spearman(prediction, target, sample_weight=weight)
        return (1 - self.alpha) * mse + self.alpha * self.spearman_scale * spearman


class ColumnLoss(nn.Module):
    """Mean of the losses of the columns. Each loss uses the rows that have its score.

    Parameters
    ----------
    losses : sequence of nn.Module
        One loss per column.
    """

    def __init__(self, losses: Sequence[nn.Module]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def forward(self, prediction: Tensor, target: Tensor, **weights: Tensor) -> Tensor:
        """Return the loss of a batch of shape (n, n_columns). Missing scores are NaN."""
        total = 0 * prediction.sum()
        for column, loss in enumerate(self.losses):
            known = ~target[:, column].isnan()
            if known.any():
                inside = {name: weight[known] for name, weight in weights.items()}
                total = total + loss(prediction[known, column], target[known, column], **inside)
        return total / len(self.losses)


def _weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return sum(w v) / sum(w), or 0 if every weight is 0."""
    if weight is None:
        return values.mean()
    weight = weight.to(values)
    return (weight * values).sum() / weight.sum().clamp_min(torch.finfo(values.dtype).tiny)
