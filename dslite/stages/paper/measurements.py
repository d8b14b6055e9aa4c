"""What this package measured on real audio once (:mod:`dslite.paper.measured`), for the page of discrepancies."""

import pandas as pd
from matplotlib.figure import Figure

from dslite.paper.measured import MEASURED, Ablation
from dslite.reporting import ablations, comparisons
from dslite.reporting.display import figure_html, table_html
from dslite.reporting.figures import REMARK, subplots
from dslite.reporting.provenance import provenance_line

_CURVES = MEASURED.adadelta

ADADELTA_SAYS = (
    "Training loss and UAR on dev by epoch, at two rates: at the printed one the loss hardly falls and the UAR stays "
    "at chance; at AdaDelta's own the loss nears 0 and the UAR leaves chance behind.",
    f"Measured by us, not by the run that made this page: {_CURVES.record['about']['short']}, "
    f"{_CURVES.record['note']}; Table 2's schedule without augmentation, fitted on train, under the readings paper and "
    "sound, between which the rate is all that matters here.",
    _CURVES.record | {"seed": _CURVES.seed},
)
"""What :func:`adadelta` shows, its caption and its provenance."""


def adadelta() -> Figure:
    """F-13: loss and UAR on dev over the epochs, at the printed rate and at AdaDelta's own."""
    histories, chance = _CURVES.histories, 100 / len(_CURVES.record["classes"])
    with subplots(1, 2, 2.6) as (figure, pair):
        epochs = next(iter(histories.values()))[["phase", "epoch"]]
        for (rate, history), colour in zip(sorted(histories.items()), ("#0072b2", "#009e73"), strict=True):
            pair[0].plot(history["epoch"], history["loss"], color=colour, label=f"rate {rate:g}")
            scored = history[history["dev_uar"].notna()]
            pair[1].plot(scored["epoch"], scored["dev_uar"], "o-", ms=3, color=colour, label=f"rate {rate:g}")
        second = epochs.loc[epochs["phase"] == 2, "epoch"].min() - 0.5
        for axes in pair:
            axes.axvline(second, color="#8a857b", lw=1, ls=":")
            axes.set(xlabel="epoch", xlim=(0, epochs["epoch"].max() + 1))
            axes.annotate("second phase", (second, 1), xycoords=("data", "axes fraction"), xytext=(3, -8), **REMARK)
        pair[1].axhline(chance, color="#8a857b", lw=1, ls="--")
        pair[1].annotate("chance", (1, chance), xycoords=("axes fraction", "data"), xytext=(-30, 3), **REMARK)
        pair[0].set(title="training loss", ylim=(0, None))
        pair[1].set(title="on dev", ylabel="UAR (%)", ylim=(0, None))
        pair[0].legend()
    return figure


def whole_html() -> list[str]:
    """A table of whole runs per corpus and profile, and a figure per ablation."""
    return [*(_runs_html(*kind) for kind in MEASURED.kinds), *(_ablation_html(one) for one in MEASURED.ablations)]


def of(entry: str) -> list[str]:
    """What the variants of an entry of the ledger did to a score, a sentence per corpus."""
    said = []
    for one in MEASURED.ablations:
        mine = one.differences[one.differences["system"].str.split().str[0] == entry]
        if len(mine):
            variants = "; ".join(_variant(row, one, entry) for row in mine.itertuples())
            said.append(f"{_on(one)} ({provenance_line(one.record)}): {variants}.")
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


def told(one: Ablation) -> str:
    """What all discrepancies did on one corpus, in sentences."""
    caption = f"{_on(one)}. {ablations.verdict(one.differences, 'sound', one.record['seeds'])} Both augmentations; "
    caption += f"{one.sound['n_files']} test files, on which sound has {one.sound['uar']:.1f} %"
    caption += f" (sd over seeds {one.sound['sd']:.1f})." if one.sound["sd"] is not None else "."
    if one.no_effect:
        caption += f" Without effect under this profile: {'; '.join(one.no_effect)}."
    if one.impossible:
        caption += f" Impossible on these files: {'; '.join(one.impossible)}."
    return caption


def _ablation_html(one: Ablation) -> str:
    """A figure of all differences that were measured on one corpus."""
    alt = f"Differences of the UAR on {one.record['about']['short']} from the reading sound, one discrepancy per line."
    return figure_html(comparisons.intervals([ablations.strip(one.differences, "sound")]), alt, told(one), one.record)


def _runs_html(corpus: str, profile: str) -> str:
    return table_html(
        MEASURED.table(corpus, profile),
        "UAR on test (%) of whole runs, by base model, reading and seed, with 95 % intervals over files",
        f"{MEASURED.about(corpus, profile)} The SVMs take no seed; only Deep Spectrum's knows the base model. *: "
        "differs from no augmentation at 5 % after Holm's correction.",
        record={"data": MEASURED.corpora[corpus]["data"], "weights": "imagenet", "profile": profile},
        index=False,
    )
