"""Where a run keeps its own notes, below ``artifacts/``; what it leaves for readers is in ``paths``."""

from pathlib import Path

from dslite.layout.paths import Paths


def plan(paths: Paths) -> Path:
    """What the present run is made of, for Snakemake and for the notebooks' processes."""
    return paths.artifacts / "plan.json"


def run(paths: Paths) -> Path:
    """The last run: command, options, versions, times, exit code."""
    return paths.artifacts / "run.json"


def tools(paths: Paths) -> Path:
    """Settings and caches of IPython and matplotlib."""
    return paths.artifacts / "tools"


def lock(paths: Paths) -> Path:
    """Held by a run while it lives."""
    return paths.artifacts / "run.lock"


def engine_log(paths: Paths) -> Path:
    """What Snakemake has to say, and tracebacks."""
    return paths.logs / "run.log"


def log(paths: Paths, job: str) -> Path:
    """What one notebook's process printed, with the traceback if it failed."""
    return paths.logs / f"{job}.log"


def helper(paths: Paths, job: str, number: int | str) -> Path:
    """What a helper of one notebook leaves at its end: an empty file, or a word on why it ended early."""
    return paths.logs / f"{job}-{number}.helped"


def outcome(paths: Paths, job: str) -> Path:
    """How one notebook's last attempt went, see ``outcome.Outcome``."""
    return paths.logs / f"{job}.json"


def progress(paths: Paths, job: str) -> Path:
    """How far one notebook is, see ``progress``."""
    return paths.logs / f"{job}.progress.json"
