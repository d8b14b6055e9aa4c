"""The scores of the stage ``compress`` once more, for those who verify them."""

import pandas as pd

from dslite import scoring
from dslite.files import write_table
from dslite.layout.finished import FinishedStage
from dslite.stages.compress.work import with_losses


def again(stage: FinishedStage) -> None:
    """Writes, in a copy of the stage's folder, a table of files with nothing but what their predictions say."""
    settings, classes, tables = stage.settings, stage.classes, {}
    files = stage.table("files")
    for place in sorted(stage.paths.file("compress").glob("*/predictions.parquet")):
        for variant, rows in pd.read_parquet(place).groupby("model"):
            tables[f"{place.parent.name}/{variant}"] = [rows]
    scored = files[["file"]].assign(of=files["uar"].notna())
    rows = [
        {"file": file} | (scoring.score(tables[file][0], classes, "all", settings.seed, settings.draws) if of else {})
        for file, of in scored.itertuples(index=False)
    ]
    compared = {file: tables[file] for file in scored.loc[scored["of"], "file"]}
    table = with_losses(pd.DataFrame(rows), compared, stage.record["best"], stage)
    write_table(stage.paths.file("compress", "files.parquet"), table)
