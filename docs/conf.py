"""Settings of the documentation: python -m sphinx -n -W -b html docs docs/_build/html."""

import os
import sys
import warnings
from pathlib import Path

import sklearn_m3s

os.environ.setdefault("MPLBACKEND", "agg")
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
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "figures",
]
exclude_patterns = ["_build", "generated/*.inc"]
templates_path = ["_templates"]
autosummary_generate = True
autodoc_typehints = "none"  # docstrings have the types
numpydoc_show_class_members = False
default_role = "any"

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_m3s"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_sidebars = {"auto_examples/**": [], "index": [], "quick_start": []}
html_theme_options = {
    "logo": {"text": "sklearn_m3s"},
    "navigation_with_keys": False,
    "search_bar_text": "Search the docs",
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d",
    "ignore_pattern": r"(^|/)[a-z_]+\.py$",  # helpers of the examples, and the demo
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib",),
    "image_srcset": ["2x"],
    "capture_repr": (),
    "matplotlib_animations": False,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 3600,  # running times differ between machines
    "write_computation_times": False,
    "reset_modules": ("matplotlib",),
    "default_thumb_file": str(Path(__file__).parent / "_static" / "thumbnail.png"),
    "remove_config_comments": True,
    "abort_on_example_error": True,
}
# matplotlib.pyplot.show warns in a build, which has no screen.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

nitpicky = True
# Pages of other projects cannot be linked without a network connection. Docstrings name parameters
# and attributes in single backticks. Those that are inherited link to pages of scikit-learn.
OTHERS = (
    "ColumnTransformer ConstantInputWarning DummyClassifier FeatureUnion GroupKFold KMeans "
    "KernelDensity MemoryError Pipeline RepeatedKFold StackingRegressor StandardScaler"
)
nitpick_ignore_regex = [
    (r"any|py:.*", r"(sklearn|skops|torch|skorch|numpy|scipy|pandas|matplotlib|joblib)\..*"),
    ("any", r"[a-z_]\w*|X|None|[\"[].*"),
    ("any", f"({OTHERS.replace(' ', '|')})(\\..*)?"),
    ("std:ref", "metadata_routing|df_output_transform|r2_score|sphx_glr_auto_examples_misc.*"),
    ("std:term", "meta-estimator"),
    ("py:obj", "hog_pca_|net_|geometry"),  # properties without an entry on the pages
]
