"""``python -m dslite.run.runner PLAN JOB THREADS``: the process of one notebook; it dies with the run."""

import argparse
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from dslite.errors import DsliteError
from dslite.layout import notes as notes
from dslite.layout import progress
from dslite.layout.paths import Paths
from dslite.processes import die_with_parent, end_quickly
from dslite.run import kernel
from dslite.run import plan as plans
from dslite.run.outcome import Outcome
from dslite.run.plan import Job

RUN = "DSLITE_RUN"
"""Environment variable with the process id of the run."""


def run(job: Job, paths: Paths, threads: int) -> None:
    """Executes a job's notebook and notes how it went.

    Raises:
        DsliteError: it failed; the sentence is in its outcome too.
    """
    # jsonschema would build a grammar of web addresses, for a second and more of every notebook; nothing here has any.
    sys.modules.setdefault("rfc3987_syntax", None)
    from dslite.run import execution  # slow to import, so not before the lifeline holds

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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the run decides
    die_with_parent(int(os.environ[RUN]) if RUN in os.environ else None)
    end_quickly()
    plan = plans.read(options.plan)
    try:
        run(plan.job(options.job), plan.paths, options.threads)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
