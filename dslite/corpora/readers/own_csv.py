"""Own data: a CSV of ``filename,label[,speaker][,partition]`` or the authors' ``filename,label,duration_frames``, or a
folder with one sub-folder per class."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pandas as pd

from dslite.corpora.folders import Shelf, audio_below, shelf_below, shelf_of
from dslite.corpora.label_files import LINE, REMARK, read_csv
from dslite.corpora.listing import BLIND, Entry, Problem, join, match, unheard
from dslite.corpora.own import FORM, slug
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError
from dslite.tasks import number
from dslite.wording import counted

_NAMED = {"train": "train", "training": "train", "dev": "dev", "devel": "dev", "test": "test", "testing": "test"}
_NAMED |= dict.fromkeys(("development", "val", "valid", "validation"), "dev")
_ALIASES = {
    "filename": ("path", "filepath", "file_path", "fname", "audio", "audio_file", "audio_path", "wav", "wav_file",
                 "wav_path", "clip"),
    "label": ("class", "class_label", "category", "emotion", "target"),
    "speaker": ("speaker_id", "speakerid", "spk", "spk_id", "participant", "participant_id", "subject", "subject_id",
                "patient", "patient_id", "actor", "actor_id", "client_id"),
    "partition": ("split", "split_set", "set", "subset", "fold"),
}  # fmt: skip
_KNOWN = {"filename", "label", "speaker", "partition", "fold", "duration_frames", "start", "end", LINE, REMARK}
_COMMA = re.compile(r"[+-]?\d+,\d+")
_CLOCK = re.compile(r"(\d+ days? )?\d+:\d\d:\d\d(\.\d+)?")
_BOUND = re.compile(r"(^|_)(start|begin|onset|offset|end|stop)(time)?(_|$)")
_TIME = re.compile(rf"{_BOUND.pattern}|(^|_)(duration|length)(_|$)")
_UNSEEN = "[\\s\u200b-\u200f\u2060\ufeff]+"  # spaces, and marks of no width
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
    lines, problems = _spelt(path)
    problems += _with_points(path, lines) if numeric else _nearly_numbers(lines)
    shelf = _shelf(path, lines)
    note, more = _partition(path, lines, [line for line in lines if shelf.find(line["filename"])])
    problems += more + ([] if numeric else _slips(lines, "label", "classes")) + _slips(lines, "speaker", "speakers")
    labels = _labels(lines)
    labels = [label for label in labels if number(label) is not None] if numeric else labels
    if len(set(map(number, labels)) if numeric else labels) < 2:
        kinds = "numbers" if numeric else "classes"
        others = _no_numbers(lines) if numeric else []
        none = f" No number is {_where(others[0])}; write it without words and units." if others else ""
        lost = "; ".join(f"{problem.file}: {problem.reason}" for problem in problems[:3] if problem.file)
        raise DsliteError(
            f"Different labels in {path}: {len(labels)}; at least two {kinds} are needed to tell apart.{none} "
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
        lines = [] if path.is_dir() else _spelt(path)[0]
        _with_points(path, lines)
    except (DsliteError, OSError):
        return False
    return not _no_numbers(lines) and _on_a_scale(lines)


def _on_a_scale(lines: list[dict[str, str]]) -> bool:
    """Whether those labels that are numbers are rather to be predicted than names of classes."""
    numbers = {value for line in lines if (value := number(line["label"])) is not None}
    return len(numbers) > FEW or any(value % 1 for value in numbers)


def _no_numbers(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    """Those whose label is neither a number nor withheld."""
    return [line for line in lines if number(line["label"]) is None and line["label"].lower() not in BLIND]


def _where(line: dict[str, str]) -> str:
    return f"{line['label']!r}, the label of {line['filename']!r}" + (f" in line {line[LINE]}" if LINE in line else "")


def _with_points(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Makes points of the decimal commas in labels; says so.

    Raises:
        DsliteError: if other labels have points: then one of the two may part thousands.
    """
    commas = [line for line in lines if _COMMA.fullmatch(line["label"])]
    points = [line for line in lines if "." in line["label"] and number(line["label"]) is not None]
    if commas and points:
        raise DsliteError(
            f"{path} has {_where(commas[0])}, and {_where(points[0])}: which of comma and point is the decimal one? "
            "Write all labels with decimal points and without marks between thousands."
        )
    for line in commas:
        line["label"] = _with_point(line["label"])
    told = f"{counted(len(commas), 'label')} with a decimal comma, taken as a decimal point"
    return [Problem("", "warning", told)] if commas else []


def _nearly_numbers(lines: list[dict[str, str]]) -> list[Problem]:
    """What is to be said of labels that are taken as classes though but for a few they are numbers on a scale."""
    others = _no_numbers(lines)
    if not others or 2 * len(others) > len(lines) or not _on_a_scale(lines):
        return []
    told = f"labels are taken as names of classes, since {_where(others[0])}, is no number; --task regression takes "
    return [Problem("", "warning", f"{told}them as numbers and leaves such files out: {len(others)}")]


def _labels(lines: list[dict[str, str]]) -> list[str]:
    """The labels that there are, but for those that are withheld."""
    return sorted({line["label"] for line in lines if line["label"].lower() not in BLIND})


def _spelt(path: Path) -> tuple[list[dict[str, str]], list[Problem]]:
    """As :func:`_rows`, with every label and every speaker in one spelling of what looks alike: composed letters, plain
    spaces, nothing unseen around it."""
    lines, problems = _rows(path)
    for line in lines:
        for column in line.keys() & {"label", "speaker"}:
            plain = unicodedata.normalize("NFC", line[column]).replace("\xa0", " ").replace("\u202f", " ")
            line[column] = re.sub(rf"^{_UNSEEN}|{_UNSEEN}$", "", plain)
    return lines, problems


