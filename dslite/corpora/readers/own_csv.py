"""Own data: a CSV of ``filename,label[,speaker][,partition]``, or the authors' ``filename,label,duration_frames``."""

import re
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

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
    note, problems = _partition(path, lines)
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
    rows = [Entry(line["filename"], line["label"], line.get("speaker", ""), line["partition"]) for line in lines]
    clips, skipped = match(rows, _shelf(path.parent, rows), info)
    return info, clips, problems + skipped


def listed_files(path: Path) -> list[Path]:
    """The audio files that an own CSV names, as far as the CSV can be read."""
    try:
        return [path.parent / join("", line["filename"]) for line in read_csv(path)]
    except (DsliteError, OSError):
        return []


def _shelf(folder: Path, rows: list[Entry]) -> Shelf:
    """Audio in those folders that the rows name: what else lies below the CSV's folder is none of its business."""
    places = sorted({PurePosixPath(row.file).parent for row in rows})
    return Shelf(
        (place / entry.name).as_posix()
        for place in places
        if (folder / place).is_dir()
        for entry in sorted((folder / place).iterdir())
        if is_audio(entry.name) and not entry.name.startswith(".") and entry.is_file()
    )


def _partition(path: Path, lines: list[dict[str, str]]) -> tuple[str, list[Problem]]:
    """Fills in the partition of every line; returns where it comes from, and what is to be said about it."""
    if lines and "partition" in lines[0]:
        for line in lines:
            named = _NAMED.get(line["partition"].lower())
            if named is None:
                raise DsliteError(
                    f"{path} puts {line['filename']!r} into the partition {line['partition']!r}; "
                    "train, dev (or devel) or test was expected. Mend it, or leave the whole column out."
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
    groups = [speaker or "\0" + line["filename"] for speaker, line in zip(speakers, lines, strict=True)]
    places = split_groups(groups, [line["label"] for line in lines])
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
