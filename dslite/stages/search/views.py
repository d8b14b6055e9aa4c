"""What the search notebook shows, from what its stage left."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dslite.changes import said
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations, figures
from dslite.reporting.comparisons import Strip
from dslite.stages.search.work import MACHINE, WINNER

_OF_GRID = (
    "points: a fit of every combination, in random order. Its shipped file has one value each (F-28), so these are "
    "Table 2's, and the 100 epochs of that file. AdaDelta and batches of 32 are common to all; base model, front end "
    "and strength of augmentations are the run's (with --reading released that file's). A chunk of 0 s is a whole file."
)

_STATES = {"complete": "scored", "pruned": "given up on the way", "fail": "failed"}


def trials(stage: FinishedStage) -> pd.DataFrame:
    """A row per trial of the network, the best on dev first: its UAR on dev and all its values."""
    table = stage.table("trials").sort_values("dev_uar", ascending=False, kind="stable", ignore_index=True)
    table["state"] = table["state"].map(_STATES)
    table = table if table["reason"].any() else table.drop(columns="reason")
    return table.rename(columns={"dev_uar": "UAR on dev"})


def machine_trials(stage: FinishedStage) -> pd.DataFrame:
    """The same of the support vector machine on librosa's statistics."""
    table = stage.table("machine").sort_values("dev_uar", ascending=False, kind="stable", ignore_index=True)
    return table.drop(columns=["reason", "state"]).rename(columns={"dev_uar": "UAR on dev"})


def progress(stage: FinishedStage) -> Figure:
    """UAR on dev of every trial in its order, and the best so far, of both searches."""
    with figures.subplots(1, 2, 3.2, sharey=True) as (figure, axes):
        for axis, (name, table) in zip(axes.flat, {WINNER: "trials", MACHINE: "machine"}.items(), strict=True):
            rows = stage.table(table)
            axis.plot(rows["trial"], rows["dev_uar"], "o", markersize=4, label="a trial")
            best = rows["dev_uar"].cummax().ffill()
            axis.step(rows["trial"], best, where="post", color="black", label="the best so far")
            axis.set(title=name, xlabel="trial", ylabel="UAR on dev (%)")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.legend(loc="lower right")
    return figure


def space(stage: FinishedStage) -> pd.DataFrame:
    """What the values of a trial were drawn from."""
    told = stage.record["space"]
    return pd.DataFrame({"values": list(told.values())}, list(told))


def origin(stage: FinishedStage) -> str:
    """Where these values are from, and in which order they were tried, in words."""
    record = stage.record
    grid = f"Grid of the released code, {record['trials']:,} {_OF_GRID}"
    words = grid if record["grid"] else "The first trial has the values of the profile tuned; TPE draws the others."
    several = f" {record['processes']} processes made trials side by side: their order does not repeat, each fit does."
    return words + several * (record["processes"] > 1)


def winner(stage: FinishedStage) -> pd.DataFrame:
    """The values of the winner."""
    told = stage.record["winner"] | {name: stage.record[name] for name in ("backbone", "augmentation")}
    return pd.DataFrame({"value": [said([(name, value)])[len(name) + 1 :] for name, value in told.items()]}, list(told))


def scores(stage: FinishedStage) -> pd.DataFrame:
    """UAR on dev and test of the winner, of Table 2's values and of the searched machine, a column per seed."""
    table = stage.table("scores")
    rows = table["system"].unique()
    shown = {}
    for (partition, seed), part in table.groupby(["partition", "seed"], sort=False):
        of = part.set_index("system")
        shown[f"{partition}, seed {seed}"] = [_cell(of.loc[name]) if name in of.index else "" for name in rows]
    return pd.DataFrame({"system": rows} | shown)


def differences(stage: FinishedStage) -> pd.DataFrame:
    """UAR on test of the others less the winner's, paired."""
    names = {"system": "system", "uar": "UAR", "uar_reference": "UAR of the winner", "difference": "difference"}
    return ablations.listed(stage.table("differences"), names | {"file": "over files", "p_holm": "p, Holm"})


def strip(stage: FinishedStage) -> Strip:
    """The differences as :func:`dslite.reporting.comparisons.intervals` draws them."""
    return ablations.strip(stage.table("differences"), WINNER)


def verdict(stage: FinishedStage) -> str:
    """What was searched and what came of it, in words."""
    record, table, scored = stage.record, stage.table("trials"), stage.table("scores")
    ended, given_up = ((table["state"] == name).sum() for name in ("complete", "pruned"))
    words = f"Trials scored on dev: {ended}; given up on the way, as behind the median of the others: {given_up}."
    if not record["in_time"]:
        wanted = f"all {record['trials']:,} were made: the same command goes on"
        words += f" The {record['hours']:g} h were over before {wanted}."
    best = float(table["dev_uar"][table["state"] == "complete"].max())
    if not pd.isna(record["optimism"]):
        high = f"{record['optimism']:.1f} points too high for having been chosen by it"
        words += f" The best has {best:.1f} % on dev, which is about {high}."
    mean = scored.groupby(["system", "partition"])["uar"].mean().unstack()
    for system, gain in (mean.loc[WINNER] - mean.drop(WINNER)).dropna().iterrows():
        gains = " and ".join(f"{ablations.points(gain[partition])} on {partition}" for partition in ("dev", "test"))
        words += f" The winner against {system}: {gains} (points)."
    return f"{words} {ablations.drawn(stage.settings.draws, stage.settings.paired_draws)}"


def _cell(row: pd.Series) -> str:
    return "–" if pd.isna(row["uar"]) else f"{row['uar']:.1f} ({row['ci_low']:.1f}–{row['ci_high']:.1f})"
