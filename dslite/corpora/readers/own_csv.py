"""Own data: a CSV of ``filename,label[,speaker][,partition]``, or the authors' ``filename,label,duration_frames``."""

import hashlib
import math
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from dslite.corpora.folders import Shelf, is_audio
from dslite.corpora.label_files import read_csv
from dslite.corpora.listing import BLIND, Entry, Problem, join, match
from dslite.corpora.own import slug
from dslite.corpora.registry import PARTITIONS, CorpusInfo
from dslite.errors import DsliteError

SHARES = (0.6, 0.2, 0.2)
"""Shares of train, dev and test where the CSV says nothing."""

SEED = 0
_NAMED = {"train": "train", "training": "train", "dev": "dev", "devel": "dev", "test": "test"}
_NAMED |= dict.fromkeys(("development", "val", "valid", "validation"), "dev")
_ALIASES = {
    "speaker": ("speaker_id", "speakerid", "spk", "spk_id", "participant", "participant_id", "subject", "subject_id",
                "patient", "patient_id", "actor", "actor_id"),
    "partition": ("split", "split_set", "set", "subset", "fold"),
}  # fmt: skip
_KNOWN = {"filename", "label", "speaker", "partition", "duration_frames", "start", "end"}
_PREFIX = re.compile(r"(train|devel|dev|test)(?![a-z])", re.IGNORECASE)


def entries(path: Path) -> tuple[CorpusInfo, list[Entry], list[Problem]]:
    """Reads an own CSV; its audio lies in or below the CSV's folder.

    The partition is, in this order: the column ``partition`` (train, dev or devel, test); the beginning of the file
    names, where all begin with train, devel, dev or test; else a split by speakers (by files where the CSV names none),
    60, 20 and 20 %, the classes spread as evenly as the speakers allow, always the same for the same table.

    Returns:
        What is known of the corpus (``partition`` says where the partition comes from), its clips and its problems.

    Raises:
        DsliteError: if the CSV cannot be used: columns, partitions, paths that leave its folder, duplicates.
    """
    if not path.is_file():
        raise DsliteError(
            f"There is no file {path}. Give --corpora the path of a CSV of filename,label[,speaker][,partition]."
        )
    lines = read_csv(path)
    for line in lines:
        line["filename"] = join("", line["filename"])
    problems = _columns(path, lines)
    shelf = _shelf(path.parent, [line["filename"] for line in lines])
    there = [line for line in lines if shelf.find(line["filename"])]
    twins = _twins(path.parent, [shelf.find(line["filename"]) or "" for line in there])
    note, more = _partition(path, there, twins)
    problems += more + _slips(lines)
    labels = sorted({line["label"] for line in lines if line["label"].lower() not in BLIND})
    if len(labels) < 2:
        raise DsliteError(f"{path} has {len(labels)} different labels; at least two classes are needed to tell apart.")
    info = CorpusInfo(
        name=slug(path.name),
        title=path.stem,
        short=path.stem,
        sound="clips",
        classes=tuple(labels),
        licence="as its owner says",
        access="own data",
        layout="a CSV of filename,label[,speaker][,partition] beside or above its audio",
        partition=note,
        labels={label: label for label in labels},
    )
    rows = [
        Entry(line["filename"], line["label"], line.get("speaker", ""), line.get("partition"), *_segment(path, line))
        for line in lines
    ]
    clips, skipped = match(rows, shelf, info)
    return info, clips, problems + skipped


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
        names = [join("", line["filename"]) for line in read_csv(path)]
    except (DsliteError, OSError):
        return []
    shelf = _shelf(path.parent, names)
    return [path.parent / (shelf.find(name) or name) for name in names]


def _shelf(folder: Path, names: list[str]) -> Shelf:
    """Audio in those folders that the rows name: what else lies below the CSV's folder is none of its business."""
    places = sorted({PurePosixPath(name).parent for name in names})
    return Shelf(
        (place / entry.name).as_posix()
        for place in places
        if (folder / place).is_dir()
        for entry in sorted((folder / place).iterdir())
        if is_audio(entry.name) and not entry.name.startswith(".") and entry.is_file()
    )


def _columns(path: Path, lines: list[dict[str, str]]) -> list[Problem]:
    """Gives columns under other names the names used here; says which, and which columns mean nothing here."""
    problems, columns = [], set(lines[0]) if lines else set()
    for meant, others in _ALIASES.items():
        named = [name for name in others if name in columns]
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
    if unknown := sorted(columns - _KNOWN):
        problems.append(Problem("", "warning", f"columns that mean nothing here, ignored: {', '.join(unknown)}"))
    return problems


