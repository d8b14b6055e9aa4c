"""What the paper printed (published.toml, table2.toml, text.toml), to stand beside what is computed here.

How its tables are set is in forms.toml. :func:`figures` is the one view of all of it; Tables 1 and 2 are also read, as
they lie, by ``dslite.corpora`` and ``dslite.profiles``.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import NamedTuple


def _load(file: str) -> dict:
    return tomllib.loads((files("dslite.paper") / file).read_text(encoding="utf-8"))


_PRINTED = _load("published.toml")

CITATION: str = _PRINTED["citation"]

ROWS: dict[str, str] = _PRINTED["rows"]
"""The rows of Tables 3 and 4, in order: ``svm`` or an augmentation -> its name in the paper."""

DS_LITE = tuple(row for row in ROWS if row != "svm")

COLUMNS: dict[int, tuple[str, ...]] = {number: tuple(_PRINTED[f"table{number}"]) for number in (3, 4)}
"""Tables 3 and 4: their number -> their corpora, in the paper's order."""

CORPORA = COLUMNS[3] + COLUMNS[4]
"""The corpora of both tables, in their order."""

TABLE5: dict[str, dict] = _PRINTED["table5"]
"""Table 5: column (``preprocessing``, ``tensorflow``, ``tflite``, ``phone``) -> its ``name``, ``time_ms``, ``flops_g``,
``parameters_m``, ``memory_mb``, ``size_mb``, as far as they are printed."""


class PrintedScore(NamedTuple):
    """A printed result in percent UAR: on dev, or on test with its printed 95 % interval (None on dev)."""

    uar: float
    ci_low: float | None = None
    ci_high: float | None = None


def cell(corpus: str, row: str, partition: str) -> PrintedScore | None:
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
    number = table_of(corpus)
    printed = _PRINTED[f"table{number}"][corpus].get(row) if number else None
    if printed is None:
        return None
    return PrintedScore(printed["dev"]) if partition == "dev" else PrintedScore(printed["test"], *printed["ci"])


def best(corpus: str, partition: str = "test") -> str:
    """The DS Lite row with the highest printed UAR, the first if several are equal."""
    return max(DS_LITE, key=lambda row: cell(corpus, row, partition).uar)


def place(corpus: str, row: str) -> str:
    """Where a result stands in the paper, e.g. ``Table 3, DS Lite (CutMix)``; "" where the paper has none."""
    number = table_of(corpus)
    return f"Table {number}, {ROWS[row]}" if number and row in _PRINTED[f"table{number}"][corpus] else ""


def table_of(corpus: str) -> int | None:
    """3 or 4, by the table that holds a corpus' results; None for a corpus that is not the paper's."""
    return next((number for number, corpora in COLUMNS.items() if corpus in corpora), None)


def score_id(corpus: str, row: str, partition: str = "test") -> str:
    """Id of a figure of Tables 3 and 4."""
    return f"table{table_of(corpus)}.{corpus}.{row}.{partition}"


@dataclass(frozen=True)
class Figure:
    """A published figure, as it is printed.

    Attributes:
        id: unique and stable, e.g. ``table3.ccs.both.test`` or ``gain.ccs``.
        place: where it stands, e.g. ``Table 3, DS Lite (CutMix)``.
        quantity: what it is, which decides how it can be compared: ``uar``, ``chance``, ``count``, ``duration``,
            ``parameters``, ``size``, ``flops``, ``time``, ``memory``, ``restated`` (follows from other figures) or
            ``setting``.
        corpus: a corpus name; "" where it belongs to none.
        row: of Tables 3 and 4 ``svm`` or an augmentation; of Tables 1 and 2 the name of the value; of Table 5 its
            column (``preprocessing``, ``tensorflow``, ``tflite``, ``phone``); else "".
        partition: ``dev``, ``test`` or "".
        value: as printed, in ``unit``.
        ci_low, ci_high: the printed 95 % interval; None where there is none.
        unit: e.g. ``%``, ``files``, ``ms``.
        decimals: how many are printed: half a unit of the last one is the rounding.
        says: what the text says of it, where place and row do not.
    """

    id: str
    place: str
    quantity: str
    value: float
    unit: str
    decimals: int
    corpus: str = ""
    row: str = ""
    partition: str = ""
    ci_low: float | None = None
    ci_high: float | None = None
    says: str = ""

    @property
    def printed(self) -> str:
        """The value with its decimals, e.g. ``74.4``."""
        return f"{self.value:,.{self.decimals}f}"


