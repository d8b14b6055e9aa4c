"""Figures: each function returns a matplotlib figure with axes, units and legend, to be given to ``show``.

Class names and titles come from other people's files: they are drawn as they are, never read as formulas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dslite.reporting.display import RC

PARTITIONS = ("train", "dev", "test")
COLOURS = {"train": "#0072b2", "dev": "#e69f00", "test": "#009e73"}
"""Okabe and Ito's blue, orange and green: told apart by colour-blind readers and, by lightness, in print."""

AUGMENTATIONS = {
    "none": "no augmentation",
    "cutmix": "CutMix",
    "specaugment": "SpecAugment",
    "both": "CutMix+SpecAugment",
}
_WIDTH = 7.4
_PRINT = "#6a3f7e"


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


def durations(clips: pd.DataFrame, chunk: float = 0.0, published_mean: float | None = None) -> Figure:
    """Histogram of durations by partition.

    Args:
        clips: a row per file, with ``duration`` (s) and ``partition``.
        chunk: length of a chunk in s, drawn as a line; 0 for whole files.
        published_mean: the paper's mean duration in s, drawn as a line.
    """
    with _style():
        figure, axes = plt.subplots(figsize=(_WIDTH, 2.7), layout="constrained")
        shown = [part for part in PARTITIONS if (clips["partition"] == part).any()]
        edges = _edges(clips["duration"].to_numpy(float))
        sns.histplot(
            clips, x="duration", hue="partition", hue_order=shown, palette=COLOURS, multiple="stack", bins=edges,
            edgecolor="white", linewidth=0.4, alpha=0.9, ax=axes,
        )  # fmt: skip
        legend = axes.get_legend()
        handles, labels = list(legend.legend_handles), [text.get_text() for text in legend.get_texts()]
        lines = [(clips["duration"].mean(), "-", "#2b2a27", "mean here"), (chunk or None, ":", "#5d5950", "one chunk")]
        lines.append((published_mean, "--", _PRINT, "mean in the paper"))
        for seconds, style, colour, name in lines:
            if seconds is not None:
                handles.append(axes.axvline(seconds, ls=style, color=colour, lw=1.3))
                labels.append(f"{name}: {seconds:.2f} s")
        legend.remove()
        axes.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))
        axes.set(xlabel="duration of a file (s)", ylabel="files")
        axes.yaxis.get_major_locator().set_params(integer=True)
    return figure


def waveform_and_plot(examples: Sequence[Example], mel_hz: np.ndarray) -> Figure:
    """Per class, the waveform and the spectrogram plot of one chunk (the left side of the paper's Figure 2).

    Args:
        examples: one per class.
        mel_hz: centre frequency of each Mel bin in Hz, rising; the ticks stand where their frequencies lie.
    """
    with _style():
        figure, grid = plt.subplots(
            len(examples), 2, figsize=(_WIDTH, 0.4 + 1.35 * len(examples)), squeeze=False, sharex="row",
            layout="constrained", width_ratios=(1, 1.15),
        )  # fmt: skip
        for example, (left, right) in zip(examples, grid, strict=True):
            seconds = len(example.wave) / example.rate
            time, low, high = envelope(example.wave, example.rate)
            left.fill_between(time, low, high, color=COLOURS["train"], lw=0.3)
            peak = max(1e-6, float(np.abs(example.wave).max()))
            left.set(xlim=(0, seconds), ylim=(-1.1 * peak, 1.1 * peak), ylabel="amplitude")
            left.set_title(_short(example.label, 40), parse_math=False)
            picture = right.imshow(
                example.spectrogram.T, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=255,
                extent=(0, seconds, -0.5, len(mel_hz) - 0.5), interpolation="nearest", rasterized=True,
            )  # fmt: skip
            right.set_yticks(*mel_ticks(mel_hz))
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


