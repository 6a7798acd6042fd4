import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.manifold import TSNE
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from zoo import CLUSTERERS, REGRESSORS, SCALERS

from sklearn_m3s import (
    CosineSimilarity,
    DBSCANSimilarity,
    DistanceSimilarity,
    KDESimilarity,
    MLPRegressor,
    PredictionIntervals,
    load_model,
    make_m3s,
    make_m3s_from_features,
    save_model,
)
from sklearn_m3s.pipeline import FiniteRows

BLOCKS = {"scene": slice(0, 4), "event": slice(4, 7)}
pytestmark = pytest.mark.filterwarnings("ignore")  # of tiny data


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 7))
    return X, 1 / (1 + np.exp(-X[:, 0])), rng.normal(size=(20, 7))


def assert_same(model, data, path):
    """Assert that a loaded model predicts what the saved one does, to the last bit."""
    X, y, X_new = data
    model.fit(X, y)
    save_model(model, path)
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded.predict(X_new), model.predict(X_new))
    return loaded


def label(part):
    return type(part).__name__


@pytest.mark.parametrize("i", range(len(REGRESSORS)), ids=lambda i: repr(REGRESSORS[i])[:60])
def test_regressors_of_scikit_learn_are_covered(i, data, tmp_path):
    if "ufunc" in repr(REGRESSORS[i]) and np.__version__ < "2":
        pytest.skip("functions of NumPy 1 do not know their module: load_model asks for them")
    model = make_m3s_from_features(BLOCKS, regressor=REGRESSORS[i])
    assert_same(model, data, tmp_path / "model.m3s")


@pytest.mark.parametrize("i", range(len(SCALERS)), ids=lambda i: repr(SCALERS[i])[:60])
def test_scalers_of_scikit_learn_are_covered(i, data, tmp_path):
    model = make_m3s_from_features(BLOCKS, regressor=Ridge())
    scaler = clone(SCALERS[i])
    model.set_params(
        tiers__scene__context__features=scaler, tiers__event__context__features="passthrough"
    )
    assert_same(model, data, tmp_path / "model.m3s")


SIMILARITIES = [
    "default",
    CosineSimilarity(threshold=0.2),
    DBSCANSimilarity(eps=1e-6),
    DBSCANSimilarity(eps=2.0, min_samples=2, context_size=40),
    DBSCANSimilarity(random_state=np.random.RandomState(3)),
    DBSCANSimilarity(reducer="passthrough", clusterer=KMeans(5, n_init=1)),
    DBSCANSimilarity(reducer=PCA(2), clusterer=CLUSTERERS[0], classifier=SVC()),
    DBSCANSimilarity(reducer=PCA(2), clusterer=KMeans(3), classifier=KNeighborsClassifier()),
    DBSCANSimilarity(reducer=PCA(2), clusterer=KMeans(3), classifier=LogisticRegression()),
    DBSCANSimilarity(reducer=PCA(2), clusterer=KMeans(3), classifier=RandomForestClassifier(3)),
    DBSCANSimilarity(reducer=TSNE(2, perplexity=5, max_iter=250)),
    DistanceSimilarity(),
    DistanceSimilarity(None, metric="fractional", exponent=0.3, n_jobs=2),
    DistanceSimilarity(prototypes="kmeans", n_prototypes=3),
    KDESimilarity(),
    KDESimilarity(kernel="epanechnikov", bandwidth="silverman"),
    KDESimilarity(None, kernel="exponential", bandwidth=2.0),
]


@pytest.mark.parametrize("i", range(len(SIMILARITIES)), ids=lambda i: f"similarity {i}")
def test_similarities_are_covered(i, data, tmp_path):
    model = make_m3s_from_features(
        BLOCKS, similarity=SIMILARITIES[i], regressor=Ridge(), random_state=0
    )
    assert_same(model, data, tmp_path / "model.m3s")


@pytest.mark.parametrize("recipe", ["default", "paper", "stack"])
def test_recipes_are_covered(recipe, data, tmp_path):
    model = make_m3s_from_features(BLOCKS, similarity="default", recipe=recipe, random_state=0)
    assert_same(model, data, tmp_path / "model.m3s")


def test_a_regressor_of_finite_rows_is_covered(data, tmp_path):
    X, y, X_new = data
    X, X_new = X.copy(), X_new.copy()
    X[3], X_new[0] = np.nan, np.nan
    model = make_m3s_from_features(BLOCKS, similarity="default", regressor=FiniteRows(Ridge()))
    assert_same(model, (X, y, X_new), tmp_path / "model.m3s")
    assert_same(model, (X, np.c_[y, y**2], X_new), tmp_path / "model.m3s")


def test_a_loaded_network_is_small_and_can_be_trained_further(data, tmp_path):
    X, y, _ = data
    model = make_m3s_from_features(BLOCKS, recipe="paper", random_state=0).fit(X, y)
    n_weights = sum(weight.size for weight in model["regressor"].network_["weights"].values())
    save_model(model, tmp_path / "model.m3s")
    assert (tmp_path / "model.m3s").stat().st_size < 2 * 4 * n_weights  # 6 with the moments of Adam
    regressor = load_model(tmp_path / "model.m3s")["regressor"]
    columns = model["tiers"].transform(X)
    before = regressor.predict(columns)
    assert not np.array_equal(regressor.partial_fit(columns, y).predict(columns), before)


