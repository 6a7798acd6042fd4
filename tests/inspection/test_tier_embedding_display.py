"""Similar videos are neighbours on the maps, and thumbnails do not overlap."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib import pyplot
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection import TierEmbeddingDisplay

Y = np.linspace(0.5, 1, 10)
FEATURES = {
    "raw": lambda videos: np.array([video[0].mean((0, 1)) for video in videos]),
    "scene": lambda videos: np.array([video[1].std((0, 1)) for video in videos]),
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Use one thread: with more on busy cores, t-SNE of a few rows mostly waits."""
    with threadpool_limits(1):
        yield


def show(features, videos, y=None, **settings):
    settings = {"random_state": 0} | settings
    return TierEmbeddingDisplay.from_features(features, videos, y, **settings)


@pytest.fixture(scope="module")
def shown(clips):
    """Return a display of ten videos and two tiers, for tests that do not change it."""
    return show({name: function(clips) for name, function in FEATURES.items()}, clips, Y)


@pytest.fixture
def model():
    """Return a model of the same tiers."""
    parts = {name: FunctionTransformer(function) for name, function in FEATURES.items()}
    return make_m3s(**parts, event=None, similarity=None, regressor=None)


def boxes(ax):
    """Return the left, right, bottom and top of each picture."""
    return [image.get_extent() for image in ax.images]


def test_each_video_is_a_point_in_each_tier(shown):
    assert [ax.get_title() for ax in shown.axes_] == ["raw", "scene"]
    for name, points in shown.embeddings.items():
        assert points.shape == (10, 2)
        assert np.isfinite(points).all()
        np.testing.assert_array_equal(shown.scatters_[name].get_offsets(), points)


def test_a_seed_gives_the_same_points_whatever_the_units_of_the_features(shown, videos):
    features = FEATURES["raw"](videos) * [1, 2.0**10, 2.0**-10]  # exact in binary
    again = show({"raw": features}, videos, n_thumbnails=0)
    np.testing.assert_array_equal(shown.embeddings["raw"], again.embeddings["raw"])


def test_similar_videos_are_neighbours(rng, videos):
    groups = np.arange(10) % 2
    display = show({"raw": rng.normal(size=(10, 4)) + 20 * groups[:, None]}, videos)
    points = display.embeddings["raw"]
    distances = np.linalg.norm(points[:, None] - points, axis=2) + np.diag([np.inf] * 10)
    np.testing.assert_array_equal(groups[distances.argmin(axis=1)], groups)


def test_thumbnails_are_middle_frames_centred_on_their_points(shown, videos):
    for ax, (name, pictures) in zip(shown.axes_, shown.thumbnails.items(), strict=True):
        assert len(ax.images) == len(pictures) > 2
        for row, image in zip(pictures, ax.images, strict=True):
            np.testing.assert_array_equal(image.get_array(), videos[row][1])
            left, right, bottom, top = image.get_extent()
            centre = [(left + right) / 2, (bottom + top) / 2]
            np.testing.assert_allclose(centre, shown.embeddings[name][row], atol=1e-4)


def test_thumbnails_do_not_overlap_and_are_inside(rng, videos):
    (ax,) = show({"raw": rng.normal(size=(40, 2))}, videos * 4).axes_
    assert 5 < len(ax.images) < 40
    for a, b in combinations(boxes(ax), 2):
        assert max(a[0] - b[1], b[0] - a[1], a[2] - b[3], b[2] - a[3]) > -1e-4
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for box in boxes(ax):
        assert left < box[0] < box[1] < right
        assert bottom < box[2] < box[3] < top


def test_the_number_of_thumbnails_is_bounded(rng, videos):
    (ax,) = show({"raw": rng.normal(size=(10, 2))}, videos, n_thumbnails=2).axes_
    assert len(ax.images) == 2


def test_scores_colour_the_points_of_all_tiers(shown):
    for points in shown.scatters_.values():
        np.testing.assert_array_equal(points.get_array(), Y)
    assert [ax.get_ylabel() for ax in shown.figure_.axes] == ["", "", "score"]


def test_points_have_one_colour_without_scores(shown):
    display = TierEmbeddingDisplay(embeddings=shown.embeddings).plot(scatter_kwargs={"s": 5})
    assert len(display.figure_.axes) == 2
    assert display.scatters_["raw"].get_array() is None
    assert display.scatters_["raw"].get_sizes() == [5]


def test_videos_with_nan_are_left_out_of_all_tiers(rng, videos):
    features = {"raw": rng.normal(size=(10, 3)), "scene": rng.normal(size=(10, 2))}
    features["raw"][4, 1] = np.nan
    with pytest.warns(M3SWarning, match=r"1 of 10 videos have NaN .*: X\[4\] "):
        display = show(features, videos, Y)
    assert [len(points) for points in display.embeddings.values()] == [9, 9]
    np.testing.assert_array_equal(display.y, np.delete(Y, 4))
    rest = videos[:4] + videos[5:]
    for row, picture in display.thumbnails["scene"].items():
        np.testing.assert_array_equal(picture, rest[row][1])


