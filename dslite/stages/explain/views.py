"""What the notebook ``explain`` shows, and what the gallery of all corpora shows of it, from what the stage left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dslite.explanation import maps, trust
from dslite.explanation.evidence import band_edges_hz
from dslite.explanation.maps import Attribution, MeanMap
from dslite.layout.paths import CorpusPaths
from dslite.reporting.explanations import Explained, gap_words
from dslite.spectrogram import FrontEnd
from dslite.stages.corpus.work import Stage
from dslite.stages.explain import gallery

_NAMES = {
    "partition": "partition (ours)",
    "paper": "the paper's way",
    "gradients": "gradients",
}


MAPS = 8
"""Classes whose maps are shown of a clip at most; a page must not exceed its size."""

CHANGED = 0.5
"""A map has changed when both rank correlations with what it was, signed and absolute, lie below this."""


@dataclass(frozen=True)
class ClassView:
    """The chosen clips of one class: what :func:`dslite.reporting.explanations.shap_maps` draws, with its words, and
    per clip the title and sounds of its players."""

    clips: list[Explained]
    alt: str
    caption: str
    players: list[tuple[str, dict[str, bytes]]]


def classes(stage: Stage) -> Iterator[ClassView]:
    """A view per explained class, in their order."""
    for label in stage.record["explained"]:
        numbered = [(n, clip) for n, clip in enumerate(stage.record["clips"]) if clip["label"] == label]
        clips = [clip for _, clip in numbered]
        found = [stored(stage.paths, number) for number, _ in numbered]
        indices = worth_showing(stage.classes, clips, [attribution for _, attribution in found])
        names = [stage.classes[index] for index in indices]
        shown, words, players = [], [], []
        for (number, clip), (levels, attribution) in zip(numbered, found, strict=True):
            title = f"true {label}\nsaid {clip['predicted']}"
            shown.append(Explained(title, levels, clip["seconds"], names, attribution.only(indices)))
            words.append(f"{clip['kind']}: {clip['file']}, {where(clip)}, additivity gap {gap_words(clip['gap'])}")
            players.append((f"Most {clip['kind']}: {gallery.said(clip)}", gallery.sounds(stage.paths, number, clip)))
        kinds = [clip["kind"] for clip in clips]
        none = "".join(f" No test clip of this class is {kind}." for kind in gallery.KINDS if kind not in kinds)
        less = f" Maps of {len(names)} of {len(stage.classes)} classes." if len(names) < len(stage.classes) else ""
        yield ClassView(
            shown,
            f"Spectrogram and SHAP map per class of the test clips of class {label} that the model gets most "
            f"{' and most '.join(kinds)}.",
            f"Class {label}. Most {'; most '.join(words)}.{none} Over each map: the class' probability when all is "
            f"hidden, and as it is. Evaluations per map: {stage.record['budget']['evaluations']}.{less}",
            players,
        )


def subject(stage: Stage) -> str:
    """What is explained, and from where."""
    explained, every = stage.record["explained"], stage.classes
    some = f" Explained are {len(explained)} of {len(every)} classes." if len(explained) < len(every) else ""
    return f"Baseline: {stage.record['baseline']}. Augmentation: {stage.record['augmentation']}, the best on dev.{some}"


def clip_table(stage: Stage) -> pd.DataFrame:
    """A row per chosen clip: what the model says of it, and of its evidence alone."""
    rows = [
        {
            "class": c["label"],
            "most": c["kind"],
            "file": c["file"],
            "said": c["predicted"],
            "P(class), file": c["probability"],
            "P(said), chunk": c["of_chunk"],
            "evidence alone": c["heard_as"],
            "P(said), evidence": c["heard_probability"],
        }
        for c in stage.record["clips"]
    ]
    return pd.DataFrame(rows)


def base(stage: Stage) -> pd.DataFrame:
    """Probabilities of the wholly hidden spectrogram: where every map starts."""
    return pd.DataFrame([stage.record["base"]], index=["everything hidden"])


def sample(stage: Stage) -> tuple[list[Attribution], pd.DataFrame]:
    """Maps of the clips drawn at random, and a row for each: ``file``, ``label``, ``seconds``."""
    with np.load(stage.paths.explain("sample.npz")) as stored:
        arrays = dict(stored)
    table = pd.read_parquet(stage.paths.explain("sample.parquet"))
    return [Attribution.of({name: a[i] for name, a in arrays.items()}) for i in range(len(table))], table


def mean_maps(stage: Stage) -> tuple[list[MeanMap], float | None]:
    """Mean map per class, and the length of the clips in s; None where it varies."""
    found, table = sample(stage)
    lengths = table["seconds"].unique()
    return maps.mean_maps(found, table["label"], stage.classes), float(lengths[0]) if len(lengths) == 1 else None


def band_profiles(stage: Stage) -> tuple[dict, np.ndarray]:
    """Per class the mean effect of each band with its bounds, and the bands' edges in Hz."""
    found, table = sample(stage)
    profiles = maps.band_profile(found, table["label"], stage.classes, stage.settings.seed)
    return profiles, band_edges_hz(FrontEnd(**stage.record["front_end"]))


