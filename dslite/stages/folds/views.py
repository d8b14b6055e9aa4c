"""What the folds notebook shows, from what its stage left."""

import pandas as pd

from dslite import scoring
from dslite.configurations import CONFIGURATIONS
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations
from dslite.reporting.comparisons import Strip
from dslite.reporting.display import with_digits
from dslite.reporting.figures import ConfusionPanel
from dslite.stages.folds.work import DISJOINT, RANDOM
from dslite.systems import OURS


def division(stage: FinishedStage) -> pd.DataFrame:
    """A row per fold: its speakers, its files and those of its smallest and largest class."""
    folds = _predictions(stage).drop_duplicates("file").groupby("fold")
    counts = folds["label"].value_counts().unstack(fill_value=0)
    named = folds["speaker"].agg(lambda names: ", ".join(sorted(set(names))))
    ends = zip(counts.min(axis=1), counts.max(axis=1), strict=True)
    of_class = [f"{least}" if least == most else f"{least}–{most}" for least, most in ends]
    return pd.DataFrame({"speakers": named, "files": folds.size(), "files of a class": of_class}).reset_index()


def about(stage: FinishedStage) -> str:
    """Where the folds come from, how DS Lite is fitted and what chance would reach, in words."""
    record, classes = stage.record, len(stage.classes)
    how, seeds = CONFIGURATIONS[record["augmentation"]].title, ", ".join(map(str, record["seeds"]))
    return (
        f"Folds: {record['folds']} (folds.csv among the artifacts). DS Lite is fitted with {how}, fixed beforehand; "
        f"seeds: {seeds}. Chance is {100 / classes:.1f} % for {classes} classes. "
        f"{ablations.drawn(stage.settings.draws, stage.settings.paired_draws)}"
    )


def scores(stage: FinishedStage, protocol: str) -> pd.DataFrame:
    """A row per system: UAR of the predictions of all folds together, with both intervals, and how folds and seeds
    spread."""
    table, uars = (stage.table(name).loc[lambda t: t["protocol"] == protocol] for name in ("scores", "uars"))
    seeds = stage.record["seeds"]
    of_folds = uars[(uars["fold"] != "") & (uars["seed"] == seeds[0])]
    folds, pooled = (
        rows.groupby("system")["uar"].agg(["mean", "std"]) for rows in (of_folds, uars[uars["fold"] == ""])
    )
    columns = {"UAR": table["uar"]}
    for unit, name in {"files": "ci", "speakers": "ci_speaker"}.items():
        columns[f"over {unit}"] = list(map(stage.task.interval, table[f"{name}_low"], table[f"{name}_high"]))
    columns |= {"mean of folds": table["system"].map(folds["mean"]), "sd of folds": table["system"].map(folds["std"])}
    if len(seeds) > 1:
        several = pooled["mean"].where(pooled["std"].notna())  # where nothing is drawn, one seed is all there is
        columns |= {f"mean of {len(seeds)} seeds": table["system"].map(several)}
        columns |= {"sd over seeds": table["system"].map(pooled["std"])}
    return with_digits(pd.DataFrame({"system": table["system"], **columns, "files": table["n_files"]}), 1)


def by_fold(stage: FinishedStage) -> pd.DataFrame:
    """UAR of each fold alone, a row per system and a column per fold; means over seeds."""
    uars = stage.table("uars").query("protocol == @DISJOINT and fold != ''")
    wide = uars.pivot_table(index="system", columns="fold", values="uar", sort=False).add_prefix("fold ")
    return with_digits(wide.rename_axis(columns=None).reset_index(), 1)


def complexities(stage: FinishedStage) -> str:
    """The complexities that were chosen for the support vector machines, in words."""
    rows = _predictions(stage).dropna(subset="complexity").drop_duplicates(["system", "fold"]).sort_values("fold")
    of = rows.groupby("system", sort=False)["complexity"]
    told = (f"{system}: {', '.join(f'{value:g}' for value in values)}" for system, values in of)
    return f"Complexities, chosen within the training folds: {'; '.join(told)}."


def strip(stage: FinishedStage) -> Strip:
    """Scores, speaker-disjoint, as :func:`dslite.reporting.comparisons.intervals` draws them."""
    rows = stage.table("scores").query("protocol == @DISJOINT").rename(columns={"system": "name"})
    return Strip.of_scores(rows, "uar", "UAR, speaker-disjoint (%)", 100.0 / len(stage.classes))


def confusion_panels(stage: FinishedStage) -> list[ConfusionPanel]:
    """Confusion over all folds of each system."""
    of = _predictions(stage).groupby("system", sort=False)
    matrices = {system: scoring.confusion(rows, stage.classes, "all").to_numpy() for system, rows in of}
    return [ConfusionPanel(system, matrix, stage.classes) for system, matrix in matrices.items()]


def leakage(stage: FinishedStage) -> pd.DataFrame:
    """A row per system: its UAR where every voice is known and where none is, means over seeds, and the difference."""
    names = {"system": "system", "uar": RANDOM, "uar_reference": DISJOINT, "difference": "difference"}
    names |= {"file": "over files", "speaker": "over speakers", "p_holm": "p, Holm"}
    return with_digits(ablations.listed(stage.table("leakage"), names), 1)


def leakage_strip(stage: FinishedStage) -> Strip:
    """The differences as :func:`dslite.reporting.comparisons.intervals` draws them."""
    return Strip.of_differences(stage.table("leakage"), "system", f"{RANDOM} less {DISJOINT} (UAR points)")


def verdict(stage: FinishedStage) -> str:
    """What known voices add to DS Lite's score, in words."""
    row = stage.table("leakage").set_index("system").loc[OURS]
    points, interval = ablations.points(row["difference"]), ablations.interval(row["low_file"], row["high_file"])
    return (
        f"To DS Lite's score, files dealt at random add {points} points ({interval} over files). Such a score says how "
        "well known voices are recognised, not what a new one would get."
    )


def _predictions(stage: FinishedStage) -> pd.DataFrame:
    """Those of the speaker-disjoint folds with the first seed."""
    rows = stage.table("predictions").query("protocol == @DISJOINT")
    return rows[rows["seed"] == stage.record["seeds"][0]]
