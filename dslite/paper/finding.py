"""What the audit's findings are made of."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from dslite.paper import published

HOLDS, IN_PART, DOES_NOT, IN_DOUBT, CANNOT = "holds", "holds in part", "does not hold", "in doubt", "cannot be"

OUTCOMES: dict[str, str] = {
    CANNOT: "no result on the data as described can have it",
    DOES_NOT: "the paper's own figures say otherwise",
    IN_DOUBT: "unusual in a way that a slip would explain; not proven",
    IN_PART: "true of some of what it says",
    HOLDS: "recomputed, as printed",
}
"""Outcome -> what it means, in the order of the page."""

ELSEWHERE: dict = tomllib.loads((files("dslite.paper") / "elsewhere.toml").read_text(encoding="utf-8"))
"""What the paper does not print and a finding needs, with its sources."""

NAMES = {name: name.upper() for name in sorted(published.CORPORA)} | {"demos": "DEMoS"}
DS_LITE = tuple(row for row in published.ROWS if row != "svm")
FIGURES = {figure.id: figure for figure in published.figures()}


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


def doubting(
    place: str, claim: str, working: tuple[str, ...], outcome: str, ledger: str, *doubted: published.Figure
) -> Finding:
    """A finding that has a number in the ledger, and casts doubt on figures, only if the claim does not hold."""
    if outcome == HOLDS:
        return Finding(place, claim, working, outcome)
    return Finding(place, claim, working, outcome, ledger, tuple(figure.id for figure in doubted))


def score(corpus: str, row: str, partition: str = "test") -> float:
    """A printed UAR in percent."""
    return published.cell(corpus, row, partition).uar


def best(corpus: str, partition: str = "test") -> str:
    """The DS Lite row with the highest printed UAR, the first if several are equal."""
    return max(DS_LITE, key=lambda row: score(corpus, row, partition))


def verify(computed: float, figure: published.Figure) -> str:
    """Whether a value rounds to the printed one."""
    return HOLDS if round(computed, figure.decimals) == figure.value else DOES_NOT
