"""The parts of the page ``paper`` that are made from other stages than ``evaluate``: Figures 2 and 3, Table 5."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from dslite import corpora
from dslite.files import read_json
from dslite.layout.paths import Paths
from dslite.paper import comparable, verdicts
from dslite.profiles import FULL_BACKBONE
from dslite.reporting.figures import ConfusionPanel
from dslite.reporting.provenance import data_mark
from dslite.reporting.sheets import PRINTED, Cell, Sheet
from dslite.reporting.tables import confusion_matrix
from dslite.stages.explain.clips import KINDS
from dslite.statistics import holm

FIGURES = ("css", "ccs")
"""The corpora of Figures 2 and 3: (A) and (B)."""

_CLIPS = 2
"""Clips of a corpus that Figure 2 shows."""


@dataclass(frozen=True)
class Maps:
    """What Figure 2 shows of one corpus.

    Attributes:
        clips: for :func:`dslite.reporting.explanations.shap_maps`.
        alt, caption: its words.
        record: of the corpus' explanations: their front end, and the provenance that the figure carries.
    """

    clips: list
    alt: str
    caption: str
    record: dict


def explained(layout: Paths, evaluated: dict[str, dict]) -> list[str]:
    """Corpora whose explanations belong to the scores that are there, CSS and CCS first.

    Args:
        layout: where it all lies.
        evaluated: corpus -> record of its ``evaluate`` stage.
    """
    explanations = {name: read_json(layout.corpus(name).record("explain")) for name in _in_order(evaluated)}
    made_from = {name: {"evaluate": record["identity"]} for name, record in evaluated.items()}
    return [name for name, record in explanations.items() if record.get("made_from") == made_from[name]]


def figure2(layout: Paths, evaluated: dict[str, dict]) -> Iterator[Maps]:
    """SHAP maps in the manner of the paper's Figure 2: CSS and CCS, or, where neither was explained, two others."""
    there = explained(layout, evaluated)
    for number, name in enumerate([name for name in there if name in FIGURES] or there[: len(FIGURES)]):
        yield _maps(layout, name, f"({'AB'[number]}) {_short(name)}")


def figure2_text(layout: Paths, evaluated: dict[str, dict]) -> str:
    """Which corpora Figure 2 shows, where they are not those of the paper; "" where they are."""
    there = explained(layout, evaluated)
    if not there:
        return "No corpus has been explained here, so there is nothing to show: the stage `explain` does that."
    missing = [_short(name) for name in FIGURES if name not in there]
    shown = [_short(name) for name in there if name in FIGURES] or [_short(name) for name in there[: len(FIGURES)]]
    were = "was" if len(missing) == 1 else "were"
    return f"Shown: {' and '.join(shown)}. {' and '.join(missing)} {were} not explained here." if missing else ""


def _maps(layout: Paths, name: str, title: str) -> Maps:
    from dslite.reporting.explanations import Explained, gap_words
    from dslite.stages.explain.clips import stored, where, worth_showing

    places = layout.corpus(name)
    record = read_json(places.record("explain"))
    numbered = {(clip["label"], clip["kind"]): (n, clip) for n, clip in enumerate(record["clips"])}
    best = [[numbered[label, kind] for kind in KINDS if (label, kind) in numbered] for label in record["explained"]]
    chosen = [clips[0] for clips in best if clips][:_CLIPS]
    found = [stored(places, number) for number, _ in chosen]
    clips = [clip for _, clip in chosen]
    indices = worth_showing(record["classes"], clips, [attribution for _, attribution in found])
    names = [record["classes"][index] for index in indices]
    shown = [
        Explained(f"{title}\ntrue {clip['label']}\nsaid {clip['predicted']}", levels, clip["seconds"], names,
                  attribution.only(indices))
        for clip, (levels, attribution) in zip(clips, found, strict=True)
    ]  # fmt: skip
    words = [
        f"{clip['label']}, most {clip['kind']}: {clip['file']}, {where(clip)}, additivity gap {gap_words(clip['gap'])}"
        for clip in clips
    ]
    failed = f" The maps of this corpus FAILED CHECKS: {'; '.join(record['failed'])}." if record["failed"] else ""
    some = f" Of {len(record['classes'])} classes." if len(record["classes"]) > len(names) else ""
    return Maps(
        shown,
        f"{title}: spectrogram and SHAP maps of a test clip each of {' and '.join(c['label'] for c in clips)}.",
        f"{title}, computed here. {'; '.join(words)}.{some} Baseline: {record['baseline']}.{failed}",
        record,
    )


