"""What is learnt of a file: its class, or a number. The one list of what sets the two apart in words and scores.

A corpus whose labels are numbers has no classes; what is handed the classes knows by that which of the two it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dslite.wording import written


@dataclass(frozen=True)
class Task:
    """One of the two.

    Attributes:
        name: as the command line calls it.
        score: the name of the score that everything is chosen by.
        column: the column of ``results.csv`` in which it stands.
        unit: of the score behind its name: `` (%)``, or nothing.
        points: what a difference of two scores is counted in.
        digits: after the decimal point of a score.
        output: what a model gives, as its exported files call it.
        amount: what one number of that is.
        groups: what files are counted and drawn by.
        chance: what the score of a system that learns nothing is; None for 100 % / classes.
    """

    name: str
    score: str
    column: str
    unit: str
    points: str
    digits: int
    output: str
    amount: str
    groups: str
    chance: float | None = None

    def said(self, score: float) -> str:
        """A score for people, without its unit; nothing is ``0.0``."""
        return written(score, f".{self.digits}f")

    def apart(self, difference: float) -> str:
        """A difference of two scores for people, with its sign, e.g. ``−4.0``; nothing is ``+0.0``."""
        return written(difference, f"+.{self.digits}f")

    def interval(self, low: float, high: float) -> str:
        """An interval of the score for people; a dash where there is none."""
        between = "–" if self is CLASSIFICATION else " to "  # ends may be negative
        return "–" if np.isnan(low) else f"{self.said(low)}{between}{self.said(high)}"


CLASSIFICATION = Task("classification", "UAR", "uar", " (%)", "UAR points", 1, "probabilities", "probability", "class")
REGRESSION = Task("regression", "CCC", "ccc", "", "CCC", 3, "value", "value", "third of the labels", chance=0.0)
TASKS = {task.name: task for task in (CLASSIFICATION, REGRESSION)}
"""By name."""


def task_of(classes: Sequence[str]) -> Task:
    """The task of a corpus that has these classes."""
    return CLASSIFICATION if len(classes) else REGRESSION


def outputs(classes: Sequence[str]) -> tuple[str, ...]:
    """Names of a model's outputs."""
    return tuple(classes) or (REGRESSION.output,)


def number(label: str) -> float | None:
    """The number that a label is; None where it is none that can be learnt."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in label else None  # Python reads 1_1 as 11


THIRDS = ("low", "middle", "high")


def strata(labels: Sequence) -> np.ndarray:
    """Groups of files by label, of which each shall have its share wherever files are dealt or drawn.

    Args:
        labels: class names, which are the groups; or float (files,), which fall into thirds by their quantiles, fewer
            where the same numbers come often.

    Returns:
        str (files,), of numbers e.g. ``low: 1 to 3``.
    """
    of_file = np.asarray(labels)
    if of_file.dtype.kind != "f" or not len(of_file):
        return of_file
    third = np.searchsorted(np.quantile(of_file, [1 / 3, 2 / 3]), of_file)
    ends = [of_file[third == at] for at in range(3)]
    spans = [" to ".join(dict.fromkeys((written(x.min(), "g"), written(x.max(), "g")))) if len(x) else "" for x in ends]
    names = [f"{name}: {span}" for name, span in zip(THIRDS, spans, strict=True)]
    return np.array(names, object)[third]


def in_order(labels: Sequence, classes: Sequence[str]) -> tuple[str, ...]:
    """The groups of :func:`strata` in the order of classes or numbers."""
    return tuple(classes) or tuple(dict.fromkeys(strata(np.sort(np.asarray(labels, float)))))
