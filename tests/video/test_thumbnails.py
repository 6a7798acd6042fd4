"""Thumbnails: proportions, size and packing."""

import io

import numpy as np
import pytest
from PIL import Image

from sklearn_m3s.video import FitGeometry, read_video
from sklearn_m3s.video._thumbnails import ThumbnailReader, unpack_thumbnails


def thumbnails(video, **settings):
    [row] = read_video(video, [ThumbnailReader(**settings)])
    return [
        np.asarray(Image.open(io.BytesIO(file), formats=["WEBP"]))
        for file in unpack_thumbnails(row)
    ]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((90, 320), (45, 160)), ((400, 100), (160, 40)), ((20, 30), (20, 30)), ((2, 4000), (1, 160))],
)
def test_frames_keep_their_proportions_and_are_not_enlarged(shape, expected):
    [picture] = thumbnails(np.zeros((*shape, 3), np.uint8))
    assert picture.shape == (*expected, 3)
    assert FitGeometry(160, 160).resized_shape(*shape) == expected


def test_three_thumbnails_show_the_middles_of_thirds(tmp_path, draw, write_clip):
    path = write_clip(tmp_path / "clip.mp4", draw(30))
    levels = [picture[24, 40].mean() / 4 for picture in thumbnails(path)]  # 4 levels per frame
    np.testing.assert_allclose(levels, [5, 15, 25], atol=1)


def test_a_short_video_gives_the_frames_that_it_has(draw):
    assert len(thumbnails(draw(2))) == 2


def test_noise_is_compressed_until_it_fits(rng):
    noise = rng.integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    [row] = read_video(noise, [ThumbnailReader(n_bytes=9000)])
    files = unpack_thumbnails(row)
    assert len(files) == 3
    assert 3000 < sum(map(len, files)) <= 9000


def test_what_cannot_fit_is_left_out(rng):
    noise = rng.integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    [row] = read_video(noise, [ThumbnailReader(n_bytes=100)])
    assert unpack_thumbnails(row) == []


def test_a_row_of_nan_has_no_thumbnails():
    assert unpack_thumbnails(np.full(10, np.nan, np.float32)) == []


def test_a_tier_of_squares_and_thumbnails_of_the_same_size_get_their_own_pictures():
    from sklearn_m3s.video import ClipReader, FrameGeometry

    frame = np.zeros((80, 320, 3), np.uint8)
    readers = [ClipReader(1, FrameGeometry.square(160)), ThumbnailReader(1)]
    clip, row = read_video(frame, readers)
    [file] = unpack_thumbnails(row, 1)
    assert clip.shape == (1, 160, 160, 3)
    assert Image.open(io.BytesIO(file)).size == (160, 40)
