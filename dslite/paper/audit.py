"""The paper against itself: what its own figures imply, computed without any data (audit.json).

Each finding states a claim, shows the working and says whether the claim holds. None says how a figure came about:
most slips of this kind are slips of copying, and a printed figure that cannot stand says nothing about a method.
``python -m benchmarks.audit`` computes them anew, which gives the same until what was printed is read otherwise.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

HOLDS, IN_PART, DOES_NOT, IN_DOUBT, CANNOT = "holds", "holds in part", "does not hold", "in doubt", "cannot be"

OUTCOMES: dict[str, str] = {
    CANNOT: "no result on the data as described can have it",
    DOES_NOT: "the paper's own figures say otherwise",
    IN_DOUBT: "unusual in a way that a slip would explain; not proven",
    IN_PART: "true of some of what it says",
    HOLDS: "recomputed, as printed",
}
"""Outcome -> what it means, in the order of the page."""


@dataclass(frozen=True)
class Finding:
    """One claim, checked.

    Attributes:
        place: where the claim stands in the paper.
        claim: what is printed or said there.
        working: the arithmetic, a line each.
        outcome: a key of :data:`OUTCOMES`.
        ledger: its number in the ledger of discrepancies, e.g. ``F-35``; "" where it has none.
        doubted: ids of the published figures that it casts doubt on.
    """

    place: str
    claim: str
    working: tuple[str, ...]
    outcome: str
    ledger: str = ""
    doubted: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """Claim, outcome and ledger in a few words."""
        return f"{self.claim}: {self.outcome}{f' ({self.ledger})' if self.ledger else ''}"


@cache
def findings() -> list[Finding]:
    """Every finding, those on the text and Table 1 first, then those on the intervals of Tables 3 and 4."""
    kept = json.loads((files("dslite.paper") / "audit.json").read_text(encoding="utf-8"))
    lists = ("working", "doubted")
    return [Finding(**one | {name: tuple(one[name]) for name in lists}) for one in kept]


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
