"""The paper against itself: what its own figures imply, computed without any data.

Each finding states a claim, shows the working and says whether the claim holds. None says how a figure came about:
most slips of this kind are slips of copying, and a printed figure that cannot stand says nothing about a method.
"""

from functools import cache

from dslite.paper import claims, forensics
from dslite.paper.finding import Finding


def findings() -> list[Finding]:
    """Every finding, those on the text and Table 1 first, then those on the intervals of Tables 3 and 4."""
    return [finding for check in (*claims.CHECKS, *forensics.CHECKS) for finding in check()]


@cache
def doubts() -> dict[str, list[Finding]]:
    """Id of a published figure -> the findings that cast doubt on it."""
    found: dict[str, list[Finding]] = {}
    for finding in findings():
        for figure in finding.doubted:
            found.setdefault(figure, []).append(finding)
    return found


def in_words(figure: str) -> tuple[str, ...]:
    """What casts doubt on a published figure, by its id, as footnotes say it; () for nothing."""
    return tuple(f"printed so, but doubted by the audit: {finding.told}" for finding in doubts().get(figure, ()))
