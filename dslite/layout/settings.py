"""What a stage of a corpus runs with: its parameters, resolved. ``dslite.run.resolve`` decides what was left open."""

from dataclasses import dataclass, replace
from pathlib import Path

from dslite import changes
from dslite.changes import Changes
from dslite.layout.paths import CorpusPaths, Paths
from dslite.profiles import Recipe, recipe
from dslite.readings import Reading
from dslite.resampling import DRAWS

RANDOM = "random"
"""What stands for a folder of weights where the base model is to start from random ones."""


@dataclass(frozen=True)
class Settings:
    """The parameters of a corpus' notebooks, with nothing left to decide.

    Attributes:
        source: the corpus as it was asked for: a name of the registry or the path of own data.
        name: the corpus' name on disk and in tables.
        folder: where its audio lies, or will lie if it is a stand-in.
        standin: whether the corpus is not there and a SYNTHETIC one takes its place.
        reader: module of :mod:`dslite.corpora.readers` that reads it.
        data, weights: the folders that were given, if any.
        weights_file: the base model's ImageNet weights; None for random ones, and where none are on this machine.
        profile: ``demo`` or ``full``.
        reading: what is computed where the paper's text, the released code and good practice differ, with the changes
            that are a reading's.
        backbone: base model.
        seed: of everything random.
        output: folder of ``artifacts/`` and ``reports/``.
        workers: fits that run side by side, each with one thread.
        random_weights: whether the base model is to start from random weights.
        chunk: length of a chunk in s that own data asks for; 0 for Table 2's.
        changes: what was changed against Table 2, the reading and the defaults.
        seeds: how many, from ``seed`` on. This and what follows are asked of optional stages alone.
        discrepancies: the first words of the variants that the ablation looks at; none stands for all.
        trials, hours: of the search; no hours stand for no limit.
    """

    source: str
    name: str
    folder: Path
    standin: bool
    reader: str
    data: Path | None
    weights: Path | None
    weights_file: Path | None
    profile: str
    reading: Reading
    backbone: str
    seed: int
    output: Path
    workers: int
    random_weights: bool = False
    chunk: float = 0.0
    changes: Changes = ()
    seeds: int = 1
    discrepancies: tuple[str, ...] = ()
    trials: int = 40
    hours: float = 0.0

    @property
    def paths(self) -> CorpusPaths:
        return Paths(self.output).corpus(self.name)

    @property
    def split(self) -> Path:
        return Paths(self.output).split(self.name)

    @property
    def recipe(self) -> Recipe:
        tabled = recipe(self.name, self.profile, self.reading, self.standin)
        return changes.to_recipe(replace(tabled, chunk=self.chunk) if self.chunk else tabled, self.changes)

    @property
    def draws(self) -> int:
        """Bootstrap draws of an interval."""
        return dict(self.changes).get("draws", DRAWS)

    @property
    def chosen(self) -> dict[str, str]:
        """Package -> which of its modules takes part, where one of several does (:mod:`dslite.layout.code`)."""
        return {"dslite.backbones": self.backbone, "dslite.corpora.readers": self.reader}

    @property
    def recordings(self) -> Path:
        """What the audio is told by: its folder, or the CSV that names it."""
        return Path(self.source) if self.reader == "own_csv" else self.folder

    def looks_at(self, variant: str) -> bool:
        """Whether the ablation is to fit a variant, named as :func:`dslite.stages.ablation.work.variants` does."""
        first = variant.split()[0]
        return first in self.discrepancies if self.discrepancies else first != "colours"

    def as_parameters(self) -> dict[str, object]:
        """The same as the literals of a notebook's first cell."""
        return {
            "corpus": self.source,
            "data": str(self.data or ""),
            "weights": RANDOM if self.random_weights else str(self.weights or ""),
            "profile": self.profile,
            "reading": self.reading.name,
            "backbone": self.backbone,
            "seed": self.seed,
            "output": str(self.output),
            "workers": self.workers,
            # As JSON gives them back, so that a later plan finds them unchanged.
            "changes": {name: list(value) if isinstance(value, tuple) else value for name, value in self.changes},
            "seeds": self.seeds,
            "discrepancies": " ".join(self.discrepancies),
            "trials": self.trials,
            "hours": self.hours,
        }
