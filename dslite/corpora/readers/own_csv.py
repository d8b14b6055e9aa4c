"""Own data: a CSV of ``filename,label[,speaker][,partition]`` or the authors' ``filename,label,duration_frames``, or a
folder with one sub-folder per class."""

import math
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import pandas as pd

from dslite.corpora.folders import Shelf, audio_below, shelf_below, shelf_of
from dslite.corpora.label_files import LINE, read_csv
from dslite.corpora.listing import BLIND, Entry, Problem, join, match, unheard
from dslite.corpora.own import FORM, slug
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError
from dslite.tasks import number
from dslite.wording import counted

_NAMED = {"train": "train", "training": "train", "dev": "dev", "devel": "dev", "test": "test"}
_NAMED |= dict.fromkeys(("development", "val", "valid", "validation"), "dev")
_ALIASES = {
    "filename": ("path", "filepath", "file_path", "fname", "audio", "audio_file", "audio_path", "wav", "wav_file",
                 "wav_path", "clip"),
    "label": ("class", "class_label", "category", "emotion", "target"),
    "speaker": ("speaker_id", "speakerid", "spk", "spk_id", "participant", "participant_id", "subject", "subject_id",
                "patient", "patient_id", "actor", "actor_id", "client_id"),
    "partition": ("split", "split_set", "set", "subset", "fold"),
}  # fmt: skip
_KNOWN = {"filename", "label", "speaker", "partition", "fold", "duration_frames", "start", "end", LINE}
_PREFIX = re.compile(r"(train|devel|dev|test)(?![a-z])", re.IGNORECASE)


