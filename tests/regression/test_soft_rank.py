import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import rankdata

from sklearn_m3s.regression import soft_rank


@pytest.fixture
def values(rng):
    return torch.from_numpy(rng.normal(size=(3, 2, 7)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tiny_strength_gives_the_exact_ranks(values, dtype):
    ranks = soft_rank(values.to(dtype), regularization_strength=1e-9)
    assert ranks.dtype == dtype
    np.testing.assert_array_equal(ranks, rankdata(values, axis=-1))


def test_ties_share_their_mean_rank():
    ranks = soft_rank(torch.tensor([5.0, 1.0, 5.0, 0.0]), regularization_strength=1e-3)
    np.testing.assert_allclose(ranks, [3.5, 2, 3.5, 1], rtol=1e-6)


def test_a_huge_strength_makes_all_ranks_equal(values):
    ranks = soft_rank(values, regularization_strength=1e12)
    np.testing.assert_allclose(ranks, 4.0, rtol=1e-9)


def test_values_closer_than_the_strength_have_affine_ranks():
    values = torch.tensor([0.9, 0.1, 0.5], dtype=torch.float64)
    ranks = soft_rank(values, regularization_strength=2.0)
    np.testing.assert_allclose(ranks, values / 2 - 0.25 + 2, rtol=1e-12)


def test_two_values_follow_the_closed_form():
    # The permutahedron of (1, 2) is the segment from (1, 2) to (2, 1).
    gaps = torch.linspace(-3, 3, 25, dtype=torch.float64)
    pairs = torch.stack([gaps, torch.zeros_like(gaps)], dim=1)
    first = soft_rank(pairs, regularization_strength=0.5)[:, 0]
    np.testing.assert_allclose(first, 1.5 + np.clip(gaps.numpy(), -0.5, 0.5), rtol=1e-12)


def test_ranks_are_the_projection_onto_the_permutahedron(rng):
    theta = 2 * rng.normal(size=4)
    top = [4, 7, 9]  # the largest sums of 1, 2 and 3 distinct ranks
    subsets = [[i for i in range(4) if mask >> i & 1] for mask in range(1, 15)]
    constraints = [{"type": "eq", "fun": lambda r: r.sum() - 10}] + [
        {"type": "ineq", "fun": lambda r, s=s: top[len(s) - 1] - r[s].sum()} for s in subsets
    ]
    result = minimize(
        lambda r: ((r - theta) ** 2).sum(), np.full(4, 2.5), constraints=constraints, tol=1e-12
    )
    np.testing.assert_allclose(soft_rank(torch.from_numpy(theta)), result.x, atol=1e-6)


@pytest.mark.parametrize("strength", [0.05, 0.5, 5.0])
def test_the_gradient_is_exact(values, strength):
    values.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: soft_rank(v, regularization_strength=strength), values
    )


def test_each_row_is_ranked_independently(values):
    rows = torch.stack([soft_rank(row) for row in values.reshape(-1, 7)])
    np.testing.assert_array_equal(soft_rank(values), rows.reshape(values.shape))


def test_an_empty_tensor_has_empty_ranks():
    assert soft_rank(torch.zeros(2, 0)).shape == (2, 0)


@pytest.mark.parametrize("strength", [0.01, 0.3, 1.0, 10.0])
def test_values_and_gradients_equal_those_of_torchsort(values, strength):
    torchsort = pytest.importorskip("torchsort", reason="torchsort is not installed")
    ours, theirs = (values.reshape(-1, 7).clone().requires_grad_() for _ in range(2))
    weights = torch.arange(7.0)
    ranks = soft_rank(ours, regularization_strength=strength)
    expected = torchsort.soft_rank(theirs, regularization_strength=strength)
    np.testing.assert_allclose(ranks.detach(), expected.detach(), atol=1e-6)
    (weights * ranks).sum().backward()
    (weights * expected).sum().backward()
    np.testing.assert_allclose(ours.grad, theirs.grad, atol=1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_ranks_of_a_cuda_tensor_are_on_its_device(values):
    ranks = soft_rank(values.cuda())
    assert ranks.is_cuda
    np.testing.assert_array_equal(ranks.cpu(), soft_rank(values))


@pytest.mark.parametrize("values", [torch.arange(3), torch.tensor(1.0)])
def test_integers_and_scalars_are_refused(values):
    with pytest.raises(ValueError, match="floating point tensor with at least one axis"):
        soft_rank(values)


@pytest.mark.parametrize("strength", [0, -1.0])
def test_the_strength_must_be_positive(strength):
    with pytest.raises(ValueError, match="regularization_strength"):
        soft_rank(torch.zeros(3), regularization_strength=strength)