def mel_ticks(mel_hz: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Where round frequencies lie on an axis of Mel bins, and their names in Hz."""
    ticks = [hz for hz in (250, 1000, 2000, 4000, 8000) if mel_hz[0] <= hz <= mel_hz[-1] * 1.02]
    return np.interp(ticks, mel_hz, np.arange(len(mel_hz))), [f"{hz:,}" for hz in ticks]


def learning_curves(histories: Mapping[tuple[str, str], pd.DataFrame]) -> Figure:
    """Loss, and accuracy with dev UAR, over the epochs of the fits.

    Args:
        histories: (augmentation, partition that the fit is scored on) -> ``phase``, ``epoch``, ``loss``, ``accuracy``
            (a share of 1), ``dev_uar`` (percent, NaN for fits on train + dev).
    """
    names = [name for name in AUGMENTATIONS if any(name == key[0] for key in histories)]
    with _style():
        figure, grid = plt.subplots(
            len(names), 2, figsize=(_WIDTH, 0.5 + 1.75 * len(names)), squeeze=False, sharex=True, sharey="col",
            layout="constrained",
        )  # fmt: skip
        for name, (left, right) in zip(names, grid, strict=True):
            for partition, style in (("dev", "-"), ("test", "--")):
                history = histories.get((name, partition))
                if history is not None:
                    _curves(left, right, history, partition, style)
            left.set(title=AUGMENTATIONS[name], ylabel="training loss")
            right.set(ylabel="accuracy, UAR (%)", ylim=(0, 102))
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        handles, labels = grid[0, 1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def _curves(left: Axes, right: Axes, history: pd.DataFrame, partition: str, style: str) -> None:
    fitted = "train" if partition == "dev" else "train + dev"
    colour = COLOURS["train"] if partition == "dev" else "#56b4e9"
    sns.lineplot(history, x="epoch", y="loss", color=colour, ls=style, ax=left, errorbar=None, legend=False)
    accuracy = history.assign(percent=100 * history["accuracy"])
    sns.lineplot(
        accuracy, x="epoch", y="percent", color=colour, ls=style, ax=right, errorbar=None,
        label=f"training loss and accuracy, fit on {fitted}", legend=False,
    )  # fmt: skip
    if history["dev_uar"].notna().any():
        sns.lineplot(
            history, x="epoch", y="dev_uar", color=COLOURS["dev"], marker="o", ms=3.5, lw=1.3, ax=right,
            errorbar=None, label="UAR on dev of the fit on train", legend=False,
        )  # fmt: skip
    second = history.loc[history["phase"] == 2, "epoch"]
    if len(second) and partition == "dev":
        for axes in (left, right):
            span = axes.axvspan(second.min() - 0.5, second.max() + 0.5, color="#efeadd", zorder=0, lw=0)
        span.set_label("second phase: last layers fine-tuned")


def confusion(matrix: np.ndarray, classes: Sequence[str], title: str = "") -> Figure:
    """A confusion matrix in the manner of the paper's Figure 3.

    Args:
        matrix: int, shape (classes, classes): files by true class (rows) and predicted class (columns).
        classes: in the order of rows and columns.
        title: above it.
    """
    side = max(2.9, 1.4 + 0.62 * len(classes))
    with _style():
        figure, axes = plt.subplots(figsize=(side + 0.5, side), layout="constrained")
        _draw_confusion(axes, np.asarray(matrix), classes, title, bar=True)
    return figure


@dataclass(frozen=True)
class Panel:
    """One matrix of :func:`confusion_grid`; its ``title`` says which corpus and which data."""

    title: str
    matrix: np.ndarray
    classes: Sequence[str]


def confusion_grid(panels: Sequence[Panel], columns: int = 2) -> Figure:
    """Several confusion matrices in the manner of the paper's Figure 3, for all corpora at once."""
    rows = -(-len(panels) // columns)
    with _style():
        figure, grid = plt.subplots(rows, columns, figsize=(_WIDTH, 3.35 * rows), squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw_confusion(axes, np.asarray(panel.matrix), panel.classes, panel.title, bar=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        # Only now, as seaborn draws the figure once per matrix to see what overlaps; but the bar below needs it.
        figure.set_layout_engine("constrained")
        shades = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 100), "Blues")
        bar = figure.colorbar(shades, ax=grid, orientation="horizontal", aspect=50, shrink=0.6, pad=0.02)
        bar.set_label("share of the true class (%)")
    return figure


def _draw_confusion(axes: Axes, matrix: np.ndarray, classes: Sequence[str], title: str, bar: bool) -> None:
    total = matrix.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    few = len(classes) < 5
    percent = " %" if few else "%"
    rows = zip(matrix, share, strict=True)
    text = [[f"{n}\n{p:.1f}{percent}" for n, p in zip(*row, strict=True)] for row in rows]
    names = [_short(name, 12) for name in classes]
    sns.heatmap(
        share, annot=np.array(text), fmt="", cmap="Blues", vmin=0, vmax=100, square=True, cbar=bar, ax=axes,
        linewidths=0.6, linecolor="white", annot_kws={"fontsize": 8.5 if few else 6.3, "parse_math": False},
        cbar_kws={"label": "share of the true class (%)", "shrink": 0.8} if bar else None,
    )  # fmt: skip
    at = np.arange(len(names)) + 0.5
    axes.set_xticks(at, names, rotation=30, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(at, names, rotation=0, parse_math=False)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title, parse_math=False)


def _edges(seconds: np.ndarray) -> np.ndarray:
    """At most 40 bins over all durations; one bin around them if they are all equal."""
    low, high = float(seconds.min()), float(seconds.max())
    if high - low < 1e-3:
        return np.array([low - 0.05, low + 0.05])
    return np.linspace(low, high, min(40, max(8, int(np.sqrt(len(seconds))) + 4)) + 1)


def envelope(wave: np.ndarray, rate: int, points: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and greatest value in each of at most ``points`` stretches: what a line through all samples would show."""
    step = max(1, len(wave) // points)
    usable = wave[: len(wave) // step * step].reshape(-1, step)
    return np.arange(len(usable)) * step / rate, usable.min(axis=1), usable.max(axis=1)


def _short(name: str, most: int) -> str:
    name = " ".join(str(name).split())
    return name if len(name) <= most else name[: most - 1] + "…"


def _style():
    return mpl.rc_context(RC)
