"""Throw-away corpora for tests: noise in files with given names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from dslite.corpora import CORPORA


def audio(path: Path, seconds: float = 0.05, rate: int = 16000, channels: int = 1) -> Path:
    """Writes noise; the ending chooses the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).uniform(-0.1, 0.1, (round(seconds * rate), channels))
    soundfile.write(path, noise, rate)
    return path


def text(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def compare_2021(folder: Path, labels=("negative", "positive"), each: int = 2, header: str = "filename,label") -> Path:
    """``each`` files per class and partition in the layout of ComParE 2021."""
    for part in ("train", "devel", "test"):
        lines = [header]
        for number, label in enumerate([label for label in labels for _ in range(each)], 1):
            audio(folder / "dist" / "wav" / f"{part}_{number:03d}.wav")
            speaker = f",{part}{number}" if "speaker" in header else ""
            lines.append(f"{part}_{number:03d}.wav,{label}{speaker}")
        text(folder / "dist" / "lab" / f"{part}.csv", *lines)
    return folder


def ravdess(folder: Path, actors=(1, 2, 14, 15, 19, 20), **form) -> Path:
    """One file per emotion and actor."""
    for actor in actors:
        for emotion in range(1, 7):
            audio(folder / f"Actor_{actor:02d}" / f"03-02-{emotion:02d}-01-01-01-{actor:02d}.wav", **form)
    return folder


def iemocap(folder: Path) -> Path:
    """Both speakers of every session say ang, hap, exc, neu, sad, fru and xxx."""
    for session in CORPORA["iemocap"].split["train"] + (4, 5):
        for gender in "FM":
            dialog = f"Ses0{session}F_impro0{'FM'.index(gender) + 1}"
            lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
            for number, emotion in enumerate(("ang", "hap", "exc", "neu", "sad", "fru", "xxx")):
                utterance = f"{dialog}_{gender}{number:03d}"
                lines += [f"[{number}.2901 - {number}.9357]\t{utterance}\t{emotion}\t[2.5000, 2.5000, 2.5000]"]
                lines += ["C-E2:\tNeutral;\t()", "A-E3:\tval 3; act 2; dom  2;\t(caf\xe9)"]
                audio(folder / f"Session{session}" / "sentences" / "wav" / dialog / f"{utterance}.wav")
            place = folder / f"Session{session}" / "dialog" / "EmoEvaluation"
            text(place / f"{dialog}.txt", *lines, encoding="latin-1")
            text(place / "Categorical" / f"{dialog}_e1_cat.txt", "not labels")
    return folder


def own(folder: Path, waves: Sequence[np.ndarray], labels: Sequence[str] = "ab", name: str = "own") -> str:
    """A CSV of ``0.wav``, ``1.wav``, ... at 16 kHz: labels in turn, the first third train, then dev, then test. Chunks
    of 3 s."""
    text(folder / "corpus.toml", "chunk = 3.0")
    rows = ["filename,label,speaker,partition"]
    for i, wave in enumerate(waves):
        soundfile.write(folder / f"{i}.wav", wave, 16_000)
        part = ("train", "dev", "test")[3 * i // len(waves)]
        rows.append(f"{i}.wav,{labels[i % len(labels)]},{part}{i % 4},{part}")
    return str(text(folder / f"{name}.csv", *rows))
