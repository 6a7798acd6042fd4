"""The documentation: it builds, its links exist, and its code is valid."""

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from discovery import public_objects

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BUILT = {"_build", "auto_examples", "generated"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built from a copy of its sources. No example is run."""
    pytest.importorskip("sphinx_gallery", reason='needs the extra "docs"')
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "examples", "benchmarks/results"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*BUILT))
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-D", "plot_gallery=0", str(folder / "docs"), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], {"", "top"}
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs.get("id"), attrs.get("name")}
        for key in ("href", "src"):
            if key in attrs and tag != "base":
                self.links.append(attrs[key])


def broken_links(site):
    """Return (page, link) for all links whose file or anchor does not exist."""
    pages = {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = Path(os.path.normpath(path.parent / unquote(parts.path)))
            found = target.exists() and (
                target not in pages or unquote(parts.fragment) in pages[target].anchors
            )
            if not found:
                broken.append((str(path.relative_to(site)), link))
    return broken


@pytest.mark.slow  # a whole site
@pytest.mark.filterwarnings("default")
def test_all_links_and_anchors_of_the_site_exist(site):
    assert len(list(site.rglob("*.html"))) > 100
    assert broken_links(site) == []


def test_the_crawl_finds_broken_links(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#x">1</a> <a href="b.html#y">2</a>')
    (tmp_path / "b.html").write_text('<p id="x"><img src="none.png"><a href="#x">3</a></p>')
    assert sorted(broken_links(tmp_path)) == [("a.html", "b.html#y"), ("b.html", "none.png")]


# In the page: what is wider than the page, and texts of low contrast (WCAG 2.1, section 1.4.3).
FAULTS = r"""
const still = '<style>* { transition: none !important }</style>';  // colours fade into a theme
document.head.insertAdjacentHTML('beforeend', still);
document.documentElement.dataset.theme = arguments[0];
const frame = document.querySelector('.bd-article-container');
const wide = [document.documentElement, frame].filter(e => e && e.scrollWidth > e.clientWidth);
const faults = wide.map(e => `${e.scrollWidth - e.clientWidth} px too wide`);
const channels = colour => colour.match(/[\d.]+/g).map(Number);
const mix = ([r, g, b, a = 1], below) => [r, g, b].map((v, k) => a * v + (1 - a) * below[k]);
const behind = e => e ? mix(channels(getComputedStyle(e).backgroundColor), behind(e.parentElement))
                      : [255, 255, 255];
const linear = v => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) =>
  0.05 + 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement, style = getComputedStyle(element);
  if (!texts.currentNode.data.trim() || element.closest('svg, script, style')) continue;
  if (!element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
  const ground = behind(element);
  const [dark, light] = [mix(channels(style.color), ground), ground].map(luminance)
    .sort((a, b) => a - b);
  if (light / dark < 4.5) faults.push(`${(light / dark).toFixed(1)}: ${texts.currentNode.data}`);
}
return faults;
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
def test_pages_fit_the_screen_and_have_contrast(site, browser, set_up, width):
    set_up(width)
    found = {}
    for path in sorted(set(site.rglob("*.html")) - set(site.rglob("_static/*.html"))):
        browser.get(path.as_uri())
        for theme in ("light", "dark"):
            found[f"{path.relative_to(site)}, {theme}"] = browser.execute_script(FAULTS, theme)
    assert len(found) > 200
    assert {page: faults for page, faults in found.items() if faults} == {}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_look_at_pages_finds_faults(browser, set_up, tmp_path):
    path = tmp_path / "page.html"
    texts = '<p style="color: #777">good? no</p><p style="color: #000">yes</p>'
    head = '<meta name="viewport" content="width=device-width">'
    path.write_text(f'{head}<body style="margin: 0; width: 900px">{texts}')
    set_up(390)
    browser.get(path.as_uri())
    assert browser.execute_script(FAULTS, "light") == ["510 px too wide", "4.5: good? no"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_every_exported_name_has_a_page(site):
    anchors = set().union(*(Page(path).anchors for path in site.rglob("*.html")))
    names = {}  # an object may be exported by its folder and by the package
    for name, member in public_objects():
        names.setdefault(id(member), set()).add(name)
    assert len(names) > 50
    assert [found for found in names.values() if not found & anchors] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_search_finds_words_of_the_guide(site):
    index = (site / "searchindex.js").read_text()
    index = json.loads(index.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))
    found = index["terms"]["blurri"]
    found = {index["docnames"][i] for i in ([found] if isinstance(found, int) else found)}
    assert "tiers/raw_perception" in found


def code_blocks():
    """Yield (page and line, code) for all Python that the pages show without running it."""
    pattern = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)
    for path in sorted(DOCS.rglob("*.rst")):
        if BUILT & set(path.parts):
            continue
        text = path.read_text()
        for match in pattern.finditer(text):
            line = text[: match.start()].count("\n") + 1
            yield f"{path.name}:{line}", textwrap.dedent(match[1])


@pytest.mark.parametrize(("place", "code"), [pytest.param(*b, id=b[0]) for b in code_blocks()])
def test_code_that_is_not_run_is_valid_and_imports_names_that_exist(place, code):
    for node in ast.walk(ast.parse(code, place)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("sklearn_m3s"):
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []
