"""Shared options, notes on stderr, plain messages and exit codes of all commands."""

import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sklearn_m3s.cli._interrupt import EXIT_CODE, MESSAGE

_OPTIONS = [
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table or CSV."),
    click.option(
        "--n-jobs",
        type=int,
        default=-1,
        show_default="all cores",
        metavar="N",
        help="Number of worker processes that read videos.",
    ),
    click.option(
        "--cache",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        show_default="a folder in your cache directory",
        help="Folder of features, so that no video is described twice.",
    ),
    click.option("--quiet", is_flag=True, help="Show no progress and no notes."),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
]


class Run:
    """One run of a command.

    Attributes
    ----------
    as_json : bool
        Whether results are printed as JSON.
    n_jobs : int
        Number of worker processes.
    given_cache : Path or None
        The folder of features, if one was given.
    is_quiet : bool
        Whether notes are left out.
    failures : dict of str to str
        The cause of failure of each bad video, by its name. If it is not empty, the exit code is 1.
    """

    def __init__(self, *, as_json: bool, n_jobs: int, cache: Path | None, quiet: bool) -> None:
        self.as_json, self.n_jobs, self.is_quiet = as_json, n_jobs, quiet
        self.given_cache = cache
        self.failures: dict[str, str] = {}

    @functools.cached_property
    def cache(self) -> Path:
        """The folder of features: the given one, or one in the cache directory of the user."""
        if self.given_cache is not None:
            return self.given_cache
        import pooch

        return Path(pooch.os_cache("sklearn_m3s")) / "features"

    @property
    def verbose(self) -> bool:
        """Whether there are progress bars."""
        return not self.is_quiet and sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Write a line to stderr, unless the command is quiet."""
        if not self.is_quiet:
            click.echo(text, err=True)

    def note_cache(self) -> None:
        """Write the folder of features to stderr."""
        self.note(f"Features are kept in {self.cache} (--cache).")

    def note_failures(self, failures: Mapping[str, str]) -> None:
        """Remember bad videos, and name them on stderr."""
        self.failures |= failures
        for name, cause in failures.items():
            click.echo(f"{name}: {cause}", err=True)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options to a function, and pass them as its first argument, a `Run`."""

    @functools.wraps(function)
    def wrapper(
        *,
        as_json: bool,
        n_jobs: int,
        cache: Path | None,
        quiet: bool,
        debug: bool,
        **arguments: Any,
    ) -> None:
        if quiet:
            os.environ["TQDM_DISABLE"] = "1"  # for all bars; tqdm reads it when it is imported
        try:
            run = Run(as_json=as_json, n_jobs=n_jobs, cache=cache, quiet=quiet)
            with _plain_warnings(debug):
                function(run, **arguments)
        except KeyboardInterrupt:
            click.echo(MESSAGE, err=True)
            sys.exit(EXIT_CODE)
        except (click.ClickException, BrokenPipeError):
            raise
        except Exception as error:
            if debug:
                raise
            raise _failure(error) from error
        if run.failures:
            sys.exit(1)

    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return wrapper


def _failure(error: Exception) -> click.ClickException:
    """Return an error as a message, with exit code 1 for bad videos and 2 otherwise."""
    from sklearn_m3s.exceptions import M3SError, VideoError, WeightsError

    text = str(error)
    if isinstance(error, WeightsError):
        text += (
            '\nOr choose networks on this computer with --tier and --encoder. "m3s weights list" '
            "shows them."
        )
    if not isinstance(error, M3SError | ValueError | TypeError | OSError | ImportError):
        text = f"{type(error).__name__}: {error} (--debug shows the traceback)"
    failure = click.ClickException(text)
    failure.exit_code = 1 if isinstance(error, VideoError) else 2
    return failure


@contextmanager
def _plain_warnings(debug: bool) -> Iterator[None]:
    """Show each warning of this package once, as one line. --debug adds those of other packages."""
    from sklearn_m3s.exceptions import M3SWarning

    shown = set()

    def show(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            click.echo(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("default" if debug else "ignore")
        warnings.simplefilter("always", M3SWarning)
        warnings.showwarning = show
        yield
