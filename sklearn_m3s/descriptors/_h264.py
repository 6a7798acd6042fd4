"""Size of a video compressed with H.264."""

from fractions import Fraction
from numbers import Real
from typing import Final

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_m3s._x264 import x264_options
from sklearn_m3s.descriptors._frames import require_frames
from sklearn_m3s.exceptions import M3SError

_ENCODER: Final = "libx264"
# Quick settings that rank real clips as x264's default preset does: Spearman 0.994, and 0.981 with
# "superfast", which has no look-ahead (``benchmarks/results/descriptors.csv``).
_SETTINGS = {
    "preset": "veryfast",
    "crf": "23",
    # One motion vector per macroblock, found by the cheapest search.
    "x264-params": "partitions=none:me=dia:subme=1",
}


class H264Meter:
    """Count the bytes of an H.264 stream whose frames arrive in blocks.

    Nothing is written: the packets are counted and dropped. The result depends on the frames only,
    not on how they are cut into blocks. libx264 runs on one thread, with preset veryfast, motion
    compensation of whole macroblocks only, constant rate factor 23 and 4:2:0 chroma subsampling.
    Macroblock trees are off unless the width is a multiple of 128. An odd side is made even by
    repeating the last row or column.

    Parameters
    ----------
    frame_rate : float, default=15
        Frames per second.

    Raises
    ------
    ValueError
        If `frame_rate` is not positive.

    See Also
    --------
    h264_bytes : The same for frames that are in memory.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 3.2 (vi).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import H264Meter, h264_bytes
    >>> frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype="uint8")
    >>> meter = H264Meter()
    >>> meter.add(frames[:1])
    >>> meter.add(frames[1:])
    >>> meter.value() == h264_bytes(frames)
    True
    """

    @validate_params(
        {"frame_rate": [Interval(Real, 0, None, closed="neither")]},
        prefer_skip_nested_validation=True,
    )
    def __init__(self, frame_rate: float = 15) -> None:
        self._frame_rate = frame_rate
        # Opened with the first frames, whose size it needs. Until then, a meter can be pickled.
        self._encoder: av.VideoCodecContext | None = None
        self._shape = (0, 0)
        self._is_finished = False
        self._n_frames = self._n_bytes = 0

    def add(
        self,
        frames: np.ndarray,
        times: np.ndarray | None = None,
        seconds: np.ndarray | None = None,
    ) -> None:
        """Encode more frames.

        Parameters
        ----------
        frames : ndarray of shape (T, H, W, 3), dtype uint8
            RGB frames, all of the size of the first.
        times, seconds : ndarray of shape (T,), default=None
            Ignored: a frame lasts 1 / `frame_rate` seconds.

        Raises
        ------
        TypeError
            If `frames` is not a uint8 array.
        ValueError
            If `frames` is not of shape (T, H, W, 3) with H and W as before, or comes after `value`
            was called.
        M3SError
            If PyAV has no libx264.
        """
        require_frames(frames)
        if self._is_finished:
            raise ValueError("value() has ended this stream: use a new H264Meter for more frames")
        shape = frames.shape[1], frames.shape[2]
        if self._encoder is None:
            self._shape, self._encoder = shape, _open_encoder(*shape, self._frame_rate)
        if shape != self._shape:
            raise ValueError(
                f"frames must have the size {self._shape} of the earlier ones, got the shape "
                f"{frames.shape}: resize them, or use another H264Meter"
            )
        for frame in frames:
            planes: np.ndarray = cv2.cvtColor(_even(frame), cv2.COLOR_RGB2YUV_I420)
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            # In units of the time base, which is one frame.
            picture.pts = self._n_frames
            self._n_frames += 1
            self._n_bytes += sum(packet.size for packet in self._encoder.encode(picture))

    def value(self) -> int:
        """End the stream, and return its size. No more frames can be added.

        Returns
        -------
        int
            Bytes of the whole stream, 0 if it has no frames.
        """
        self._is_finished = True
        if self._encoder is not None:
            self._n_bytes += sum(packet.size for packet in self._encoder.encode(None))
            self._encoder = None  # frees the frames that it holds
        return self._n_bytes


def h264_bytes(frames: np.ndarray, *, frame_rate: float = 15) -> int:
    """Compute the size of a video compressed with H.264.

    Parameters
    ----------
    frames : ndarray of shape (T, H, W, 3), dtype uint8
        RGB frames.
    frame_rate : float, default=15
        Frames per second.

    Returns
    -------
    int
        Bytes of the stream, without a container. See `H264Meter` for the settings.

    Raises
    ------
    TypeError
        If `frames` is not a uint8 array.
    ValueError
        If `frames` is not of shape (T, H, W, 3) with T >= 1, or `frame_rate` is not positive.
    M3SError
        If PyAV has no libx264.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 3.2 (vi).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import h264_bytes
    >>> still = np.zeros((8, 64, 64, 3), dtype="uint8")
    >>> noise = np.random.default_rng(0).integers(0, 256, still.shape, dtype="uint8")
    >>> h264_bytes(still) < h264_bytes(noise)
    True
    """
    meter = H264Meter(frame_rate)
    meter.add(frames)
    return meter.value()


def _open_encoder(height: int, width: int, frame_rate: float) -> av.VideoCodecContext:
    try:
        encoder = av.CodecContext.create(_ENCODER, "w")
    except UnknownCodecError as error:
        raise M3SError(
            f"the H.264 size needs the encoder {_ENCODER}, which this PyAV ({av.__version__}) was "
            "built without: install PyAV's own wheel (pip install av), or leave the descriptor out"
        ) from error
    encoder.height, encoder.width = height + height % 2, width + width % 2
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(float(frame_rate)).limit_denominator(100_000)
    encoder.time_base = 1 / encoder.framerate
    encoder.thread_count = 1
    encoder.options = x264_options(encoder.width, _SETTINGS)
    return encoder


def _even(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    return cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
