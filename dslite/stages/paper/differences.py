"""Pictures of discrepancies that can be seen, each drawn by the very code that trains, from one synthetic sound."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dslite.backbones import base_model
from dslite.paper.ledger import ablations
from dslite.readings import READINGS, Reading
from dslite.reporting.figures import WIDTH, in_255, subplots

_RATE, _SECONDS = 16_000, 3
_PAPER, _RELEASED = "#0072b2", "#d55e00"


def sound() -> np.ndarray:
    """A voice-like sound of our own, bursts of gliding harmonics over noise: float32 (1, samples), 3 s at 16 kHz."""
    t = np.arange(_SECONDS * _RATE) / _RATE
    pitch = 180 + 60 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / _RATE
    voice = sum(np.sin(k * phase) / k * np.exp(-(((k * 200 - 900) / 1500) ** 2)) for k in range(1, 30))
    bursts = np.clip(np.sin(2 * np.pi * 1.1 * t), 0, 1) ** 0.5
    noise = np.random.default_rng(0).standard_normal(t.size)
    return (0.3 * voice * bursts + 0.004 * noise)[None].astype(np.float32)


def dead_bin() -> Figure:
    """F-02: the paper's plot, the paper's window in the released dB scale, the released plot; and their colours."""
    from dslite.spectrogram import colour_table

    shown = {
        "32 ms, bins from 60 Hz\n(paper, sound)": READINGS["paper"],
        "32 ms in the code's dB scale:\nthe lowest bin is dead": ablations()["F-02 dead Mel bin"],
        "128 ms, as shipped\n(released)": READINGS["released"],
    }
    with subplots(2, 3, 4.2, height_ratios=(2, 1), sharey="row") as (figure, grid):
        for (title, reading), (picture, bars) in zip(shown.items(), grid.T, strict=True):
            plot = _plot(reading)
            _picture(picture, plot(sound())[0].numpy(), title)
            levels = in_255(plot.quantise(sound()).numpy())
            counts, edges = np.histogram(levels, bins=32, range=(0, 256))
            colours = colour_table("viridis")[edges[:-1].astype(int) + 4] / 255
            bars.bar(edges[:-1], 100 * counts / levels.size, width=8, align="edge", color=colours)
            bars.set(xlabel="level (0–255)", xlim=(0, 256))
        grid[0, 0].set_ylabel("frequency (Mel)")
        grid[1, 0].set_ylabel("% of the plot")
    return figure


def resized() -> Figure:
    """F-03: the same corner of the plot, resized in both ways."""
    titles = {"bilinear": "bilinear (paper, sound)", "nearest": "nearest neighbour (released)"}
    with subplots(1, 2, 2.5) as (figure, pair):
        for axes, (how, title) in zip(pair, titles.items(), strict=True):
            whole = _plot(READINGS["paper"].with_changes(resize=how))(sound())[0].numpy()
            _picture(axes, whole[90:150, 40:140], title)
            axes.set_xlabel("a part of the plot, 100 × 60 pixels")
    return figure


def strengths() -> Figure:
    """F-05 and F-06: how often and how much the samples of a batch are changed, by the rank of their loss."""
    from dslite.augmentation import sap_lambda

    ranks = np.arange(1, 33)
    with subplots(1, 2, 2.6) as (figure, pair):
        for name, colour in (("paper", _PAPER), ("released", _RELEASED)):
            reading = READINGS[name]
            lam = sap_lambda(ranks.astype(np.float32), reading).numpy()
            low, high = reading.probability
            pair[0].plot(ranks, 100 * (low + (high - low) * lam), color=colour, label=name)
            for (low, high), style, what in ((reading.patch, "-", "CutMix square"), (reading.mask, "--", "mask")):
                pair[1].plot(ranks, low + (high - low) * lam, style, color=colour, label=f"{what}, {name}")
        pair[0].set(title="how often", ylabel="probability (%)", ylim=(0, 65))
        pair[1].set(title="how much", ylabel="pixels of 224", ylim=(0, 70))
        for axes in pair:
            axes.set(xlabel="rank of the loss in a batch of 32", xlim=(1, 32))
            axes.legend()
    return figure


def clipped_square() -> Figure:
    """F-07: a square at the edge, and how much of the label's share is really there, by the square's centre."""
    side, size = 56, 224
    centres = np.arange(size)
    inside = np.minimum(centres - side // 2 + side, size) - np.maximum(centres - side // 2, 0)
    share = 100 * inside[:, None] * inside / side**2
    plot = _plot(READINGS["paper"])
    own, other = plot(sound())[0].numpy(), plot(sound()[:, ::-1])[0].numpy()
    high, wide = 40, 30  # what is left of the square in the lower right corner
    own[-high:, -wide:] = other[-high:, -wide:]
    pasted, whole = 100 * high * wide / size**2, 100 * side**2 / size**2
    with subplots(1, 2, 2.9) as (figure, (left, right)):
        _picture(left, own, f"pasted {pasted:.1f} %; released label {whole:.1f} %")
        corner = (size - wide - 0.5, size - high - 0.5)
        left.add_patch(Rectangle(corner, wide, high, fill=False, ec="white", lw=1.2))
        shades = right.imshow(share, cmap="cividis", vmin=0, vmax=100, rasterized=True)
        right.set_title("what is there of the label's share")
        right.set(xlabel="centre of a square of 56 pixels", xticks=[0, 112, 223], yticks=[0, 112, 223])
        figure.colorbar(shades, ax=right, label="%")
    return figure


def swapped_axes() -> Figure:
    """F-08: a wide time mask and a narrow frequency mask, and what swapped axes make of them."""
    time, frequency = (100, 60), (150, 20)  # first pixel, width
    return _masked(
        {"time 60, frequency 20 pixels": (time, frequency), "the same with swapped axes": (frequency, time)},
        [_fill("mean")] * 2,
    )


def mask_colours() -> Figure:
    """F-09: the same masks in the mean colour of ImageNet and in the released one."""
    masks = ((100, 40), (150, 40))
    fills = [_fill("mean"), _fill("released")]
    names = ("paper, sound: 0 after normalisation", "released: above the mean")
    return _masked({f"{name}\nRGB {_rgb(fill)}": masks for name, fill in zip(names, fills, strict=True)}, fills)


def arelu() -> Figure:
    """F-10: AReLU as it starts, which is how the released code leaves it, and what training can make of it."""
    from dslite.model import AReLU

    x = np.linspace(-3, 3, 121, dtype=np.float32)
    with subplots(1, 1, 2.9, 0.6 * WIDTH) as (figure, axes):
        reach = [AReLU(alpha, beta)(x).numpy() for alpha in (0.0, 1.0) for beta in (-20.0, 20.0)]
        axes.fill_between(x, np.min(reach, axis=0), np.max(reach, axis=0), color=_PAPER, alpha=0.15, lw=0,
                          label="within reach of training (paper, sound)")  # fmt: skip
        axes.plot(x, AReLU()(x), color=_RELEASED, label="as it starts; fixed in the released code")
        axes.plot(x, np.maximum(x, 0), ":", color="#5d5950", label="ReLU, to compare")
        axes.set(xlabel="input", ylabel="output")
        axes.legend(loc="upper left")
    return figure


def _plot(reading: Reading):
    """The layer that draws as a reading does."""
    from dslite.spectrogram import MelPlot

    return MelPlot(reading.front_end())


def _picture(axes, picture: np.ndarray, title: str) -> None:
    axes.imshow(picture / 255.0, interpolation="nearest", rasterized=True)
    axes.set_title(title)
    axes.set(xticks=[], yticks=[], xlabel="time")
    axes.spines[["top", "right"]].set_visible(True)


def _masked(shown: dict[str, tuple], fills: Sequence[np.ndarray]) -> Figure:
    from dslite.augmentation import BatchPlan, apply

    whole = _plot(READINGS["paper"])(sound()).numpy()
    with subplots(1, 2, 3.3) as (figure, pair):
        for axes, (title, (time, frequency)), fill in zip(pair, shown.items(), fills, strict=True):
            places = dict(zip(("time", "time_width", "frequency", "frequency_width"), (*time, *frequency), strict=True))
            plan = BatchPlan(*(np.array([places.get(name, 0)], np.int32) for name in BatchPlan._fields))
            _picture(axes, apply(plan, whole, whole, fill)[0].numpy(), title)
        pair[0].set_ylabel("frequency (Mel)")
    return figure


def _fill(name: str) -> np.ndarray:
    from dslite.network import mask_colour

    return mask_colour(base_model("densenet121"), name)


def _rgb(colour: np.ndarray) -> str:
    return ", ".join(f"{channel:.0f}" for channel in colour)
