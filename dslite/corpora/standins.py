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
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from scipy.special import gammaincinv

from dslite.corpora.registry import REGISTRY
from dslite.corpora.standins_layouts import Clip, places
from dslite.corpora.standins_sounds import RATE, Speaker, sound
from dslite.errors import DsliteError
from dslite.files import room

_PLAN = tomllib.loads(Path(__file__).with_name("standins.toml").read_text("utf-8"))
SHORTEST, LONGEST = 0.8, 16.0
"""Clips are at least and at most this long, in seconds."""


def write_standin(
    name: str,
    folder: Path,
    seed: int,
    real_size: bool = False,
    report: Callable[[float, float, str], None] = lambda done, of, text: None,
) -> None:
    """Synthesises a corpus in its official layout; it appears whole or not at all.

    The same name and seed give the same bytes. 16 kHz mono 16-bit WAV throughout; ``corpus.toml`` says that it is a
    stand-in.

    Args:
        name: a corpus of the registry.
        folder: where the corpus is to lie. An older stand-in there is replaced.
        seed: any integer from 0.
        real_size: whether it has as many files and speakers as the whole corpus, in the proportions of the small one;
            each takes about 30 ms.
        report: called with 0, 1, and which file is made, every so often.

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
        with room(folder):
            _write(name, draft, seed, real_size, report)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_others(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    marker = folder / "corpus.toml"
    if not marker.is_file() or 'data = "stand-in"' not in marker.read_text("utf-8", "replace"):
        raise DsliteError(
            f'{folder} holds something that is not a stand-in (no corpus.toml with data = "stand-in"); '
            "a stand-in would overwrite it. Name another folder."
        )


def _write(name: str, folder: Path, seed: int, real_size: bool, report: Callable[[float, float, str], None]) -> None:
    plan = _PLAN["corpora"][name]
    plan = _grown(name, plan) if real_size else plan
    rng = _generator(name, seed, 0)
    speakers = _speakers(plan, rng)
    clips = _clips(name, plan, speakers, rng)
    steps = _steps(plan, clips, rng)
    files, labels = places(name, clips)
    note = f"SYNTHETIC: synthesised by dslite with seed {seed}; no recording of anybody"
    labels["corpus.toml"] = f'corpus = "{name}"\ndata = "stand-in"\nnote = "{note}"\nseed = {seed}\n'
    for file in (*files, *labels):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    for index, (clip, file) in enumerate(zip(clips, files, strict=True)):
        if index % 100 == 0:
            report(0, 1, f"synthesising a stand-in, file {index} of {len(clips)}")
        rng = _generator(name, seed, 1 + index)
        cues = _cues(plan["sound"], steps[index])
        samples = sound(plan["sound"], rng, clip.seconds, cues, speakers[clip.speaker][1])
        soundfile.write(folder / file, np.round(samples * 32767).astype(np.int16), RATE, subtype="PCM_16")
    for file, text in labels.items():
        (folder / file).write_text(text, "utf-8", newline="\n")


def _grown(name: str, plan: dict) -> dict:
    """A plan with about as many files, and as many speakers, as the whole corpus."""
    info = REGISTRY[name]
    times = info.whole.files / sum(map(sum, plan["clips"].values()))
    clips = {part: [round(times * count) for count in counts] for part, counts in plan["clips"].items()}
    more = {"clips_each": max(1, round(info.whole.files / info.whole.speakers))} if "clips_each" in plan else {}
    if "speakers" in plan:
        known = info.split if info.reader == "named" else {}  # by which numbers its readers know them
        share = info.whole.speakers / sum(plan["speakers"].values())
        more["speakers"] = {p: len(known.get(p, ())) or round(share * n) for p, n in plan["speakers"].items()}
    return plan | more | {"clips": clips}


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
            pitch = (205.0 if female else 115.0) * 2 ** (rng.normal(0, 1.0) / 12)
            tract = (1.15 if female else 1.0) * rng.normal(1, 0.03)
            speakers.append((partition, Speaker(pitch, tract, rng.normal(54, 1.5)), female))
    return speakers


def _clips(name: str, plan: dict, speakers: list, rng: np.random.Generator) -> list[Clip]:
    lengths = iter(_durations(name, sum(map(sum, plan["clips"].values())), rng))
    each = plan.get("clips_each", 1)  # a new subject after every so many clips of its one class
    clips = []
    for partition, per_class in plan["clips"].items():
        here = [i for i, speaker in enumerate(speakers) if speaker[0] == partition]
        turn, given = 0, Counter()
        for label, count in zip(plan["cues"], per_class, strict=True):
            for number in range(count):
                who = here[(turn + number // each) % len(here)]
                clips.append(Clip(partition, label, who, speakers[who][2], given[who, label], next(lengths)))
                given[who, label] += 1
            turn += -(-count // each)
    return clips


def _durations(name: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths in seconds, (count,): evenly spaced quantiles of a gamma distribution with the corpus' mean and
    deviation.

    Spaced rather than drawn, so that even a small corpus has its share of clips shorter than a chunk.
    """
    mean, deviation = REGISTRY[name].whole.mean_s, REGISTRY[name].whole.std_s
    shape = (mean / deviation) ** 2
    lengths = gammaincinv(shape, (np.arange(count) + 0.5) / count) * mean / shape
    return rng.permutation(lengths.clip(SHORTEST, LONGEST))


def _steps(plan: dict, clips: list[Clip], rng: np.random.Generator) -> np.ndarray:
    """How many steps each cue of each clip lies from its middle, (clips, cues); the rule is in standins.toml."""
    spread, cues = _PLAN["spread"], _PLAN["sounds"][plan["sound"]]
    speakers = 1 + max(clip.speaker for clip in clips)
    chance = rng.normal(0, spread["speaker"], (speakers, len(cues)))[[clip.speaker for clip in clips]]
    chance += rng.normal(0, spread["clip"], chance.shape)
    shown = np.empty_like(chance)
    groups: dict = {}
    for index, clip in enumerate(clips):
        groups.setdefault((clip.partition, clip.label), []).append(index)
    for (_, label), members in groups.items():
        strength = rng.permutation(np.linspace(*spread["strength"], len(members)))
        typical = np.array([plan["cues"][label].get(cue, 0.0) for cue in cues])
        shown[members] = plan["separation"] * strength[:, None] * typical
        # A handful of clips would be a lopsided sample; the mean of each class is where it is in large numbers.
        chance[members] -= chance[members].mean(axis=0)
    return spread["limit"] * np.tanh(shown / spread["limit"]) + chance


def _cues(kind: str, steps: np.ndarray) -> dict[str, float]:
    """The value of each cue, in the cue's own unit, at so many steps from its middle."""
    return {
        cue: scale["middle"] * scale["times"] ** step if "times" in scale else scale["middle"] + scale["plus"] * step
        for (cue, scale), step in zip(_PLAN["sounds"][kind].items(), steps, strict=True)
    }
