"""What the printed confidence intervals of Tables 3 and 4 can and cannot be."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from statistics import median

import numpy as np

from benchmarks.audit.checking import ELSEWHERE, FIGURES, NAMES, doubting
from dslite.paper import published
from dslite.paper.audit import CANNOT, HOLDS, IN_DOUBT, Finding
from dslite.paper.published import DS_LITE, score_id, standard_error

OFF_CENTRE = 1.0
"""UAR points between an estimate and the middle of its interval from which it is pointed out."""

NARROW = 0.8
"""Share of the median width of a column's other rows below which a width is pointed out."""


def max_standard_error(uar: float, counts: Sequence[int]) -> float:
    """The largest standard error that a UAR can have on a test set.

    The UAR is the mean of K recalls, so its variance is the sum of r (1 - r) / n over the classes, over K squared. It
    is largest, among recalls of the given mean, where (1 - 2 r) / n is the same for all classes, recalls being held
    in [0, 1]. Drawing files instead of files per class adds less than one percent where no class has fewer than some
    50 files.

    Args:
        uar: in percent.
        counts: files per class, all positive.

    Returns:
        In UAR points.

    Raises:
        ValueError: for a UAR outside 0 to 100 or a class without files.
    """
    size = np.asarray(counts, float)
    if not 0 <= uar <= 100 or not size.size or (size <= 0).any():
        raise ValueError(f"A UAR of {uar} on {list(counts)} files does not exist.")
    low, high = -1 / size.min(), 1 / size.min()  # of the multiplier: all recalls 1, all recalls 0
    for _ in range(100):
        middle = (low + high) / 2
        recall = np.clip((1 - middle * size) / 2, 0, 1)
        low, high = (middle, high) if recall.mean() > uar / 100 else (low, middle)
    return float(100 * np.sqrt((recall * (1 - recall) / size).sum()) / len(size))


def _cells() -> Iterator[tuple[str, str, published.PrintedScore]]:
    for corpus, row in product(published.CORPORA, published.ROWS):
        if cell := published.cell(corpus, row, "test"):
            yield corpus, row, cell


def _interval(cell: published.PrintedScore) -> str:
    return f"{cell.ci_low:.1f}–{cell.ci_high:.1f}"


def _midpoints() -> Iterator[Finding]:
    off = [(corpus, row, cell, (cell.ci_low + cell.ci_high) / 2 - cell.uar) for corpus, row, cell in _cells()]
    others = max(abs(value) for *_, value in off if abs(value) < OFF_CENTRE)
    for corpus, row, cell, value in off:
        if abs(value) >= OFF_CENTRE:
            claim = f"{NAMES[corpus]}: {cell.uar:.1f} with {_interval(cell)}"
            working = f"middle of the interval {cell.uar + value:.2f}, {abs(value):.2f} points "
            working += f"{'above' if value > 0 else 'below'} the estimate; all other rows are within {others:.2f}"
            ids = (score_id(corpus, row),)
            yield Finding(published.place(corpus, row), claim, (working,), IN_DOUBT, "F-35", ids)


def _duplicates() -> Iterator[Finding]:
    rows = defaultdict(list)
    for corpus, row, cell in _cells():
        rows[corpus, cell.ci_low, cell.ci_high].append((row, cell))
    for (corpus, _, _), same in rows.items():
        if len(same) < 2:
            continue
        told = "; ".join(f"{published.ROWS[row]} {cell.uar:.1f}" for row, cell in same)
        distance = max(cell.uar for _, cell in same) - min(cell.uar for _, cell in same)
        claim = f"{NAMES[corpus]}: the interval {_interval(same[0][1])} stands in {len(same)} rows"
        working = f"estimates {distance:.1f} points apart: {told}"
        ids = tuple(score_id(corpus, row) for row, _ in same)
        yield Finding(f"Table {published.table_of(corpus)}", claim, (working,), IN_DOUBT, "F-34", ids)


