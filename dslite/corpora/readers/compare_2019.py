"""The layout of the ComParE 2019 challenge: SLEEP."""

from collections.abc import Iterator
from pathlib import Path

from dslite.corpora.challenges import OFFICIAL, lab_of, matched
from dslite.corpora.label_files import read_csv
from dslite.corpora.listing import Entry, Problem
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError


def holds(folder: Path, info: CorpusInfo) -> bool:
    return (lab_of(folder) / "labels.csv").is_file()


def entries(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """One ``lab/labels.csv`` with ``file_name,label``; the partition is the name's beginning."""
    return matched(folder, info, _lines(lab_of(folder) / "labels.csv"))


def _lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for line in read_csv(path):
        official = line["filename"].rsplit("/", 1)[-1].split("_", 1)[0]
        if official not in OFFICIAL:
            raise DsliteError(
                f"{path} names {line['filename']!r}; a name that begins with train_, devel_ or test_ was expected."
            )
        # Tables that hold withheld labels are often written with "8.0" for 8.
        yield official, line | {"label": line["label"].removesuffix(".0")}
