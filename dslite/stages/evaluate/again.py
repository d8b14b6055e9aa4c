"""The tables of the stage ``evaluate`` once more, for those who verify them."""

from dslite.layout.finished import FinishedStage
from dslite.stages.evaluate.work import work


def again(stage: FinishedStage) -> None:
    """Does the stage's work again, in a copy of its folder, from the predictions of ``train`` and ``baseline``."""
    stage.paths.record("evaluate").unlink()
    work(stage.settings)
