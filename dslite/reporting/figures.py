"""Figures: each function returns a matplotlib figure with axes, units and legend, to be given to ``show``.

Class names and titles come from other people's files: they are drawn as they are, never read as formulas.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from dslite.front_end import FrontEnd
from dslite.reporting.display import RC
from dslite.scoring import confusion

PARTITIONS = ("train", "dev", "test")
COLOURS = {"train": "#0072b2", "dev": "#e69f00", "test": "#009e73"}
"""Okabe and Ito's blue, orange and green: told apart by colour-blind readers and, by lightness, in print."""

WIDTH = 7.4
"""Of a figure, in inches."""

REMARK = {"textcoords": "offset points", "fontsize": 7, "color": "#5d5950"}
"""How a line is named that is drawn to compare with."""

MOST_EXAMPLES = 24
"""Of classes: each takes about 0.1 MB of a page, which must open on a phone."""


@contextmanager
def subplots(lines: int, columns: int, height: float, width: float = WIDTH, **more) -> Iterator[tuple]:
    """A figure in the style of all figures, and its axes; ``height`` and ``width`` in inches, ``more`` as for pyplot's.

    What is drawn, and how, is to be said inside the block: the style ends with it.
    """
    with mpl.rc_context(RC):
        yield plt.subplots(lines, columns, figsize=(width, height), **{"layout": "constrained"} | more)


@dataclass(frozen=True)
class Example:
    """A chunk of one class to look at.

    Attributes:
        label: its class.
        wave: float, shape (samples,), in [-1, 1].
        rate: Hz.
        spectrogram: uint8, shape (frames, Mel bins), the values before colours.
    """

    label: str
    wave: np.ndarray
    rate: int
    spectrogram: np.ndarray


def few(groups: Sequence[str]) -> list[str]:
    """The groups to show examples of: all, or of many :data:`MOST_EXAMPLES`, evenly chosen."""
    shown = np.linspace(0, len(groups) - 1, min(len(groups), MOST_EXAMPLES))
    return [groups[at] for at in shown.round().astype(int)]


def each(groups: Sequence[str], name: str) -> str:
    """What there is an example of, for a caption: ``per class``, and which of them."""
    few_of_them = f", of {MOST_EXAMPLES} of the {len(groups):,}, evenly chosen" if len(groups) > MOST_EXAMPLES else ""
    return f"per {name}{few_of_them}."


def waveform_and_plot(examples: Sequence[Example], front_end: FrontEnd) -> Figure:
    """Per class, the waveform and the spectrogram plot of one chunk (the left side of the paper's Figure 2).

    Args:
        examples: one per class.
        front_end: of the plots.
    """
    shape = {"squeeze": False, "sharex": "row", "width_ratios": (1, 1.15)}
    with subplots(len(examples), 2, 0.4 + 1.35 * len(examples), **shape) as (figure, grid):
        for example, (left, right) in zip(examples, grid, strict=True):
            seconds = len(example.wave) / example.rate
            time, low, high = envelope(example.wave, example.rate)
            left.fill_between(time, low, high, color=COLOURS["train"], lw=0.3)
            peak = max(1e-6, float(np.abs(example.wave).max()))
            left.set(xlim=(0, seconds), ylim=(-1.1 * peak, 1.1 * peak), ylabel="amplitude")
            left.set_title(_short(example.label, 40), parse_math=False)
            picture = draw_levels(right, example.spectrogram, seconds, front_end)
            right.set_yticks(*mel_ticks(front_end))
            right.set(ylabel="Hz (Mel)")
            right.spines[["top", "right"]].set_visible(True)
        if len({len(example.wave) / example.rate for example in examples}) == 1:
            for axes in grid[:-1].flat:
                axes.tick_params(labelbottom=False)
        for axes in grid[-1]:
            axes.set_xlabel("time (s)")
        bar = figure.colorbar(picture, ax=grid[:, 1], aspect=40, pad=0.02, ticks=[0, 128, 255])
        bar.set_label("level (0–255, per plot)")
    return figure


def front_end(record: Mapping) -> FrontEnd:
    """The front end that a stage's record describes."""
    return FrontEnd(**record["front_end"])


