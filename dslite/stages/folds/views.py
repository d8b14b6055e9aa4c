"""What the folds notebook shows, from what its stage left."""

import pandas as pd

from dslite import scoring
from dslite.configurations import CONFIGURATIONS
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations
from dslite.reporting.comparisons import Strip
from dslite.reporting.figures import ConfusionPanel
from dslite.stages.folds.work import DISJOINT, NORMALISED, RANDOM
from dslite.systems import OURS


def division(stage: FinishedStage) -> pd.DataFrame:
    """A row per fold: its speakers, its files and those of its smallest and largest class."""
    rows = stage.table("predictions").query("protocol == @DISJOINT").drop_duplicates("file")
    counts = rows.groupby(["fold", "label"]).size().unstack(fill_value=0)
    named = rows.groupby("fold")["speaker"].agg(lambda names: ", ".join(sorted(set(names))))
    found = pd.DataFrame({"speakers": named, "files": counts.sum(axis=1)})
    found["files of a class"] = [f"{least}–{most}" for least, most in zip(counts.min(1), counts.max(1), strict=True)]
    return found.reset_index()


def about(stage: FinishedStage) -> str:
    """Where the folds come from, what is fitted how, and what chance would reach, in words."""
    record, classes = stage.record, len(stage.classes)
    how = CONFIGURATIONS[record["augmentation"]].title
    return (
        f"Folds: {record['folds']} (`folds.csv` among the artifacts). DS Lite is fitted with {how}, fixed beforehand; "
        f"{len(record['seeds'])} seeds. Chance is {100 / classes:.1f} % for {classes} classes."
    ).replace("; 1 seeds", "; one seed")


def scores(stage: FinishedStage, protocol: str = DISJOINT) -> pd.DataFrame:
    """A row per system: UAR of the predictions of all folds together, with both intervals, and the spread of seeds."""
    table = stage.table("scores").query("protocol == @protocol")
    uars = stage.table("uars").query("protocol == @protocol")
    pooled, folds = uars[uars["fold"] == ""], uars[(uars["fold"] != "") & (uars["seed"] == stage.record["seeds"][0])]
    found = pd.DataFrame(
        {
            "system": table["system"],
            "UAR": table["uar"],
            "over files": list(map(_interval, table["ci_low"], table["ci_high"])),
            "over speakers": list(map(_interval, table["ci_speaker_low"], table["ci_speaker_high"])),
            "mean of folds": table["system"].map(folds.groupby("system")["uar"].mean()),
            "mean of seeds": table["system"].map(pooled.groupby("system")["uar"].mean()),
            "sd over seeds": table["system"].map(pooled.groupby("system")["uar"].std()),
            "files": table["n_files"],
            "speakers": table["n_speakers"],
        }
    )
    found.attrs["digits"] = 1
    return found


def by_fold(stage: FinishedStage, protocol: str = DISJOINT) -> pd.DataFrame:
    """UAR of each fold alone, a row per system and a column per fold; means over seeds."""
    uars = stage.table("uars").query("protocol == @protocol and fold != ''")
    wide = uars.pivot_table(index="system", columns="fold", values="uar", sort=False)
    wide.attrs["digits"] = 1
    wide.columns = [f"fold {name}" for name in wide.columns]
    return wide.reset_index()


def strips(stage: FinishedStage) -> list[Strip]:
    """Scores of the protocols that keep voices apart, each with both intervals; what is normalised by itself."""
    renamed = {"system": "name", "uar": "value", "ci_low": "low_file", "ci_high": "high_file"}
    renamed |= {"ci_speaker_low": "low_speaker", "ci_speaker_high": "high_speaker"}
    table, chance = stage.table("scores").rename(columns=renamed), 100.0 / len(stage.classes)
    shown = [(protocol, table[table["protocol"] == protocol]) for protocol in (DISJOINT, NORMALISED)]
    return [Strip(rows, f"UAR, {key} (%)", chance, "chance", percent=True) for key, rows in shown if len(rows)]


def confusion_panels(stage: FinishedStage) -> list[ConfusionPanel]:
    """Confusion over all folds, speaker-disjoint, of each system with the first seed."""
    rows, seed = stage.table("predictions").query("protocol == @DISJOINT"), stage.record["seeds"][0]
    of = rows[rows["seed"] == seed].groupby("system", sort=False)
    matrices = {system: scoring.confusion(those, stage.classes, "all").to_numpy() for system, those in of}
    return [ConfusionPanel(system, matrix, stage.classes) for system, matrix in matrices.items()]


def complexities(stage: FinishedStage) -> str:
    """The complexities that were chosen for the support vector machines, fold by fold, in words."""
    rows = stage.table("predictions").query("protocol == @DISJOINT and complexity == complexity")
    of = rows.drop_duplicates(["system", "fold"]).sort_values("fold").groupby("system", sort=False)["complexity"]
    told = (f"{system}: {', '.join(f'{value:g}' for value in values)}" for system, values in of)
    return f"Complexities chosen within the training folds, fold by fold: {'; '.join(told)}."


def leakage(stage: FinishedStage) -> pd.DataFrame:
    """A row per system: its UAR where every voice is known, and where none is; means over seeds, paired over files."""
    table = stage.table("leakage")
    uars = stage.table("uars").query("fold == ''").set_index(["protocol", "system"])["uar"]
    spread = {system: uars.loc[[(RANDOM, system)]].std() for system in table["system"]}
    return pd.DataFrame(
        {
            "system": table["system"],
            "UAR, random files": table["uar"].round(1),
            "UAR, speaker-disjoint": table["uar_reference"].round(1),
            "difference": table["difference"],
            "over files": list(map(ablations.interval, table["low_file"], table["high_file"])),
            "over speakers": list(map(ablations.interval, table["low_speaker"], table["high_speaker"])),
            "p, Holm": table["p_holm"],
            "sd over seeds": table["system"].map(spread),
        }
    )


def leakage_strip(stage: FinishedStage) -> Strip:
    """The differences as :func:`dslite.reporting.comparisons.intervals` draws them."""
    rows = stage.table("leakage").rename(columns={"system": "name", "difference": "value"})
    return Strip(rows, "random files less speaker-disjoint (UAR points)", 0.0, "no difference")


def verdict(stage: FinishedStage) -> str:
    """What known voices add to DS Lite's score, in words."""
    row = stage.table("leakage").set_index("system").loc[OURS]
    return (
        f"Leakage: a random split over files adds {ablations.points(row['difference'])} points to DS Lite "
        f"({ablations.interval(row['low_file'], row['high_file'])} over files). Such a score says how well "
        "known voices are recognised, not what a new one would get."
    )


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{low:.1f}–{high:.1f}"
