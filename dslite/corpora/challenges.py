"""The layouts of the ComParE challenges: 2021 (CCS, CSS, ESS), 2019 (SLEEP) and 2017 (MPSSC)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from dslite.corpora.folders import Shelf, audio_below
from dslite.corpora.label_files import read_arff, read_csv
from dslite.corpora.listing import BLIND, Entry, Problem, Row, join, match
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError

OFFICIAL = {"train": "train", "devel": "dev", "test": "test"}
"""The challenges' names of the partitions -> ours."""


def _home(folder: Path) -> Path:
    """The folder that holds wav/ and lab/: the package unpacks into ``dist``."""
    return folder / "dist" if (folder / "dist" / "lab").is_dir() else folder


def holds_csv(folder: Path) -> bool:
    return all((_home(folder) / "lab" / f"{part}.csv").is_file() for part in ("train", "devel"))


def list_csv(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """ComParE 2021: ``lab/{train,devel,test}.csv`` with ``filename,label`` and, where there is one, ``speaker``."""
    home = _home(folder)
    rows = (
        _row(home, folder, line, part)
        for official, part in OFFICIAL.items()
        for line in _lines(home / "lab" / f"{official}.csv")
    )
    return match(rows, _shelf(home, folder), info)


def _lines(path: Path) -> list[dict[str, str]]:
    return read_csv(path) if path.is_file() else []


def holds_sleep(folder: Path) -> bool:
    return (_home(folder) / "lab" / "labels.csv").is_file()


def list_sleep(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """ComParE 2019: one ``lab/labels.csv`` with ``file_name,label``; the partition is the name's beginning."""
    home = _home(folder)
    path = home / "lab" / "labels.csv"
    return match(_sleep_rows(home, folder, path), _shelf(home, folder), info)


def _sleep_rows(home: Path, folder: Path, path: Path) -> Iterator[Row]:
    for line in read_csv(path):
        official = line["filename"].rsplit("/", 1)[-1].split("_", 1)[0]
        if official not in OFFICIAL:
            raise DsliteError(
                f"{path} names {line['filename']!r}; a name that begins with train_, devel_ or test_ was expected."
            )
        # Tables that hold withheld labels are often written with "8.0" for 8.
        yield _row(home, folder, line | {"label": line["label"].removesuffix(".0")}, OFFICIAL[official])


def holds_arff(folder: Path) -> bool:
    return _arff(_home(folder), "train").is_file()


def list_arff(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """ComParE 2017: ``lab/ComParE2017_Snore.ComParE.{train,devel,test}.arff``.

    The test labels are withheld there; ``lab/test.csv`` (``filename,label``) may supply them.
    """
    home = _home(folder)
    later = {line["filename"]: line for line in _lines(home / "lab" / "test.csv")}
    rows = []
    for official, part in OFFICIAL.items():
        path = _arff(home, official)
        lines = read_arff(path) if path.is_file() else []
        if part == "test":
            known = {line["filename"] for line in lines}
            lines = [later.get(line["filename"], line) if _withheld(line) else line for line in lines]
            lines += [line for name, line in later.items() if name not in known]
        rows += [_row(home, folder, line, part) for line in lines]
    return match(rows, _shelf(home, folder), info)


def _withheld(line: Mapping[str, str]) -> bool:
    return line["label"].lower() in BLIND


def _arff(home: Path, official: str) -> Path:
    return home / "lab" / f"ComParE2017_Snore.ComParE.{official}.arff"


def _shelf(home: Path, folder: Path) -> Shelf:
    return Shelf(audio_below(folder, home / "wav"))


def _row(home: Path, folder: Path, line: Mapping[str, str], partition: str) -> Row:
    wav = (home / "wav").relative_to(folder).as_posix()
    return Row(join(wav, line["filename"]), line["label"], line.get("speaker", ""), partition)
