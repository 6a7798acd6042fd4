"""The networks of the deep tiers: plain torch, torch as the tiers run it, and OpenVINO.

    python benchmarks/backbones.py [--repeats 3] [--threads 1 2] [--quick]

The baseline, "plain", is the module in eval mode on a whole batch. "torch" is a tier with
`engine="torch"`: batch norms folded, channels last. "OpenVINO" is `engine="openvino"`, converted
beforehand. All three start from the same uint8 frames, and the weights are random. Prints three
tables:

- Seconds per batch, of processor time and by the clock; the speed-up over plain; and the largest
  difference from the features of plain, relative to the largest feature. The three take turns, and
  the least of the repeats counts.
- For a new process that embeds one batch: its peak memory, the seconds to load the network, and the
  seconds from its start to the features. All files are in the system's file cache.
- Seconds, memory and disk space of the conversion to OpenVINO.

With CUDA, prints the speed of one device in bfloat16 against plain torch in its default precision,
and how busy the device is while videos are read.

``--quick`` takes one frame or clip per batch, on two threads, and leaves out the second table.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sklearn_m3s import ClipEncoder, FrameEncoder, backbones
from sklearn_m3s.backbones import NetworkSettings, load_network, resolve_network
from sklearn_m3s.datasets import make_videos

BATCHES = {"hrnetv2_w48": (1, 4, 16), "ip_csn_152": (1, 4), "efficientnet_lite0": (1, 16)}
CUDA_BATCHES = {"hrnetv2_w48": 16, "ip_csn_152": 4}
ENGINES = ("plain", "torch", "openvino")
COLUMNS = "plain / torch / OpenVINO"


def write_weights(name, path):
    """Write random weights whose batch norms do something. Return their path and the spec."""
    module = getattr(backbones, name)()
    generator = torch.Generator().manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
    torch.save(module.state_dict(), path)
    kind = "clip" if name == "ip_csn_152" else "image"
    return path, resolve_network(name, kind, weights=path)


def draw(spec, n_items):
    """Return a batch of uint8 frames or clips of coarse noise, of the size that a network takes."""
    side = spec.geometry.height
    time_axis = (spec.n_frames,) if spec.kind == "clip" else ()
    shape = (n_items, *time_axis, side // 8, side // 8, 3)
    coarse = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return coarse.repeat(8, axis=-3).repeat(8, axis=-2)


def load(spec, engine, shape, device="cpu"):
    """Return a network as a function from frames, of `shape` each, to features."""
    if engine != "plain":
        settings = NetworkSettings(mean=spec.mean, std=spec.std, device=device, engine=engine)
        return load_network(spec, settings, (3, *shape[:-1])).embed
    module = spec.build().to(device)
    mean, std = (torch.tensor(values, device=device) for values in (spec.mean, spec.std))

    def embed(frames):
        batch = torch.from_numpy(frames).to(device).float() / 255
        batch = ((batch - mean) / std).movedim(-1, 1).contiguous()
        with torch.inference_mode():
            return module(batch).cpu().numpy()

    return embed


def take_turns(functions, frames, repeats):
    """Return the least processor and clock seconds of each function."""
    seconds = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, seconds, strict=True):
            start = time.process_time(), time.perf_counter()
            function(frames)
            taken.append((time.process_time() - start[0], time.perf_counter() - start[1]))
    return np.min(seconds, axis=1).T


def difference(found, expected):
    """Return the largest difference, relative to the largest feature."""
    return np.abs(found - expected).max() / np.abs(expected).max()


def cell(values, form):
    """Return a cell of a table."""
    return " / ".join(format(value, form) for value in values)


def print_row(*cells):
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def print_head(*cells):
    """Print the head of a Markdown table."""
    print()
    print_row(*cells)
    print_row(*["---"] * len(cells))


def print_seconds(spec, n_items, threads, repeats):
    """Print a row for each number of threads."""
    frames = draw(spec, n_items)
    functions = [load(spec, engine, frames.shape[1:]) for engine in ENGINES]
    for n_threads in threads:
        torch.set_num_threads(n_threads)
        expected, *found = [function(frames) for function in functions]  # and warm up
        differences = [difference(features, expected) for features in found]
        seconds = take_turns(functions, frames, repeats)  # of the processor, by the clock
        ratios = [cell(taken[0] / taken[1:], ".2f") for taken in seconds]
        cells = [cell(taken, ".3f") for taken in seconds] + ratios + [cell(differences, ".0e")]
        print_row(f"{spec.name} × {n_items}", str(n_threads), *cells)


def embed_in_new_process(spec, weights, engine, n_items, n_threads):
    """Return how many seconds a process took to load a network and to embed, and its megabytes."""
    options = [spec.name, spec.kind, str(weights), engine, str(n_items), str(n_threads)]
    command = [sys.executable, "-W", "ignore", __file__, "--child", *options, str(time.time())]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def child(name, kind, weights, engine, n_items, n_threads, launched):
    """Embed one batch, and print what it took."""
    torch.set_num_threads(int(n_threads))
    spec = resolve_network(name, kind, weights=weights)
    frames = draw(spec, int(n_items))
    start = time.perf_counter()
    embed = load(spec, engine, frames.shape[1:])
    loaded = time.perf_counter() - start
    embed(frames)
    first = time.time() - float(launched)
    # Linux only. The peak of `resource` would include that of the parent.
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps([loaded, first, int(status["VmHWM"].split()[0]) / 1024]))


def print_memory(spec, weights, n_items, n_threads):
    """Print a row for new processes."""
    taken = [embed_in_new_process(spec, weights, name, n_items, n_threads) for name in ENGINES]
    loaded, first, megabytes = np.transpose(taken)
    seconds = [cell(values, ".1f") for values in (loaded, first)]
    print_row(f"{spec.name} × {n_items}", cell(megabytes, ".0f"), *seconds)


def convert(spec, weights, n_threads):
    """Convert a network in a process of its own, and return a row of what it took."""
    seconds, _, megabytes = embed_in_new_process(spec, weights, "openvino", 1, n_threads)
    stored = max((weights.parent / "openvino").iterdir(), key=lambda path: path.stat().st_mtime)
    sizes = sum(path.stat().st_size for path in stored.iterdir()), weights.stat().st_size
    cells = [f"{seconds:.1f}", f"{megabytes:.0f}", *(f"{size / 1e6:.0f}" for size in sizes)]
    return [spec.name, *cells]


def print_cuda(spec, weights, n_items, repeats):
    """Print what a CUDA device does, and how busy it is while videos are read."""
    frames = draw(spec, n_items)
    functions = [load(spec, engine, frames.shape[1:], "cuda") for engine in ("plain", "torch")]
    expected, found = [function(frames) for function in functions]
    _, (plain_clock, clock) = take_turns(functions, frames, repeats)
    encoder = ClipEncoder if spec.kind == "clip" else FrameEncoder
    tier = encoder(spec.name, weights=weights, device="cuda", batch_size=n_items, n_jobs=-1)
    with tempfile.TemporaryDirectory() as folder:
        videos = make_videos(64, folder, frame_size=256, random_state=0).videos
        tier.fit(videos).transform(videos[:n_items])
        start = time.perf_counter()
        tier.transform(videos)
        passed = time.perf_counter() - start
    print_row(
        f"{spec.name} × {n_items}",
        f"{n_items / clock:.1f}",
        f"{plain_clock / clock:.2f}",
        f"{difference(found, expected):.0e}",
        f"{len(videos) / passed:.1f}",
        f"{clock * len(videos) / n_items / passed:.0%}",
    )


def print_tables(specs, batches, threads, repeats, *, quick):
    """Print all tables, given specs by the path of their weights."""
    cases = [(spec, path, n) for path, spec in specs.items() for n in batches[spec.name]]
    conversions = [convert(spec, path, max(threads)) for path, spec in specs.items()]
    ratios = "times as fast as plain (torch / OpenVINO)", "by the clock"
    print_head("batch", "threads", f"processor s ({COLUMNS})", "clock s", *ratios, "difference")
    for spec, _, n_items in cases:
        print_seconds(spec, n_items, threads, repeats)
    if not quick:
        print_head("batch", f"peak MB ({COLUMNS})", "s to load", "s from start to features")
        for case in cases:
            print_memory(*case, max(threads))
    print_head("conversion", "s", "peak MB", "MB on disk", "MB of weights")
    for row in conversions:
        print_row(*row)
    if not torch.cuda.is_available():
        print("\nno CUDA here: not measured")
        return
    print(f"\n{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}")
    speed = "items/s", "times as fast as plain", "difference"
    print_head("batch", *speed, "videos/s from files", "device busy")
    for path, spec in specs.items():
        if spec.name in CUDA_BATCHES:
            print_cuda(spec, path, CUDA_BATCHES[spec.name], repeats)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", nargs=7)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    print(f"PyTorch {torch.__version__}, OpenVINO {version('openvino')}, {platform.machine()}")
    batches = dict.fromkeys(BATCHES, (1,)) if args.quick else BATCHES
    threads = [2] if args.quick else args.threads
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SKLEARN_M3S_WEIGHTS"] = folder
        specs = dict(write_weights(name, Path(folder) / f"{name}.pth") for name in batches)
        print_tables(specs, batches, threads, args.repeats, quick=args.quick)


if __name__ == "__main__":
    main()
