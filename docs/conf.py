"""Settings of the documentation: python -m sphinx -W -b html docs docs/_build/html."""

import sys
from pathlib import Path

import sklearn_m3s

sys.path.insert(0, str(Path(__file__).parent))  # for figures.py

project = "sklearn_m3s"
author = "the sklearn_m3s developers"
copyright = f"2026, {author}"
release = version = sklearn_m3s.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "figures",
]
exclude_patterns = ["_build", "generated/*.inc"]
templates_path = ["_templates"]
autosummary_generate = True
autodoc_typehints = "none"  # docstrings have the types
numpydoc_show_class_members = False
default_role = "any"
html_theme = "alabaster"
html_theme_options = {
    "description": "Video memorability, as scikit-learn estimators",
    "fixed_sidebar": True,
    "page_width": "1060px",
}
# Single backticks in docstrings also name parameters, and inherited docstrings refer to
# scikit-learn's own pages.
suppress_warnings = ["ref.any", "ref.ref", "ref.term"]
