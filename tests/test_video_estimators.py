"""Our own checks, for every estimator of videos in the package.

scikit-learn's checks pass matrices, so they do not apply to estimators that take videos.
"""

import builtins
import inspect
import pickle
import socket

import numpy as np
import pandas as pd
import pytest
import torch
from discovery import all_estimators
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError
from torch import nn

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.tiers import VideoTransformer

# Small networks with fixed weights, from images and from clips to 5 numbers.
IMAGE_NETWORK = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 5))
CLIP_NETWORK = nn.Sequential(nn.AdaptiveAvgPool3d((3, 2, 2)), nn.Flatten(), nn.Linear(36, 5))
for network in (IMAGE_NETWORK, CLIP_NETWORK):
    nn.init.normal_(network[2].weight, generator=torch.Generator().manual_seed(0))
    nn.init.zeros_(network[2].bias)

# Settings that make an estimator quick. Others are checked with their defaults.
QUICK = {
    "FrameEncoder": {"model": IMAGE_NETWORK, "frame_size": 32, "n_frames": 4},
    "ClipEncoder": {"model": CLIP_NETWORK, "frame_size": 32, "n_frames": 6},
    "RawPerception": {"frame_size": 32, "hog_components": 2},
    "SceneParsing": {"weights": None, "frame_size": 32},
    "EventUnderstanding": {"weights": None, "frame_size": 32, "n_frames": 2},
}
# Another valid value of each parameter. Those of the second list do not change the numbers.
CHANGES = {
    "architecture": "ir_csn_152",
    "blurriness": "slope",
    "brightness": "hue",
    "decoder": "decord",
    "descriptors": ("brightness", "contrast"),
    "flow": "dis",
    "frame_rate": 10,
    "frame_size": 64,
    "hog_cell": 8,
    "layer": "1",
    "mean": (0.1, 0.2, 0.3),
    "model": nn.Flatten(),
    "n_frames": 3,
    "normalize": True,
    "output": "flatten",
    "pool": "max",
    "precision": "bfloat16",
    "random_state": 1,
    "std": (0.1, 0.2, 0.3),
    "version": "2",
}
NO_CHANGE = {"batch_size", "cache", "device", "engine", "hog_components", "n_jobs", "on_error"}
NO_CHANGE |= {"timeout", "verbose"}
NO_CHANGE |= {"revision", "sha256"}  # these select the weights, which do change the numbers

ESTIMATORS = all_estimators(VideoTransformer)
pytestmark = pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")


@pytest.fixture(params=ESTIMATORS, ids=lambda cls: cls.__name__)
def make(request):
    """Return a function that makes one of the estimators with quick settings."""
    return lambda **params: request.param(**{**QUICK.get(request.param.__name__, {}), **params})