def _slips(lines: list[dict[str, str]]) -> list[Problem]:
    """Labels that differ in capital letters only: two classes, but likely one."""
    counts = Counter(line["label"] for line in lines)
    alike: dict[str, list[str]] = {}
    for label in sorted(counts):
        alike.setdefault(label.casefold(), []).append(label)
    told = (", ".join(f"{label!r} ({counts[label]} files)" for label in same) for same in alike.values() if same[1:])
    return [Problem("", "warning", f"likely a slip, but read as different classes: {labels}") for labels in told]


def _twins(folder: Path, files: list[str]) -> list[list[int]]:
    """Which files are the same, byte by byte: lists of their positions; only files of one size are opened."""
    sizes: dict[int, list[int]] = {}
    for at, file in enumerate(files):
        sizes.setdefault((folder / file).stat().st_size, []).append(at)
    same: dict[tuple[int, bytes], list[int]] = {}
    for size, alike in sizes.items():
        for at in alike if len(alike) > 1 else ():
            with (folder / files[at]).open("rb") as stream:
                same.setdefault((size, hashlib.file_digest(stream, "sha256").digest()), []).append(at)
    return [alike for alike in same.values() if len(alike) > 1]


def _together(groups: list[str], twins: list[list[int]]) -> list[str]:
    """The groups, those that share a recording joined; as they were if fewer than three would be left."""
    joined = {group: group for group in groups}
    for alike in twins:
        names = {joined[groups[at]] for at in alike}
        joined = {group: min(names) if name in names else name for group, name in joined.items()}
    return [joined[group] for group in groups] if len(set(joined.values())) >= len(PARTITIONS) else groups


def _partition(path: Path, lines: list[dict[str, str]], twins: list[list[int]]) -> tuple[str, list[Problem]]:
    """Fills in the partition of every line; returns where it comes from, and what is to be said about it.

    Speakers that share a recording (``twins``: positions of equal files) go into the same partition.
    """
    if lines and "partition" in lines[0]:
        for line in lines:
            named = _NAMED.get(line["partition"].lower())
            if named is None:
                raise DsliteError(
                    f"{path} puts {line['filename']!r} into the partition {line['partition']!r}; "
                    "train, dev (or devel, val, validation) or test was expected. Mend it, or leave the column out."
                )
            line["partition"] = named
        return "the CSV's own column", []
    prefixes = [_PREFIX.match(PurePosixPath(line["filename"]).name) for line in lines]
    if all(prefixes):
        for line, prefix in zip(lines, prefixes, strict=True):
            line["partition"] = _NAMED[prefix[1].lower()]
        return "the beginning of the file names", []
    problems = []
    if any(prefixes):
        reason = (
            f"{sum(map(bool, prefixes))} of {len(lines)} file names begin with train, devel or test; "
            "since not all do, the partition is not taken from them"
        )
        problems.append(Problem("", "warning", reason))
    speakers = [line.get("speaker", "") for line in lines]
    if all(speakers) and len(set(speakers)) < len(PARTITIONS):
        raise DsliteError(
            f"{path} names {len(set(speakers))} speakers: train, dev and test need at least one each, or scores would "
            "tell how well known voices are recognised. Add a speaker, or leave the column out: then files are dealt, "
            "and the pages say so."
        )
    groups = [speaker or "\0" + line["filename"] for speaker, line in zip(speakers, lines, strict=True)]
    places = split_groups(_together(groups, twins), [line["label"] for line in lines])
    for line, place in zip(lines, places, strict=True):
        line["partition"] = place
    by = "speakers" if all(speakers) else "speakers, and by files where none is named" if any(speakers) else "files"
    shares = ", ".join(f"{share:.0%} {part}" for part, share in zip(PARTITIONS, SHARES, strict=True))
    return f"split here by {by} ({shares}; seed {SEED}): the CSV names no partition", problems


def split_groups(groups: list[str], labels: list[str]) -> list[str]:
    """Deals whole groups (speakers) into train, dev and test.

    Largest group first, each goes where it brings the counts per class nearest to `SHARES`, relative to the target, so
    that the small partitions are served before they stay empty. The order of the rows does not matter.

    Args:
        groups: group of each row.
        labels: class of each row.

    Returns:
        The partition of each row.
    """
    tally = Counter(zip(groups, labels, strict=True))
    names, classes = sorted(set(groups)), sorted(set(labels))
    counts = np.array([[tally[name, label] for label in classes] for name in names], float)
    target = np.outer(SHARES, counts.sum(0))
    order = np.random.default_rng(SEED).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    filled, place = np.zeros_like(target), {}
    for index in order:
        before = ((filled / target - 1) ** 2).sum(1)
        after = (((filled + counts[index]) / target - 1) ** 2).sum(1)
        best = int(np.argmin(after - before))
        filled[best] += counts[index]
        place[names[index]] = PARTITIONS[best]
    return [place[group] for group in groups]
