"""The rows of own data: those of a CSV, with its columns under the names used here, or a folder's files."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dslite.corpora.folders import Shelf, audio_below, shelf_below, shelf_of
from dslite.corpora.label_files import LINE, REMARK, read_csv
from dslite.corpora.listing import Problem, join, unheard
from dslite.corpora.own import FORM
from dslite.errors import DsliteError
from dslite.wording import counted

PARTS = {"train": "train", "training": "train", "dev": "dev", "devel": "dev", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(("development", "val", "valid", "validation"), "dev")
"""What a partition may be called -> its name here."""

_NAME = "speaker_name"
"""Says who speaks where no column has an id."""

_ALIASES = {
    "filename": ("path", "filepath", "file_path", "fname", "audio", "audio_file", "audio_path", "wav", "wav_file",
                 "wav_path", "clip", "file_name"),
    "label": ("class", "class_label", "category", "emotion", "target"),
    "speaker": ("speaker_id", "speakerid", "spk", "spk_id", "participant", "participant_id", "subject", "subject_id",
                "patient", "patient_id", "actor", "actor_id", "client_id"),
    "partition": ("split", "split_set", "set", "subset", "fold"),
    _NAME: (_NAME,),  # so that it may be written in other ways, too
}  # fmt: skip
_KNOWN = {"filename", "label", "speaker", "partition", "fold", "duration_frames", "start", "end", LINE, REMARK}
_BOUND = re.compile(r"(^|_)(start|begin|onset|offset|end|stop|[xt]min|[xt]max)(time)?(_|$)|^(from|to)$")
_TIME = re.compile(rf"{_BOUND.pattern}|(^|_)(duration|length)(_|$)")
_UNSEEN = "[\\s\u200b-\u200f\u2060\ufeff]+"  # spaces, and marks of no width


def spelt_rows(path: Path) -> tuple[list[dict[str, str]], list[Problem]]:
    """As :func:`rows_of`, with labels and speakers in one spelling of what looks alike: composed letters, plain spaces,
    nothing unseen around it."""
    lines, problems = rows_of(path)
    for line in lines:
        for column in line.keys() & {"label", "speaker"}:
            plain = unicodedata.normalize("NFC", line[column]).replace("\xa0", " ").replace("\u202f", " ")
            line[column] = re.sub(rf"^{_UNSEEN}|{_UNSEEN}$", "", plain)
    unknown = [line for line in lines if line.get("speaker") in ("?", "nan", "NaN")]
    for line in unknown:  # else all of whom nobody knows who they are would be one voice
        line["speaker"] = ""
    told = f"{counted(len(unknown), 'file')} whose speaker is '?' or 'nan': they count for no speaker"
    return lines, problems + [Problem("", "warning", told)] * bool(unknown)


def rows_of(path: Path) -> tuple[list[dict[str, str]], list[Problem]]:
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
    places = [place for file in shelf_for(path, []).files if len(place := PurePosixPath(file).parts) > 1]
    upper = {place[0] for place in places}
    named = partitions(upper)
    problems = unheard(path, ["", *sorted(named)])
    if not named or named.keys() != upper and not {"train"} < set(named.values()):
        lines = [{"filename": "/".join(place), "label": place[0]} for place in places]
        return lines, problems + _below_classes(lines, 1)
    sorted_in = [place for place in places if len(place) > 2 and place[0] in named]
    if not sorted_in:
        raise DsliteError(
            f"{path} has the folders {', '.join(sorted(named))}, which are taken as partitions, and no sub-folders of "
            f"classes in them, with audio. Expected: {FORM}, or train, dev and test with such sub-folders each."
        )
    lines = [{"filename": "/".join(place), "label": place[1], "partition": place[0]} for place in sorted_in]
    others = f"folders that are neither partitions nor in one, left out: {', '.join(sorted(upper - named.keys()))}"
    return lines, problems + [Problem("", "warning", others)] * (named.keys() != upper) + _below_classes(lines, 2)


def _below_classes(lines: list[dict[str, str]], depth: int) -> list[Problem]:
    """What is to be said of folders ``depth`` below the corpus' that are called alike in several classes, or as classes
    are: speakers, partitions, or the classes themselves."""
    labels = {line["label"] for line in lines}
    above: dict[str, set[str]] = {}
    for line in lines:
        for name in PurePosixPath(line["filename"]).parts[depth:-1][:1]:
            above.setdefault(name, set()).add(line["label"])
    alike = sorted(name for name, classes in above.items() if len(classes | ({name} & labels)) > 1)
    if len(alike) < 2:
        return []
    named = ", ".join(alike[:3]) + f" and {len(alike) - 3} more" * (len(alike) > 3)
    told = f"folders below those of classes that are called alike and count for nothing: {named}; "
    told += "if they are speakers, partitions or the classes themselves, hand in a CSV that says so"
    return [Problem("", "warning", told)]


def partitions(names: Iterable[str]) -> dict[str, str]:
    """What names mean as partitions, those left out that mean none. A part for evaluation is test, or where another one
    is called so, dev."""
    found = {name: PARTS[name.strip().lower()] for name in names if name.strip().lower() in PARTS}
    free = [part for part in ("test", "dev") if part not in found.values()]
    return found | {name: free[0] for name in names if name.strip().lower() in ("eval", "evaluation") and free}


def _remarks(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Takes out the rows that begin with # but name no file that is there; says so."""
    marked = [line for line in lines if REMARK in line]
    shelf = shelf_for(path, marked)
    remarks = [line[LINE] for line in marked if not shelf.find(line["filename"])]
    lines[:] = [line for line in lines if REMARK not in line or shelf.find(line["filename"])]
    told = f"{counted(len(remarks), 'row')} skipped as remarks, since they begin with # and name no file: line "
    return [Problem("", "warning", told + ", ".join(remarks[:3]))] if remarks else []


