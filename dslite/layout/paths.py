"""Where everything lies on disk. No other module joins these names."""

from dataclasses import dataclass
from pathlib import Path

FULL_CHUNK = "_full_chunk"
"""What names Tables 3 and 4 apart, where only files of at least one chunk are scored."""

NEXT_SEED = "test-next-seed"
"""Partition, so to speak, of a fit that explain makes once more with the next seed."""

CHANGED = "changed_runs"
"""Folder of the outputs of runs with changes, in that of the run without."""

SNAKEFILE = Path(__file__).resolve().parents[1] / "run" / "Snakefile"

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def _below(folder: str, name: str) -> property:
    return property(lambda self: getattr(self, folder) / name)


@dataclass(frozen=True)
class CorpusPaths:
    """What a run leaves for one corpus. ``root`` is heavy and ignored by git, ``pages`` is for readers."""

    root: Path
    pages: Path

    # corpus ---------------------------------------------------------------
    clips = _below("root", "corpus/clips.parquet")
    found = _below("root", "corpus/found.parquet")  # with the files that a reading leaves out for being short
    samples = _below("root", "corpus/samples.npy")  # every clip, decoded once; beside it lies where each clip begins
    chunks = _below("root", "corpus/chunks.parquet")
    spectrograms = _below("root", "corpus/spectrograms.npy")
    problems = _below("root", "corpus/problems.parquet")
    features = _below("root", "train/features.npy")
    scores = _below("root", "evaluate/scores.parquet")
    confusion = _below("root", "evaluate/confusion.parquet")
    pairs = _below("root", "evaluate/pairs.parquet")

    elsewhere = _below("root", "elsewhere.json")  # of an imported corpus: where it comes from

    phone = _below("pages", "phone.html")  # every file that was made for a phone, as a plot to look around in
    phone_csv = _below("pages", "phone.csv")

    def fit(self, augmentation: str, partition: str) -> Path:
        """The folder of one fit: model.keras, history.parquet, predictions.parquet, record.json."""
        return self.root / "train" / augmentation / partition

    def baseline(self, system: str, partition: str) -> Path:
        """The predictions of a system that DS Lite is compared with."""
        return self.root / "baseline" / system / partition / "predictions.parquet"

    def file(self, stage: str, name: str = ".") -> Path:
        """A file of a stage by its name; ``.`` for the stage's folder."""
        return self.root / stage / name

    def record(self, stage: str) -> Path:
        """Written last by a stage: what it ran with and what came of it. No record, no finished stage."""
        return self.root / stage / "record.json"

    def notebook(self, stage: str) -> Path:
        return self.pages / f"{stage}.ipynb"

    def page(self, stage: str) -> Path:
        return self.pages / f"{stage}.html"

    def printed(self, stage: str) -> Path:
        """What its jobs on a cluster printed, to be read beside its page."""
        return self.pages / f"{stage}.log.txt"

    def failed_page(self, stage: str) -> Path:
        return self.pages / f"{stage}.failed.html"


@dataclass(frozen=True)
class Paths:
    """The layout below one output folder (the repository's root unless ``--output`` says otherwise)."""

    output: Path

    @classmethod
    def of(cls, output: str | Path, changes: str = "") -> "Paths":
        """The layout below a folder that somebody named (empty: the repository's root), or of a run with ``changes``,
        by their folder's name, in it."""
        paths = cls(Path(output).expanduser().resolve() if str(output) else NOTEBOOKS.parent)
        return cls(paths.changed(changes)) if changes and paths.unchanged == paths else paths

    reports = _below("output", "reports")
    artifacts = _below("output", "artifacts")
    manifest = _below("output", "manifest.json")  # of an export: every file with its hash, and what it is of

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

    def seed(self, seed: int | str) -> Path:
        """The output of a run with a further seed."""
        return self.artifacts / "seeds" / str(seed)

    @property
    def unchanged(self) -> "Paths":
        """The layout that a run with changes lies in; of any other run its own."""
        inside = (folder for folder in (self.output, *self.output.parents) if folder.parent.name == CHANGED)
        return Paths(next((folder.parents[1] for folder in inside), self.output))

    def changed(self, name: str) -> Path:
        """The output of a run with changes, named by them; without a name, of the one without."""
        return self.unchanged.output / CHANGED / name if name else self.unchanged.output

    def split(self, corpus: str) -> Path:
        """Where the split of own data is written down: one for all seeds and changes."""
        outer = (Paths(folder) for folder in self.output.parents)
        first = next((paths for paths in outer if paths.seed(self.output.name) == self.output), self)
        return first.unchanged.corpus(corpus).file("corpus", "split.csv")

    def recorded(self, stage: str) -> list[str]:
        """Names of the corpora whose record of a stage is there, sorted."""
        return sorted(file.parents[1].name for file in self.artifacts.glob(f"*/{stage}/record.json"))

    def further(self) -> list["Paths"]:
        """The outputs of further seeds that are there."""
        return [Paths(folder) for folder in sorted(self.artifacts.glob("seeds/*")) if folder.is_dir()]

    index = _below("reports", "index.html")
    crate = _below("reports", "ro-crate-metadata.json")  # what made the reports, for programs
    gallery = _below("reports", "gallery.html")
    results = _below("reports", "results.csv")
    seeds = _below("reports", "seeds.csv")  # ``results.csv`` of all seeds
    scorecard = _below("reports", "scorecard.csv")  # every published figure with ours and a verdict
    scorecard_page = _below("reports", "scorecard.html")
    discrepancies = _below("reports", "discrepancies.html")

    def table(self, number: int, more: str = "") -> Path:
        """A table as CSV; ``more`` is :data:`FULL_CHUNK` or nothing."""
        return self.reports / "tables" / f"table{number}{more}.csv"

    def tex(self, number: int, more: str = "") -> Path:
        """The same table as LaTeX."""
        return self.table(number, more).with_suffix(".tex")

    def links(self, number: int, more: str = "") -> dict[str, str]:
        """``csv`` and ``tex`` -> that file of a table, as seen from the index, as far as it is there."""
        files = (self.table(number, more), self.tex(number, more))
        return {file.suffix[1:]: file.relative_to(self.reports).as_posix() for file in files if file.exists()}

    # A run's own notes; what stands above is for readers.
    plan = _below("artifacts", "plan.json")  # what the present run is made of, for Snakemake and notebooks' processes
    run = _below("artifacts", "run.json")  # the last run: command, options, versions, times, exit code
    tools = _below("artifacts", "tools")  # settings and caches of IPython and matplotlib
    lock = _below("artifacts", "run.lock")  # held by a run while it lives
    logs = _below("artifacts", "logs")
    engine_log = _below("logs", "run.log")  # what Snakemake has to say, and tracebacks

    cluster_logs = _below("logs", "cluster")  # what the jobs of a cluster printed besides

    def log(self, job: str) -> Path:
        """What one notebook's process printed, with the traceback if it failed."""
        return self.logs / f"{job}.log"

    def helper(self, job: str, number: int | str) -> Path:
        """What a helper of one notebook leaves at its end: an empty file, or a word on why it ended early."""
        return self.logs / f"{job}-{number}.helped"

    def outcome(self, job: str) -> Path:
        """How one notebook's last attempt went, see :mod:`dslite.run.outcome`."""
        return self.logs / f"{job}.json"

    def progress(self, job: str) -> Path:
        """How far one notebook is, see :mod:`dslite.layout.progress`."""
        return self.logs / f"{job}.progress.json"
