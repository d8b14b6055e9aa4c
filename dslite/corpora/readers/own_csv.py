"""Own data: a CSV of ``filename,label[,speaker][,partition]`` or the authors' ``filename,label,duration_frames``, or a
folder with one sub-folder per class."""

import math
import re
from pathlib import Path, PurePosixPath

import pandas as pd

from dslite.corpora import own_labels
from dslite.corpora.label_files import LINE
from dslite.corpora.listing import Entry, Problem, match
from dslite.corpora.own import FORM, slug
from dslite.corpora.own_rows import PARTS, partitions, rows_of, shelf_for, spelt_rows
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError
from dslite.tasks import number

_CLOCK = re.compile(r"\d+ days?|(\d+ days? )?\d+:\d\d:\d\d(\.\d+)?")
_PREFIX = re.compile(r"(train|devel|dev|test)(?![a-z])", re.IGNORECASE)


def entries(path: Path, numeric: bool = False) -> tuple[CorpusInfo, list[Entry], list[Problem]]:
    """Reads own data: a CSV, whose audio lies in or below its folder, or a folder, whose sub-folders are classes.

    The partition is, in this order: the column ``partition`` (train, dev or devel, test), or in a folder the upper one
    of two sub-folders if all are called so, or one is called train and another dev or test; the beginning of the file
    names, where all begin with train, devel, dev or test; else it is left empty, to be dealt over the clips that turn
    out usable (:mod:`dslite.corpora.split`).

    Args:
        path: of the data.
        numeric: whether labels are numbers; what is none is left out.

    Returns:
        What is known of the corpus (``partition`` says where the partition comes from; empty if it is to be dealt), its
        clips and its problems.

    Raises:
        DsliteError: if the data cannot be used: columns, partitions, paths that leave the folder, duplicates.
    """
    lines, problems = spelt_rows(path)
    problems += own_labels.mend_decimal_commas(path, lines) if numeric else own_labels.nearly_numbers(lines)
    shelf = shelf_for(path, lines)
    note, more = _partition(path, lines, [line for line in lines if shelf.find(line["filename"])])
    problems += more + ([] if numeric else own_labels.slips(lines, "label", "classes"))
    problems += own_labels.slips(lines, "speaker", "speakers")
    labels = own_labels.used(lines)
    labels = [label for label in labels if number(label) is not None] if numeric else labels
    if len(set(map(number, labels)) if numeric else labels) < 2:
        kinds = "numbers" if numeric else "classes"
        others = own_labels.no_numbers(lines) if numeric else []
        why = f" No number is {own_labels.cited(others[0])}; write it without words and units." if others else ""
        if path.is_dir():  # the folder above the one that is meant, or one whose labels stand in a CSV
            tables = sorted(file.name for file in path.glob("[!.]*") if file.suffix.lower() == ".csv")
            why += f" The only one is {labels[0]!r}." if len(labels) == 1 else ""
            why += f" The folder holds {tables[0]}: if that names files and labels, hand it in." if tables else ""
        lost = "; ".join(f"{problem.file}: {problem.reason}" for problem in problems[:3] if problem.file)
        raise DsliteError(
            f"Different labels in {path}: {len(labels)}; at least two {kinds} are needed to tell apart.{why} "
            f"Expected: {FORM}." + f" Left out: {lost}." * bool(lost)
        )
    info = CorpusInfo(
        name=slug(str(path)),
        title=path.stem,
        short=path.stem,
        sound="clips",
        classes=() if numeric else tuple(labels),
        licence="as its owner says",
        access="own data",
        layout=FORM,
        partition=note,
        labels={label: label for label in labels},
    )
    rows = []
    for line in lines:
        speaker, partition, fold = (line.get(name, "") for name in ("speaker", "partition", "fold"))
        rows.append(Entry(line["filename"], line["label"], speaker, partition, *_segment(path, line), fold))
    clips, skipped = match(rows, shelf, info)
    return info, clips, problems + skipped


def numeric(path: Path) -> bool:
    """Whether the labels of an own CSV are to be taken as numbers if nobody says what they are: all are, and one has a
    fraction or there are more than :data:`dslite.corpora.own_labels.FEW` kinds. False for what cannot be read."""
    try:
        lines = [] if path.is_dir() else spelt_rows(path)[0]
        own_labels.mend_decimal_commas(path, lines)
    except (DsliteError, OSError):
        return False
    return not own_labels.no_numbers(lines) and own_labels.on_a_scale(lines)


def _segment(path: Path, line: dict[str, str]) -> tuple[float, float]:
    """From where to where in its file a clip lies, in s: numbers, whose comma is a decimal one, or times as
    audformat writes them."""
    found = []
    for column, otherwise in (("start", 0.0), ("end", math.inf)):
        said = line.get(column, "")
        seconds = number(own_labels.with_point(said))
        if said.lower() in ("", "nat", "nan", f"{otherwise:g}"):  # as tables write what is open
            seconds = otherwise
        elif _CLOCK.fullmatch(said):  # pandas reads much else, a decimal comma for instance as nanoseconds
            seconds = pd.to_timedelta(said).total_seconds()
        elif seconds is None:
            raise DsliteError(
                f"{path}, line {line[LINE]}: {column} of {line['filename']!r} is {said!r}; seconds (1.5) or a time "
                "(0:00:01.5, or 0 days 00:00:01.5) was expected. Mend it, or leave it empty."
            )
        found.append(seconds)
    return found[0], found[1]


def listed_files(path: Path) -> list[Path]:
    """The audio files that an own CSV names, as far as the CSV can be read; those on disk by the names they have."""
    try:
        lines, _ = rows_of(path)
    except (DsliteError, OSError):
        return []
    shelf = shelf_for(path, lines)
    return [path.parent / (shelf.find(line["filename"]) or line["filename"]) for line in lines]


def _partition(path: Path, lines: list[dict[str, str]], there: list[dict[str, str]]) -> tuple[str, list[Problem]]:
    """Fills in the partition of every line, as far as it is named; returns what names it, and what is to be said.

    File names count for those files that are ``there``.
    """
    if lines and "partition" in lines[0]:
        named = partitions({line["partition"] for line in lines})
        for line in lines:
            if line["partition"] not in named:
                raise DsliteError(
                    f"{path}, line {line[LINE]}, puts {line['filename']!r} into the partition {line['partition']!r}; "
                    "train, dev (or devel, val, validation) or test (or testing, eval) was expected. Mend it, or leave "
                    "the column out."
                )
            line["partition"] = named[line["partition"]]
        return "the sub-folders' own" if path.is_dir() else "the CSV's own column", []
    prefixes = [_PREFIX.match(PurePosixPath(line["filename"]).name) for line in there]
    alone = len({prefix and PARTS[prefix[1].lower()] for prefix in prefixes}) < 2
    if all(prefixes) and not alone:
        for line, prefix in zip(there, prefixes, strict=True):
            line["partition"] = PARTS[prefix[1].lower()]
        return "the beginning of the file names", []
    if not any(prefixes):
        return "", []
    reason = (
        f"{sum(map(bool, prefixes))} of {len(there)} file names begin with train, devel or test; "
        f"since {'all begin alike' if alone else 'not all do'}, the partition is not taken from them"
    )
    return "", [Problem("", "warning", reason)]
