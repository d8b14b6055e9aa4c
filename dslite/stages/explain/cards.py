"""A clip's spectrogram and maps as one small picture, for pages that show many of them."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from dslite.front_end import FrontEnd
from dslite.reporting import display
from dslite.reporting.display import RC, legible
from dslite.reporting.explanations import RED_BLUE, Explained, gap_words, stamp
from dslite.reporting.figures import in_255, mel_ticks, placed
from dslite.wording import written

_WIDTH, _PANEL = 3.6, 1.22
"""Inches: a card's width on a phone at 100 CSS pixels per inch, and the height of one panel with its title."""

_LEAST = 0.01
"""SHAP value that the colours reach at least: where there is nothing to explain, a map stays pale."""

_SMALL = {"axes.titlesize": 7.5, "axes.labelsize": 6.5, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5}


def card_picture(
    clip: Explained, indices: Sequence[int], front_end: FrontEnd, line: str, failed: bool = False
) -> bytes:
    """Spectrogram and the maps of some classes, one below the other on one axis of time; the maps share a colour bar.

    Args:
        clip: what to show; its title is not used.
        indices: of the classes whose maps are shown.
        front_end: of the plots.
        line: provenance, drawn into the picture; "" for none.
        failed: whether the maps bear the stamp.

    Returns:
        PNG with a palette.
    """
    panels, (bottom, top) = 1 + len(indices), (0.4, 0.02)
    height = panels * _PANEL + bottom + top
    maps = clip.attribution.pooled()[list(indices)]
    most = max(float(np.abs(maps).max()), _LEAST)
    with mpl.rc_context(RC | _SMALL):
        figure = plt.figure(figsize=(_WIDTH, height), dpi=150)
        said = f"spectrogram; gap {gap_words(clip.attribution.gap)}"
        drawn = [(in_255(clip.levels).T, front_end.colours, mpl.colors.Normalize(0, 255), said)]
        for index, values in zip(indices, maps, strict=True):
            of_map = clip.attribution.base[index], clip.attribution.prediction[index]
            raised = " → ".join(written(value, ".2f") for value in of_map)
            drawn.append((values, RED_BLUE, mpl.colors.Normalize(-most, most), f"{clip.classes[index]}: {raised}"))
        for number, (values, colours, norm, title) in enumerate(drawn):
            low = (bottom + (panels - 1 - number) * _PANEL) / height
            axes = figure.add_axes((0.125, low, 0.735, (_PANEL - 0.24) / height))
            picture = axes.imshow(values, cmap=colours, norm=norm, **placed(clip.seconds, front_end.mel_bins))
            if failed and number:
                stamp(axes)
            axes.set_title(title, parse_math=False, pad=2.5)
            axes.set_yticks(*mel_ticks(front_end))
            axes.set_ylabel("Hz", labelpad=1)
            axes.spines[["top", "right"]].set_visible(True)
            axes.tick_params(length=2, pad=1.5, labelbottom=number == panels - 1)
        beside = (0.875, bottom / height, 0.018, (len(indices) * _PANEL - 0.24) / height)
        bar = figure.colorbar(picture, cax=figure.add_axes(beside))
        bar.set_ticks([-most, 0, most], labels=[written(-most, ".2g"), "0", f"{most:.2g}"])
        bar.ax.tick_params(length=1.5, pad=1.5)
        axes.set_xlabel("time (s)", labelpad=1)
        figure.text(0.995, 0.004, line, ha="right", va="bottom", fontsize=5.2, color="#8a4b00", parse_math=False)
        legible(figure, lambda _, word: word.encode("ascii", "backslashreplace").decode())  # no room for a legend
        png = display.picture_in_few_colours(figure)
        plt.close(figure)
        return png