def test_a_video_that_cannot_be_read_keeps_its_point(rng, videos):
    videos[0] = "gone.mp4"  # of the first thumbnail
    with pytest.warns(M3SWarning, match=r"1 of \d+ videos .*\n.*gone.mp4: does not exist"):
        display = show({"raw": rng.normal(size=(10, 2))}, videos)
    assert len(display.embeddings["raw"]) == 10
    assert 0 not in display.thumbnails["raw"]
    assert display.axes_[0].images


@pytest.mark.parametrize("n_columns", [1, 4])
def test_six_videos_and_one_column_are_enough(rng, videos, n_columns):
    display = show({"raw": rng.normal(size=(6, n_columns))}, videos[:6])
    assert display.embeddings["raw"].shape == (6, 2)
    assert np.ptp(display.embeddings["raw"]) > 1


def test_identical_videos_are_one_point_with_one_thumbnail(videos):
    display = show({"raw": np.full((10, 3), 0.3)}, videos)
    np.testing.assert_array_equal(display.embeddings["raw"], np.zeros((10, 2)))
    assert len(display.axes_[0].images) == 1


def test_nearly_equal_points_can_be_drawn(rng, videos):
    points = {"raw": 1 + 1e-14 * rng.normal(size=(10, 2))}
    display = TierEmbeddingDisplay(embeddings=points, thumbnails={"raw": {3: videos[3][1]}})
    (ax,) = display.plot().axes_
    np.testing.assert_allclose(boxes(ax), [[0.95, 1.05, 0.95, 1.05]])


def test_from_estimator_embeds_the_features_of_the_fitted_tiers(model, shown, videos):
    model.fit(videos[:6])
    display = TierEmbeddingDisplay.from_estimator(model, videos, random_state=0)
    assert list(display.embeddings) == ["raw", "scene"]
    for name, points in display.embeddings.items():
        np.testing.assert_array_equal(points, shown.embeddings[name])


def test_from_estimator_draws_the_given_tiers(model, shown, videos):
    model.fit(videos)
    settings = {"tiers": ["scene"], "random_state": 0}
    display = TierEmbeddingDisplay.from_estimator(model, videos, **settings)
    assert list(display.embeddings) == ["scene"]
    np.testing.assert_array_equal(display.embeddings["scene"], shown.embeddings["scene"])


def test_global_output_as_data_frames_does_not_change_the_points(shown, videos):
    with config_context(transform_output="pandas"):
        display = show({"raw": FEATURES["raw"](videos)}, videos)
    np.testing.assert_array_equal(display.embeddings["raw"], shown.embeddings["raw"])


def test_an_error_names_a_tier_that_the_model_lacks(model, videos):
    model.set_params(tiers__raw="drop").fit(videos)
    with pytest.raises(ValueError, match=r"tiers=\['raw', 'x'\] .*tiers of the model, \['scene'\]"):
        TierEmbeddingDisplay.from_estimator(model, videos, tiers=["raw", "x"])


def test_rows_of_nan_of_a_tier_are_left_out(videos, clip_path):
    raw = RawPerception(descriptors=["contrast", "brightness"], frame_size=32, on_error="nan")
    model = make_m3s(raw=raw, scene=None, event=None, regressor=None).fit([*videos[:3], clip_path])
    with (
        pytest.warns(M3SWarning, match="1 of 12 videos could not be described"),
        pytest.warns(M3SWarning, match=r"1 of 12 videos have NaN features .*: gone\.mp4"),
    ):
        display = TierEmbeddingDisplay.from_estimator(model, [*videos, "gone.mp4", clip_path])
    assert len(display.embeddings["raw"]) == 11


def test_models_that_cannot_be_drawn_are_an_error(model, videos):
    with pytest.raises(NotFittedError):
        TierEmbeddingDisplay.from_estimator(model, videos)
    with pytest.raises(ValueError, match=r"'tiers' \(a FeatureUnion\).*as make_m3s returns it"):
        TierEmbeddingDisplay.from_estimator(FunctionTransformer(), videos)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"raw": np.zeros((9, 3))}, "inconsistent numbers of samples"),
        ({"raw": np.full((10, 3), np.inf)}, "raw contains infinity"),
        ({"raw": np.full((10, 3), np.nan)}, "0 of 10 videos have features: pass at least 6"),
        ({}, "features is empty"),
    ],
)
def test_errors_name_bad_features(features, videos, message):
    with pytest.raises(ValueError, match=message):
        show(features, videos)


def test_plot_draws_into_given_axes_and_can_be_repeated(shown):
    display = TierEmbeddingDisplay(embeddings=shown.embeddings, thumbnails=shown.thumbnails)
    _, given = pyplot.subplots(2, 1)
    assert display.plot(given) is display
    assert display.axes_.tolist() == given.tolist()
    assert display.bounding_ax_ is None
    _, single = pyplot.subplots()
    display.plot(single)
    assert display.bounding_ax_ is single
    assert boxes(display.axes_[1]) == boxes(given[1]) == boxes(shown.axes_[1])


def test_a_missing_matplotlib_is_an_error_before_any_description(without_matplotlib):
    with pytest.raises(ImportError, match=without_matplotlib):
        TierEmbeddingDisplay.from_estimator(None, None)
    with pytest.raises(ImportError, match=without_matplotlib):
        show(None, None)
