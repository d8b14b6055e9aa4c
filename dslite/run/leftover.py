"""What a run that is gone has left on a cluster."""

import time

from dslite.run import plan as plans
from dslite.run import submitted
from dslite.run.cluster import SLURM
from dslite.run.plan import Job
from dslite.run.screen import Screen
from dslite.run.session import Session

_POLL = 5.0
"""Seconds between two looks at the queue."""


def settle(session: Session) -> bool:
    """Waits for jobs of a run that is gone (it was killed with -9, say) where this one would submit the same, and
    cancels the others.

    Returns:
        Whether there were any; what is to do is then to be found out once more.
    """
    if not session.cluster or session.cluster.executor != SLURM or not (there := submitted.left(session.paths)):
        return False
    before = {job.name: job for job in plans.read(session.paths.plan).jobs} if session.paths.plan.exists() else {}
    same = [job for job in session.jobs if job.name in there and _same(job, before.get(job.name))]
    same = [job for job in same if not job.before(session.jobs)]
    names = [job.name for job in same]
    submitted.cancel(number for name, numbers in there.items() if name not in names for number in numbers)
    if same:
        ids = ", ".join(f"{name} ({' '.join(there[name])})" for name in names)
        print(f"Still on the cluster, and not submitted again: {ids}", flush=True)
    with (
        submitted.cancelled_with(session.cluster, session.paths),
        Screen(same, session.each, session.side_by_side, session.paths) as screen,
    ):
        for name in names:
            screen.started(name)
        while names:
            time.sleep(_POLL)
            there = submitted.left(session.paths)
            for name in [name for name in names if name not in there]:
                submitted.failed(name, "", session.paths)
                screen.finished(name)
                names.remove(name)
    return True


def _same(job: Job, before: Job | None) -> bool:
    """Whether a job comes to what it did when it was submitted."""
    return before is not None and all(
        getattr(job, part) == getattr(before, part) for part in ("template", "inputs", "made_from", "page_from")
    )
