"""What the layouts of the ComParE challenges share: ``wav/`` and ``lab/``, and three official partitions."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from dslite.corpora.folders import shelf_below
from dslite.corpora.label_files import read_csv
from dslite.corpora.listing import Entry, Problem, join, match
from dslite.corpora.registry import CorpusInfo

OFFICIAL = {"train": "train", "devel": "dev", "test": "test"}
"""The challenges' names of the partitions -> ours."""


def lab_of(folder: Path) -> Path:
    """The folder of the label files; it lies beside ``wav``, both in ``dist`` where the package was unpacked whole."""
    whole = folder / "dist" / "lab"
    return whole if whole.is_dir() else folder / "lab"


def lines_of(path: Path) -> list[dict[str, str]]:
    return read_csv(path) if path.is_file() else []


def matched(
    folder: Path, info: CorpusInfo, lines: Iterable[tuple[str, Mapping[str, str]]]
) -> tuple[list[Entry], list[Problem]]:
    """What `match` makes of a corpus' audio and of ``lines``: official partition, and columns of a label file."""
    wav = lab_of(folder).with_name("wav")
    inside = wav.relative_to(folder).as_posix()
    rows = [
        Entry(join(inside, line["filename"]), line["label"], line.get("speaker", ""), OFFICIAL[official])
        for official, line in lines
    ]
    return match(rows, shelf_below(folder, wav), info)
