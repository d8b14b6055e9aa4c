"""What this package measured on real audio once (:mod:`dslite.paper.measured`), for the page of discrepancies."""

import pandas as pd
from matplotlib.figure import Figure

from dslite.configurations import CONFIGURATIONS
from dslite.paper.measured import ABLATIONS, RUNS, Ablation
from dslite.reporting import ablations, comparisons
from dslite.reporting.display import figure_html, table_html
from dslite.reporting.provenance import provenance_line
from dslite.stages.paper import differences

_ON = f"{RUNS.record['about']['short']}, {RUNS.record['note']}"

ADADELTA_SAYS = (
    "Training loss and UAR on dev by epoch, at two rates: at the printed one the loss hardly falls and the UAR stays "
    "at chance; at AdaDelta's own the loss nears 0 and the UAR leaves chance behind.",
    f"Measured by us, not by the run that made this page: {_ON}; Table 2's schedule without augmentation, fitted on "
    "train, under the readings paper and sound, between which the rate is all that matters here.",
    RUNS.record | {"seed": RUNS.adadelta[0].seed},
)
"""What :func:`adadelta` shows, its caption and its provenance."""


def adadelta() -> Figure:
    """F-13: the learning curves at the printed rate and at AdaDelta's own."""
    histories = {fit.learning_rate: fit.history for fit in RUNS.adadelta}
    return differences.adadelta(histories, 100 / len(RUNS.record["classes"]))


def whole_html() -> list[str]:
    """A table of whole runs, and a figure per ablation."""
    return [_runs_html(), *(_ablation_html(one) for one in ABLATIONS)]


def of(entry: str) -> list[str]:
    """What the variants of an entry of the ledger did to a score, a sentence per corpus."""
    said = []
    for one in ABLATIONS:
        mine = one.differences[one.differences["system"].str.split().str[0] == entry]
        if len(mine):
            variants = "; ".join(_variant(row, one, entry) for row in mine.itertuples())
            said.append(f"{_on(one)} ({provenance_line(_marked(one))}): {variants}.")
    return said


def _variant(row, one: Ablation, entry: str) -> str:
    p = f"p after Holm {row.p_holm:.3f}" if row.p_holm >= 0.001 else "p after Holm below 0.001"
    words = f"{row.system.removeprefix(entry).strip()} {ablations.points(row.difference)} UAR points "
    words += f"({ablations.interval(row.low_file, row.high_file)} over files, {p})"
    words += f", its UAR with an sd of {row.sd:.1f} over seeds" if pd.notna(row.sd) else ""
    if row.n_files < one.sound["n_files"]:
        words += (
            f", compared on the {row.n_files:.0f} of {one.sound['n_files']} test files that it keeps; on those, sound "
            f"has {row.uar_reference:.1f} % instead of {one.sound['uar']:.1f} % on all"
        )
    return words


def _on(one: Ablation) -> str:
    chunk = f"chunks of {one.record['chunk']:g} s" if one.record["chunk"] else "whole files"
    return f"{one.record['about']['short']}, {one.record['note']}; {chunk}"


def _marked(one: Ablation) -> dict:
    return {**one.record, "seed": ", ".join(map(str, one.record["seeds"]))}


def _ablation_html(one: Ablation) -> str:
    """A figure of all differences that were measured on one corpus."""
    caption = f"{_on(one)}. {ablations.verdict(one.differences, 'sound', one.record['seeds'])} Both augmentations; "
    caption += f"{one.sound['n_files']} test files, on which sound has {one.sound['uar']:.1f} %"
    caption += f" (sd over seeds {one.sound['sd']:.1f})." if one.sound["sd"] is not None else "."
    if one.no_effect:
        caption += f" Without effect under this profile: {'; '.join(one.no_effect)}."
    if one.impossible:
        caption += f" Impossible on these files: {'; '.join(one.impossible)}."
    alt = f"Differences of the UAR on {one.record['about']['short']} from the reading sound, one discrepancy per line."
    return figure_html(comparisons.intervals([ablations.strip(one.differences, "sound")]), alt, caption, _marked(one))


def _runs_html() -> str:
    scores = RUNS.scores
    names = scores["augmentation"].map(lambda key: f", {CONFIGURATIONS[key].title}".replace("+", " + ") if key else "")
    cells = [f"{row.uar:.1f} ({row.ci_low:.1f}–{row.ci_high:.1f})" for row in scores.itertuples()]
    table = scores.assign(system=scores["system"] + names, cell=cells)
    baselines_first = table.sort_values("augmentation", key=lambda keys: keys != "", kind="stable")["system"].unique()
    wide = table.pivot(index="system", columns=["reading", "seed"], values="cell").reindex(baselines_first)
    wide.columns = [f"{reading}, seed {seed}" for reading, seed in wide.columns]
    ours = table.query("reading == 'sound' and augmentation != ''")
    over = ours.groupby("system")["uar"].agg(["mean", "std"])
    if over["std"].notna().any():
        wide["sound, mean (sd over seeds)"] = over.apply(lambda row: f"{row['mean']:.1f} ({row['std']:.1f})", axis=1)
    return table_html(
        wide.rename_axis("system").reset_index(),
        "UAR on test (%) of whole runs, by reading and seed, with 95 % intervals over files",
        f"{_ON}; {scores['n_files'].max():.0f} test files of {scores['n_speakers'].max():.0f} speakers. Not comparable "
        "to the paper's Table 4, which has whole files, DenseNet121 and a split of its own. The SVMs know nothing of "
        "what sets the reading sound apart, and take no seed.",
        record=RUNS.record,
        index=False,
    )
