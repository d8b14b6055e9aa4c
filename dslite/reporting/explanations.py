"""Figures of explanations, in the manner of the paper's Figure 2, and players for what was heard."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dslite.explanation.maps import Attribution
from dslite.front_end import FrontEnd
from dslite.reporting.figures import draw_levels, mel_ticks, placed, subplots, titles
from dslite.reporting.templates import render, show_html
from dslite.tasks import CLASSIFICATION, Task
from dslite.wording import written

RED_BLUE = "RdBu_r"
"""Red raises a class, blue lowers it, white does nothing (paper, Figure 2)."""


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
    attribution: Attribution


def stamp(axes: Axes) -> None:
    """Says on a map that the maps of its corpus have failed a check."""
    box = {"boxstyle": "square,pad=0.25", "fc": "white", "ec": "#b2182b", "alpha": 0.85}
    place = {"ha": "center", "va": "center", "rotation": 16, "transform": axes.transAxes}
    axes.text(0.5, 0.5, "FAILED CHECKS", fontsize=7.5, weight="bold", color="#b2182b", bbox=box, **place)


def draw_map(axes: Axes, values: np.ndarray, norm: mpl.colors.Normalize, seconds: float, bins: int, failed: bool):
    """Draws a map (bands, spans) on seconds and Mel bins, with a stamp where its corpus' maps have failed a check."""
    if failed:
        stamp(axes)
    return axes.imshow(values, cmap=RED_BLUE, norm=norm, **placed(seconds, bins))


def shap_maps(
    clips: Sequence[Explained], front_end: FrontEnd, failed: bool = False, task: Task = CLASSIFICATION
) -> Figure:
    """Spectrogram and SHAP map of each class side by side, one clip below the other (the paper's Figure 2).

    All maps are shown on the same regions and share one colour bar, whatever method they come from. Over each class
    stands its probability and that of the hidden spectrogram, over each clip its additivity gap.

    Args:
        clips: what to show, all with the same classes.
        front_end: of the plots.
        failed: whether the maps bear the stamp (:func:`stamp`).
        task: of the corpus.
    """
    lines, columns = grid_shape(1 + len(clips[0].classes), 5)
    pooled, names = [clip.attribution.pooled() for clip in clips], titles(clips[0].classes, columns)
    norm = symmetric(pooled)
    rows, more = lines * len(clips), max(name.count("\n") for name in names)
    with subplots(rows, columns, 0.7 + (1.85 + 0.2 * more) * rows, squeeze=False) as (figure, grid):
        for axes in grid.flat:
            axes.set_visible(False)
        for number, (clip, maps) in enumerate(zip(clips, pooled, strict=True)):
            first, *others = grid[number * lines : (number + 1) * lines].flat
            draw_levels(first, clip.levels, clip.seconds, front_end)
            title = f"{clip.title}\ngap {gap_words(clip.attribution.gap)}"
            first.set_title("\n".join(titles(title.splitlines(), columns)), parse_math=False)
            label_axes(first, front_end)
            for index, (axes, values) in enumerate(zip(others, maps, strict=False)):
                draw_map(axes, values, norm, clip.seconds, front_end.mel_bins, failed)
                chance, base = clip.attribution.prediction[index], clip.attribution.base[index]
                axes.set_title(f"{names[index]}\n{written(base, '.2f')} → {written(chance, '.2f')}", parse_math=False)
                label_axes(axes, front_end)
        shap_bar(figure, grid, norm, f"SHAP value of a region: what it adds to the {task.amount}")
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
    show_html(players_html(title, sounds))


def gap_words(gap: np.ndarray | float) -> str:
    """The largest of some additivity gaps; rounding errors differ between machines and say nothing."""
    most = float(np.abs(gap).max())
    return "below 1e-6" if most < 1e-6 else f"{most:.2g}"


def grid_shape(panels: int, most: int) -> tuple[int, int]:
    """Lines and columns with at most so many columns, and lines as even as they can be."""
    lines = -(-panels // most)
    return lines, -(-panels // lines)


def symmetric(maps: Sequence[np.ndarray]) -> mpl.colors.Normalize:
    """Zero is white; the greatest value of all maps, of either sign, is the end of both colours."""
    most = max(float(np.abs(values).max()) for values in maps) or 1.0
    return mpl.colors.Normalize(-most, most)


def label_axes(axes: Axes, front_end: FrontEnd, ticks: int = 3) -> None:
    """Seconds, at so many steps at most, and Hz; the Hz are named at the left end of a row only."""
    axes.set_visible(True)
    first = axes.get_subplotspec().is_first_col()
    axes.set_yticks(*mel_ticks(front_end))
    axes.tick_params(labelleft=first)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(ticks))
    axes.set(xlabel="time (s)", ylabel="Hz (Mel)" if first else "")
    axes.spines[["top", "right"]].set_visible(True)


def shap_bar(figure: Figure, grid: np.ndarray, norm: mpl.colors.Normalize, what: str) -> None:
    """One colour bar for all maps of a figure."""
    shades = mpl.cm.ScalarMappable(norm, RED_BLUE)
    bar = figure.colorbar(shades, ax=grid, orientation="horizontal", aspect=50, shrink=0.7, pad=0.02)
    bar.set_label(f"{what} (blue lowers, red raises)")
