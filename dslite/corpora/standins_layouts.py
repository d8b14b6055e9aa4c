"""The folders of the SYNTHETIC stand-ins: the files of each corpus where its owners put them.

A layout is a function from the clips of a corpus to the place of each audio file and the text of each label file; it
writes nothing itself. What the formats are is said where they are read; labels as distributed and the speakers of
each partition come from the registry.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from dslite.corpora.registry import REGISTRY

PREFIX = {"train": "train", "dev": "devel", "test": "test"}


@dataclass(frozen=True)
class Clip:
    """One clip to be synthesised.

    Attributes:
        partition: ``train``, ``dev`` or ``test``.
        label: its class.
        speaker: which of the corpus' speakers, 0, 1, ...; train comes first, then dev, then test.
        female: whether the speaker is a woman.
        number: which clip of that speaker and class it is, from 0.
        seconds: its length.
    """

    partition: str
    label: str
    speaker: int
    female: bool
    number: int
    seconds: float


Places = tuple[list[str], dict[str, str]]
"""The path of each clip's audio file, and the text of each label file by its path; both below the corpus' folder."""


def _code(name: str, clip: Clip) -> str:
    """The clip's label as distributed; where several are one class, by turns."""
    codes = [code for code, label in REGISTRY[name].labels.items() if label == clip.label]
    return codes[(clip.speaker + clip.number) % len(codes)]


def _official_numbers(name: str, clips: Sequence[Clip]) -> dict[int, int]:
    """The number by which the corpus knows each speaker: the first ones of their partition in the registry's split."""
    numbers = {}
    for partition, official in REGISTRY[name].split.items():
        here = sorted({clip.speaker for clip in clips if clip.partition == partition})
        numbers.update(zip(here, official, strict=False))
    return numbers


def _numbered(clips: Sequence[Clip], digits: int) -> list[str]:
    """ComParE's names: train_001.wav, ..., counted within each partition."""
    numbers = {partition: count(1) for partition in PREFIX}
    return [f"{PREFIX[clip.partition]}_{next(numbers[clip.partition]):0{digits}d}.wav" for clip in clips]


def _lines(*rows: str) -> str:
    return "\n".join([*rows, ""])


def _compare_2021(name: str, clips: Sequence[Clip]) -> Places:
    names, tables = _numbered(clips, 3), {}
    for partition, prefix in PREFIX.items():
        here = [(n, c) for n, c in zip(names, clips, strict=True) if c.partition == partition]
        rows = [f"{n},{_code(name, c)},{c.speaker:03d}" for n, c in here]
        tables[f"dist/lab/{prefix}.csv"] = _lines("filename,label,speaker", *rows)
    return [f"dist/wav/{n}" for n in names], tables


def _compare_2019(name: str, clips: Sequence[Clip]) -> Places:
    names = _numbered(clips, 4)
    rows = [f"{n},{_code(name, c)},{c.speaker:03d}" for n, c in zip(names, clips, strict=True)]
    return [f"wav/{n}" for n in names], {"lab/labels.csv": _lines("file_name,label,speaker", *rows)}


def _compare_2017(name: str, clips: Sequence[Clip]) -> Places:
    names, tables = _numbered(clips, 4), {}
    head = (
        "@relation ComParE2017_Snore",
        "@attribute filename string",
        f"@attribute class {{{','.join(REGISTRY[name].classes)}}}",
        "@data",
    )
    for partition, prefix in PREFIX.items():
        rows = [(n, _code(name, c)) for n, c in zip(names, clips, strict=True) if c.partition == partition]
        blind = partition == "test"  # the labels of the test partition come apart from it, as distributed
        data = [f"'{n}',{'?' if blind else label}" for n, label in rows]
        tables[f"lab/ComParE2017_Snore.ComParE.{prefix}.arff"] = _lines(*head, *data)
        if blind:
            tables["lab/test.csv"] = _lines("filename,label", *(f"{n},{label}" for n, label in rows))
    return [f"wav/{n}" for n in names], tables


def _demos(name: str, clips: Sequence[Clip]) -> Places:
    numbers = _official_numbers(name, clips)
    return [
        f"wav/NP_{'f' if c.female else 'm'}_{numbers[c.speaker]:02d}_{_code(name, c)}{c.number + 1:02d}a.wav"
        for c in clips
    ], {}


def _iemocap(name: str, clips: Sequence[Clip]) -> Places:
    files, reports = [], {}
    turns: Counter = Counter()
    for clip in clips:
        session, gender = clip.speaker // 2 + 1, "F" if clip.female else "M"
        dialog = f"Ses{session:02d}{gender}_impro{clip.number % 2 + 1:02d}"
        turn = f"{dialog}_{gender}{turns[dialog]:03d}"
        start = 20.0 * turns[dialog]
        turns[dialog] += 1
        files.append(f"Session{session}/sentences/wav/{dialog}/{turn}.wav")
        head = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        span = f"[{start:.4f} - {start + clip.seconds:.4f}]"
        report = f"Session{session}/dialog/EmoEvaluation/{dialog}.txt"
        line = f"{span}\t{turn}\t{_code(name, clip)}\t[2.5000, 2.5000, 2.5000]\n"
        reports[report] = reports.get(report, head) + line
    return files, reports


def _ravdess(name: str, clips: Sequence[Clip]) -> Places:
    numbers, channel = _official_numbers(name, clips), "01" if name == "ravdess_speech" else "02"
    files = []
    for clip in clips:
        actor = numbers[clip.speaker]
        # An actor's takes: two statements, two repetitions, and two intensities but for "neutral", which has one.
        statement, repetition, intensity = clip.number % 2, clip.number // 2 % 2, clip.number // 4
        take = f"{intensity + 1:02d}-{statement + 1:02d}-{repetition + 1:02d}"
        files.append(f"Actor_{actor:02d}/03-{channel}-{_code(name, clip)}-{take}-{actor:02d}.wav")
    return files, {}


_LAYOUTS = {
    "ccs": _compare_2021,
    "css": _compare_2021,
    "demos": _demos,
    "ess": _compare_2021,
    "iemocap": _iemocap,
    "mpssc": _compare_2017,
    "ravdess": _ravdess,
    "ravdess_speech": _ravdess,
    "sleep": _compare_2019,
}


def places(name: str, clips: Sequence[Clip]) -> Places:
    """The clips of a corpus in the layout that its reader reads."""
    return _LAYOUTS[name](name, clips)
