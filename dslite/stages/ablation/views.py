"""What the ablation notebook shows, from what its stage left."""

from itertools import product

import pandas as pd

from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations
from dslite.reporting.comparisons import Strip
from dslite.reporting.display import with_digits
from dslite.scoring import TRAINED_ON
from dslite.stages.ablation.work import fits_of


def differences(stage: FinishedStage) -> pd.DataFrame:
    """A row per variant, from the one that costs most: its score beside the reference's, paired on test."""
    table = stage.table("differences").sort_values("difference", ignore_index=True)
    spread = stage.table("scores").query("partition == 'test'").groupby("variant")["uar"]
    table["sd"] = table["system"].map(spread.std()) if len(stage.record["seeds"]) > 1 else float("nan")
    names = {"system": "change", "uar": "UAR", "sd": "sd over seeds", "uar_reference": "UAR of the reference"}
    names |= {"difference": "difference", "file": "over files", "speaker": "over speakers", "p": "p"}
    return ablations.listed(table, names | {"p_holm": "p, Holm", "n_files": "files"})


def scores(stage: FinishedStage) -> pd.DataFrame:
    """UAR on dev and test, a row per variant and a column per seed."""
    table = stage.table("scores")
    wide = table.pivot(index="variant", columns=["partition", "seed"], values="uar").reindex(table["variant"].unique())
    wide.columns = [f"{partition}, seed {seed}" for partition, seed in wide.columns]
    return with_digits(wide.rename_axis("variant").reset_index(), 1)


def histories(stage: FinishedStage) -> dict[tuple[str, str], pd.DataFrame]:
    """(variant, partition that is scored) -> a row per epoch, of the first seed."""
    keys = product(stage.table("scores")["variant"].unique(), TRAINED_ON)
    places = {key: fits_of(stage.paths, key[0]) / str(stage.record["seeds"][0]) / key[1] for key in keys}
    return {key: pd.read_parquet(place / "history.parquet") for key, place in places.items()}


def strip(stage: FinishedStage) -> Strip:
    """The differences as :func:`dslite.reporting.comparisons.intervals` draws them."""
    return ablations.strip(stage.table("differences"), stage.record["reference"])


def verdict(stage: FinishedStage) -> str:
    """What is left standing after Holm's correction, in words."""
    table = stage.table("differences")
    words = ablations.verdict(table, stage.record["reference"], stage.record["seeds"])
    drawn = f" Intervals and p values are from {stage.settings.paired_draws:,} draws."
    return words if table.empty else words + drawn
