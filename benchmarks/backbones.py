"""The networks of the deep tiers: the plain modules against what the tiers make of them.

    python benchmarks/backbones.py [--threads 1 2] [--rounds 5] [--full]

On the CPU: milliseconds of an item, by the clock and by the processor, their ratio to the plain
module in the same rounds, the largest difference of features and the memory of a process of its
own. ``--full`` adds 16 frames, and a clip of 32 frames, of 256 x 256: what the tiers are given.

On CUDA, if there is any: the same for ways to run the networks, against the plain module in
float32 without TF32; how well a linear probe ranks by their features as it does by those of the
plain module; and how busy the device is while videos are read.
"""

import argparse
import multiprocessing
import platform
import statistics
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from torch import nn
from torch.nn import functional

from sklearn_m3s import EventUnderstanding, SceneParsing
from sklearn_m3s.backbones._build import build
from sklearn_m3s.backbones._convolutions import PointwiseConv3d
from sklearn_m3s.backbones._embed import Backbone
from sklearn_m3s.backbones._streamline import as_channels_last, fold_batch_norms, streamline
from sklearn_m3s.datasets import make_videos

CPU_SHAPES = {
    "hrnetv2_w48": [(1, 3, 256, 256), (4, 3, 256, 256)],
    "ip_csn_152": [(1, 3, 16, 112, 112)],
}
FULL_SHAPES = {"hrnetv2_w48": (16, 3, 256, 256), "ip_csn_152": (1, 3, 32, 256, 256)}
CUDA_SHAPES = {"hrnetv2_w48": (16, 3, 256, 256), "ip_csn_152": (4, 3, 32, 256, 256)}
TIERS = {"hrnetv2_w48": SceneParsing, "ip_csn_152": EventUnderstanding}
N_PROBED = 96


def network(architecture):
    """Return an untrained network whose batch norms do something."""
    model = build(architecture)
    generator = torch.Generator().manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
    return model


def plain(architecture, device="cpu"):
    """Return the plain module as a function of a normalised batch."""
    model = network(architecture).to(device)

    def infer(batch):
        flags = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with torch.inference_mode(), flags:
            return model(batch).cpu().numpy()

    return infer


def tier(architecture, device="cpu", precision="float32"):
    """Return what the tiers run."""
    return Backbone(architecture, network(architecture), device, precision)._infer


def noise(shape, seed=0):
    """Return a normalised batch of smooth noise, each item of its own coarseness and colour."""
    generator = torch.Generator().manual_seed(seed)
    mode = "bilinear" if len(shape) == 4 else "trilinear"
    items = []
    for _ in range(shape[0]):
        coarse = [1 + int(torch.randint(3, 24, (), generator=generator)) for _ in shape[2:]]
        item = torch.randn(1, 3, *coarse, generator=generator)
        colour = torch.randn(1, 3, *[1] * len(coarse), generator=generator)
        items.append(functional.interpolate(item + colour, size=shape[2:], mode=mode))
    return torch.cat(items)


def rounds(functions, batch, n_rounds):
    """Return the seconds by the clock, and by the processor, of each function in each round."""
    seconds = {name: ([], []) for name in functions}
    for function in functions.values():
        function(batch)
    for _ in range(n_rounds):
        for name, function in functions.items():
            clock, processor = time.perf_counter(), time.process_time()
            function(batch)
            seconds[name][0].append(time.perf_counter() - clock)
            seconds[name][1].append(time.process_time() - processor)
    return seconds


def ratio(baseline, seconds):
    """Return the median over the rounds of how many times as fast a function is."""
    return statistics.median(a / b for a, b in zip(baseline, seconds, strict=True))


def error(found, expected):
    """Return the largest difference, relative to the largest feature."""
    return np.abs(found - expected).max() / np.abs(expected).max()