_FORMS = _load("forms.toml")

TABLE1_ROWS: dict[str, tuple[str, str, str, str, int]] = {key: tuple(form) for key, form in _FORMS["table1"].items()}
"""The columns of Table 1: a value's key -> its head, its name, quantity, unit and printed decimals."""

TABLE2_ROWS: dict[str, tuple[str, str, int]] = {key: tuple(form) for key, form in _FORMS["table2"].items()}
"""The rows of Table 2: a row's key -> its title, unit and printed decimals."""

PARTS: dict[str, str] = _FORMS["parts"]
"""A table of the paper, or ``Text`` -> its title."""


@cache
def figures() -> tuple[Figure, ...]:
    """Every published figure: Tables 1 to 5 cell by cell, then the text, in the order of the paper's tables."""
    return (*_of_table1(), *_of_table2(), *_of_results(), *_of_table5(), *_of_text())


def _of_table1() -> Iterator[Figure]:
    for corpus, values in _PRINTED["table1"].items():
        for row, (_, _, quantity, unit, decimals) in TABLE1_ROWS.items():
            yield Figure(f"table1.{corpus}.{row}", "Table 1", quantity, values[row], unit, decimals, corpus, row)


def _of_table2() -> Iterator[Figure]:
    for corpus, values in _load("table2.toml").items():
        first, second = values["epochs"]
        for row, (title, unit, decimals) in TABLE2_ROWS.items():
            value = {**values, "first": first, "second": second}[row]
            if row in ("second", "chunk") and not value:
                continue  # CSS has no second phase and takes whole files: its cells are blank
            where = f"Table 2, {title}"
            yield Figure(f"table2.{corpus}.{row}", where, "setting", value, unit, decimals, corpus, row)


def _of_results() -> Iterator[Figure]:
    for corpus, row, partition in product(CORPORA, ROWS, ("dev", "test")):
        if printed := cell(corpus, row, partition):
            uar, *interval = printed
            id, where = score_id(corpus, row, partition), place(corpus, row)
            yield Figure(id, where, "uar", uar, "%", 1, corpus, row, partition, *interval)


def _of_table5() -> Iterator[Figure]:
    for column, values in TABLE5.items():
        for row, (quantity, title, unit) in _FORMS["table5"].items():
            if row not in values or (column == "phone" and row in ("parameters_m", "size_mb")):
                continue  # laptop and phone share one cell for what is the same file
            value = values[row]
            if value < 1:  # the front end's size, printed in kB
                value, unit = 1000 * value, "kB"
            where = f"Table 5, {title}"
            yield Figure(f"table5.{column}.{row}", where, quantity, value, unit, 1, row=column, says=values["name"])


def _of_text() -> Iterator[Figure]:
    for part, entries in _load("text.toml").items():
        for name, entry in entries.items():
            named = {"row" if key == "of" else key: value for key, value in entry.items()}
            yield Figure(id=f"{part}.{name}", **named)


def standard_error(low: float, high: float) -> float:
    """The standard error behind a 95 % interval of normal shape: its width over 3.92.

    Raises:
        ValueError: if the limits are the wrong way round.
    """
    if high < low:
        raise ValueError(f"An interval from {low} to {high} is the wrong way round.")
    return (high - low) / (2 * 1.9599640)  # of the normal distribution
