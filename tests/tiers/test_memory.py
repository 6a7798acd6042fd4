"""Memory depends on the settings, and not on the length of a clip."""

import subprocess
import sys

import av
import numpy as np
import pytest

PROGRAM = """
import resource, sys
from sklearn_m3s import RawPerception
from sklearn_m3s.video import read_clip, read_video

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def read(path):
    {read}

read(sys.argv[1])
before = peak()
read(sys.argv[2])
print(peak() - before)
"""
READS = {
    "raw": "read_video(path, [RawPerception(flow='dis', hog_cell=32)._reader()])",
    "deep": "read_clip(path, n_frames=32)",
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Return the paths of a short and a long clip of the same frames, 3 and 60 seconds."""
    folder = tmp_path_factory.mktemp("lengths")
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) // 4 for _ in range(5)]
    paths = []
    for seconds in (3, 60):
        paths.append(str(folder / f"{seconds}.mp4"))
        with av.open(paths[-1], "w") as container:
            stream = container.add_stream("libx264", rate=15, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for i in range(15 * seconds):
                frame = av.VideoFrame.from_ndarray(pictures[i % 5], format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return paths


@pytest.mark.slow  # a minute of video is described twice
@pytest.mark.parametrize("kind", READS)
def test_a_clip_twenty_times_as_long_needs_no_more_memory(clips, kind):
    program = PROGRAM.format(read=READS[kind])
    command = [sys.executable, "-W", "ignore", "-c", program, *clips]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes = float(done.stdout)
    # Kept frames would take 15 * 57 * 256 * 256 * 3 bytes, 168 MB, more.
    assert megabytes < 40
