"""Figures of the page ``explain`` alone: ways to a map, means over clips, and what the maps can be trusted with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from dslite.front_end import FrontEnd
from dslite.reporting.explanations import Explained, draw_map, gap_words, grid_shape, label_axes, shap_bar, symmetric
from dslite.reporting.figures import WIDTH, draw_levels, mel_ticks, subplots, titles
from dslite.tasks import CLASSIFICATION, Task
from dslite.wording import written

if TYPE_CHECKING:
    from dslite.explanation.maps import Attribution, MeanMap

_ORDERS = {"SHAP": "#0072b2", "random": "#e69f00"}


def compared(clip: Explained, ways: Mapping[str, "Attribution"], front_end: FrontEnd, failed: bool = False) -> Figure:
    """The map of one class by several methods, side by side; each has colours of its own, as their sizes differ.

    Args:
        clip: what is explained.
        ways: name -> the map, of one class.
        front_end: of the plots.
        failed: whether the maps bear the stamp.
    """
    with subplots(1, 1 + len(ways), 2.7) as (figure, row):
        draw_levels(row[0], clip.levels, clip.seconds, front_end)
        row[0].set_title("\n".join(titles(clip.title.splitlines(), 1 + len(ways))), parse_math=False, fontsize=8)
        label_axes(row[0], front_end)
        for axes, (name, way) in zip(row[1:], ways.items(), strict=True):
            values = way.pooled()[0]
            picture = draw_map(axes, values, symmetric([values]), clip.seconds, front_end.mel_bins, failed)
            axes.set_title(f"{name}\ngap {gap_words(way.gap[0])}", parse_math=False, fontsize=8)
            label_axes(axes, front_end)
            bar = figure.colorbar(picture, ax=axes, orientation="horizontal", pad=0.03, aspect=14)
            bar.locator = mpl.ticker.MaxNLocator(2)
    return figure


def mean_maps(maps: Sequence["MeanMap"], front_end: FrontEnd, seconds: float | None, failed: bool = False) -> Figure:
    """Mean SHAP map of each class over many clips of it, and how far they spread.

    Args:
        maps: a class each. A dot marks a region whose sign at least four in five clips share.
        front_end: of the plots.
        seconds: length of the clips; None where it varies, then time is relative.
        failed: whether the maps bear the stamp.
    """
    norm = symmetric([part for m in maps for part in (m.mean, m.spread)])
    length = 1.0 if seconds is None else seconds
    with subplots(len(maps), 2, 0.8 + 1.75 * len(maps), WIDTH * 0.85, squeeze=False) as (figure, grid):
        for row, shown in zip(grid, maps, strict=True):
            for axes, values, what in zip(row, (shown.mean, shown.spread), ("mean", "standard deviation"), strict=True):
                draw_map(axes, values, norm, length, front_end.mel_bins, failed)
                axes.set_title(titles([f"{shown.label}: {what}, n = {shown.clips}"], 2)[0], parse_math=False)
                label_axes(axes, front_end)
                axes.set_xlabel("share of the clip" if seconds is None else "time (s)")
            band, span = np.nonzero((shown.agreement >= 0.8) & (shown.mean != 0))
            bands, spans = shown.mean.shape
            seconds_at, mel_at = (span + 0.5) * length / spans, (band + 0.5) * front_end.mel_bins / bands - 0.5
            row[0].scatter(seconds_at, mel_at, s=2.5, c="#2b2a27", lw=0)
        shap_bar(figure, grid, norm, "SHAP value of a region; dots: at least 4 of 5 clips agree in its sign")
    return figure


def band_profiles(
    profiles: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], edges_hz: np.ndarray, front_end: FrontEnd
) -> Figure:
    """What each band of frequencies does to a class on average, with 95 % intervals over clips.

    Args:
        profiles: class -> mean, lower and upper bound per band.
        edges_hz: Hz, shape (bands + 1,), where the bands begin and end.
        front_end: of the plots.
    """
    at = np.interp(edges_hz, front_end.mel_frequencies(), np.arange(front_end.mel_bins))
    lines, columns = grid_shape(len(profiles), 4)
    shared = {"squeeze": False, "sharex": True, "sharey": True}
    with subplots(lines, columns, 0.5 + 2.3 * lines, **shared) as (figure, grid):
        for axes in grid.flat[len(profiles) :]:
            axes.set_visible(False)
        labels = titles(list(profiles), columns)
        for axes, label, (mean, low, high) in zip(grid.flat, labels, profiles.values(), strict=False):
            middle = (at[:-1] + at[1:]) / 2
            colours = np.where(mean > 0, "#b2182b", "#2166ac")
            axes.barh(middle, mean, np.diff(at) * 0.9, color=colours)
            axes.hlines(middle, low, high, color="#2b2a27", lw=0.9)
            axes.axvline(0, color="#8a857b", lw=0.8)
            axes.set_title(label, parse_math=False)
            axes.set_yticks(*mel_ticks(front_end))
            axes.set_xlabel("SHAP value")
            axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("Hz (Mel)")
    return figure


def trust_curves(table: pd.DataFrame, areas: pd.DataFrame, task: Task = CLASSIFICATION) -> Figure:
    """Deletion and insertion, in the order of the SHAP values and in a random one, averaged over clips.

    A row per baseline.

    Args:
        table: ``baseline``, ``kind``, ``order``, ``share``, ``probability`` and one row per point of every curve.
        areas: of :func:`dslite.explanation.trust.areas`.
        task: of the corpus.
    """
    names = list(table["baseline"].unique())
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    with subplots(len(names), 2, 0.5 + 1.8 * len(names), **shared) as (figure, grid):
        for name, pair in zip(names, grid, strict=True):
            for axes, (kind, verb) in zip(pair, {"deletion": "hidden", "insertion": "shown"}.items(), strict=True):
                for order, colour in _ORDERS.items():
                    own = table[table[["baseline", "kind", "order"]].eq([name, kind, order]).all(axis=1)]
                    sns.lineplot(
                        own, x="share", y="probability", ax=axes, color=colour, errorbar=("se", 1), err_kws={"lw": 0},
                        label=f"{order} order: area {written(areas.loc[(name, kind), order], '.3f')}",
                    )  # fmt: skip
                said = {"xlabel": f"share of the regions {verb}", "ylabel": task.amount}
                axes.set(title=f"{kind}, {name}", **said, xlim=(0, 1))
                axes.legend(loc="best")
        if task is CLASSIFICATION:
            grid[0, 0].set_ylim(bottom=0)  # of all, so only when all lines are there: it ends the scaling
    return figure
