"""What a run has submitted: how its jobs begin and end, and which of them are still on the cluster."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from dslite.errors import DsliteError
from dslite.layout.paths import Paths
from dslite.run import outcome
from dslite.run.cluster import SLURM, Cluster, run_name
from dslite.run.outcome import Outcome
from dslite.run.plan import Job
from dslite.run.screen import KILLED

_PATIENCE = 60
"""Seconds that a program of SLURM's may take."""

LATE = 60
"""Seconds after which a file of another node is seen on a network's file system at the latest."""

# What a run hears of its jobs. ----------------------------------------------------------------------------------------


def begun(job: Job, paths: Paths) -> None:
    """Notes that a job is handed over; from when it runs, it notes that itself."""
    Outcome("running", parameters=job.parameters).write(job.note(paths))


def done(job: Job, paths: Paths) -> None:
    """Returns once what a job wrote on another machine at its end is seen here."""
    end = time.monotonic() + LATE
    while (last := outcome.read(job.note(paths))) and last.state == "running" and time.monotonic() < end:
        time.sleep(0.5)


def failed(job: Job, said: str, paths: Paths, scarce: bool = False) -> bool:
    """Notes why a job failed, where it could not say so itself.

    Args:
        job, said: which one, and what the plug-in says of it.
        scarce: whether this was its second try, with twice the memory, since the first ran out of it.

    Returns:
        Whether it was killed because memory ran out, as far as can be told.
    """
    last = outcome.read(job.note(paths)) or Outcome("running")
    if last.state != "running":
        return outcome.MEMORY in last.error
    status = next((word for word in _ENDS if word in said), "")
    first = re.split("\n|For further error details", said)[0]
    if not status and re.search(_REFUSED, first):
        once = "Memory ran out, and with twice as much it" if scarce else "It"
        why = re.sub(".*(?:message was|with exception:|qsub failed:)", "", first).strip(" .'")
        sentence = f"{once} could not be submitted: {why} ({paths.engine_log.relative_to(paths.output)} says more)"
    else:
        unknown = f"{KILLED} The cluster says: {first}" if first else KILLED
        sentence = f"{_ENDS[status]} (SLURM: {status})." if status else unknown
    replace(last, state="failed", error=sentence).write(job.note(paths))
    return status == "OUT_OF_MEMORY" or sentence.startswith(KILLED)


_REFUSED = "(sbatch|qsub|submission) failed|failed array .*submission|Error submitting"
"""How plug-ins, each in its words, say that a job could not be submitted."""

_ENDS = {
    "OUT_OF_MEMORY": "Memory ran out; give it more with --cluster-options mem_mb=N",
    "TIMEOUT": "Its time was over; give it more with --cluster-options runtime=MINUTES",
    "CANCELLED": "Somebody cancelled its job, or it had to give way to another; the same command runs it again",
    "NODE_FAIL": "Its node failed; the same command runs it again",
}
"""How SLURM names an end -> what that means."""


# What is on the cluster. ----------------------------------------------------------------------------------------------


def left(paths: Paths) -> dict[str, list[str]]:
    """Name of a notebook or helper -> ids in SLURM of its jobs that wait or run, of whatever run of this output by who
    asks."""
    found: dict[str, list[str]] = {}
    for number, _, _, rule in _queue(paths, "--me"):
        found.setdefault(rule, []).append(number)
    return found


def refuse_others(paths: Paths) -> None:
    """Raises a :class:`DsliteError` if jobs of another person's run of this output wait or run, as far as SLURM shows
    them."""
    if others := [f"{number} ({name})" for number, user, name, _ in _queue(paths) if int(user) != os.getuid()]:
        raise DsliteError(
            f"Jobs of somebody else work on {paths.output}: {', '.join(others)}. Wait for their end (squeue), ask for "
            "it, or take another --output."
        )


def _queue(paths: Paths, *whose: str) -> list[list[str]]:
    """Id, user's number and name, and rule of each job of an output that waits or runs."""
    if not shutil.which("squeue"):
        return []
    command = ["squeue", *whose, "--noheader", "--format=%j|%i|%U|%u|%k"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise DsliteError(f"squeue does not say what is still on the cluster: {said.strip()}") from error
    ours = [line.split("|", 4)[1:] for line in answer.stdout.splitlines() if line.startswith(run_name(paths))]
    return [[*who, comment.removeprefix("rule_")] for *who, comment in ours]


@contextmanager
def cancelled_with(cluster: Cluster | None, paths: Paths) -> Iterator[None]:
    """Cancels on SLURM what is left of an output's jobs when a ``with`` ends by Ctrl-C or an error: a job that was
    just being submitted is in none of Snakemake's lists."""
    try:
        yield
    except BaseException:
        if cluster and cluster.executor == SLURM:
            try:
                for _ in range(3):
                    cancel(number for numbers in left(paths).values() for number in numbers)
                    time.sleep(1)
            except DsliteError as error:
                print(f"Jobs may be left there, which the same command takes up: {error}", file=sys.stderr)
        raise


def cancel(numbers: Iterable[str]) -> None:
    """Cancels jobs of SLURM by their ids."""
    if numbers := [*numbers]:
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(["scancel", *numbers], capture_output=True, timeout=_PATIENCE)
