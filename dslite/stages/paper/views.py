"""What the page ``paper`` shows beside the tables and the scorecard: Figures 2 and 3, paired tests across a table."""

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.figure import Figure

from dslite import corpora
from dslite.files import read_json
from dslite.layout.paths import CorpusPaths
from dslite.paper import verdicts
from dslite.reporting.explanations import shap_maps
from dslite.reporting.figures import ConfusionPanel, front_end
from dslite.reporting.provenance import data_mark
from dslite.reporting.sheets import PRINTED, Cell, Sheet
from dslite.reporting.tables import confusion_matrix
from dslite.stages.explain.clips import KINDS, with_maps
from dslite.stages.paper.summary import Summary
from dslite.statistics import holm

FIGURES = ("css", "ccs")
"""The corpora of Figures 2 and 3: (A) and (B)."""

_CLIPS = 2
"""Clips of a corpus that Figure 2 shows."""


def explained(summary: Summary) -> list[str]:
    """Corpora whose explanations belong to the scores that are there, CSS and CCS first."""
    explanations = {name: read_json(summary.layout.corpus(name).record("explain")) for name in _in_order(summary)}
    made_from = {name: {"evaluate": record["identity"]} for name, record in summary.records.items()}
    return [name for name, record in explanations.items() if record.get("made_from") == made_from[name]]


def figure2(summary: Summary) -> Iterator[tuple[Figure, str, str, dict]]:
    """SHAP maps in the manner of the paper's Figure 2: CSS and CCS, or, where neither was explained, two others.

    Yields:
        Per corpus what :func:`dslite.reporting.show` takes: the figure, its words, and the record of the explanations.
    """
    there = explained(summary)
    for number, name in enumerate([name for name in there if name in FIGURES] or there[: len(FIGURES)]):
        yield _maps(summary.layout.corpus(name), f"({'AB'[number]}) {_short(name)}")


def figure2_text(summary: Summary) -> str:
    """Which corpora Figure 2 shows, where they are not those of the paper; "" where they are."""
    there = explained(summary)
    if not there:
        return "No corpus has been explained here, so there is nothing to show: the stage explain does that."
    missing = [_short(name) for name in FIGURES if name not in there]
    shown = [_short(name) for name in there if name in FIGURES] or [_short(name) for name in there[: len(FIGURES)]]
    were = "was" if len(missing) == 1 else "were"
    return f"Shown: {' and '.join(shown)}. {' and '.join(missing)} {were} not explained here." if missing else ""


def _maps(places: CorpusPaths, title: str) -> tuple[Figure, str, str, dict]:
    record = read_json(places.record("explain"))
    numbered = {(clip["label"], clip["kind"]): (n, clip) for n, clip in enumerate(record["clips"])}
    best = [[numbered[label, kind] for kind in KINDS if (label, kind) in numbered] for label in record["explained"]]
    chosen = [clips[0] for clips in best if clips][:_CLIPS]
    shown, told = with_maps(places, chosen, record["classes"], f"{title}\n")
    labels = [clip["label"] for _, clip in chosen]
    words = [f"{label}, most {said}" for label, said in zip(labels, told, strict=True)]
    failed = f" The maps of this corpus FAILED CHECKS: {'; '.join(record['failed'])}." if record["failed"] else ""
    some = f" Of {len(record['classes'])} classes." if len(record["classes"]) > len(shown[0].classes) else ""
    return (
        shap_maps(shown, front_end(record), bool(record["failed"])),
        f"{title}: spectrogram and SHAP maps of a test clip each of {' and '.join(labels)}.",
        f"{title}, computed here. {'; '.join(words)}.{some} Baseline: {record['baseline']}.{failed}",
        record,
    )


def panels(summary: Summary, of_figure3: bool) -> list[ConfusionPanel]:
    """Confusion on test (all files) with the augmentation that is best on dev: of CSS and CCS (Figure 3), as far as
    they were evaluated, or of all other corpora."""
    found = []
    for name in (name for name in _in_order(summary) if (name in FIGURES) == of_figure3):
        record, chosen = summary.records[name], summary.records[name]["chosen"]
        counts = pd.read_parquet(summary.layout.corpus(name).confusion)
        where = {"augmentation": chosen, "partition": "test", "protocol": "all"}
        letter = f"({'AB'[FIGURES.index(name)]}) " if of_figure3 else ""
        title = f"{letter}{_short(name)}, {chosen}: {data_mark(record['data'])}"
        found.append(ConfusionPanel(title, confusion_matrix(counts, record["classes"], **where), record["classes"]))
    return found


def in_words(panels: Sequence[ConfusionPanel]) -> str:
    """Confusion matrices for those who cannot see them."""
    return f"Confusion matrices of the test files: {'; '.join(panel.title for panel in panels)}."


def figure3_text(summary: Summary) -> str:
    """Which corpora of Figure 3 were not evaluated; "" for none."""
    missing = [_short(name) for name in FIGURES if name not in summary.records]
    return f"Not evaluated here: {' and '.join(missing)}." if missing else ""


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


def _in_order(summary: Summary) -> list[str]:
    return sorted(summary.records, key=lambda name: FIGURES.index(name) if name in FIGURES else len(FIGURES))


def _short(name: str) -> str:
    return corpora.REGISTRY[name].short if name in corpora.REGISTRY else name


def paired(summary: Summary, names: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Paired differences on test (all files), Holm-corrected across a whole table of the paper.

    Args:
        summary: what there is.
        names: the table's corpora.

    Returns:
        The pairs that differ at 5 % before the correction, and how many pairs of how many corpora were tested.
    """
    tables = []
    for name in (name for name in names if name in summary.records):
        pairs = pd.read_parquet(summary.layout.corpus(name).pairs).query("protocol == 'all' and unit == 'file'")
        tables.append(pairs.assign(corpus=name, data=data_mark(summary.records[name]["data"])))
    if not tables:
        return pd.DataFrame(columns=_PAIRED), "None of these corpora was evaluated here."
    table = pd.concat(tables, ignore_index=True)
    table["p, Holm"] = holm(table["p"].to_numpy())
    said = f"{len(table)} pairs of {len(tables)} corpora; {int((table['p, Holm'] <= 0.05).sum())} differ after Holm's "
    said += "correction over all of them. Shown are those that differ at 5 % before it."
    shown = table[table["p"] <= 0.05].assign(pair=lambda rows: rows["second"] + " − " + rows["first"])
    return shown[_PAIRED], said


_PAIRED = ["corpus", "data", "pair", "difference", "low", "high", "p", "p, Holm"]
