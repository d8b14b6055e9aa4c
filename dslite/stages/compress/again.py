"""The scores of the stage ``compress`` once more, for those who verify them."""

import pandas as pd

from dslite import scoring
from dslite.files import write_table
from dslite.layout.finished import FinishedStage
from dslite.stages.compress.work import with_losses


def again(stage: FinishedStage) -> None:
    """Writes, in a copy of the stage's folder, a table of files with nothing but what their predictions say."""
    files, drawn, tables = stage.table("files"), (stage.settings.seed, stage.settings.draws), {}
    for place in sorted(stage.paths.file("compress").glob("*/predictions.parquet")):
        for variant, rows in pd.read_parquet(place).groupby("model"):
            tables[f"{place.parent.name}/{variant}"] = [rows]
    scored = {file: tables[file] for file in files.loc[files["uar"].notna(), "file"]}
    scores = {file: scoring.score(own, stage.classes, "all", *drawn) for file, (own,) in scored.items()}
    rows = [{"file": file, **scores.get(file, {})} for file in files["file"]]
    table = with_losses(pd.DataFrame(rows), scored, stage.record["best"], stage)
    write_table(stage.paths.file("compress", "files.parquet"), table)