def ways(stage: Stage) -> tuple[Explained, dict[str, Attribution], int]:
    """One clip, its map in every way, and the class that the model says."""
    found = {}
    for name, words in _NAMES.items():
        with np.load(stage.paths.explain(f"ways/{name}.npz")) as stored:
            found[words], levels, number = Attribution.of(stored), stored["levels"], int(stored["clip"])
    clip, first = stage.record["clips"][number], next(iter(found.values()))
    shown = Explained(f"true {clip['label']}\nsaid {clip['predicted']}", levels, clip["seconds"], stage.classes, first)
    return shown, found, stage.classes.index(clip["predicted"])


def ways_table(stage: Stage) -> pd.DataFrame:
    """A row per way: evaluations, additivity gap, and how alike its ranking of the regions is to ours."""
    _, found, index = ways(stage)
    ours = next(iter(found.values())).pooled()[index]
    rows = []
    for words, attribution in found.items():
        signed, unsigned = trust.similarity(ours, attribution.pooled()[index])
        rows.append(
            {
                "way": words,
                "evaluations": attribution.evaluations,
                "base": attribution.base[index],
                "probability": attribution.prediction[index],
                "gap": gap_words(attribution.gap[index]),
                "rank correlation with ours": signed,
                "of absolute values": unsigned,
            }
        )
    return pd.DataFrame(rows)


def curves(stage: Stage) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deletion and insertion curves, and the areas under them."""
    table = pd.read_parquet(stage.paths.explain("curves.parquet"))
    return table, trust.areas(table)


def verdict(areas: pd.DataFrame) -> str:
    """What the areas say, in a sentence."""
    deletion, insertion = areas["SHAP"] - areas["random"]
    passed = [deletion < 0, insertion > 0]
    ends = {2: "both better than chance", 1: "only one of them better than chance", 0: "neither better than chance"}
    return f"SHAP against random: deletion {deletion:+.3f}, insertion {insertion:+.3f}; {ends[sum(passed)]}."


def caution(stage: Stage) -> str:
    """How many clips a mean rests on, and what that is worth."""
    fewest = int(sample(stage)[1]["label"].value_counts().min())
    few = " That is too few for any claim about a class; the full profile draws more." if fewest < 10 else ""
    return f"At least {fewest} clips per class, {stage.record['budget']['sample_evaluations']} evaluations each.{few}"


def head(stage: Stage) -> pd.DataFrame:
    """How alike maps are before and after the head was shuffled, a row per clip."""
    table = pd.read_parquet(stage.paths.explain("head.parquet"))
    clips = sample(stage)[1].loc[table["clip"]].reset_index(drop=True)
    names = {"similarity": "rank correlation", "similarity_unsigned": "of absolute values"}
    return clips[["label", "file"]].join(table.rename(columns=names)[[*names.values()]])


def head_verdict(table: pd.DataFrame) -> str:
    """What the check of the shuffled head comes to, in words.

    Args:
        table: of :func:`head`; a rank correlation is NaN where one of the two maps is the same everywhere.
    """
    alike = table[["rank correlation", "of absolute values"]].max(axis=1, skipna=False)
    changed, flat, stayed = (alike < CHANGED).sum(), alike.isna().sum(), (alike >= CHANGED).sum()
    said = f"{changed} of {len(table)} maps changed (both rank correlations below {CHANGED})."
    said += f" {stayed} stayed alike: such a map says little of what the head has learnt." if stayed else ""
    return said + (f" {flat} cannot be judged: before or after, the map is the same everywhere." if flat else "")


def stored(places: CorpusPaths, number: int) -> tuple[np.ndarray, Attribution]:
    """Levels, uint8 (frames, mel_bins), and map of a chosen clip, by its number in the record."""
    with np.load(places.explain(f"clips/{number:02}.npz")) as file:
        return file["levels"], Attribution.of(file)


def worth_showing(classes: Sequence[str], clips: list[dict], found: list[Attribution]) -> list[int]:
    """The classes whose maps are shown of some clips: of many classes the named ones, then the most probable ones."""
    named = {name for clip in clips for name in (clip["label"], clip["predicted"])}
    probability = np.max([attribution.prediction for attribution in found], axis=0)
    order = sorted(range(len(classes)), key=lambda index: (classes[index] not in named, -probability[index]))
    return sorted(order[:MAPS])


def where(clip: dict) -> str:
    """Which part of a file was explained."""
    of = f" (chunk {clip['chunk'] + 1} of {clip['chunks']})" if clip["chunks"] > 1 else ""
    repeated = ", shorter than a chunk and hence repeated" if clip["padded"] else ""
    return f"{clip['start_s']:.1f}–{clip['start_s'] + clip['seconds']:.1f} s{of}{repeated}"
