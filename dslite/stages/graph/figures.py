"""Where files lie by what the source's model hears in them."""

import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from dslite.reporting.figures import subplots

MOST = 12
"""Speakers that have a colour of their own in the legend; all have one in the picture."""


def nodes(table: pd.DataFrame) -> Figure:
    """Two principal components of the embeddings of train + dev, coloured by class and by speaker.

    Args:
        table: a row per file: ``x``, ``y``, ``label``, ``speaker``.
    """
    with subplots(1, 2, 4.0, sharex=True, sharey=True) as (figure, grid):
        for axes, column, title in zip(grid, ("label", "speaker"), ("by class", "by speaker"), strict=True):
            names = sorted(table[column].unique())
            colours = colormaps["tab20"].resampled(max(2, len(names)))
            for number, name in enumerate(names):
                rows = table[table[column] == name]
                told = name if len(names) <= MOST and name else None
                axes.plot(rows["x"], rows["y"], "o", ms=2.6, alpha=0.75, mew=0, color=colours(number), label=told)
            axes.set(title=title, xlabel="first component")
            if len(names) <= MOST and all(names):
                axes.legend(fontsize=6.5, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, markerscale=1.6)
        grid[0].set_ylabel("second component")
    return figure
