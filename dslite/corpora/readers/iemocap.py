"""The layout of IEMOCAP."""

import re
from collections.abc import Iterator
from pathlib import Path

from dslite.corpora.folders import shelf_below
from dslite.corpora.listing import Entry, Problem, match
from dslite.corpora.registry import CorpusInfo

_LINE = re.compile(r"\[[\d.]+ - [\d.]+\]\t(?P<utterance>\S+)\t(?P<emotion>\w+)\t\[.*\]\s*")
_UTTERANCE = re.compile(r"Ses(?P<session>0\d)[FM]_(?P<rest>.+)_(?P<gender>[FM])[^_]*")


def _sessions(folder: Path) -> list[Path]:
    return [path for number in range(1, 6) if (path := folder / f"Session{number}").is_dir()]


def holds(folder: Path, info: CorpusInfo) -> bool:
    return any((path / "dialog" / "EmoEvaluation").is_dir() for path in _sessions(folder))


def entries(folder: Path, info: CorpusInfo) -> tuple[list[Entry], list[Problem]]:
    """``Session*/dialog/EmoEvaluation/<dialog>.txt`` labels ``Session*/sentences/wav/<dialog>/<utterance>.wav``.

    A speaker is a session and the gender in the utterance's last part: each session has one woman and one man.
    """
    sessions = _sessions(folder)
    rows = [row for session in sessions for row in _rows(session, info)]
    return match(rows, shelf_below(folder, *(session / "sentences" / "wav" for session in sessions)), info)


def _rows(session: Path, info: CorpusInfo) -> Iterator[Entry]:
    partition = info.partition_of(int(session.name.removeprefix("Session")))
    for path in sorted((session / "dialog" / "EmoEvaluation").glob("[!.]*.txt")):
        # The annotators' free comments are not all UTF-8; the lines wanted here are ASCII.
        for line in path.read_text(encoding="latin-1").splitlines():
            label = _LINE.fullmatch(line)
            utterance = _UTTERANCE.fullmatch(label["utterance"]) if label else None
            if utterance:
                name = f"{session.name}/sentences/wav/{path.stem}/{utterance[0]}.wav"
                yield Entry(name, label["emotion"], f"Ses{utterance['session']}{utterance['gender']}", partition)
