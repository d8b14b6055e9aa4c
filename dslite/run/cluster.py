"""Notebooks as jobs of a cluster: what Snakemake's executor plug-ins are told."""

import difflib
import hashlib
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any

from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from dslite.errors import DsliteError
from dslite.layout.paths import Paths

SLURM = "slurm"
_SHARE, _MOST = 300.0, 8
"""Seconds of work that a helper is worth, which spends some of them on starting; how many a notebook has at most."""

_AS_RESOURCES = {"partition": "slurm_partition", "account": "slurm_account"}
"""What somebody who uses SLURM says -> the resource by which the plug-in knows it."""

_KNOWN = """slurm_partition slurm_account slurm_extra slurm_cluster cluster clusters constraint qos nodes tasks
tasks_per_gpu tasks_per_node cpus_per_task cpus_per_gpu gres gpu_model mpi mem_mb mem_mb_per_cpu
disk_mb runtime"""
"""Resources that the plug-in for SLURM reads; it passes over any other without a word. GPUs are for ``--gpus``."""

_FORGOTTEN = 3
"""Answers of SLURM in a row without a job, after which that is over."""

_SAID = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
"""What a setting of the plug-in that is yes or no may be -> its value."""

_OWN = "jobname_prefix"
"""The one setting of that plug-in that nobody may change: by it the jobs of an output are found again."""


