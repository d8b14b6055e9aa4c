"""``python -m dslite.run.launcher dslite.run.runner PLAN RULE THREADS``: the process of one notebook or its helper."""

import os
import platform
import shutil
import sys
import time
import traceback
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from dslite.errors import DsliteError
from dslite.layout import progress
from dslite.layout.paths import Paths
from dslite.processes import end_quickly
from dslite.run import gpus, kernel, launcher
from dslite.run import plan as plans
from dslite.run.outcome import Outcome
from dslite.run.plan import Job
from dslite.stages.catalogue import STAGES


def run(job: Job, paths: Paths, threads: int) -> None:
    """Executes a job's notebook and notes how it went.

    Raises:
        DsliteError: it failed; the sentence is in its outcome too.
    """
    launcher.lighten()
    from dslite.run import execution

    values = job.parameters | ({"workers": threads} if "workers" in job.parameters else {})
    noted = values | ({"helpers": job.helpers} if job.helpers else {})  # its time was not that of all the work
    note = paths.outcome(job.name)
    os.environ |= kernel.environment() | {progress.VARIABLE: str(paths.progress(job.name))}
    begin = time.monotonic()
    where = _where()
    Outcome("running", parameters=noted, where=where).write(note)
    try:
        gpus.take(job.gpus)
        if STAGES[job.stage].shared:  # what helpers that were killed have left
            for rule in job.helped_by(paths):
                shutil.rmtree(job.places(paths).file(job.stage, rule), ignore_errors=True)
        # Relative, so that the notebook can be run where it lies, wherever the output folder is moved.
        here = os.path.relpath(paths.output, job.places(paths).pages)
        execution.execute(job, paths, values | ({"output": here} if "output" in values else {}))
    except Exception as error:
        sentence = str(error) if isinstance(error, DsliteError) else f"{type(error).__name__}: {error}"
        Outcome("failed", time.monotonic() - begin, sentence, noted, where=where).write(note)
        raise
    took = time.monotonic() - begin
    Outcome("done", took, "", noted, job.made_from, job.page_from, job.identities(paths), where).write(note)


def take_part(job: Job, paths: Paths, rule: str) -> None:
    """Does what a helper does of a job; where that fails, the notebook will come to it as well, and say so."""
    from dslite.run.resolve import resolve

    os.environ |= kernel.environment() | {progress.VARIABLE: str(paths.progress(job.name))}
    Outcome("running", parameters=job.parameters, where=_where()).write(paths.outcome(job.name))
    said = ""
    try:
        gpus.take(min(job.gpus, 1))
        settings = resolve(**job.parameters | {"workers": 1})
        if own := STAGES[job.stage].helpers:
            said = import_module(f"dslite.stages.{job.stage}.{own}").take_part(settings, rule)
        else:
            share = slice([*job.helped_by(paths)].index(rule), None, job.helpers)
            import_module("dslite.stages.train.helped").take_part(settings, job.stage, rule, share)
    except Exception:
        traceback.print_exc()
    job.helped_by(paths)[rule].write_text(said, "utf-8")


def _where() -> str:
    """A cluster's job and node, if this process is one of its and the cluster says so; said in its log, too."""
    given = os.environ.get
    numbers = {"SLURM": given("SLURM_JOB_ID"), "Grid Engine": given("SGE_TASK_ID") and given("JOB_ID")}
    where = next((f"{kind} job {number} on {platform.node()}" for kind, number in numbers.items() if number), "")
    print(where, end="\n" * bool(where), flush=True)
    return where


def main() -> None:
    end_quickly()
    place, rule, threads = sys.argv[1:]
    plan = plans.read(Path(place))
    for job in plan.jobs:
        here, paths, helpers = replace(job, seed=0), job.home(plan.paths), [*job.helped_by(plan.paths)]
        if rule in helpers:
            take_part(here, paths, [*here.helped_by(paths)][helpers.index(rule)])
        elif rule == job.name:
            run(here, paths, int(threads))
