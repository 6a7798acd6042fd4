"""Pictures of all kinds, against what was drawn."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.data import coffee

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video import FrameReader, read_clip, read_video

SCENE = np.full((48, 64, 3), 90, np.uint8)  # a corner is red, one green, one blue
SCENE[:24, :32], SCENE[:24, 32:], SCENE[24:, :32] = (220, 40, 40), (40, 200, 60), (30, 60, 220)
SEEN = {  # what a viewer should show for each EXIF orientation
    1: SCENE,
    2: SCENE[:, ::-1],
    3: SCENE[::-1, ::-1],
    4: SCENE[::-1],
    5: SCENE.swapaxes(0, 1),
    6: np.rot90(SCENE, -1),
    7: np.rot90(SCENE, -1)[::-1],
    8: np.rot90(SCENE),
}


class Kept:
    """A meter that keeps the level of the first pixel of each frame, and its time."""

    def __init__(self):
        self.found = []

    def add(self, frames, times, seconds):
        self.found += list(zip(frames[:, 0, 0, 0].tolist(), times.tolist(), strict=True))

    def value(self):
        return 0


def resized(picture, side=32):
    return cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_an_orientation_is_applied_as_viewers_do(tmp_path, kind, tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    path = tmp_path / f"a.{kind.lower()}"
    options = {"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {}
    Image.fromarray(SCENE).save(path, kind, exif=exif.tobytes(), **options)
    clip = read_clip(path, n_frames=1, frame_size=32)
    assert np.abs(clip[0] - resized(SEEN[tag]).astype(int)).mean() < 4


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "AVIF", "GIF"])
def test_an_animation_has_the_frames_and_times_that_were_written(tmp_path, kind):
    path = tmp_path / f"a.{kind.lower()}"
    first, *others = [Image.new("RGB", (64, 48), (level,) * 3) for level in (20, 120, 220)]
    options = {"lossless": True} if kind == "WEBP" else {}
    options |= {"quality": 100} if kind == "AVIF" else {}
    first.save(path, kind, save_all=True, append_images=others, duration=[100, 300, 500], **options)
    meter = Kept()
    assert read_video(path, [FrameReader([meter], frame_rate=100, frame_size=32)]) == [0]
    np.testing.assert_allclose(meter.found, [(20, 0), (120, 0.1), (220, 0.4)], atol=1.01)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16", "uint8"])
def test_a_tiff_of_any_depth_has_its_levels(tmp_path, rng, dtype, n_channels):
    """Fractions are of 1, integers of the largest."""
    levels = rng.random((48, 64, 3)[: 2 if n_channels == 1 else 3])
    white = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    kind = "minisblack" if n_channels == 1 else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", (levels * white).astype(dtype), photometric=kind)
    clip = read_clip(tmp_path / "a.tif", n_frames=1, frame_size=48)
    eight = np.rint(255 * levels).astype(np.uint8)
    expected = np.atleast_3d(cv2.resize(eight, (48, 48), interpolation=cv2.INTER_AREA))
    np.testing.assert_allclose(clip[0].astype(int) - expected, 0, atol=2)


def test_levels_without_a_white_are_an_error(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((48, 64), 3, np.float32))
    with pytest.raises(VideoError, match="levels outside 0 to 1: convert it to 8 bits"):
        read_clip(tmp_path / "a.tif", n_frames=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_a_picture_of_any_mode_is_grey_where_it_is_grey(tmp_path, mode):
    suffix = {"CMYK": "jpg", "YCbCr": "jpg", "PA": "tif"}.get(mode, "png")
    if mode == "I;16":
        picture = Image.fromarray(np.full((48, 64), 257 * 255, np.uint16))
    else:
        picture = Image.new("RGB", (64, 48), (255, 255, 255)).convert(
            "L" if mode == "LA" else "RGB"
        )
        picture = (picture.convert("P") if mode == "PA" else picture).convert(mode)
    picture.save(tmp_path / f"a.{suffix}")
    clip = read_clip(tmp_path / f"a.{suffix}", n_frames=1, frame_size=32)
    assert clip.min() >= 254


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "TGA"])
def test_a_photograph_is_what_opencv_reads(tmp_path, kind):
    path = tmp_path / f"a.{kind.lower()}"
    Image.fromarray(coffee()).save(path, kind)
    expected = coffee() if kind == "TGA" else cv2.imread(str(path))[..., ::-1]
    clip = read_clip(path, n_frames=1, frame_size=256)
    assert np.abs(clip[0] - resized(expected, 256).astype(int)).mean() < 0.1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "AVIF"])
def test_half_a_picture_is_an_error(tmp_path, kind):
    path = tmp_path / f"a.{kind.lower()}"
    Image.fromarray(coffee()).save(path, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match="cannot be decoded"):
        read_clip(path, n_frames=1)


def test_a_picture_is_known_by_its_content(tmp_path):
    Image.fromarray(SCENE).save(tmp_path / "a.mp4", "PNG")
    clip = read_clip(tmp_path / "a.mp4", n_frames=1, frame_size=32)
    np.testing.assert_array_equal(clip[0], resized(SCENE))
