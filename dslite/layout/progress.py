"""How far a notebook is: written by stages, shown by ``run_all.py`` or, by hand, under the cell."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dslite.files import whole_file

VARIABLE = "DSLITE_PROGRESS"
"""Environment variable that names the file to write to."""


@dataclass(frozen=True)
class Progress:
    """A report: ``fraction`` in [0, 1], a few words, and when it was made (seconds since 1970)."""

    fraction: float
    text: str
    time: float


@dataclass(frozen=True)
class Epoch:
    """What one epoch of a fit came to.

    Attributes:
        fit: its name.
        phase: 1 or 2.
        epoch: from 1, over both phases.
        of: epochs in all.
        loss: on what it trains on.
        dev_uar: percent; NaN where dev was not decided.
    """

    fit: str
    phase: int
    epoch: int
    of: int
    loss: float
    dev_uar: float


Listener = Callable[[float, str, Sequence[Epoch]], None]
"""Called with the fraction, a few words, and the epochs that are new."""


def _print(fraction: float, text: str, epochs: Sequence[Epoch]) -> None:
    print(f"\r{fraction:4.0%} {text:<70.70}", end="" if fraction < 1 else "\n", flush=True)


_listener: Listener = _print


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Has reports outside a run go to a listener, instead of a line that rewrites itself."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def report(done: float, total: float, text: str, epochs: Sequence[Epoch] = ()) -> None:
    """Says how far the present stage is.

    Inside a run it goes to the file that ``DSLITE_PROGRESS`` names, else to the listener (:func:`told_to`). One process
    per notebook should report: the last report is the one that counts.

    Args:
        done: work done so far, in any unit, 0 to ``total``.
        total: all the work, in the same unit, above 0.
        text: what is being done, e.g. "cutmix on train, epoch 12 of 40".
        epochs: of fits, that have not been told of.
    """
    if total <= 0:
        raise ValueError(f"total is {total}: it must be above 0")
    fraction = min(max(done / total, 0.0), 1.0)
    place = os.environ.get(VARIABLE)
    if place is None:
        _listener(fraction, text, epochs)
        return
    with whole_file(Path(place)) as draft:
        draft.write_text(json.dumps({"fraction": fraction, "text": text, "time": time.time()}), "utf-8")


def read(place: Path) -> Progress | None:
    """The last report in a file, or None where there is none."""
    try:
        return Progress(**json.loads(place.read_text("utf-8")))
    except FileNotFoundError:
        return None
