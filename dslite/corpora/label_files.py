"""Label files: CSV in its dialects, and the challenges' ARFF. Other people's files: nothing in them is trusted."""

import csv
import io
import re
from pathlib import Path

from dslite.errors import DsliteError

_REQUIRED = ("filename", "label")


def read_csv(path: Path) -> list[dict[str, str]]:
    """Reads a CSV file with a header.

    Comma, semicolon and tab are told apart by the header; a byte order mark, blank lines and spaces around values
    are left out. ``file_name`` and ``file`` count as ``filename``; capital letters in the header do not matter.

    Returns:
        A dict per row, column name (lower case) -> value.

    Raises:
        DsliteError: if it is not UTF-8 text, lacks a column, or a row has too few or too many fields.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DsliteError(
            f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'."
        ) from None
    header = text.split("\n", 1)[0]
    delimiter, spoken = max(((",", "comma"), (";", "semicolon"), ("\t", "tab")), key=lambda kind: header.count(kind[0]))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        lines = [(reader.line_num, [value.strip() for value in values]) for values in reader]
    except csv.Error as error:
        raise DsliteError(f"{path}, line {reader.line_num}: not readable as CSV ({error}).") from None
    lines = [(number, values) for number, values in lines if any(values)]
    names = [value.lower() for value in lines[0][1]] if lines else []
    columns = ["filename" if name in ("file_name", "file") else name for name in names]
    if missing := [name for name in _REQUIRED if name not in columns]:
        raise DsliteError(
            f"{path} has no column {' and no column '.join(missing)}: its first line must name its columns, "
            f"for example {','.join(_REQUIRED)}; it reads {', '.join(columns) or 'nothing'}."
        )
    if twice := {name for name in columns if name and columns.count(name) > 1}:
        raise DsliteError(f"{path} names the column {', '.join(sorted(twice))} more than once. Keep one of them.")
    for number, values in lines[1:]:
        if len(values) != len(columns):
            raise DsliteError(
                f"{path}, line {number}: {len(values)} fields where the header has {len(columns)} "
                f"({', '.join(columns)}). Put names that hold a {spoken} in double quotes."
            )
    return [dict(zip(columns, values, strict=True)) for _, values in lines[1:]]


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
