"""Sheets as LaTeX, for those who write the next paper: booktabs, nothing else, everything escaped."""

from dslite.reporting.sheets import PRINTED, Cell, Sheet, merged, sentence

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "·": r"\textperiodcentered{}",
    "–": "--",
    "“": "``",
    "”": "''",
    **{mark: f"\\{mark}" for mark in "{}$&#%_"},
}
_LOOKS = {PRINTED: "textit", "ds-best": "textbf", "ds-chosen": "underline", "ds-missing": "emph"}


def tex(sheet: Sheet, label: str, caption: str, provenance: str) -> str:
    """A sheet as a ``table*`` that a document with booktabs can input.

    Args:
        sheet: the table.
        label: for ``\\ref``, without what LaTeX treats specially.
        caption: beside the number that the document gives it.
        provenance: where the figures come from, for a comment above it; what the columns rest on is added.

    Returns:
        The fragment: comments, then one float with its footnotes and its note below the table.
    """
    rests = [
        f"{of.text}: {cell.text}"
        for of, cell in dict.fromkeys(zip(sheet.heads[0][sheet.stubs :], sheet.rests[sheet.stubs :], strict=False))
    ]
    align = "".join("r" if "ds-number" in cell.look else "l" for cell in sheet.rows[0][sheet.stubs :])
    notes = [rf"\textsuperscript{{{mark}}}~{escape(sentence(reason))}" for reason, mark in sheet.footnotes.items()]
    notes += [escape(f"{text}.") for text in rests] + ([escape(sheet.note)] if sheet.note else [])
    lines = [
        *(f"% {' '.join(text.split())}" for text in (provenance, *rests, r"Needs \usepackage{booktabs}.")),
        r"\begin{table*}",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{{'l' * sheet.stubs}{align}}}",
        r"\toprule",
        *_heads(sheet),
        r"\midrule",
        *_body(sheet),
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\begin{minipage}{\linewidth}\raggedright",
        *(f"{note}\\par" for note in notes),
        r"\end{minipage}",
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands, on one line; what begins with a bracket or an asterisk cannot be taken for
    an argument of what stands before it."""
    plain = "".join(_SPECIAL.get(sign, sign) for sign in " ".join(text.split()) if sign.isprintable())
    return f"{{}}{plain}" if plain[:1] in ("[", "*") else plain


def _heads(sheet: Sheet) -> list[str]:
    lines = []
    for number, head in enumerate(sheet.heads):
        cells, rules, column = [], [], 1
        for cell, span in merged(head, sheet.stubs):
            corner = column == 1
            text = _set(sheet, cell)
            cells += [""] * span if corner else [text if span == 1 else rf"\multicolumn{{{span}}}{{c}}{{{text}}}"]
            if number + 1 < len(sheet.heads) and not corner:
                rules.append(rf"\cmidrule(lr){{{column}-{column + span - 1}}}")
            column += span
        lines.append(" & ".join(cells) + r" \\")
        lines += ["".join(rules)] if rules else []
    return lines


def _body(sheet: Sheet) -> list[str]:
    lines: list[str] = []
    for row, span in zip(sheet.rows, sheet.spans, strict=True):
        if lines and span > 1:
            lines.append(r"\addlinespace")
        cells = [_set(sheet, cell) for cell in row]
        lines.append(" & ".join(cells if span else ["", *cells[1:]]) + r" \\")
    return lines


def _set(sheet: Sheet, cell: Cell) -> str:
    text, marks = escape(f"{cell.text}: {cell.below}" if cell.below else cell.text), sheet.marks(cell)
    for look in cell.look.split() if text else ():
        text = rf"\{_LOOKS[look]}{{{text}}}" if look in _LOOKS else text
    return rf"{text}\textsuperscript{{{marks}}}" if marks else text