def placed(seconds: float, bins: int) -> dict:
    """How a map or spectrogram is drawn: on seconds and Mel bins."""
    extent = (0, seconds, -0.5, bins - 0.5)
    return {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest", "rasterized": True}


def in_255(levels: np.ndarray) -> np.ndarray:
    """Levels as they are drawn, 0-255; see :attr:`dslite.front_end.FrontEnd.level_type`."""
    return levels if levels.dtype == np.uint8 else levels / 256


def draw_levels(axes: Axes, levels: np.ndarray, seconds: float, front_end: FrontEnd):
    """Draws a spectrogram, levels (frames, mel_bins), in the colours of the plots."""
    place = placed(seconds, front_end.mel_bins)
    return axes.imshow(in_255(levels).T, cmap=front_end.colours, vmin=0, vmax=255, **place)


def mel_ticks(front_end: FrontEnd) -> tuple[np.ndarray, list[str]]:
    """Where round frequencies lie on an axis of Mel bins, and their names in Hz."""
    mel_hz = front_end.mel_frequencies()
    ticks = [hz for hz in (250, 1000, 2000, 4000, 8000) if mel_hz[0] <= hz <= mel_hz[-1] * 1.02]
    return np.interp(ticks, mel_hz, np.arange(len(mel_hz))), [f"{hz:,}" for hz in ticks]


@dataclass(frozen=True)
class ConfusionPanel:
    """One matrix of :func:`confusion_grid`.

    Attributes:
        title: which corpus or system, and which data.
        matrix: int, shape (classes, classes): files by true class (rows) and predicted class (columns).
        classes: in the order of rows and columns.
    """

    title: str
    matrix: np.ndarray
    classes: Sequence[str]


def confusion_grid(panels: Sequence[ConfusionPanel]) -> Figure:
    """Confusion matrices in the manner of the paper's Figure 3; below each other, not in pairs, where classes are many
    or their names long.

    In each cell stand the files and their share of the true class; the share alone, or nothing, where it is small.
    """
    fit = (len(panel.classes) <= (7 if max(map(len, panel.classes)) <= _LINE else 4) for panel in panels)
    columns = 2 if all(fit) else 1
    rows = -(-len(panels) // columns)
    with subplots(rows, columns, rows * (3.8 if columns == 2 else 7.0), squeeze=False) as (figure, grid):
        for axes, panel in zip(grid.flat, panels, strict=False):
            shades = _draw_confusion(axes, panel, (2.1 if columns == 2 else 5.2) / len(panel.classes))
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        bar = figure.colorbar(shades, ax=grid, orientation="horizontal", aspect=50, shrink=0.6, pad=0.02)
        bar.set_label("share of the true class (%)")
    return figure


def of_files(tables: Mapping[str, pd.DataFrame], classes: Sequence[str], each: str) -> tuple[Figure, str, str]:
    """What systems make of the test files, with its alternative text and caption: confusion, or predicted against true
    numbers.

    Args:
        tables: title -> prediction table.
        classes: in their order; none where labels are numbers.
        each: what has a panel of its own.
    """
    if not classes:
        alt = f"Predicted number against the label of the test files for each {each}."
        return predicted_against_true(tables), alt, "A point per test file, all files; on the dotted line they agree."
    panels = [ConfusionPanel(title, confusion(table, classes, "all"), classes) for title, table in tables.items()]
    alt = f"Confusion matrix of the test files for each {each}."
    return confusion_grid(panels), alt, "Confusion on test, all files."


def predicted_against_true(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A point per file: its number on the x axis, what is said of it on the y axis; on the line both are the same.

    Args:
        tables: title -> ``label``, ``predicted``, float.
    """
    columns = min(2, len(tables))
    rows = -(-len(tables) // columns)
    every = np.concatenate([table[["label", "predicted"]].to_numpy(float).ravel() for table in tables.values()])
    margin = 0.05 * (np.ptp(every) or 1.0)
    ends = every.min() - margin, every.max() + margin
    shared = {"squeeze": False, "sharex": True, "sharey": True}
    with subplots(rows, columns, 3.4 * rows, **shared) as (figure, grid):
        for axes, (title, table) in zip(grid.flat, tables.items(), strict=False):
            axes.plot(ends, ends, color="#8a857b", lw=0.9, ls=":")
            axes.plot(table["label"], table["predicted"], "o", ms=4, alpha=0.45, mew=0, color=COLOURS["train"])
            axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel="label, as labelled", ylabel="label, predicted")
            axes.set_title(title, parse_math=False)
        for axes in grid.flat[len(tables) :]:
            axes.set_visible(False)
    return figure


_LINE = 16
"""Letters in a line of a class' name beside a matrix."""


def _draw_confusion(axes: Axes, panel: ConfusionPanel, side: float) -> QuadMesh:
    """Draws a matrix whose cells are ``side`` inches wide; returns its shades."""
    matrix, number = np.asarray(panel.matrix), len(panel.classes)
    total = matrix.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    edges = (-0.5, number - 0.5)
    at = np.arange(number)
    shades = axes.pcolormesh(at, at, share, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=0.6)
    for (row, column), files in np.ndenumerate(matrix):
        percent = share[row, column]
        if side > 0.45:
            text, size = f"{files}\n{percent:.1f} %", min(8.5, 16 * side)
        elif side > 0.28:
            text, size = f"{files}\n{percent:.0f}%", min(7.0, 20 * side)
        else:
            text, size = f"{percent:.0f}" if side > 0.16 else "", 25 * side
        colour = "white" if percent > 55 else RC["text.color"]
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour, parse_math=False)
    lines = min(3, max(1, int(side / 0.16)))  # of a name: as many as a row holds
    names = told_apart(panel.classes, _LINE if lines > 1 else 28, lines)
    slant = {"rotation": 30} if number <= 7 and "\n" not in "".join(names) else {"rotation": 90, "va": "center"}
    axes.set_xticks(at, names, ha="right", rotation_mode="anchor", parse_math=False, **slant)
    axes.set_yticks(at, names, parse_math=False)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted class", ylabel="true class", aspect="equal", xlim=edges, ylim=edges[::-1])
    axes.spines[:].set_visible(False)
    axes.set_title(panel.title, parse_math=False)
    return shades


def envelope(wave: np.ndarray, rate: int, points: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and greatest value in each of at most ``points`` stretches: what a line through all samples would show."""
    step = max(1, len(wave) // points)
    usable = wave[: len(wave) // step * step].reshape(-1, step)
    return np.arange(len(usable)) * step / rate, usable.min(axis=1), usable.max(axis=1)


def told_apart(names: Sequence[str], width: int = _LINE, lines: int = 3) -> list[str]:
    """Names in so many lines of so many letters; what is longer is cut, and numbered where two would look alike."""
    cut = [textwrap.fill(name, width, max_lines=lines, placeholder="…") for name in names]
    return [name if cut.count(name) == 1 else f"{number}: {name}" for number, name in enumerate(cut, start=1)]


def titles(names: Sequence[str], columns: int) -> list[str]:
    """Names in lines that fit over one of so many panels side by side."""
    return told_apart(names, 70 // columns, 5)


def _short(name: str, most: int) -> str:
    name = " ".join(str(name).split())
    return name if len(name) <= most else name[: most - 1] + "…"
