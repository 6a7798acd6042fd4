"""Behaviour of all similarities: rows with NaN are missing items."""

import warnings

import numpy as np
import pandas as pd
import pytest
from discovery import all_estimators
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import get_tags

from sklearn_m3s.similarity import CosineSimilarity, DBSCANSimilarity, DistanceSimilarity
from sklearn_m3s.similarity._base import BaseSimilarity

# No random part may depend on the position of a row.
PARTS = {
    "reducer": "passthrough",
    "clusterer": KMeans(3, n_init=1, random_state=0),
    "classifier": KNeighborsClassifier(1),
}
SIMILARITIES = [
    cls(n_components=3, random_state=0, **(PARTS if cls is DBSCANSimilarity else {}))
    for cls in all_estimators(BaseSimilarity)
]
MISSING = np.array([0, 7, 19])


@pytest.fixture(params=SIMILARITIES, ids=lambda similarity: type(similarity).__name__)
def similarity(request):
    """Return one of the similarities."""
    return request.param


@pytest.fixture
def rows(rng):
    """Return rows, three of which have NaN, and the complete rows."""
    X = rng.normal(size=(40, 5))
    complete = np.delete(X, MISSING, axis=0)
    X[MISSING] = np.nan
    X[7, 1:] = 0  # one NaN is enough
    return X, complete


def test_all_four_similarities_are_tested():
    assert len(SIMILARITIES) == 4


def test_rows_with_nan_are_left_out_and_stay_rows_of_nan(similarity, rows):
    X, complete = rows
    with warnings.catch_warnings(action="error"):
        fitted = similarity.fit(X)
        columns, trained = fitted.transform(X), similarity.fit_transform(X)
    expected = similarity.fit(complete)
    np.testing.assert_array_equal(np.delete(columns, MISSING, axis=0), expected.transform(complete))
    again = similarity.fit_transform(complete)
    np.testing.assert_array_equal(np.delete(trained, MISSING, axis=0), again)
    assert np.isnan(columns[MISSING]).all()
    assert np.isnan(trained[MISSING]).all()
    assert columns.shape == (40, len(expected.get_feature_names_out()))


def test_only_missing_rows_can_be_compared(similarity, rows):
    X, complete = rows
    for dtype in (np.float32, np.float64):
        fitted = similarity.fit(complete.astype(dtype))
        alone = fitted.transform(X[MISSING].astype(dtype))
        assert np.isnan(alone).all()
        assert alone.dtype == fitted.transform(complete.astype(dtype)).dtype


def test_the_tags_allow_nan(similarity):
    assert get_tags(similarity).input_tags.allow_nan


def test_infinity_is_an_error(similarity, rows):
    X, complete = rows
    X[3, 3] = np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        similarity.fit(X)
    with pytest.raises(ValueError, match="contains infinity"):
        similarity.fit(complete).transform(X)


def test_rows_that_are_all_missing_are_an_error(similarity):
    with pytest.raises(ValueError, match=r"all 9 rows of X have NaN: .* needs at least one video"):
        similarity.fit(np.full((9, 4), np.nan))


def test_tables_keep_their_index(similarity, rows):
    X, _ = rows
    frame = pd.DataFrame(X, index=np.arange(100, 140), columns=list("abcde"))
    similarity.set_output(transform="pandas")
    try:
        table = similarity.fit(frame).transform(frame)
    finally:
        similarity.set_output(transform="default")
    assert list(table.index) == list(frame.index)
    assert list(table.index[table.isna().all(axis=1)]) == [100, 107, 119]


def test_all_training_rows_have_labels(rows):
    X, _ = rows
    similarity = DBSCANSimilarity(3, context_size=20, random_state=0, **PARTS).fit(X)
    assert similarity.labels_.shape == (40,)
    assert list(np.flatnonzero(similarity.labels_ == -3)) == list(MISSING)
    assert not set(similarity.context_indices_) & set(MISSING)
    assert similarity.context_indices_.shape == (20,)
    found = similarity.pca_.transform(X[similarity.context_indices_])
    np.testing.assert_array_equal(found, similarity.embedding_)


def test_labels_of_missing_rows_are_left_out(rows):
    X, complete = rows
    labels = np.arange(40) % 2
    similarity = DistanceSimilarity(None, prototypes="class_mean").fit(X, labels)
    kept = np.delete(labels, MISSING)
    means = [complete[kept == label].mean(axis=0) for label in (0, 1)]
    np.testing.assert_allclose(similarity.prototypes_, means)


def test_an_error_of_a_row_gives_its_place_among_all_rows():
    X = np.array([[np.nan, 1], [1, 2], [-1, 2], [3, 1]], dtype=float)
    similarity = DistanceSimilarity(None, metric="correlation").fit(X[[1, 3]])
    X[2] = 1  # no variance: no correlation
    with pytest.raises(ValueError, match="for row 2 of 4"):
        similarity.transform(X)


def test_a_mean_is_that_of_the_complete_rows(rows):
    X, complete = rows
    np.testing.assert_allclose(CosineSimilarity(3).fit(X).mean_, complete.mean(axis=0))
