"""The chosen clips as the stage ``explain`` left them, for its page, the gallery and the paper's page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dslite.explanation.maps import Attribution
from dslite.layout.paths import CorpusPaths
from dslite.reporting.explanations import Explained, gap_words
from dslite.wording import minus

KINDS = ("right", "wrong")
"""Of the clips of a class, those that the model gets most right and most wrong."""

MAPS = 8
"""Classes whose maps are shown of a clip at most; a page must not exceed its size."""


def said(clip: dict) -> str:
    """What the model says of a clip and of its evidence alone, and whether there is anything to explain.

    Args:
        clip: an entry of the record's ``clips``.
    """
    before, after = clip["predicted"], clip["heard_as"]
    if "true" in clip:
        return _number_said(clip)
    if not clip["kept"]:
        return f"The model says {before} ({clip['of_chunk']:.2f}). No region raises it above a hidden plot."
    verdict = f"{before} again" if after == before else f"{after}, no longer {before}"
    little = f" Of a hidden plot it says nearly the same ({clip['base']:.2f}): there is little to explain."
    return (
        f"The model says {before} ({clip['of_chunk']:.2f}). Of the evidence alone, {100 * clip['kept']:.0f} % of the "
        f"regions, it says {verdict} ({clip['heard_probability']:.2f})."
        f"{little if abs(clip['of_chunk'] - clip['base']) < 0.1 else ''}"
    )


def _number_said(clip: dict) -> str:
    whole = f"The label is {clip['true']:g}, the model says {clip['predicted']}"
    if not clip["kept"]:
        return minus(f"{whole}. No region moves it away from what it says of a hidden plot, {clip['base']:.3g}.")
    return minus(
        f"{whole}; of the chunk {clip['of_chunk']:.3g}, of a hidden plot {clip['base']:.3g}. Of the evidence alone, "
        f"{100 * clip['kept']:.0f} % of the regions, it says {clip['heard_as']}."
    )


def truth(clip: dict) -> str:
    """What the label of a clip is and what the model says, a line each."""
    if "true" in clip:
        return minus(f"true {clip['true']:g}\nsaid {clip['predicted']}")
    return f"true {clip['label']}\nsaid {clip['predicted']}"


def terms(record: dict) -> str:
    """Under what terms a page holds sounds of its corpus, or why it holds none."""
    if shared := record["shared_audio"]:
        return f"Sounds: {shared}."
    return (
        "No sounds: the terms of this corpus do not allow them in a page that may be passed on. Of own recordings, "
        "audio_in_reports = true in corpus.toml beside them puts them in."
    )


def sounds(places: CorpusPaths, number: int, record: dict) -> dict[str, bytes]:
    """Name of a player -> MP3, of a clip by its number in the record: no evidence where there is none to hear, and
    nothing where the corpus' terms allow no sounds in a page."""
    if not record["shared_audio"]:
        return {}
    clip = record["clips"][number]
    files = {"original": "original"} | ({"evidence only": "evidence"} if clip["kept"] else {})
    return {name: places.file("explain", f"clips/{number:02}-{file}.mp3").read_bytes() for name, file in files.items()}


def picture(places: CorpusPaths, number: int) -> Path:
    """The small picture of a chosen clip, by its number in the record."""
    return places.file("explain", f"clips/{number:02}.png")


def stored(places: CorpusPaths, number: int) -> tuple[np.ndarray, Attribution]:
    """Levels, uint8 (frames, mel_bins), and map of a chosen clip, by its number in the record."""
    with np.load(places.file("explain", f"clips/{number:02}.npz")) as file:
        return file["levels"], Attribution.of(file)


def worth_showing(classes: Sequence[str], clips: list[dict], found: list[Attribution]) -> list[int]:
    """The classes whose maps are shown of some clips: of many classes the named ones, then the most probable ones."""
    named = {name for clip in clips for name in (clip["label"], clip["predicted"])}
    probability = np.max([attribution.prediction for attribution in found], axis=0)
    order = sorted(range(len(classes)), key=lambda index: (classes[index] not in named, -probability[index]))
    return sorted(order[:MAPS])


def with_maps(
    places: CorpusPaths, numbered: Sequence[tuple[int, dict]], classes: Sequence[str], over: str = ""
) -> tuple[list[Explained], list[str]]:
    """Some clips, by their numbers in the record, to be drawn with the maps that are :func:`worth_showing`; in words.

    Args:
        places: of the corpus.
        numbered: number and entry of each.
        classes: the model's outputs.
        over: stands over each spectrogram.
    """
    found = [stored(places, number) for number, _ in numbered]
    own = [clip for _, clip in numbered]
    indices = worth_showing(classes, own, [attribution for _, attribution in found])
    names = [classes[index] for index in indices]
    shown = [
        Explained(over + truth(clip), levels, clip["seconds"], names, attribution.only(indices))
        for clip, (levels, attribution) in zip(own, found, strict=True)
    ]
    told = [f"{c['kind']}: {c['file']}, {where(c)}, additivity gap {gap_words(c['gap'])}" for c in own]
    return shown, told


def where(clip: dict) -> str:
    """Which part of a file was explained."""
    of = f" (chunk {clip['chunk'] + 1} of {clip['chunks']})" if clip["chunks"] > 1 else ""
    repeated = ", shorter than a chunk and hence repeated" if clip["padded"] else ""
    return f"{clip['start_s']:.1f}–{clip['start_s'] + clip['seconds']:.1f} s{of}{repeated}"
