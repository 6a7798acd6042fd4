"""Containers, codecs, colours and clocks of all kinds, against what was written."""

import av
import numpy as np
import pytest

from sklearn_m3s.video import FrameReader, check_content, read_clip, read_video

RED, GREY = (200, 60, 60), (120, 120, 120)
# The weights of red and blue in luma, from the recommendations, by FFmpeg's number of the matrix.
# Files without a matrix are BT.601.
MATRICES = {
    1: (0.2126, 0.0722),
    2: (0.299, 0.114),
    4: (0.3, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
PIXELS = {8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le", 16: "yuv444p16le"}


def write(path, planes, codec, pixels, *, options=None, rate=30, ticks=None, **settings):
    """Write frames, each given as one level per plane."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = 48, 64, pixels
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        for i, levels in enumerate(planes):
            frame = av.VideoFrame(64, 48, pixels)
            for plane, level in zip(frame.planes, levels, strict=True):
                kind = np.uint16 if pixels.endswith("le") or pixels == "uyvy422" else np.uint8
                plane.update(np.full(plane.buffer_size // kind().itemsize, level, kind).tobytes())
            frame.pts = i if ticks is None else ticks[i]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("depth", PIXELS)
@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_colours_are_those_of_the_matrix_range_and_depth(tmp_path, matrix, is_full, depth):
    red, blue = MATRICES[matrix]
    r, g, b = np.array(RED) / 255
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)
    scale = 1 << (depth - 8)
    if is_full:
        white = (1 << depth) - 1
        levels = [luma * white, *(128 * scale + part * white for part in chroma)]
    else:
        levels = [(16 + 219 * luma) * scale, *((128 + 224 * part) * scale for part in chroma)]
    settings = {"colorspace": matrix, "color_range": 2 if is_full else 1}
    path = tmp_path / "a.mkv"
    write(path, [np.rint(levels)], "ffv1", PIXELS[depth], **settings)
    clip = read_clip(path, n_frames=1, frame_size=32)
    np.testing.assert_allclose(clip[0, 16, 16], RED, atol=2)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixels", "options"),
    [
        (".mp4", "libx264", "yuv420p", {"crf": "1"}),
        (".mp4", "libx264", "yuv444p10le", {"crf": "1"}),
        (".mp4", "libx265", "yuv420p10le", {"x265-params": "log-level=none:lossless=1"}),
        (".mp4", "libsvtav1", "yuv420p", {"crf": "10"}),
        (".mp4", "mpeg4", "yuv420p", {"b": "4M"}),
        (".mov", "prores_ks", "yuv422p10le", {}),
        (".mov", "mjpeg", "yuvj422p", {"q": "1"}),
        (".mov", "rawvideo", "uyvy422", {}),
        (".mov", "qtrle", "rgb24", {}),
        (".mkv", "libx264", "yuv422p", {"crf": "1"}),
        (".mkv", "ffv1", "yuv420p", {}),
        (".mkv", "ffv1", "gray", {}),
        (".avi", "huffyuv", "yuv422p", {}),
        (".webm", "libvpx", "yuv420p", {"b": "4M"}),
        (".webm", "libvpx-vp9", "yuv420p", {"crf": "4", "b": "0"}),
        (".avi", "mpeg4", "yuv420p", {"b": "4M"}),
        (".avi", "msmpeg4", "yuv420p", {"b": "4M"}),
        (".avi", "rawvideo", "yuv420p", {}),
        (".wmv", "wmv2", "yuv420p", {"b": "4M"}),
        (".flv", "flv", "yuv420p", {"b": "4M"}),
        (".3gp", "mpeg4", "yuv420p", {"b": "4M"}),
        (".ts", "libx264", "yuv420p", {"crf": "1"}),
        (".ts", "mpeg2video", "yuv420p", {"b": "4M"}),
        (".mpg", "mpeg1video", "yuv420p", {"b": "4M"}),
        (".vob", "mpeg2video", "yuv420p", {"b": "4M"}),
        (".mxf", "mpeg2video", "yuv422p", {"b": "8M"}),
        (".nut", "ffv1", "yuv420p", {}),
        (".ivf", "libvpx-vp9", "yuv420p", {"crf": "4", "b": "0"}),
        (".y4m", "wrapped_avframe", "yuv420p", {}),
        (".h264", "libx264", "yuv420p", {"crf": "1"}),
        (".hevc", "libx265", "yuv420p", {"x265-params": "log-level=none:lossless=1"}),
        (".m4v", "mpeg4", "yuv420p", {"b": "4M"}),
        (".mjpeg", "mjpeg", "yuvj420p", {"q": "1"}),
        (".obu", "libsvtav1", "yuv420p", {"crf": "10"}),
        (".gif", "gif", "gray", {}),
        (".apng", "apng", "rgb24", {}),
        (".jxl", "libjxl", "rgb24", {}),
    ],
)
def test_every_frame_of_every_container_and_codec_is_read(tmp_path, suffix, codec, pixels, options):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {codec}")
    n_planes = len(av.VideoFrame(64, 48, pixels).planes)
    is_rgb, is_full = pixels == "rgb24", "j" in pixels or pixels == "gray"
    scale = 4 if "10le" in pixels else 1
    grey = 120 if is_rgb or is_full else 16 + 120 * 219 / 255
    levels = [round(grey * scale)] * n_planes if is_rgb else [round(grey * scale)]
    levels += [128 * scale] * (n_planes - len(levels))
    n_frames = 1 if suffix == ".jxl" else 15
    path = tmp_path / f"a{suffix}"
    if pixels == "uyvy422":
        levels = [0x80 + (round(grey) << 8)]
    write(path, [levels] * n_frames, codec, pixels, options=options)
    clips = []

    class Count:
        def add(self, frames, times, seconds):
            clips.append(frames.copy())

        def value(self):
            return 0

    assert read_video(path, [FrameReader([Count()], frame_rate=1000, frame_size=32)]) == [0]
    frames = np.concatenate(clips)
    assert len(frames) == n_frames
    check_content(path)
    np.testing.assert_allclose(frames[:, 16, 16], np.tile(GREY, (n_frames, 1)), atol=3)
