import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.similarity import DBSCANSimilarity

QUIET = pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
NO_CLUSTERS = "no clusters were found.* larger eps, a smaller min_samples, or more videos"


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread: with more on busy cores, t-SNE of a few rows mostly waits."""
    with threadpool_limits(1):
        yield


def quick(**parameters):
    """Return a similarity without t-SNE and with a classifier that needs no training."""
    defaults = {"n_components": 2, "min_samples": 3, "reducer": "passthrough"}
    return DBSCANSimilarity(**(defaults | {"classifier": KNeighborsClassifier(1)} | parameters))


@pytest.fixture(scope="module")
def blobs():
    """Three tight groups of 40 rows, far apart."""
    return make_blobs(120, n_features=12, centers=3, cluster_std=0.3, random_state=0)


@pytest.fixture
def pair_and_stray():
    """Two groups of six rows around x = 0 and x = 100, and one row between them."""
    x = np.array([*range(6), *range(100, 106), 50.0])
    return np.column_stack([x, np.zeros_like(x)])


def test_planted_groups_are_found_by_default(blobs):
    X, groups = blobs
    similarity = DBSCANSimilarity(random_state=0).fit(X)
    assert similarity.embedding_.shape == (120, 3)
    assert adjusted_rand_score(groups, similarity.labels_) > 0.9
    assert similarity.n_clusters_ == 3


@QUIET
@pytest.mark.parametrize("n_rows", [30, 60, 90])
def test_planted_groups_are_found_in_few_rows(n_rows):
    X, groups = make_blobs(n_rows, n_features=20, centers=3, cluster_std=0.3, random_state=0)
    similarity = DBSCANSimilarity(random_state=0).fit(X)
    assert adjusted_rand_score(groups, similarity.labels_) > 0.8


def test_few_rows_without_groups_do_not_collapse_into_one_point(rng):
    similarity = DBSCANSimilarity(random_state=0).fit(rng.normal(size=(48, 30)))
    assert similarity.embedding_.std() > 0.1


def test_planted_groups_are_recovered_exactly_without_embedding(blobs):
    X, groups = blobs
    similarity = quick(eps=2.0).fit(X)
    assert adjusted_rand_score(groups, similarity.labels_) == 1


def test_the_default_classifier_knows_the_training_groups(blobs):
    X, _ = blobs
    similarity = quick(eps=2.0, classifier=None, random_state=0)
    np.testing.assert_array_equal(similarity.fit_transform(X), similarity.transform(X))


def test_fit_transform_encodes_the_labels_of_dbscan(pair_and_stray):
    similarity = quick(eps=1.5)
    columns = similarity.fit_transform(pair_and_stray)
    assert columns.dtype == np.float32
    np.testing.assert_array_equal(columns[:, 0], similarity.labels_ == 0)
    np.testing.assert_array_equal(columns[:, 1], similarity.labels_ == 1)
    np.testing.assert_array_equal(similarity.labels_, [0] * 6 + [1] * 6 + [-1])


def test_transform_encodes_the_labels_of_the_classifier(pair_and_stray):
    similarity = quick(eps=1.5).fit(pair_and_stray)
    new = np.array([[-20.0, 0], [120.0, 0], [52.0, 0]])
    np.testing.assert_array_equal(similarity.transform(new), [[1, 0], [0, 1], [0, 0]])


def test_transform_may_disagree_with_fit_transform_on_training_rows(pair_and_stray):
    similarity = quick(eps=1.5, classifier=KNeighborsClassifier(3))
    assert similarity.fit_transform(pair_and_stray)[-1].sum() == 0
    assert similarity.transform(pair_and_stray)[-1].sum() == 1


def test_auto_eps_is_1_2_times_the_median_distance_to_the_neighbour():
    grid = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).reshape(-1, 2)
    # Most points have four neighbours at distance 2 and four more at its diagonal.
    assert quick(min_samples=5).fit(2 * grid).eps_ == pytest.approx(1.2 * 2)
    assert quick(min_samples=6).fit(2 * grid).eps_ == pytest.approx(1.2 * 2 * np.sqrt(2))


def test_auto_eps_takes_the_farthest_row_if_neighbours_are_too_few():
    X = np.array([[0.0, 0], [1, 0], [3, 0]])
    with pytest.warns(M3SWarning, match=NO_CLUSTERS):
        similarity = quick(min_samples=5).fit(X)
    assert similarity.eps_ == pytest.approx(1.2 * 3)  # the farthest are 3, 2 and 3 away


def test_auto_eps_groups_identical_rows_if_most_rows_are_identical():
    X = np.array([[0.0, 0]] * 9 + [[5, 0]])
    np.testing.assert_array_equal(quick().fit(X).labels_, [0] * 9 + [-1])


def test_a_given_eps_is_used_unchanged(pair_and_stray):
    assert quick(eps=200).fit(pair_and_stray).eps_ == 200


def test_no_clusters_give_no_columns_and_a_warning(pair_and_stray):
    similarity = quick(eps=0.1)
    with pytest.warns(M3SWarning, match=NO_CLUSTERS):
        columns = similarity.fit_transform(pair_and_stray)
    assert columns.shape == similarity.transform(pair_and_stray).shape == (13, 0)
    assert len(similarity.get_feature_names_out()) == 0


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_unions_and_pipelines_work_without_columns(pair_and_stray, output):
    union = FeatureUnion([("features", StandardScaler()), ("similarity", quick(eps=0.1))])
    model = make_pipeline(union, Ridge()).set_output(transform=output)
    with pytest.warns(M3SWarning, match=NO_CLUSTERS):
        model.fit(pair_and_stray, pair_and_stray[:, 0])
    assert model[:-1].transform(pair_and_stray).shape == (13, 2)
    assert model.predict(pair_and_stray).shape == (13,)


@pytest.mark.parametrize("classifier", [None, LogisticRegression()])
def test_a_single_label_needs_no_classifier(pair_and_stray, classifier):
    similarity = quick(eps=200, classifier=classifier).fit(pair_and_stray)
    assert isinstance(similarity.classifier_, DummyClassifier)
    np.testing.assert_array_equal(similarity.transform([[7.0, 7.0]]), [[1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identical_rows_are_one_cluster(dtype):
    X = np.full((403, 12), 0.3, dtype)  # products of equal rows may differ in the last bit
    np.testing.assert_array_equal(DBSCANSimilarity().fit_transform(X), np.ones((403, 1)))


@QUIET
def test_one_row_is_a_cluster_only_if_min_samples_is_1():
    X = np.array([[1.0, 2, 3]])
    assert DBSCANSimilarity().fit_transform(X).shape == (1, 0)
    np.testing.assert_array_equal(DBSCANSimilarity(min_samples=1).fit_transform(X), [[1]])


@QUIET
@pytest.mark.parametrize("n_rows", [2, 3, 5, 12])
@pytest.mark.parametrize("n_columns", [1, 2, 4])
def test_tiny_training_sets_are_accepted(rng, n_rows, n_columns):
    X = rng.normal(size=(n_rows, n_columns))
    similarity = DBSCANSimilarity(random_state=0).fit(X)
    assert similarity.embedding_.shape == (n_rows, min(n_rows, n_columns, 3))
    assert similarity.transform(X).shape == (n_rows, similarity.n_clusters_)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((7, 20), r"n_components=10 is too large for 7 training row\(s\) of 20 column.* to 7"),
        ((40, 4), r"n_components=10 is too large for 40 training row\(s\) of 4 column.* to 4"),
    ],
)
def test_too_many_components_are_reduced_with_a_warning(rng, shape, message):
    X = rng.normal(size=shape)
    with pytest.warns(M3SWarning, match=message):
        similarity = quick(n_components=10).fit(X)
    assert similarity.pca_.n_components_ == min(shape)


def test_settings_that_t_sne_cannot_use_are_reduced_with_a_warning(rng):
    with (
        pytest.warns(M3SWarning, match=r"t-SNE's n_components=3 is too large for 2 .* to 2"),
        pytest.warns(M3SWarning, match=r"perplexity=12 is too large for 31 training rows.* to 10"),
    ):
        DBSCANSimilarity(n_components=2).fit(rng.normal(size=(31, 4)))


def test_a_given_reducer_is_cloned_and_used(blobs):
    X, _ = blobs
    reducer = PCA(1)
    similarity = quick(n_components=5, reducer=reducer).fit(X)
    expected = PCA(1).fit_transform(PCA(5).fit_transform(X))
    np.testing.assert_allclose(similarity.embedding_, expected)
    assert not hasattr(reducer, "components_")


def test_a_given_classifier_is_cloned_and_learns_from_the_components(blobs):
    X, _ = blobs
    classifier = KNeighborsClassifier(3)
    similarity = quick(n_components=5, eps=2.0, classifier=classifier).fit(X)
    assert similarity.classifier_.n_features_in_ == 5
    assert not hasattr(classifier, "n_features_in_")


@QUIET
@pytest.mark.parametrize("seed", [0, "instance"])
def test_the_same_random_state_gives_the_same_result(blobs, seed):
    X = blobs[0][::4]

    def fit():
        random_state = np.random.RandomState(0) if seed == "instance" else seed
        return DBSCANSimilarity(random_state=random_state).fit(X)

    first, second = fit(), fit()
    np.testing.assert_array_equal(first.embedding_, second.embedding_)
    np.testing.assert_array_equal(first.transform(X), second.transform(X))


def test_a_pickle_is_small_and_gives_the_same_columns(blobs):
    X, _ = blobs
    similarity = DBSCANSimilarity(random_state=0).fit(X)
    stored = pickle.dumps(similarity)
    assert len(stored) < 100_000
    np.testing.assert_array_equal(pickle.loads(stored).transform(X), similarity.transform(X))


def test_a_clone_keeps_parameters_and_is_unfitted(pair_and_stray):
    copy = clone(quick(eps=1.5).fit(pair_and_stray))
    assert copy.eps == 1.5
    assert not hasattr(copy, "labels_")


def test_columns_are_named_after_the_class_in_a_data_frame(pair_and_stray):
    frame = quick(eps=1.5).set_output(transform="pandas").fit_transform(pair_and_stray)
    assert list(frame.columns) == ["dbscansimilarity0", "dbscansimilarity1"]


def test_a_global_pandas_output_does_not_change_the_values(blobs):
    X, _ = blobs
    with config_context(transform_output="pandas"):
        similarity = DBSCANSimilarity(reducer=PCA(3), random_state=0).fit(X)
        inside = similarity.transform(X).to_numpy()
    np.testing.assert_array_equal(inside, similarity.transform(X))


def test_grid_search_reaches_eps_and_the_parts(pair_and_stray):
    model = make_pipeline(quick(reducer=PCA(1)), Ridge())
    grid = {
        "dbscansimilarity__eps": ["auto", 1.25],
        "dbscansimilarity__classifier__n_neighbors": [1, 3],
        "dbscansimilarity__reducer__whiten": [False],
    }
    search = GridSearchCV(model, grid, cv=2, error_score="raise")
    X = np.tile(pair_and_stray, (4, 1))
    assert len(search.fit(X, X[:, 0]).cv_results_["params"]) == 4


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("eps", 0.0),
        ("eps", "automatic"),
        ("n_components", 0),
        ("min_samples", 0),
        ("reducer", "tsne"),
        ("classifier", "mlp"),
    ],
)
def test_a_bad_parameter_is_an_error(pair_and_stray, parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
        quick(**{parameter: value}).fit(pair_and_stray)


def test_another_clusterer_can_group_the_context(blobs):
    X, groups = blobs
    similarity = quick(clusterer=KMeans(3, n_init=1, random_state=0)).fit(X)
    assert adjusted_rand_score(groups, similarity.labels_) == 1
    assert similarity.n_clusters_ == 3
    assert np.isnan(similarity.eps_)
    np.testing.assert_array_equal(similarity.transform(X).argmax(axis=1), similarity.labels_)


def test_labels_of_a_clusterer_are_counted_from_0(pair_and_stray):
    class Sparse(BaseEstimator):
        def fit_predict(self, X):
            return np.where(abs(X[:, 0]) < 10, -2, np.where(X[:, 0] > 0, 7, 3))

    similarity = quick(clusterer=Sparse()).fit(pair_and_stray)
    assert set(similarity.labels_) == {-1, 0, 1}
    assert similarity.n_clusters_ == 2


def test_a_sample_stands_for_a_large_context(blobs):
    X, groups = blobs
    similarity = quick(eps=2.0, context_size=60, random_state=0)
    columns = similarity.fit_transform(X)
    sample = similarity.context_indices_
    assert len(np.unique(sample)) == len(similarity.embedding_) == 60
    assert columns.shape == (120, 3)
    assert adjusted_rand_score(groups, similarity.labels_) == 1
    alone = quick(eps=2.0, context_size=None).fit(X[sample])
    np.testing.assert_array_equal(similarity.labels_[sample], alone.labels_)
    others = np.setdiff1d(np.arange(120), sample)
    np.testing.assert_array_equal(columns[others], similarity.transform(X[others]))


def test_a_context_within_the_limit_is_used_whole(blobs):
    whole, limited = (quick(context_size=n).fit(blobs[0]) for n in (None, 120))
    np.testing.assert_array_equal(whole.context_indices_, np.arange(120))
    np.testing.assert_array_equal(whole.labels_, limited.labels_)


def test_the_sample_depends_only_on_the_seed(blobs):
    one, two, other = (
        quick(context_size=30, random_state=seed).fit(blobs[0]).context_indices_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@QUIET
def test_a_context_of_fewer_rows_than_dimensions_is_embedded(blobs):
    assert DBSCANSimilarity(context_size=2).fit(blobs[0]).embedding_.shape == (2, 2)


def test_fitting_does_not_import_torch():
    program = """
import sys
from sklearn_m3s import DBSCANSimilarity
DBSCANSimilarity(eps=9.0).fit([[0.0, 1], [1, 0], [2, 2], [0, 0], [1, 1]])
print("torch" in sys.modules)
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
