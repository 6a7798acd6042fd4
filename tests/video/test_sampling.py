"""Choice of frames by their times."""

import numpy as np
import pytest

from sklearn_m3s.video import sample_at_rate, sample_evenly


@pytest.mark.parametrize("rate", [10, 15, 24, 25, 28, 29.97, 30, 50, 60])
def test_sampling_at_a_rate_takes_the_frame_nearest_to_each_grid_point(rate):
    times = np.arange(200) / rate
    grid = np.arange(0, times[-1] + 1e-9, 1 / 15)
    nearest = [int(np.argmin(np.round(np.abs(times - t), 9))) for t in grid]
    np.testing.assert_array_equal(sample_at_rate(times, 15), sorted(set(nearest)))


@pytest.mark.parametrize("rate", [1, 8, 11, 14.99, 15])
@pytest.mark.parametrize("n_frames", [1, 2, 3, 10, 59])
def test_a_slower_clip_gives_every_frame_once(rate, n_frames):
    times = np.arange(n_frames) / rate
    np.testing.assert_array_equal(sample_at_rate(times, 15), np.arange(n_frames))


def test_sampling_at_a_rate_follows_the_time_stamps_of_uneven_clips():
    times = np.array([0.0, 0.01, 0.02, 0.1, 0.21, 0.3])
    np.testing.assert_array_equal(sample_at_rate(times, 10), [0, 3, 4, 5])


def test_times_need_not_start_at_zero():
    times = np.arange(30) / 30
    np.testing.assert_array_equal(sample_at_rate(times + 1.4, 15), sample_at_rate(times, 15))
    np.testing.assert_array_equal(sample_evenly(times + 1.4, 4), sample_evenly(times, 4))


@pytest.mark.parametrize("n_available", [1, 2, 7, 31, 32, 45, 300])
@pytest.mark.parametrize("n_frames", [1, 2, 32])
def test_even_sampling_takes_the_centres_of_equal_parts(n_available, n_frames):
    expected = [((2 * i + 1) * n_available) // (2 * n_frames) for i in range(n_frames)]
    np.testing.assert_array_equal(sample_evenly(np.arange(n_available) / 25, n_frames), expected)


def test_one_frame_is_the_middle_one():
    assert sample_evenly(np.arange(45) / 15, 1) == [22]


def test_a_last_frame_that_is_held_fills_the_parts_at_the_end():
    times = np.array([0, 0.1, 0.2])
    np.testing.assert_array_equal(sample_evenly(times, 1, end=10), [2])
    np.testing.assert_array_equal(sample_evenly(times + 5, 5, end=5.4), [0, 1, 2, 2, 2])


def test_a_single_frame_is_taken_whatever_is_asked_for():
    np.testing.assert_array_equal(sample_at_rate(np.array([3.0]), 15), [0])
    np.testing.assert_array_equal(sample_evenly(np.array([3.0]), 3), [0, 0, 0])
