import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.similarity import DistanceSimilarity, _base
from sklearn_m3s.similarity._distance import METRICS


@pytest.fixture
def context(rng):
    """Forty rows of twelve positive columns, for which every metric is defined."""
    return rng.uniform(0.1, 1, size=(40, 12))


@pytest.fixture
def new(rng):
    return rng.uniform(0.1, 1, size=(25, 12))


def test_the_distance_to_the_mean_matches_a_known_triangle():
    similarity = DistanceSimilarity(n_components=2).fit([[0.0, 0], [2, 0], [0, 2], [2, 2]])
    np.testing.assert_allclose(similarity.transform([[4.0, 5], [1, 1]]), [[5], [0]], atol=1e-12)


def test_a_fractional_distance_matches_its_definition():
    similarity = DistanceSimilarity(n_components=None, metric="fractional").fit([[1.0, 1]])
    np.testing.assert_allclose(similarity.transform([[2.0, 5]]), [[9]])  # (√1 + √4)²


@pytest.mark.parametrize("exponent", [0.5, 0.3, 0.8])
@pytest.mark.parametrize("shape", [(50, 7), (7, 50)])
def test_fractional_distances_equal_minkowski_distances_of_scipy(rng, exponent, shape):
    X = rng.normal(size=shape)
    labels = np.arange(len(X)) % 3
    similarity = DistanceSimilarity(
        None, metric="fractional", exponent=exponent, prototypes="class_mean"
    ).fit(X, labels)
    means = [X[labels == label].mean(axis=0) for label in range(3)]
    expected = cdist(X, means, "minkowski", p=exponent)
    np.testing.assert_allclose(similarity.transform(X), expected, rtol=1e-10)


@pytest.mark.parametrize("metric", [*sorted(METRICS - {"fractional"}), lambda a, b: (a @ b) ** 2])
def test_other_distances_equal_those_of_scipy(context, new, metric):
    similarity = DistanceSimilarity(n_components=None, metric=metric).fit(context)
    expected = cdist(new, context.mean(axis=0)[None], metric)
    np.testing.assert_allclose(similarity.transform(new), expected)


def test_distances_are_computed_on_components(context, new):
    similarity = DistanceSimilarity(4, metric="cityblock", prototypes="class_mean")
    distances = similarity.fit(context, np.arange(40) % 2).transform(new)
    pca = PCA(4).fit(context)
    means = [pca.transform(context[start::2]).mean(axis=0) for start in (0, 1)]
    np.testing.assert_allclose(distances, cdist(pca.transform(new), means, "cityblock"))


def test_kmeans_prototypes_equal_those_of_scikit_learn(context, new):
    similarity = DistanceSimilarity(None, prototypes="kmeans", n_prototypes=5, random_state=0)
    distances = similarity.fit(context).transform(new)
    repeated = similarity.fit(context).transform(new)
    np.testing.assert_array_equal(distances, repeated)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    expected = KMeans(5, random_state=seed).fit(context).transform(new)
    np.testing.assert_allclose(distances, expected)


@pytest.mark.parametrize("labels", [["run", "eat", "run"], [7, 3, 7], [True, False, True]])
def test_class_means_are_in_the_order_of_the_sorted_classes(labels):
    similarity = DistanceSimilarity(None, prototypes="class_mean")
    similarity.fit([[0.0], [10], [2]], labels)
    np.testing.assert_array_equal(similarity.classes_, sorted(set(labels)))
    np.testing.assert_array_equal(similarity.prototypes_, [[10], [1]])


