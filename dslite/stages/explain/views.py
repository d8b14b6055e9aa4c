"""What the notebook ``explain`` shows, and what the gallery of all corpora shows of it, from what the stage left."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dslite.explanation import maps, trust
from dslite.explanation.baselines import UNDECIDED
from dslite.explanation.evidence import band_edges_hz
from dslite.explanation.maps import Attribution, MeanMap
from dslite.files import whole_file
from dslite.layout.finished import FinishedStage
from dslite.reporting.display import with_digits
from dslite.reporting.explanations import Explained, gap_words
from dslite.reporting.figures import front_end
from dslite.reporting.provenance import provenance_line
from dslite.stages.explain import cards, clips
from dslite.tasks import outputs
from dslite.wording import minus, written

_NAMES = {"partition": "partition (ours)", "paper": "the paper's way", "gradients": "gradients"}


@dataclass(frozen=True)
class ClassView:
    """The chosen clips of one class: what :func:`dslite.reporting.explanations.shap_maps` draws, with its words, and
    per clip the title and sounds of its players."""

    clips: list[Explained]
    alt: str
    caption: str
    players: list[tuple[str, dict[str, bytes]]]


def classes(stage: FinishedStage) -> Iterator[ClassView]:
    """A view per explained class, in their order."""
    for label in stage.record["explained"]:
        numbered = [(n, clip) for n, clip in enumerate(stage.record["clips"]) if clip["label"] == label]
        named, kinds = outputs(stage.classes), [clip["kind"] for _, clip in numbered]
        shown, words = clips.with_maps(stage.paths, numbered, named)
        players = [
            (f"Most {clip['kind']}: {clips.said(clip)}", clips.sounds(stage.paths, number, stage.record))
            for number, clip in numbered
        ]
        per, group = ("per class", "class") if stage.classes else ("of the number", stage.task.groups)
        of_map = "the class' probability" if stage.classes else "the number that the model says"
        none = "".join(f" No test clip of this {group} is {kind}." for kind in clips.KINDS if kind not in kinds)
        drawn = len(shown[0].classes)
        less = f" Maps of {drawn} of {len(named)} classes." if drawn < len(named) else ""
        yield ClassView(
            shown,
            f"Spectrogram and SHAP map {per} of the test clips of {group} {label} that the model gets most "
            f"{' and most '.join(kinds)}.",
            f"{group.capitalize()} {label}. Most {'; most '.join(words)}.{none} Over each map: {of_map} when all is "
            f"hidden, and as it is. Evaluations per map: {stage.record['budget']['evaluations']}.{less}"
            f"{failure(stage)}",
            players,
        )


def draw_cards(stage: FinishedStage) -> None:
    """Draws the picture of every chosen clip for the gallery: its plot, and the maps of what the model says and of its
    rival (the true class where it is wrong)."""
    line, of = provenance_line(stage.record), front_end(stage.record)
    for number, clip in enumerate(stage.record["clips"]):
        levels, attribution = clips.stored(stage.paths, number)
        shown, indices = Explained("", levels, clip["seconds"], outputs(stage.classes), attribution), [0]
        if stage.classes:
            said = stage.classes.index(clip["predicted"])
            order = np.argsort(-attribution.prediction, kind="stable")
            rival = stage.classes.index(clip["label"]) if clip["kind"] == "wrong" else int(order[order != said][0])
            indices = [said, rival]
        with whole_file(clips.picture(stage.paths, number)) as draft:
            draft.write_bytes(cards.card_picture(shown, indices, of, line, bool(stage.record["failed"])))


def subject(stage: FinishedStage) -> str:
    """What is explained, from where, and why from there."""
    explained, every = stage.record["explained"], stage.classes or stage.record["explained"]
    some = f" Explained are {len(explained)} of {len(every)} classes." if len(explained) < len(every) else ""
    decided = all(max(base) >= UNDECIDED for base in stage.record["bases"].values())
    why = "the first of these that leaves every class below" if not decided else "of these, none of which stays below"
    why = f"{why} {UNDECIDED}{', the one that decides least' * decided}"
    if not stage.classes:
        why = f"the first of these within {UNDECIDED} standard deviations of the labels' mean, or else the nearest"
    why = why if stage.record["chosen_by"] == "rule" else "which the first cell asks for"
    return (
        f"Taken: {stage.record['baseline']}; {why}. "
        f"Augmentation: {stage.record['augmentation']}, the best on dev.{some}"
    )


def failure(stage: FinishedStage) -> str:
    """What the stamp on every map stands for; empty where the maps have passed their checks."""
    failed = stage.record["failed"]
    return f" The maps of this corpus FAILED CHECKS (last section): {'; '.join(failed)}." if failed else ""


def clip_table(stage: FinishedStage) -> pd.DataFrame:
    """A row per chosen clip: what the model says of it, and of its evidence alone."""
    names = {
        "label": "class", "kind": "most", "file": "file", "predicted": "said", "probability": "P(class), file",
        "of_chunk": "P(said), chunk", "heard_as": "evidence alone", "heard_probability": "P(said), evidence",
    }  # fmt: skip
    if not stage.classes:
        names = {"label": stage.task.groups, "kind": "most", "file": "file", "true": "label", "predicted": "said"}
        names |= {"of_chunk": "said of the chunk", "base": "of a hidden plot", "heard_as": "of the evidence alone"}
    table = pd.DataFrame(stage.record["clips"])[list(names)]
    if not stage.classes:
        table = table.assign(**{name: table[name].map(minus) for name in ("predicted", "heard_as")})
    return table.rename(columns=names)


def clip_note(stage: FinishedStage) -> str:
    """What the columns of :func:`clip_table` are."""
    if not stage.classes:
        return "Said: of the file, the mean over its chunks. All numbers are in the unit of the label."
    return "P(class): of the true class, mean over the file's chunks. P(said): of the class that the model says."


def bases(stage: FinishedStage) -> pd.DataFrame:
    """Probabilities of a wholly hidden spectrogram, a row per class, a column per baseline: where every map starts."""
    return with_digits(pd.DataFrame(stage.record["bases"], index=list(outputs(stage.classes))), 3)


def sample(stage: FinishedStage) -> tuple[list[Attribution], pd.DataFrame]:
    """Maps of the clips drawn at random, and a row for each: ``file``, ``label``, ``seconds``."""
    with np.load(stage.paths.file("explain", "sample.npz")) as stored:
        arrays = dict(stored)
    table = stage.table("sample")
    return [Attribution.of({name: a[i] for name, a in arrays.items()}) for i in range(len(table))], table


def mean_maps(stage: FinishedStage) -> tuple[list[MeanMap], float | None]:
    """Mean map per class, and the length of the clips in s; None where it varies."""
    found, table = sample(stage)
    lengths = table["seconds"].unique()
    return maps.mean_maps(found, table["label"], _groups(stage)), float(lengths[0]) if len(lengths) == 1 else None


def band_profiles(stage: FinishedStage) -> tuple[dict, np.ndarray]:
    """Per class the mean effect of each band with its bounds, and the bands' edges in Hz."""
    found, table = sample(stage)
    seed, draws = stage.settings.seed, stage.settings.draws
    profiles = maps.band_profile(found, table["label"], _groups(stage), seed, draws)
    return profiles, band_edges_hz(front_end(stage.record))


