"""The paper against itself: computes dslite/paper/audit.json from what was printed, without any data."""

from benchmarks.audit import claims, forensics
from dslite.paper.audit import Finding


def computed() -> list[Finding]:
    """Every finding, in the order of the page."""
    return [finding for check in (*claims.CHECKS, *forensics.CHECKS) for finding in check()]
