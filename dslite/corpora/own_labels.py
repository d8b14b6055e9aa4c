"""The labels of own data, as names of classes or as numbers, and what is to be said of them."""

import re
from collections import Counter
from pathlib import Path

from dslite.corpora.label_files import LINE
from dslite.corpora.listing import BLIND, Problem
from dslite.errors import DsliteError
from dslite.tasks import number
from dslite.wording import counted

FEW = 10
"""Whole numbers of at most so many kinds are taken as names of classes."""

_LACKING = frozenset({"na", "n/a", "#n/a", "<na>", "none", "null", "-"})
"""How programs write what is missing, where it may be a name as well (compared in lower case)."""

_COMMA = re.compile(r"[+-]?\d+,\d+")


def on_a_scale(lines: list[dict[str, str]]) -> bool:
    """Whether those labels that are numbers are rather to be predicted than names of classes."""
    numbers = {value for line in lines if (value := number(line["label"])) is not None}
    return len(numbers) > FEW or any(value % 1 for value in numbers)


def no_numbers(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    """Those whose label is neither a number nor withheld."""
    return [line for line in lines if number(line["label"]) is None and line["label"].lower() not in BLIND]


def cited(line: dict[str, str]) -> str:
    """A label as a sentence names it, with the file that it is of."""
    return f"{line['label']!r}, the label of {line['filename']!r}" + (f" in line {line[LINE]}" if LINE in line else "")


def mend_decimal_commas(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Makes points of the decimal commas in labels; says so.

    Raises:
        DsliteError: if other labels have points: then one of the two may part thousands.
    """
    commas = [line for line in lines if _COMMA.fullmatch(line["label"])]
    points = [line for line in lines if "." in line["label"] and number(line["label"]) is not None]
    if commas and points:
        raise DsliteError(
            f"{path} has {cited(commas[0])}, and {cited(points[0])}: which of comma and point is the decimal one? "
            "Write all labels with decimal points and without marks between thousands."
        )
    example = commas[0]["label"] if commas else ""
    for line in commas:
        line["label"] = with_point(line["label"])
    told = f"{counted(len(commas), 'label')} with a decimal comma, taken as a decimal point, {example} for example"
    return [Problem("", "warning", told)] if commas else []


def nearly_numbers(lines: list[dict[str, str]]) -> list[Problem]:
    """What is to be said of labels that are taken as classes though but for a few they are numbers on a scale."""
    others = no_numbers(lines)
    if not others or 2 * len(others) > len(lines) or not on_a_scale(lines):
        return []
    told = f"labels are taken as names of classes, since {cited(others[0])}, is no number; --task regression takes "
    return [Problem("", "warning", f"{told}them as numbers and leaves such files out: {len(others)}")]


def used(lines: list[dict[str, str]]) -> list[str]:
    """The labels that there are, but for those that are withheld."""
    return sorted({line["label"] for line in lines if line["label"].lower() not in BLIND})


def slips(lines: list[dict[str, str]], column: str, what: str) -> list[Problem]:
    """Labels or speakers that differ in capital letters only, or are one number: two, but likely one; and those that
    likely say that there is none."""
    counts = Counter(line.get(column, "") for line in lines)
    alike: dict[str | float, list[str]] = {}
    for name in sorted(counts):
        value = number(name)
        alike.setdefault(name.casefold() if value is None else value, []).append(name)
    told = (", ".join(f"{name!r} ({counts[name]})" for name in same) for same in alike.values() if same[1:])
    lacking = _LACKING | {"nan", "unknown"} if column == "speaker" else _LACKING
    none = ", ".join(f"{name!r} ({counts[name]})" for name in sorted(counts) if name.lower() in lacking)
    empty = f"likely written for none, but read as {what} of so many files: {none}; where it is, leave it out"
    slipped = [Problem("", "warning", f"likely a slip, but read as {what} of so many files: {names}") for names in told]
    return slipped + [Problem("", "warning", empty)] * bool(none)


def with_point(text: str) -> str:
    """A number with its decimal comma, as many spreadsheets write it, made a point; anything else as it is."""
    return text.replace(",", ".") if _COMMA.fullmatch(text) else text
