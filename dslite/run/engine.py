"""Snakemake behind two functions: what would run and why, and run it. Nothing of it reaches the screen."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.exceptions import WorkflowError
from snakemake.logging import DefaultFormatter
from snakemake.logging import logger as chatter
from snakemake.scheduling.greedy import SchedulerSettings as GreedySettings
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    ExecutionSettings,
    OutputSettings,
    ResourceSettings,
    SchedulingSettings,
)
from snakemake_interface_logger_plugins.common import LogEvent

from dslite.errors import DsliteError
from dslite.layout import notes as traces
from dslite.run import outcome, runner
from dslite.run.plan import Plan
from dslite.run.reasons import explain
from dslite.run.signals import STOPPED

SNAKEFILE = Path(__file__).with_name("Snakefile")


class _Listener(logging.Handler):
    """Hands Snakemake's events on, by the name of the job (its rule).

    ``reasons`` collects those of all jobs that are to run, as Snakemake words them.
    """

    def __init__(self, started: Callable[[str], None], ended: Callable[[str], None]) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}
        self._names: dict[int, str] = {}
        self._started, self._ended = started, ended

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO and record.rule_name != "all":
            self._names[record.jobid] = record.rule_name
            self.reasons[record.rule_name] = record.reason
            self._started(record.rule_name)
        elif event in (LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR):
            number = record.job_id if event == LogEvent.JOB_FINISHED else record.jobid
            if number in self._names:
                self._ended(self._names[number])


def to_do(plan: Plan) -> dict[str, str]:
    """Names of the jobs that have to run, in the plan's order, and why (for people). Runs nothing.

    Raises:
        DsliteError: Snakemake could not make sense of what it found.
    """
    listener = _Listener(lambda name: None, lambda name: None)
    _snakemake(plan, 1, listener, dry=True)
    paths = plan.paths
    return {
        job.name: explain(listener.reasons[job.name], outcome.read(traces.outcome(paths, job.name)), job.corpus)
        for job in plan.jobs
        if job.name in listener.reasons
    }


def execute(plan: Plan, cores: int, started: Callable[[str], None], ended: Callable[[str], None]) -> bool:
    """Runs what has to run; a job that fails does not stop the others.

    Args:
        plan: the jobs.
        cores: how many threads of jobs may run at a time.
        started: called with the name of each job as it starts.
        ended: called with it as it ends, well or badly; maybe from another thread.

    Returns:
        Whether every job succeeded.

    Raises:
        KeyboardInterrupt: the run was told to stop.
        DsliteError: Snakemake itself failed.
    """
    done = _snakemake(plan, cores, _Listener(started, ended), dry=False)
    if STOPPED.is_set():  # Snakemake keeps the interrupt to itself
        raise KeyboardInterrupt
    return done


def _snakemake(plan: Plan, cores: int, listener: _Listener, dry: bool) -> bool:
    paths = plan.paths
    paths.artifacts.mkdir(parents=True, exist_ok=True)
    paths.logs.mkdir(exist_ok=True)
    if not plan.wanted:
        return True
    stored = traces.draft_plan(paths) if dry else traces.plan(paths)
    plan.write(stored)
    os.environ |= {"DSLITE_PYTHON": sys.executable, runner.RUN: str(os.getpid())}
    log = logging.FileHandler(traces.engine_log(paths), encoding="utf-8")
    log.setFormatter(DefaultFormatter())
    try:
        with SnakemakeApi(OutputSettings(dryrun=dry, enable_file_logging=False)) as api:
            chatter.handlers[:] = [log, listener]
            workflow = api.workflow(
                ResourceSettings(cores=cores),
                ConfigSettings(config={"plan": stored.name}),
                snakefile=SNAKEFILE,
                workdir=paths.artifacts,
            )
            dag = workflow.dag(DAGSettings(force_incomplete=True))
            dag.execute_workflow(
                executor="dryrun" if dry else "local",
                execution_settings=ExecutionSettings(keep_going=True, lock=False),
                scheduling_settings=SchedulingSettings(scheduler="greedy"),
                scheduler_settings=GreedySettings(),
            )
    except WorkflowError as error:
        if "At least one job did not complete" not in str(error):
            raise DsliteError(f"The workflow could not be planned or run: {error}") from error
        return False
    finally:
        log.close()
        if dry:
            stored.unlink()
    return True
