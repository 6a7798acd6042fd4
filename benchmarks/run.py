"""The quick set of benchmarks, one after the other, into one table: ``make bench``.

    python benchmarks/run.py [name ...]

Writes ``benchmarks/results/quick.md``: the machine, the versions, the date and what each script
printed. Run it where nothing else runs.
"""

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
    "one_decode": ["--clips", "4", "--repeats", "2"],
    "backbones": ["--rounds", "2", "--threads", "2"],
    "cache": ["--videos", "1000"],
    "parallel": ["--clips", "12", "--repeats", "1"],
    "context": ["--quick"],
    "regressor": ["--epochs", "1", "--repeats", "1"],
    "growth": [],
}
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "av", "opencv-contrib-python-headless")


def processor():
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def header():
    """Return where, when and with what was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return [
        f"# Quick benchmarks, {datetime.date.today()}",
        "",
        f"{processor()}, {os.cpu_count()} cores, {platform.platform()}",
        f"Python {platform.python_version()}, {versions}",
        f"Load of the machine at the start: {os.getloadavg()[0]:.1f}",
    ]


def main():
    """Run the benchmarks."""
    lines = header()
    path = HERE / "results" / "quick.md"
    path.parent.mkdir(exist_ok=True)
    failed = []
    for name in sys.argv[1:] or QUICK:
        start = time.perf_counter()
        command = [sys.executable, "-W", "ignore", str(HERE / f"{name}.py"), *QUICK[name]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(name)
        taken = f"{name}.py {' '.join(QUICK[name])}".strip()
        taken += f": {time.perf_counter() - start:.0f} s"
        print(f"{taken}\n{done.stdout}{done.stderr if done.returncode else ''}", flush=True)
        lines += ["", f"## {taken}", "", "```", done.stdout.rstrip() or "failed", "```"]
        path.write_text("\n".join(lines) + "\n")
    print(f"written to {path}")
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
