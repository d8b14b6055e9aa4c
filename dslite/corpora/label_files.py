"""Label files: CSV in its dialects, and the challenges' ARFF. Other people's files: nothing in them is trusted."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

from dslite.errors import DsliteError

ALIASES = {"filename": "filename", "file_name": "filename", "file": "filename"}
"""Column names that mean the file's name, as the challenges and others write them."""


def read_csv(path: Path, required: tuple[str, ...] = ("filename", "label")) -> list[dict[str, str]]:
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
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = []
    columns: list[str] | None = None
    try:
        for values in reader:
            values = [value.strip() for value in values]
            if not any(values):
                continue
            if columns is None:
                columns = [ALIASES.get(value.lower(), value.lower()) for value in values]
                _require(path, columns, required)
                continue
            if len(values) != len(columns):
                raise DsliteError(
                    f"{path}, line {reader.line_num}: {len(values)} fields where the header has {len(columns)} "
                    f"({', '.join(columns)}). Put names that hold a {_spoken(delimiter)} in double quotes."
                )
            rows.append(dict(zip(columns, values, strict=True)))
    except csv.Error as error:
        raise DsliteError(f"{path}, line {reader.line_num}: not readable as CSV ({error}).") from None
    if columns is None:
        _require(path, [], required)
    return rows


def _require(path: Path, columns: list[str], required: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        raise DsliteError(
            f"{path} has no column {' and no column '.join(missing)}: its first line must name its columns, "
            f"for example {','.join(required)}; it reads {', '.join(columns) or 'nothing'}."
        )
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise DsliteError(f"{path} names the column {', '.join(sorted(twice))} more than once. Keep one of them.")


def _spoken(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab"}[delimiter]


def read_arff(path: Path) -> list[Mapping[str, str]]:
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
