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
    """What speaks against a published figure, by its id, as footnotes say it: a phrase per entry of the ledger."""
    entries = dict.fromkeys(finding.ledger for finding in doubts().get(figure, ()))
    return tuple(f"printed so; the audit on the page of the scorecard questions it ({entry})" for entry in entries)
