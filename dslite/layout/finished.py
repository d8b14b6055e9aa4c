"""What a finished stage of a corpus left, for the stages and pages after it."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from dslite.errors import DsliteError
from dslite.files import read_json
from dslite.layout.paths import CorpusPaths
from dslite.layout.settings import Settings
from dslite.tasks import Task, in_order, strata, task_of


def _table(name: str) -> cached_property:
    return cached_property(lambda self: pd.read_parquet(getattr(self.paths, name)))


@dataclass(frozen=True)
class FinishedStage:
    """A stage that has run: where its corpus' files are, and the record of how they came to be."""

    settings: Settings
    record: dict

    @classmethod
    def of(cls, settings: Settings, stage: str) -> "FinishedStage":
        """A stage as it lies on disk.

        Raises:
            DsliteError: if it has not run.
        """
        place = settings.paths.record(stage)
        record = read_json(place)
        if not record:
            raise DsliteError(
                f"{settings.name}: the stage {stage} has not run ({place} is not there); "
                f"run `python run_all.py --corpora {settings.source} --stages {stage}` first."
            )
        return cls(settings, record)

    @property
    def paths(self) -> CorpusPaths:
        return self.settings.paths

    clips = _table("clips")  # a row per usable file
    chunks = _table("chunks")  # a row per cached chunk
    found = _table("found")  # a row per readable file, used or left out for being short: what Table 1 counts
    problems = _table("problems")  # a row per file that was left out and per difference that was noticed

    @property
    def classes(self) -> tuple[str, ...]:
        """None where labels are numbers."""
        return tuple(self.record["classes"])

    @property
    def task(self) -> Task:
        return task_of(self.classes)

    @cached_property
    def grouped(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """``clips`` with what they are grouped by as their label, class or third of the labels; these groups."""
        labels = self.clips["label"]
        return self.clips.assign(label=strata(labels)), in_order(labels, self.classes)

    @property
    def padded(self) -> pd.Series:
        """By file, whether it is shorter than a chunk, and so repeated up to one."""
        return self.chunks.groupby("file")["padded"].first()

    @property
    def chosen(self) -> str:
        """The configuration that is best on dev (all files), once the corpus has been evaluated."""
        return FinishedStage.of(self.settings, "evaluate").record["chosen"]

    def table(self, name: str) -> pd.DataFrame:
        """A table that this very stage left, by its name."""
        return pd.read_parquet(self.paths.file(self.record["stage"], f"{name}.parquet"))

    def fit_record(self, augmentation: str, target: str) -> dict:
        return read_json(self.paths.fit(augmentation, target) / "record.json")

    def history(self, augmentation: str, target: str) -> pd.DataFrame:
        """A row per epoch of one fit."""
        return pd.read_parquet(self.paths.fit(augmentation, target) / "history.parquet")

    def predictions(self, augmentation: str, target: str) -> pd.DataFrame:
        """A row per file of the partition that the fit is scored on."""
        return pd.read_parquet(self.paths.fit(augmentation, target) / "predictions.parquet")
