"""How far a notebook is: written by stages, shown by ``run_all.py`` or, by hand, under the cell."""

import json
import os
import time
from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dslite.errors import Damaged
from dslite.files import read_json, whole_file

VARIABLE = "DSLITE_PROGRESS"
"""Environment variable that names the file to write to."""


@dataclass(frozen=True)
class Progress:
    """A report: ``fraction`` in [0, 1], a few words, and when it was made (seconds since 1970)."""

    fraction: float
    text: str
    time: float


Epoch = namedtuple("Epoch", "fit phase epoch of loss dev_uar")
"""What an epoch of a fit came to: ``epoch`` counts over both phases; ``dev_uar`` is NaN where none was taken."""

listeners: list[Callable[[float, str, Sequence[Epoch]], None]] = []
"""Who hears reports outside a run, instead of a line that rewrites itself."""


def report(done: float, total: float, text: str, epochs: Sequence[Epoch] = ()) -> None:
    """Says how far the present stage is.

    Inside a run it goes to the file that ``DSLITE_PROGRESS`` names. One process per notebook should report: the last
    report is the one that counts.

    Args:
        done: work done so far, in any unit, 0 to ``total``.
        total: all the work, in the same unit, above 0.
        text: what is being done, e.g. "cutmix on train, epoch 12 of 40".
        epochs: of fits, not reported before.
    """
    if total <= 0:
        raise ValueError(f"total is {total}: it must be above 0")
    fraction = min(max(done / total, 0.0), 1.0)
    place = os.environ.get(VARIABLE)
    if place is None and listeners:
        listeners[-1](fraction, text, epochs)
    elif place is None:
        print(f"\r{fraction:4.0%} {text:<70.70}", end="" if fraction < 1 else "\n", flush=True)
    else:
        with whole_file(Path(place), lasting=False) as draft:
            draft.write_text(json.dumps({"fraction": fraction, "text": text, "time": time.time()}), "utf-8")


def part(begin: float, share: float, name: str) -> Callable[..., None]:
    """:func:`report` for a part of the work, which is a share of it and begins at ``begin``; without its epochs."""
    return lambda done, total, text, epochs=(): report(begin + share * done / total, 1, f"{name}: {text}")


def read(place: Path) -> Progress | None:
    """The last report in a file, or None where there is none, or of another machine only a part is seen."""
    try:
        found = read_json(place)
    except Damaged:
        return None
    return Progress(**found) if found else None