def _elsewhere(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Where no file lies where the CSV says: takes those that are called so in the folders below, each name once."""
    shelf = shelf_for(path, lines)
    if any(shelf.find(line["filename"]) for line in lines):
        return []
    below = audio_below(path.parent)
    places = {PurePosixPath(file).name: file for file in below}
    shelf = Shelf(places)
    found = [shelf.find(PurePosixPath(line["filename"]).name) for line in lines]
    counts = Counter(PurePosixPath(file).name for file in below)
    if alike := next((name for name in found if name and counts[name] > 1), ""):
        one, other, *_ = (file for file in below if PurePosixPath(file).name == alike)
        told = "no file lies where the CSV says, and in the folders below names do not tell which one is meant: "
        told += f"{one} and {other} are called alike. Name files relative to the CSV's own folder"
        return [Problem("", "warning", told)]
    for line, name in zip(lines, found, strict=True):
        line["filename"] = places[name] if name else line["filename"]
    files = counted(sum(map(bool, found)), "file")
    told = f"no file lies where the CSV says; {files} found by name in the folders below"
    return [Problem("", "warning", told)] if any(found) else []


def shelf_for(path: Path, lines: list[dict[str, str]]) -> Shelf:
    """All audio in a folder; of a CSV, that in those folders which its rows name: what else lies below the CSV's folder
    is none of its business."""
    if path.is_dir():
        return shelf_below(path)
    return shelf_of(path.parent, (line["filename"] for line in lines))


def _columns(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Gives columns under other names the names used here; says which, and which columns mean nothing here."""
    problems, columns = [], set(lines[0]) if lines else set()
    folds = not any(line.get("fold", "").lower() in PARTS for line in lines)  # else they are called so, but partitions
    for meant, others in _ALIASES.items():
        named = [name for name in others if name in columns and not (name == "fold" and folds)]
        if meant == "speaker" and not named:
            named = [_NAME] * (_NAME in columns)
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
        for name in unknown:
            values = {line[name] for line in lines}
            parts = partitions(values) if "partition" not in columns else {}
            if parts.keys() == values and "train" in parts.values() and len(values) > 1:
                told += f"; {name} looks like the partition: where it is to count, call it 'partition'"
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
