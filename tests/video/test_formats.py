"""Only files of allowed formats are opened, and they open no other file."""

import http.server
import os
import socketserver
import struct
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video import read_clip

SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 50004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
CONCAT = "ffconcat version 1.0\nfile canary.mp4\n"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="64" height="48"><image width="64" height="48" xlink:href="canary.png"/></svg>'
)
ASS = "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:0:0,0:0:9,,,,,,,text\n"

TEXT_SUFFIXES = "adf ans art asc bin cdg diz ice idf nfo rt srt sub txt vtt xb"
NAMES = r"""
canary%03d.mp4 %d.mp4 canary*.mp4 canary?.mp4 [canary].mp4 -i.mp4 --help.mp4 -.mp4 |ls.mp4 a:b.mp4
file:canary.mp4 cache:canary.mp4 concat:canary.mp4 crypto:canary.mp4 data:canary.mp4 pipe:0.mp4
subfile,,start,0,end,9,,:canary.mp4 tcp:x.mp4 udp:x.mp4 async:canary.mp4 md5:x.mp4 lavfi:x.mp4
~.mp4 $HOME.mp4 ${IFS}.mp4 `id`.mp4 ;ls.mp4 &.mp4 >.mp4 <.mp4 '.mp4 ".mp4 \.mp4 %s%n.mp4 .mp4
...mp4 é.mp4 💡.mp4 a=b.mp4 @list.mp4 #frag.mp4 a?b#c.mp4 {a,b}.mp4 %00.mp4
"""


@pytest.fixture
def canary(tmp_path, draw, write_clip):
    """Put a clip and a picture into the folder, which no other file may open."""
    cv2.imwrite(str(tmp_path / "canary.png"), draw(2)[1])
    return write_clip(tmp_path / "canary.mp4", draw(4))


