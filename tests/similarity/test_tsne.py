import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime
from scipy.spatial.distance import squareform
from sklearn.datasets import make_blobs
from sklearn.linear_model import Ridge
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities, _kl_divergence
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.similarity import DBSCANSimilarity
from sklearn_m3s.similarity._tsne import (
    ExactTSNE,
    cuda_or_cpu,
    forces,
    joint_probabilities,
    kl_divergence,
)

FEW = {"perplexity": 12, "learning_rate": 100 / 12, "early_exaggeration": 4, "random_state": 0}
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.fixture(autouse=True)
def one_thread():
    """Products of a few rows are all waiting for other threads where cores are busy."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def blobs():
    """Five groups of 20 rows."""
    return make_blobs(100, n_features=10, centers=5, random_state=0)


@pytest.fixture
def problem(rng):
    """Return a function that draws an embedding and probabilities, condensed as in SciPy."""

    def draw(n_dimensions, n_rows=20):
        P = rng.random(n_rows * (n_rows - 1) // 2)
        return rng.normal(size=(n_rows, n_dimensions)), P / (2 * P.sum())

    return draw


def test_the_nearest_of_a_row_are_as_many_as_the_perplexity_says():
    # On a ring all rows are alike, so that symmetry leaves their conditional probabilities alone.
    angle = 2 * np.pi * np.arange(50) / 50
    rows = torch.tensor(np.column_stack([np.cos(angle), np.sin(angle)]))
    conditional = 50 * joint_probabilities(rows, 7.0)
    entropy = torch.special.entr(conditional).sum(1)
    np.testing.assert_allclose(entropy.exp(), 7, rtol=1e-5)


def test_probabilities_are_those_of_scikit_learn(blobs):
    X, _ = blobs
    theirs = _joint_probabilities(pairwise_distances(X, squared=True), 12.0, verbose=0)
    ours = joint_probabilities(torch.tensor(X), 12.0).numpy()
    np.testing.assert_allclose(ours, squareform(theirs), rtol=1e-3, atol=1e-9)


def test_probabilities_are_finite_where_more_rows_are_equal_than_are_neighbours():
    rows = torch.tensor([[0.0]] * 8 + [[5.0]])
    expected = (1 - np.eye(8)) / 7 / 9
    np.testing.assert_allclose(joint_probabilities(rows, 2.0)[:8, :8], expected, rtol=1e-5)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 4])
def test_divergence_and_forces_are_those_of_scikit_learn(problem, n_dimensions):
    Y, P = problem(n_dimensions)
    freedom = max(n_dimensions - 1, 1)
    divergence, slope = _kl_divergence(Y.ravel(), P, freedom, len(Y), n_dimensions)
    Y, P = torch.tensor(Y), torch.tensor(squareform(P))
    assert kl_divergence(Y, P).item() == pytest.approx(divergence)
    np.testing.assert_allclose(-forces(Y, P).ravel(), slope, atol=1e-12)


def test_forces_are_the_slope_of_the_divergence_in_two_dimensions(problem):
    Y, P = problem(2)
    P = torch.tensor(squareform(P))

    def divergence(flat):
        return kl_divergence(torch.tensor(flat.reshape(Y.shape)), P).item()

    slope = approx_fprime(Y.ravel(), divergence, 1e-6)
    np.testing.assert_allclose(-forces(torch.tensor(Y), P).ravel(), slope, atol=1e-6)


def test_exaggeration_multiplies_what_attracts(problem):
    Y, P = problem(3)
    Y, P = torch.tensor(Y), torch.tensor(squareform(P))
    attraction = forces(Y, P, 5.0) - forces(Y, P, 4.0)
    np.testing.assert_allclose(forces(Y, P, 1.0) - attraction, forces(Y, P, 0.0), atol=1e-12)


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_the_exaggerated_iterations_end_where_scikit_learn_does(blobs, n_dimensions):
    X, _ = blobs
    theirs = TSNE(n_dimensions, method="exact", max_iter=250, **FEW).fit_transform(X)
    ours = ExactTSNE(n_dimensions, max_iter=250, device="cpu", **FEW).fit_transform(X)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=0.02 * abs(theirs).max())


def test_the_divergence_ends_within_a_few_per_cent_of_scikit_learn(blobs):
    X, _ = blobs
    theirs = TSNE(3, method="exact", max_iter=500, **FEW).fit(X)
    ours = ExactTSNE(device="cpu", **FEW).fit(X)
    assert ours.kl_divergence_ == pytest.approx(theirs.kl_divergence_, rel=0.05)


def test_clusters_are_those_of_scikit_learn(blobs):
    X, groups = blobs
    similarities = [DBSCANSimilarity(reducer=ExactTSNE(device="cpu", **FEW), random_state=0)]
    similarities.append(DBSCANSimilarity(device="cpu", random_state=0))
    ours, theirs = (similarity.fit(X).labels_ for similarity in similarities)
    assert adjusted_rand_score(ours, theirs) > 0.9
    assert adjusted_rand_score(ours, groups) > 0.9


def test_the_automatic_rate_is_a_quarter_of_the_rows_over_the_exaggeration(rng):
    X = rng.normal(size=(300, 4))
    found, same = (
        ExactTSNE(max_iter=10, early_exaggeration=1, learning_rate=rate, device="cpu").fit(X)
        for rate in ("auto", 75)
    )
    np.testing.assert_array_equal(found.embedding_, same.embedding_)


def test_neither_the_unit_nor_the_origin_of_the_rows_matters(blobs):
    X, _ = blobs
    embeddings = [
        ExactTSNE(max_iter=50, device="cpu", **FEW).fit_transform(x) for x in (X, 1e5 + X / 1024)
    ]
    np.testing.assert_allclose(*embeddings, atol=0.02 * abs(embeddings[0]).max())


def test_equal_rows_stay_together():
    embedding = ExactTSNE(max_iter=50, device="cpu").fit_transform(np.full((20, 4), 0.25))
    np.testing.assert_array_equal(embedding, np.zeros((20, 3)))


def test_too_many_dimensions_are_reduced_with_a_warning(rng):
    with pytest.warns(M3SWarning, match="n_components=3 is too many .* to 2"):
        embedding = ExactTSNE(max_iter=10, device="cpu").fit_transform(rng.normal(size=(9, 2)))
    assert embedding.shape == (9, 2)


def test_the_cpu_stands_in_for_mps(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert cuda_or_cpu("auto") == cuda_or_cpu("mps") == cuda_or_cpu("cpu") == "cpu"


@pytest.mark.slow
def test_clusters_of_real_features_predict_as_well_as_those_of_scikit_learn(reference):
    with np.load(reference("videomem/coco80_short_term.npz")) as file:
        rows = np.random.default_rng(0).permutation(len(file["scores"]))
        X, y = file["features"][rows], file["scores"][rows]

    def held_out(reducer):
        similarity = DBSCANSimilarity(reducer=reducer, device="cpu", random_state=0)
        model = make_pipeline(similarity, Ridge(30)).fit(X[:1000], y[:1000])
        return spearman_score(y[1500:], model.predict(X[1500:]))

    ours = held_out(ExactTSNE(device="cpu"))
    assert ours > 0.25
    assert ours == pytest.approx(held_out(None), abs=0.05)


@needs_cuda
@pytest.mark.cuda
def test_cuda_embeds_as_the_cpu_does(blobs):
    X, _ = blobs
    ours, theirs = (
        ExactTSNE(max_iter=250, device=device, **FEW).fit_transform(X) for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(ours, theirs, atol=0.02 * abs(theirs).max())


@needs_cuda
@pytest.mark.cuda
def test_cuda_gives_the_same_embedding_twice(blobs):
    X, _ = blobs
    first, second = (ExactTSNE(device="cuda", **FEW).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
