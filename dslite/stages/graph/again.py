"""The scores of the stage ``graph`` once more, for those who verify them."""

from dslite.files import write_table
from dslite.layout.finished import FinishedStage
from dslite.stages.graph.work import scored


def again(stage: FinishedStage) -> None:
    """Scores all predictions again, in a copy of the stage's folder; graphs and costs it leaves as they are."""
    settings, names = stage.settings, ["network", "condition", "seed", "partition"]
    rows = stage.table("predictions").groupby(names, sort=False)
    tables = {where: of.drop(columns=names).reset_index(drop=True) for where, of in rows}
    drawn = settings.seed, settings.draws, settings.paired_draws
    for name, table in scored(tables, stage.classes, *drawn).items():
        write_table(stage.paths.file("graph", f"{name}.parquet"), table)
