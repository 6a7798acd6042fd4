"""The default decoder: PyAV, frame by frame, in two passes over one file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._geometry import FrameGeometry
from sklearn_m3s.video._sampling import typical_interval

# FFmpeg shows text as pictures of a terminal, and follows playlists to other files.
_NO_VIDEO = {"concat", "dash", "hls", "tty"}
_BY_AREA = int(Interpolation.AREA | 0x40000)  # SWS_ACCURATE_RND, which old PyAV does not name
_CURE = "it is damaged, truncated or of another kind; check it with a player and fetch it again"


class PyAVVideo:
    """A video or image file read by PyAV, as a `Source`.

    The constructor reads the packets, not the pictures: one pass over the file without decoding.

    Parameters
    ----------
    path : str
        An existing, non-empty file.

    Attributes
    ----------
    times : ndarray of shape (n_frames,), float64
        When each frame is shown, in seconds, ascending.
    share_present : float in [0, 1]
        How much is there of the length that the container declares; 1 where it declares none.

    Raises
    ------
    VideoError
        If the file is not a video.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with self._open() as (container, stream):
            stamps = [
                (packet.pts, packet.duration or 0, packet.is_discard)
                for packet in _packets(container, stream)
                if packet.size
            ]
            # Discarded packets come before the start of a clip that was cut without encoding.
            ticks = [pts for pts, _, discarded in stamps if not discarded]
            if not ticks:
                raise VideoError(f"holds no frame: {_CURE}")
            # AVI stores no presentation times: its frames are evenly spaced by definition.
            self._has_clock = container.format.name != "avi" and None not in ticks
            if self._has_clock:
                self.times = np.unique(np.array(ticks, dtype=float)) * float(stream.time_base)
            else:
                self.times = np.arange(len(ticks)) / float(stream.average_rate or 25)
            self.share_present = self._share_present(stamps, container, stream)

    def times_at(self, frame_rate: float) -> np.ndarray:
        """Return the times of the file, whatever the rate."""
        return self.times

    def frames(
        self, wanted: np.ndarray
    ) -> Iterator[tuple[int, Callable[[FrameGeometry], np.ndarray]]]:
        """Yield (index, draw) of the wanted frames that can be decoded.

        Frames come in the order of presentation. `position` counts the wanted frames that are
        settled: a decoded frame settles all whose time has come, and stands for the last of them
        if it is near enough. So a frame that cannot be decoded is skipped, and decoding stops
        after the last wanted frame.
        """
        targets = self.times[wanted]
        position = 0
        with self._open() as (container, stream):
            # VP8 has frames that are not shown: the one that follows at once stands for them.
            intervals = 1.5 if stream.codec_context.name == "vp8" else 0.5
            tolerance = intervals * typical_interval(self.times)
            # Workers run side by side; and with frame threads, a damaged file may keep the
            # interpreter from ever exiting once somebody has set the log level of FFmpeg.
            stream.codec_context.thread_count = 1
            reducer, converter = VideoReformatter(), VideoReformatter()
            for count, frame in enumerate(_decoded(container, stream)):
                time = self._time(frame, count, stream)
                due = int(np.searchsorted(targets, time + 1e-6, side="right"))
                if due > position and time - targets[due - 1] <= tolerance:
                    yield int(wanted[due - 1]), partial(_picture, frame, reducer, converter)
                position = max(position, due)
                if position == len(targets):
                    return

    def _share_present(self, stamps: list, container: Any, stream: Any) -> float:
        end = self.times[-1] + typical_interval(self.times)
        if self._has_clock:  # the last frame may be shown for long
            ends = [pts + lasts for pts, lasts, discarded in stamps if not discarded]
            end = max(end, float(max(ends) * stream.time_base))
        seconds = _declared_seconds(container, stream) or end
        return min(1.0, end / seconds, len(stamps) / (stream.frames or len(stamps)))

    def _time(self, frame: av.VideoFrame, count: int, stream: Any) -> float:
        if self._has_clock and frame.pts is not None:
            return float(frame.pts * stream.time_base)
        return self.times[min(count, len(self.times) - 1)]

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, Any]]:
        try:
            # Opened by us: FFmpeg would take a name for a protocol or a pattern.
            with open(self._path, "rb") as file, av.open(file) as container:
                stream = container.streams.best("video")
                if stream is None or container.format.name in _NO_VIDEO:
                    raise VideoError("holds no video stream: pass a video or an image file")
                yield container, stream
        except av.error.FFmpegError as error:
            raise VideoError(f"cannot be decoded ({error.strerror}): {_CURE}") from error


def _picture(
    frame: av.VideoFrame,
    reducer: VideoReformatter,
    converter: VideoReformatter,
    geometry: FrameGeometry,
) -> np.ndarray:
    """Return a frame as an upright RGB picture."""
    turns = round(frame.rotation / 90)
    shape = (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)
    target = geometry.resized_shape(*shape)
    small = _reduced(frame, target[::-1] if turns % 2 else target, reducer)
    picture = converter.reformat(small, format="rgb24").to_ndarray()
    return geometry.apply(np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture)


def _reduced(
    frame: av.VideoFrame, target: tuple[int, int], reducer: VideoReformatter
) -> av.VideoFrame:
    """Return a large frame at up to twice the target (height, width): fast while it is YUV.

    The picture stays the same, within the rounding of a grey level, where area interpolation
    averages along both axes, and the colour planes have exactly half or all of the frame's size.
    """
    width, height = frame.width, frame.height
    is_fit = frame.format.name.startswith("yuv") and not (width % 2 or height % 2)
    enough = 2 * target[0], 2 * target[1]
    is_smaller = height < target[0] or width < target[1]
    if not is_fit or is_smaller or (height <= enough[0] and width <= enough[1]):
        return frame
    width, height = min(width, enough[1]), min(height, enough[0])
    return reducer.reformat(frame, width, height, interpolation=_BY_AREA)


def _packets(container: Any, stream: Any) -> Iterator[av.Packet]:
    """Yield the packets of a stream up to the first that cannot be read, then one that flushes."""
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError:
        yield av.Packet()


def _decoded(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    """Yield every sound frame in the order of presentation, stepping over damaged packets."""
    for packet in _packets(container, stream):
        try:
            frames = stream.decode(packet if packet.size else None)
        except av.error.FFmpegError:
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)


def _declared_seconds(container: Any, stream: Any) -> float:
    """Return when the container says that a stream ends, or 0 where it does not say."""
    if stream.duration:
        return float((stream.duration + min(stream.start_time or 0, 0)) * stream.time_base)
    if "DURATION" in stream.metadata:  # Matroska writes hours:minutes:seconds
        parts = map(float, stream.metadata["DURATION"].split(":"))
        return sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    return (container.duration or 0) / av.time_base if len(container.streams) == 1 else 0.0
