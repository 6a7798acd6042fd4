"""Formats that are allowed. FFmpeg gets their names before it looks into a file."""

import io
import os
import re
from typing import BinaryIO, NoReturn

import av
from av.container import InputContainer
from av.format import ContainerFormat, formats_available

from sklearn_m3s.exceptions import VideoError

# Containers, bare streams, animations, pictures that are not left to Pillow, and sound, which gives
# the message that a file holds no video. Formats that open other files or sockets, or that make
# pictures of text, are left out.
_VIDEO = """
    3g2 3gp amv apng asf av1 avi avs2 avs3 cavsvideo cine dirac dnxhd dv evc flic flv gif gxf h261
    h263 h264 hevc ivf jpegxl_anim m4a m4v matroska mj2 mjpeg mov mp4 mpeg mpegts mpegvideo mpjpeg
    mxf mxg nsv nut nuv obu ogg pva rm smjpeg swf vc1 vc1test vvc webm wtv yuv4mpegpipe
"""
_PICTURES = """
    dds_pipe dpx_pipe exr_pipe hdr_pipe ico j2k_pipe jpegls_pipe jpegxl_pipe pam_pipe pbm_pipe
    pcx_pipe pfm_pipe pgm_pipe phm_pipe ppm_pipe psd_pipe qoi_pipe sgi_pipe sunrast_pipe xwd_pipe
"""
_SOUND = "aac ac3 aiff amr ape au caf dsf dts eac3 flac mp3 mpc mpc8 tak truehd tta w64 wav wv"
_ALLOWED = ",".join(f"{_VIDEO} {_PICTURES} {_SOUND}".split())
_HEAD = 1 << 16
_LONGEST_HEAD = 1 << 20  # what FFmpeg looks at to tell formats apart
# Bytes until a frame is found: for streams that a parser splits into frames, and for containers
# that know the size of each frame.
_MOST_UNPARSED = 1 << 26
_MOST_SIZED = 1 << 28
_SIZED = {"apng", "asf", "avi", "flv", "gif", "gxf", "matroska,webm", "mxf", "nut"}
_SIZED |= {"mov,mp4,m4a,3gp,3g2,mj2"}


class _Content:
    """The content of an open file for FFmpeg, which only sees the suffix of its name.

    Some demuxers read until they find a frame, and parsers keep several copies of what they read.
    So reading fails when `n_left` bytes are used up.
    """

    def __init__(self, file: BinaryIO) -> None:
        suffix = os.path.splitext(file.name)[1].lower()
        self.name = "video" + suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else "video"
        self.seek, self.tell = file.seek, file.tell
        self.expect()
        self._read = file.read

    def read(self, size: int) -> bytes:
        content = self._read(size)
        self.n_left -= len(content)
        if self.n_left < 0:
            raise VideoError(
                "has no frame for many megabytes, so it is damaged or not a video: fetch or export "
                "it again"
            )
        return content

    def expect(self, demuxer: str = "") -> None:
        """Reset the number of bytes allowed until the next frame."""
        self.n_left = _MOST_SIZED if demuxer in _SIZED else _MOST_UNPARSED


def open_container(file: BinaryIO, max_pixels: int) -> tuple[InputContainer, _Content]:
    """Open a file with FFmpeg, if its content is of an allowed format.

    Parameters
    ----------
    file : file object
        An open file. Nothing else is opened.
    max_pixels : int
        The largest picture for which memory is allocated while FFmpeg looks for streams.

    Returns
    -------
    container : InputContainer
        The open container. The caller must close it.
    content : object
        The object that FFmpeg reads from.

    Raises
    ------
    VideoError
        If the format is not allowed.
    av.error.FFmpegError
        If FFmpeg knows no format of this content.
    """
    file.seek(0)
    content = _Content(file)
    options = {"max_pixels": str(max_pixels)}
    try:
        return _open(content, _ALLOWED, options), content
    except av.error.ArgumentError:
        name = _refused_format(file)
        if name is None:
            raise
    raise VideoError(f"has the format {name}, which is not supported: pass a video or a picture")


def _open(content: _Content, formats: str, options: dict[str, str]) -> InputContainer:
    options = options | {"format_whitelist": formats, "protocol_whitelist": ""}
    return av.open(content, "r", options=options, io_open=_refuse, metadata_errors="replace")


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise VideoError("refers to another file, which is not opened: pass a single complete file")


def _refused_format(file: BinaryIO) -> str | None:
    """Return the names of the format that FFmpeg refused in a file, or None if it is allowed.

    FFmpeg does not tell which format it refused. So all refused formats are tried on the head of
    the file, and halved until one is left. All data is skipped, so that no demuxer processes any.
    """
    file.seek(0)
    head = io.BytesIO(file.read(_HEAD))
    head.name = file.name
    names = sorted(_refused_names())
    if not _is_among(head, names):
        return None
    while len(names) > 1:
        half = names[: len(names) // 2]
        names = half if _is_among(head, half) else names[len(half) :]
    return f"{names[0]} ({ContainerFormat(names[0], 'r').long_name})"


def has_allowed_format(path: str) -> bool:
    """Return whether the first bytes of a file are of an allowed format.

    Nothing is parsed or decoded, so this is safe in the process of the user.
    """
    with open(path, "rb") as file:
        head = io.BytesIO(file.read(_LONGEST_HEAD))
    head.name = ""
    # Without a suffix, motion JPEG can pass for a single JPEG.
    others = _refused_names() - {"jpeg_pipe"}
    return not _is_among(head, sorted(others)) and not _is_unknown(head)


def _refused_names() -> set[str]:
    allowed = set(_ALLOWED.split(","))
    return {name for name in formats_available if allowed.isdisjoint(name.split(","))}


def _is_among(head: io.BytesIO, names: list[str]) -> bool:
    """Return whether the format that FFmpeg finds in the head of a file has one of these names."""
    # FFmpeg raises this error for a format that is not on the list.
    return not isinstance(_fault(head, names), av.error.ArgumentError)


def _is_unknown(head: io.BytesIO) -> bool:
    """Return whether FFmpeg finds no format at all. It checks this before the allowed names."""
    return isinstance(_fault(head, ["none"]), av.error.InvalidDataError)


def _fault(head: io.BytesIO, names: list[str]) -> Exception | None:
    head.seek(0)
    try:
        _open(_Content(head), ",".join(names), {"skip_initial_bytes": str(2**40)}).close()
    except (av.error.FFmpegError, VideoError) as error:
        return error
    return None
