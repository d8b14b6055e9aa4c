"""What a stage of a corpus runs with: its parameters, resolved. ``dslite.run.resolve`` decides what was left open."""

from dataclasses import dataclass, replace
from pathlib import Path

from dslite import changes
from dslite.changes import Changes
from dslite.layout.paths import CorpusPaths, Paths
from dslite.profiles import Recipe, recipe
from dslite.readings import Reading
from dslite.resampling import DRAWS, PAIRED_DRAWS
from dslite.tasks import REGRESSION

RANDOM = "random"
"""What stands for a folder of weights where the base model is to start from random ones."""

LAST_SEED = 2**20
"""Seeds go from 0 to this."""


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
        task: ``classification``, or ``regression`` where labels are numbers.
        random_weights: whether the base model is to start from random weights.
        chunk: length of a chunk in s of a corpus that is not the paper's; 0 for Table 2's.
        changes: what was changed against Table 2, the reading and the defaults.
        seeds: how many, from ``seed`` on. This and what follows are asked of optional stages alone.
        discrepancies: the first words of the variants that the ablation looks at; none stands for all.
        trials, hours: of the search; no trials stand for the grid of the released code, no hours for no limit.
        origin: settings of the corpus whose model embeds the files in the stage graph.
        embedder: folder or name of a wav2vec 2.0 that is fine-tuned there and is that model; empty for its chosen one.
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
    task: str = "classification"
    random_weights: bool = False
    chunk: float = 0.0
    changes: Changes = ()
    seeds: int = 1
    discrepancies: tuple[str, ...] = ()
    trials: int = 40
    hours: float = 0.0
    origin: "Settings | None" = None
    embedder: str = ""

    @property
    def paths(self) -> CorpusPaths:
        return Paths(self.output).corpus(self.name)

    @property
    def split(self) -> Path:
        return Paths(self.output).split(self.name)

    @property
    def recipe(self) -> Recipe:
        tabled = recipe(self.source, self.profile, self.reading, self.standin)
        return changes.to_recipe(replace(tabled, chunk=self.chunk) if self.chunk else tabled, self.changes)

    @property
    def draws(self) -> int:
        """Bootstrap draws of a score's interval."""
        return dict(self.changes).get("draws", DRAWS)

    @property
    def paired_draws(self) -> int:
        """Bootstrap draws of a difference, its interval and its p value."""
        return dict(self.changes).get("draws", PAIRED_DRAWS)

    @property
    def numeric(self) -> bool:
        """Whether labels are numbers."""
        return self.task == REGRESSION.name

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
        """The same as the literals of a notebook's first cell; equal to what comes back from JSON, where plans compare
        them."""
        as_they_are = ("profile", "backbone", "task", "seed", "workers", "seeds", "trials", "hours", "embedder")
        return {name: getattr(self, name) for name in as_they_are} | {
            "corpus": self.source,
            "data": str(self.data or ""),
            "weights": RANDOM if self.random_weights else str(self.weights or ""),
            "reading": self.reading.name,
            "output": str(self.output),
            "changes": {name: list(to) if isinstance(to, tuple) else to for name, to in self.changes},
            "discrepancies": " ".join(self.discrepancies),
            "source": self.origin.source if self.origin else "",
        }
