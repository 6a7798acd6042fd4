"""The default decoder: PyAV, frame by frame, in two passes over one file."""

import re
import warnings
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import av
import av.logging
import cv2
import numpy as np
from av.stream import Disposition
from av.video.reformatter import ColorRange, ColorTrc, Interpolation, VideoReformatter

from sklearn_m3s.exceptions import M3SError, M3SWarning, VideoError
from sklearn_m3s.video._formats import open_container
from sklearn_m3s.video._geometry import Geometry, Orientation
from sklearn_m3s.video._limits import VideoLimits, check_frame_size, over_limit
from sklearn_m3s.video._mp4 import n_declared_samples
from sklearn_m3s.video._sampling import last_end, typical_interval

# SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT, which PyAV 17 does not name. Without both, swscale rounds
# levels down.
_EXACT = 0x40000 | 0x2000
_CURE = "it is damaged, truncated or of another kind; check it with a player and fetch it again"
_CONVERT = "convert it, such as to H.264 in MP4"
_HDR = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
_LONGEST_STEP = 60  # seconds between frames of a stream whose clock runs on
# How many frames a decoder keeps to predict others from: those of HEVC at the sizes that matter.
_MOST_KEPT = {"h264": 16, "hevc": 7, "vvc": 7, "vp9": 9, "av1": 9, "libdav1d": 9}
_TRACKS = 4  # how many tracks, mostly sound, may be as long as the video
_NO_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails


