"""From what a layout says (rows) and what lies on disk (a shelf) to usable clips, and a line for all others."""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from dslite.corpora.folders import RIGHTS, Shelf, hidden, is_audio, walk
from dslite.corpora.registry import CorpusInfo
from dslite.decoding import segment
from dslite.errors import DsliteError
from dslite.wording import counted

BLIND = frozenset({"", "?", "nan"})
"""How the challenges write a label that they keep to themselves (compared in lower case)."""

SPELT_OUT = 20
"""Audio without a label gets a line per file up to here, one line for all beyond: it may be a whole other corpus."""


@dataclass(frozen=True)
class Entry:
    """A clip: ``file`` relative to the corpus' folder, or the part of it from ``start`` to ``end`` (s; infinite: to the
    file's end). As the layout names it, its label is as distributed and its partition may be None; what `match` returns
    has audio on disk, a class and a partition. ``fold`` is the one that own data puts it into, if any."""

    file: str
    label: str
    speaker: str
    partition: str | None
    start: float = 0.0
    end: float = math.inf
    fold: str = ""


@dataclass(frozen=True)
class Problem:
    """Something about one file (or, with ``file`` empty, about the corpus) that readers must be told."""

    file: str
    kind: str
    reason: str


def join(folder: str, name: str) -> str:
    """A name out of a label file below ``folder``, as a POSIX path.

    Raises:
        DsliteError: if the name is empty, absolute or climbs out with ``..``: no label file may reach other places.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.name or path.is_absolute() or ".." in path.parts or "\0" in name or re.match(r"[A-Za-z]:/", str(path)):
        raise DsliteError(
            f"The label file names {name!r}: a path below the corpus' own folder was expected, not an empty or "
            "absolute one or one with '..'. Put the audio below that folder and name it relative to it."
        )
    return (PurePosixPath(folder) / path).as_posix()


def match(rows: Iterable[Entry], shelf: Shelf, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """Brings rows and audio together.

    Returns:
        The usable clips, and a problem for every row and every audio file that was left out: labels without audio,
        audio without a label, labels unknown, withheld or not used by the paper, speakers outside the split.

    Raises:
        DsliteError: if two rows mean the same file.
    """
    rows = list(rows)
    found = {row: shelf.find(row.file) for row in rows}
    clips = (segment(found[row] or row.file, row.start, row.end) for row in rows)
    refuse_duplicates(clip.removesuffix("#t=0,inf") for clip in clips)
    entries, problems = [], []
    unused: Counter[str] = Counter()
    blind: dict[str, list[str]] = {}
    for row in rows:
        file, label = found[row], info.labels.get(row.label)
        if row.label.lower() in BLIND:
            blind.setdefault(row.partition or "", []).append(row.file)
        elif row.label in info.unused:
            unused[row.label] += 1
        elif label is None:
            known = f"one of {', '.join(sorted(info.labels))}" if info.classes else "a number"
            problems.append(Problem(row.file, "skipped", f"unknown label {row.label!r}; expected {known}"))
        elif file is None:
            other = shelf.in_other_capitals(row.file)
            told = f", but one in other capitals, {other}" if other else ""
            problems.append(Problem(row.file, "skipped", f"a label without audio: no such file{told}"))
        elif any("\ud800" <= letter <= "\udfff" for letter in file):  # a disk may hold any bytes, a table only text
            problems.append(Problem(file, "skipped", "its name is not UTF-8 text: rename it"))
        elif row.partition is None:
            reason = f"speaker {row.speaker} stands in none of the partitions of the split"
            problems.append(Problem(file, "skipped", reason))
        else:
            entries.append(replace(row, file=file, label=label))
    for label, count in sorted(unused.items()):
        problems.append(Problem("", "skipped", f"{count:,} files labelled {label!r}: not among the paper's classes"))
    for partition, names in sorted(blind.items()):
        files = counted(len(names), "file") + (f" of {partition}" if partition else "")
        problems.append(Problem("", "skipped", f"{files} whose label is withheld or empty, for example {names[0]}"))
    if shelf.instead:
        file, other = min(shelf.instead.items())
        unread = f"{counted(len(shelf.instead), 'file')} that cannot be read"
        told = f"{unread}: the ones of the same name beside them are taken, for example {other} for {file}"
        problems.append(Problem("", "warning", told))
    unlabelled = sorted(set(shelf.files) - set(found.values()))
    if len(unlabelled) <= SPELT_OUT:
        problems += [Problem(file, "skipped", "audio without a label") for file in unlabelled]
    else:
        reason = f"{len(unlabelled):,} audio files without a label, for example {', '.join(unlabelled[:3])}"
        problems.append(Problem("", "skipped", reason))
    return sorted(entries, key=lambda entry: (entry.file, entry.start)), problems


def unheard(folder: Path, above: Sequence[str] = ()) -> list[Problem]:
    """A line for every folder below ``folder`` that cannot be read, and, where folders in some ``above`` them (relative
    to ``folder``; "" is itself) are classes, for those whose files are no audio by their endings (of such a folder's
    own, none), for such files elsewhere, all in one, and for classes that hold no file."""
    problems: list[Problem] = []
    files: dict[PurePosixPath, list[str]] = {}
    mute: list[tuple[PurePosixPath, str]] = []  # places and endings
    for entry in walk(folder):
        place = PurePosixPath(Path(entry.path).relative_to(folder).as_posix())
        if os.path.isdir(entry.path):
            problems.append(Problem(f"{place}/", "skipped", f"a folder that cannot be read. {RIGHTS}, or move it away"))
        elif above and not is_audio(entry.name) and entry.name != "corpus.toml":
            mute.append((place, place.suffix.lower()))
        for parent in place.parents[:-1] if above else ():
            files.setdefault(parent, []).append(entry.name)
    silent = {place for place, names in files.items() if not any(map(is_audio, names))}
    for place in sorted(silent - {place for place in silent if place.parent in silent}):
        endings = ", ".join(sorted({PurePosixPath(name).suffix or "none" for name in files[place]})[:3])
        told = f"a folder in which no file ends like audio ({counted(len(files[place]), 'file')}; endings: {endings})"
        problems.append(Problem(f"{place}/", "skipped", told))
    named = {problem.file for problem in problems} | {f"{place}/" for place in files}
    others = Counter(ending for place, ending in mute if not silent.intersection(place.parents))
    told = ", ".join(f"{ending or 'none'} ({count})" for ending, count in others.most_common(8))
    told = f"{counted(others.total(), 'file')} whose ending is none of audio's, left out; endings: {told}"
    problems += [Problem("", "skipped", told)] * bool(others)
    told = "a folder without a file of its own (hidden ones, and those of a folder that it links to, do not count)"
    for place in (PurePosixPath(parent, name) for parent in above for name in sorted(os.listdir(folder / parent))):
        if os.path.isdir(folder / place) and not hidden(place.name) and f"{place}/" not in named:
            problems.append(Problem(f"{place}/", "warning", told))
    return problems


def refuse_duplicates(clips: Iterable[str]) -> None:
    """Raises a :class:`DsliteError` if clips, by their names, occur more than once."""
    twice = sorted(name for name, count in Counter(clips).items() if count > 1)
    if twice:
        raise DsliteError(
            f"{counted(len(twice), 'file')} labelled more than once, for example {', '.join(map(repr, twice[:3]))}. "
            "Every file must have one label in one partition: remove the duplicates."
        )
