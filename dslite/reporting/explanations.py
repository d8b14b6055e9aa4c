"""Figures of explanations, in the manner of the paper's Figure 2, and players for what was heard."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dslite.reporting.display import RC
from dslite.reporting.figures import mel_ticks
from dslite.reporting.templates import render

if TYPE_CHECKING:
    from dslite.explanation.maps import Attribution, MeanMap

RED_BLUE = "RdBu_r"
"""Red raises a class, blue lowers it, white does nothing (paper, Figure 2)."""

_WIDTH = 7.4
_ORDERS = {"SHAP": "#0072b2", "random": "#e69f00"}


@dataclass(frozen=True)
class Explained:
    """A clip and the reasons for what the model says of it.

    Attributes:
        title: over its spectrogram: true class, predicted class, file.
        levels: uint8 (frames, mel_bins), before colours.
        seconds: its length.
        classes: names, in the order of the maps.
        attribution: the maps.
    """

    title: str
    levels: np.ndarray
    seconds: float
    classes: Sequence[str]
    attribution: "Attribution"


def shap_maps(clips: Sequence[Explained], mel_hz: np.ndarray) -> Figure:
    """Spectrogram and SHAP map of each class side by side, one clip below the other (the paper's Figure 2).

    All maps are shown on the same regions and share one colour bar, whatever method they come from. Over each class
    stands its probability and that of the hidden spectrogram, over each clip its additivity gap.

    Args:
        clips: what to show, all with the same classes.
        mel_hz: centre frequency of each Mel bin in Hz, rising.
    """
    lines, columns = _grid(1 + len(clips[0].classes), 5)
    pooled = [clip.attribution.pooled() for clip in clips]
    norm = _symmetric(pooled)
    with _style():
        figure, grid = plt.subplots(
            lines * len(clips), columns, figsize=(_WIDTH, 0.7 + 1.85 * lines * len(clips)), squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for axes in grid.flat:
            axes.set_visible(False)
        for number, (clip, maps) in enumerate(zip(clips, pooled, strict=True)):
            first, *others = grid[number * lines : (number + 1) * lines].flat
            first.imshow(clip.levels.T, cmap="viridis", vmin=0, vmax=255, **_place(clip.seconds, len(mel_hz)))
            first.set_title(f"{clip.title}\ngap {gap_words(clip.attribution.gap)}", parse_math=False)
            _axes(first, mel_hz)
            for index, (axes, values) in enumerate(zip(others, maps, strict=False)):
                axes.imshow(values, cmap=RED_BLUE, norm=norm, **_place(clip.seconds, len(mel_hz)))
                chance, base = clip.attribution.prediction[index], clip.attribution.base[index]
                axes.set_title(f"{clip.classes[index]}\n{base:.2f} → {chance:.2f}", parse_math=False)
                _axes(axes, mel_hz)
        _bar(figure, grid, norm, "SHAP value of a region: what it adds to the probability")
    return figure


def gap_words(gap: np.ndarray | float) -> str:
    """The largest of some additivity gaps; rounding errors differ between machines and say nothing."""
    most = float(np.abs(gap).max())
    return "below 1e-6" if most < 1e-6 else f"{most:.2g}"


def compared(clip: Explained, ways: Mapping[str, "Attribution"], index: int, mel_hz: np.ndarray) -> Figure:
    """The map of one class by several methods, side by side; each has colours of its own, as their sizes differ.

    Args:
        clip: what is explained.
        ways: name -> the map.
        index: the class.
        mel_hz: centre frequency of each Mel bin in Hz, rising.
    """
    with _style():
        figure, row = plt.subplots(1, 1 + len(ways), figsize=(_WIDTH, 2.7), layout="constrained")
        row[0].imshow(clip.levels.T, cmap="viridis", vmin=0, vmax=255, **_place(clip.seconds, len(mel_hz)))
        row[0].set_title(clip.title, parse_math=False, fontsize=8)
        _axes(row[0], mel_hz)
        for axes, (name, way) in zip(row[1:], ways.items(), strict=True):
            values = way.pooled()[index]
            picture = axes.imshow(values, cmap=RED_BLUE, norm=_symmetric([values]), **_place(clip.seconds, len(mel_hz)))
            axes.set_title(f"{name}\ngap {gap_words(way.gap[index])}", parse_math=False, fontsize=8)
            _axes(axes, mel_hz)
            bar = figure.colorbar(picture, ax=axes, orientation="horizontal", pad=0.03, aspect=14)
            bar.locator = mpl.ticker.MaxNLocator(2)
    return figure


def mean_maps(maps: Sequence["MeanMap"], mel_hz: np.ndarray, seconds: float | None) -> Figure:
    """Mean SHAP map of each class over many clips of it, and how far they spread.

    Args:
        maps: a class each. A dot marks a region whose sign at least four in five clips share.
        mel_hz: centre frequency of each Mel bin in Hz, rising.
        seconds: length of the clips; None where it varies, then time is relative.
    """
    norm = _symmetric([part for m in maps for part in (m.mean, m.spread)])
    length = 1.0 if seconds is None else seconds
    with _style():
        figure, grid = plt.subplots(
            len(maps), 2, figsize=(_WIDTH * 0.85, 0.8 + 1.75 * len(maps)), squeeze=False, layout="constrained"
        )
        for row, shown in zip(grid, maps, strict=True):
            for axes, values, what in zip(row, (shown.mean, shown.spread), ("mean", "standard deviation"), strict=True):
                axes.imshow(values, cmap=RED_BLUE, norm=norm, **_place(length, len(mel_hz)))
                axes.set_title(f"{shown.label}: {what}, {shown.clips} clips", parse_math=False)
                _axes(axes, mel_hz)
                axes.set_xlabel("share of the clip" if seconds is None else "time (s)")
            band, span = np.nonzero((shown.agreement >= 0.8) & (shown.mean != 0))
            bands, spans = shown.mean.shape
            row[0].scatter(
                (span + 0.5) * length / spans, (band + 0.5) * len(mel_hz) / bands - 0.5, s=2.5, c="#2b2a27", lw=0
            )
        _bar(figure, grid, norm, "SHAP value of a region; dots: at least 4 of 5 clips agree in its sign")
    return figure


def band_profiles(
    profiles: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], edges_hz: np.ndarray, mel_hz: np.ndarray
) -> Figure:
    """What each band of frequencies does to a class on average, with 95 % intervals over clips.

    Args:
        profiles: class -> mean, lower and upper bound per band.
        edges_hz: Hz, shape (bands + 1,), where the bands begin and end.
        mel_hz: centre frequency of each Mel bin in Hz, rising.
    """
    at = np.interp(edges_hz, mel_hz, np.arange(len(mel_hz)))
    lines, columns = _grid(len(profiles), 4)
    with _style():
        figure, grid = plt.subplots(
            lines, columns, figsize=(_WIDTH, 0.5 + 2.3 * lines), squeeze=False, sharex=True, sharey=True,
            layout="constrained",
        )  # fmt: skip
        for axes in grid.flat[len(profiles) :]:
            axes.set_visible(False)
        for axes, (label, (mean, low, high)) in zip(grid.flat, profiles.items(), strict=False):
            middle = (at[:-1] + at[1:]) / 2
            colours = np.where(mean > 0, "#b2182b", "#2166ac")
            axes.barh(middle, mean, np.diff(at) * 0.9, color=colours)
            axes.hlines(middle, low, high, color="#2b2a27", lw=0.9)
            axes.axvline(0, color="#8a857b", lw=0.8)
            axes.set_title(label, parse_math=False)
            axes.set_yticks(*mel_ticks(mel_hz))
            axes.set_xlabel("SHAP value")
            axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("Hz (Mel)")
    return figure


def trust_curves(table: pd.DataFrame, areas: pd.DataFrame) -> Figure:
    """Deletion and insertion, in the order of the SHAP values and in a random one, averaged over clips.

    Args:
        table: ``kind``, ``order``, ``share``, ``probability`` and one row per point of every curve.
        areas: index ``kind``, columns ``SHAP`` and ``random``.
    """
    with _style():
        figure, pair = plt.subplots(1, 2, figsize=(_WIDTH, 2.7), sharey=True, layout="constrained")
        for axes, (kind, verb) in zip(pair, {"deletion": "hidden", "insertion": "shown"}.items(), strict=True):
            for order, colour in _ORDERS.items():
                own = table[(table["kind"] == kind) & (table["order"] == order)]
                sns.lineplot(
                    own, x="share", y="probability", ax=axes, color=colour, errorbar=("se", 1), err_kws={"lw": 0},
                    label=f"{order} order: area {areas.loc[kind, order]:.3f}",
                )  # fmt: skip
            axes.set(title=kind, xlabel=f"share of the regions {verb}", ylabel="probability of the class", xlim=(0, 1))
            axes.set_ylim(bottom=0)
            axes.legend(loc="best")
    return figure


def players_html(title: str, sounds: Mapping[str, bytes]) -> str:
    """Audio players side by side, the sound inside, as escaped HTML.

    Args:
        title: what is heard.
        sounds: name of a player -> MP3 (see :func:`dslite.explanation.evidence.encode`).
    """
    inside = {name: base64.b64encode(sound).decode("ascii") for name, sound in sounds.items()}
    return render("players.html.j2", title=title, sounds=inside)


def players(title: str, sounds: Mapping[str, bytes]) -> None:
    """Displays :func:`players_html`."""
    from IPython.display import HTML, display

    display(HTML(players_html(title, sounds)))


def _grid(panels: int, most: int) -> tuple[int, int]:
    """Lines and columns with at most so many columns, and lines as even as they can be."""
    lines = -(-panels // most)
    return lines, -(-panels // lines)


def _symmetric(maps: Sequence[np.ndarray]) -> mpl.colors.Normalize:
    """Zero is white; the greatest value of all maps, of either sign, is the end of both colours."""
    most = max(float(np.abs(values).max()) for values in maps) or 1.0
    return mpl.colors.Normalize(-most, most)


def _place(seconds: float, bins: int) -> dict:
    extent = (0, seconds, -0.5, bins - 0.5)
    return {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest", "rasterized": True}


def _axes(axes: Axes, mel_hz: np.ndarray) -> None:
    """Seconds and Hz; the Hz are named at the left end of a row only."""
    axes.set_visible(True)
    first = axes.get_subplotspec().is_first_col()
    axes.set_yticks(*mel_ticks(mel_hz))
    axes.tick_params(labelleft=first)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
    axes.set(xlabel="time (s)", ylabel="Hz (Mel)" if first else "")
    axes.spines[["top", "right"]].set_visible(True)


def _bar(figure: Figure, grid: np.ndarray, norm: mpl.colors.Normalize, what: str) -> None:
    shades = mpl.cm.ScalarMappable(norm, RED_BLUE)
    bar = figure.colorbar(shades, ax=grid, orientation="horizontal", aspect=50, shrink=0.7, pad=0.02)
    bar.set_label(f"{what} (blue lowers, red raises)")


def _style():
    return mpl.rc_context(RC)
