"""A Sphinx extension that draws the figures of the documentation from ``benchmarks/results``.

The figures and a table are made in the folder ``generated`` when a build begins. The directives
``drawn-figure`` and ``drawn-table`` show them, and nothing where a table of results is absent.
"""

from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from sphinx.directives import patches
from sphinx.util import logging

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "benchmarks" / "results"
NAMES = {"svr": "support vector machine", "boosting": "gradient boosting"}
RECIPES = ("paper", "default", "stack")
RIVALS = ("ridge", "svr", "boosting")
COLOURS = {head: f"C{k}" for k, head in enumerate(RECIPES + RIVALS)}
CONTEXTS = (
    *("clusters (DBSCAN)", "distance", "cosine", "density (KDE)"),
    *("k-means distances", "scores of 50 neighbours"),
)
COLOURS |= {context: f"C{k}" for k, context in enumerate(CONTEXTS)}
WIDTH = 8  # inches

logger = logging.getLogger(__name__)


def panels(table, height):
    """Yield the figure, and then an axis with the rows of the table for each set."""
    sets = list(table.groupby("data", sort=False))
    figure = Figure(figsize=(WIDTH, height * -(-len(sets) // 2)), layout="constrained")
    yield figure
    axes = figure.subplots(-(-len(sets) // 2), 2, squeeze=False).flat
    for axis in axes[len(sets) :]:
        axis.remove()
    for axis, (name, rows) in zip(axes, sets, strict=False):
        axis.set_title(name)
        yield axis, rows


def add_legend(figure):
    """Put the legend of the first panel above all panels."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    labels = [NAMES.get(label, label) for label in labels]
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)


def size_labels(rows):
    """Return how many rows models were trained on, in words."""
    return [f"{n:,}" + " (all)" * every for n, every in zip(rows["n"], rows["all"], strict=True)]


def forest(table, heads, other):
    """Draw the differences of Spearman's ρ from another head, with their intervals."""
    figure, *drawn = panels(table, height=3.6)
    for axis, rows in drawn:
        sizes = rows.drop_duplicates("n").sort_values("n")
        places = {n: place for place, n in enumerate(sizes["n"])}
        for k, head in enumerate(heads):
            found = rows[rows["head"] == head]
            delta = found[f"delta_{other}"]
            y = found["n"].map(places) + 0.7 * ((k + 0.5) / len(heads) - 0.5)
            ends = [delta - found[f"low_{other}"], found[f"high_{other}"] - delta]
            style = {"fmt": "o", "ms": 4, "color": COLOURS[head]}
            axis.errorbar(delta, y, xerr=ends, label=head, **style)
        axis.axvline(0, color="0.6", lw=1, zorder=0)
        axis.set_yticks(range(len(sizes)), size_labels(sizes))
        axis.invert_yaxis()
        axis.locator_params(axis="x", nbins=5)
        axis.set(xlabel="difference of Spearman's ρ", ylabel="training rows")
    add_legend(figure)
    return figure


def draw_curves(axis, rows, heads):
    """Draw Spearman's ρ of some heads over the number of training rows."""
    for head in heads:
        found = rows[rows["head"] == head].sort_values("n")
        axis.plot(found["n"], found["spearman"], "o-", ms=4, label=head, color=COLOURS.get(head))
    axis.set(xscale="log", xlabel="training rows", ylabel="Spearman's ρ")
    sizes = rows["n"].unique()
    axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axis.minorticks_off()
    axis.tick_params(axis="x", labelsize="small")


def curves(table):
    """Draw the learning curves of all heads."""
    figure, *drawn = panels(table, height=3)
    for axis, rows in drawn:
        draw_curves(axis, rows, RECIPES + RIVALS)
    add_legend(figure)
    return figure


def whole_and_blocks(table):
    """Draw the learning curves of the default recipe on all blocks, and on each alone."""
    of_blocks = table["head"].str.startswith("default on ")
    with_blocks = table["data"].isin(table["data"][of_blocks])
    figure, *drawn = panels(table[with_blocks & (of_blocks | (table["head"] == "default"))], 3)
    for axis, rows in drawn:
        rows = rows.replace({"head": {"default": "all blocks"}})
        rows["head"] = rows["head"].str.removeprefix("default on ")
        draw_curves(axis, rows, rows["head"].unique())
        axis.legend(frameon=False)
    return figure


def recipes(table):
    """Return Spearman's ρ and the seconds to fit of each recipe, as text."""
    rows = []
    for (name, _), found in table.groupby(["data", "n"], sort=False):
        by_head = found.set_index("head")
        row = {"set": name, "training rows": size_labels(found)[0]}
        best = by_head["best_of_scikit_learn"].iloc[0]
        for head in (*RECIPES, best):
            label = "best of scikit-learn's" if head == best else head
            spearman, seconds = by_head.loc[head, ["spearman", "seconds"]]
            row[label] = f"{spearman:.3f} ({seconds:.1f} s)"
        rows.append(row)
    return pd.DataFrame(rows)


# What is made: the name of the file, the table, and a function from it to a figure or a table.
MADE = {
    "heads_paper.svg": ("heads.csv", partial(forest, heads=(*RECIPES[1:], *RIVALS), other="paper")),
    "heads_best.svg": ("heads.csv", partial(forest, heads=RECIPES, other="best")),
    "heads_curves.svg": ("heads.csv", curves),
    "heads_blocks.svg": ("heads.csv", whole_and_blocks),
    "heads_recipes.csv": ("heads.csv", recipes),
    "context.svg": ("context.csv", partial(forest, heads=CONTEXTS, other="none")),
}


def make_all(app):
    """Make all figures and tables whose table of results is there."""
    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    for name, (source, make) in MADE.items():
        path = folder / name
        path.unlink(missing_ok=True)
        if not (RESULTS / source).exists():
            logger.info("%s is left out: %s does not exist", name, RESULTS / source)
            continue
        made = make(pd.read_csv(RESULTS / source))
        if isinstance(made, Figure):
            made.savefig(path)
        else:
            made.to_csv(path, index=False)


class DrawnFigure(patches.Figure):
    """The directive ``figure``, which shows nothing where the file is absent."""

    def run(self):
        return super().run() if (HERE / self.arguments[0]).exists() else []


class DrawnTable(patches.CSVTable):
    """The directive ``csv-table``, which shows nothing where the file is absent."""

    def run(self):
        return super().run() if (HERE / self.options["file"]).exists() else []


def setup(app):
    """Register the extension."""
    app.connect("builder-inited", make_all)
    app.add_directive("drawn-figure", DrawnFigure)
    app.add_directive("drawn-table", DrawnTable)
    return {"parallel_read_safe": True}
