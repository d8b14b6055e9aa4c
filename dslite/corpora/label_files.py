"""Label files: CSV in its dialects, and the challenges' ARFF. Other people's files: nothing in them is trusted."""

import codecs
import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dslite.corpora.folders import RIGHTS
from dslite.errors import DsliteError

LINE = "#line"
"""The key under which a row has the number of its line; no column is called so."""

REMARK = "#remark"
"""The key that a row has besides if it may be a remark."""


def read_csv(
    path: Path,
    required: Sequence[str] = ("filename", "label"),
    called: Mapping[str, Sequence[str]] = {},
    remarks: bool = False,
) -> list[dict[str, str]]:
    """Reads a CSV file with a header that names at least the ``required`` columns, or what each may be ``called`` too.

    Comma, semicolon, tab and bar are told apart by the header, or by a first line ``sep=;`` as spreadsheets write it; a
    byte order mark, blank lines, lines that begin with ``#``, a header that comes again, spaces around values and a
    separator at the end of the lines are left out. In the header capital letters do not matter, nor do spaces, hyphens,
    points and underscores where a name of several words that is looked for remains; ``file_name`` and ``file`` count as
    ``filename``. With ``remarks``, lines that begin with ``#`` and have as many fields as the header, which is above
    them, come last, with `REMARK`: they may name files that are called so.

    Returns:
        A dict per row, column name (lower case) -> value, and `LINE`.

    Raises:
        DsliteError: if it is not text (UTF-8, or UTF-16 with its byte order mark), lacks a column, or a row has too few
            or too many fields or a quotation mark that does not end in its line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DsliteError(f"{path} cannot be read ({error.strerror}). {RIGHTS}.") from None
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # what spreadsheets call Unicode text
    try:
        text = re.sub("\r\n?", "\n", content.decode("utf-16" if marked else "utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DsliteError(
            f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'."
        ) from None
    if "\0" in text:  # a spreadsheet's own format, or UTF-16 that does not say so
        raise DsliteError(f"{path} is no text. Save it as CSV in UTF-8; in a spreadsheet that is 'CSV UTF-8'.")
    numbered = list(enumerate(text.split("\n"), start=1))  # not splitlines, which splits at letters inside values too
    lines = [(number, line) for number, line in numbered if line.strip() and not line.startswith("#")]
    said = re.fullmatch(r"sep=(.)\s*", lines[0][1]) if lines else None
    lines = lines[1:] if said else lines
    first, header = lines[0] if lines else (len(numbered), "")
    kinds = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    delimiter = said[1] if said else max(kinds, key=header.count)
    hidden = {number: line for number, line in numbered[first:] if remarks and line.startswith("#")}
    rows = []
    # Line by line, so that a quotation mark that never ends swallows nothing.
    for number, line in (*lines, *hidden.items()):
        try:
            values = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
        except csv.Error as error:
            if number in hidden:
                continue
            raise DsliteError(
                f"{path}, line {number}: not readable as CSV ({error}). A quotation mark that opens a value must end "
                "it in the same line."
            ) from None
        if any(value.strip() for value in values):
            rows.append((number, [value.strip() for value in values]))
    names = _spelt(rows[0][1]) if rows else []
    rows[1:] = [row for row in rows[1:] if _spelt(row[1]) != names]
    for meant, others in called.items():
        if {meant, *others}.isdisjoint(names):
            plain = {other.replace("_", ""): other for other in others if "_" in other}
            names = [plain.get(re.sub("[._-]", "", name), name) for name in names]
    while names and not names[-1]:
        names.pop()
    columns = ["filename" if name in ("file_name", "file") else name for name in names]
    if missing := [name for name in required if {name, *called.get(name, ())}.isdisjoint(columns)]:
        raise DsliteError(
            f"{path} has no column {' and no column '.join(missing)}: its first line must name its columns, "
            f"for example {','.join(required)}; it reads {', '.join(columns) or 'nothing'}."
        )
    if twice := next((name for name in columns if name and columns.count(name) > 1), ""):
        alike = ", ".join(value for value, name in zip(rows[0][1], columns, strict=False) if name == twice)
        raise DsliteError(f"{path} names the column {twice} more than once ({alike}). Keep one of them.")
    for number, values in rows[1:]:
        while len(values) > len(columns) and not values[-1]:
            values.pop()
        if len(values) != len(columns) and number not in hidden:
            raise DsliteError(
                f"{path}, line {number}: {len(values)} fields where the header has {len(columns)} "
                f"({', '.join(columns)}). Put names that hold a {kinds.get(delimiter, delimiter)} in double quotes."
            )
    return [
        dict(zip(columns, values, strict=True)) | {LINE: str(number)} | ({REMARK: ""} if number in hidden else {})
        for number, values in rows[1:]
        if len(values) == len(columns)
    ]


def _spelt(header: list[str]) -> list[str]:
    return [re.sub(r"\s+", "_", value.strip("\ufeff").lower()) for value in header]


def read_arff(path: Path) -> list[dict[str, str]]:
    """Reads file names (first attribute) and classes (last attribute) from an ARFF file; features between are ignored.

    Returns:
        A dict per row with ``filename`` and ``label``, like `read_csv`.

    Raises:
        DsliteError: if it is not text or has no ``@data``.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DsliteError(f"{path} is not a text file; an ARFF file with names and classes was expected.") from None
    start = next((number for number, line in enumerate(lines) if line.strip().lower() == "@data"), None)
    if start is None:
        raise DsliteError(f"{path} has no @data line; an ARFF file with names and classes was expected.")
    rows = []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        # Between the two lie thousands of numbers that nobody here needs: no full parsing.
        match = re.fullmatch(r"""('[^']*'|"[^"]*"|[^,]*),(?:.*,)?\s*('[^']*'|"[^"]*"|[^,]*)""", line)
        if match is None:
            raise DsliteError(f"{path}, line {number}: not a row of an ARFF file (name, features, class).")
        rows.append({"filename": match[1].strip(" '\""), "label": match[2].strip(" '\"")})
    return rows
