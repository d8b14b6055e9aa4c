"""Do the maps deserve trust? Deletion and insertion against a random order, and the head shuffled."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from dslite.explanation.maps import Attribution
from dslite.explanation.regions import BANDS, SPANS, Regions

STEPS = 8
"""Points of a curve after its first."""

CHANGED = 0.5
"""A map has changed when both rank correlations with what it was, signed and absolute, lie below this."""

AGREEING = 0.5
"""Maps of two seeds agree when the median of their signed rank correlations is at least this."""


def curves(
    probabilities: Callable[[np.ndarray], np.ndarray],
    levels: np.ndarray,
    attribution: Attribution,
    index: int,
    baseline: np.ndarray,
    draws: int = 4,
    seed: int = 0,
) -> pd.DataFrame:
    """How the probability of a class falls while regions are hidden, and rises while they are shown.

    *Deletion* hides the regions from the one that raises the class most to the one that lowers it most; *insertion*
    shows them in that order on an empty spectrogram. A map that points at what the model uses makes the first curve
    fall, and the second rise, sooner than a random order does.

    Args:
        probabilities: levels (n, frames, mel_bins) -> (n, classes).
        levels: (frames, mel_bins).
        attribution: its map, by any method.
        index: the class.
        baseline: what a hidden region shows, (k, any frames, mel_bins); need not be the one that the map was made with.
        draws: random orders.
        seed: of the random orders; another one for each clip, or chance is drawn but once.

    Returns:
        ``kind`` (``"deletion"``, ``"insertion"``), ``order`` (``"SHAP"``, ``"random"``), ``draw``, ``share`` (of the
        regions hidden or shown, 0-1), ``probability``.
    """
    regions, rng = Regions(*levels.shape), np.random.default_rng(seed)
    size = BANDS * SPANS
    best = np.argsort(-attribution.pooled()[index].ravel(), kind="stable")
    orders = [best, best[::-1], *(rng.permutation(size) for _ in range(draws))]
    counts = np.linspace(0, size, STEPS + 1).round().astype(int)
    turns = np.argsort(orders, axis=1)  # of each region, when it is hidden
    shown = turns[:, None] >= counts[:, None]
    # One order's masked spectrograms at a time: a long file then needs little memory.
    hidden = (regions.hide(levels, masks.reshape(-1, BANDS, SPANS), baseline) for masks in shown)
    said = (probabilities(plots.reshape(-1, *levels.shape))[:, index] for plots in hidden)
    falls = np.array([each.reshape(len(counts), -1).mean(axis=1) for each in said])
    # To hide from the least to the most is to show from the most to the least, read backwards.
    lines = [("deletion", "SHAP", 0, falls[0]), ("insertion", "SHAP", 0, falls[1][::-1])]
    for draw, fall in enumerate(falls[2:]):
        lines += [("deletion", "random", draw, fall), ("insertion", "random", draw, fall[::-1])]
    frames = [
        pd.DataFrame({"kind": kind, "order": order, "draw": draw, "share": counts / size, "probability": line})
        for kind, order, draw, line in lines
    ]
    return pd.concat(frames, ignore_index=True)


def areas(table: pd.DataFrame) -> pd.DataFrame:
    """Area under each kind of curve (trapezoids over the share, 0-1), averaged over all curves in a table.

    Args:
        table: one or more results of :func:`curves`, one below the other, with a column ``baseline``.

    Returns:
        Index ``baseline``, ``kind``, columns ``SHAP``, ``random``. Good maps: deletion below random, insertion above.
    """
    mean = table.groupby(["baseline", "kind", "order", "share"], sort=False)["probability"].mean()
    whole = mean.groupby(["baseline", "kind", "order"], sort=False)
    return whole.apply(lambda c: np.trapezoid(c, c.index.get_level_values("share"))).unstack()


def better(areas: pd.DataFrame) -> pd.Series:
    """Per baseline and kind of curve, whether SHAP's order is better than a random one; see :func:`areas`."""
    falls = areas.index.get_level_values("kind") == "deletion"
    return (areas["SHAP"] < areas["random"]).where(falls, areas["SHAP"] > areas["random"])


def failed(curves: pd.DataFrame, head: pd.DataFrame, seeds: pd.DataFrame) -> list[str]:
    """Which checks the maps of a corpus fail, in words; none for maps that have passed.

    Args:
        curves: as for :func:`areas`, under several baselines, because deletion and insertion rank methods differently
            by what hides: the maps fail where at most half of the areas are better than random ones.
        head: of :func:`head_check`: they fail where more than half stayed as they were, or none can be judged.
        seeds: ``similarity`` of the maps of two seeds of the same fit; empty where that was not tried.
    """
    said = []
    if better(areas(curves)).mean() <= 0.5:
        said.append("no better than a random order")
    judged = head[["similarity", "similarity_unsigned"]].max(axis=1, skipna=False).dropna()
    if not (judged < CHANGED).mean() >= 0.5:
        said.append("the same with a shuffled head")
    if len(seeds) and not seeds["similarity"].median() >= AGREEING:
        said.append("another seed gives others")
    return said


def head_check(
    explain: Callable[[object, np.ndarray], Attribution],
    view,
    clips: Sequence[np.ndarray],
    seeds: Sequence[int] = (0,),
    before: Sequence[Attribution] | None = None,
) -> pd.DataFrame:
    """Randomised-weights check (Adebayo et al., 2018): with the head's weights shuffled, the maps must change.

    Args:
        explain: a view and levels to a map, for instance ``lambda v, x: partition(v.probabilities, x, baseline)``.
        view: a :class:`dslite.explanation.view.View`.
        clips: levels (frames, mel_bins) each.
        seeds: one shuffling each.
        before: the clips' maps of the trained model, if they are known, made in the same way.

    Returns:
        ``clip``, ``seed``, ``similarity`` (Spearman's rank correlation of the maps of the class that the model
        predicts, over regions, in [-1, 1]) and ``similarity_unsigned`` (of their absolute values). 1 means that the
        map does not depend on what the head has learnt; NaN that a map is the same everywhere.
    """
    rows = []
    before = [explain(view, levels) for levels in clips] if before is None else before
    for seed in seeds:
        shuffled = view.with_shuffled_head(seed)
        for clip, (levels, trained) in enumerate(zip(clips, before, strict=True)):
            index = int(trained.prediction.argmax())
            after = explain(shuffled, levels).pooled()[index]
            rows.append((clip, seed, *similarity(trained.pooled()[index], after)))
    return pd.DataFrame(rows, columns=["clip", "seed", "similarity", "similarity_unsigned"])


def similarity(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Spearman's rank correlation of two maps (bands, spans), signed and of the absolute values; NaN if one is flat."""
    return _rank_correlation(one, other), _rank_correlation(np.abs(one), np.abs(other))


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one.ravel(), other.ravel())[0])