def _groups(stage: FinishedStage) -> tuple[str, ...]:
    return stage.classes or tuple(stage.record["explained"])


def ways(stage: FinishedStage) -> tuple[Explained, dict[str, Attribution]]:
    """One clip, and in every way the map of the class that the model says."""
    found = {}
    for name, words in _NAMES.items():
        with np.load(stage.paths.file("explain", f"ways/{name}.npz")) as stored:
            found[words], levels, number = Attribution.of(stored), stored["levels"], int(stored["clip"])
    clip, first = stage.record["clips"][number], next(iter(found.values()))
    said = (clip["predicted"],) if stage.classes else outputs(())
    return Explained(clips.truth(clip), levels, clip["seconds"], said, first), found


def ways_words(stage: FinishedStage, clip: Explained) -> tuple[str, str]:
    """Alternative text and caption of the ways' figure."""
    if not stage.classes:
        return "SHAP maps of the number for one clip, in three ways.", "The number that the model says."
    said = clip.classes[0]
    return f"SHAP maps of class {said} for one clip, in three ways.", f"Class {said}, which the model says."


def ways_table(stage: FinishedStage) -> pd.DataFrame:
    """A row per way: evaluations, additivity gap, and how alike its ranking of the regions is to ours."""
    _, found = ways(stage)
    ours = next(iter(found.values())).pooled()[0]
    rows = []
    for words, attribution in found.items():
        signed, unsigned = trust.similarity(ours, attribution.pooled()[0])
        rows.append(
            {
                "way": words,
                "evaluations": attribution.evaluations,
                "base": attribution.base[0],
                stage.task.amount: attribution.prediction[0],
                "gap": gap_words(attribution.gap[0]),
                "rank correlation with ours": signed,
                "of absolute values": unsigned,
            }
        )
    return pd.DataFrame(rows)


