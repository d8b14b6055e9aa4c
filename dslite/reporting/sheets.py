"""Tables as the paper sets them: ours beside the printed figures, and footnotes for what cannot be compared.

A sheet is what a table says, apart from how it is written: :func:`sheet_html` sets it for a page and
:func:`dslite.stages.paper.latex.tex` for the next paper, with the same letters under both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from markupsafe import Markup

from dslite.reporting.provenance import provenance_line
from dslite.reporting.templates import render, show_html

PRINTED = "ds-published"
"""Class of everything that stands in the paper and was not computed here."""


@dataclass(frozen=True)
class Cell:
    """A cell of a sheet.

    Attributes:
        text: plain text.
        look: its classes, e.g. ``ds-published ds-best``.
        reasons: why it cannot be compared with what is printed; each becomes a footnote.
        below: a second line in small; "" for none.
        markup: HTML that a page shows instead of ``text``, escaped by whoever made it; "" for the text itself.
    """

    text: str = ""
    look: str = ""
    reasons: tuple[str, ...] = ()
    below: str = ""
    markup: Markup | str = ""


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        caption: above it.
        heads: rows of column heads, each as wide as the table; equal neighbours share a head.
        rows: its body; the first ``stubs`` cells of each name the row, equal ones in the first column share a cell.
        stubs: how many columns name the rows, at least one.
        rests: what the columns rest on, as wide as the table; a page shows it below the first heads. () for nothing.
        note: below it.
        look: classes of the table.
    """

    caption: str
    heads: Sequence[Sequence[Cell]]
    rows: Sequence[Sequence[Cell]]
    stubs: int
    rests: Sequence[Cell] = ()
    note: str = ""
    look: str = ""

    @property
    def footnotes(self) -> dict[str, str]:
        """Reason -> its letter (a, b, ... z, aa, ...), in the order in which one reads the table."""
        lines = [*self.heads, *self.rows]
        found = dict.fromkeys(reason for line in lines for cell in line for reason in cell.reasons)
        return {reason: _letter(number) for number, reason in enumerate(found)}

    @property
    def spans(self) -> list[int]:
        """Per row, how many rows the cell in its first column spans; 0 where the one above reaches down."""
        return _runs(self.rows) if self.stubs > 1 else [1] * len(self.rows)

    def marks(self, cell: Cell) -> str:
        """The letters of a cell's footnotes, e.g. ``a,b``."""
        return ",".join(letter for reason, letter in self.footnotes.items() if reason in cell.reasons)


def marked_rows(reasons: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The reasons that all rows of a column share, for its head, and what is left for each row.

    Args:
        reasons: of each row that can have any.
    """
    shared = tuple(r for r in reasons[0] if all(r in others for others in reasons)) if reasons else ()
    return shared, [tuple(r for r in own if r not in shared) for own in reasons]


def sentence(reason: str) -> str:
    """A reason as a footnote: with a capital and a full stop."""
    return f"{reason[:1].upper()}{reason[1:]}".rstrip(".") + "."


def merged(line: Sequence[Cell], stubs: int) -> Iterator[tuple[Cell, int]]:
    """Cells of a head with the columns that each spans: the blank corner is one, equal neighbours are one."""
    yield line[0], stubs
    for _, group in groupby(line[stubs:], key=lambda cell: (cell.text, cell.reasons)):
        cells = list(group)
        yield cells[0], len(cells)


def _runs(rows: Sequence[Sequence[Cell]]) -> list[int]:
    spans: list[int] = []
    for _, group in groupby(rows, key=lambda row: row[0].text):
        length = len(list(group))
        spans += [length] + [0] * (length - 1)
    return spans


def sheet_html(sheet: Sheet, line: str = "") -> str:
    """A sheet as escaped HTML.

    Args:
        sheet: the table.
        line: its provenance, plain text; "" where its columns say it.
    """
    heads = [list(merged(head, sheet.stubs)) for head in sheet.heads]
    if sheet.rests:
        starts = accumulate((span for _, span in heads[0]), initial=0)
        heads.insert(1, [(sheet.rests[start], span) for start, (_, span) in zip(starts, heads[0], strict=False)])
    return render(
        "sheet.html.j2",
        sheet=sheet,
        heads=heads,
        rows=list(zip(sheet.rows, sheet.spans, strict=True)),
        footnotes=[(letter, sentence(reason)) for reason, letter in sheet.footnotes.items()],
        line=line,
    )


def show_sheet(sheet: Sheet, record: Mapping | None = None) -> None:
    """Displays a sheet, with the provenance of ``record`` (the banner's if not given)."""
    show_html(sheet_html(sheet, provenance_line(record)))


def _letter(number: int) -> str:
    before, last = divmod(number, 26)
    return (_letter(before - 1) if before else "") + chr(ord("a") + last)
