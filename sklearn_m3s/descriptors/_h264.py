"""Size of a video when it is compressed with H.264."""

from fractions import Fraction
from numbers import Integral, Real

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_m3s.descriptors._frames import check_frames
from sklearn_m3s.exceptions import M3SError

_ENCODER = "libx264"
# The quickest settings that rank real clips as x264's default preset does (Spearman 0.996); without
# the look-ahead of "veryfast", as in "superfast", it is 0.955.
_SETTINGS = {
    "preset": "veryfast",
    "crf": "23",
    "x264-params": "partitions=none:me=dia:subme=1",
}


class H264Meter:
    """Count the bytes of an H.264 stream whose frames arrive in blocks.

    Nothing is written anywhere: the packets are counted and dropped. The result depends on the
    frames alone, not on how they are cut into blocks. libx264 runs on one thread, preset veryfast
    with motion compensation of whole macroblocks only, constant rate factor 23, 4:2:0, and without
    macroblock trees where the width is no multiple of 128; an odd side is made even by repeating
    the last row or column.

    Parameters
    ----------
    frame_size : int or tuple of (height, width)
        Size of the frames in pixels; an int is the side of a square.
    frame_rate : float, default=15
        Frames per second.

    Raises
    ------
    ValueError
        If `frame_size` or `frame_rate` is not positive.
    M3SError
        If PyAV has no libx264.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 3.2 (vi).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import H264Meter, h264_bytes
    >>> frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype="uint8")
    >>> with H264Meter(32) as meter:
    ...     meter.add(frames[:1])
    ...     meter.add(frames[1:])
    ...     n_bytes = meter.finish()
    >>> n_bytes == h264_bytes(frames)
    True
    """

    @validate_params(
        {
            "frame_size": [Interval(Integral, 1, None, closed="left"), tuple],
            "frame_rate": [Interval(Real, 0, None, closed="neither")],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(self, frame_size, frame_rate=15):
        square = isinstance(frame_size, Integral)
        self._shape = (frame_size, frame_size) if square else frame_size
        if len(self._shape) != 2 or min(self._shape) < 1:
            raise ValueError(
                "The 'frame_size' parameter of H264Meter must be a side, or (height, width), of 1 "
                f"pixel or more. Got {frame_size!r} instead."
            )
        self._encoder = _open_encoder(*self._shape, frame_rate)
        self._n_frames = self._n_bytes = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._encoder = None  # frees the frames that it holds back

    def add(self, frames):
        """Encode more frames.

        Parameters
        ----------
        frames : ndarray of shape (T, H, W, 3), dtype uint8
            RGB frames of the size `frame_size`.

        Raises
        ------
        TypeError
            If `frames` is not a uint8 array.
        ValueError
            If `frames` is not of shape (T, H, W, 3) with H and W as `frame_size` has them.
        """
        check_frames(frames)
        if frames.shape[1:3] != self._shape:
            raise ValueError(
                f"frames must have the size {self._shape} of this meter, got the shape "
                f"{frames.shape}: resize them, or use a meter of their own"
            )
        for frame in frames:
            self._encode(_even(frame))

    def _encode(self, frame):
        planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts = self._n_frames
        self._n_frames += 1
        self._n_bytes += sum(packet.size for packet in self._encoder.encode(picture))

    def finish(self):
        """Flush the encoder; no more frames may be added.

        Returns
        -------
        int
            Bytes of the whole stream.
        """
        self._n_bytes += sum(packet.size for packet in self._encoder.encode(None))
        return self._n_bytes


def h264_bytes(frames: np.ndarray, frame_rate: float = 15) -> int:
    """Compute the size of a video when it is compressed with H.264.

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
    check_frames(frames)
    with H264Meter(frames.shape[1:3], frame_rate) as meter:
        meter.add(frames)
        return meter.finish()


def _open_encoder(height, width, frame_rate):
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
    # Where rows do not fill its blocks, the look-ahead by macroblock trees reads memory that it
    # never wrote: equal frames gave other bytes.
    tree = ":mbtree=0" if encoder.width % 128 else ""
    encoder.options = _SETTINGS | {"x264-params": _SETTINGS.get("x264-params", "") + tree}
    return encoder


def _even(frame):
    height, width = frame.shape[:2]
    return cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