def test_class_means_need_labels():
    similarity = DistanceSimilarity(None, prototypes="class_mean")
    assert get_tags(similarity).target_tags.required
    assert not get_tags(DistanceSimilarity()).target_tags.required
    with pytest.raises(ValueError, match="needs class labels: call fit"):
        similarity.fit([[0.0], [1]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        similarity.fit([[0.0], [1]], ["a"])


def test_scores_as_class_labels_are_an_error(context):
    scores = np.linspace(0.2, 0.9, 40)
    model = make_pipeline(DistanceSimilarity(prototypes="class_mean"), Ridge())
    with pytest.raises(ValueError, match=r'y is continuous, like scores.*"mean" or "kmeans"'):
        model.fit(context, scores)


def test_distances_can_be_standardised_in_a_union_with_the_features(context):
    similarity = make_pipeline(
        DistanceSimilarity(5, prototypes="kmeans", n_prototypes=3, random_state=0),
        StandardScaler(),
    )
    union = FeatureUnion([("features", StandardScaler()), ("similarity", similarity)])
    columns = union.set_output(transform="pandas").fit_transform(context, np.arange(40.0) / 7)
    assert list(columns.columns[-3:]) == [f"similarity__distancesimilarity{i}" for i in range(3)]
    np.testing.assert_allclose(columns.std(ddof=0), 1)


@pytest.mark.parametrize("metric", ["fractional", "euclidean"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_values_do_not_depend_on_blocks_or_threads(monkeypatch, context, new, metric, n_jobs):
    similarity = DistanceSimilarity(None, metric=metric, n_jobs=n_jobs).fit(context)
    whole = similarity.transform(new)
    monkeypatch.setattr(_base, "BLOCK_BYTES", 3 * new[0].nbytes)
    np.testing.assert_allclose(similarity.transform(new), whole, rtol=1e-14)


def test_memory_is_bounded_by_blocks(rng):
    X = rng.random((3000, 1000), np.float32)  # 12 MB
    similarity = DistanceSimilarity(None, metric="fractional").fit(X)
    tracemalloc.start()
    similarity.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


@pytest.mark.parametrize("metric", ["fractional", "euclidean"])
def test_float32_gives_the_distances_of_float64(context, new, metric):
    similarity = DistanceSimilarity(metric=metric, prototypes="kmeans", random_state=0)
    expected = similarity.fit(context).transform(new)
    distances = similarity.fit(context.astype(np.float32)).transform(new.astype(np.float32))
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, expected, rtol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.parametrize("n_components", [10, None])
@pytest.mark.parametrize("exponent", [0.5, 0.3])
@pytest.mark.parametrize("n_rows", [1, 5])
def test_identical_rows_have_distance_0(n_components, exponent, n_rows):
    similarity = DistanceSimilarity(n_components, metric="fractional", exponent=exponent)
    X = np.full((n_rows, 3), 0.5)
    np.testing.assert_allclose(similarity.fit_transform(X), np.zeros((n_rows, 1)), atol=1e-12)


@pytest.mark.parametrize("prototypes", ["mean", "kmeans"])
def test_too_large_settings_are_reduced_with_a_warning(context, prototypes):
    few = context[:6]
    with pytest.warns(M3SWarning, match=r"n_components=10 is too large for 6 training row\(s\)"):
        similarity = DistanceSimilarity(prototypes=prototypes, n_prototypes=6).fit(few)
    assert similarity.pca_.n_components_ == 6
    with pytest.warns(M3SWarning, match=r"n_prototypes=20 is too large for 6 .* reduced to 6"):
        similarity = DistanceSimilarity(None, prototypes="kmeans").fit(few)
    assert similarity.transform(few).shape == (6, 6)


def test_an_overflow_is_an_error(rng):
    X = rng.normal(size=(4, 2000)).astype(np.float32)
    similarity = DistanceSimilarity(None, metric="fractional", exponent=0.05).fit(X)
    with pytest.raises(ValueError, match=r"exponent=0.05.* no finite float32 value for row 0 of 4"):
        similarity.transform(X)


def test_an_undefined_distance_is_an_error():
    similarity = DistanceSimilarity(None, metric="cosine").fit([[1.0, 1]])
    with pytest.raises(ValueError, match=r"metric='cosine'.* no finite float64 value for row 1"):
        similarity.transform([[1.0, 1], [0, 0]])


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_components", 0),
        ("metric", "seuclidean"),  # depends on the variances of the compared rows
        ("exponent", 1),
        ("exponent", 0),
        ("prototypes", "median"),
        ("n_prototypes", 0),
        ("n_jobs", 0.5),
    ],
)
def test_a_bad_parameter_is_an_error(context, parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
        DistanceSimilarity(**{parameter: value}).fit(context)