@pytest.mark.parametrize(
    "regressor",
    [
        MLPRegressor(loss="penalized_mse", max_epochs=2, random_state=0),
        MLPRegressor((8, 4), loss="mse_to_spearman", max_epochs=2, activation="relu"),
        MLPRegressor((), output_activation="identity", max_epochs=2, n_networks=3, dropout=0.1),
        MLPRegressor(np.array([5]), early_stopping=True, max_epochs=2, warm_start=True),
    ],
    ids=label,
)
def test_our_regressor_is_covered(regressor, data, tmp_path):
    model = make_m3s_from_features(BLOCKS, regressor=regressor)
    assert_same(model, data, tmp_path / "model.m3s")


def test_intervals_are_covered(data, tmp_path):
    model = PredictionIntervals(make_m3s_from_features(BLOCKS, regressor=Ridge()), cv=3)
    loaded = assert_same(model, data, tmp_path / "model.m3s")
    np.testing.assert_array_equal(loaded.predict_interval(data[2]), model.predict_interval(data[2]))
    np.testing.assert_array_equal(loaded.out_of_fold_, model.out_of_fold_)


def test_several_scores_are_covered(data, tmp_path):
    X, y, X_new = data
    model = make_m3s_from_features(BLOCKS, regressor=Ridge())
    assert_same(PredictionIntervals(model), (X, np.c_[y, y**2], X_new), tmp_path / "model.m3s")


def test_the_best_of_a_search_is_covered(data, tmp_path):
    X, y, X_new = data
    search = GridSearchCV(
        make_m3s_from_features(BLOCKS, regressor=Ridge()), {"regressor__alpha": [1, 10]}
    )
    save_model(search.fit(X, y).best_estimator_, tmp_path / "model.m3s")
    loaded = load_model(tmp_path / "model.m3s")
    np.testing.assert_array_equal(loaded.predict(X_new), search.predict(X_new))


@pytest.mark.parametrize("columns", [["a", "c"], [0, 2], np.array([True, False] * 3 + [True])])
def test_named_columns_and_dataframes_are_covered(columns, data, tmp_path):
    pandas = pytest.importorskip("pandas")
    X, y, X_new = data
    frame, new = (pandas.DataFrame(part, columns=list("abcdefg")) for part in (X, X_new))
    rest = [i for i in range(7) if i not in (0, 2)]
    blocks = {"scene": columns, "event": rest}
    if isinstance(columns, np.ndarray):
        blocks["event"] = ~columns
    model = make_m3s_from_features(blocks, regressor=Ridge()).set_output(transform="pandas")
    loaded = assert_same(model, (frame, y, new), tmp_path / "model.m3s")
    assert list(loaded.feature_names_in_) == list("abcdefg")


def test_requests_of_metadata_are_covered(data, tmp_path):
    X, y, X_new = data
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_m3s_from_features(
            BLOCKS, regressor=Ridge().set_fit_request(sample_weight=True)
        )
        for name in BLOCKS:
            scaler = model.get_params()[f"tiers__{name}__context__features"]
            scaler.set_fit_request(sample_weight=False)
        model.fit(X, y, sample_weight=np.arange(1.0, 61))
    save_model(model, tmp_path / "model.m3s")
    loaded = load_model(tmp_path / "model.m3s")
    np.testing.assert_array_equal(loaded.predict(X_new), model.predict(X_new))
    with sklearn.config_context(enable_metadata_routing=True):
        again = clone(loaded).fit(X, y, sample_weight=np.arange(1.0, 61))
    np.testing.assert_allclose(again.predict(X_new), model.predict(X_new))
    assert not np.allclose(clone(model).fit(X, y).predict(X_new), again.predict(X_new))


@pytest.mark.parametrize("recipe", ["default", "stack"])
def test_models_of_videos_are_covered(recipe, tmp_path, rng):
    videos = [rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8) for _ in range(12)]
    y = rng.uniform(size=12)
    model = make_m3s(scene=None, event=None, recipe=recipe, random_state=0, cache=tmp_path / "c")
    model.set_params(tiers__raw__describe__descriptors=["contrast", "hog", "brightness"])
    model.fit(videos, y)
    save_model(model, tmp_path / "model.m3s")
    loaded = load_model(tmp_path / "model.m3s")
    np.testing.assert_array_equal(loaded.predict(videos[:3]), model.predict(videos[:3]))
    assert loaded["tiers"].transformer_list[0][1]["describe"].cache is None


def test_another_process_predicts_the_same(data, tmp_path):
    X, y, X_new = data
    model = make_m3s_from_features(BLOCKS, similarity="default", recipe="stack", random_state=0)
    save_model(model.fit(X, y), tmp_path / "model.m3s")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "model.m3s").rename(tmp_path / "elsewhere" / "model.m3s")
    np.save(tmp_path / "X.npy", X_new)
    program = (
        "import numpy as np; from sklearn_m3s import load_model; "
        "np.save('y.npy', load_model('elsewhere/model.m3s').predict(np.load('X.npy')))"
    )
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model.predict(X_new))
