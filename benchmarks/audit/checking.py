"""What the checks of the audit have in common."""

import tomllib
from pathlib import Path

from dslite.paper import published
from dslite.paper.audit import DOES_NOT, HOLDS, Finding

ELSEWHERE: dict = tomllib.loads(Path(__file__).with_name("elsewhere.toml").read_text(encoding="utf-8"))
"""What the paper does not print and a finding needs, with its sources."""

NAMES = {name: name.upper() for name in sorted(published.CORPORA)} | {"demos": "DEMoS"}
FIGURES = {figure.id: figure for figure in published.figures()}


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


def verify(computed: float, figure: published.Figure) -> str:
    """Whether a value rounds to the printed one."""
    return HOLDS if round(computed, figure.decimals) == figure.value else DOES_NOT
