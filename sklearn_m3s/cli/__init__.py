"""The command ``m3s``, for work without Python.

Modules import only click at the top. A command imports the rest when it runs, which keeps the help
quick.
"""

import sys
from importlib.util import find_spec
from io import TextIOWrapper


def main() -> None:
    """Run the command, or say how to install what it needs."""
    if find_spec("click") is None:
        print('m3s needs click: pip install "sklearn-m3s[cli]"', file=sys.stderr)
        sys.exit(2)
    from sklearn_m3s.cli._interrupt import ended_by_ctrl_c
    from sklearn_m3s.cli._main import m3s

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # file names may not be valid text
            stream.reconfigure(errors="surrogateescape")
    with ended_by_ctrl_c():
        m3s(prog_name="m3s")
