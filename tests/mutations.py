"""Damaged videos by seed, and a program that reads them and says how each reading ended.

The program runs in a process of its own, which a damaged video may crash, stall or fill. It writes
a line before and after each reading.
"""

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import av
import numpy as np

from sklearn_m3s.descriptors import MeanOverTime, brightness
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.video import FrameReader, read_video, report_errors

SEED = 20260
BATCH = 250  # readings of one process
SECONDS = 20  # of one reading
MEGABYTES = 1500
MOST_OFF = 3  # levels of brightness
N_FRAMES = 24
CODECS = {
    "h264.mp4": "libx264",
    "hevc.mp4": "libx265",
    "h264.mkv": "libx264",
    "ffv1.mkv": "ffv1",
    "vp8.webm": "libvpx",
    "vp9.webm": "libvpx-vp9",
    "mpeg4.avi": "mpeg4",
    "mjpeg.avi": "mjpeg",
    "gif.gif": "gif",
    "h264.ts": "libx264",
    "mpeg2.ts": "mpeg2video",
}
FORMATS = {"gif": "rgb8", "mjpeg": "yuvj420p"}
# Equal bytes in every run: see sklearn_m3s/_x264.py.
OPTIONS = {
    "libx264": {"g": "8", "x264-params": "mbtree=0"},
    "libx265": {"x265-params": "log-level=none:keyint=8"},
}
# The first bytes of a box, a chunk, an element, a block or a packet.
_UNITS = {
    ".mp4": rb"(?s)(?=....(?:ftyp|moov|mvhd|trak|tkhd|edts|elst|mdia|mdhd|hdlr|minf|dinf|stbl"
    rb"|stsd|avc1|hvc1|hev1|stts|stss|ctts|stsc|stsz|stco|udta|mdat|free))",
    ".avi": rb"(?=RIFF|LIST|avih|strh|strf|strl|JUNK|00dc|idx1)",
    ".mkv": rb"(?s)(?=\x1aE\xdf\xa3|\x18S\x80g|\x11M\x9bt|\x15I\xa9f|\x16T\xaek|\x1fC\xb6u"
    rb"|\x1cS\xbbk|\xa3..\x00\x00)",
    ".gif": rb"(?s)(?=!\xf9\x04|,\x00\x00|!\xff)",
    ".ts": rb"(?s)(?=G[\x00-\x7f].{186}(?:G|$))",
}
_UNITS[".webm"] = _UNITS[".mkv"]
_SIZES = [0, 1, 8, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF]


