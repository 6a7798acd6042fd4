"""Exact t-SNE in products of matrices, for devices that are fast at these."""

import math
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from sklearn_m3s._device import check_device
from sklearn_m3s.similarity._reduction import fit_pca

EXPLORATION = 250  # iterations of early exaggeration
BRACKET = 30.0  # of the log precision, in units of one over the mean squared distance of a row
BISECTIONS = 30


class ExactTSNE(BaseEstimator):
    """t-SNE without approximation, for some thousands of rows on a GPU.

    It does what scikit-learn's ``TSNE(method="exact")`` does, step by step: the probabilities, the
    Student t of max(n_components - 1, 1) degrees of freedom, the forces, momentum, gains and start.

    In three dimensions these forces are not the slope of the divergence: the power of
    1 + d² / ν in them, d a distance and ν the degrees of freedom, is -(ν + 1) / 2 where the slope
    has -1. They are kept, so that the clusters are alike: on 1,500 rows of real features the
    slope itself led to 12 in place of 62, of Spearman 0.10 in place of 0.31 on other rows.

    Time and memory grow with the square of the rows: about four float32 matrices of n_samples²,
    0.7 GB for 6,400 rows. PyTorch's float32 precision of products is to be ``"highest"``, as it is
    unless changed. On a CPU, scikit-learn's own is quicker from about a thousand rows on.

    Parameters
    ----------
    n_components : int, default=3
        Dimensions of the embedding, at least 1. Reduced, with a warning, to the number of rows or
        columns where these are fewer.
    perplexity : float, default=12.0
        About how many neighbours a row has, at least 1. Where there are fewer rows than that, all
        others are its neighbours alike.
    learning_rate : "auto" or float, default="auto"
        Step along the forces, above 0. ``"auto"`` is n_samples / early_exaggeration / 4, and at
        least 50.
    early_exaggeration : float, default=12.0
        What attraction is multiplied by in the first 250 iterations, at least 1.
    max_iter : int, default=500
        Iterations, at least 1.
    device : str, default="auto"
        ``"cuda"``, ``"cuda:1"`` and so on, or ``"cpu"``; ``"auto"`` is CUDA where there is a
        device, else the CPU, which also stands in for ``"mps"``.
    random_state : int, RandomState instance or None, default=None
        Seeds the PCA of the start, of which only matrices of many rows and columns take notice.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components), float32
        The rows of `fit`.
    kl_divergence_ : float
        The divergence of the embedding from the rows, in nats, at least 0.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where these are all strings.

    References
    ----------
    van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9, 2008; the degrees of
    freedom: van der Maaten, "Learning a parametric embedding by preserving local structure",
    AISTATS 2009.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn_m3s.similarity._tsne import ExactTSNE
    >>> X, _ = make_blobs(60, n_features=4, centers=2, random_state=0)
    >>> ExactTSNE(device="cpu").fit_transform(X).shape
    (60, 3)
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "perplexity": [Interval(Real, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "early_exaggeration": [Interval(Real, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=3,
        perplexity=12.0,
        learning_rate="auto",
        early_exaggeration=12.0,
        max_iter=500,
        device="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.learning_rate = learning_rate
        self.early_exaggeration = early_exaggeration
        self.max_iter = max_iter
        self.device = device
        self.random_state = random_state

    def fit(self, X, y=None):
        """Embed rows: see `fit_transform`."""
        self.fit_transform(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Embed rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows of finite numbers.
        y : None
            Ignored.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), float32
            Also kept as ``embedding_``.

        Raises
        ------
        ValueError
            `X` is not a finite matrix of two rows or more, a parameter is out of range, or the
            device is not available.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        X = X - X.mean(axis=0)  # so that float32 resolves the differences
        X /= abs(X).max() or 1.0  # and holds their squares; the unit has no effect
        start = fit_pca(X, self.n_components, self.random_state).transform(X)
        start *= 1e-4 / (start[:, 0].std() or 1.0)
        device = cuda_or_cpu(self.device)
        rows, embedding = (
            torch.tensor(matrix, dtype=torch.float32, device=device) for matrix in (X, start)
        )
        P = joint_probabilities(rows, self.perplexity)
        embedding = self._descend(embedding, P)
        self.kl_divergence_ = kl_divergence(embedding, P).item()
        self.embedding_ = embedding.cpu().numpy()
        return self.embedding_

    def _descend(self, embedding, P):
        """Move the embedding: exaggerated and with little momentum first."""
        rate = self.learning_rate
        if rate == "auto":
            rate = max(len(P) / self.early_exaggeration / 4, 50.0)
        first = min(EXPLORATION, self.max_iter)
        stages = [(first, self.early_exaggeration, 0.5), (self.max_iter - first, 1.0, 0.8)]
        for n_iter, exaggeration, momentum in stages:
            update, gains = torch.zeros_like(embedding), torch.ones_like(embedding)
            for _ in range(n_iter):
                force = forces(embedding, P, exaggeration)
                gains = torch.where(update * force > 0, gains + 0.2, gains * 0.8).clamp_(min=0.01)
                update = momentum * update + rate * gains * force
                embedding = embedding + update
        return embedding


def cuda_or_cpu(device):
    """Return the device to use, as `check_device` does, but the CPU in place of MPS."""
    device = check_device(device)
    return "cpu" if device == "mps" else device


def joint_probabilities(rows, perplexity):
    """Return the symmetric (n, n) probabilities that two rows are neighbours, of sum 1."""
    # Products of matrices would cancel digits, and may be rounded to TF32.
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").square_()
    distances /= distances.mean(1, keepdim=True).clamp_(min=torch.finfo(rows.dtype).tiny)
    distances.fill_diagonal_(torch.inf)
    distances -= distances.amin(1, keepdim=True)  # the nearest shall count at any precision
    low = torch.full_like(rows[:, :1], -BRACKET)
    high = -low
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        conditional = torch.softmax(-middle.exp() * distances, dim=1)
        flat = torch.special.entr(conditional).sum(1, keepdim=True) > math.log(perplexity)
        low, high = torch.where(flat, middle, low), torch.where(flat, high, middle)
    return (conditional + conditional.T).div_(2 * len(rows))


def forces(embedding, P, exaggeration=1.0):
    """Return the forces on the rows, of shape (n, n_components): `P` attracts, nearness repels."""
    freedom = _freedom(embedding)
    kernel = _student_t(embedding)
    pull = (kernel * (-1 / kernel.sum())).add_(P, alpha=exaggeration).mul_(kernel)
    return 2 * (freedom + 1) / freedom * (pull @ embedding - pull.sum(1, keepdim=True) * embedding)


def kl_divergence(embedding, P):
    """Return the divergence of the embedding's probabilities from `P`, in nats."""
    kernel = _student_t(embedding)
    normalisation = kernel.sum().log()
    return (torch.xlogy(P, P) - P * kernel.fill_diagonal_(1).log()).sum() + normalisation


def _student_t(embedding):
    """Return (1 + d² / ν) to the power of -(ν + 1) / 2 between rows, and 0 on the diagonal."""
    freedom = _freedom(embedding)
    scaled = embedding / freedom**0.5
    square = scaled.square().sum(1, keepdim=True)
    kernel = torch.addmm(1 + square.T, scaled, scaled.T, alpha=-2).add_(square)
    return kernel.pow_(-(freedom + 1) / 2).fill_diagonal_(0)


def _freedom(embedding):
    return max(embedding.shape[1] - 1, 1)
