"""The layout of the ComParE 2017 challenge: MPSSC."""

from pathlib import Path

from dslite.corpora.challenges import OFFICIAL, lab_of, lines_of, matched
from dslite.corpora.label_files import read_arff
from dslite.corpora.listing import BLIND, Entry, Problem
from dslite.corpora.registry import CorpusInfo


def holds(folder: Path, info: CorpusInfo) -> bool:
    return _arff(folder, "train").is_file()


def entries(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """``lab/ComParE2017_Snore.ComParE.{train,devel,test}.arff``.

    The test labels are withheld there; ``lab/test.csv`` (``filename,label``) may supply them.
    """
    lines = {part: read_arff(path) if (path := _arff(folder, part)).is_file() else [] for part in OFFICIAL}
    later = {line["filename"]: line for line in lines_of(lab_of(folder) / "test.csv")}
    known = {line["filename"] for line in lines["test"]}
    lines["test"] = [
        later.get(line["filename"], line) if line["label"].lower() in BLIND else line for line in lines["test"]
    ] + [line for name, line in later.items() if name not in known]
    return matched(folder, info, ((part, line) for part, found in lines.items() for line in found))


def _arff(folder: Path, official: str) -> Path:
    return lab_of(folder) / f"ComParE2017_Snore.ComParE.{official}.arff"