def panels(layout: Paths, evaluated: dict[str, dict]) -> dict[str, ConfusionPanel]:
    """Confusion on test (all files) of each corpus, with the augmentation that is best on dev; CSS and CCS first."""
    found = {}
    for name in _in_order(evaluated):
        record, chosen = evaluated[name], evaluated[name]["chosen"]
        counts = pd.read_parquet(layout.corpus(name).confusion)
        where = {"augmentation": chosen, "partition": "test", "protocol": "all"}
        letter = f"({'AB'[FIGURES.index(name)]}) " if name in FIGURES else ""
        title = f"{letter}{_short(name)}, {chosen}: {data_mark(record['data'])}"
        found[name] = ConfusionPanel(title, confusion_matrix(counts, record["classes"], **where), record["classes"])
    return found


def recalls(card: pd.DataFrame) -> Sheet:
    """What the paper's text says of Figure 3 beside ours, from the scorecard."""
    rows = []
    for row in card[card["id"].str.startswith("figure3.")].to_dict("records"):
        ours = "–" if pd.isna(row["ours"]) else f"{row['ours']:.1f}"
        unfair = (row["why"],) if row["verdict"] in (verdicts.NOT_COMPARABLE, verdicts.NOT_RUN) else ()
        printed = Cell(f"{row['published']:.1f}", f"ds-number {PRINTED}")
        says = f"{corpora.CORPORA[row['corpus']].short}: {row['says']}"
        rows.append([Cell(says), Cell(ours, "ds-number", unfair), printed, Cell(row["verdict"], "ds-short")])
    heads = [Cell(), Cell("here [%]", "ds-number"), Cell("paper [%]", f"ds-number {PRINTED}"), Cell("verdict")]
    return Sheet("Figure 3 in the text", [heads], rows, 1, note=_RECALLS)


_RECALLS = (
    "Ours are of the paper's best configuration, CutMix and SpecAugment, on files of at least one chunk, as in the "
    "scorecard; the matrices above are of the configuration that is best on dev, on all files. Of the other cells of "
    "its Figure 3 the paper's text gives none."
)


def table5(layout: Paths, caption: str) -> Sheet | None:
    """Table 5, of the paper's base model where that was measured here, else of the last one; None if none was."""
    places = layout.benchmark(FULL_BACKBONE) / "record.json", layout.across("benchmark").record("benchmark")
    record = next(filter(None, map(read_json, places)), None)
    if record is None:
        return None
    from dslite.stages.benchmark import views as costs
    from dslite.stages.benchmark import work as benchmarking  # import the converter's packages

    return costs.table5_sheet(benchmarking.Benchmark(layout, record["backbone"], record), caption)


def setting_reasons(record: dict) -> list[str]:
    """In what a corpus' settings cannot be those of Table 2: base model and profile, and the reading of the paper."""
    # Which audio and which weights were there changes no setting.
    run = record | {"data": "real", "weights": "imagenet", "protocol": comparable.protocol("none")}
    reading = [f"the reading {record['reading']}"] if record["reading"] != "paper" else []
    return comparable.score_reasons("", "none", run) + reading


def _in_order(names: Sequence[str]) -> list[str]:
    return [name for name in FIGURES if name in names] + [name for name in names if name not in FIGURES]


def _short(name: str) -> str:
    return corpora.CORPORA[name].short if name in corpora.CORPORA else name


def paired(layout: Paths, found: dict[str, dict], names: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Paired differences on test (all files), Holm-corrected across a whole table of the paper.

    Args:
        layout: where it all lies.
        found: corpus -> record of those that were evaluated.
        names: the table's corpora.

    Returns:
        The pairs that differ at 5 % before the correction, and how many pairs of how many corpora were tested.
    """
    tables = []
    for name in (name for name in names if name in found):
        pairs = pd.read_parquet(layout.corpus(name).pairs).query("protocol == 'all' and unit == 'file'")
        tables.append(pairs.assign(corpus=name, data=data_mark(found[name]["data"])))
    if not tables:
        return pd.DataFrame(columns=_PAIRED), "None of these corpora was evaluated here."
    table = pd.concat(tables, ignore_index=True)
    table["p, Holm"] = holm(table["p"].to_numpy())
    said = f"{len(table)} pairs of {len(tables)} corpora; {int((table['p, Holm'] <= 0.05).sum())} differ after Holm's "
    said += "correction over all of them. Shown are those that differ at 5 % before it."
    shown = table[table["p"] <= 0.05].assign(pair=lambda rows: rows["second"] + " − " + rows["first"])
    return shown[_PAIRED], said


_PAIRED = ["corpus", "data", "pair", "difference", "low", "high", "p", "p, Holm"]
