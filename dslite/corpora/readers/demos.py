"""The layout of DEMoS: file names that hold the labels."""

import re
from pathlib import Path, PurePosixPath

from dslite.corpora import named
from dslite.corpora.folders import audio_below
from dslite.corpora.listing import Entry, Problem
from dslite.corpora.registry import CorpusInfo

_NAME = re.compile(r"(?:NP|PR)_[fm]_(?P<speaker>\d+)_(?P<label>[a-z]{3})\d+[a-z]?")


def holds(folder: Path) -> bool:
    return any(_NAME.fullmatch(PurePosixPath(file).stem) for file in audio_below(folder))


def entries(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """``<NP|PR>_<f|m>_<speaker>_<code><take>``: typicality, gender, speaker, emotion and take."""
    return named.entries(folder, info, _NAME)
