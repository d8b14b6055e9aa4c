"""What a run that is gone has left on a cluster."""

import time
from contextlib import suppress

from dslite.errors import DsliteError
from dslite.run import plan as plans
from dslite.run import session, submitted
from dslite.run.cluster import SLURM
from dslite.run.screen import Screen
from dslite.run.session import Session

_PARTS = ("template", "inputs", "made_from", "page_from")
"""Of a job, what makes it the same one."""

_POLL = 5.0
"""Seconds between two looks at the queue."""


def prepare(dry_run: bool, *what) -> Session:
    """:func:`dslite.run.session.prepare`; if not for a ``dry_run``, once no job is left."""
    while True:
        planned = session.prepare(*what)
        if dry_run or not settle(planned.whole):
            return planned


def settle(planned: Session) -> bool:
    """Waits for jobs of a run that is gone (it was killed with -9, say) where this one would submit the same, and
    cancels the others.

    Returns:
        Whether there were any; what is to do is then to be found out once more.

    Raises:
        DsliteError: somebody else's jobs work on the same output.
    """
    if not planned.cluster or planned.cluster.executor != SLURM:
        return False
    submitted.refuse_others(planned.paths)
    if not (there := submitted.left(planned.paths)):
        return False
    before = {job.name: job for job in plans.read(planned.paths.plan).jobs} if planned.paths.plan.exists() else {}
    same = [job for job in planned.jobs if job.name in before and not job.before(planned.jobs)]
    same = [job for job in same if all(getattr(job, part) == getattr(before[job.name], part) for part in _PARTS)]
    of = {}
    for job in same:
        helped = job.helped_by(planned.paths) if job.helpers == before[job.name].helpers else ()  # else of other shares
        of |= {name: job for name in (job.name, *helped) if name in there}
    submitted.cancel(number for name, numbers in there.items() if name not in of for number in numbers)
    if of:
        ids = ", ".join(f"{name} ({' '.join(there[name])})" for name in of)
        print(f"Still on the cluster, and not submitted again: {ids}", flush=True)
    waited_for = {job.name: job for job in of.values()}
    with (
        submitted.cancelled_with(planned.cluster, planned.paths),
        Screen([*waited_for.values()], planned.each, planned.side_by_side, planned.paths) as screen,
    ):
        for name in waited_for:
            screen.started(name)
        while of:
            time.sleep(_POLL)
            with suppress(DsliteError):  # SLURM may be silent for a while
                there = submitted.left(planned.paths)
            for name in [name for name in of if name not in there]:
                del of[name]
                if name in waited_for:  # a helper leaves finished fits, and says nothing
                    submitted.done(waited_for[name], planned.paths)
                    submitted.failed(waited_for[name], "", planned.paths)
                    screen.finished(name)
    return True
