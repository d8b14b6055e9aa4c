"""Which clips are worth explaining."""

from collections.abc import Sequence

import pandas as pd

from dslite.tasks import strata


def choose(predictions: pd.DataFrame, classes: Sequence[str], each: int = 1) -> pd.DataFrame:
    """Per class the clips that the model gets most right, and those that it gets most wrong.

    Args:
        predictions: a row per file: ``file``, ``label``, ``predicted`` and ``p_<class>`` per class; or what
            :func:`by_thirds` returns, of which the half of a third with the lesser errors is right.
        classes: in the order they are wanted.
        each: how many of each kind.

    Returns:
        ``label``, ``kind`` (``"right"`` or ``"wrong"``), ``file``, ``predicted``, ``probability`` (of the true class;
        of numbers the negative error) and ``true`` of numbers. A class of which no file is right (or wrong) has no such
        row. Equal probabilities are told apart by name.
    """
    rows = []
    for label in classes:
        own = predictions[predictions["label"] == label].sort_values("file")
        if "true" in predictions:
            own = own.assign(probability=-(own["predicted"] - own["true"]).abs())
            right = own["probability"] >= own["probability"].median()
        else:
            own = own.assign(probability=own[f"p_{label}"])
            right = own["predicted"] == label
        best = own[right].sort_values("probability", ascending=False, kind="stable").head(each)
        worst = own[~right].sort_values("probability", kind="stable").head(each)
        rows += [best.assign(kind="right"), worst.assign(kind="wrong")]
    columns = ["label", "kind", "file", "predicted", "probability", *({"true"} & set(predictions))]
    return pd.concat(rows, ignore_index=True)[columns]


def by_thirds(predictions: pd.DataFrame) -> pd.DataFrame:
    """A prediction table of numbers with the third of the labels as ``label``, and these as ``true``."""
    return predictions.assign(label=strata(predictions["label"]), true=predictions["label"])