def write_videos(folder):
    """Write one small clip per container and codec."""
    rng = np.random.default_rng(SEED)
    rows, columns = np.mgrid[:48, :64]
    for name, codec in CODECS.items():
        options = {"fflags": "bitexact"}  # no random numbers in headers
        with av.open(str(folder / name), "w", options=options) as container:
            stream = container.add_stream(codec, rate=25, options=OPTIONS.get(codec, {}))
            stream.height, stream.width = 48, 64
            stream.pix_fmt = FORMATS.get(codec, "yuv420p")
            stream.codec_context.thread_count = 1
            for i in range(N_FRAMES):
                grey = 110 + 60 * np.sin((rows + 3 * i) / 9) * np.cos((columns - 2 * i) / 7)
                levels = (grey[..., None] + rng.normal(0, 6, (48, 64, 3))).clip(0, 255)
                frame = av.VideoFrame.from_ndarray(levels.astype(np.uint8), format="rgb24")
                frame.pts = i
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def mutated(contents, index):
    """Return the suffix and the content of a damaged video, and what was done to it."""
    rng = np.random.default_rng([SEED, index])
    names = sorted(contents)
    name = names[index % len(names)]
    kind = sorted(_MUTATIONS)[index // len(names) % len(_MUTATIONS)]
    content, suffix = contents[name], Path(name).suffix
    other = contents[names[rng.integers(len(names))]]
    damaged = _MUTATIONS[kind](bytearray(content), other, suffix, rng)
    return name, kind, bytes(damaged)


def _flip(content, other, suffix, rng, first=0, last=None):
    last = last or len(content)
    for _ in range(int(2 ** rng.uniform(0, 7))):
        content[rng.integers(first, min(last, len(content)))] ^= 1 << rng.integers(8)
    return content


def _flip_head(content, other, suffix, rng):
    return _flip(content, other, suffix, rng, last=600)


def _flip_tail(content, other, suffix, rng):
    return _flip(content, other, suffix, rng, first=max(0, len(content) - 1500))


def _cut(content, other, suffix, rng):
    return content[: rng.integers(1, len(content))]


def _cut_out(content, other, suffix, rng):
    start, stop = np.sort(rng.integers(0, len(content), 2))
    del content[start : min(stop, start + int(2 ** rng.uniform(0, 12)))]
    return content


def _splice(content, other, suffix, rng):
    start, place = rng.integers(len(other)), rng.integers(len(content))
    piece = other[start : start + int(2 ** rng.uniform(2, 12))]
    replaced = len(piece) if rng.random() < 0.5 else 0
    content[place : place + replaced] = piece
    return content


def _swap(content, other, suffix, rng):
    units = _units(content, suffix)
    for _ in range(rng.integers(1, 4)):
        i, j = rng.integers(0, len(units), 2)
        units[i], units[j] = units[j], units[i]
    return b"".join(units)


def _repeat(content, other, suffix, rng):
    units = _units(content, suffix)
    i, j = rng.integers(0, len(units), 2)
    units[i:i] = [units[j]] * rng.integers(1, 50)
    return b"".join(units)


def _huge(content, other, suffix, rng):
    """Overwrite a number within the first bytes of a unit."""
    units = _units(content, suffix)
    starts = np.cumsum([0, *map(len, units)])[:-1]
    for _ in range(rng.integers(1, 4)):
        place = int(rng.choice(starts)) + int(rng.integers(0, 48))
        width = int(rng.choice([1, 2, 4, 8]))
        number = _SIZES[rng.integers(len(_SIZES))] & (256**width - 1)
        content[place : place + width] = number.to_bytes(width, rng.choice(["big", "little"]))
    return content


def _units(content, suffix):
    starts = [m.start() for m in re.finditer(_UNITS[suffix], content)]
    return [bytes(content[a:b]) for a, b in itertools.pairwise([0, *starts, len(content)]) if a < b]


_MUTATIONS = {
    f.__name__.strip("_"): f
    for f in (_flip, _flip_head, _flip_tail, _cut, _cut_out, _splice, _swap, _repeat, _huge)
}


def read_mutations(folder, indices):
    """Read damaged videos in processes, and return how each reading ended.

    Returns
    -------
    list of dict
        With index, name, kind of damage, and outcome: "row", "warned", "VideoError", the name of
        another exception, "crash" or "hang"; levels off the intact video, what FFmpeg reports,
        and megabytes.
    """
    endings, todo = [], list(indices)
    while todo:
        done = _read_batch(folder, todo[:BATCH])
        endings += done
        todo = todo[len(done) :]
    return endings


def _read_batch(folder, indices):
    """Read until the process dies, is killed, or is done."""
    command = [sys.executable, __file__, str(folder), *map(str, indices)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
    endings = []
    try:
        while len(endings) < len(indices):
            timer = threading.Timer(SECONDS + 30 * (not endings), child.kill)
            timer.start()
            line = child.stdout.readline()
            is_late = not timer.is_alive()
            timer.cancel()
            if not line:
                index = indices[len(endings)]
                endings.append({"index": index, "outcome": "hang" if is_late else "crash"})
                break
            endings.append(json.loads(line))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    return endings


def levels(path):
    """Return the brightness of a video, or the exception that it raised."""
    reader = FrameReader([MeanOverTime(brightness)], frame_rate=25, frame_size=64)
    return read_video(path, [reader])[0]


def _main(folder, indices):
    _limit_memory()
    report_errors()
    contents = {name: (folder / name).read_bytes() for name in CODECS}
    intact = {name: levels(str(folder / name)).item() for name in CODECS}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for index in indices:
            name, kind, content = mutated(contents, index)
            path = Path(scratch, "damaged" + Path(name).suffix)
            path.write_bytes(content)
            ending = {
                "index": index,
                "name": name,
                "kind": kind,
                **_ending(str(path), intact[name]),
            }
            print(json.dumps(ending), flush=True)


def _ending(path, intact):
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = levels(path)
        except BaseException as error:
            value = error
    ending = {"seconds": time.perf_counter() - start, "megabytes": _peak_megabytes()}
    foreign = [w.category.__name__ for w in caught if w.category is not M3SWarning]
    if foreign:
        return ending | {"outcome": foreign[0], "message": str(caught[0].message)}
    if isinstance(value, BaseException):
        return ending | {"outcome": type(value).__name__, "message": str(value)}
    off = abs(value.item() - intact)
    if not np.isfinite(off):
        return ending | {"outcome": "not finite"}
    if caught:
        return ending | {"outcome": "warned", "off": off, "message": str(caught[0].message)}
    reports = _reports(path) if off > MOST_OFF else []
    return ending | {"outcome": "row", "off": off, "reports": reports}


def _reports(path):
    """Return the errors that FFmpeg reports of a file, and that frames are missing, if so."""
    options = {"format_whitelist": "mp4,mov,matroska,webm,avi,gif,mpegts"}
    reports, n_frames, n_packets = [], 0, 0
    with av.logging.Capture() as logs:
        try:
            with av.open(path, options=options, metadata_errors="replace") as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                for packet in container.demux(stream):
                    n_packets += bool(packet.size) and not packet.is_discard
                    try:
                        n_frames += len(packet.decode())
                    except av.error.FFmpegError as error:
                        reports.append(f"{type(error).__name__}")
        except av.error.FFmpegError as error:
            reports.append(f"{type(error).__name__}")
    reports += [f"{source}: {text.strip()}" for _, source, text in logs]
    if n_frames < n_packets:
        reports.append(f"{n_frames} frames of {n_packets}")
    return reports


def _limit_memory():
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))


def _peak_megabytes():
    """Return the peak since the last call, where Linux lists it."""
    try:
        status = Path("/proc/self/status").read_text()
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


if __name__ == "__main__":
    _main(Path(sys.argv[1]), [int(index) for index in sys.argv[2:]])
