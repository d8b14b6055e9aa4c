"""The layout of corpora whose file names hold the labels, by the pattern ``names`` that the registry has for each."""

import re
from pathlib import Path, PurePosixPath

from dslite.corpora.folders import Shelf, audio_below
from dslite.corpora.listing import Entry, Problem, match
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError


def holds(folder: Path, info: CorpusInfo) -> bool:
    found = (_fields(file, info) for file in audio_below(folder))
    return any(fields and not fields.get("other") for fields in found)


def entries(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """The clips of a corpus by the names of its files; those with something in the group ``other`` are left out."""
    files = audio_below(folder)
    rows, strange, others = [], [], 0
    for file in files:
        fields = _fields(file, info)
        if fields is None:
            strange.append(Problem(file, "skipped", f"its name does not follow the corpus' pattern ({info.layout})"))
        elif fields.get("other"):
            others += 1
        else:
            rows.append(Entry(file, fields["label"], fields["speaker"], info.partition_of(int(fields["speaker"]))))
    # The name is the clip: the same one in two folders or formats would put it into two scores.
    places: dict[str, str] = {}
    for row in rows:
        clip = PurePosixPath(row.file).stem
        if places.setdefault(clip, row.file) != row.file:
            raise DsliteError(
                f"The clip {clip} is there twice, as {places[clip]!r} and as {row.file!r}. Remove one of them."
            )
    clips, problems = match(rows, Shelf(row.file for row in rows), info)
    if others:
        problems.append(Problem("", "skipped", f"{others:,} files of another part of the corpus (no {info.sound})"))
    return clips, strange + problems


def _fields(file: str, info: CorpusInfo) -> dict[str, str] | None:
    """What a name tells: ``label``, ``speaker`` (a number) and maybe ``other``; None where it tells nothing."""
    found = re.fullmatch(info.names, PurePosixPath(file).stem)
    return found.groupdict() if found else None
