"""Snakemake behind one function: run what has to run. Nothing of it reaches the screen."""

import logging
import os
from collections.abc import Callable

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
    SharedFSUsage,
    StorageSettings,
)
from snakemake_interface_logger_plugins.common import LogEvent

from dslite.errors import DsliteError
from dslite.layout.paths import SNAKEFILE
from dslite.processes import gpus
from dslite.run import launcher, signals, submitted
from dslite.run.cluster import Cluster
from dslite.run.plan import Plan

ByName = Callable[[str], None]
"""What is called with the name of a job."""


class _Listener(logging.Handler):
    """Hands Snakemake's events on, by the name of the job (its rule); its helpers' starts are its own.

    ``again`` is None on this machine; of a cluster it makes Snakemake try a job, by its name, a second time. ``rules``
    gives the rule of each of Snakemake's job numbers: what an executor itself says of its jobs, not every one does say.
    """

    again: ByName | None = None
    rules: Callable[[], dict[int, str]] = dict

    def __init__(self, plan: Plan, started: ByName, ended: ByName) -> None:
        super().__init__()
        self._paths, self._jobs = plan.paths, {job.name: job for job in plan.jobs}
        self._scarce: set[str] = set()  # those whose memory ran out
        self._names: dict[int, str] = {}
        self._started, self._ended = started, ended
        self._of = {rule: job.name for job in plan.jobs for rule in job.helped_by(plan.paths)}

    def emit(self, record: logging.LogRecord) -> None:
        said = vars(record)
        event = said.get("event")
        if event == LogEvent.JOB_STARTED:
            self._names = self.rules()
            for name in (self._names[number] for number in said["jobs"]):
                if self.again and name in self._jobs:
                    submitted.begun(self._jobs[name], self._paths)
                if name in self._jobs or name in self._of:
                    self._started(self._of.get(name, name))
        elif event == LogEvent.JOB_ERROR and signals.STOPPED.is_set():
            return  # it was ended with the run, and has not failed
        elif event in (LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR):
            number = said["job_id" if event == LogEvent.JOB_FINISHED else "jobid"]
            name = self._names.get(number, "")
            if name in self._jobs and not (self.again and self._goes_on(name, event, str(said.get("rule_msg") or ""))):
                self._ended(name)
            elif self.again and name in self._of and event == LogEvent.JOB_ERROR:
                submitted.failed(self._jobs[self._of[name]], str(said.get("rule_msg") or ""), self._paths)

    def _goes_on(self, name: str, event: LogEvent, message: str) -> bool:
        """Whether a job of a cluster that has ended is tried again: once, where memory ran out."""
        if event == LogEvent.JOB_FINISHED:
            submitted.done(self._jobs[name], self._paths)
            return False
        scarce = name in self._scarce
        if not submitted.failed(self._jobs[name], message, self._paths, scarce) or scarce:
            return False
        self._scarce.add(name)
        self.again(name)
        return True


def execute(plan: Plan, cores: int, started: ByName, ended: ByName, cluster: Cluster | None = None) -> bool:
    """Runs every job of a plan, in order of their inputs; one that fails does not stop the others.

    Args:
        plan, cores: the jobs, and how many threads of them may run at a time.
        started, ended: called with the name of each job as it starts and as it ends, well or badly; the latter maybe
            from another thread.
        cluster: where the jobs run, each then with all its threads; None for this machine.

    Returns:
        Whether every job succeeded.

    Raises:
        KeyboardInterrupt: the run was told to stop.
        DsliteError: Snakemake itself failed.
    """
    if not plan.jobs:
        return True
    paths = plan.paths
    paths.logs.mkdir(parents=True, exist_ok=True)
    plan.write(paths.plan)
    if cluster:  # a job lives as long as the cluster has it, and has no process of this machine
        os.environ.pop(launcher.RUN, None)
        signals.AFAR.set()
        # What is worth no job runs on this machine, one notebook at a time: others are at work there.
        limits = ResourceSettings(nodes=cluster.jobs, resources={"here": 1}, default_resources=dict(cluster.resources))
        shared = SharedFSUsage.all() - {SharedFSUsage.SOURCE_CACHE}
    else:
        os.environ[launcher.RUN] = str(os.getpid())
        signals.AFAR.clear()
        limits = ResourceSettings(cores=cores, resources={"gpu": len(gpus())})
        shared = frozenset()
    wait = submitted.LATE if cluster else 3  # seconds, until a file of a job that has ended is seen
    log = logging.FileHandler(paths.engine_log, encoding="utf-8")
    log.setFormatter(DefaultFormatter())
    done = True
    try:
        with SnakemakeApi(OutputSettings(enable_file_logging=False)) as api:
            listener = _Listener(plan, started, ended)
            chatter.handlers[:] = [log, listener]
            workflow = api.workflow(
                limits,
                ConfigSettings(config={"plan": paths.plan.name}),
                snakefile=SNAKEFILE,
                workdir=paths.artifacts,
                # Its own cache goes to a temporary folder: in a home that cannot be written there is no place for it.
                storage_settings=StorageSettings(shared_fs_usage=shared),
            )
            inner = workflow._workflow
            listener.rules = lambda: {job.jobid: job.rule.name for job in inner.dag.jobs}
            if cluster:  # were two tries allowed of every job, one that fails by itself would be submitted again
                listener.again = lambda name: setattr(inner.get_rule(name), "restart_times", 1)
            workflow.dag(DAGSettings(forceall=True, force_incomplete=True)).execute_workflow(
                executor=cluster.executor if cluster else "local",
                executor_settings=cluster.plugin_settings(paths) if cluster else None,
                execution_settings=ExecutionSettings(latency_wait=wait, keep_going=True, lock=False),
                scheduling_settings=SchedulingSettings(scheduler="greedy"),
                scheduler_settings=GreedySettings(),
            )
    except WorkflowError as error:
        # Told to stop, it is no error either that a silent cluster lets nothing be cancelled.
        if "At least one job did not complete" not in str(error) and not signals.STOPPED.is_set():
            raise DsliteError(f"The workflow could not be planned or run: {error}") from error
        done = False
    finally:
        log.close()
    if signals.STOPPED.is_set():  # Snakemake keeps the interrupt to itself
        raise KeyboardInterrupt
    return done