def peak(function, architecture, shape, n_threads):
    """Return the megabytes that a process needs that does nothing else."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_peak, function, architecture, shape, n_threads).result()


def _peak(function, architecture, shape, n_threads):
    torch.set_num_threads(n_threads)
    function(architecture)(noise(shape))
    # Linux only; what `resource` knows includes the parent's memory.
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def compare_on_cpu(architecture, shape, n_threads, n_rounds):
    """Print a row for the plain module and one for what the tiers run."""
    torch.set_num_threads(n_threads)
    makers = {"plain": plain, "tier": tier}
    functions = {name: make(architecture) for name, make in makers.items()}
    batch = noise(shape)
    seconds = rounds(functions, batch, n_rounds)
    difference = error(functions["tier"](batch), functions["plain"](batch))
    print(f"\n{architecture}, {shape}, {n_threads} threads: difference {difference:.0e}")
    for name, (clock, processor) in seconds.items():
        n_megabytes = peak(makers[name], architecture, shape, n_threads)
        print(
            f"  {name:8} {1000 * min(clock) / shape[0]:8.0f} ms an item, "
            f"{ratio(seconds['plain'][0], clock):5.2f} times as fast by the clock, "
            f"{ratio(seconds['plain'][1], processor):5.2f} by the processor, {n_megabytes} MB"
        )


class ShiftedConv3d(nn.Module):
    """A depthwise convolution as a sum of 27 shifted products, for a compiler to fuse."""

    def __init__(self, conv):
        super().__init__()
        self.weight, self.bias, self.stride = conv.weight, conv.bias, conv.stride

    def forward(self, x):
        sizes = [(n - 1) // step + 1 for n, step in zip(x.shape[2:], self.stride, strict=True)]
        x = functional.pad(x, (1,) * 6)
        out = self.bias.view(-1, 1, 1, 1)
        for offsets in np.ndindex(3, 3, 3):
            steps = zip(offsets, sizes, self.stride, strict=True)
            part = [slice(o, o + step * (n - 1) + 1, step) for o, n, step in steps]
            out = out + x[:, :, *part] * self.weight[:, 0, *offsets].view(-1, 1, 1, 1)
        return out


def bfloat16(architecture, device, *, channels_last, depthwise=None):
    """Return a folded network in bfloat16, with a choice of depthwise convolutions."""
    model = fold_batch_norms(network(architecture))
    for name, layer in list(model.named_modules()):
        if channels_last and isinstance(layer, nn.Conv3d):
            parent, _, child = name.rpartition(".")
            if layer.kernel_size == (1, 1, 1):
                setattr(model.get_submodule(parent), child, PointwiseConv3d(layer))
            elif layer.groups > 1 and depthwise is not None:
                setattr(model.get_submodule(parent), child, depthwise(layer))
    if channels_last:
        for weight in model.parameters():
            weight.data = as_channels_last(weight.data)
    return model.to(device, torch.bfloat16)


def runner(model, device, *, channels_last=True):
    """Return a network in bfloat16 as a function of a normalised batch."""

    def infer(batch):
        batch = as_channels_last(batch) if channels_last else batch
        with torch.inference_mode():
            return model(batch.to(device, torch.bfloat16)).cpu().numpy()

    return infer


def autocast(architecture, device):
    """Return the plain module under autocast to bfloat16."""
    model = network(architecture).to(device)

    def infer(batch):
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
            return model(batch).cpu().numpy()

    return infer


def searched(infer):
    """Return a function that lets cuDNN try its algorithms."""

    def search(batch):
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            return infer(batch)

    return search


def graphed(model, batch):
    """Return a network as a CUDA graph, for batches of one shape."""
    static = as_channels_last(batch).to("cuda", torch.bfloat16)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.inference_mode(), torch.cuda.stream(stream):
        for _ in range(3):
            model(static)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(graph):
        features = model(static)

    def infer(batch):
        static.copy_(batch)
        graph.replay()
        return features.cpu().numpy()

    return infer


def variants(architecture, batch, device="cuda"):
    """Yield names and makers of ways to run a network in bfloat16."""

    def layout(**options):
        model = bfloat16(architecture, device, **options)
        return runner(model, device, channels_last=options["channels_last"])

    def tier_model():
        model = streamline(network(architecture), device, "bfloat16")
        return model.to(device, torch.bfloat16)

    yield "autocast", lambda: autocast(architecture, device)
    yield "folded, channels first", lambda: layout(channels_last=False)
    if architecture != "hrnetv2_w48":
        yield "folded, channels last, cuDNN depthwise", lambda: layout(channels_last=True)
    yield "tier", lambda: tier(architecture, device, "bfloat16")
    yield "tier, cuDNN benchmark", lambda: searched(tier(architecture, device, "bfloat16"))
    if device == "cuda":
        shifted = {"channels_last": True, "depthwise": ShiftedConv3d}
        yield "tier, CUDA graph", lambda: graphed(tier_model(), batch)
        for mode in ("reduce-overhead", "max-autotune"):
            yield (
                f"tier, {mode}",
                lambda mode=mode: runner(torch.compile(tier_model(), mode=mode), device),
            )
        if architecture != "hrnetv2_w48":
            yield (
                "shifted depthwise, max-autotune",
                lambda: runner(
                    torch.compile(bfloat16(architecture, device, **shifted), mode="max-autotune"),
                    device,
                ),
            )


def probe(expected, found, targets):
    """Return how a linear probe ranks by the features found, against those expected."""
    half = len(targets) // 2
    model = Ridge(alpha=1e-3 * expected.var(axis=0).sum()).fit(expected[:half], targets[:half])
    return spearmanr(model.predict(expected[half:]), model.predict(found[half:])).statistic


def compare_on_cuda(architecture, n_rounds, device="cuda"):
    """Print a row for each way to run a network."""
    shape = CUDA_SHAPES[architecture]
    baseline = plain(architecture, device)
    batches = [noise(shape, seed).to(device) for seed in range(N_PROBED // shape[0])]
    expected = np.concatenate([baseline(batch) for batch in batches])
    targets = np.concatenate([batch.flatten(1).std(1).cpu().numpy() for batch in batches])
    print(f"\n{architecture}, {shape}")
    for name, make in variants(architecture, batches[0], device):
        try:
            function = make()
            found = np.concatenate([function(batch) for batch in batches])
        except Exception as failure:  # no compiler, no memory: the others shall be timed
            print(f"  {name:40} {type(failure).__name__}: {str(failure).splitlines()[0][:60]}")
            continue
        both = rounds({"plain": baseline, "variant": function}, batches[0], n_rounds)
        (theirs, _), (ours, _) = both.values()
        print(
            f"  {name:40} {shape[0] / min(ours):8.1f} items a second, "
            f"{ratio(theirs, ours):5.1f} times as fast, difference {error(found, expected):.0e}, "
            f"probe Spearman {probe(expected, found, targets):.4f}",
            flush=True,
        )
        del function


def busy_share(architecture, device="cuda", n_videos=64, **options):
    """Print the share of the time in which the device computes, while videos are read."""
    infer, spans = Backbone._infer, []

    def timed(self, batch):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        features = infer(self, batch)
        end.record()
        spans.append((start, end))
        return features

    model = TIERS[architecture](weights=None, device=device, n_jobs=-1, **options)
    with tempfile.TemporaryDirectory() as folder:
        videos = make_videos(n_videos, folder, frame_size=256, random_state=0).videos
        model.fit_transform(videos[: model.batch_size])
        Backbone._infer = timed
        try:
            began = time.perf_counter()
            model.transform(videos)
            passed = time.perf_counter() - began
        finally:
            Backbone._infer = infer
    torch.cuda.synchronize()
    computing = sum(start.elapsed_time(end) for start, end in spans) / 1000
    print(f"  {n_videos / passed:.1f} videos a second, device busy {computing / passed:.0%}")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"PyTorch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads")
    for architecture, shapes in CPU_SHAPES.items():
        for shape in [*shapes, *[FULL_SHAPES[architecture]] * options.full]:
            for n_threads in options.threads:
                compare_on_cpu(architecture, shape, n_threads, options.rounds)
    if not torch.cuda.is_available():
        print("\nno CUDA here: its ways of running were not compared")
        return
    print(f"\n{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}")
    for architecture in CUDA_SHAPES:
        compare_on_cuda(architecture, options.rounds)
        busy_share(architecture)


if __name__ == "__main__":
    main()
