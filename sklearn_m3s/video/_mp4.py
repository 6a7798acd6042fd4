"""Headers of MP4 files, checked before FFmpeg allocates memory for their entries."""

import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from sklearn_m3s.exceptions import VideoError

# Boxes that hold boxes, and how many bytes come before the first of them.
_OF_BOXES = dict.fromkeys(
    b"dinf edts mdia minf moof moov mvex sinf stbl traf udta wave".split(), 0
) | {b"meta": 4}
_SOUND, _PICTURES = int.from_bytes(b"soun"), int.from_bytes(b"vide")
_MOST_BOXES = 1_000_000
_TOP = {b"ftyp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx"}


def n_declared_samples(file: BinaryIO) -> int:
    """Return the number of samples of all tracks of an MP4 file.

    A few bytes can declare billions of samples of one size or duration. FFmpeg makes an entry for
    each when it opens the file.

    Returns
    -------
    int
        The number, or 0 for files of other formats.

    Raises
    ------
    VideoError
        If the header is compressed, or has more than a million boxes.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(4)
    if file.read(4) not in _TOP:
        return 0
    n_samples = 0
    tracks = [(0, end)]
    # The list grows: first the whole file, then each track found in it.
    for track in tracks:
        boxes: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        for kind, start, stop in _boxes(file, *track):
            boxes[kind].append((start, stop))
        if boxes[b"cmov"]:
            raise VideoError(
                "has a compressed header, which is not supported: convert it to MP4 without one"
            )
        tracks += boxes[b"trak"]
        # Each of these boxes begins with 4 bytes of version and flags. The tables of a track
        # describe the same samples, so the largest count holds.
        n_samples += sum(_number(file, start + 4) for start, _ in boxes[b"trun"])
        if not _is_plain_sound(file, boxes):
            sizes = [_number(file, start + 8) for start, _ in boxes[b"stsz"] + boxes[b"stz2"]]
            runs = [_runs(file, *span) for span in boxes[b"stts"] + boxes[b"ctts"]]
            n_samples += max([0, *sizes, *(int(table[:, 0].sum()) for table in runs)])
    return n_samples


def _is_plain_sound(file: BinaryIO, boxes: dict[bytes, list[tuple[int, int]]]) -> bool:
    """Return whether a track has one sample per point in time. FFmpeg reads these in chunks."""
    kinds = {_number(file, start + 8) for start, _ in boxes[b"hdlr"]}
    durations = [_runs(file, *span)[:, 1].tolist() for span in boxes[b"stts"]]
    return _SOUND in kinds and _PICTURES not in kinds and durations == [[1]]


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the content of all boxes, except those inside tracks."""
    spans = [(start, end)]
    n_boxes = 0
    while spans:
        place, stop = spans.pop()
        while place + 8 <= stop:
            file.seek(place)
            size, kind = struct.unpack(">I4s", file.read(8))
            head = 8
            # 1 means that the size follows in 64 bits.
            if size == 1 and place + 16 <= stop:
                [size] = struct.unpack(">Q", file.read(8))
                head = 16
            # A size of 0 means that the box reaches to the end of the one around it.
            until = min(place + size, stop) if size >= head else stop
            yield kind, place + head, until
            if kind in _OF_BOXES:
                spans.append((place + head + _OF_BOXES[kind], until))
            place = until
            n_boxes += 1
            if n_boxes > _MOST_BOXES:
                raise VideoError(
                    "has more than a million boxes, so it is damaged or not a video: fetch or "
                    "export it again"
                )


def _number(file: BinaryIO, place: int) -> int:
    """Return the number at a position, or 0 at the end of the file."""
    file.seek(place)
    return int.from_bytes(file.read(4))


def _runs(file: BinaryIO, start: int, stop: int) -> np.ndarray:
    """Return the rows (count, value) of a run-length table."""
    n_rows = min(_number(file, start + 4), (stop - start) // 8)
    content = file.read(8 * n_rows)
    return np.frombuffer(content[: len(content) // 8 * 8], ">u4").reshape(-1, 2).astype(np.int64)