def _widths() -> Iterator[Finding]:
    for corpus in published.CORPORA:
        cells = {row: published.cell(corpus, row, "test") for row in DS_LITE}
        width = {row: cell.ci_high - cell.ci_low for row, cell in cells.items()}
        for row in DS_LITE:
            others = sorted(width[other] for other in DS_LITE if other != row)
            if width[row] < NARROW * median(others):
                share = width[row] / median(others)
                claim = f"{NAMES[corpus]}: {cells[row].uar:.1f} with {_interval(cells[row])}"
                working = (
                    f"{width[row]:.1f} points wide; the other rows on the same files {others[0]:.1f} to "
                    f"{others[-1]:.1f}. Such a width would take {1 / share**2:.1f} times as many files, or recalls "
                    "that are much less balanced"
                )
                ids = (score_id(corpus, row),)
                yield Finding(published.place(corpus, row), claim, (working,), IN_DOUBT, "F-35b", ids)


def _possible() -> Iterator[Finding]:
    """Standard errors behind the printed intervals against the largest that the test set allows."""
    for corpus, test in ELSEWHERE["test_sets"].items():
        cells = {row: published.cell(corpus, row, "test") for row in DS_LITE}
        errors = {row: standard_error(cell.ci_low, cell.ci_high) for row, cell in cells.items()}
        allowed = max(max_standard_error(cell.uar, test["counts"]) for cell in cells.values())
        files = sum(test["counts"])
        lines = [
            "interval width / 3.92: " + ", ".join(f"{errors[row]:.2f} ({published.ROWS[row]})" for row in DS_LITE),
            f"most that {test['name']} allows, {files:,} files in {len(test['counts'])} classes: {allowed:.2f} "
            f"({test['source']})",
        ]
        rounding = standard_error(0.0, 0.1)  # both limits are printed to 0.1 points
        over = [r for r in DS_LITE if errors[r] - rounding > max_standard_error(cells[r].uar, test["counts"])]
        if "part_counts" in test:
            part = test["part_counts"]
            within = max(max_standard_error(cell.uar, part) for cell in cells.values())
            lines.append(f"most that {test['part_name']} allow, {sum(part):,} ({sum(part) / files:.0%}): {within:.2f}")
            if over and max(errors.values()) <= within:
                lines.append(
                    "so these rows fit the files of at least one chunk, which is all that the released code scores"
                )
        claim = f"{NAMES[corpus]}: intervals of a bootstrap over the files of {test['name']}"
        where, outcome = f"Table {published.table_of(corpus)}, DS Lite", CANNOT if over else HOLDS
        yield doubting(where, claim, tuple(lines), outcome, "F-16", *(FIGURES[score_id(corpus, row)] for row in over))


def _same_files() -> Iterator[Finding]:
    """Deep Spectrum + SVM and DS Lite, if scored on the same files, should have intervals of about the same width."""
    lines = []
    for corpus in published.COLUMNS[3]:
        widths = [cell.ci_high - cell.ci_low for cell in (published.cell(corpus, r, "test") for r in DS_LITE)]
        svm = published.cell(corpus, "svm", "test")
        theirs, ours = svm.ci_high - svm.ci_low, median(widths)
        lines.append(
            f"{NAMES[corpus]}: {theirs:.1f} points, DS Lite {ours:.1f} (median); equal spread per file would mean "
            f"{(theirs / ours) ** 2:.0%} as many files for DS Lite"
        )
    lines.append(
        "less balanced recalls, or another way of drawing, narrow an interval too (the rows of Deep Spectrum + SVM for "
        "CCS, CSS and ESS are from the challenge): this alone proves nothing"
    )
    claim = "Deep Spectrum + SVM and DS Lite are compared on the same test files"
    yield Finding("Table 3", claim, tuple(lines), IN_DOUBT, "F-16")


CHECKS = (_midpoints, _duplicates, _widths, _possible, _same_files)
"""Each yields its findings, in the order of the page."""