class PyAVVideo:
    """A video or image file read by PyAV, as a `Source`.

    The constructor reads the packets in one pass over the file, without decoding them.

    Parameters
    ----------
    path : str
        An existing, non-empty file.
    limits : VideoLimits
        Limits for the file.

    Attributes
    ----------
    format : str
        FFmpeg's name of the container.
    times : ndarray of shape (n_frames,), float64
        Time of each frame in seconds, ascending.
    end : float
        End of the last frame in seconds.
    share_present : float in [0, 1]
        Share of the length declared by the container that is present. 1 if it declares no length.
    fault : str
        The first error that FFmpeg has reported so far, or an empty string.

    Raises
    ------
    VideoError
        If the file is not a video, or exceeds the limits.

    Warns
    -----
    M3SWarning
        If the file is HDR.
    """

    def __init__(self, path: str, limits: VideoLimits) -> None:
        self._path = path
        self._limits = limits
        with _opened(self._path, self._limits) as (container, stream, packets):
            self.format = container.format.name
            ticks, n_packets, n_corrupt = array("q"), 0, 0
            last = -(1 << 63), 0  # the frame that is shown last, and for how long
            # AVI stores no presentation times: its frames are evenly spaced by definition. So are
            # those of a stream of which any packet lacks its time.
            self._has_clock = self.format != "avi"
            for packet in packets:
                # The last packet is empty: it only tells a decoder to flush.
                if not packet.size:
                    continue
                n_packets += 1
                n_corrupt += packet.is_corrupt
                if n_packets > limits.frames:
                    raise over_limit("frames", f"more than {limits.frames:,} frames")
                # Discarded packets come before the start of a clip that was cut without encoding.
                if not packet.is_discard:
                    self._has_clock &= packet.pts is not None
                    ticks.append(packet.pts or 0)
                    last = max(last, (ticks[-1], packet.duration or 0))
            # FFmpeg does not look at frames that are too large, or finds none at first.
            self._is_sized = bool(stream.codec_context.width)
            if not ticks:
                raise self._nothing_found()
            if self._has_clock:
                # Packets come in the order of decoding, and several can have one time.
                self.times = np.unique(np.array(ticks, dtype=float)) * float(stream.time_base)
                self.end = last_end(self.times, float(last[1] * stream.time_base))
            else:
                self.times = np.arange(len(ticks)) / float(stream.average_rate or 25)
                self.end = last_end(self.times)
            self._check_limits(stream.codec_context, len(ticks))
            self.share_present = 1.0
            self.fault = packets.fault()
            if not packets.shift:  # where clocks start again, nothing declares the whole
                if n_corrupt and not self.fault:
                    self.fault = f"{n_corrupt} of {n_packets} packets are corrupt"
                end_time = float(sum(last) * stream.time_base) if self._has_clock else 0.0
                self.share_present = self._share_present(n_packets, end_time, container, stream)
            if (curve := _HDR.get(stream.codec_context.color_trc)) is not None:
                warnings.warn(
                    f"{path!r} is HDR ({curve}) and is read as it is stored, darker and paler than "
                    "in a player: convert it to SDR",
                    M3SWarning,
                    stacklevel=2,
                )

    def times_at(self, frame_rate: float) -> tuple[np.ndarray, float]:
        """Return the times of the file, and the end of its last frame. The rate has no effect."""
        return self.times, self.end

    def frames(self, wanted: np.ndarray) -> Iterator[tuple[int, Callable[[Geometry], np.ndarray]]]:
        """Yield (index, draw) of the wanted frames that can be decoded.

        Frames come in the order of presentation. `position` counts the wanted frames that are done.
        A decoded frame completes all wanted frames up to its time, and is yielded for the last of
        them if it is near enough. So a frame that cannot be decoded is skipped, and decoding stops
        after the last wanted frame.
        """
        targets = self.times[wanted]
        position = 0
        with _opened(self._path, self._limits) as (_, stream, packets):
            # VP8 has frames that are not shown: the one that follows at once stands for them.
            intervals = 1.5 if stream.codec_context.name == "vp8" else 0.5
            tolerance = intervals * typical_interval(self.times)
            # One thread, since the workers use all cores. With frame threads, a damaged file can
            # also keep the interpreter from exiting if the log level of FFmpeg has been set.
            stream.codec_context.thread_count = 1
            # Frames can grow in the middle of a stream, so the decoder checks their size, too. It
            # gets a tenth more, since some decoders count margins as pixels.
            stream.codec_context.options = {"max_pixels": str(self._max_pixels * 11 // 10)}
            reducer, converter = VideoReformatter(), VideoReformatter()
            for count, frame in enumerate(_decoded(packets, stream)):
                time = self._time(frame, count, stream)
                # The number of wanted frames whose time has come.
                due = int(np.searchsorted(targets, time + 1e-6, side="right"))
                if due > position and time - targets[due - 1] <= tolerance:
                    yield int(wanted[due - 1]), partial(_draw, frame, reducer, converter)
                position = max(position, due)
                if position == len(targets):
                    break
            self.fault = self.fault or packets.fault()
            if not position and not self._is_sized:
                raise self._nothing_found()

    def _nothing_found(self) -> VideoError:
        if self._is_sized:
            return VideoError(f"has no frame: {_CURE}")
        return over_limit("picture_pixels", "frames of an unknown or enormous size")

    def _share_present(self, n_packets: int, end: float, container: Any, stream: Any) -> float:
        end = max(end, self.times[-1] + typical_interval(self.times))
        seconds = _declared_seconds(container, stream) or end
        # `stream.frames` of an MP4 also counts frames that its edit list hides. The index does not.
        is_mp4 = self.format.startswith("mov")
        n_declared = len(stream.index_entries) if is_mp4 else stream.frames
        return min(1.0, end / seconds, n_packets / (n_declared or n_packets))

    def _check_limits(self, codec: Any, n_frames: int) -> None:
        """Compare the headers and packets with the limits, before anything is decoded."""
        limits = self._limits
        if n_frames > 1:
            self._max_pixels = limits.pixels
            check_frame_size(codec.width, codec.height, "pixels", limits.pixels)
        else:
            self._max_pixels = limits.picture_pixels // 2
            check_frame_size(codec.width, codec.height, "picture_pixels", self._max_pixels)
        bits = codec.format.padded_bits_per_pixel if codec.format else 12  # YUV 4:2:0
        n_bytes = codec.width * codec.height * bits // 8
        if n_frames * n_bytes > limits.decoded_bytes:
            raise over_limit("decoded_bytes", f"{n_frames * n_bytes:,} bytes of decoded frames")
        # The frames that the decoder keeps, and the one that it works on.
        n_kept = min(n_frames, _MOST_KEPT.get(codec.name, 3)) + 1
        if n_kept * n_bytes > limits.memory:
            raise over_limit("memory", f"{n_kept} frames of {n_bytes:,} bytes to keep")
        seconds = self.times[-1] - self.times[0]
        if seconds > limits.seconds:
            raise over_limit("seconds", f"{seconds:,.0f} seconds")

    def _time(self, frame: av.VideoFrame, count: int, stream: Any) -> float:
        if self._has_clock and frame.pts is not None:
            return float(frame.pts * stream.time_base)
        # Without a time of its own, a frame has the one of its place in the stream.
        return self.times[min(count, len(self.times) - 1)]


def container_info(
    path: str, limits: VideoLimits
) -> tuple[int | None, int | None, int | None, float, float]:
    """Return the number, width and height of the frames, the length and the rate from a header.

    The length is in seconds and the rate in frames per second. They are NaN if they are unknown.
    """
    with _opened(path, limits) as (container, stream, _):
        is_picture = container.format.name.endswith("_pipe") or container.format.name == "ico"
        n_frames = 1 if is_picture else stream.frames or None
        rate = float(stream.average_rate or np.nan)
        seconds = _declared_seconds(container, stream) or (container.duration or 0) / av.time_base
        codec = stream.codec_context
        size = codec.width or None, codec.height or None
        return n_frames, *size, seconds or (n_frames or np.nan) / rate, rate


@contextmanager
def _opened(path: str, limits: VideoLimits) -> Iterator[tuple[Any, Any, "_Packets"]]:
    """Open a file, and yield the container, the stream of the video and its packets."""
    try:
        # FFmpeg gets an open file, since it would take some names for protocols or patterns.
        with open(path, "rb") as file, av.logging.Capture() as logs:
            n_samples = n_declared_samples(file)
            if n_samples > _TRACKS * limits.frames:
                raise over_limit("frames", f"{n_samples:,} samples in its header")
            container, content = open_container(file, limits.picture_pixels // 2)
            with container:
                stream = _video_stream(container)
                yield container, stream, _Packets(container, stream, content, logs)
    except MemoryError as error:  # FFmpeg's own is among them
        raise over_limit(
            "memory", f"a need of more than {limits.memory:,} bytes of memory"
        ) from error
    except av.error.FFmpegError as error:
        raise VideoError(f"cannot be decoded ({error.strerror}): {_CURE}") from error
    except (M3SError, OSError, Warning):
        raise
    except Exception as error:  # a damaged file can make PyAV raise anything
        name = type(error).__name__
        raise VideoError(f"cannot be decoded ({name}: {error}): {_CURE}") from error


def _video_stream(container: Any) -> Any:
    """Return the stream that a player would show."""
    streams = [s for s in container.streams.video if not s.disposition & _NO_PICTURES]
    if not streams:
        raise VideoError("has no video stream: pass a video or an image file")
    if any(stream.disposition & Disposition.dependent for stream in streams):
        raise VideoError("is a picture in tiles (HEIC), which is not supported: convert it to JPEG")
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    if stream.codec_context is None:
        raise VideoError(f"is encoded by a codec that this FFmpeg does not know: {_CONVERT}")
    return stream


class _Packets:
    """The packets of a stream up to the first unreadable one, then a flushing packet.

    MPEG streams can be joined by appending files. If their clock restarts, the following packets
    are shifted to continue the time.

    Attributes
    ----------
    shift : int
        Current shift of the times, in ticks.
    """

    def __init__(self, container: Any, stream: Any, content: Any, logs: list[tuple]) -> None:
        self.shift = 0
        self._container, self._stream, self._content = container, stream, content
        self._logs, self._fault = logs, ""

    def fault(self) -> str:
        """Return the first error of the container or the decoder so far, or an empty string."""
        # Messages without a source concern the file as well, such as one on a missing packet.
        sources = {"", self._container.format.name, self._stream.codec_context.name}
        for level, source, text in self._logs:
            if not self._fault and level <= av.logging.ERROR and source in sources:
                self._fault = text.strip()
        self._logs.clear()  # there may be millions
        return self._fault

    def __iter__(self) -> Iterator[av.Packet]:
        demuxer = self._container.format.name
        is_joinable = demuxer in ("mpeg", "mpegts")
        longest = int(_LONGEST_STEP / self._stream.time_base)
        last, step = None, 0
        self._content.expect(demuxer)
        try:
            for packet in self._container.demux(self._stream):
                self._content.expect(demuxer)
                self.fault()  # empties the log
                if is_joinable and packet.dts is not None:
                    dts = packet.dts + self.shift
                    if last is not None and not 0 <= dts - last <= longest:
                        # The clock jumped: the next file begins, one step after the last packet.
                        self.shift += last + step - dts
                        dts = last + step
                    elif last is not None:
                        step = dts - last
                    last = packet.dts = dts
                    if packet.pts is not None:
                        packet.pts += self.shift
                yield packet
        except MemoryError:
            raise
        # IndexError: a stream appears that the header does not list. The empty packet lets the
        # decoder give out the frames that it holds.
        except (av.error.FFmpegError, IndexError):
            yield av.Packet()


def _draw(
    frame: av.VideoFrame,
    reducer: VideoReformatter,
    converter: VideoReformatter,
    geometry: Geometry,
) -> np.ndarray:
    try:
        return _picture(frame, reducer, converter, geometry)
    except MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        name = frame.format.name
        raise VideoError(
            f"has pixels of the format {name}, which is not supported: {_CONVERT}"
        ) from error


def _picture(
    frame: av.VideoFrame,
    reducer: VideoReformatter,
    converter: VideoReformatter,
    geometry: Geometry,
) -> np.ndarray:
    """Return a frame as an upright RGB picture."""
    turn = _orientation(frame)
    shape = (frame.width, frame.height) if turn.is_turned else (frame.height, frame.width)
    target = geometry.resized_shape(*shape)
    small = _reduced(frame, target[::-1] if turn.is_turned else target, reducer)
    picture = _rgb(small, converter)
    return geometry.apply(turn.apply(picture))


def _orientation(frame: av.VideoFrame) -> Orientation:
    """Return the turn that makes a frame upright, from its display matrix."""
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # there is side data of a kind that this PyAV does not know
        angle = np.deg2rad(frame.rotation)
        return Orientation.of_matrix(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))
    if matrix is None:
        return Orientation()
    # A 3 x 3 matrix by rows. Only the four numbers that rotate and mirror count here.
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    return Orientation.of_matrix(a, b, c, d)


def _reduced(
    frame: av.VideoFrame, target: tuple[int, int], reducer: VideoReformatter
) -> av.VideoFrame:
    """Reduce a large frame to at most twice the target (height, width), while it is still YUV.

    This is fast. It does not change the final picture, apart from rounding by a grey level, if area
    interpolation averages along both axes and the colour planes have exactly half or all of the
    frame's size. The colour planes become as large as the grey one, so that colours are not
    blurred.
    """
    width, height = frame.width, frame.height
    is_fit = frame.format.name.startswith("yuv") and not (width % 2 or height % 2)
    enough = 2 * target[0], 2 * target[1]
    is_smaller = height < target[0] or width < target[1]
    if not is_fit or is_smaller or (height <= enough[0] and width <= enough[1]):
        return frame
    width, height = min(width, enough[1]), min(height, enough[0])
    full_chroma = re.sub(r"4\d\dp", "444p", frame.format.name)
    smaller = {"width": width, "height": height, "format": full_chroma}
    return _converted(reducer, frame, Interpolation.AREA, **smaller)


def _rgb(frame: av.VideoFrame, converter: VideoReformatter) -> np.ndarray:
    """Return a frame as RGB, with each level rounded to the nearest integer.

    For full range, swscale assumes white at 256 levels times a power of two, which is a quarter of
    a level too much at 10 bits. So full range is converted at 16 bits and scaled by its true white.
    """
    pixels = frame.format
    bits = pixels.components[0].bits
    is_full = frame.color_range == ColorRange.JPEG or pixels.is_rgb or len(pixels.components) < 3
    if bits > 8 and is_full:
        deep = _converted(converter, frame, format="gbrp16le").to_ndarray()
        return cv2.convertScaleAbs(deep, alpha=255 / (65536 - 2 ** (16 - bits)))
    # swscale writes one plane per colour faster than pixel by pixel, unless the source is RGB.
    target = "rgb24" if pixels.is_rgb else "gbrp"
    return _converted(converter, frame, format=target).to_ndarray()


def _converted(
    reformatter: VideoReformatter,
    frame: av.VideoFrame,
    method: Interpolation = Interpolation.BILINEAR,
    **target: Any,
) -> av.VideoFrame:
    return reformatter.reformat(frame, interpolation=int(method) | _EXACT, threads=1, **target)


def _decoded(packets: _Packets, stream: Any) -> Iterator[av.VideoFrame]:
    """Yield all intact frames in the order of presentation, and skip damaged packets."""
    n_frames, unsupported = 0, None
    for packet in packets:
        try:
            frames = stream.decode(packet if packet.size else None)  # None flushes
        except av.error.PatchWelcomeError as error:
            unsupported = error
            continue
        except MemoryError:
            raise
        except av.error.FFmpegError:
            continue
        for frame in frames:
            if not frame.is_corrupt:
                n_frames += 1
                yield frame
    if unsupported and not n_frames:
        name = stream.codec_context.codec.long_name
        message = f"is encoded by {name} in a way that this FFmpeg cannot decode: {_CONVERT}"
        raise VideoError(message) from unsupported


def _declared_seconds(container: Any, stream: Any) -> float:
    """Return the end of a stream according to its container in seconds, or 0 if unknown."""
    if stream.duration:
        # The part of a stream before time 0 is not shown.
        return float((stream.duration + min(stream.start_time or 0, 0)) * stream.time_base)
    # A tag of Matroska, as hours:minutes:seconds. Some programs write other texts.
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = map(float, tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    return (container.duration or 0) / av.time_base if len(container.streams) == 1 else 0.0
