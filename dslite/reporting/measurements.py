"""What this package measured on real audio once (:mod:`dslite.paper.measured`), for the page of discrepancies."""

from matplotlib.figure import Figure

from dslite.paper.measured import ABLATIONS, ADADELTA, SCORES, Ablation
from dslite.reporting import ablations, comparisons, differences
from dslite.reporting.display import figure_html, table_html
from dslite.reporting.figures import AUGMENTATIONS

_RECORD = {**ADADELTA[0].record, "reading": None}
_ON = f"{_RECORD['about']['short']}, {_RECORD['note']}"

ADADELTA_SAYS = (
    "Loss and UAR on dev over 120 epochs: at a rate of 0.001 both stay where chance is, at 1.0 both leave it.",
    f"Measured by us, not by the run that made this page: {_ON}; Table 2's schedule without augmentation, fitted on "
    "train.",
    _RECORD,
)
"""What :func:`adadelta` shows, its caption and its provenance."""


def adadelta() -> Figure:
    """F-13: the learning curves at the printed rate and at AdaDelta's own."""
    return differences.adadelta({fit.learning_rate: fit.history for fit in ADADELTA}, 100 / len(_RECORD["classes"]))


def whole_html() -> list[str]:
    """A table of whole runs, and a figure per ablation."""
    return [_scores_html(), *(_ablation_html(one) for one in ABLATIONS)]


def _ablation_html(one: Ablation) -> str:
    """A figure of all differences that were measured on one corpus."""
    table, record = one.differences, one.record
    said = ablations.verdict(table, "sound", record["seeds"])
    caption = f"{one.where}: {record['note']}. {said} Both augmentations; {table['n_files'].max()} test files."
    if one.left_out:
        caption += f" Without effect or impossible here: {'; '.join(one.left_out)}."
    alt = f"Differences of the UAR on {one.where} from the reading sound, one discrepancy per line, with intervals."
    marked = {**record, "seed": ", ".join(map(str, record["seeds"]))}
    return figure_html(comparisons.intervals([ablations.strip(table, "sound")]), alt, caption, marked)


def of(entry: str) -> list[str]:
    """What the variants of an entry of the ledger did to a score, in words."""
    return [
        f"{row.system.removeprefix(entry).strip()}, {one.where}: {ablations.points(row.difference)} UAR points "
        f"({ablations.interval(row.low_file, row.high_file)} over files, p after Holm {row.p_holm:.2f})"
        for one in ABLATIONS
        for row in one.differences.itertuples()
        if row.system.split()[0] == entry
    ]


def _scores_html() -> str:
    names = SCORES["augmentation"].map(lambda key: f", {AUGMENTATIONS[key]}" if key else "")
    cells = [f"{row.uar:.1f} ({row.ci_low:.1f}–{row.ci_high:.1f})" for row in SCORES.itertuples()]
    table = SCORES.assign(system=SCORES["system"] + names, cell=cells)
    baselines_first = table.sort_values("augmentation", key=lambda keys: keys != "", kind="stable")["system"].unique()
    wide = table.pivot(index="system", columns=["reading", "seed"], values="cell").reindex(baselines_first)
    wide.columns = [f"{reading}, seed {seed}" for reading, seed in wide.columns]
    return table_html(
        wide.rename_axis("system").reset_index(),
        "UAR on test (%) of whole runs, by reading and seed, with 95 % intervals over files",
        f"{_ON}; {SCORES['n_files'].max()} test files of {SCORES['n_speakers'].max()} speakers. Not comparable to the "
        "paper's Table 4, which has whole files, DenseNet121 and a split of its own.",
        record={**_RECORD, "seed": None},
        index=False,
    )
