"""The layout of RAVDESS: file names that hold the labels; the song alone."""

import re
from pathlib import Path, PurePosixPath

from dslite.corpora import named
from dslite.corpora.folders import audio_below
from dslite.corpora.listing import Entry, Problem
from dslite.corpora.registry import CorpusInfo

_NAME = re.compile(r"03-(?P<channel>\d\d)-(?P<label>\d\d)-\d\d-\d\d-\d\d-(?P<speaker>\d\d)")
_SONG = "02"


def holds(folder: Path) -> bool:
    return any(
        (found := _NAME.fullmatch(PurePosixPath(file).stem)) and found["channel"] == _SONG
        for file in audio_below(folder)
    )


def entries(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """Seven two-digit fields: modality, channel (02 song), emotion, intensity, statement, repetition, actor."""
    return named.entries(folder, info, _NAME, lambda fields: fields["channel"] == _SONG)
