"""Time and memory as videos become more, longer or larger.

    python benchmarks/growth.py [--full]

Prints seconds and peak memory of fitting the context and the regressor, and of the raw tier. The
baseline is the first line of each series. Each line is measured in its own process, whose peak
memory includes the imports. Without ``--full``, clips have at most 1 minute and 720 lines.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()


def describe(path):
    """Read one clip for the raw tier, in this process: a worker does the same."""
    from sklearn_m3s import RawPerception
    from sklearn_m3s.video import read_video

    start = time.perf_counter()
    read_video(path, [RawPerception()._reader()])
    return time.perf_counter() - start


def write_clip(path, seconds, height):
    """Write a clip of a drifting texture."""
    import av
    import numpy as np

    width = height * 16 // 9 // 2 * 2
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    picture = noise.repeat(8, axis=0).repeat(9, axis=1)[:height, :width]
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        for i in range(round(seconds * 30)):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 2 * i, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def fit(n_videos):
    """Fit the contexts of both deep tiers and the regressor to random features."""
    import numpy as np
    from sklearn.preprocessing import FunctionTransformer

    from sklearn_m3s import make_m3s

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, 2783)).astype(np.float32)
    X = centres[rng.integers(200, size=n_videos)]
    X += 0.5 * rng.normal(size=X.shape).astype(np.float32)
    columns = {"raw": slice(0, 15), "scene": slice(15, 735), "event": slice(735, None)}
    tiers = {
        name: FunctionTransformer(lambda X, part=part: X[:, part]) for name, part in columns.items()
    }
    model = make_m3s(**tiers, random_state=0, device="cpu").set_params(regressor__max_epochs=5)
    start = time.perf_counter()
    model.fit(X, rng.uniform(0.5, 1, n_videos))
    return time.perf_counter() - start


def measure(label, task, argument):
    """Print seconds and peak megabytes of a task in a process of its own."""
    command = [sys.executable, "-W", "ignore", str(HERE), "--task", task, str(argument)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = map(float, done.stdout.split())
    print(f"{label}: {seconds:7.1f} s, peak {peak:6.0f} MB", flush=True)


def measure_clip(label, seconds, height):
    """Write a clip, and print what describing it takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clip.mp4"
        write_clip(path, seconds, height)
        measure(f"raw tier, {label}", "describe", path)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--task", nargs=2)
    args = parser.parse_args()
    if args.task:
        name, argument = args.task
        seconds = describe(argument) if name == "describe" else fit(int(argument))
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    for n in (100, 1000, 10_000):
        measure(f"context and regressor (5 epochs) of {n:6} videos", "fit", n)
    for seconds in (1, 10, 60, 600) if args.full else (1, 10, 60):
        measure_clip(f"{seconds:4} s of 240 lines", seconds, 240)
    for height in (240, 480, 720, 1080, 2160) if args.full else (240, 480, 720):
        measure_clip(f"   3 s of {height:4} lines", 3, height)


if __name__ == "__main__":
    main()
