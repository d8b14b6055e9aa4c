"""Scores from prediction tables: UAR, bootstrap intervals, confusion (paper, section 3.3); of numbers CCC."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dslite.resampling import (
    DRAWS,
    NO_INTERVAL,
    NUMBER_SCORES,
    Drawable,
    by_speaker,
    kinds,
    mean_recall,
    numbers,
    percentiles,
)

PROTOCOLS = ("all", "full-chunk")
"""``all`` scores every file; ``full-chunk`` only files of at least one chunk, as the released code does (F-16)."""

TRAINED_ON = {"dev": ("train",), "test": ("train", "dev")}
"""What is trained on before a partition is scored: train for dev, train and dev for test (paper 3.3)."""


def fit_name(augmentation: str, target: str) -> str:
    """A fit's name for people, e.g. ``both on train + dev``; ``target`` is the partition that it is scored on."""
    return f"{augmentation} on {' + '.join(TRAINED_ON[target])}"


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
        probabilities: float (chunks, classes); or (chunks, 1), numbers, of which a file has the mean, however decided.
        files: int (chunks,), the file 0..n-1 that each chunk belongs to; every file has at least one chunk. The chunks
            of a file stand in the order of time.
        how: a key of :data:`DECISIONS`.

    Returns:
        predicted: int (n,), index of the class; or float (n,).
        mean: float (n, classes), mean probability.
        chunks: int (n,), number of chunks.
    """
    if how not in DECISIONS:
        raise ValueError(f"The decision {how!r} is not one of {'; '.join(DECISIONS)}.")
    chunks = np.bincount(files)
    if not chunks.all():
        raise ValueError(f"File {np.flatnonzero(chunks == 0)[0]} has no chunk.")
    mean = np.stack([np.bincount(files, column) for column in probabilities.T], axis=1) / chunks[:, None]
    if probabilities.shape[1] == 1:
        return mean[:, 0], mean, chunks
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


def predictions(
    clips: pd.DataFrame,
    chunks: pd.DataFrame,
    indices: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    decision: str = "vote",
) -> pd.DataFrame:
    """A prediction table from the probabilities of chunks.

    Args:
        clips: a row per file: ``file``, ``speaker``, ``label``.
        chunks: a row per chunk: ``file``, ``padded``.
        indices: int (m,), the chunks that were predicted.
        probabilities: float (m, classes); float (m, 1) of numbers.
        classes: names in the order of the columns; none where labels are numbers.
        decision: how a file is decided, a key of :data:`DECISIONS`.

    Returns:
        A row per file: ``file``, ``speaker``, ``label``, ``predicted``, ``p_<class>`` (mean over chunks), ``chunks``,
        ``padded`` (shorter than one chunk). ``label`` and ``predicted`` are float where there are no classes.
    """
    part = chunks.iloc[indices]
    codes, names = pd.factorize(part["file"])
    predicted, mean, count = decide(probabilities, codes, decision)
    of_file = clips.set_index("file").loc[names]
    return pd.DataFrame(
        {
            "file": names,
            "speaker": of_file["speaker"].to_numpy(),
            "label": of_file["label"].to_numpy(),
            "predicted": np.array(classes, object)[predicted] if len(classes) else predicted,
            **{f"p_{name}": mean[:, i].astype(np.float32) for i, name in enumerate(classes)},
            "chunks": count,
            "padded": part.groupby("file", sort=False)["padded"].first().loc[names].to_numpy(),
        }
    )


def uar(label: np.ndarray, predicted: np.ndarray) -> float:
    """Unweighted average recall in percent, over the classes that occur in ``label``; NaN where nothing is scored."""
    label, predicted = np.asarray(label), np.asarray(predicted)
    if not len(label):
        return float("nan")
    return float(mean_recall(np.bincount(label), np.bincount(label, label == predicted)[None])[0])


def coded(labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """Labels as what is computed with: int (files,), class indices, or float (files,) where there are no classes."""
    if not len(classes):
        return labels.to_numpy(float)
    return pd.Categorical(labels, classes).codes.astype(int)


def main_score(label: np.ndarray, predicted: np.ndarray | None) -> float:
    """UAR in percent of class indices, or CCC of float numbers (:func:`coded`); NaN where nothing is scored."""
    if predicted is None or not len(label):
        return float("nan")
    if label.dtype.kind != "f":
        return uar(label, predicted)
    return float(numbers(label, np.asarray(predicted)[None]).scores[0])


def drawable(tables: Sequence[pd.DataFrame], classes: Sequence[str], group: np.ndarray | None = None) -> Drawable:
    """Prediction tables of the same files, at least one, in the same order, as what can be drawn from."""
    if not len(classes):
        return numbers(tables[0]["label"].to_numpy(), np.stack([table["predicted"] for table in tables]), group)
    right = np.stack([table["predicted"].to_numpy() == table["label"].to_numpy() for table in tables])
    return kinds(coded(tables[0]["label"], classes), right, group)


def score(predictions: pd.DataFrame, classes: Sequence[str], protocol: str, seed: int, draws: int = DRAWS) -> dict:
    """Scores one prediction table under one protocol.

    Intervals are percentiles of a bootstrap over files (paper 3.3: 1,000 draws with replacement), and over speakers
    with all their files. Files of a speaker are not independent, so an interval over files is too narrow for what new
    speakers would give. Drawing whole speakers mends that, the better the more there are: with 30 it covers nearly what
    it promises, with 6 it is still too narrow (simulated in the tests). Recalls of 0 and 1 leave an interval open as
    their exact ones do (:meth:`.resampling.Kinds.interval`).

    Args:
        predictions: a row per file, with ``label``, ``predicted``, ``speaker`` and ``padded``.
        classes: the corpus' classes in their order.
        protocol: one of :data:`PROTOCOLS`.
        seed: of the bootstrap.
        draws: of the bootstrap; how one without a class is scored is said in :class:`.resampling.Kinds`.

    Returns:
        ``uar``, ``ci_low``, ``ci_high`` (percent, NaN without files), ``n_files``, ``n_speakers``, and
        ``ci_speaker_low``, ``ci_speaker_high``: the interval over speakers, NaN where a file has none or there are few;
        ``se``: standard deviation of the draws over files, UAR points. Where there are no classes, the same of ``ccc``,
        and ``spearman``, ``mae`` and ``rmse`` (see :func:`number_scores`).
    """
    rows = under(predictions, protocol)
    counts = {"n_files": len(rows), "n_speakers": rows.loc[rows["speaker"] != "", "speaker"].nunique()}
    if not len(classes):
        found = number_scores(rows, seed, draws).set_index("score")
        ends = ("ci_low", "ci_high", "ci_speaker_low", "ci_speaker_high", "se")
        return found["value"].to_dict() | found.loc["ccc", list(ends)].to_dict() | counts
    label, predicted = (coded(rows[column], classes) for column in ("label", "predicted"))
    speaker = by_speaker(rows["speaker"])
    interval = drawable([rows], classes).interval(seed, draws) if len(rows) else NO_INTERVAL
    clustered = NO_INTERVAL if speaker is None else drawable([rows], classes, speaker).interval(seed, draws)
    return {
        "uar": uar(label, predicted),
        "ci_low": interval.low,
        "ci_high": interval.high,
        **counts,
        "ci_speaker_low": clustered.low,
        "ci_speaker_high": clustered.high,
        "se": interval.se,
    }


def number_scores(rows: pd.DataFrame, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Every score of numbers, each with its intervals from the same draws.

    Args:
        rows: of a prediction table without classes: ``label``, ``predicted``, ``speaker``.
        seed, draws: of the bootstrap.

    Returns:
        A row per score of :data:`.resampling.NUMBER_SCORES`: ``score``, ``value``, ``ci_low``, ``ci_high``,
        ``ci_speaker_low``, ``ci_speaker_high``, ``se`` (over files). NaN without files, and of a rank correlation where
        labels or predictions are all the same; draws in which they are count for none of its ends.
    """
    label, predicted, speaker = rows["label"].to_numpy(), rows[["predicted"]].to_numpy().T, by_speaker(rows["speaker"])
    files = numbers(label, predicted) if len(rows) else None
    values = files.all_scores(files.units[None])[0, 0] if files else np.full(len(NUMBER_SCORES), np.nan)
    table = pd.DataFrame({"score": NUMBER_SCORES, "value": values})
    for ends, units in (("ci", files), ("ci_speaker", None if speaker is None else numbers(label, predicted, speaker))):
        drawn = np.full((len(NUMBER_SCORES), 0), np.nan) if units is None else units.draw_all(seed, draws)[:, 0].T
        known = [of[np.isfinite(of)] if np.isfinite(value) else [] for of, value in zip(drawn, values, strict=True)]
        found = [percentiles(of) if len(of) > 1 else NO_INTERVAL for of in known]
        table[f"{ends}_low"], table[f"{ends}_high"] = [one.low for one in found], [one.high for one in found]
        if ends == "ci":
            table["se"] = [one.se for one in found]
    return table


def confusion(predictions: pd.DataFrame, classes: Sequence[str], protocol: str) -> pd.DataFrame:
    """Counts of files by label (rows) and prediction (columns), every class present, in the classes' order."""
    rows = under(predictions, protocol)
    label, predicted = (pd.Categorical(rows[column], classes) for column in ("label", "predicted"))
    return pd.crosstab(label, predicted, rownames=["label"], colnames=["predicted"], dropna=False)


def under(predictions: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """The rows of a prediction table that a protocol scores; ValueError for one that there is not."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"The protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}.")
    return predictions if protocol == "all" else predictions[~predictions["padded"]]
