"""The folders of the SYNTHETIC stand-ins: the files of each corpus where its owners put them.

A layout is a function from the clips of a corpus to the place of each audio file and the text of each label file; it
writes nothing itself. What the formats are, and who documents them, is said where they are read.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PREFIX = {"train": "train", "dev": "devel", "test": "test"}
"""What ComParE's file names call the partitions."""


@dataclass(frozen=True)
class Clip:
    """One clip to be synthesised.

    Attributes:
        partition: ``train``, ``dev`` or ``test``.
        label: its class.
        speaker: number of the speaker, 0, 1, ... through the whole corpus, train first.
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


Layout = Callable[[Sequence[Clip]], tuple[list[str], dict[str, str]]]


def _numbered(clips: Sequence[Clip], digits: int) -> list[str]:
    """ComParE's names: train_001.wav, ..., counted within each partition."""
    seen: Counter = Counter()
    names = []
    for clip in clips:
        seen[clip.partition] += 1
        names.append(f"{PREFIX[clip.partition]}_{seen[clip.partition]:0{digits}d}.wav")
    return names


def _compare_2021(labels: dict[str, str] | None = None) -> Layout:
    def layout(clips):
        names = _numbered(clips, 3)
        tables = {}
        for partition, prefix in PREFIX.items():
            rows = [
                f"{name},{(labels or {}).get(clip.label, clip.label)},{clip.speaker:03d}"
                for name, clip in zip(names, clips, strict=True)
                if clip.partition == partition
            ]
            tables[f"dist/lab/{prefix}.csv"] = "\n".join(["filename,label,speaker", *rows, ""])
        return [f"dist/wav/{name}" for name in names], tables

    return layout


def _sleep(clips):
    names = _numbered(clips, 4)
    # The Karolinska scale: 8 and 9 are sleepy, the others are not.
    scale = {"not sleepy": (3, 5, 2, 6, 4, 7, 1), "sleepy": (8, 9)}
    rows = []
    for index, (name, clip) in enumerate(zip(names, clips, strict=True)):
        steps = scale[clip.label]
        rows.append(f"{name},{steps[index % len(steps)]},{clip.speaker:03d}")
    return [f"wav/{name}" for name in names], {"lab/labels.csv": "\n".join(["file_name,label,speaker", *rows, ""])}


def _mpssc(clips):
    names = _numbered(clips, 4)
    head = "@relation ComParE2017_Snore\n\n@attribute name string\n@attribute class {V,O,T,E}\n\n@data\n"
    tables = {}
    for partition, prefix in PREFIX.items():
        rows = [(n, c.label) for n, c in zip(names, clips, strict=True) if c.partition == partition]
        blind = partition == "test"
        lines = [f"'{name}',{'?' if blind else label}" for name, label in rows]
        tables[f"lab/ComParE2017_Snore.ComParE.{prefix}.arff"] = head + "\n".join([*lines, ""])
        if blind:  # as distributed: the labels of the test partition come apart from it
            lines = [f"{name},{label}" for name, label in rows]
            tables["lab/test.csv"] = "\n".join(["filename,label", *lines, ""])
    return [f"wav/{name}" for name in names], tables


def _demos(clips):
    codes = dict(anger="rab", disgust="dis", fear="pau", guilt="col", happiness="gio", sadness="tri", surprise="sor")
    return [
        f"wav/NP_{'f' if c.female else 'm'}_{c.speaker + 1:02d}_{codes[c.label]}{c.number + 1:02d}a.wav" for c in clips
    ], {}


def _iemocap(clips):
    codes = {"anger": ("ang",), "happiness": ("hap", "exc"), "neutral": ("neu",), "sadness": ("sad",)}
    files, reports = [], {}
    seen: Counter = Counter()
    for clip in clips:
        session, gender = clip.speaker // 2 + 1, "F" if clip.female else "M"
        dialog = f"Ses{session:02d}{gender}_impro{clip.number % 2 + 1:02d}"
        name = f"{dialog}_{gender}{seen[dialog]:03d}"
        start = 10.0 * seen[dialog]
        seen[dialog] += 1
        files.append(f"Session{session}/sentences/wav/{dialog}/{name}.wav")
        variants = codes[clip.label]
        line = (
            f"[{start:.4f} - {start + clip.seconds:.4f}]\t{name}\t{variants[clip.number % len(variants)]}"
            "\t[2.5000, 2.5000, 2.5000]\n"
        )
        report = f"Session{session}/dialog/EmoEvaluation/{dialog}.txt"
        reports.setdefault(report, "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n")
        reports[report] += line
    return files, reports


def _ravdess(clips):
    emotions = ("neutral", "calm", "happy", "sad", "angry", "fearful")
    actors = [a for a in range(1, 25) if a != 18]  # there is no song by actor 18
    files = []
    for clip in clips:
        actor = actors[clip.speaker]
        # number -> intensity, statement, repetition; "neutral" has one intensity only
        intensity = 1 if clip.label == "neutral" else clip.number // 4 + 1
        statement, repetition = clip.number // 2 % 2 + 1, clip.number % 2 + 1
        emotion = emotions.index(clip.label) + 1
        files.append(
            f"Actor_{actor:02d}/03-02-{emotion:02d}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}.wav"
        )
    return files, {}


LAYOUTS: dict[str, Layout] = {
    "ccs": _compare_2021(),
    "css": _compare_2021(),
    "demos": _demos,
    "ess": _compare_2021({"low": "0", "medium": "1", "high": "2"}),
    "iemocap": _iemocap,
    "mpssc": _mpssc,
    "ravdess": _ravdess,
    "sleep": _sleep,
}
"""Per corpus: clips -> (the path of each clip's audio file, text of each label file by its path), below its folder."""
