"""The ledger: where the paper, the released code and the facts differ (discrepancies.toml)."""

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files

from dslite.readings import READINGS, Reading


@dataclass(frozen=True)
class Discrepancy:
    """One entry, in words of our own.

    Attributes:
        id: F-01, F-02, ...
        title: what it is about.
        paper: what the paper says, and where.
        code: what the released code, or the other source, says.
        consequence: what follows from the difference.
        evidence: how it is known: read, computed, measured or inferred.
        here: what this package does.
        variants: for one that changes a computation here: name -> parameters of a
            :class:`dslite.readings.Reading` with the value that they have under the discrepancy.
    """

    id: str
    title: str
    paper: str
    code: str
    consequence: str
    evidence: str
    here: str = ""
    variants: dict[str, dict] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the reading's parameters that belong to it, sorted."""
        return tuple(sorted({name for changes in self.variants.values() for name in changes}))


LEDGER: tuple[Discrepancy, ...] = tuple(
    Discrepancy(id, **entry)
    for id, entry in tomllib.loads((files("dslite.paper") / "discrepancies.toml").read_text(encoding="utf-8")).items()
)
"""Every discrepancy, in the order of the ids."""


def experiments() -> dict[str, Reading]:
    """What may be brought alone into ``sound``: :func:`ablations`, and where they are asked for (``colours magma``) the
    paper's other colour maps, which it names and does not compare, and grey, to see whether colours matter at all."""
    maps = ("plasma", "inferno", "magma", "cividis", "gray")
    return ablations() | {f"colours {name}": READINGS["sound"].with_changes(colours=name) for name in maps}


def ablations() -> dict[str, Reading]:
    """One discrepancy at a time: what it is (``F-03 nearest-neighbour resize``) -> ``sound`` with it alone."""
    return {
        f"{entry.id} {name}": READINGS["sound"].with_changes(**changes)
        for entry in LEDGER
        for name, changes in entry.variants.items()
    }
