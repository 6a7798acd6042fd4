"""``m3s cache``: inspect and clear a feature cache."""

from datetime import timedelta

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import format_size, print_json, print_table


@click.group(epilog="Example:  m3s cache info")
def cache() -> None:
    """Inspect and clear the cache of features."""


@cache.command(epilog="Example:  m3s cache info --cache features")
@command
def info(run: Run) -> None:
    """List the entries of the cache, one row per tier and settings."""
    from sklearn_m3s.cache import cache_info

    if _is_empty(run):
        return
    found = cache_info(run.cache)
    if run.as_json:
        print_json(found)
        return
    rows = [
        {
            "tier": tier.name,
            "videos": tier.n_entries,
            "size": format_size(tier.n_bytes),
            "newest": tier.newest and f"{tier.newest:%Y-%m-%d}",
            "folder": tier.folder,
        }
        for tier in found.tiers
    ]
    print_table(run, rows)
    run.note(f"{found.n_entries} entries, {format_size(found.n_bytes)}, in {run.cache}")


@cache.command(epilog="Example:  m3s cache clear --older-than 90")
@click.option("--tier", metavar="CLASS", help="Remove only this tier, such as RawPerception.")
@click.option(
    "--older-than", type=float, metavar="DAYS", help="Remove only entries older than this."
)
@command
def clear(run: Run, tier: str | None, older_than: float | None) -> None:
    """Remove features from the cache. They can be computed again."""
    from sklearn_m3s.cache import cache_clear

    if _is_empty(run):
        return
    age = None if older_than is None else timedelta(days=older_than)
    removed = cache_clear(run.cache, name=tier, older_than=age)
    if run.as_json:
        print_json(removed)
    run.note(
        f"Removed {removed.n_entries} entries, {format_size(removed.n_bytes)}, from {run.cache}"
    )


def _is_empty(run: Run) -> bool:
    """Return whether the cache folder is missing, and print a note if so."""
    if run.cache.exists():
        return False
    if run.as_json:
        print_json({"n_entries": 0, "n_bytes": 0})
    run.note(f"There is no cache in {run.cache} yet.")
    return True
