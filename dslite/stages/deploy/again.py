"""The scores of the stage ``deploy`` once more, for those who verify them."""

import pandas as pd

from dslite import scoring
from dslite.files import write_table
from dslite.layout.finished import FinishedStage


def again(stage: FinishedStage) -> None:
    """Writes, in a copy of the stage's folder, a table of variants with nothing but what their predictions say."""
    tables, settings = dict(list(stage.table("predictions").groupby("model"))), stage.settings
    names = stage.table("variants")["model"]
    rows = [
        {"model": name}
        | (scoring.score(tables[name], stage.classes, "all", settings.seed, settings.draws) if name in tables else {})
        for name in names
    ]
    write_table(stage.paths.file("deploy", "variants.parquet"), pd.DataFrame(rows))
