"""``m3s check``: properties of videos, and the problems of bad ones."""

from typing import Any

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import print_table
from sklearn_m3s.cli._videos import expand, takes_videos

_TIMEOUT_SECONDS = 600


@click.command(
    short_help="List videos and their problems.",
    epilog="Example:  m3s check ads/",
)
@takes_videos
@command
def check(run: Run, videos: tuple[str, ...]) -> None:
    """List videos and their problems.

    Each file is decoded completely, in a worker process.
    """
    from tqdm.auto import tqdm

    from sklearn_m3s.tiers._workers import Workers
    from sklearn_m3s.tiers._workers import run as run_all

    files = expand(videos)
    records: list[dict[str, Any]] = [{} for _ in files]

    def look(file: str) -> dict[str, Any]:
        return _look(file, workers)

    with (
        tqdm(desc="check", total=len(files), unit="video", disable=not run.verbose) as bar,
        Workers() as workers,
    ):
        for i, record in run_all(look, files, n_jobs=run.n_jobs):
            records[i] = record
            bar.update()
    run.failures = {x["file"]: x["problem"] for x in records if x["problem"]}
    print_table(run, records if run.as_json else [_row(record) for record in records])
    run.note(f"{len(files) - len(run.failures)} of {len(files)} files are good.")


def _look(file: str, workers: Any) -> dict[str, Any]:
    """Decode a file in a worker process, and return its properties and problems."""
    from sklearn_m3s.exceptions import M3SError, VideoError

    record = dict.fromkeys(("kind", "seconds", "width", "height", "frames"))
    problems = []
    try:
        [found, error], caught = workers.call(_decode, file, _TIMEOUT_SECONDS)
        record |= found
        problems = [str(message) for message, *_ in caught]
    except Exception as raised:  # any error concerns this file only
        if isinstance(raised, M3SError) and not isinstance(raised, VideoError):
            raise
        error = raised
    if error is not None:
        problems.append(str(error))
    return {"file": file, **record, "problem": "; ".join(problems)}


def _decode(file: str) -> list[Any]:
    """Return the properties of a file, and the error of decoding it, if any."""
    from sklearn_m3s.video import get_limits, memory_ceiling, probe, read_video, report_errors

    report_errors()
    counter = _FrameCounter()
    with memory_ceiling(get_limits().memory):
        info = probe(file)
        [outcome] = read_video(file, [counter])
    found = {
        "kind": info.kind,
        "width": info.width,
        "height": info.height,
        "frames": counter.n_frames,
        "seconds": counter.seconds,
    }
    return [found, outcome if isinstance(outcome, Exception) else None]


class _FrameCounter:
    """Reader that counts all frames and keeps none."""

    frame_rate = 1.0
    seconds: float | None = None
    n_frames = 0

    def __init__(self) -> None:
        from sklearn_m3s.video import FrameGeometry

        self.geometry = FrameGeometry.square(16)

    def wanted(self, times: Any, end: float) -> Any:
        """Return all frames."""
        import numpy as np

        self.seconds = float(end - times[0]) if len(times) > 1 else None
        return np.arange(len(times))

    def add(self, index: int, picture: Any, time: float) -> None:
        """Count a frame."""
        self.n_frames += 1

    def value(self) -> int:
        """Return how many frames were decoded."""
        return self.n_frames


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as a row of the printed table."""
    size = f"{record['width']}x{record['height']}" if record["width"] else None
    row = {name: record[name] for name in ("file", "kind", "seconds")}
    return row | {"size": size, "frames": record["frames"], "problem": record["problem"] or None}