def entries(path: Path, numeric: bool = False) -> tuple[CorpusInfo, list[Entry], list[Problem]]:
    """Reads own data: a CSV, whose audio lies in or below its folder, or a folder, whose sub-folders are classes.

    The partition is, in this order: the column ``partition`` (train, dev or devel, test), or in a folder the upper one
    of two sub-folders if all are called so; the beginning of the file names, where all begin with train, devel, dev or
    test; else it is left empty, to be dealt over the clips that turn out usable (:mod:`dslite.corpora.split`).

    Args:
        path: of the data.
        numeric: whether labels are numbers; what is none is left out.

    Returns:
        What is known of the corpus (``partition`` says where the partition comes from; empty if it is to be dealt), its
        clips and its problems.

    Raises:
        DsliteError: if the data cannot be used: columns, partitions, paths that leave the folder, duplicates.
    """
    lines, problems = _rows(path)
    shelf = _shelf(path, lines)
    note, more = _partition(path, lines, [line for line in lines if shelf.find(line["filename"])])
    problems += more + ([] if numeric else _slips(lines))
    labels = _labels(lines)
    labels = [label for label in labels if number(label) is not None] if numeric else labels
    if len(set(map(number, labels)) if numeric else labels) < 2:
        kinds = "numbers" if numeric else "classes"
        lost = "; ".join(f"{problem.file}: {problem.reason}" for problem in problems[:3] if problem.file)
        raise DsliteError(
            f"Different labels in {path}: {len(labels)}; at least two {kinds} are needed to tell apart. "
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


FEW = 10
"""Whole numbers of at most so many kinds are taken as names of classes."""


def numeric(path: Path) -> bool:
    """Whether the labels of an own CSV are to be taken as numbers if nobody says what they are: all are, and one has a
    fraction or there are more than :data:`FEW` kinds. False for what cannot be read."""
    try:
        labels = [] if path.is_dir() else [number(label) for label in _labels(_rows(path)[0])]
    except (DsliteError, OSError):
        return False
    if not labels or None in labels:
        return False
    return len(set(labels)) > FEW or any(label % 1 for label in labels)


def _labels(lines: list[dict[str, str]]) -> list[str]:
    """The labels that there are, but for those that are withheld."""
    return sorted({line["label"] for line in lines if line["label"].lower() not in BLIND})


def _rows(path: Path) -> tuple[list[dict[str, str]], list[Problem]]:
    """A dict per clip, column -> value: rows of a CSV, or the files in a folder's sub-folders, which are labels; and
    what is to be said of how the CSV was read."""
    if not path.is_dir():
        if not path.is_file():
            raise DsliteError(f"There is no file {path}. Give --corpora the path of {FORM}.")
        lines, here = read_csv(path, called=_ALIASES), f"{path.parent.absolute().as_posix()}/"
        problems = _columns(path, lines)
        for line in lines:
            line["filename"] = join("", line["filename"].removeprefix(here))
        return lines, problems + _elsewhere(path, lines)
    problems = unheard(path, classes=True)
    places = [place for file in _shelf(path, []).files if len(place := PurePosixPath(file).parts) > 1]
    if all(len(place) > 2 and place[0].lower() in _NAMED for place in places):
        return [{"filename": "/".join(place), "label": place[1], "partition": place[0]} for place in places], problems
    return [{"filename": "/".join(place), "label": place[0]} for place in places], problems


def _elsewhere(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Where no file lies where the CSV says: takes those that are called so in the folders below, each name once."""
    shelf = _shelf(path, lines)
    if any(shelf.find(line["filename"]) for line in lines):
        return []
    below = audio_below(path.parent)
    places = {PurePosixPath(file).name: file for file in below}
    shelf = Shelf(places if len(places) == len(below) else ())
    found = [shelf.find(PurePosixPath(line["filename"]).name) for line in lines]
    for line, name in zip(lines, found, strict=True):
        line["filename"] = places[name] if name else line["filename"]
    told = (
        f"no file lies where the CSV says; {counted(sum(map(bool, found)), 'file')} found by name in the folders below"
    )
    return [Problem("", "warning", told)] if any(found) else []


def _segment(path: Path, line: dict[str, str]) -> tuple[float, float]:
    """From where to where in its file a clip lies, in s: numbers, or times as audformat writes them."""
    found = []
    for column, otherwise in (("start", 0.0), ("end", math.inf)):
        said = line.get(column, "")
        try:
            seconds = float(said) if said and said != "NaT" else otherwise
        except ValueError:
            try:
                seconds = pd.to_timedelta(said).total_seconds()
            except ValueError:
                raise DsliteError(
                    f"{path}: {column} of {line['filename']!r} is {said!r}; seconds (1.5) or a time "
                    "(0 days 00:00:01.5) was expected."
                ) from None
        found.append(otherwise if math.isnan(seconds) else seconds)
    return found[0], found[1]


def listed_files(path: Path) -> list[Path]:
    """The audio files that an own CSV names, as far as the CSV can be read; those on disk by the names they have."""
    try:
        lines, _ = _rows(path)
    except (DsliteError, OSError):
        return []
    shelf = _shelf(path, lines)
    return [path.parent / (shelf.find(line["filename"]) or line["filename"]) for line in lines]


def _shelf(path: Path, lines: list[dict[str, str]]) -> Shelf:
    """All audio in a folder; of a CSV, that in those folders which its rows name: what else lies below the CSV's folder
    is none of its business."""
    if path.is_dir():
        return shelf_below(path)
    return shelf_of(path.parent, (line["filename"] for line in lines))


def _columns(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Gives columns under other names the names used here; says which, and which columns mean nothing here."""
    problems, columns = [], set(lines[0]) if lines else set()
    folds = not any(line.get("fold", "").lower() in _NAMED for line in lines)  # else they are called so, but partitions
    for meant, others in _ALIASES.items():
        named = [name for name in others if name in columns and not (name == "fold" and folds)]
        if meant in columns or not named:
            continue
        if len(named) > 1:
            raise DsliteError(
                f"{path} has the columns {' and '.join(named)}: which one is the {meant}? Call it {meant!r}."
            )
        for line in lines:
            line[meant] = line.pop(named[0])
        columns = columns - {named[0]} | {meant}
        problems.append(Problem("", "warning", f"the column {named[0]!r} is taken as the {meant}"))
    if unknown := sorted(columns - _KNOWN - {""}):
        problems.append(Problem("", "warning", f"columns that mean nothing here, ignored: {', '.join(unknown)}"))
    return problems


def _slips(lines: list[dict[str, str]]) -> list[Problem]:
    """Labels that differ in capital letters only: two classes, but likely one."""
    counts = Counter(line["label"] for line in lines)
    alike: dict[str, list[str]] = {}
    for label in sorted(counts):
        alike.setdefault(label.casefold(), []).append(label)
    told = (", ".join(f"{label!r} ({counts[label]})" for label in same) for same in alike.values() if same[1:])
    return [Problem("", "warning", f"likely a slip, but read as classes of so many files: {labels}") for labels in told]


def _partition(path: Path, lines: list[dict[str, str]], there: list[dict[str, str]]) -> tuple[str, list[Problem]]:
    """Fills in the partition of every line, as far as it is named; returns what names it, and what is to be said.

    File names count for those files that are ``there``.
    """
    if lines and "partition" in lines[0]:
        for line in lines:
            named = _NAMED.get(line["partition"].lower())
            if named is None:
                raise DsliteError(
                    f"{path}, line {line[LINE]}, puts {line['filename']!r} into the partition {line['partition']!r}; "
                    "train, dev (or devel, val, validation) or test was expected. Mend it, or leave the column out."
                )
            line["partition"] = named
        return "the sub-folders' own" if path.is_dir() else "the CSV's own column", []
    prefixes = [_PREFIX.match(PurePosixPath(line["filename"]).name) for line in there]
    if all(prefixes):
        for line, prefix in zip(there, prefixes, strict=True):
            line["partition"] = _NAMED[prefix[1].lower()]
        return "the beginning of the file names", []
    if not any(prefixes):
        return "", []
    reason = (
        f"{sum(map(bool, prefixes))} of {len(there)} file names begin with train, devel or test; "
        "since not all do, the partition is not taken from them"
    )
    return "", [Problem("", "warning", reason)]
