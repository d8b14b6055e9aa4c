"""Figures of the paper's text that follow from others: what ours are, from ours of those they follow from."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dslite.corpora import CORPORA
from dslite.paper.published import CORPORA as OF_RESULTS
from dslite.paper.published import DS_LITE, Figure, best, score_id
from dslite.paper.verdicts import NOT_COMPARABLE, NOT_JUDGED, NOT_RUN, Verdict


def parts(figure: Figure) -> list[str]:
    """Ids of the figures that a restated one follows from."""
    kind, _, name = figure.id.partition(".")
    if kind == "gain":
        base = "none" if name == "mpssc" else "svm"
        return [score_id(name, best(name)), score_id(name, base)]
    if kind == "fusion":
        return [score_id(corpus, row) for corpus in OF_RESULTS for row in DS_LITE]
    if kind == "figure3":
        return [score_id(figure.corpus, best(figure.corpus))]
    return [f"table5.{row}.{'time_ms' if name == 'saved_ms' else 'size_mb'}" for row in ("tensorflow", "tflite")]


def restated(
    figure: Figure, known: Mapping[str, tuple[dict, Verdict]], confusion: pd.DataFrame | None
) -> tuple[dict, Verdict]:
    """Ours and the verdict, which is never more than that of the parts.

    Args:
        figure: one whose quantity is ``restated``.
        known: id of a figure -> ours (as in the scorecard) and its verdict, for every part.
        confusion: ``corpus``, ``augmentation``, ``partition``, ``protocol``, ``label``, ``predicted``, ``files``, for
            the recalls of Figure 3; None for none.
    """
    ids = parts(figure)
    words = {name: known[name][1].word for name in ids}
    missing = next((name for name in ids if words[name] == NOT_RUN), None)
    if missing:
        return {}, Verdict(NOT_RUN, f"follows from {missing}: {known[missing][1].why}")
    worst = next((name for name in ids if words[name] == NOT_COMPARABLE), None)
    why = known[worst][1].why if worst else "follows from what is judged"
    verdict = Verdict(NOT_COMPARABLE if worst else NOT_JUDGED, why)
    rests = {key: value for key, value in known[worst or ids[0]][0].items() if not key.startswith("ours")}
    if figure.id.startswith("figure3"):
        value = _recall(figure, rests, confusion)
        if value is None:
            return {}, Verdict(NOT_RUN, "no confusion matrix")
    else:
        value = _value(figure, [known[name][0]["ours"] for name in ids])
    return {**rests, "ours": value}, verdict


def _value(figure: Figure, values: Sequence[float]) -> float:
    if figure.id.startswith("fusion"):
        rows = [values[i : i + len(DS_LITE)] for i in range(0, len(values), len(DS_LITE))]
        return float(sum(DS_LITE[row.index(max(row))] == figure.row for row in rows))
    first, second = values
    if figure.id == "costs.saved_ms":
        return first - second
    return 100 * (first / second - 1) if figure.id.startswith("gain") else first / second


def _recall(figure: Figure, rests: Mapping, confusion: pd.DataFrame | None) -> float | None:
    if confusion is None:
        return None
    where = {"corpus": figure.corpus, "augmentation": best(figure.corpus), "partition": figure.partition}
    for column, value in {**where, "protocol": rests["protocol"]}.items():
        confusion = confusion[confusion[column] == value]
    negative, positive = CORPORA[figure.corpus].classes
    mine = confusion[confusion["label"] == (positive if figure.id.endswith("sensitivity") else negative)]
    files = mine["files"].sum()
    return float(100 * mine.loc[mine["label"] == mine["predicted"], "files"].sum() / files) if files else None
