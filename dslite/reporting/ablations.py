"""What single discrepancies do to a score, as a figure and in words."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dslite.reporting.comparisons import Strip
from dslite.tasks import CLASSIFICATION, Task


def strip(differences: pd.DataFrame, reference: str) -> Strip:
    """The differences as :func:`dslite.reporting.comparisons.intervals` draws them, the best first.

    Args:
        differences: as :func:`dslite.statistics.against` returns them.
        reference: the reading that they are differences from.
    """
    rows = differences.sort_values("difference", ascending=False)
    return Strip.of_differences(rows, "system", f"difference from {reference} on test (UAR points)")


def verdict(differences: pd.DataFrame, reference: str, seeds: Sequence[int]) -> str:
    """What is left standing after Holm's correction, in words, and what the intervals do not hold."""
    if differences.empty:
        return "No change could be compared."
    found = differences[differences["p_holm"] <= 0.05].sort_values("difference")
    words = f"Changes that differ from {reference} at 5 % after Holm's correction: {len(found)} of {len(differences)}"
    words += f" ({'; '.join(found['system'])})." if len(found) else "."
    return f"{words} {of_seeds(seeds)}"


def of_seeds(seeds: Sequence[int]) -> str:
    """What intervals do not hold, in words."""
    if len(seeds) == 1:
        return "One seed: what another would give is not in any interval."
    return f"Means over {len(seeds)} seeds; the intervals are those of the test set alone."


def listed(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Columns of a table of :func:`dslite.statistics.against`, and ``file`` and ``speaker``, the intervals over these,
    under the names that readers see."""
    table = table.assign(file=intervals(table, "file"), speaker=intervals(table, "speaker"))
    return table[list(names)].rename(columns=names)


def intervals(table: pd.DataFrame, unit: str, task: Task = CLASSIFICATION) -> list[str]:
    """The intervals of a table of :func:`dslite.statistics.against` over ``file`` or ``speaker``, a text each."""
    return [interval(*ends, task) for ends in zip(table[f"low_{unit}"], table[f"high_{unit}"], strict=True)]


def interval(low: float, high: float, task: Task = CLASSIFICATION) -> str:
    """An interval of a difference, e.g. ``−4.0 to +2.1``; ``–`` where there is none."""
    return "–" if pd.isna(low) else f"{task.apart(low)} to {task.apart(high)}"


def drawn(draws: int, paired_draws: int) -> str:
    """How many bootstrap draws intervals are from, in words."""
    return f"Intervals of scores are from {draws:,} draws, those of differences from {paired_draws:,}."


points = CLASSIFICATION.apart
