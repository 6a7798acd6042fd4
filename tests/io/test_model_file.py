import json
import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer
from zoo import REGRESSORS

import sklearn_m3s
from sklearn_m3s import (
    DBSCANSimilarity,
    DistanceSimilarity,
    FrameEncoder,
    MLPRegressor,
    PredictionIntervals,
    SceneParsing,
    load_model,
    make_m3s,
    make_m3s_from_features,
    save_model,
)
from sklearn_m3s.exceptions import M3SWarning, ModelError, WeightsError
from sklearn_m3s.io import load_card, load_reference, trusted_types

BLOCKS = {"scene": slice(0, 4), "event": slice(4, 7)}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(rng):
    X = rng.normal(size=(60, 7))
    return X, 1 / (1 + np.exp(-X[:, 0]))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.m3s"


@pytest.fixture
def videos(rng):
    return [rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8) for _ in range(8)]


def test_the_file_holds_plain_json_and_arrays(data, path):
    save_model(make_m3s_from_features(BLOCKS, regressor=Ridge()).fit(*data), path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {Path(name).suffix for name in names} == {".md", ".json", ".npy"}
        about = json.loads(archive.read("model.json"))
        readme = archive.read("README.md").decode()
    assert about["format"] == 1
    assert about["class"] == "sklearn.pipeline.Pipeline"
    assert about["columns"]["event"] == ["x4", "x5", "x6"]
    assert "load_model" in readme
    assert sklearn_m3s.__version__ in readme


def test_skops_finds_nothing_that_is_not_on_the_list(data, path):
    skops = pytest.importorskip("skops.io")
    model = make_m3s_from_features(BLOCKS, similarity=DistanceSimilarity(3), regressor=Ridge()).fit(
        *data
    )
    save_model(model, path)
    assert set(skops.get_untrusted_types(file=path)) <= set(trusted_types())


def test_the_list_of_trusted_types_has_no_wildcard_and_nothing_that_runs():
    assert all(name.replace("_", "a").replace(".", "a").isalnum() for name in trusted_types())
    roots = {name.partition(".")[0] for name in trusted_types()}
    assert roots == {"builtins", "numpy", "sklearn", "sklearn_m3s"}
    plain = {"bool", "dict", "float", "int", "list", "slice", "str", "tuple"}
    builtins = {name for name in trusted_types() if name.startswith("builtins.")}
    assert builtins == {f"builtins.{name}" for name in plain}


def test_an_existing_file_stays_if_saving_fails(data, path):
    path.write_text("precious")
    with pytest.raises(ModelError):
        save_model(make_m3s_from_features(BLOCKS, regressor=Strange()).fit(*data), path)
    assert path.read_text() == "precious"
    assert [file.name for file in path.parent.iterdir()] == ["model.m3s"]


class Strange(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_unknown_classes_are_named_with_a_cure_when_saving(data, path):
    model = make_m3s_from_features(BLOCKS, regressor=Strange()).fit(*data)
    with pytest.raises(ModelError, match=r"regressor.*Strange.*trusted_types.*joblib\.dump"):
        save_model(model, path)
    assert not path.exists()


@pytest.mark.parametrize("model", [make_m3s_from_features(BLOCKS), Ridge(), None, Strange()])
def test_anything_but_a_fitted_model_is_refused(model, path):
    with pytest.raises(ModelError, match=r"fitted|estimator"):
        save_model(model, path)


def test_fitted_estimators_that_are_not_m3s_models_are_refused(data, path):
    with pytest.raises(ModelError, match="make_m3s"):
        save_model(Ridge().fit(*data), path)


def test_a_missing_skops_is_named(data, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    model = make_m3s_from_features(BLOCKS, regressor=Ridge()).fit(*data)
    with pytest.raises(ImportError, match=r'pip install "sklearn-m3s\[io\]"'):
        save_model(model, path)


def test_the_saved_model_is_left_as_it_was(data, path):
    model = make_m3s_from_features(
        BLOCKS,
        similarity=DistanceSimilarity(3),
        regressor=Ridge(),
        memory=str(path.parent / "memory"),
    ).fit(*data)
    before = joblib.hash(model)
    save_model(model, path)
    assert joblib.hash(model) == before
    assert load_model(path).memory is None


def test_joblib_still_works(data, tmp_path):
    model = make_m3s_from_features(BLOCKS, regressor=Ridge()).fit(*data)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))


def test_a_loaded_model_can_be_saved_and_fitted_again(data, path):
    model = make_m3s_from_features(
        BLOCKS, similarity=DistanceSimilarity(3), regressor=Ridge(), random_state=0
    )
    save_model(model.fit(*data), path)
    loaded = load_model(path)
    save_model(loaded, path)
    expected = model.predict(data[0])
    np.testing.assert_array_equal(load_model(path).predict(data[0]), expected)
    np.testing.assert_array_equal(loaded.fit(*data).predict(data[0]), expected)


# The card


def test_the_card_says_what_is_known(data, path):
    model = PredictionIntervals(make_m3s_from_features(BLOCKS, regressor=Ridge())).fit(*data)
    save_model(model, path, card={"data": "noise", "title": "My model", "quality": {"a": 0.12345}})
    card = load_card(path)
    assert card["data"] == "noise"
    assert card["n_videos"] == 60
    assert card["spearman"] == pytest.approx(spearmanr(data[1], model.out_of_fold_).statistic)
    low, high = card["spearman_interval"]
    assert low < card["spearman"] < high
    assert card["date"][:4] >= str(date.today().year - 1)
    assert card["libraries"]["scikit-learn"]
    with zipfile.ZipFile(path) as archive:
        readme = archive.read("README.md").decode()
    for words in ("# My model", "noise", f"{card['spearman']:.4g}", "Limits", "a: 0.1235"):
        assert words in readme


def test_the_card_of_several_scores_has_a_list(data, path):
    X, y = data
    scores = np.c_[y, np.where(np.arange(60) % 3, y**2, y.mean())]
    model = PredictionIntervals(make_m3s_from_features(BLOCKS, regressor=Ridge())).fit(X, scores)
    save_model(model, path)
    expected = [
        spearmanr(a, b).statistic for a, b in zip(scores.T, model.out_of_fold_.T, strict=True)
    ]
    assert load_card(path)["spearman"] == pytest.approx(expected)
    assert np.shape(load_card(path)["spearman_interval"]) == (2, 2)


@pytest.mark.parametrize("card", [["data"], {1: "a"}, {"a": object()}, {"a": [b"bytes"]}])
def test_cards_of_other_things_are_refused(card, data, path):
    model = make_m3s_from_features(BLOCKS, regressor=Ridge()).fit(*data)
    with pytest.raises(ModelError, match="card"):
        save_model(model, path, card=card)


def test_a_file_without_a_reference_set_has_none(data, path):
    save_model(make_m3s_from_features(BLOCKS, regressor=Ridge()).fit(*data), path)
    assert load_reference(path) is None


# Networks


@pytest.mark.filterwarnings("ignore:.*untrained", "ignore:.*reduced")
def test_untrained_networks_are_saved_by_their_seed(videos, path, rng):
    scene = FrameEncoder("efficientnet_lite0", weights=None, frame_size=32, random_state=3)
    model = make_m3s(None, scene=scene, event=None, similarity=None, regressor=Ridge())
    model.fit(videos, rng.uniform(size=8))
    save_model(model, path)
    np.testing.assert_array_equal(load_model(path).predict(videos), model.predict(videos))
    about = load_card(path)["weights"]["scene"]
    assert about["identity"]["weights"] == "untrained:3"
    assert "untrained" in about["licence"]


@pytest.fixture
def weights_file(tmp_path):
    from sklearn_m3s.backbones import efficientnet_lite0

    file = tmp_path / "own.pth"
    torch.save(efficientnet_lite0().state_dict(), file)
    return file


def fit_with(file, videos, rng):
    scene = FrameEncoder("efficientnet_lite0", weights=file, frame_size=32)
    model = make_m3s(None, scene=scene, event=None, similarity=None, regressor=Ridge())
    return model.fit(videos, rng.uniform(size=8))


def test_other_weights_than_those_of_the_fit_are_named_when_used(weights_file, videos, path, rng):
    model = fit_with(str(weights_file), videos, rng)
    save_model(model, path)
    np.testing.assert_array_equal(load_model(path).predict(videos), model.predict(videos))
    state = torch.load(weights_file)
    torch.save({key: tensor * 2 for key, tensor in state.items()}, weights_file)
    loaded = load_model(path)
    with pytest.raises(WeightsError, match=r"own\.pth.*sha256"):
        loaded.predict(videos)


def test_missing_weights_are_named_when_used(weights_file, videos, path, rng):
    save_model(fit_with(weights_file, videos, rng), path)
    weights_file.unlink()
    with pytest.raises(WeightsError, match=r"own\.pth"):
        load_model(path).predict(videos)


def colours():
    """Return a network of the mean of each colour."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.AdaptiveAvgPool2d(1))


@pytest.mark.parametrize("network", [colours(), colours], ids=["module", "function"])
def test_a_module_of_the_user_has_to_be_given_again(network, videos, path, rng):
    scene = FrameEncoder(network, frame_size=32)
    model = make_m3s(None, scene=scene, event=None, similarity=None, regressor=Ridge())
    model.fit(videos, rng.uniform(size=8))
    save_model(model, path)
    with pytest.raises(ModelError, match=r"pass modules=\{'scene': ...\} to load_model"):
        load_model(path)
    with pytest.raises(ModelError, match=r"names \['event'\]: pass only \['scene'\]"):
        load_model(path, modules={"scene": network, "event": network})
    loaded = load_model(path, modules={"scene": network})
    assert loaded["tiers"].transformer_list[0][1]["describe"].model is network
    np.testing.assert_array_equal(loaded.predict(videos), model.predict(videos))


def test_a_module_other_than_that_of_the_fit_is_a_warning(videos, path, rng):
    scene = FrameEncoder(colours(), frame_size=32)
    model = make_m3s(None, scene=scene, event=None, similarity=None, regressor=Ridge())
    save_model(model.fit(videos, rng.uniform(size=8)), path)
    other = colours()
    other[0].weight.data *= 2
    with pytest.warns(M3SWarning, match=r"modules\['scene'\] is not the network"):
        load_model(path, modules={"scene": other})


def test_functions_of_the_user_have_to_be_given_again(data, path):
    def metric(a, b):
        return float(np.abs(a - b).sum())

    model = make_m3s_from_features(
        BLOCKS,
        similarity={"scene": DistanceSimilarity(3, metric=metric)},
        regressor=Ridge(),
    )
    model.set_params(tiers__event__context__features=FunctionTransformer(lambda X: 2 * X))
    model.fit(*data)
    save_model(model, path)
    assert set(load_card(path)["modules"]) == {"metric", "func"}
    loaded = load_model(path, modules={"metric": metric, "func": lambda X: 2 * X})
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))


def test_a_loss_of_the_user_has_to_be_given_again(data, path):
    loss = torch.nn.L1Loss()
    model = make_m3s_from_features(BLOCKS, regressor=MLPRegressor(loss=loss, max_epochs=2))
    save_model(model.fit(*data), path)
    with pytest.raises(ModelError, match=r"modules=\{'loss': ...\}"):
        load_model(path)
    loaded = load_model(path, modules={"loss": loss})
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))


def test_presets_can_be_saved_and_loaded(path, videos, rng):
    scene = SceneParsing(weights=None, frame_size=32)
    model = make_m3s(None, scene=scene, event=None, similarity=None, regressor=Ridge())
    with pytest.warns(M3SWarning, match="untrained"):
        model.fit(videos, rng.uniform(size=8))
    save_model(model, path)
    assert repr(load_model(path)) == repr(model)


# Another version of scikit-learn

SIMILARITY = DBSCANSimilarity(3, reducer="passthrough", eps=2.0, random_state=0)
OTHER = "SKLEARN_M3S_OTHER_PYTHON"
ELSEWHERE = """
import sys
import numpy as np
from sklearn_m3s import load_model
from sklearn_m3s.exceptions import ModelError
folder = sys.argv[1]
X = np.load(f"{folder}/X.npy")
for name in sys.argv[2:]:
    try:
        np.save(f"{folder}/{name}.npy", load_model(f"{folder}/{name}.m3s").predict(X))
    except ModelError as error:
        assert "was saved by scikit-learn" in str(error), error
        print("refused", name, error)
"""


@pytest.mark.filterwarnings("ignore")
def test_another_version_of_scikit_learn_predicts_the_same_or_refuses(data, tmp_path, monkeypatch):
    python = os.environ.get(OTHER)
    if not python:
        pytest.skip(f"set {OTHER} to the Python of an environment with another scikit-learn")
    X, y = data
    np.save(tmp_path / "X.npy", X)
    models = {}
    for i, regressor in enumerate(REGRESSORS):
        model = make_m3s_from_features(BLOCKS, similarity=SIMILARITY, regressor=regressor)
        models[str(i)] = model.fit(X, y)
        save_model(model, tmp_path / f"{i}.m3s")
    done = subprocess.run(
        [python, "-W", "ignore", "-c", ELSEWHERE, str(tmp_path), *models],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name, model in models.items():
        if f"refused {name} " not in done.stdout:
            found = np.load(tmp_path / f"{name}.npy")
            np.testing.assert_allclose(found, model.predict(X), rtol=1e-6, atol=1e-6)
    assert done.stdout.count("refused") < len(models) / 4, done.stdout
