"""What two versions of a file say that is not the same: tables cell by cell, pages tag by tag and text by text."""

import json
import os
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pandas as pd

SAME = 1e-9
"""Numbers that differ by less, absolutely or relative to each other, are the same: sums depend on the processor."""

ROWS = "number of rows"

ABOVE = "above the first section"

CIRCUMSTANCES = ("versions", "hardware", "seconds")
"""What a record says of the moment it was made at, and not of what was found."""


@dataclass(frozen=True)
class Difference:
    """A place in a file, what stands there, and what should."""

    file: str
    key: str
    said: str
    recomputed: str

    @property
    def of_cell(self) -> bool:
        """Whether it is one of a table's cells, rather than of a line or of the number of rows."""
        return self.key.endswith("]")

    @property
    def of_code(self) -> bool:
        """Whether other code may be all that it comes from: a record's identity, which is one of code, or the words,
        tags and styles around figures, and figures that are said by now; never a figure that does not come out."""
        if self.file.endswith(".json"):
            return self.key == "identity"
        if self.key == ROWS or self.of_cell:
            return False
        said, mine = (re.finditer(r"\d+(?:[.,]\d+)*", _text(of)) for of in (self.said, self.recomputed))
        left = (figure[0] for figure in mine)
        return all(figure[0] in left for figure in said)  # in their order: what is looked through is used up

    def as_json(self) -> dict[str, str]:
        """Of long texts what is close to where they part."""
        at = max(0, len(os.path.commonprefix([self.said, self.recomputed])) - 40)
        return vars(self) | {"said": self.said[at : at + 200], "recomputed": self.recomputed[at : at + 200]}


def compare(file: str, said: Path, mine: Path) -> tuple[int, list[Difference], list[str]]:
    """Compares a file with one that was made again; ``file`` is its name for people.

    Returns:
        How many values are the same, the differences, and what of the file was not made again.
    """
    kind = said.suffix
    if kind == ".parquet":
        return tables(file, pd.read_parquet(said), pd.read_parquet(mine))
    if kind == ".csv":
        same, wrong, _ = tables(file, _csv(said), _csv(mine))
        if not wrong or wrong[0].key == ROWS:  # fields besides those that were read
            wrong = pages(file, *({"": of.read_text("utf-8").splitlines()} for of in (said, mine)))[1]
        return same, wrong, []
    if kind == ".json":
        one, other = (json.loads(place.read_text("utf-8")) for place in (said, mine))
        keys = [key for key in one if key not in CIRCUMSTANCES]
        wrong = [Difference(file, k, str(one[k]), str(other.get(k))) for k in keys if one[k] != other.get(k)]
        return len(keys) - len(wrong), wrong, []
    texts = (of.read_text("utf-8") for of in (said, mine))
    same, wrong = pages(file, *(shown(text) if kind == ".html" else {"": text.splitlines()} for text in texts))
    return same, wrong, []


def _csv(place: Path) -> pd.DataFrame:
    return pd.read_csv(place, dtype=str, na_filter=False, index_col=False)


def pages(
    file: str, said: Mapping[str, list[str]], mine: Mapping[str, list[str]], left_out: Container[str] = ()
) -> tuple[int, list[Difference]]:
    """Compares what :func:`shown` gives of two pages, but for the sections that are left out; texts with a figure in
    them count as values."""
    same, wrong = 0, []
    for section in (section for section in {**said, **mine} if section not in left_out):
        one, other = said.get(section, []), mine.get(section, [])
        # A matcher's time goes with the square of how often a text occurs.
        alike = [("equal", 0, len(one), 0, len(other))] if one == other else []
        for kind, i, j, k, m in alike or SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
            if kind == "equal":
                same += sum(any(letter.isdigit() for letter in _text(token)) for token in one[i:j])
                continue
            after = f"after “{_text(one[i - 1]):.60}”" if i else "at the beginning"
            words = [" ".join(map(_text, of)).strip() for of in (one[i:j], other[k:m])]
            parts = words if words[0] != words[1] else ["".join(of) for of in (one[i:j], other[k:m])]
            wrong.append(Difference(f"{file} {section}".rstrip(), after, *parts))
    return same, wrong


_PICTURE = re.compile(r'src="data:(?:image|audio)/[^"]*"(?: width="\d+" height="\d+"(?: class="ds-large")?)?')
"""A picture or sound of a page, which is not drawn again, and its size."""

_FOLDED = re.compile(
    r'(<details class="code"><summary>(?:Code|Parameters)</summary>\n<pre><code>)'
    r'(?:[^<]|<span class="\w+">|</span>)*(?=</code></pre></details>)'
    r'|\n<details class="code"><summary>Messages</summary><pre>[^<]*</pre></details>'
)
"""The code of a cell, with the parameters of its run, and what libraries had to say in it."""

_TOKEN = re.compile(r"<(style|script)\b.*?</\1>|(?:<(?!style\b|script\b)[^>]*>\s*)*[^<]*|<", re.DOTALL)
"""A style, a script, or tags and the text behind them: nothing of a page is in none."""

_TAG = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL)


def shown(html: str, code: bool = False) -> dict[str, list[str]]:
    """A page from its first letter to its last, in pieces of tags and the text behind them, by the section of the
    notebook's cell that they stand in; but for pictures and, if not asked for, the folded code."""
    found, section = {ABOVE: []}, ABOVE
    html = _PICTURE.sub('src="data:"', html)
    for token in (hit[0] for hit in _TOKEN.finditer(html if code else _FOLDED.sub(lambda hit: hit[1] or "", html))):
        if begun := re.findall(r'<section class="cell[^>]* id="(cell-\d+)">', token):
            section = begun[-1]
            found[ABOVE].append(f"<{section}>")  # their order
        found.setdefault(section, []).append(token)
    return found


def _text(token: str) -> str:
    return " ".join(_TAG.sub(" ", token).split())


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
