"""How a notebook's last attempt went, and what it was made from: kept beside the logs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dslite.errors import Damaged
from dslite.files import read_json, write_json
from dslite.layout.code import HERE

MEMORY = "Close other programs, use fewer cores (--cores 1), or take a machine with more memory."
"""What is advised where memory ran out."""


@dataclass(frozen=True)
class Outcome:
    """One attempt.

    ``state`` is "running" (also what a killed attempt leaves), "done" or "failed"; ``seconds`` is the wall time of the
    whole process; ``error`` is a sentence for people; ``parameters`` are those of the notebook; ``made_from`` is what
    its results depend on, ``page_from`` what its page depends on besides (``dslite.run.plan.Job``), ``inputs`` the
    identities of the records that it read; ``where`` names its job and node, if it was a cluster's.
    """

    state: str
    seconds: float = 0.0
    error: str = ""
    parameters: dict[str, object] = field(default_factory=dict)
    made_from: dict[str, object] = field(default_factory=dict)
    page_from: dict[str, object] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    where: str = ""

    def write(self, place: Path) -> None:
        write_json(place, asdict(self))


def read(place: Path) -> Outcome | None:
    """The last attempt, or None if there was none; "running" where the file is cut: it was being written."""
    try:
        found = Outcome(**read_json(place))
    except Damaged:
        return Outcome("running")
    except TypeError:  # there was none, or one of a version that noted other things
        return None
    known = all(isinstance(one, dict) for one in (found.parameters, found.made_from, found.page_from, found.inputs))
    return found if known and isinstance(found.seconds, int | float) else None


def of_other_code(made_from: Mapping[str, object], *roots: str | Path) -> bool:
    """Whether code that an attempt noted is not, or not any more, what some modules or notebooks are made by.

    An attempt notes of a package only the members that it loads, so it is its notes that are looked up.
    """
    here = HERE.made_by(*roots)
    noted = {name.removeprefix("code "): digest for name, digest in made_from.items() if name.startswith("code ")}
    return any(here.get(name) != digest for name, digest in noted.items())
