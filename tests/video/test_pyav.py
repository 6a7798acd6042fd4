"""Levels of files, against the closed form. Large frames, which are reduced before conversion."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from skimage.data import coffee

from sklearn_m3s.video import read_clip

LIMITED, FULL = 1, 2
# The weights of red and blue in luma, and FFmpeg's name of the matrix.
MATRICES = {"601": (0.299, 0.114, 5), "709": (0.2126, 0.0722, 1), "2020": (0.2627, 0.0593, 9)}
ACCURATE = 0x42000  # swscale's bilinear method with exact rounding and chroma, at the size it is


def write_planes(path, pixels, colour_range, matrix, frames):
    """Write frames of given planes without loss."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=15)
        stream.height, stream.width = frames[0][0].shape
        stream.pix_fmt = pixels
        stream.codec_context.color_range, stream.codec_context.colorspace = colour_range, matrix
        for planes in frames:
            frame = av.VideoFrame(stream.width, stream.height, pixels)
            frame.color_range, frame.colorspace = colour_range, matrix
            for plane, values in zip(frame.planes, planes, strict=True):
                size = 1 + (frame.format.components[0].bits > 8)
                rows = np.zeros((plane.height, plane.line_size // size), f"<u{size}")
                rows[:, : plane.width] = values[: plane.height, : plane.width]
                plane.update(rows.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def codes(pixels, colour_range):
    """Return the codes of black and white, and the step between levels of 8 bits."""
    step = 4 if "10" in pixels else 1
    return (16 * step, 235 * step, step) if colour_range == LIMITED else (0, 256 * step - 1, step)


@pytest.mark.parametrize("size", [(48, 64), (49, 65), (240, 320)], ids=str)
@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv420p10le", "yuv422p10le"])
def test_greys_are_rounded_from_the_closed_form(tmp_path, pixels, colour_range, size):
    path = str(tmp_path / "greys.mkv")
    black, white, step = codes(pixels, colour_range)
    luma = np.arange(black, white + 1, 7)
    neutral = np.full(size, 128 * step)
    frames = [(np.full(size, code), neutral, neutral) for code in luma]
    write_planes(path, pixels, colour_range, MATRICES["709"][2], frames)
    levels = read_clip(path, n_frames=len(luma), frame_size=32).astype(float)
    error = levels - ((luma - black) * 255 / (white - black))[:, None, None, None]
    assert np.abs(error).max() <= 0.505
    assert abs(error.mean()) < 0.1


@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_a_ramp_that_is_reduced_stays_a_ramp(tmp_path, pixels, colour_range):
    path = str(tmp_path / "ramp.mkv")
    black, white, step = codes(pixels, colour_range)
    luma = np.rint(np.linspace(black, white, 64))
    ramp = np.tile(luma.repeat(10), (480, 1))  # ten pixels become one
    neutral = np.full(ramp.shape, 128 * step)
    write_planes(path, pixels, colour_range, MATRICES["709"][2], [(ramp, neutral, neutral)])
    error = (
        read_clip(path, n_frames=1, frame_size=64)[0]
        - (((luma - black) * 255 / (white - black))[None, :, None])
    )
    assert np.abs(error).max() <= 0.505
    assert abs(error.mean()) < 0.1


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize("pixels", ["yuv444p", "yuv444p10le"])
def test_colours_are_rounded_from_the_closed_form(tmp_path, rng, pixels, colour_range, matrix):
    path = str(tmp_path / "colours.mkv")
    black, white, step = codes(pixels, colour_range)
    chroma_span = 224 * step if colour_range == LIMITED else white
    luma = rng.integers(black, white + 1, (64, 64))
    blueness, redness = rng.integers(64 * step, 192 * step, (2, 64, 64))
    red_share, blue_share, name = MATRICES[matrix]
    write_planes(path, pixels, colour_range, name, [(luma, blueness, redness)])

    grey = (luma - black) / (white - black)
    red = grey + 2 * (1 - red_share) * (redness - 128 * step) / chroma_span
    blue = grey + 2 * (1 - blue_share) * (blueness - 128 * step) / chroma_span
    green = (grey - red_share * red - blue_share * blue) / (1 - red_share - blue_share)
    expected = 255 * np.stack([red, green, blue], axis=-1).clip(0, 1)
    error = read_clip(path, n_frames=1, frame_size=64)[0] - expected
    assert np.abs(error).max() <= 0.52
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.05


@pytest.mark.parametrize("pixels", ["gray", "gray10le", "gray16le", "gbrp10le"])
def test_full_range_without_chroma_is_scaled_by_its_own_white(tmp_path, pixels):
    path = str(tmp_path / "deep.mkv")
    white = {"gray": 255, "gray10le": 1023, "gbrp10le": 1023}.get(pixels, 65535)
    luma = np.linspace(0, white, 40).astype(int)
    n_planes = 3 if pixels.startswith("gbr") else 1
    frames = [[np.full((48, 64), code)] * n_planes for code in luma]
    write_planes(path, pixels, FULL, 0 if n_planes == 3 else 2, frames)
    levels = read_clip(path, n_frames=40, frame_size=32).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(levels, luma * 255 / white, atol=0.505)


@pytest.mark.parametrize("crop", [np.s_[:, :], np.s_[:200], np.s_[:120], np.s_[:399]], ids=str)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_large_frames_equal_those_resized_in_rgb(tmp_path, crop, pixels):
    path = str(tmp_path / "large.mkv")
    photograph = np.ascontiguousarray(coffee()[crop])  # 400 x 600
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=1)
        stream.height, stream.width = photograph.shape[:2]
        stream.pix_fmt = pixels
        container.mux(stream.encode(av.VideoFrame.from_ndarray(photograph, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(path) as container:
        frame = next(container.decode(video=0))
        exact = VideoReformatter().reformat(frame, format="rgb24", interpolation=2 | ACCURATE)
        whole = exact.to_ndarray()
    expected = cv2.resize(whole, (128, 128), interpolation=cv2.INTER_AREA).astype(int)
    difference = np.abs(read_clip(path, n_frames=1, frame_size=128)[0] - expected)
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.99) <= 2
