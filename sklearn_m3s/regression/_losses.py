"""The three losses of the paper, each a mean over a batch, with optional weights of the rows."""

import torch
from scipy.stats import rankdata
from torch import nn

from sklearn_m3s.regression._soft_rank import soft_rank


class WeightedMSELoss(nn.Module):
    """Mean squared error that takes weights of the rows."""

    def forward(self, prediction, target, sample_weight=None):
        """Return the mean of (m - m̂)²."""
        prediction, target = prediction.flatten(), target.flatten()
        return _weighted_mean((target - prediction).square(), sample_weight)


class PenalizedMSELoss(nn.Module):
    """Squared error that weighs more the further the target is from the centre.

    The mean over the batch of ``[1 + scale * |m - center|^power] * (m - m̂)²``, the loss L1 of
    the paper (section 6), m the target and m̂ the prediction. The hardest videos are in the tails
    of the distribution of the scores.

    Parameters
    ----------
    scale : float, default=2
        Factor α ≥ 0 of the penalty; 0 is the mean squared error.
    power : float, default=4
        Exponent k > 0 of the distance to the centre.
    center : float, default=None
        The mean score m̄. None stands for the mean of the training scores, which
        :class:`MLPRegressor` sets before it trains; where nobody sets it, for the mean of the
        targets of each batch.

    References
    ----------
    T. Dumont, J. Hevia, C. Fosco, "Modular Memorability: Tiered Representations for Video
    Memorability Prediction", CVPR 2023, section 6.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.regression import PenalizedMSELoss
    >>> loss = PenalizedMSELoss(scale=2, power=1, center=0.5)
    >>> loss(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 1.0]))
    tensor(0.2500)
    """

    def __init__(self, scale=2, power=4, center=None):
        super().__init__()
        self.scale = scale
        self.power = power
        self.center = center

    def forward(self, prediction, target, sample_weight=None):
        """Return the mean penalised squared error.

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
        prediction, target = prediction.flatten(), target.flatten()
        center = self.center
        if center is None:
            center = _weighted_mean(target, sample_weight)
        penalty = 1 + self.scale * (target - center).abs() ** self.power
        return _weighted_mean(penalty * (target - prediction).square(), sample_weight)


class SpearmanLoss(nn.Module):
    """One minus the rank correlation of predictions and targets, differentiable.

    Pearson's correlation of the soft ranks of the predictions with the hard ranks of the targets
    (ties share their mean rank): it tends to SciPy's ``1 - spearmanr`` as the strength tends to 0.
    Weights of the rows enter the correlation, not the ranks; rows of weight 0 are left out.

    A batch with nothing to rank (a single row, equal targets) has loss 0, one whose predictions
    are all equal has loss 1, both with a gradient of 0.

    Parameters
    ----------
    regularization_strength : float, default=1.0
        Strength of :func:`soft_rank`, in the units of the predictions. At 1.0, scores in [0, 1]
        have soft ranks that are an affine function of them; lower it for sharper ranks.

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

    def __init__(self, regularization_strength=1.0):
        super().__init__()
        self.regularization_strength = regularization_strength

    def forward(self, prediction, target, sample_weight=None):
        """Return one minus the correlation of the ranks.

        Parameters
        ----------
        prediction, target : torch.Tensor of shape (n,) or (n, 1)
            Predicted and true scores; the gradient goes to the predictions only.
        sample_weight : torch.Tensor of shape (n,), default=None
            Weights ≥ 0 of the rows.

        Returns
        -------
        loss : torch.Tensor of shape ()
            In [0, 2].
        """
        prediction, target = prediction.flatten(), target.detach().flatten()
        if sample_weight is not None:  # rows of no weight shall not move the ranks of others
            kept = sample_weight.flatten() > 0
            prediction, target = prediction[kept], target[kept]
            sample_weight = sample_weight.flatten()[kept]
        ranks = soft_rank(prediction, self.regularization_strength)
        target_ranks = torch.from_numpy(rankdata(target.cpu().numpy())).to(ranks)
        x = ranks - _weighted_mean(ranks, sample_weight)
        y = target_ranks - _weighted_mean(target_ranks, sample_weight)
        x_scale = _weighted_mean(x.square(), sample_weight).sqrt()
        y_scale = _weighted_mean(y.square(), sample_weight).sqrt()
        # Spreads below the rounding of a rank are noise, which the division would blow up.
        rounding = len(x) * torch.finfo(x.dtype).eps
        if y_scale <= rounding:
            return 0 * ranks.sum()
        if x_scale <= rounding:
            return 1 + 0 * ranks.sum()
        return 1 - _weighted_mean(x * y, sample_weight) / (x_scale * y_scale)


class MSEToSpearmanLoss(nn.Module):
    """Mean squared error that turns into a rank correlation as the training goes on.

    ``(1 - alpha) * MSE + alpha * spearman_scale * SpearmanLoss``, the loss L2 of the paper
    (section 6). In epoch e of N, :class:`MLPRegressor` sets alpha = e / (N - 1), and 0 where
    there is only one epoch.

    Parameters
    ----------
    spearman_scale : float, default=0.01
        Factor of the rank loss, which brings it to the size of the squared error of scores in
        [0, 1].

    Attributes
    ----------
    alpha : float
        Share of the rank loss, in [0, 1]; 0 at first.

    References
    ----------
    T. Dumont, J. Hevia, C. Fosco, "Modular Memorability: Tiered Representations for Video
    Memorability Prediction", CVPR 2023, section 6.

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

    def __init__(self, spearman_scale=0.01):
        super().__init__()
        self.spearman_scale = spearman_scale
        self.alpha = 0.0
        self.mse = WeightedMSELoss()
        self.spearman = SpearmanLoss()

    def forward(self, prediction, target, sample_weight=None):
        """Return the mixture of the two losses.

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
        mse = self.mse(prediction, target, sample_weight)
        if self.alpha == 0:
            return mse
        spearman = self.spearman(prediction, target, sample_weight)
        return (1 - self.alpha) * mse + self.alpha * self.spearman_scale * spearman


def _weighted_mean(values: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    """Return sum(w v) / sum(w), and 0 where every weight is 0."""
    if weight is None:
        return values.mean()
    weight = weight.flatten().to(values)
    return (weight * values).sum() / weight.sum().clamp_min(torch.finfo(values.dtype).tiny)
