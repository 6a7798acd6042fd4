"""A Sphinx extension that draws figures and tables of the docs from ``benchmarks/results``.

Figures and tables are made in the folder ``generated`` when a build begins. The directive
``drawn-figure`` shows figures, and pictures of the gallery. It shows nothing if the file is missing
because the results are, or because the gallery was not run.
"""

import re
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
    """Yield the figure, then the axis and the rows of the table for each data set."""
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
    """Return labels for the numbers of training rows."""
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


def seconds(table):
    """Draw Spearman's ρ of all heads over the seconds to fit them, with all rows."""
    figure, *drawn = panels(table[table["all"]], 3)
    for axis, rows in drawn:
        for head in RECIPES + RIVALS:
            found = rows[rows["head"] == head]
            axis.plot(found["seconds"], found["spearman"], "o", label=head, color=COLOURS[head])
        axis.margins(0.1)
        axis.set(xscale="log", xlabel="seconds to fit, one thread", ylabel="Spearman's ρ")
    add_legend(figure)
    return figure


def coverage(table):
    """Draw the coverage of intervals, with the least and largest of the splits, by set."""
    figure, *drawn = panels(table, height=2.6)
    models = list(table["model"].unique())
    for axis, rows in drawn:
        promised = sorted(rows["promised"].unique())
        for place, share in enumerate(promised):
            axis.plot([share] * 2, [place - 0.4, place + 0.4], color="0.6", lw=1, zorder=0)
        for k, model in enumerate(models):
            found = rows[rows["model"] == model].sort_values("promised")
            ends = [found["coverage"] - found["least"], found["largest"] - found["coverage"]]
            y = [place + 0.7 * ((k + 0.5) / len(models) - 0.5) for place in range(len(promised))]
            style = {"fmt": "o", "ms": 4, "color": f"C{k}", "label": model}
            axis.errorbar(found["coverage"], y, xerr=ends, **style)
        axis.set_yticks(range(len(promised)), [f"{share:.0%}" for share in promised])
        axis.invert_yaxis()
        axis.set(xlabel="share of scores in their interval", ylabel="promised")
    add_legend(figure)
    return figure


def rows_of(text, *names):
    """Yield the cells of the lines that begin with the given names, in their order."""
    lines = [re.split(r"\s{2,}", line) for line in text.splitlines()]
    for name in names:
        yield next(cells for cells in lines if cells[0] == name)


def descriptor_times(text):
    """Draw the milliseconds per frame of each descriptor, by the recipe and here."""
    names = ("contrast", "brightness", "blurriness", "hog", "mean_flow", "h264_bytes")
    figure = Figure(figsize=(WIDTH, 3), layout="constrained")
    axis = figure.subplots()
    for place, (_, recipe, _, ours, *_) in enumerate(rows_of(text, *names)):
        times = [float(ours), float(recipe)]
        axis.plot(times, [place, place], color="0.8", zorder=0)
        for k, label in enumerate(("here", "recipe of the authors")):
            axis.plot(times[k], place, "o", color=f"C{k}", label=label if place == 0 else None)
    axis.set_yticks(range(6), names)
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel="milliseconds per frame of 256 × 256 pixels, one core")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def context_times(text):
    """Draw seconds and Spearman's ρ of three ways to find clusters."""
    names = ("t-SNE with scikit-learn's defaults", "default", "k-means (200)")
    cells = list(rows_of(text, *names))
    figure = Figure(figsize=(WIDTH, 2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, column, label in zip(axes, (1, -1), ("seconds to fit", "Spearman's ρ"), strict=True):
        bars = axis.barh(["t-SNE of scikit-learn", *names[1:]], [float(c[column]) for c in cells])
        axis.bar_label(bars, [c[column] for c in cells], padding=3)
        axis.margins(x=0.2)
        axis.set_xlabel(label)
    axes[0].invert_yaxis()
    return figure


def engine_times(text):
    """Draw the seconds of each engine on two threads, for one picture or clip."""
    pattern = r"\| (\w+) × 1 \| 2 \| [^|]*\| ([\d.]+) / ([\d.]+) / ([\d.]+) \|"
    found = re.findall(pattern, text)
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True)
    for axis, (name, *times) in zip(axes, found, strict=True):
        bars = axis.barh(["plain torch", "torch here", "OpenVINO"], [float(t) for t in times])
        axis.bar_label(bars, times, padding=3)
        axis.margins(x=0.35)
        axis.set(title=name, xlabel="seconds")
    axes[0].invert_yaxis()
    return figure


def memory(text):
    """Draw the peak memory of the raw tier over the length and the height of a video."""
    found = re.findall(r"raw tier, +(\d+) s of +(\d+) lines: +[\d.]+ s, peak +(\d+) MB", text)
    found = pd.DataFrame(found, columns=["seconds", "lines", "MB"]).astype(int)
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, column, of, value in (
        (axes[0], "seconds", "lines", 240),
        (axes[1], "lines", "seconds", 3),
    ):
        rows = found[found[of] == value].drop_duplicates(column).sort_values(column)
        axis.plot(rows[column], rows["MB"], "o-")
        axis.set(xscale="log", xlabel=f"{column}, of a video of {value} {of}")
        axis.set_xticks(rows[column], rows[column])
        axis.minorticks_off()
    axes[0].set(ylabel="peak memory in MB", ylim=(0, 1.1 * found["MB"].max()))
    return figure


def clip_costs(text):
    """Return the table of what each tier costs per clip."""
    found = re.findall(r"^ +([A-Z]\w+) +([\d.]+) +(\d+) +\d+ +(\d+)$", text, re.MULTILINE)
    columns = ["tier", "seconds per clip", "numbers in the cache", "bytes on disk"]
    return pd.DataFrame(found, columns=columns)


# What to make: file name, results, and a function from the results to a figure or table.
MADE = {
    "heads_paper.svg": ("heads.csv", partial(forest, heads=(*RECIPES[1:], *RIVALS), other="paper")),
    "heads_best.svg": ("heads.csv", partial(forest, heads=RECIPES, other="best")),
    "heads_curves.svg": ("heads.csv", curves),
    "heads_blocks.svg": ("heads.csv", whole_and_blocks),
    "heads_seconds.svg": ("heads.csv", seconds),
    "coverage.svg": ("intervals.csv", coverage),
    "context.svg": ("context.csv", partial(forest, heads=CONTEXTS, other="none")),
    "clip_costs.csv": ("quick.md", clip_costs),
    "context_times.svg": ("quick.md", context_times),
    "descriptor_times.svg": ("quick.md", descriptor_times),
    "engine_times.svg": ("full.md", engine_times),
    "memory.svg": ("full.md", memory),
}


def make_all(app):
    """Make all figures and tables whose results exist."""
    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    for name, (source, make) in MADE.items():
        path = folder / name
        path.unlink(missing_ok=True)
        if not (RESULTS / source).exists():
            logger.info("%s is left out: %s does not exist", name, RESULTS / source)
            continue
        read = pd.read_csv if source.endswith(".csv") else Path.read_text
        made = make(read(RESULTS / source))
        made.to_csv(path, index=False) if path.suffix == ".csv" else made.savefig(path)


class DrawnFigure(patches.Figure):
    """The directive ``figure``. It shows nothing if the file is missing."""

    def run(self):
        path = HERE / self.arguments[0].lstrip("/")
        return super().run() if path.exists() else []


def setup(app):
    """Register the extension."""
    app.connect("builder-inited", make_all)
    app.add_directive("drawn-figure", DrawnFigure)
    return {"parallel_read_safe": True}