@dataclass(frozen=True)
class Cluster:
    """Where notebooks run if not here.

    Attributes:
        executor: name of Snakemake's plug-in, e.g. ``slurm``.
        jobs: how many may be submitted at a time.
        resources: of every job, by the plug-in's names, e.g. ``slurm_partition``.
        settings: of the plug-in itself, by their names, e.g. ``status_command``.
        gpus: of a job that fits or asks the base model.
        helpers: how many jobs share the fits of a notebook; None: as many as they are worth.
    """

    executor: str
    jobs: int = 100
    resources: Mapping[str, int | str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    gpus: int = 0
    helpers: int | None = None

    def shares(self, seconds: float) -> int:
        """How many jobs share the work of a notebook, of so many seconds on one core; 0 where it is not worth two."""
        worth = min(int(seconds / _SHARE), _MOST)
        return (worth if worth > 1 else 0) if self.helpers is None else self.helpers

    def asked(self, estimated: Mapping[str, int]) -> dict[str, int]:
        """What of :class:`dslite.run.plan.Job` a job is given, where so much was estimated: what the options say comes
        first, and GPUs are for those who ask for them."""
        given = {"memory": self.resources.get("mem_mb"), "minutes": self.resources.get("runtime")}
        said = {name: int(value) for name, value in given.items() if value is not None}
        return {**estimated, **said, "gpus": self.gpus * estimated["gpus"]}

    def plugin_settings(self, paths: Paths) -> object:
        """The plug-in's own settings object, or None if it has none; SLURM's logs lie among those of the output."""
        ours: dict[str, object] = {}
        if self.executor == SLURM:
            # Its 40 s before a first look are longer than most notebooks of a stand-in.
            ours = {"logdir": paths.cluster_logs, "init_seconds_before_status_checks": 10}
            ours |= {"jobname_prefix": run_name(paths), "status_command": _status_command()}
            ours["pass_command_as_script"] = True  # else a shell reads it, and a $ or ` in the name of a folder
            _hear_every_end()
        kind = ExecutorPluginRegistry().get_plugin(self.executor).settings_cls
        return kind and kind(**ours | self.settings)


def chosen(executor: str, text: str, gpus: int = 0) -> Cluster:
    """A cluster as somebody names it.

    Args:
        executor: name of a plug-in, which must be installed; for ``slurm``, so must SLURM's ``sbatch``.
        text: options as ``name=value``, with spaces between them: ``jobs``, ``helpers``, settings of the plug-in, and
            any resource.
        gpus: see :class:`Cluster`.

    Raises:
        DsliteError: with what to install, or which option is none.
    """
    registry = ExecutorPluginRegistry()
    if not registry.is_installed(executor):
        what = "-r requirements-cluster.lock" if executor == SLURM else f"snakemake-executor-plugin-{executor}"
        raise DsliteError(f"Snakemake's executor {executor} is not installed: python -m pip install {what}")
    if executor == SLURM and not shutil.which("sbatch"):
        raise DsliteError(
            "There is no sbatch on the path: run this where jobs are submitted (a login node), or install SLURM's "
            "client programs (slurm-client on Debian and Ubuntu)."
        )
    kind = registry.get_plugin(executor).settings_cls
    known = {f.name: f.type for f in fields(kind) if executor != SLURM or f.name != _OWN} if kind else {}
    names = [*known, *_AS_RESOURCES, *_KNOWN.split(), "jobs", "helpers", "--gpus N"]
    found: dict[str, int | str | bool] = {}
    try:
        words = shlex.split(text)
    except ValueError:
        raise DsliteError(f"--cluster-options {text!r}: a quotation mark that opens a value must end it.") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not (name.isidentifier() and equals and value):
            raise DsliteError(f"--cluster-options are name=value, with spaces between them; {word!r} is not.")
        if executor == SLURM and name not in names:
            like = difflib.get_close_matches(name, names, 1, 0.5)
            told = f"did you mean {like[0]}?" if like else 'docs/run.md, "On a cluster", lists those that there are.'
            raise DsliteError(f"--cluster-options {word}: there is no {name}; {told}")
        least = {"jobs": 1, "mem_mb": 1, "runtime": 1, "helpers": 0}.get(name)
        if least is not None and not (value.isdigit() and int(value) >= least):
            raise DsliteError(f"{word} is not a number of at least {least}.")
        flag, said = "bool" in str(known.get(name)), _SAID.get(value.lower())
        if flag and said is None:
            raise DsliteError(f"--cluster-options {word}: yes or no was expected.")
        found[_AS_RESOURCES.get(name, name)] = said if flag else int(value) if value.isdigit() else value
    settings = {name: found.pop(name) for name in known.keys() & found.keys()}
    jobs, helpers = int(found.pop("jobs", 100)), found.pop("helpers", None)
    return Cluster(executor, jobs, found, settings, gpus, helpers)


def run_name(paths: Paths) -> str:
    """What the names of an output folder's jobs in SLURM begin with, so that a later run knows them."""
    return f"dslite-{hashlib.sha256(str(paths.output).encode()).hexdigest()[:12]}"


def _status_command() -> str:
    """``sacct`` where there is accounting, else ``squeue``, which forgets a job that ended MinJobAge seconds ago."""
    accounting = shutil.which("sacct") and not subprocess.run(["sacct", "-n", "-X"], capture_output=True).returncode
    return "sacct" if accounting else "squeue"


def _hear_every_end() -> None:
    """Has the plug-in keep its jobs while SLURM does not answer: after five looks in vain it forgets all of them, and
    the run would wait for ever. So it would for a job that ended, and was forgotten by SLURM, meanwhile, or that gave
    way to another and is not put back into the queue: that one is over, and what it has left says how. And so it would
    for what ``sacct`` calls "CANCELLED by 1000", which the plug-in does not know."""
    plugin: Any = import_module("snakemake_executor_plugin_slurm")
    if (look := plugin.query_job_status).__module__ == __name__:
        return
    seen: dict[str, dict[str, int]] = {}  # command -> job -> answers since the last that named it

    async def query_job_status(command: str, logger: object) -> tuple[dict[str, str], float]:
        states, seconds = await look(command, logger)
        if states is None:
            return {}, 0.0
        before = seen.get(command.split()[0], {})
        states = {job: state.partition(" ")[0] for job, state in states.items()}
        gave_way = [job for job, state in states.items() if state == "PREEMPTED"]
        states = {job: state for job, state in states.items() if state != "PREEMPTED"}
        since = {job: before.get(job, 0) + 1 for job in [*before, *gave_way]} | dict.fromkeys(states, 0)
        seen[command.split()[0]] = since
        over = [job for job, answers in since.items() if answers >= _FORGOTTEN]  # one answer alone may lack some
        return {job: "CANCELLED" if job in gave_way else "UNKNOWN" for job in over} | states, seconds

    plugin.query_job_status = query_job_status
