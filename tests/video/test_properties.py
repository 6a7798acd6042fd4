"""Properties that hold for any array, times and parameters."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_m3s import RawPerception
from sklearn_m3s.descriptors import MeanOverTime, brightness
from sklearn_m3s.video import (
    FrameReader,
    check_videos,
    read_clip,
    read_video,
    sample_at_rate,
    sample_evenly,
)

settings.register_profile("same", max_examples=40, deadline=None, derandomize=True, database=None)
settings.load_profile("same")

CURE = r"pass a list|convert it|pass \(T, H, W, 3\)"
SIDES = st.sampled_from([0, 1, 2, 3, 7])  # 7**5 numbers at most
SHAPES = st.one_of(
    st.lists(SIDES, max_size=5).map(tuple),
    st.tuples(SIDES, SIDES, st.just(3)),
    st.tuples(st.integers(0, 4), SIDES, SIDES, st.just(3)),
)
LIKELY = st.one_of(st.just(np.dtype("uint8")), hnp.scalar_dtypes())
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([[], {}, (1, 2), np.nan, np.inf, object]),
)
RATES = st.floats(1e-3, 1e3)


# Some values of the others would create folders or start processes.
NAMES = sorted(RawPerception().get_params().keys() - {"cache", "n_jobs"})


def outcome(function, *args, **params):
    """Return the result of a function, and the error that it raises instead."""
    try:
        return function(*args, **params), None
    except (TypeError, ValueError) as error:
        return None, error


@st.composite
def arrays(draw):
    """An array of any shape, dtype and layout."""
    array = np.zeros(draw(SHAPES), draw(LIKELY))
    if array.dtype == np.uint8:
        array[...] = draw(st.integers(0, 255))
    layout = draw(st.sampled_from(["same", "reversed", "strided", "Fortran", "read-only"]))
    if layout == "reversed":
        return array[::-1] if array.ndim else array
    if layout == "strided":
        return np.repeat(array, 2, axis=0)[::2] if array.ndim else array
    if layout == "Fortran":
        return np.asfortranarray(array)
    array.flags.writeable = layout != "read-only"
    return array


@st.composite
def ascending(draw, max_size=60):
    """Times from any start, some of them almost or wholly equal."""
    gaps = draw(st.lists(st.floats(0, 1e4) | st.floats(0, 1e-3), max_size=max_size))
    return np.cumsum([draw(st.floats(-1e6, 1e6)), *gaps])


@given(arrays())
@example(np.full((1, 1, 70_000, 3), 9, np.uint8))
@example(np.full((70_000, 1, 3), 9, np.uint8))
def test_an_array_is_a_row_or_an_error_that_names_the_cure(array):
    reader = FrameReader([MeanOverTime(brightness)], frame_size=32)
    [value] = read_video(array, [reader])
    if isinstance(value, Exception):
        assert isinstance(value, TypeError | ValueError)
        assert re.search(CURE, str(value))
        is_shaped = array.ndim in (3, 4) and array.shape[-1] == 3 and 0 not in array.shape
        assert not is_shaped or array.dtype != np.uint8
    else:
        assert value == pytest.approx(array.flat[0], abs=1e-6)


@settings(max_examples=20)
@given(st.lists(arrays(), max_size=3) | arrays() | ODD)
def test_a_tier_gives_rows_or_an_error_that_names_the_cure(videos):
    tier = RawPerception(descriptors=["contrast", "brightness"], frame_size=16)
    rows, error = outcome(tier.fit_transform, videos)
    if error:
        assert re.search(CURE, str(error))
    else:
        assert rows.shape == (len(videos), 2)
        assert np.isfinite(rows).all()


@given(ODD)
def test_anything_but_a_sequence_of_videos_is_an_error_that_names_the_cure(videos):
    checked, error = outcome(check_videos, videos)
    assert "pass a list" in str(error) if error else checked == list(videos)


@given(st.sampled_from(["n_frames", "frame_size"]), ODD)
def test_a_parameter_of_a_clip_is_used_or_named_in_an_error(name, value):
    frame = np.zeros((8, 8, 3), np.uint8)
    parameters = {"n_frames": 2, "frame_size": 16, name: value}
    clip, error = outcome(read_clip, frame, **parameters)
    if error:
        assert f"{name!r} parameter" in str(error)
    else:
        side = int(parameters["frame_size"])
        assert clip.shape == (parameters["n_frames"], side, side, 3)


@given(st.sampled_from(NAMES), ODD)
def test_a_parameter_of_a_tier_is_used_or_named_in_an_error(name, value):
    quick = {"descriptors": ["contrast"], "frame_size": 16, name: value}
    videos = [np.zeros((2, 8, 8, 3), np.uint8)]
    rows, error = outcome(RawPerception(**quick).fit_transform, videos)
    assert name in str(error) if error else len(rows) == 1


@given(ascending(), RATES)
def test_sampling_at_a_rate_takes_frames_once_and_no_more_than_the_rate(times, rate):
    taken = sample_at_rate(times, rate)
    assert taken.dtype.kind == "i"
    assert taken[0] >= 0
    assert taken[-1] < len(times)
    assert (np.diff(taken) > 0).all()
    typical = np.median(np.diff(times)) if len(times) > 1 else 1
    assert len(taken) <= (times[-1] - times[0] + typical) * rate + 1 + 1e-3


@given(ascending(), RATES)
def test_sampling_at_a_rate_takes_the_frames_nearest_to_the_grid(times, rate):
    """Brute force. Where the grid is almost between two frames, either may be taken."""
    taken = set(sample_at_rate(times, rate).tolist())
    elapsed = times - times[0]
    for k in range(min(200, int(elapsed[-1] * rate) + 1)):
        distances = np.abs(elapsed - k / rate)
        near = np.flatnonzero(distances <= distances.min() + 1e-4 / rate + 1e-9 * abs(times).max())
        assert taken & set(near.tolist())


@given(ascending(), st.integers(1, 70), st.none() | st.floats(0, 1e5))
def test_even_sampling_takes_what_is_shown_at_the_centres(times, n_frames, held):
    end = None if held is None else times[-1] + held
    taken = sample_evenly(times, n_frames, end=end)
    assert taken.shape == (n_frames,)
    assert (np.diff(taken) >= 0).all()
    assert taken[0] >= 0
    assert taken[-1] < len(times)
    typical = np.median(np.diff(times)) if len(times) > 1 else 1
    length = times[-1] + (typical if held is None else held) - times[0]
    for i, index in enumerate(taken):
        centre = (i + 0.5) * length / n_frames
        slack = 2e-6 + 1e-9 * max(abs(times).max(), length)
        assert times[index] - times[0] <= centre + slack
        assert index == len(times) - 1 or times[index + 1] - times[0] > centre - slack


@given(st.lists(st.integers(0, 255), min_size=2, max_size=12), st.data())
def test_a_mean_over_time_does_not_depend_on_the_blocks_that_frames_come_in(levels, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(levels) - 1)), max_size=4)))
    seconds = np.array(data.draw(st.lists(st.floats(1e-3, 10), min_size=12, max_size=12)))
    frames = np.array(levels, np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    mean = MeanOverTime(brightness)
    for start, stop in zip([0, *cuts], [*cuts, len(levels)], strict=True):
        mean.add(frames[start:stop], seconds=seconds[start:stop])
    assert mean.value() == pytest.approx(np.average(levels, weights=seconds[: len(levels)]))


@settings(max_examples=8)
@given(st.permutations(["contrast", "brightness", "blurriness", "hog"]), st.integers(1, 4))
def test_the_columns_of_a_descriptor_are_the_same_in_any_order(names, n_names):
    rng = np.random.default_rng(0)
    videos = list(rng.integers(0, 256, (4, 2, 32, 32, 3), dtype=np.uint8))
    size = {"frame_size": 32, "hog_components": 2}
    tier = RawPerception(descriptors=names[:n_names], **size)
    rows, columns = tier.fit_transform(videos), tier.get_feature_names_out()
    for name in names[:n_names]:
        alone = RawPerception(descriptors=[name], **size).fit_transform(videos)
        block = [str(column).rstrip("0123456789") == name for column in columns]
        np.testing.assert_allclose(rows[:, block], alone, rtol=1e-5, atol=1e-5)
