"""Small SYNTHETIC corpora, for whoever does not hold the real ones: every stage can run on them.

They have a corpus' classes, its kind of sound, its layout on disk, its speakers apart between partitions, durations
like those of Table 1 and roughly its class proportions. No figure computed on them says anything about the corpus.
What sets the classes apart is data: standins.toml.
"""

import os
import shutil
import tomllib
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
from scipy.special import gammaincinv

from dslite.corpora.registry import CORPORA
from dslite.corpora.standins_layouts import LAYOUTS, Clip
from dslite.corpora.standins_sounds import RATE, Speaker, sound
from dslite.errors import DsliteError

_PLAN = tomllib.loads(Path(__file__).with_name("standins.toml").read_text("utf-8"))
SHORTEST, LONGEST = 0.8, 16.0
"""Clips are at least and at most this long, in seconds."""


def write_standin(name: str, folder: Path, seed: int) -> None:
    """Synthesises a corpus in its official layout; it appears whole or not at all.

    The same name and seed give the same bytes. 16 kHz mono 16-bit WAV throughout; ``corpus.toml`` says that it is a
    stand-in.

    Args:
        name: a corpus (``ccs`` ... ``sleep``).
        folder: where the corpus is to lie. An older stand-in there is replaced.
        seed: any integer from 0.

    Raises:
        DsliteError: for an unknown corpus or a negative seed, or if something else than a stand-in lies there.
    """
    if name not in _PLAN["corpora"]:
        raise DsliteError(f"There is no stand-in for {name!r}; there is one for {', '.join(_PLAN['corpora'])}.")
    if seed < 0:
        raise DsliteError(f"The seed of a stand-in is {seed}; it must be 0 or more.")
    _refuse_others(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        _write(name, draft, seed)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_others(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    marker = folder / "corpus.toml"
    try:
        ours = tomllib.loads(marker.read_text("utf-8")).get("data") == "stand-in"
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        ours = False
    if not ours:
        raise DsliteError(
            f'{folder} holds something that is not a stand-in (no corpus.toml with data = "stand-in"); '
            "a stand-in would overwrite it. Name another folder."
        )


def _write(name: str, folder: Path, seed: int) -> None:
    plan = _PLAN["corpora"][name]
    rng = _generator(name, seed, 0)
    speakers = _speakers(plan, rng)
    clips = _clips(name, plan, speakers, rng)
    own = rng.standard_normal((len(speakers), len(_PLAN["sounds"][plan["sound"]]))) * _PLAN["spread"]["speaker"]
    strengths = _strengths(clips, rng)
    files, labels = LAYOUTS[name](clips)
    for index, (clip, file) in enumerate(zip(clips, files, strict=True)):
        rng = _generator(name, seed, 1 + index)
        cues = _cues(plan, clip.label, strengths[index], own[clip.speaker], rng)
        samples = sound(plan["sound"], rng, clip.seconds, cues, speakers[clip.speaker][1])
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.round(samples * 32767).astype(np.int16), RATE, subtype="PCM_16")
    note = f"SYNTHETIC: synthesised by dslite with seed {seed}; no recording of anybody"
    labels["corpus.toml"] = f'corpus = "{name}"\ndata = "stand-in"\nnote = "{note}"\nseed = {seed}\n'
    for file, text in labels.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


def _generator(name: str, seed: int, index: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(name.encode()), seed, index])


def _speakers(plan: dict, rng: np.random.Generator) -> list[tuple[str, Speaker, bool]]:
    """(partition, speaker, whether a woman) for all speakers, train first; women and men by turns."""
    counts = plan.get("speakers") or {
        partition: sum(-(-n // plan["clips_each"]) for n in per_class) for partition, per_class in plan["clips"].items()
    }
    speakers = []
    for partition, count in counts.items():
        for _ in range(count):
            female = len(speakers) % 2 == 1
            pitch = (205.0 if female else 115.0) * 2 ** (rng.normal(0, 1.2) / 12)
            tract = (1.15 if female else 1.0) * rng.normal(1, 0.03)
            speakers.append((partition, Speaker(pitch, tract, rng.normal(54, 1.5)), female))
    return speakers


def _clips(name: str, plan: dict, speakers: list, rng: np.random.Generator) -> list[Clip]:
    lengths = iter(_durations(name, sum(map(sum, plan["clips"].values())), rng))
    clips = []
    for partition, per_class in plan["clips"].items():
        here = [i for i, speaker in enumerate(speakers) if speaker[0] == partition]
        turn, given = 0, Counter()
        for label, count in zip(plan["cues"], per_class, strict=True):
            for number in range(count):
                if "clips_each" in plan:  # a new subject after every so many clips of its one class
                    who = here[turn + number // plan["clips_each"]]
                else:
                    who = here[turn % len(here)]
                    turn += 1
                clips.append(Clip(partition, label, who, speakers[who][2], given[who, label], next(lengths)))
                given[who, label] += 1
            if "clips_each" in plan:
                turn += -(-count // plan["clips_each"])
    return clips


def _durations(name: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths in seconds, (count,): evenly spaced quantiles of a gamma distribution with Table 1's mean and deviation.

    Spaced rather than drawn, so that even a small corpus has its share of clips shorter than a chunk.
    """
    mean, deviation = CORPORA[name].table1.mean_s, CORPORA[name].table1.std_s
    shape = (mean / deviation) ** 2
    lengths = gammaincinv(shape, (np.arange(count) + 0.5) / count) * mean / shape
    return rng.permutation(lengths.clip(SHORTEST, LONGEST))


def _strengths(clips: list[Clip], rng: np.random.Generator) -> np.ndarray:
    """How plainly each clip shows its class, (clips,): evenly spaced within every class of a partition."""
    strengths = np.empty(len(clips))
    groups: dict = {}
    for index, clip in enumerate(clips):
        groups.setdefault((clip.partition, clip.label), []).append(index)
    for members in groups.values():
        strengths[members] = rng.permutation(np.linspace(*_PLAN["spread"]["strength"], len(members)))
    return strengths


def _cues(plan: dict, label: str, strength: float, own: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """The value of each cue of one clip, in the cue's own unit."""
    limit = _PLAN["spread"]["limit"]
    values = {}
    for (cue, scale), shift in zip(_PLAN["sounds"][plan["sound"]].items(), own, strict=True):
        steps = plan["separation"] * strength * plan["cues"][label].get(cue, 0.0)
        steps = limit * np.tanh(steps / limit) + shift
        steps += rng.normal(0, _PLAN["spread"]["clip"])
        if "times" in scale:
            values[cue] = scale["middle"] * scale["times"] ** steps
        else:
            values[cue] = scale["middle"] + scale["plus"] * steps
    return values