@pytest.fixture(scope="module")
def videos(tmp_path_factory, draw, write_clip):
    """Return four videos: two files, an array and an image."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (6, 40, 40, 3), dtype=np.uint8)
    paths = [write_clip(folder / f"{i}.mp4", draw(12)[i::2], rate=15) for i in (0, 1)]
    return [*paths, noise, noise[0] // 2]


@pytest.fixture
def forbid_reading(monkeypatch):
    """Return a function after whose call no video can be read."""

    def forbid():
        def refuse(*args, **kwargs):
            raise AssertionError("a video was read")

        monkeypatch.setattr("sklearn_m3s.tiers._describe._read", refuse)

    return forbid


def test_all_tiers_are_checked():
    assert {cls.__name__ for cls in ESTIMATORS} >= {
        "ClipEncoder",
        "EventUnderstanding",
        "FrameEncoder",
        "RawPerception",
        "SceneParsing",
    }


def test_the_constructor_only_assigns(make, monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("input or output in a constructor")

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", refuse)
        patch.setattr(socket, "socket", refuse)
        estimator = make(cache=tmp_path / "features")
    assert vars(estimator) == estimator.get_params()
    assert not (tmp_path / "features").exists()
    for name, parameter in inspect.signature(type(estimator)).parameters.items():
        if name == "model":  # the only parameter without a default
            continue
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is not inspect.Parameter.empty, name


def test_clone_and_set_params_keep_every_parameter(make):
    estimator = make()
    assert clone(estimator).get_params() == estimator.get_params()
    for name, value in CHANGES.items():
        if name in estimator.get_params():
            assert clone(make().set_params(**{name: value})).get_params()[name] == value


def test_every_parameter_has_a_rule_that_names_it(make, videos):
    estimator = make()
    assert set(estimator._parameter_constraints) >= set(estimator.get_params())
    for name in estimator.get_params():
        with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
            make(**{name: object()}).fit(videos)


def test_fit_returns_the_estimator_with_its_parameters_untouched(make, videos):
    estimator = make()
    before = dict(estimator.get_params())
    assert estimator.fit(videos, np.arange(4)) is estimator
    assert estimator.get_params() == before


def test_fit_transform_is_fit_then_transform(make, videos):
    together = make().fit_transform(videos)
    assert together.dtype == np.float32
    assert together.shape[0] == 4
    np.testing.assert_allclose(make().fit(videos).transform(videos), together, rtol=1e-5, atol=1e-5)


def test_order_batches_and_workers_do_not_change_a_row(make, videos):
    estimator = make().fit(videos)
    rows = estimator.transform(videos)
    assert np.isfinite(rows).all()
    scale = np.abs(rows).max(axis=0)
    others = {
        "reversed": estimator.transform(videos[::-1])[::-1],
        "one by one": np.vstack([estimator.transform([video]) for video in videos]),
        "by two workers": estimator.set_params(n_jobs=2).transform(videos),
    }
    for name, other in others.items():
        assert (np.abs(other - rows) <= 1e-4 * scale + 1e-6).all(), name


def test_different_videos_have_different_rows(make, videos):
    rows = make().fit_transform(videos)
    assert len(np.unique(rows.round(5), axis=0)) == 4


def test_names_match_the_columns(make, videos):
    estimator = make().fit(videos)
    names = estimator.get_feature_names_out()
    assert len(set(names)) == estimator.transform(videos[:1]).shape[1]
    assert all(isinstance(name, str) for name in names)


def test_set_output_gives_a_named_table(make, videos):
    estimator = make().set_output(transform="pandas").fit(videos)
    table = estimator.transform(videos)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == list(estimator.get_feature_names_out())


def test_any_sequence_gives_the_same_rows(make, videos):
    paths = videos[:2]
    estimator = make().fit(videos)
    rows = estimator.transform(paths)
    for same in (tuple(paths), np.array(paths), pd.Series(paths, index=[5, 1])):
        np.testing.assert_array_equal(estimator.transform(same), rows)


@pytest.mark.parametrize(
    ("bad", "error"), [("a.mp4", TypeError), ([], ValueError), (np.zeros((3, 2)), ValueError)]
)
def test_anything_but_a_sequence_of_videos_is_refused_by_every_method(make, videos, bad, error):
    estimator = make().fit(videos)
    for method in (estimator.fit, estimator.transform, estimator.fit_transform):
        with pytest.raises(error, match="pass a list"):
            method(bad)


def test_an_unfitted_estimator_says_so(make, videos):
    with pytest.raises(NotFittedError):
        make().transform(videos)
    with pytest.raises(NotFittedError):
        make().get_feature_names_out()


def test_a_pickle_is_small_and_gives_the_same_rows(make, videos):
    estimator = make().fit(videos)
    rows = estimator.transform(videos)
    pickled = pickle.dumps(estimator)
    assert len(pickled) < 20_000
    np.testing.assert_array_equal(pickle.loads(pickled).transform(videos), rows)


def test_input_arrays_are_not_modified(make, videos):
    before = videos[2].copy()
    make().fit_transform(videos)
    np.testing.assert_array_equal(videos[2], before)


def test_all_bad_videos_are_reported_after_the_good_ones_are_cached(
    make, videos, tmp_path, forbid_reading
):
    estimator = make(cache=tmp_path / "features").fit(videos)
    good = estimator.transform(videos)
    estimator.set_params(cache=tmp_path / "others")
    bad = [tmp_path / "missing.mp4", np.zeros((2, 8, 8), np.float32)]
    with pytest.raises(VideoError, match="2 of 6 videos") as caught:
        estimator.transform([bad[0], *videos, bad[1]])
    assert [name for name, _ in caught.value.failures] == [
        str(bad[0]),
        "X[5] (array of shape (2, 8, 8))",
    ]
    assert "does not exist" in str(caught.value)
    assert "dtype float32: convert it to uint8" in str(caught.value)
    forbid_reading()
    np.testing.assert_allclose(estimator.transform(videos), good, rtol=1e-4, atol=1e-5)


def test_bad_videos_can_become_nan_rows(make, videos, tmp_path):
    estimator = make(on_error="nan").fit(videos)
    rows = estimator.transform(videos)
    mixed = [videos[0], tmp_path / "missing.mp4", *videos[1:]]
    with pytest.warns(M3SWarning, match=r"1 of 5 videos(.|\n)*missing.mp4") as caught:
        with_bad = estimator.transform(mixed)
    assert sum("videos could not" in str(w.message) for w in caught) == 1
    assert np.isnan(with_bad[1]).all()
    np.testing.assert_allclose(np.delete(with_bad, 1, axis=0), rows, rtol=1e-4, atol=1e-4)
    with pytest.warns(M3SWarning, match="2 of 5 videos"):
        refitted = make(on_error="nan").fit_transform([*mixed[1:], tmp_path])
    assert np.isnan(refitted[[0, 4]]).all()
    assert np.isfinite(refitted[[1, 2, 3]]).all()


def test_a_faulty_installation_raises_instead_of_giving_nan_rows(
    make, videos, monkeypatch, tmp_path
):
    estimator = make(on_error="nan").fit(videos).set_params(decoder="decord")
    (tmp_path / "decord.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"sklearn-m3s\[decord\]"):
        estimator.transform(videos[:1])


def test_only_bad_videos_still_give_rows_of_the_right_width(make, videos, tmp_path):
    estimator = make(on_error="nan").fit(videos)
    with pytest.warns(M3SWarning, match="1 of 1 videos"):
        rows = estimator.transform([tmp_path / "missing.mp4"])
    assert rows.shape == (1, len(estimator.get_feature_names_out()))


def test_cached_videos_are_not_read_again(make, videos, tmp_path, forbid_reading):
    rows = make(cache=tmp_path).fit_transform(videos)
    forbid_reading()
    again = make(cache=str(tmp_path)).fit_transform(videos[::-1])[::-1]
    np.testing.assert_allclose(again, rows, rtol=1e-5, atol=1e-5)


def test_every_setting_that_changes_the_numbers_is_part_of_the_cache_key(make):
    estimator = make()
    unstated = {"weights"} | ({"random_state"} if "model" in estimator.get_params() else set())
    for name in set(estimator.get_params()) - NO_CHANGE - unstated:
        changed = make(**{name: CHANGES[name]})
        assert changed._settings() != estimator._settings(), name


def test_no_other_setting_is_part_of_the_cache_key(make):
    estimator = make()
    changes = {"batch_size": 3, "hog_components": 5, "n_jobs": 2, "on_error": "nan"}
    changes |= {"cache": "elsewhere", "engine": "torch", "verbose": True}
    for name in set(changes) & set(estimator.get_params()):
        assert make(**{name: changes[name]})._settings() == estimator._settings(), name


def test_the_progress_bar_counts_every_video_once(make, videos, capsys):
    make(verbose=True).fit_transform(videos)
    assert "4/4" in capsys.readouterr().err
    make().fit_transform(videos)
    assert capsys.readouterr().err == ""


def test_tags_say_that_the_input_is_not_a_matrix(make):
    tags = get_tags(make())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.transformer_tags is not None
