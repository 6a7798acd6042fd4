"""Make tiers from options, and describe videos with them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from sklearn_m3s.cli._run import Run

if TYPE_CHECKING:
    from sklearn_m3s.tiers import DescribedVideos, VideoTransformer

NAMES = ("raw", "scene", "event")


class _TierNames(click.ParamType):
    """Names of tiers, separated by commas."""

    name = "tiers"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """Return the names as a list."""
        names = value if isinstance(value, list) else [name.strip() for name in value.split(",")]
        unknown = [name for name in names if name not in NAMES]
        if unknown:
            self.fail(f"{unknown[0]!r} is not a tier: use {', '.join(NAMES)}", param, ctx)
        return list(dict.fromkeys(names))


def takes_tiers(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --tier and --encoder."""
    function = click.option(
        "--encoder",
        "encoders",
        multiple=True,
        metavar="NAME",
        help="A network of the registry, or a Hugging Face model (repository or folder), such as "
        "openai/clip-vit-base-patch32. May be repeated.",
    )(function)
    return click.option(
        "--tier",
        "tiers",
        type=_TierNames(),
        metavar="NAMES",
        show_default="raw,scene,event, or raw with --encoder",
        help="Tiers of the model, separated by commas.",
    )(function)


def choose_tiers(tiers: list[str] | None, encoders: Sequence[str]) -> list[str]:
    """Return the given names. The default is all tiers, or only raw if there are encoders."""
    if tiers is not None:
        return tiers
    return ["raw"] if encoders else list(NAMES)


def make_tier(name: str) -> "VideoTransformer":
    """Return the tier of the model with a name."""
    from sklearn_m3s.tiers import EventUnderstanding, RawPerception, SceneParsing

    kind = {"raw": RawPerception, "scene": SceneParsing, "event": EventUnderstanding}[name]
    return kind(on_error="nan")


def make_encoder(name: str) -> "VideoTransformer":
    """Return the encoder of frames or of clips for a network."""
    from sklearn_m3s.backbones import resolve_network
    from sklearn_m3s.tiers import ClipEncoder, FrameEncoder

    try:
        resolve_network(name, "clip")
    except ValueError:
        try:
            resolve_network(name, "image")
        except ValueError as error:
            raise click.UsageError(f"--encoder: {error}") from error
        return FrameEncoder(name, on_error="nan")
    return ClipEncoder(name, on_error="nan")


def describe_videos(
    run: Run, tiers: Iterable["VideoTransformer"], videos: Sequence[Any]
) -> tuple["DescribedVideos", list[int]]:
    """Describe videos with tiers, fill the cache, and note bad videos as failures.

    Returns the good videos with their descriptions, and their positions. The tiers keep their own
    settings.
    """
    import numpy as np

    from sklearn_m3s.tiers import DescribedVideos, describe_all, take_videos
    from sklearn_m3s.video import video_name

    tiers = for_this_run(run, tiers)
    run.note_cache()
    rows, failures = describe_all(tiers, videos)
    run.note_failures({video_name(videos[i], i): str(error) for i, error in failures.items()})
    good = [i for i in range(len(videos)) if i not in failures]
    described = DescribedVideos(videos, tiers, rows)
    return take_videos(described, np.array(good, dtype=int)), good


def for_this_run(run: Run, tiers: Iterable["VideoTransformer"]) -> list["VideoTransformer"]:
    """Return copies of tiers that use the cache and the workers of a run."""
    from copy import copy

    shared = {"cache": run.cache, "n_jobs": run.n_jobs, "verbose": run.verbose}
    return [copy(tier).set_params(**shared) for tier in tiers]
