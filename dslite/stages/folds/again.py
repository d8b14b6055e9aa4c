"""The tables of the stage ``folds`` once more, for those who verify them."""

from dslite.files import write_table
from dslite.layout.finished import FinishedStage
from dslite.stages.folds.work import scored


def again(stage: FinishedStage) -> None:
    """Scores the predictions of all folds again, in a copy of the stage's folder."""
    settings = stage.settings
    drawn = settings.seed, settings.draws, settings.paired_draws
    for name, table in scored(stage.table("predictions"), stage.classes, *drawn).items():
        write_table(stage.paths.file("folds", f"{name}.parquet"), table)
