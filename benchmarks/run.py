"""Run the benchmarks one after the other: ``make bench``.

    python benchmarks/run.py [--full] [name ...]

Writes the machine, the versions, the date and the output of each script to
``benchmarks/results/quick.md``, in under 10 minutes on two idle cores. ``--full`` runs the longer
forms, in about three hours, and writes ``full.md``. With names, only these scripts run, and the
file holds only their output. Run it on an idle machine.
"""

import argparse
import datetime
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUICK = {
    "raw_perception": [],
    "flow": [],
    "one_decode": ["--clips", "4", "--repeats", "2"],
    "backbones": ["--quick", "--repeats", "2"],
    "cache": ["--videos", "1000"],
    "parallel": ["--clips", "12", "--repeats", "1"],
    "context": ["--quick"],
    "regressor": ["--epochs", "1", "--repeats", "2"],
    "heads": ["--quick", "--sets", "SUN", "MemCat"],
    "intervals": ["--quick", "--sets", "SUN"],
    "growth": [],
    "report": [],
}
FULL = {
    "descriptors": ["--output", str(HERE / "results" / "descriptors.csv")],
    "backbones": [],
    "context": [],
    "context_gain": ["--output", str(HERE / "results" / "context.csv")],
    "regressor": ["--full"],
    "heads": ["--output", str(HERE / "results" / "heads.csv")],
    "intervals": ["--output", str(HERE / "results" / "intervals.csv")],
    "growth": ["--full"],
}
LIBRARIES = (
    *("numpy", "scipy", "scikit-learn", "torch", "openvino", "av"),
    "opencv-contrib-python-headless",
)


def processor():
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def header(title):
    """Return where, when and with what was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return [
        f"# {title} benchmarks, {datetime.date.today()}",
        "",
        f"{processor()}, {os.cpu_count()} cores, {platform.platform()}",
        f"Python {platform.python_version()}, {versions}",
        f"Load of the machine at the start: {os.getloadavg()[0]:.1f}",
    ]


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    chosen = FULL if args.full else QUICK
    if unknown := set(args.names) - set(chosen):
        parser.error(f"unknown {sorted(unknown)}: choose from {list(chosen)}")
    lines = header("Full" if args.full else "Quick")
    path = HERE / "results" / ("full.md" if args.full else "quick.md")
    path.parent.mkdir(exist_ok=True)
    failed = []
    for name in args.names or chosen:
        start = time.perf_counter()
        command = [sys.executable, "-W", "ignore", str(HERE / f"{name}.py"), *chosen[name]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(name)
        taken = f"{name}.py {' '.join(chosen[name])}".strip()
        taken += f": {time.perf_counter() - start:.0f} s"
        print(f"{taken}\n{done.stdout}{done.stderr if done.returncode else ''}", flush=True)
        output = done.stdout.rstrip() or "failed"
        fence = [] if "\n| " in output else ["```"]  # tables are already Markdown
        lines += ["", f"## {taken}", "", *fence, output, *fence]
        path.write_text("\n".join(lines) + "\n")
    print(f"written to {path}")
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
