"""What a hidden region shows, and the rule by which that is chosen: from data, before any map is looked at.

A baseline is levels of shape (k, frames, mel_bins): of each of its k plots as much as is hidden is shown, and what the
model says is averaged over them. One frame stands for any number of equal ones.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from dslite.explanation.regions import lasting

UNDECIDED = 0.8
"""A hidden plot that gives a class this much is decided already: every map would only say that something is heard."""

PLOTS = 3
"""Plots of the baseline ``training plots``; each costs a picture per evaluation."""

WORDS = {
    "silence": "silence: level 0, the floor of the plot",
    "training mean": "training mean: the mean level of each Mel bin over all chunks that the model was trained on",
    "training plots": f"training plots: {PLOTS} chunks that the model was trained on, drawn at random from as many "
    "classes as there are; every map is a mean over them",
}
"""The baselines, in the order in which they are tried -> the same in words."""


def silence(mel_bins: int, level_type: str = "uint8") -> np.ndarray:
    """Nothing was heard: level 0, the floor of the plot (80 dB below its loudest point at most); (1, 1, mel_bins)."""
    return np.zeros((1, 1, mel_bins), level_type)


def training_mean(batches: Iterable[np.ndarray]) -> np.ndarray:
    """As everybody sounds: the mean level of each Mel bin over all frames of training chunks.

    Args:
        batches: levels (..., mel_bins) each; one at a time, because a corpus need not fit into memory.

    Returns:
        Of their type (1, 1, mel_bins): whole levels, hence colours of the colour map.
    """
    total, frames = 0, 0
    for levels in batches:
        flat = levels.reshape(-1, levels.shape[-1])
        total, frames = total + flat.sum(axis=0, dtype=np.int64), frames + len(flat)
    return np.round(total / frames).astype(levels.dtype)[None, None]


def hidden(probabilities: Callable[[np.ndarray], np.ndarray], baseline: np.ndarray, frames: int) -> np.ndarray:
    """What a model says of a plot of which everything is hidden: float64 (classes,)."""
    return probabilities(lasting(baseline, frames)).mean(axis=0)


def choose(bases: Mapping[str, np.ndarray]) -> str:
    """The first baseline that leaves every class below :data:`UNDECIDED`; where none does, the one that decides least.

    Args:
        bases: name of a baseline -> its probabilities (classes,), in the order of preference.
    """
    undecided = [name for name, base in bases.items() if base.max() < UNDECIDED]
    return undecided[0] if undecided else min(bases, key=lambda name: bases[name].max())
