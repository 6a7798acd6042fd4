"""``m3s weights``: the pretrained networks of the registry."""

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import format_size, print_json, print_table


@click.group(epilog="Example:  m3s weights list")
def weights() -> None:
    """List, fetch and verify pretrained weights."""


@weights.command("list", epilog="Example:  m3s weights list")
@command
def list_(run: Run) -> None:
    """List the weights of the registry, with size, licence, digest and place.

    For files that are not on this computer, size and digest are those that the publisher states, if
    any.
    """
    from sklearn_m3s.backbones import known_weights

    known = known_weights()
    if run.as_json:
        print_json([entry._asdict() for entry in known])
        return
    rows = [
        {
            "network": entry.network,
            "weights": entry.weights,
            "size": None if entry.n_bytes is None else format_size(entry.n_bytes),
            "licence": entry.licence or "see publisher",
            "sha256": entry.sha256[:16] or None,
            "here": "yes" if entry.path else "no",
            "place": entry.path or entry.source,
        }
        for entry in known
    ]
    print_table(run, rows)


@weights.command(epilog="Example:  m3s weights fetch hrnetv2_w48")
@click.argument("network")
@click.argument("name", default="default")
@click.option("--sha256", metavar="DIGITS", help="SHA-256 that the file must have.")
@command
def fetch(run: Run, network: str, name: str, sha256: str | None) -> None:
    """Fetch the weights of a network, unless they are on this computer, and print their path.

    "m3s weights list" shows the names of networks and weights. NAME defaults to the first weights
    of the network.
    """
    from sklearn_m3s.backbones import resolve_weights

    path = str(resolve_weights(network, name, sha256=sha256))
    if run.as_json:
        print_json({"network": network, "path": path})
    else:
        click.echo(path)


@weights.command(epilog="Example:  m3s weights verify")
@command
def verify(run: Run) -> None:
    """Compare the weights on this computer with their digests."""
    from sklearn_m3s.backbones import known_weights, resolve_weights
    from sklearn_m3s.exceptions import WeightsError

    rows = []
    for entry in known_weights():
        if entry.path is None:
            continue
        try:
            resolve_weights(entry.network, entry.weights)
        except WeightsError as error:
            run.failures[entry.path] = str(error)
        rows.append(
            {
                "network": entry.network,
                "weights": entry.weights,
                "path": entry.path,
                "problem": run.failures.get(entry.path),
            }
        )
    if rows or run.as_json:
        print_table(run, rows)
    run.note(f"{len(rows) - len(run.failures)} of {len(rows)} files are good.")
