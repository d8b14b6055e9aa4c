"""What a model costs and what it is worth as exported: one picture of all variants."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dslite.reporting.figures import subplots
from dslite.tasks import CLASSIFICATION, Task

_COLOURS = {"size": "#0072b2", "latency": "#d55e00", "uar": "#009e73"}
_GREY = "#8a857b"


def cost_and_score(table: pd.DataFrame, latency: pd.DataFrame, task: Task = CLASSIFICATION) -> Figure:
    """Size, latency and UAR (or CCC) of all variants, side by side.

    Args:
        table: a row per variant from top to bottom: ``title``, ``offered``, ``bytes``, ``uar``, ``ci_low``, ``ci_high``
            (percent; what is not known is missing). The row titled ``Keras`` is what the variants are held against.
        latency: ``title``, ``p10_ms``, ``p50_ms``, ``p90_ms`` of one chunk, of those that were timed.
        task: of the corpus; of numbers, ``ccc`` takes the place of ``uar``.
    """
    shown = table[table["title"] != "Keras"].reset_index(drop=True)
    times = shown[["title"]].merge(latency, how="left", on="title")
    faces = ["full" if offered else "none" for offered in shown["offered"]]
    with subplots(1, 3, 0.95 + 0.36 * len(shown), sharey=True) as (figure, (size, speed, score)):
        megabytes = shown["bytes"] / 1e6
        bars = size.barh(shown.index, megabytes, height=0.5, color=_COLOURS["size"], edgecolor=_COLOURS["size"])
        for bar, offered, value in zip(bars, shown["offered"], megabytes, strict=True):
            bar.set_fill(bool(offered))
            if np.isfinite(value):
                at = (value, bar.get_y() + 0.25)
                size.annotate(f"{value:.1f}", at, (3, 0), textcoords="offset points", va="center")
        size.set(title="Size", xlabel="file (MB)", xlim=(0, 1.25 * (megabytes.fillna(0).max() or 1.0)))
        _points(speed, times["p50_ms"], times["p10_ms"], times["p90_ms"], faces, _COLOURS["latency"])
        speed.set(title="Latency", xlabel="one chunk, one thread (ms)", xlim=(0, None))
        _points(score, shown[task.column], shown["ci_low"], shown["ci_high"], faces, _COLOURS["uar"])
        score.set(title=f"{task.score} on test", xlabel=f"{task.score}{task.unit}, 95 % interval")
        for value in table.loc[table["title"] == "Keras", task.column]:
            score.axvline(value, ls="--", lw=1.1, color=_GREY, zorder=0)
            score.annotate("Keras", (value, 1), (3, -2), xycoords=("data", "axes fraction"),
                           textcoords="offset points", va="top", fontsize=7.5, color="#5d5950")  # fmt: skip
        if task is CLASSIFICATION:
            score.set_xlim(max(0.0, score.get_xlim()[0]), min(100.0, score.get_xlim()[1]))
        names = [title if offered else f"{title}\n(not offered)" for title, offered in
                 zip(shown["title"], shown["offered"], strict=True)]  # fmt: skip
        size.set_yticks(shown.index, names)
        size.set_ylim(len(shown) - 0.5, -0.6)
        for axes in (size, speed, score):
            axes.tick_params(axis="y", length=0)
    return figure


def _points(axes: Axes, middle: pd.Series, low: pd.Series, high: pd.Series, faces: list[str], colour: str) -> None:
    for row, (value, below, above, face) in enumerate(zip(middle, low, high, faces, strict=True)):
        if pd.isna(value):
            axes.annotate("not measured", (0.04, row), xycoords=("axes fraction", "data"), va="center", color="#5d5950",
                          fontsize=7.5)  # fmt: skip
            continue
        axes.plot([below, above], [row, row], color=colour, lw=1.6, solid_capstyle="butt")
        axes.plot(value, row, "o", ms=6, color=colour, fillstyle=face, markeredgewidth=1.4)
