import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from sklearn_m3s.regression import MSEToSpearmanLoss, PenalizedMSELoss, SpearmanLoss
from sklearn_m3s.regression._losses import WeightedMSELoss

LOSSES = [WeightedMSELoss, PenalizedMSELoss, SpearmanLoss, MSEToSpearmanLoss]


@pytest.fixture
def pair(rng):
    return torch.from_numpy(rng.uniform(size=12)), torch.from_numpy(rng.uniform(size=12))


def mixture():
    loss = MSEToSpearmanLoss()
    loss.alpha = 0.5
    return loss


@pytest.mark.parametrize("loss", [*(cls() for cls in LOSSES), mixture()])
def test_columns_and_vectors_give_the_same_loss(loss, pair):
    prediction, target = pair
    assert loss(prediction[:, None], target) == loss(prediction, target[:, None])
    weight = torch.arange(12.0)
    expected = loss(prediction, target, sample_weight=weight)
    weighted = loss(prediction[:, None], target[:, None], sample_weight=weight[:, None])
    assert weighted == expected


@pytest.mark.parametrize("loss", [*(cls() for cls in LOSSES), mixture()])
def test_equal_weights_change_nothing(loss, pair):
    expected = loss(*pair)
    torch.testing.assert_close(loss(*pair, sample_weight=torch.full((12,), 3.0)), expected)


@pytest.mark.parametrize("loss", [WeightedMSELoss(), PenalizedMSELoss()])
def test_integer_weights_equal_repeated_rows(loss, pair):
    weight = torch.arange(12) % 3
    repeated = [column.repeat_interleave(weight) for column in pair]
    torch.testing.assert_close(loss(*pair, sample_weight=weight.double()), loss(*repeated))


@pytest.mark.parametrize("loss", [*(cls() for cls in LOSSES), mixture()])
def test_a_batch_of_zero_weights_has_no_loss_and_no_gradient(loss, pair):
    prediction = pair[0].requires_grad_()
    value = loss(prediction, pair[1], sample_weight=torch.zeros(12))
    value.backward()
    assert value == 0
    assert not prediction.grad.any()


@pytest.mark.parametrize("loss", [*(cls() for cls in LOSSES), mixture()])
def test_gradients_are_exact(loss, pair):
    prediction, target = pair
    weight = torch.linspace(0, 2, 12, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda p: loss(p, target, sample_weight=weight), prediction.requires_grad_()
    )


def test_the_penalty_follows_its_formula():
    loss = PenalizedMSELoss(scale=2, power=4, center=0.8)
    value = loss(torch.tensor([0.5, 0.5]), torch.tensor([0.8, 0.3]))
    assert value.item() == pytest.approx((0.3**2 + (1 + 2 * 0.5**4) * 0.2**2) / 2)


def test_without_a_center_the_penalty_uses_the_mean_of_the_batch(pair):
    centered = PenalizedMSELoss(center=pair[1].mean().item())
    torch.testing.assert_close(PenalizedMSELoss()(*pair), centered(*pair))


def test_the_spearman_loss_approaches_scipy_with_ties(pair):
    prediction, target = (column.mul(6).round() for column in pair)
    expected = 1 - spearmanr(prediction, target).statistic
    assert SpearmanLoss(1e-9)(prediction, target).item() == pytest.approx(expected, rel=1e-12)


def test_scores_within_the_strength_have_the_pearson_correlation(pair):
    expected = 1 - pearsonr(pair[0], pair[1].argsort().argsort()).statistic
    assert SpearmanLoss(1.0)(*pair).item() == pytest.approx(expected, rel=1e-9)


def test_weights_enter_the_correlation_of_the_ranks(pair, rng):
    weight = rng.uniform(size=12)
    ranks = [column.argsort().argsort().numpy() for column in pair]
    cov = np.cov(ranks, aweights=weight)
    expected = 1 - cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
    value = SpearmanLoss(1e-9)(*pair, sample_weight=torch.from_numpy(weight))
    assert value.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        ([0.4], [0.7], 0),
        ([0.1, 0.2, 0.3], [0.7, 0.7, 0.7], 0),
        ([0.4, 0.4, 0.4], [0.1, 0.2, 0.3], 1),
        ([0.4, 0.4 + 1e-7, 0.4], [0.1, 0.2, 0.3], 1),
    ],
    ids=["one row", "equal targets", "equal predictions", "predictions equal up to rounding"],
)
def test_an_undefined_correlation_has_a_finite_loss_and_no_gradient(prediction, target, expected):
    prediction = torch.tensor(prediction, requires_grad=True)
    value = SpearmanLoss()(prediction, torch.tensor(target))
    value.backward()
    assert value == expected
    assert not prediction.grad.any()


@pytest.mark.parametrize(("alpha", "share"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_alpha_mixes_the_two_losses(pair, alpha, share):
    loss = MSEToSpearmanLoss(spearman_scale=0.1)
    loss.alpha = alpha
    mse = torch.nn.functional.mse_loss(*pair)
    expected = (1 - share) * mse + share * 0.1 * SpearmanLoss()(*pair)
    torch.testing.assert_close(loss(*pair), expected)
