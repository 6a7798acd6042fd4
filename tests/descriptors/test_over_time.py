"""Descriptors over time: blocks add up to the whole, and unused descriptors can be copied."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest

from sklearn_m3s.descriptors import (
    FlowOverTime,
    H264Meter,
    MeanOverTime,
    brightness,
    contrast,
    flow,
    hog,
)

ALL = [
    MeanOverTime(contrast),
    MeanOverTime(partial(hog, cell_size=8)),
    FlowOverTime("dis", frame_rate=10),
    H264Meter(),
]
TIMES = np.arange(6) / 10


@pytest.fixture
def frames(rng):
    """Return six frames of a texture that drifts."""
    texture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    return np.stack([np.roll(texture, 2 * i, axis=1) for i in range(6)])


def described(descriptor, frames, times=TIMES, ends=(6,)):
    """Return the value of a copy of a descriptor that was given frames in blocks."""
    descriptor = copy.deepcopy(descriptor)
    for start, end in zip((0, *ends), ends, strict=False):
        descriptor.add(frames[start:end], times[start:end])
    return descriptor.value()


@pytest.mark.parametrize("descriptor", ALL)
@pytest.mark.parametrize("ends", [(1, 6), (2, 3, 6), (1, 2, 3, 4, 5, 6)])
def test_the_value_does_not_depend_on_the_blocks(descriptor, frames, ends):
    whole = described(descriptor, frames)
    np.testing.assert_allclose(described(descriptor, frames, ends=ends), whole, rtol=1e-9)


@pytest.mark.parametrize("descriptor", ALL)
def test_an_unused_descriptor_can_be_pickled(descriptor, frames):
    loaded = pickle.loads(pickle.dumps(descriptor))
    np.testing.assert_array_equal(described(loaded, frames), described(descriptor, frames))


@pytest.mark.parametrize("function", [contrast, hog], ids=["numbers", "vectors"])
def test_the_mean_is_that_of_all_frames(function, frames):
    mean = described(MeanOverTime(function), frames, ends=(4, 6))
    np.testing.assert_allclose(mean, function(frames).mean(axis=0), rtol=1e-6)


def test_the_mean_needs_no_times(frames):
    mean = MeanOverTime(brightness)
    mean.add(frames)
    assert mean.value() == pytest.approx(frames.max(axis=3).mean())


def test_frames_count_for_as_long_as_they_are_shown(frames):
    seconds = np.array([1, 1, 2, 0.5, 0, 3])
    mean = MeanOverTime(brightness)
    for part in (slice(4), slice(4, 6)):
        mean.add(frames[part], TIMES[part], seconds[part])
    assert mean.value() == pytest.approx(np.average(brightness(frames), weights=seconds))


def test_a_mean_of_no_frames_is_nan():
    assert np.isnan(MeanOverTime(contrast).value())


@pytest.mark.parametrize("function", [np.mean, lambda frames: frames[1:].mean(axis=(1, 2, 3))])
def test_a_function_that_loses_frames_is_an_error(function, frames):
    with pytest.raises(ValueError, match=r"one number or row per frame, got the shape .* 6 frames"):
        MeanOverTime(function).add(frames)


def test_flow_is_its_length_per_nominal_interval(frames):
    lengths = flow(frames, method="dis")
    descriptor = FlowOverTime("dis", frame_rate=30)
    uneven = np.array([0, 0.1, 0.2, 0.21, 0.4, 0.5])
    for times in (TIMES, uneven):
        expected = lengths.sum() / 0.5 / 30
        assert described(descriptor, frames, times, (2, 6)) == pytest.approx(expected)


def test_a_last_frame_that_is_held_is_time_without_motion(frames):
    descriptor, seconds = FlowOverTime("dis", frame_rate=10), np.full(6, 0.1)
    repeated = np.concatenate([frames, frames[-1:].repeat(4, axis=0)])
    expected = described(descriptor, repeated, np.arange(10) / 10, (10,))
    descriptor.add(frames[:3], TIMES[:3], seconds[:3])
    seconds[-1] = 0.5
    descriptor.add(frames[3:], TIMES[3:], seconds[3:])
    assert descriptor.value() == pytest.approx(expected)


def test_flow_copies_the_last_frame_of_a_reused_buffer(frames):
    descriptor, block = FlowOverTime("dis"), frames[:3].copy()
    descriptor.add(block, TIMES[:3])
    block[:] = 0
    descriptor.add(frames[3:], TIMES[3:])
    assert descriptor.value() == pytest.approx(described(FlowOverTime("dis"), frames))


def test_a_single_frame_does_not_move(frames):
    assert FlowOverTime().value() == described(FlowOverTime(), frames, ends=(1,)) == 0


@pytest.mark.parametrize("parameters", [{"method": "raft"}, {"frame_rate": 0}])
def test_the_error_for_a_wrong_parameter_names_it(parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
        FlowOverTime(**parameters)