@pytest.fixture
def requests():
    """Return the address of a server at 127.0.0.1, and the list of its requests."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            pass

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("canary")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".txt", ""])
@pytest.mark.parametrize(
    ("name", "content"),
    [("sdp", SDP), ("concat", CONCAT), ("svg_pipe", SVG), ("ass", ASS)],
    ids=["sdp", "concat", "svg", "ass"],
)
def test_text_is_refused_by_the_name_of_its_format_whatever_the_file_is_called(
    tmp_path, name, content, suffix
):
    path = tmp_path / f"upload{suffix}"
    path.write_text(content)
    with pytest.raises(VideoError, match=rf"has the format {name} \("):
        read_clip(path, n_frames=1)


@pytest.mark.parametrize("suffix", [".m3u8", ".m3u", ".mp4", ".ts"])
@pytest.mark.parametrize("target", ["{url}/part.ts", "canary.mp4", "playlist{suffix}"])
@pytest.mark.usefixtures("canary")
def test_a_playlist_opens_no_other_file(tmp_path, requests, suffix, target):
    url, asked = requests
    path = tmp_path / f"playlist{suffix}"
    for end in ("#EXT-X-ENDLIST\n", ""):  # without it, the playlist is live
        content = PLAYLIST.format(url=target.format(url=url, suffix=suffix))
        path.write_text(content.replace("#EXT-X-ENDLIST\n", end))
        with pytest.raises(VideoError, match=r"format hls|cannot be decoded"):
            read_clip(path, n_frames=1)
    assert not asked


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_a_list_does_not_open_an_endless_pipe(tmp_path, decoder):
    os.mkfifo(tmp_path / "pipe.mp4")
    path = tmp_path / "upload.mp4"
    path.write_text("ffconcat version 1.0\nfile pipe.mp4\n")
    with pytest.raises(VideoError, match="format concat"):
        read_clip(path, n_frames=1, decoder=decoder)
    with pytest.raises(VideoError, match="not a regular file"):
        read_clip(tmp_path / "pipe.mp4", n_frames=1, decoder=decoder)


@pytest.mark.skipif(not Path("/proc/self/net/udp").exists(), reason="sockets are listed by Linux")
def test_a_session_description_binds_no_socket(tmp_path):
    """Counted in a process of its own, at every file that it opens or reads."""
    (tmp_path / "upload.mp4").write_text(SDP)
    program = (
        "import os, sys\n"
        "from sklearn_m3s.video import read_clip\n"
        "made = []\n"
        "import threading\n"
        "done = threading.Event()\n"
        "def watch():\n"
        "    while not done.wait(0.0005):\n"
        "        for number in os.listdir('/proc/self/fd'):\n"
        "            try:\n"
        "                made.extend(x for x in [os.readlink(f'/proc/self/fd/{number}')]\n"
        "                            if x.startswith('socket'))\n"
        "            except OSError:\n"
        "                pass\n"
        "thread = threading.Thread(target=watch)\n"
        "thread.start()\n"
        "for _ in range(20):\n"
        "    try:\n"
        "        read_clip(sys.argv[1], n_frames=1)\n"
        "    except ValueError as error:\n"
        "        message = str(error)\n"
        "done.set()\n"
        "thread.join()\n"
        "print(len(made), message)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "upload.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("0 has the format sdp")


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES.split())
def test_text_is_not_drawn_as_by_a_terminal(tmp_path, rng, suffix):
    path = tmp_path / f"upload.{suffix}"
    for content in (rng.integers(0, 256, 9000, dtype=np.uint8).tobytes(), b"some text\n" * 900):
        path.write_bytes(content)
        with pytest.raises(VideoError, match=r"has the format|cannot be decoded|no video"):
            read_clip(path, n_frames=1)


@pytest.mark.parametrize("name", NAMES.split())
def test_a_hostile_name_is_only_a_name(tmp_path, canary, draw, write_clip, monkeypatch, name):
    """This file has grey levels around 80, and the canary 0 to 12."""
    bright = Path(write_clip(tmp_path / "bright.mov", draw(24)[20:]))
    bright.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for decoder in ("pyav", "decord"):
        if decoder == "decord":
            pytest.importorskip("decord", reason='needs the extra "decord"')
        for path in (name, tmp_path / name):
            clip = read_clip(path, n_frames=1, frame_size=32, decoder=decoder)
            assert abs(int(clip[0, 16, 16, 0]) - 88) < 4


def test_a_data_reference_of_an_mp4_is_not_followed(tmp_path, canary):
    """A track may name the file that its samples are in."""
    content = Path(canary).read_bytes()
    start = content.index(b"dref") - 4
    [size] = struct.unpack(">I", content[start : start + 4])
    entry = b"alis" + bytes(4) + str(tmp_path / "canary.mp4").encode()
    entry = struct.pack(">I", 4 + len(entry)) + entry
    dref = b"dref" + struct.pack(">II", 0, 1) + entry
    dref = struct.pack(">I", 4 + len(dref)) + dref
    longer = bytearray(content[:start] + dref + content[start + size :])
    for box in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = longer.index(box) - 4
        [old] = struct.unpack(">I", longer[place : place + 4])
        longer[place : place + 4] = struct.pack(">I", old + len(dref) - size)
    mdat = longer.index(b"mdat") + 4
    [n_bytes] = struct.unpack(">I", longer[mdat - 8 : mdat - 4])
    longer[mdat : mdat - 8 + n_bytes] = bytes(n_bytes - 8)  # no picture of its own
    path = tmp_path / "refers.mp4"
    path.write_bytes(longer)
    with pytest.raises(VideoError):
        read_clip(path, n_frames=1)


def test_an_archive_is_refused(tmp_path, canary):
    path = tmp_path / "upload.mp4"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(canary, "canary.mp4")
    with pytest.raises(VideoError, match="cannot be decoded"):
        read_clip(path, n_frames=1)


def test_decord_is_asked_only_for_what_pyav_has_checked(tmp_path, draw, write_clip):
    pytest.importorskip("decord", reason='needs the extra "decord"')
    content = bytearray(Path(write_clip(tmp_path / "whole.mkv", draw(60))).read_bytes())
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"truncated or damaged|decord finds"):
        read_clip(cut, n_frames=4, decoder="decord")


def test_tags_that_are_not_text_are_ignored(tmp_path, draw):
    path = tmp_path / "tagged.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "TITLE"
        stream = container.add_stream("ffv1", rate=1)
        stream.height, stream.width = 48, 64
        container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(6)[5], format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"\xff\xfe\x80\x81\xc0"))
    assert read_clip(path, n_frames=1, frame_size=32).shape == (1, 32, 32, 3)
