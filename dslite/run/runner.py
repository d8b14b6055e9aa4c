"""``python -m dslite.run.launcher dslite.run.runner PLAN JOB THREADS``: the process of one notebook."""

import os
import sys
import time
from pathlib import Path

from dslite.errors import DsliteError
from dslite.layout import progress
from dslite.layout.paths import Paths
from dslite.processes import end_quickly
from dslite.run import kernel, launcher
from dslite.run import plan as plans
from dslite.run.outcome import Outcome
from dslite.run.plan import Job


def run(job: Job, paths: Paths, threads: int) -> None:
    """Executes a job's notebook and notes how it went.

    Raises:
        DsliteError: it failed; the sentence is in its outcome too.
    """
    launcher.lighten()
    from dslite.run import execution

    values = job.parameters | ({"workers": threads} if "workers" in job.parameters else {})
    note = paths.outcome(job.name)
    os.environ |= kernel.environment() | {progress.VARIABLE: str(paths.progress(job.name))}
    begin = time.monotonic()
    Outcome("running", parameters=values).write(note)
    try:
        # Relative, so that the notebook can be run where it lies, wherever the output folder is moved.
        here = os.path.relpath(paths.output, job.places(paths).pages)
        execution.execute(job, paths, values | ({"output": here} if "output" in values else {}))
    except Exception as error:
        sentence = str(error) if isinstance(error, DsliteError) else f"{type(error).__name__}: {error}"
        Outcome("failed", time.monotonic() - begin, sentence, values).write(note)
        raise
    took = time.monotonic() - begin
    Outcome("done", took, "", values, job.made_from, job.page_from, job.identities(paths)).write(note)


def main() -> None:
    end_quickly()
    place, name, threads = sys.argv[1:]
    plan = plans.read(Path(place))
    run(plan.job(name), plan.paths, int(threads))
