"""What two versions of a file say that is not the same: tables cell by cell, pages text by text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

SAME = 1e-9
"""Numbers that differ by less, absolutely or relative to each other, are the same: sums depend on the processor."""

ROWS = "number of rows"

CIRCUMSTANCES = ("versions", "hardware", "seconds")
"""What a record says of the moment it was made at, and not of what was found."""


@dataclass(frozen=True)
class Difference:
    """A place in a file, what stands there, and what should."""

    file: str
    key: str
    said: str
    recomputed: str


def compare(file: str, said: Path, mine: Path) -> tuple[int, list[Difference], list[str]]:
    """Compares a file with one that was made again; ``file`` is its name for people.

    Returns:
        How many values are the same, the differences, and what of the file was not made again.
    """
    kind = said.suffix
    if kind in (".parquet", ".csv"):
        read = pd.read_parquet if kind == ".parquet" else _csv
        return tables(file, read(said), read(mine))
    if kind == ".json":
        one, other = (json.loads(place.read_text("utf-8")) for place in (said, mine))
        keys = [key for key in one if key not in CIRCUMSTANCES]
        wrong = [Difference(file, k, str(one[k]), str(other.get(k))) for k in keys if one[k] != other.get(k)]
        return len(keys) - len(wrong), wrong, []
    return *texts(file, _lines(said), _lines(mine)), []


def _csv(place: Path) -> pd.DataFrame:
    return pd.read_csv(place, dtype=str, na_filter=False, index_col=False)


def texts(file: str, said: Sequence[str], mine: Sequence[str]) -> tuple[int, list[Difference]]:
    """Compares texts in their order; those with a figure in them count as values."""
    same, wrong = 0, []
    # A matcher's time goes with the square of how often a text occurs.
    alike = [("equal", 0, len(said), 0, len(mine))] if said == mine else []
    for kind, i, j, k, m in alike or SequenceMatcher(None, said, mine, autojunk=False).get_opcodes():
        if kind == "equal":
            same += sum(any(letter.isdigit() for letter in text) for text in said[i:j])
        else:
            after = f"after “{said[i - 1]:.60}”" if i else "at the beginning"
            wrong.append(Difference(file, after, *(" ".join(of)[:200] for of in (said[i:j], mine[k:m]))))
    return same, wrong


def shown(html: str) -> dict[str, list[str]]:
    """The texts that a page shows and the descriptions of its pictures, without code that is folded away, by the id of
    the section that they stand in; before the first such section it is empty. Styles and scripts stand apart."""
    reader = _Shown()
    reader.feed(html)
    return reader.texts


class _Shown(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"": []}
        self._section, self._left_out, self._program = "", 0, False

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = dict(attributes)
        if tag == "section" and given.get("id"):
            self._section = given["id"]
            self.texts.setdefault(self._section, [])
        closed = given.get("class") == "code" and "open" not in given
        folded = tag == "details" and (closed or self._left_out > 0)
        self._program = tag in ("style", "script")
        self._left_out += folded or self._program
        if given.get("alt"):
            self.handle_data(given["alt"])

    def handle_endtag(self, tag: str) -> None:
        self._left_out -= self._left_out > 0 and tag in ("details", "style", "script")
        self._program = False

    def handle_data(self, data: str) -> None:
        if self._program:
            self.texts.setdefault("style or script", []).extend(data.replace("}", "}\n").splitlines())
        if not self._left_out and (text := " ".join(data.split())):
            self.texts[self._section].append(text)


def _lines(place: Path) -> list[str]:
    text = place.read_text("utf-8")
    if place.suffix != ".html" or "<script" in text:
        return text.splitlines()
    return [one for texts in shown(text).values() for one in texts]


def tables(file: str, said: pd.DataFrame, mine: pd.DataFrame) -> tuple[int, list[Difference], list[str]]:
    if len(said) != len(mine):
        return 0, [Difference(file, ROWS, str(len(said)), str(len(mine)))], []
    names = [name for name in said if not pd.api.types.is_numeric_dtype(said[name]) and said[name].nunique() < 100]
    same, wrong = 0, [Difference(file, f"column {name}", "", "is there") for name in mine if name not in said]
    for name in (name for name in mine if name in said):
        one, other = (table[name].to_numpy() for table in (said, mine))
        equal = _equal(one, other)
        same += int(equal.sum())
        for at in np.flatnonzero(~equal):
            words = (str(said[key].iloc[at]) for key in names if key != name)
            row = ", ".join(word for word in words if word not in ("", "nan"))
            wrong.append(Difference(file, f"{name} [{row or f'row {at}'}]", str(one[at]), str(other[at])))
    return same, wrong, [name for name in said if name not in mine]


def _equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype.kind in "fiub" and other.dtype.kind in "fiub":
        return np.isclose(one.astype(float), other.astype(float), rtol=SAME, atol=SAME, equal_nan=True)
    return np.array([a == b or (pd.isna(a) and pd.isna(b)) for a, b in zip(one, other, strict=True)], bool)
