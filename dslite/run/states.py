"""The state of every notebook, for ``--list`` and the index page."""

from collections.abc import Mapping
from dataclasses import dataclass

from dslite.layout.paths import Paths
from dslite.run import outcome
from dslite.run.plan import Job
from dslite.run.staleness import Reason


@dataclass(frozen=True)
class State:
    """Of one notebook.

    ``state`` is "done", "stale" (done once, but it would run again), "running", "failed" or "not run"; ``reason`` says
    why it is stale or failed; ``link`` is the page to read, from ``reports/``, or empty; ``seconds`` is what its last
    attempt took.
    """

    state: str
    reason: str = ""
    link: str = ""
    seconds: float | None = None


def of(job: Job, paths: Paths, to_do: Mapping[str, Reason]) -> State:
    """The state of a job's notebook.

    Args:
        job: the job.
        paths: the output.
        to_do: name -> reason of jobs that would run.
    """
    places, last = job.places(paths), outcome.read(paths.outcome(job.name))
    page, failed = places.page(job.stage), places.failed_page(job.stage)
    seconds = last.seconds if last and last.state != "running" else None
    if failed.exists():
        link = failed.relative_to(paths.reports).as_posix()
        return State("failed", last.error if last else "", link, seconds)
    if not page.exists():
        return State("failed" if last and last.state == "failed" else "not run", last.error if last else "")
    link = page.relative_to(paths.reports).as_posix()
    if job.name in to_do:
        return State("stale", to_do[job.name].text, link, seconds)
    if not places.record(job.stage).exists():  # a run that failed took it away, or somebody removed the artefacts
        return State("stale", "its results are gone", link, seconds)
    return State("done", "", link, seconds)
