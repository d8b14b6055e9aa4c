"""Corpora whose file names hold the labels: DEMoS and RAVDESS."""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dslite.corpora.folders import Shelf, audio_below
from dslite.corpora.listing import Entry, Problem, Row, match
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError

_DEMOS = re.compile(r"(?:NP|PR)_[fm]_(?P<speaker>\d+)_(?P<label>[a-z]{3})\d+[a-z]?")
_RAVDESS = re.compile(r"03-(?P<channel>\d\d)-(?P<label>\d\d)-\d\d-\d\d-\d\d-(?P<speaker>\d\d)")
_SONG = "02"


def holds_demos(folder: Path) -> bool:
    return any(_DEMOS.fullmatch(PurePosixPath(file).stem) for file in audio_below(folder))


def holds_ravdess(folder: Path) -> bool:
    return any(
        (found := _RAVDESS.fullmatch(PurePosixPath(file).stem)) and found["channel"] == _SONG
        for file in audio_below(folder)
    )


def list_demos(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """``<NP|PR>_<f|m>_<speaker>_<code><take>``: typicality, gender, speaker, emotion and take."""
    return _list(folder, info, _DEMOS, lambda fields: True)


def list_ravdess(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """Seven two-digit fields: modality, channel (02 song), emotion, intensity, statement, repetition, actor."""
    return _list(folder, info, _RAVDESS, lambda fields: fields["channel"] == _SONG)


def _list(
    folder: Path, info: CorpusInfo, pattern: re.Pattern, wanted: Callable[[re.Match], bool]
) -> tuple[list[Entry], list[Problem]]:
    files = audio_below(folder)
    rows, strange, others = [], [], 0
    for file in files:
        fields = pattern.fullmatch(PurePosixPath(file).stem)
        if fields is None:
            strange.append(Problem(file, "skipped", f"its name does not follow the corpus' pattern ({info.layout})"))
        elif not wanted(fields):
            others += 1
        else:
            rows.append(Row(file, fields["label"], fields["speaker"], info.partition_of(int(fields["speaker"]))))
    _refuse_same_clip(rows)
    entries, problems = match(rows, Shelf(row.name for row in rows), info)
    if others:
        problems.append(Problem("", "skipped", f"{others:,} files of another part of the corpus (speech, not song)"))
    return entries, strange + problems


def _refuse_same_clip(rows: list[Row]) -> None:
    """The name is the clip: the same one in two folders or formats would put it into two scores."""
    places: dict[str, str] = {}
    for row in rows:
        stem = PurePosixPath(row.name).stem
        if stem in places:
            raise DsliteError(
                f"The clip {stem} is there twice, as {places[stem]!r} and as {row.name!r}. Remove one of them."
            )
        places[stem] = row.name
