"""Which clips are worth explaining."""

from collections.abc import Sequence

import pandas as pd


def choose(predictions: pd.DataFrame, classes: Sequence[str], each: int = 1) -> pd.DataFrame:
    """Per class the clips that the model gets most right, and those that it gets most wrong.

    Args:
        predictions: a row per file: ``file``, ``label``, ``predicted`` and ``p_<class>`` per class.
        classes: in the order they are wanted.
        each: how many of each kind.

    Returns:
        ``label``, ``kind`` (``"right"`` or ``"wrong"``), ``file``, ``predicted``, ``probability`` (of the true class).
        A class of which no file is right (or wrong) has no such row. Equal probabilities are told apart by name.
    """
    rows = []
    for label in classes:
        own = predictions[predictions["label"] == label].sort_values("file")
        own = own.assign(probability=own[f"p_{label}"])
        right = own["predicted"] == label
        best = own[right].sort_values("probability", ascending=False, kind="stable").head(each)
        worst = own[~right].sort_values("probability", kind="stable").head(each)
        rows += [best.assign(kind="right"), worst.assign(kind="wrong")]
    return pd.concat(rows, ignore_index=True)[["label", "kind", "file", "predicted", "probability"]]
