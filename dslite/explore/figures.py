"""Figures of one clip: what the model says over time, and what augmentation does to its plot."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dslite.front_end import FrontEnd
from dslite.reporting.explanations import label_axes
from dslite.reporting.figures import COLOURS, envelope, placed, subplots

_STYLES = ("-", "--", "-.", ":")
_MARKERS = "osD^vP*X"


@dataclass(frozen=True)
class Picture:
    """A plot to draw.

    Attributes:
        title: over it.
        picture: float, shape (size, size, 3), RGB in 0-255; rows are frequency (top is high).
        seconds: how much time its columns cover.
        square: top, bottom, left, right in pixels of a square to outline; None for none.
    """

    title: str
    picture: np.ndarray
    seconds: float
    square: tuple[int, int, int, int] | None = None


def over_time(
    wave: np.ndarray, rate: int, starts: np.ndarray, window: float, probabilities: np.ndarray, classes: Sequence[str]
) -> Figure:
    """A clip's waveform, and below it the probability of each class while a window moves over it.

    A point stands in the middle of its window. A single window is drawn over all that it covers.

    Args:
        wave: float, shape (samples,).
        rate: Hz.
        starts: s, shape (n,).
        window: s.
        probabilities: shape (n, classes), in [0, 1].
        classes: names, in the order of the columns.
    """
    seconds = len(wave) / rate
    with subplots(2, 1, 3.4, sharex=True, height_ratios=(1, 2.4)) as (figure, (top, bottom)):
        time, low, high = envelope(wave, rate)
        top.fill_between(time, low, high, color=COLOURS["train"], lw=0.3)
        top.set(xlim=(0, seconds), ylabel="amplitude")
        middle = starts + window / 2
        alone = len(starts) == 1
        colours = sns.color_palette("colorblind", len(classes))
        for index, (name, colour) in enumerate(zip(classes, colours, strict=True)):
            said, style = probabilities[:, index], _STYLES[index % len(_STYLES)]
            x, y = ([0, min(window, seconds)], [said[0]] * 2) if alone else (middle, said)
            marker = None if alone else _MARKERS[index % len(_MARKERS)]
            bottom.plot(x, y, color=colour, ls=style, marker=marker, ms=3, lw=1.4, label=name)
        bottom.axhline(1 / len(classes), color="#8a857b", lw=0.7, ls=(0, (1, 3)))
        bottom.set(ylim=(-0.02, 1.02), xlabel="time (s)", ylabel="probability")
        legend = bottom.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def augmentation(
    pictures: Sequence[Picture], front_end: FrontEnd, curve: tuple[np.ndarray, np.ndarray], lam: float
) -> Figure:
    """Plots before and after augmentation, and where on SapAugment's curve this lambda lies.

    Args:
        pictures, front_end: plots, from left to right, and what made them.
        curve: loss rank as a share of the batch, shape (n,), and lambda, shape (n,).
        lam: the lambda that was used.
    """
    with subplots(1, len(pictures) + 1, 2.35) as (figure, (*plots, last)):
        for axes, shown in zip(plots, pictures, strict=True):
            _draw(axes, shown, front_end)
        rank, portion = curve
        last.plot(rank, portion, color=COLOURS["train"], lw=1.3)
        last.plot(np.interp(lam, portion[::-1], rank[::-1]), lam, "o", color=COLOURS["dev"], ms=6)
        last.set(xlim=(0, 1.03), ylim=(-0.03, 1.05), xlabel="loss rank in the batch", ylabel="λ")
        last.set_title(f"SapAugment\nλ = {lam:.2f}")
    return figure


def _draw(axes: Axes, shown: Picture, front_end: FrontEnd) -> None:
    bins, size = front_end.mel_bins, len(shown.picture)
    axes.imshow(np.clip(shown.picture / 255.0, 0.0, 1.0), **placed(shown.seconds, bins) | {"origin": "upper"})
    if shown.square:
        top, bottom, left, right = shown.square
        corner = left / size * shown.seconds, bins - 0.5 - bottom / size * bins
        sides = (right - left) / size * shown.seconds, (bottom - top) / size * bins
        axes.add_patch(Rectangle(corner, *sides, fill=False, ec="white", lw=1.4, ls="--"))
    axes.set_title(shown.title, parse_math=False, fontsize=8.5)
    label_axes(axes, front_end, ticks=4)
