"""What the ablation notebook shows, from what its stage left."""

import pandas as pd

from dslite.reporting import ablations
from dslite.reporting.comparisons import Strip
from dslite.stages.ablation.work import REFERENCE
from dslite.stages.corpus.work import Stage


def _read(stage: Stage, name: str) -> pd.DataFrame:
    return pd.read_parquet(stage.paths.ablation(f"{name}.parquet"))


def differences(stage: Stage) -> pd.DataFrame:
    """A row per discrepancy, from the one that costs most: its score beside that of ``sound``, paired on test."""
    table = _read(stage, "differences").sort_values("difference", ignore_index=True)
    spread = _read(stage, "scores").query("partition == 'test'").groupby("variant")["uar"]
    sd = table["system"].map(spread.std()) if len(stage.record["seeds"]) > 1 else float("nan")
    return pd.DataFrame(
        {
            "discrepancy": table["system"],
            "UAR": table["uar"],
            "sd over seeds": sd,
            "UAR of sound": table["uar_reference"],
            "difference": table["difference"],
            "over files": _intervals(table, "file"),
            "over speakers": _intervals(table, "speaker"),
            "p": table["p"],
            "p, Holm": table["p_holm"],
            "files": table["n_files"],
        }
    )


def scores(stage: Stage) -> pd.DataFrame:
    """UAR on dev and test of ``sound`` and every discrepancy, a row per variant and a column per seed."""
    table = _read(stage, "scores")
    wide = table.pivot(index="variant", columns=["partition", "seed"], values="uar").reindex(table["variant"].unique())
    wide.columns = [f"{partition}, seed {seed}" for partition, seed in wide.columns]
    return wide.rename_axis("variant").reset_index()


def left_out(stage: Stage) -> pd.DataFrame:
    """The discrepancies that were not fitted, and why."""
    return _read(stage, "left_out")


def strip(stage: Stage) -> Strip:
    """The differences as :func:`dslite.reporting.comparisons.intervals` draws them."""
    return ablations.strip(_read(stage, "differences"), REFERENCE)


def verdict(stage: Stage) -> str:
    """What is left standing after Holm's correction, in words."""
    return ablations.verdict(_read(stage, "differences"), REFERENCE, stage.record["seeds"])


def _intervals(table: pd.DataFrame, unit: str) -> list[str]:
    return [ablations.interval(*ends) for ends in zip(table[f"low_{unit}"], table[f"high_{unit}"], strict=True)]