def _rows(path: Path) -> tuple[list[dict[str, str]], list[Problem]]:
    """A dict per clip, column -> value: rows of a CSV, or the files in a folder's sub-folders, which are labels; and
    what is to be said of how the CSV was read."""
    if not path.is_dir():
        if not path.is_file():
            raise DsliteError(f"There is no file {path}. Give --corpora the path of {FORM}.")
        lines, here = read_csv(path, called=_ALIASES, remarks=True), f"{path.parent.absolute().as_posix()}/"
        problems = _columns(path, lines) + _remarks(path, lines)
        for line in lines:
            line["filename"] = join("", line["filename"].removeprefix(here))
        return lines, problems + _elsewhere(path, lines)
    problems = unheard(path, classes=True)
    places = [place for file in _shelf(path, []).files if len(place := PurePosixPath(file).parts) > 1]
    upper = {place[0] for place in places}
    named = _partitions(upper)
    if not named or named.keys() != upper and not {"train"} < set(named.values()):
        return [{"filename": "/".join(place), "label": place[0]} for place in places], problems
    sorted_in = [place for place in places if len(place) > 2 and place[0] in named]
    if not sorted_in:
        raise DsliteError(
            f"{path} has the folders {', '.join(sorted(named))}, which are taken as partitions, and no sub-folders of "
            f"classes in them, with audio. Expected: {FORM}, or train, dev and test with such sub-folders each."
        )
    lines = [{"filename": "/".join(place), "label": place[1], "partition": place[0]} for place in sorted_in]
    others = f"folders that are neither partitions nor in one, left out: {', '.join(sorted(upper - named.keys()))}"
    return lines, problems + [Problem("", "warning", others)] * (named.keys() != upper)


def _partitions(names: Iterable[str]) -> dict[str, str]:
    """What names mean as partitions, those left out that mean none. A part for evaluation is test, or where another one
    is called so, dev."""
    found = {name: _NAMED[name.strip().lower()] for name in names if name.strip().lower() in _NAMED}
    free = [part for part in ("test", "dev") if part not in found.values()]
    return found | {name: free[0] for name in names if name.strip().lower() in ("eval", "evaluation") and free}


def _remarks(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Takes out the rows that begin with # but name no file that is there; says so."""
    marked = [line for line in lines if REMARK in line]
    shelf = _shelf(path, marked)
    remarks = [line[LINE] for line in marked if not shelf.find(line["filename"])]
    lines[:] = [line for line in lines if REMARK not in line or shelf.find(line["filename"])]
    told = f"{counted(len(remarks), 'row')} skipped as remarks, since they begin with # and name no file: line "
    return [Problem("", "warning", told + ", ".join(remarks[:3]))] if remarks else []


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
    """From where to where in its file a clip lies, in s: numbers, whose comma is a decimal one, or times as
    audformat writes them."""
    found = []
    for column, otherwise in (("start", 0.0), ("end", math.inf)):
        said = line.get(column, "")
        seconds = number(_with_point(said))
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


def _with_point(text: str) -> str:
    """A number with its decimal comma, as many spreadsheets write it, made a point; anything else as it is."""
    return text.replace(",", ".") if _COMMA.fullmatch(text) else text


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
        told = f"columns that mean nothing here, ignored: {', '.join(unknown)}"
        told += _times(path, lines, columns, list(filter(_TIME.search, unknown)))
        problems.append(Problem("", "warning", told))
    return problems


def _times(path: Path, lines: list[dict[str, str]], columns: set[str], alike: list[str]) -> str:
    """What is to be said of columns of no meaning that look ``alike`` those of times.

    Raises:
        DsliteError: if clips are likely to be cut by them: where one of start and end lacks, or files are named again.
    """
    named = sorted(columns & {"start", "end"})
    how = "clips are cut out of files by columns called 'start' and 'end', both in seconds"
    again = len(lines) - len({line["filename"] for line in lines})
    if alike and (len(named) == 1 or again and not named):
        beside = f"the column {named[0]!r}" if named else f"{counted(again, 'row')} of files that another row names too"
        raise DsliteError(
            f"{path} has {beside} and columns that look like times but are not read: {', '.join(alike)}. Since {how}, "
            "write both (the end is the start and the duration together), or leave such columns out where files are "
            "whole and each is named once."
        )
    return f"; {how}" if not named and any(map(_BOUND.search, alike)) else ""


def _slips(lines: list[dict[str, str]], column: str, what: str) -> list[Problem]:
    """Labels or speakers that differ in capital letters only, or are one number: two, but likely one."""
    counts = Counter(line.get(column, "") for line in lines)
    alike: dict[str | float, list[str]] = {}
    for name in sorted(counts):
        value = number(name)
        alike.setdefault(name.casefold() if value is None else value, []).append(name)
    told = (", ".join(f"{name!r} ({counts[name]})" for name in same) for same in alike.values() if same[1:])
    return [Problem("", "warning", f"likely a slip, but read as {what} of so many files: {names}") for names in told]


def _partition(path: Path, lines: list[dict[str, str]], there: list[dict[str, str]]) -> tuple[str, list[Problem]]:
    """Fills in the partition of every line, as far as it is named; returns what names it, and what is to be said.

    File names count for those files that are ``there``.
    """
    if lines and "partition" in lines[0]:
        named = _partitions({line["partition"] for line in lines})
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
