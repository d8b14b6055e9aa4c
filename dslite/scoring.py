"""Scores from prediction tables: UAR, bootstrap intervals, confusion (paper, section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

PROTOCOLS = ("all", "full-chunk")
"""``all`` scores every file; ``full-chunk`` only files of at least one chunk, as the released code does (F-16)."""


DECISIONS = {
    "vote": "majority vote of its chunks, ties by their mean probability",
    "vote, first wins": "majority vote of its chunks, ties by the class that a chunk has first in time",
    "mean": "mean probability of its chunks",
}
"""How a file is decided (ledger F-17): name -> what it means."""


def decide(
    probabilities: np.ndarray, files: np.ndarray, how: str = "vote"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decides per file from the probabilities of its chunks.

    Args:
        probabilities: float (chunks, classes).
        files: int (chunks,), the file 0..n-1 that each chunk belongs to; every file has at least one chunk. The chunks
            of a file stand in the order of time.
        how: a key of :data:`DECISIONS`.

    Returns:
        predicted: int (n,), index of the class.
        mean: float (n, classes), mean probability.
        chunks: int (n,), number of chunks.
    """
    if how not in DECISIONS:
        raise ValueError(f"The decision {how!r} is not one of {'; '.join(DECISIONS)}.")
    chunks = np.bincount(files)
    if not chunks.all():
        raise ValueError(f"File {np.flatnonzero(chunks == 0)[0]} has no chunk.")
    mean = np.stack([np.bincount(files, column) for column in probabilities.T], axis=1) / chunks[:, None]
    if how == "mean":
        return mean.argmax(axis=1), mean, chunks
    cells = len(chunks) * probabilities.shape[1]
    of_chunk = files * probabilities.shape[1] + probabilities.argmax(axis=1)
    votes = np.bincount(of_chunk, minlength=cells).reshape(mean.shape)
    rank = mean
    if how == "vote, first wins":
        first = np.full(cells, len(files))
        np.minimum.at(first, of_chunk, np.arange(len(files)))
        rank = -first.reshape(mean.shape)
    # Among the classes with most votes, the one that ranks highest.
    predicted = np.where(votes == votes.max(axis=1, keepdims=True), rank, -np.inf).argmax(axis=1)
    return predicted, mean, chunks


def uar(label: np.ndarray, predicted: np.ndarray) -> float:
    """Unweighted average recall in percent, over the classes that occur in ``label``; NaN where nothing is scored."""
    return float(_uar(np.asarray(label)[None], np.asarray(predicted)[None])[0])


def _uar(label: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """UAR in percent along the last axis of integer arrays (draws, files)."""
    classes = int(label.max(initial=-1)) + 1
    shift = np.arange(len(label))[:, None] * classes
    total = np.bincount((label + shift).ravel(), minlength=len(label) * classes).reshape(len(label), classes)
    right = (label + shift)[label == predicted]
    right = np.bincount(right, minlength=len(label) * classes).reshape(len(label), classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(total > 0, right / total, 0.0)
        return 100.0 * recall.sum(axis=1) / (total > 0).sum(axis=1)


@dataclass(frozen=True)
class Interval:
    """A percentile interval in percent."""

    low: float
    high: float


def bootstrap(label: np.ndarray, predicted: np.ndarray, seed: int, draws: int = 1000, level: float = 0.95) -> Interval:
    """Percentile bootstrap interval of the UAR over files (paper 3.3: 1,000 draws with replacement).

    A draw in which a class does not occur is scored over the classes that do, as scikit-learn's balanced accuracy
    would: it has no recall to average for the absent one. With the corpora at hand such draws are rare.

    Args:
        label, predicted: int (files,), class indices.
        seed: of the draws; the same seed and number of files give the same draws, so systems can be compared.
        draws: number of draws.
        level: coverage of the interval.

    Returns:
        The interval; NaN where there is no file.
    """
    label, predicted = np.asarray(label), np.asarray(predicted)
    if not len(label):
        return Interval(float("nan"), float("nan"))
    # A file matters only by its label and whether it is right. So a draw of files is a draw of counts over these few
    # cells, multinomial with the cells' shares: exactly the same distribution at a fraction of the work.
    classes = int(label.max()) + 1
    cells = np.bincount(2 * label + (label == predicted), minlength=2 * classes)
    drawn = np.random.default_rng(seed).multinomial(len(label), cells / len(label), size=draws).reshape(-1, classes, 2)
    total, right = drawn.sum(axis=2), drawn[:, :, 1]
    recall = np.divide(right, total, out=np.zeros(right.shape), where=total > 0)
    scores = 100.0 * recall.sum(axis=1) / (total > 0).sum(axis=1)
    tail = 50.0 * (1.0 - level)
    return Interval(*(float(q) for q in np.percentile(scores, [tail, 100.0 - tail])))


def score(predictions: pd.DataFrame, classes: Sequence[str], protocol: str, seed: int) -> dict:
    """Scores one prediction table under one protocol.

    Args:
        predictions: a row per file, with ``label``, ``predicted``, ``speaker`` and ``padded``.
        classes: the corpus' classes in their order.
        protocol: one of :data:`PROTOCOLS`.
        seed: of the bootstrap.

    Returns:
        ``uar``, ``ci_low``, ``ci_high`` (percent, NaN without files), ``n_files``, ``n_speakers``.
    """
    rows = _under(predictions, protocol)
    label, predicted = (pd.Categorical(rows[column], classes).codes.astype(int) for column in ("label", "predicted"))
    interval = bootstrap(label, predicted, seed)
    return {
        "uar": uar(label, predicted) if len(rows) else float("nan"),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_files": len(rows),
        "n_speakers": rows.loc[rows["speaker"] != "", "speaker"].nunique(),
    }


def confusion(predictions: pd.DataFrame, classes: Sequence[str], protocol: str) -> pd.DataFrame:
    """Counts of files by label (rows) and prediction (columns), every class present, in the classes' order."""
    rows = _under(predictions, protocol)
    label, predicted = (pd.Categorical(rows[column], classes) for column in ("label", "predicted"))
    return pd.crosstab(label, predicted, rownames=["label"], colnames=["predicted"], dropna=False)


def _under(predictions: pd.DataFrame, protocol: str) -> pd.DataFrame:
    if protocol not in PROTOCOLS:
        raise ValueError(f"The protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}.")
    return predictions if protocol == "all" else predictions[~predictions["padded"]]
