"""The layout of the ComParE 2021 challenge: CCS, CSS and ESS."""

from pathlib import Path

from dslite.corpora.challenges import OFFICIAL, lab_of, lines_of, matched
from dslite.corpora.listing import Entry, Problem
from dslite.corpora.registry import CorpusInfo


def holds(folder: Path, info: CorpusInfo) -> bool:
    return all((lab_of(folder) / f"{part}.csv").is_file() for part in ("train", "devel"))


def entries(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """``lab/{train,devel,test}.csv`` with ``filename,label`` and, where there is one, ``speaker``."""
    lines = ((part, line) for part in OFFICIAL for line in lines_of(lab_of(folder) / f"{part}.csv"))
    return matched(folder, info, lines)
