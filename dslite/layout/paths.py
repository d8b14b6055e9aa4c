"""Where everything lies on disk. No other module joins these names."""

from dataclasses import dataclass
from pathlib import Path

STAGES = ("corpus", "train", "baseline", "evaluate", "explain", "deploy", "ablation")
"""Stages that run once per corpus, in the order of the flow."""

NEEDS: dict[str, tuple[str, ...]] = {
    "corpus": (),
    "train": ("corpus",),
    "baseline": ("corpus",),
    "evaluate": ("train", "baseline"),
    "explain": ("evaluate",),
    "deploy": ("evaluate",),
    "ablation": ("corpus",),
}
"""The stages of the same corpus whose records a stage is made from."""

OPTIONAL = ("ablation",)
"""Stages that run only where they are asked for: they take longer than all others together."""

SUMMARY, SUMMARISED = "paper", "evaluate"
"""The stage across corpora that is made from what they left, and the stage of theirs that it is made from."""

SHOWN = "explain"
"""The stage of corpora whose results it shows besides, where they are there."""

BENCHMARK = "benchmark"
"""The stage that measures what a base model costs (Table 5); it needs no corpus."""

ACROSS = (BENCHMARK, SUMMARY)
"""Stages that run once."""

FULL_CHUNK = "_full_chunk"
"""What names Tables 3 and 4 apart, where only files of at least one chunk are scored."""

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@dataclass(frozen=True)
class CorpusPaths:
    """What a run leaves for one corpus. ``root`` is heavy and ignored by git, ``pages`` is for readers."""

    root: Path
    pages: Path

    # corpus ---------------------------------------------------------------
    @property
    def clips(self) -> Path:
        return self.root / "corpus" / "clips.parquet"

    @property
    def found(self) -> Path:
        """As ``clips``, with the files that a reading leaves out for being short."""
        return self.root / "corpus" / "found.parquet"

    @property
    def chunks(self) -> Path:
        return self.root / "corpus" / "chunks.parquet"

    @property
    def spectrograms(self) -> Path:
        return self.root / "corpus" / "spectrograms.npy"

    @property
    def problems(self) -> Path:
        return self.root / "corpus" / "problems.parquet"

    # train ----------------------------------------------------------------
    @property
    def features(self) -> Path:
        return self.root / "train" / "features.npy"

    def fit(self, augmentation: str, partition: str) -> Path:
        """The folder of one fit: model.keras, history.parquet, predictions.parquet, record.json."""
        return self.root / "train" / augmentation / partition

    # baseline -------------------------------------------------------------
    def baseline(self, system: str, partition: str) -> Path:
        """The predictions of a system that DS Lite is compared with."""
        return self.root / "baseline" / system / partition / "predictions.parquet"

    # evaluate -------------------------------------------------------------
    @property
    def scores(self) -> Path:
        return self.root / "evaluate" / "scores.parquet"

    @property
    def confusion(self) -> Path:
        return self.root / "evaluate" / "confusion.parquet"

    @property
    def pairs(self) -> Path:
        return self.root / "evaluate" / "pairs.parquet"

    @property
    def selection(self) -> Path:
        return self.root / "evaluate" / "selection.parquet"

    # explain --------------------------------------------------------------
    def explain(self, name: str) -> Path:
        """A file of the stage ``explain``: maps, pictures, sounds, tables."""
        return self.root / "explain" / name

    # deploy ---------------------------------------------------------------
    def deploy(self, name: str) -> Path:
        """A file of the stage ``deploy``: ``<variant>.tflite``, tables; ``.`` for their folder."""
        return self.root / "deploy" / name

    # ablation -------------------------------------------------------------
    def ablation(self, name: str) -> Path:
        """A file of the stage ``ablation``: tables, fits, and the caches of front ends (outputs of their own)."""
        return self.root / "ablation" / name

    # every stage ----------------------------------------------------------
    def record(self, stage: str) -> Path:
        """Written last by a stage: what it ran with and what came of it. No record, no finished stage."""
        return self.root / stage / "record.json"

    def notebook(self, stage: str) -> Path:
        return self.pages / f"{stage}.ipynb"

    def page(self, stage: str) -> Path:
        return self.pages / f"{stage}.html"

    def failed_page(self, stage: str) -> Path:
        return self.pages / f"{stage}.failed.html"


@dataclass(frozen=True)
class Paths:
    """The layout below one output folder (the repository's root unless ``--output`` says otherwise)."""

    output: Path

    @property
    def reports(self) -> Path:
        return self.output / "reports"

    @property
    def artifacts(self) -> Path:
        return self.output / "artifacts"

    def corpus(self, name: str) -> CorpusPaths:
        return CorpusPaths(self.artifacts / name, self.reports / name)

    def standin(self, name: str) -> Path:
        """The audio of a synthesised corpus, in the layout of the real one."""
        return self.artifacts / "standins" / name

    def across(self, stage: str) -> CorpusPaths:
        """A stage that runs once: its pages lie at the top of the reports."""
        return CorpusPaths(self.artifacts / stage, self.reports)

    def benchmark(self, backbone: str) -> Path:
        """The folder of what was measured of one base model."""
        return self.artifacts / "benchmark" / backbone

    def seed(self, seed: int) -> Path:
        """The output of a run with a further seed."""
        return self.artifacts / "seeds" / str(seed)

    def evaluated(self) -> dict[str, CorpusPaths]:
        """The corpora whose record of :data:`SUMMARISED` is there, by name."""
        found = sorted(file.parents[1].name for file in self.artifacts.glob(f"*/{SUMMARISED}/record.json"))
        return {name: self.corpus(name) for name in found}

    def further(self) -> list["Paths"]:
        """The outputs of further seeds that are there."""
        return [Paths(folder) for folder in sorted(self.artifacts.glob("seeds/*")) if folder.is_dir()]

    @property
    def index(self) -> Path:
        return self.reports / "index.html"

    @property
    def gallery(self) -> Path:
        return self.reports / "gallery.html"

    @property
    def results(self) -> Path:
        return self.reports / "results.csv"

    @property
    def seeds(self) -> Path:
        """``results.csv`` of all seeds."""
        return self.reports / "seeds.csv"

    def table(self, number: int, more: str = "") -> Path:
        """A table as CSV; ``more`` is :data:`FULL_CHUNK` or nothing."""
        return self.reports / "tables" / f"table{number}{more}.csv"

    def tex(self, number: int, more: str = "") -> Path:
        """The same table as LaTeX."""
        return self.table(number, more).with_suffix(".tex")

    @property
    def scorecard(self) -> Path:
        """Every published figure with ours and a verdict, as a table and as a page."""
        return self.reports / "scorecard.csv"

    @property
    def scorecard_page(self) -> Path:
        return self.scorecard.with_suffix(".html")

    @property
    def discrepancies(self) -> Path:
        return self.reports / "discrepancies.html"

    @property
    def logs(self) -> Path:
        return self.artifacts / "logs"
