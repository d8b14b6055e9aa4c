"""The split of own data that names no partition: by speakers, over the usable clips, made once and kept."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.corpora.label_files import LINE, read_csv
from dslite.corpora.listing import Entry, Problem
from dslite.corpora.registry import PARTITIONS
from dslite.errors import DsliteError
from dslite.files import sha256, whole_file
from dslite.wording import counted

SHARES = (0.6, 0.2, 0.2)
"""Shares of train, dev and test."""

SEED, ATTEMPTS = 0, 100
SPEAKERS = 0.3
"""What 1 / (speakers of a class in a partition), as which the variance of its score falls, weighs against the squared
relative deviation of its share: on simulated corpora this gives more speakers to dev and test at no worse shares."""

_COLUMNS = ("partition", "speaker", "filename")

Group = tuple[str, str]
"""What stays whole: a speaker, ``("s1", "")``, or a file of which no speaker is known, ``("", "a.wav")``."""


def made(
    content: Mapping[str, str],
    clips: Sequence[Entry],
    labels: Sequence[str],
    kept: Mapping[Group, str],
    parts: Sequence[str] = PARTITIONS,
) -> tuple[list[str], dict[Group, str], str]:
    """Deals clips into partitions.

    Args:
        content: of their files, as from :func:`contents`.
        clips: the usable ones.
        labels: of each; those of numbers are groups of them (:func:`dslite.tasks.strata`).
        kept: partitions of groups as they were dealt before; they stay, and new groups are dealt into what is there.
        parts: the partitions to deal into, in the ratio of their `SHARES`.

    Returns:
        The partition of each clip; that of each group, kept ones included; and how it was made, for pages.
    """
    groups = [(clip.speaker, "") if clip.speaker else ("", clip.file) for clip in clips]
    units = _together(groups, [content[clip.file] for clip in clips])
    kept = {one: part for one, part in kept.items() if part in parts}
    fixed = {unit: kept[one] for one, unit in zip(groups, units, strict=True) if one in kept}
    whole = sum(SHARES[PARTITIONS.index(part)] for part in parts)
    ratio = [SHARES[PARTITIONS.index(part)] / whole for part in parts]
    places = deal(units, labels, fixed, parts, ratio) if clips else []
    split = dict(kept) | {one: kept.get(one, place) for one, place in zip(groups, places, strict=True)}
    named = [bool(clip.speaker) for clip in clips]
    by = "speakers" if all(named) else "speakers, and by files where none is named" if any(named) else "files"
    shares = ", ".join(f"{share:.0%} {part}" for part, share in zip(parts, ratio, strict=True))
    return [split[one] for one in groups], split, f"split here by {by} ({shares}; seed {SEED})"


def deal(
    groups: Sequence,
    labels: Sequence[str],
    fixed: Mapping = {},
    parts: Sequence[str] = PARTITIONS,
    shares: Sequence[float] = SHARES,
) -> list[str]:
    """Deals whole groups (speakers) into parts: train, dev and test, or folds.

    Largest group first, roughly, each goes where it costs least: squared relative deviations from the shares per class,
    and few speakers of a class (`SPEAKERS`). The cheapest of up to `ATTEMPTS` orders counts, not the rows' own order.

    Args:
        groups: group of each row, sortable.
        labels: class of each row.
        fixed: parts of groups that are not dealt again.
        parts, shares: their names, and how much of all files each is to hold.

    Returns:
        The part of each row.
    """
    tally = Counter(zip(groups, labels, strict=True))
    names, classes = sorted(set(groups)), sorted(set(labels))
    counts = np.array([[tally[name, label] for label in classes] for name in names], float)
    target = np.outer(shares, counts.sum(0))
    sizes = np.stack([counts, counts > 0], axis=1)  # per group: files and speakers of each class
    given = np.array([parts.index(fixed[name]) if name in fixed else -1 for name in names])
    begin = np.stack([sizes[given == part].sum(0) for part in range(len(parts))])
    random, free = np.random.default_rng(SEED), np.flatnonzero(given < 0)

    def cost(filled: np.ndarray) -> np.ndarray:
        return ((filled[:, 0] / target - 1) ** 2 + SPEAKERS / np.maximum(filled[:, 1], 0.1)).sum(1)

    def attempt() -> tuple[float, np.ndarray]:
        place, filled = given.copy(), begin.copy()
        for one in free[np.argsort(-counts[free].sum(1) * random.lognormal(0, 0.5, len(free)))]:
            place[one] = np.argmin(cost(filled + sizes[one]) - cost(filled))
            filled[place[one]] += sizes[one]
        return cost(filled).sum(), place

    attempts = [attempt() for _ in range(max(1, min(ATTEMPTS, 20_000 // len(names))))]
    dealt = dict(zip(names, min(attempts, key=lambda one: one[0])[1], strict=True))
    return [parts[dealt[name]] for name in groups]


def read(path: Path) -> dict[Group, str]:
    """The split that was written down; empty if there is none.

    Raises:
        DsliteError: if it is no such table.
    """
    kept: dict[Group, str] = {}
    for row in read_csv(path, _COLUMNS) if path.is_file() else ():
        one = row["speaker"], _unquoted(row["filename"])
        if all(one) or not any(one) or one in kept or row["partition"] not in PARTITIONS:
            raise DsliteError(
                f"{path}, line {row[LINE]}: one of {', '.join(PARTITIONS)} was expected, and a speaker or a file, each "
                "once. Mend it, or delete the file: then the split is made anew."
            )
        kept[one] = row["partition"]
    return kept


def write(path: Path, split: Mapping[Group, str]) -> None:
    """Writes a split down for `read`."""
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([_COLUMNS, *((split[one], one[0], _quoted(one[1])) for one in sorted(split))])


def _quoted(name: str) -> str:
    """The name of a file as a label file can hold it: as it is, or, where ends of lines or spaces around it would be
    lost, as JSON writes a text."""
    as_it_is = name == name.strip() and not re.search('[\r\n\0]|^"', name)
    return name if as_it_is else json.dumps(name)


def _unquoted(name: str) -> str:
    try:
        return json.loads(name) if name.startswith('"') else name
    except json.JSONDecodeError:  # written by hand
        return name


def alone(clips: pd.DataFrame) -> list[Problem]:
    """Names classes that rest on one speaker in a partition; ``clips`` as in :class:`dslite.corpora.reading.Corpus`."""
    resting: dict[tuple[str, str], list[str]] = {}
    for (part, label), speakers in clips.groupby(["partition", "label"])["speaker"].agg(set).items():
        if len(speakers) == 1 and "" not in speakers:
            resting.setdefault((part, *speakers), []).append(repr(label))
    told = [f"in {part} {', '.join(labels)} on {speaker!r}" for (part, speaker), labels in resting.items()]
    reason = f"classes that rest on one speaker alone, whose voice may be all that is learnt: {'; '.join(told)}"
    return [Problem("", "warning", reason)] if told else []


def parted(clips: pd.DataFrame) -> list[Problem]:
    """Says how many recordings have parts (segments) in more than one partition."""
    whole = clips["file"].str.partition("#t=")[0]
    parts = clips.groupby(whole)["partition"].nunique()
    crossed = parts.index[parts > 1]
    told = f"{counted(len(crossed), 'recording')} with parts in more than one partition, which may make scores too good"
    return [Problem("", "warning", f"{told}, for example {crossed[0]}")] if len(crossed) else []


def contents(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """Of files as large as another one a hash of all bytes, of others the name: alike for the same recording."""
    sizes = {file: (folder / file).stat().st_size for file in files}
    alike = Counter(sizes.values())
    return {file: sha256(folder / file) if alike[size] > 1 else file for file, size in sizes.items()}


def same_recordings(
    clips: pd.DataFrame, twins: Sequence[tuple[str, ...]], split: Mapping[Group, str]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The clips; a line for the page per recording that stands in several files; one for every page about all of them.

    Where the split was made here, all files of a recording are in the partition that most of them are in (evaluated
    ones are small and come first among equals), as of one speaker, which holds in folds of speakers too.

    Args:
        clips, split: as in :class:`dslite.corpora.reading.Corpus`.
        twins: groups of clips that are one recording.
    """
    clips, lines, crossed, mixed = clips.set_index("file"), [], [], 0
    for files in map(list, twins):
        was = clips.loc[files, "partition"]
        speakers = clips.loc[files, "speaker"]
        dealt = all(((who, "") if who else ("", file.split("#t=")[0])) in split for file, who in speakers.items())
        crossed += [dealt] * (was.nunique() > 1)
        labels = clips.loc[files, "label"].astype(str)
        mixed += labels.nunique() > 1
        named = labels + ", " + was if labels.nunique() > 1 else was
        lines.append("the same recording: " + ", ".join(f"{file} ({what})" for file, what in named.items()))
        if dealt:
            place = max(reversed(PARTITIONS), key=list(was).count)
            speaker = speakers[was.index[was == place][0]]
            clips.loc[files, ["partition", "speaker"]] = place, speaker
            lines[-1] += f"; all count for {place}" + f" and {speaker!r}" * bool(speaker)
    told = f"{counted(len(twins), 'recording')} in more than one file each (listed on the corpus page)"
    if crossed:
        result = "but put into one: that of most of its files" if all(crossed) else "which makes scores too good"
        told += f", {len(crossed)} of them in more than one partition, {result}"
    told += f", {mixed} of them with more than one label" * bool(mixed)
    table = pd.DataFrame([("", "warning", line) for line in lines], columns=["file", "kind", "reason"])
    return clips.reset_index(), table, [told] if twins else []


def _together(groups: list[Group], content: list[str]) -> list[Group]:
    """The groups, those that share a recording joined; none if fewer than three would be left."""
    joined, first = {group: group for group in groups}, dict[str, Group]()
    for group, recording in zip(groups, content, strict=True):
        pair = {joined[group], joined[first.setdefault(recording, group)]}
        if len(pair) > 1:
            joined = {one: min(pair) if name in pair else name for one, name in joined.items()}
    return [joined[group] for group in groups] if len(set(joined.values())) >= len(PARTITIONS) else groups
