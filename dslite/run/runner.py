"""``python -m dslite.run.launcher dslite.run.runner PLAN JOB THREADS``: the process of one notebook."""

import argparse
import os
import time
import traceback
from pathlib import Path

from dslite.errors import DsliteError
from dslite.layout import notes as notes
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

    places, stage = job.places(paths), job.stage
    values = job.parameters | ({"workers": threads} if "workers" in job.parameters else {})
    note = notes.outcome(paths, job.name)
    os.environ |= kernel.environment() | {progress.VARIABLE: str(notes.progress(paths, job.name))}
    begin = time.monotonic()
    Outcome("running", parameters=values).write(note)
    try:
        target = execution.Target(
            notebook=places.notebook(stage),
            page=places.page(stage),
            failed=places.failed_page(stage),
            record=places.record(stage),
            title=job.title,
            home=paths.index,
        )
        # Relative, so that the notebook can be run where it lies, wherever the output folder is moved.
        here = os.path.relpath(paths.output, target.notebook.parent)
        execution.execute(Path(job.template), values | ({"output": here} if "output" in values else {}), target)
    except Exception as error:
        sentence = str(error) if isinstance(error, DsliteError) else f"{type(error).__name__}: {error}"
        Outcome("failed", time.monotonic() - begin, sentence, values).write(note)
        raise
    took = time.monotonic() - begin
    Outcome("done", took, "", values, job.made_from, job.page_from, job.identities(paths)).write(note)


def main() -> int:
    parser = argparse.ArgumentParser(prog="dslite.run.runner", description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("job")
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    end_quickly()
    plan = plans.read(options.plan)
    try:
        run(plan.job(options.job), plan.paths, options.threads)
    except Exception:
        traceback.print_exc()
        return 1
    return 0
