import tracemalloc

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.similarity import CosineSimilarity, _base


@pytest.fixture
def context(rng):
    """Rows without negative numbers, like the embeddings of the deep tiers."""
    return rng.gamma(1.0, size=(60, 12))


@pytest.fixture
def new(rng):
    return rng.gamma(1.0, size=(25, 12))


def test_cosines_match_known_angles():
    context = [[1.0, 0], [0, 1], [1, 0], [0, 1]]  # the mean is at 45 degrees
    similarity = CosineSimilarity(n_components=None, threshold=0.5).fit(context)
    columns = similarity.transform([[3.0, 0], [-2, -2], [1, 1], [1, 2]])
    np.testing.assert_allclose(columns[:, 0], [0.5**0.5, -1, 1, 0.9**0.5])
    np.testing.assert_array_equal(columns[:, 1], [0.5, 0, 1, 0.5])


def test_the_first_column_is_the_cosine_of_the_original_rows_to_their_mean(context, new):
    columns = CosineSimilarity(n_components=3).fit(context).transform(new)
    expected = cosine_similarity(new, context.mean(axis=0)[None])
    np.testing.assert_allclose(columns[:, :1], expected)


@pytest.mark.parametrize("threshold", [-0.5, 0, 0.5, 0.9])
@pytest.mark.parametrize("n_components", [4, None])
def test_the_second_column_counts_the_cosines_above_the_threshold(
    context, new, n_components, threshold
):
    columns = CosineSimilarity(n_components, threshold=threshold).fit(context).transform(new)
    pca = PCA(n_components).fit(context)
    reduce = pca.transform if n_components else np.asarray
    expected = (cosine_similarity(reduce(new), reduce(context)) > threshold).mean(axis=1)
    np.testing.assert_array_equal(columns[:, 1], expected)


def test_components_separate_rows_that_point_the_same_way(context):
    far = context + 20
    assert (CosineSimilarity(None).fit_transform(far)[:, 1] == 1).all()
    assert np.unique(CosineSimilarity(4).fit_transform(far)[:, 1]).size > 10


def test_a_row_of_zeros_has_cosine_0(context):
    similarity = CosineSimilarity(n_components=None, threshold=-0.5).fit(context)
    np.testing.assert_array_equal(similarity.transform(np.zeros((1, 12))), [[0, 1]])
    assert (CosineSimilarity(None, threshold=0.0).fit(0 * context).transform(context) == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_at_the_mean_has_no_direction_in_components(context, dtype):
    context = context.astype(dtype)
    similarity = CosineSimilarity(n_components=4, threshold=-0.5).fit(context)
    columns = similarity.transform(context.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(columns, [[1, 1]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_of_centred_rows_has_no_direction(context, dtype):
    centred = (context - context.mean(axis=0)).astype(dtype)
    assert (CosineSimilarity(n_components=4).fit_transform(centred)[:, 0] == 0).all()


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.parametrize("n_rows", [1, 5, 403])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identical_rows_have_cosine_1_to_their_mean_and_share_0(n_rows, dtype):
    columns = CosineSimilarity().fit_transform(np.full((n_rows, 12), 0.3, dtype))
    np.testing.assert_allclose(columns, np.tile([1, 0], (n_rows, 1)), rtol=1e-6)


@pytest.mark.parametrize("n_components", [4, None])
def test_values_do_not_depend_on_blocks_or_batches(monkeypatch, context, new, n_components):
    similarity = CosineSimilarity(n_components).fit(context)
    whole = similarity.transform(new)
    alone = np.concatenate([similarity.transform(new[i : i + 1]) for i in range(len(new))])
    np.testing.assert_allclose(alone, whole, rtol=1e-12)
    monkeypatch.setattr(_base, "BLOCK_BYTES", 7 * 8 * len(context))
    np.testing.assert_allclose(similarity.transform(new), whole, rtol=1e-12)


def test_memory_is_bounded_by_blocks(rng):
    X = rng.normal(size=(3000, 10))
    similarity = CosineSimilarity(n_components=None).fit(X)
    tracemalloc.start()
    similarity.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6  # of 72 MB


def test_float32_gives_the_cosines_of_float64(context, new):
    expected = CosineSimilarity().fit(context).transform(new)
    similarity = CosineSimilarity().fit(context.astype(np.float32))
    columns = similarity.transform(new.astype(np.float32))
    assert columns.dtype == np.float32
    np.testing.assert_allclose(columns, expected, rtol=1e-5)


def test_cosines_stay_within_1(context):
    along = np.outer(np.linspace(-9, 9, 200), context.mean(axis=0))
    columns = CosineSimilarity().fit(context).transform(along.astype(np.float32))
    np.testing.assert_allclose(columns[:, 0], np.repeat([-1, 1], 100), rtol=1e-6)
    assert np.abs(columns).max() <= 1


def test_too_many_components_are_reduced_with_a_warning(context):
    with pytest.warns(M3SWarning, match=r"n_components=10 is too large for 6 training row\(s\)"):
        similarity = CosineSimilarity().fit(context[:6])
    assert similarity.context_.shape == (6, 6)


@pytest.mark.parametrize(
    ("parameter", "value"), [("n_components", 0), ("threshold", 1), ("threshold", -1.1)]
)
def test_a_bad_parameter_is_an_error(context, parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
        CosineSimilarity(**{parameter: value}).fit(context)
