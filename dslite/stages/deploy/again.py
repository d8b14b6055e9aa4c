"""The scores of the stage ``deploy`` once more, for those who verify them."""

import pandas as pd

from dslite import scoring
from dslite.files import write_table
from dslite.layout.finished import FinishedStage


def again(stage: FinishedStage) -> None:
    """Writes, in a copy of the stage's folder, a table of variants with nothing but what their predictions say."""
    settings = stage.settings
    scores = {
        name: scoring.score(own, stage.classes, "all", settings.seed, settings.draws)
        for name, own in stage.table("predictions").groupby("model")
    }
    rows = [{"model": name, **scores.get(name, {})} for name in stage.table("variants")["model"]]
    write_table(stage.paths.file("deploy", "variants.parquet"), pd.DataFrame(rows))
