import numpy as np
import pytest
from scipy.stats import gaussian_kde
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.similarity import KDESimilarity, _base, _kde
from sklearn_m3s.similarity._kde import LOG_KERNELS

KERNELS = sorted(LOG_KERNELS)
INFINITE = {"gaussian", "exponential"}


@pytest.fixture
def context(rng):
    return rng.normal(size=(40, 3))


@pytest.fixture
def new(rng):
    return rng.normal(size=(25, 3))


def left_out(X, **settings):
    """Return leave-one-out log densities computed by scikit-learn."""
    return np.array(
        [
            KernelDensity(**settings).fit(np.delete(X, i, axis=0)).score_samples(X[i : i + 1])[0]
            for i in range(len(X))
        ]
    )


def test_values_between_two_rows_match_the_normal_density():
    similarity = KDESimilarity(n_components=None, bandwidth=2.0).fit([[0.0], [4.0]])
    values = similarity.transform([[2.0], [4.0]])
    one_deviation = 0.5 + np.log(2 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(values, [[one_deviation], [one_deviation + 1.5]])


@pytest.mark.parametrize("kernel", KERNELS)
def test_new_rows_have_the_density_of_scikit_learn(context, new, kernel):
    similarity = KDESimilarity(n_components=None, kernel=kernel, bandwidth=5.0).fit(context)
    expected = KernelDensity(bandwidth=5.0, kernel=kernel).fit(context).score_samples(new)
    np.testing.assert_allclose(similarity.transform(new)[:, 0], -expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_training_rows_have_their_leave_one_out_density(context, kernel):
    similarity = KDESimilarity(n_components=None, kernel=kernel, bandwidth=5.0)
    expected = -left_out(context, bandwidth=5.0, kernel=kernel)
    np.testing.assert_allclose(similarity.fit_transform(context)[:, 0], expected)
    np.testing.assert_allclose(similarity.transform(context[7:9])[:, 0], expected[7:9])


def test_only_one_of_several_identical_training_rows_is_left_out():
    similarity = KDESimilarity(n_components=None, bandwidth=1.0)
    values = similarity.fit_transform([[0.0], [0.0], [0.0], [100.0]])
    peak = np.log(np.sqrt(2 * np.pi))
    np.testing.assert_allclose(values[:3, 0], peak - np.log(2 / 3))


def test_float32_gives_the_density_of_float64(rng):
    X = 1000 + rng.normal(size=(60, 4)).astype(np.float32)  # far from 0, where float32 is coarse
    columns = KDESimilarity(4, bandwidth=0.1).fit_transform(X)
    assert columns.dtype == np.float32
    expected = KDESimilarity(4, bandwidth=0.1).fit_transform(X.astype(np.float64))
    np.testing.assert_allclose(columns, expected, rtol=1e-4)


def test_the_density_is_that_of_the_components(rng, new):
    X = rng.normal(size=(50, 3)) * [1, 3, 2]
    similarity = KDESimilarity(n_components=2, bandwidth=0.7).fit(X)
    pca = PCA(2).fit(X)
    kde = KernelDensity(bandwidth=0.7).fit(pca.transform(X))
    expected = kde.score_samples(pca.transform(new))
    np.testing.assert_allclose(similarity.transform(new)[:, 0], -expected)


@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_bandwidth_rules_equal_those_of_scipy_in_units_of_the_components(rng, rule):
    X = 7 * PCA(3, whiten=True).fit_transform(rng.normal(size=(40, 3)))
    factor = gaussian_kde(X.T, rule).factor
    bandwidth = KDESimilarity(3, bandwidth=rule).fit(X).bandwidth_
    assert bandwidth == pytest.approx(factor * 7 * np.sqrt(39 / 40))


@pytest.mark.parametrize("kernel", ["gaussian", "tophat"])
def test_cv_maximises_the_leave_one_out_likelihood(context, kernel):
    context = context[:12]
    scott = KDESimilarity(None, bandwidth="scott").fit(context).bandwidth_
    candidates = scott * np.geomspace(1 / 16, 16, 17)
    scores = [left_out(context, bandwidth=h, kernel=kernel).mean() for h in candidates]
    similarity = KDESimilarity(n_components=None, kernel=kernel).fit(context)
    assert similarity.bandwidth_ == pytest.approx(candidates[np.argmax(scores)])


def test_cv_takes_the_widest_candidate_if_none_reaches_every_row(rng):
    X = np.vstack([rng.normal(size=(200, 1)), [[1e6]]])
    scott = KDESimilarity(1, bandwidth="scott").fit(X).bandwidth_
    assert KDESimilarity(1, kernel="tophat").fit(X).bandwidth_ == pytest.approx(16 * scott)


def test_cv_scores_a_sample_of_many_rows(monkeypatch, context):
    drawn = []
    monkeypatch.setattr(_kde, "N_SCORED", 10)
    log_density = KDESimilarity._log_density
    monkeypatch.setattr(
        KDESimilarity, "_log_density", lambda *a: drawn.append(a[1]) or log_density(*a)
    )
    first, second = (KDESimilarity(None, random_state=0).fit(context) for _ in range(2))
    assert first.bandwidth_ == second.bandwidth_
    assert all(len(rows) == 10 for rows in drawn)
    np.testing.assert_array_equal(drawn[0], drawn[-1])


@pytest.mark.parametrize("kernel", KERNELS)
def test_far_rows_have_the_largest_finite_values(context, new, kernel):
    similarity = KDESimilarity(n_components=None, kernel=kernel, bandwidth=1.5).fit(context)
    values = similarity.transform(np.vstack([new, [[30.0, 0, 0]], [[60.0, 0, 0]]]))[:, 0]
    assert np.isfinite(values).all()
    assert values[-2] >= values[:-2].max()
    assert values[-1] > values[-2] if kernel in INFINITE else values[-1] == values[-2]


def test_the_smallest_density_is_a_thousandth_of_one_kernel(context):
    similarity = KDESimilarity(n_components=None, kernel="tophat", bandwidth=0.5).fit(context)
    sphere = 4 / 3 * np.pi * 0.5**3
    np.testing.assert_allclose(similarity.transform([[9.0, 9, 9]]), np.log(1000 * 40 * sphere))


def test_values_do_not_depend_on_blocks_or_batches(monkeypatch, context, new):
    similarity = KDESimilarity(n_components=2, random_state=0).fit(context)
    rows = np.vstack([new, context])
    whole = similarity.transform(rows)
    alone = np.concatenate([similarity.transform(row[None]) for row in rows])
    np.testing.assert_allclose(alone, whole, rtol=1e-10)
    monkeypatch.setattr(_base, "BLOCK_BYTES", 7 * 8 * len(context))
    np.testing.assert_allclose(similarity.transform(rows), whole, rtol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.parametrize("bandwidth", ["cv", "scott", "silverman"])
@pytest.mark.parametrize("n_rows", [1, 2, 403])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identical_rows_have_the_density_of_one_kernel_of_bandwidth_1(bandwidth, n_rows, dtype):
    X = np.full((n_rows, 12), 0.3, dtype)
    similarity = KDESimilarity(bandwidth=bandwidth)
    values = similarity.fit_transform(X)
    assert similarity.bandwidth_ == 1
    n_components = similarity.pca_.n_components_
    np.testing.assert_allclose(values, n_components * np.log(2 * np.pi) / 2, rtol=1e-6)


def test_constant_columns_have_no_effect(context, new):
    def values(X, Y):
        return KDESimilarity(n_components=3, bandwidth=1.0).fit(X).transform(Y)

    wide = [np.hstack([rows, np.full((len(rows), 2), 0.3)]) for rows in (context, new)]
    np.testing.assert_allclose(values(*wide), values(context, new))


def test_too_many_components_are_reduced_with_a_warning(context):
    with pytest.warns(M3SWarning, match=r"n_components=10 is too large for 40 .* to 3"):
        similarity = KDESimilarity().fit(context)
    assert similarity.context_.shape == (40, 3)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("n_components", 0), ("kernel", "normal"), ("bandwidth", 0.0), ("bandwidth", "auto")],
)
def test_a_bad_parameter_is_an_error(context, parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
        KDESimilarity(**{parameter: value}).fit(context)
