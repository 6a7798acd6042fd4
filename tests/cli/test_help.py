"""Help is quick and complete, and needs no optional package."""

import subprocess
import sys

import click
import pytest

from sklearn_m3s import __version__, cli
from sklearn_m3s.cli._main import m3s as group


def all_commands(command=group, path=()):
    for name, member in command.commands.items():
        if isinstance(member, click.Group):
            yield from all_commands(member, (*path, name))
        else:
            yield (*path, name), member


COMMANDS = list(all_commands())


def test_help_imports_nothing_heavy():
    program = """
import sys
from sklearn_m3s.cli import main
for arguments in {arguments}:
    sys.argv = ["m3s", *arguments, "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code
print([name for name in ("torch", "numpy", "sklearn", "pandas", "av") if name in sys.modules])
"""
    program = program.format(arguments=[(), *(path for path, _ in COMMANDS)])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_package_runs_as_the_command():
    command = [sys.executable, "-m", "sklearn_m3s", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"m3s, version {__version__}\n"


def test_all_commands_are_listed():
    assert {" ".join(path) for path, _ in COMMANDS} == {
        "check", "extract", "fit", "predict", "timeline", "report", "evaluate", "ablate",
        "weights list", "weights fetch", "weights verify", "cache info", "cache clear", "demo",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda x: str(x))
def test_help_has_an_example_that_parses_and_the_shared_options(m3s, path, command):
    text = m3s(*path, "--help").stdout
    for option in ("--json", "--n-jobs", "--cache", "--quiet", "--debug"):
        assert option in text
    [example] = [line for line in text.splitlines() if "Example:" in line]
    program, *arguments = example.split("Example:")[1].split()
    assert program == "m3s"
    assert tuple(arguments[: len(path)]) == path
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("-")} <= options


def test_without_click_the_command_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert 'pip install "sklearn-m3s[cli]"' in capsys.readouterr().err
