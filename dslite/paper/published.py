"""What the paper printed (published.toml), to stand beside what is computed here.

Table 1 is loaded by ``dslite.corpora``.
"""

import tomllib
from importlib.resources import files
from typing import NamedTuple

_PRINTED = tomllib.loads((files("dslite.paper") / "published.toml").read_text(encoding="utf-8"))

CITATION: str = _PRINTED["citation"]
DOI: str = _PRINTED["doi"]

ROWS: dict[str, str] = _PRINTED["rows"]
"""The rows of Tables 3 and 4, in order: ``svm`` or an augmentation -> its name in the paper."""

COLUMNS: dict[int, tuple[str, ...]] = {number: tuple(_PRINTED[f"table{number}"]) for number in (3, 4)}
"""Tables 3 and 4: their number -> their corpora, in the paper's order."""


TABLE5: dict[str, dict] = _PRINTED["table5"]
"""Table 5: column (``preprocessing``, ``tensorflow``, ``tflite``, ``phone``) -> its ``name``, ``time_ms``, ``flops_g``,
``parameters_m``, ``memory_mb``, ``size_mb``, as far as they are printed."""


class Cell(NamedTuple):
    """A printed result in percent UAR: on dev, or on test with its printed 95 % interval (None on dev)."""

    uar: float
    ci_low: float | None = None
    ci_high: float | None = None


def cell(corpus: str, row: str, partition: str) -> Cell | None:
    """A result as the paper prints it.

    Args:
        corpus: a corpus name.
        row: ``none``, ``cutmix``, ``specaugment``, ``both``, or ``svm`` for Deep Spectrum + SVM.
        partition: ``dev`` or ``test``.

    Returns:
        The cell, or None where the paper has none (``svm`` in Table 4, own corpora).

    Raises:
        ValueError: for another row or partition.
    """
    if row not in ROWS:
        raise ValueError(f"The row {row!r} is not one of {', '.join(ROWS)}.")
    if partition not in ("dev", "test"):
        raise ValueError(f"The partition {partition!r} is not one of dev, test.")
    number = _table_of(corpus)
    printed = _PRINTED[f"table{number}"][corpus].get(row) if number else None
    if printed is None:
        return None
    return Cell(printed["dev"]) if partition == "dev" else Cell(printed["test"], *printed["ci"])


def place(corpus: str, row: str) -> str:
    """Where a result stands in the paper, e.g. ``Table 3, DS Lite (CutMix)``; "" where the paper has none."""
    number = _table_of(corpus)
    if number is None or row not in _PRINTED[f"table{number}"][corpus]:
        return ""
    return f"Table {number}, {ROWS[row]}"


def _table_of(corpus: str) -> int | None:
    return next((number for number, corpora in COLUMNS.items() if corpus in corpora), None)
