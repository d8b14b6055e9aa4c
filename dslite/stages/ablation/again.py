"""The tables of the stage ``ablation`` once more, for those who verify them."""

from pathlib import Path

import pandas as pd

from dslite import statistics
from dslite.files import write_table
from dslite.layout.finished import FinishedStage
from dslite.scoring import TRAINED_ON
from dslite.stages.ablation.work import fits_of


def again(stage: FinishedStage) -> None:
    """Scores the predictions of all variants again, in a copy of the stage's folder."""
    settings = stage.settings

    def of_seed(place: Path) -> dict[str, pd.DataFrame]:
        return {part: pd.read_parquet(place / part / "predictions.parquet") for part in TRAINED_ON}

    tables = {
        name: [of_seed(fits_of(stage.paths, name) / str(seed)) for seed in stage.record["seeds"]]
        for name in stage.table("scores")["variant"].unique()
    }
    drawn = settings.seed, settings.draws, settings.paired_draws
    found = statistics.of_runs(tables, stage.record["reference"], stage.classes, *drawn)
    found["scores"] = found["scores"].rename(columns={"system": "variant"})
    for name, table in found.items():
        write_table(stage.paths.file("ablation", f"{name}.parquet"), table)
