"""Figures that set systems beside each other: scores and differences with the intervals of both bootstraps."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dslite.reporting.figures import REMARK, subplots

UNITS = {"file": ("95 % over files", "#0072b2", 0.13), "speaker": ("95 % over speakers", "#d55e00", -0.13)}
"""What was drawn -> its legend, colour (Okabe and Ito's blue and vermilion) and place beside the row's middle."""


@dataclass(frozen=True)
class Strip:
    """One part of :func:`intervals`.

    Attributes:
        rows: a row per line: ``name``, ``value``, and ``low_<unit>``, ``high_<unit>`` for file and speaker; NaN where
            there is no interval.
        axis: what the values are, with their unit.
        reference, meaning: a value to compare with, drawn as a line, and what it is.
        percent: whether values lie between 0 and 100, and so the axis.
    """

    rows: pd.DataFrame
    axis: str
    reference: float
    meaning: str
    percent: bool = False

    @classmethod
    def of_scores(cls, table: pd.DataFrame, column: str, axis: str, chance: float, percent: bool = True) -> "Strip":
        """Rows of ``results.csv`` with a ``name`` each, their score in a column, beside chance."""
        names = {column: "value", "ci_low": "low_file", "ci_high": "high_file"}
        names |= {"ci_speaker_low": "low_speaker", "ci_speaker_high": "high_speaker"}
        return cls(table.rename(columns=names), axis, chance, "chance", percent)

    @classmethod
    def of_differences(cls, table: pd.DataFrame, name: str, axis: str) -> "Strip":
        """Paired differences, named by a column, with the intervals of both bootstraps."""
        return cls(table.rename(columns={name: "name", "difference": "value"}), axis, 0.0, "no difference")


def intervals(strips: Sequence[Strip]) -> Figure:
    """Values as points, each with its interval over files and, where there is one, over speakers."""
    lines = [len(strip.rows) for strip in strips]
    height, ratios = 0.9 + sum(0.45 + 0.34 * number for number in lines), [0.8 + number for number in lines]
    with subplots(len(strips), 1, height, squeeze=False, height_ratios=ratios) as (figure, grid):
        for strip, axes in zip(strips, grid[:, 0], strict=True):
            _draw(axes, strip)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=max(1, len(handles)))
    return figure


def _draw(axes: Axes, strip: Strip) -> None:
    rows, heights = strip.rows, range(len(strip.rows), 0, -1)
    axes.axvline(strip.reference, color="#8a857b", lw=1, ls=":")
    at_top = {"xycoords": ("data", "axes fraction"), "xytext": (3, 0), "va": "bottom"}
    axes.annotate(strip.meaning, (strip.reference, 1), **at_top, **REMARK)
    for unit, (legend, colour, shift) in UNITS.items():
        known = rows[f"low_{unit}"].notna().to_numpy()
        if known.any():
            at = [height + shift for height, there in zip(heights, known, strict=True) if there]
            low, high = rows.loc[known, f"low_{unit}"], rows.loc[known, f"high_{unit}"]
            axes.hlines(at, low, high, color=colour, lw=2.4, label=legend)
    axes.plot(rows["value"], list(heights), "o", color="#2b2a27", ms=4.5, ls="none")
    axes.set_yticks(list(heights), rows["name"], parse_math=False)
    axes.set_ylim(0.45, len(rows) + 0.55)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(strip.axis)
    if strip.percent:
        axes.set_xlim(max(0.0, axes.get_xlim()[0]), min(100.0, axes.get_xlim()[1]))
