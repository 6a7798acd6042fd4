"""The group of commands."""

import click

from sklearn_m3s import __version__
from sklearn_m3s.cli._cache import cache
from sklearn_m3s.cli._check import check
from sklearn_m3s.cli._demo import demo
from sklearn_m3s.cli._extract import extract
from sklearn_m3s.cli._fit import fit
from sklearn_m3s.cli._predict import predict
from sklearn_m3s.cli._report import report
from sklearn_m3s.cli._studies import ablate, evaluate
from sklearn_m3s.cli._timeline import timeline
from sklearn_m3s.cli._weights import weights

_STEPS = """\b
Start with:  m3s check FOLDER
             m3s fit SCORES.csv -o model.m3s
             m3s predict model.m3s FOLDER -o scores.csv
             m3s report model.m3s FOLDER -o report.html
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_STEPS)
@click.version_option(__version__)
def m3s() -> None:
    """Predict how memorable videos are, from a folder of files to a report.

    Exit codes: 0 for success, 1 if videos failed, 2 for other errors, such as wrong usage.
    """


for _command in (
    check, extract, fit, predict, timeline, report, evaluate, ablate, weights, cache, demo,
):  # fmt: skip
    m3s.add_command(_command)