def curves(stage: FinishedStage) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deletion and insertion curves under every baseline, and the areas under them."""
    table = stage.table("curves")
    areas = with_digits(trust.areas(table).rename_axis(columns=None), 3)
    return table, areas


def verdict(areas: pd.DataFrame) -> str:
    """What the areas say, in a sentence."""
    better = trust.better(areas)
    enough = "more" if better.mean() > 0.5 else "not more"
    return (
        f"SHAP's order is better than a random one in {better.sum()} of {len(better)} areas (deletion below, insertion "
        f"above); {enough} than half, which is what is asked for."
    )


def caution(stage: FinishedStage) -> str:
    """How many clips a mean rests on, and what that is worth."""
    fewest = int(sample(stage)[1]["label"].value_counts().min())
    group = stage.task.groups
    few = f" That is too few for any claim about a {group}; the full profile draws more." if fewest < 10 else ""
    return (
        f"Clips per {group}: at least {fewest}, {stage.record['budget']['sample_evaluations']} evaluations each.{few}"
    )


def alike(stage: FinishedStage, name: str) -> pd.DataFrame:
    """How alike maps are, a row per clip: before and after the head was shuffled (``"head"``), or of the fit as it is
    and with another seed (``"seeds"``)."""
    table = stage.table(name)
    shown = sample(stage)[1].loc[table["clip"]].reset_index(drop=True)
    names = {"similarity": "rank correlation", "similarity_unsigned": "of absolute values"}
    return shown[["label", "file"]].join(table.rename(columns=names)[[*names.values()]])


def seeds_verdict(stage: FinishedStage, table: pd.DataFrame) -> str:
    """What the comparison of two seeds comes to, in words; ``table`` is of :func:`alike`."""
    if not len(table):
        stand_in = stage.settings.standin
        why = "on a stand-in, to save its time" if stand_in else "with random weights, which another seed changes"
        return f"Not tried {why}."
    middle = table["rank correlation"].median()
    agree = "they agree" if middle >= trust.AGREEING else "they do not agree"
    agree = f"{agree} (at least {trust.AGREEING} is asked for)"
    return f"Median {written(middle, '.2f')}: {agree}. Seeds {stage.settings.seed} and next."


def head_verdict(table: pd.DataFrame) -> str:
    """What the check of the shuffled head comes to, in words.

    Args:
        table: of :func:`alike`; a rank correlation is NaN where one of the two maps is the same everywhere.
    """
    alike = table[["rank correlation", "of absolute values"]].max(axis=1, skipna=False)
    changed, flat, stayed = (alike < trust.CHANGED).sum(), alike.isna().sum(), (alike >= trust.CHANGED).sum()
    said = f"{changed} of {len(table)} maps changed (both rank correlations below {trust.CHANGED})."
    said += f" {stayed} stayed alike: such a map says little of what the head has learnt." if stayed else ""
    return said + (f" {flat} cannot be judged: before or after, the map is the same everywhere." if flat else "")
