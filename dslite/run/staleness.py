"""Which notebooks have to run, and why, and the state of every one, for people. Results and page go out of date apart
from each other."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dslite.layout.paths import Paths
from dslite.run import outcome
from dslite.run.outcome import Outcome
from dslite.run.plan import Job, Plan, record


@dataclass(frozen=True)
class Reason:
    """Why a notebook runs; ``results`` says whether its results are stale, not only its page."""

    text: str
    results: bool = True


@dataclass(frozen=True)
class State:
    """Of one notebook.

    ``state`` is "done", "stale" (done once, but it would run again), "running", "failed" or "not run"; ``reason`` says
    why it is stale or failed; ``link`` is the page to read, from ``reports/``, or empty; ``seconds`` is what its last
    attempt took; where it ``ran``, if on a cluster, and ``log``, what its jobs printed, from ``reports/``.
    """

    state: str
    reason: str = ""
    link: str = ""
    seconds: float | None = None
    ran: str = ""
    log: str = ""


def to_do(plan: Plan) -> dict[str, Reason]:
    """Names of the jobs that have to run, in the plan's order, and why. Runs nothing."""
    found: dict[str, Reason] = {}
    for job in plan.jobs:
        stale = [b for b in job.before(plan.jobs) if b.name in found and found[b.name].results]
        if reason := _reason(job, plan.paths, stale):
            found[job.name] = reason
    return found


def state(job: Job, paths: Paths, to_do: Mapping[str, Reason]) -> State:
    """The state of a job's notebook, where the jobs ``to_do`` (name -> reason) would run."""
    last = outcome.read(job.note(paths))
    printed = job.places(paths).printed(job.stage)
    log = printed.relative_to(paths.reports).as_posix() if printed.exists() else ""
    return replace(_state(job, paths, to_do, last), ran=last.where if last else "", log=log)


def _state(job: Job, paths: Paths, to_do: Mapping[str, Reason], last: Outcome | None) -> State:
    places = job.places(paths)
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


def _reason(job: Job, paths: Paths, stale: list[Job]) -> Reason | None:
    last = outcome.read(job.note(paths))
    page, notebook, made = job.leaves(paths)
    if last is None:
        return Reason("new")
    if last.state != "done":
        return Reason({"running": "was cut short", "failed": "failed last time"}[last.state])
    if not made.is_file():
        return Reason("its files are gone")
    said = _inputs(job, last, paths, stale) + _changes(last.made_from, job.made_from)
    if said:
        return Reason("; ".join(said))
    if not page.is_file() or not notebook.is_file():
        return Reason("its page is gone", results=False)
    if said := _changes(last.page_from, job.page_from):
        return Reason(f"its page alone: {'; '.join(said)}", results=False)
    return None


def _inputs(job: Job, last: Outcome, paths: Paths, stale: list[Job]) -> list[str]:
    said = [] if last.inputs.keys() == job.inputs.keys() else ["changed input: other corpora have results"]
    renewed, now = {record(other.corpus, other.stage) for other in stale}, job.identities(paths)
    moved = {name for name, identity in last.inputs.items() if now.get(name, identity) != identity}
    new = [name for name, place in job.inputs.items() if place in renewed or name in moved]
    return said + ([f"new input: {_few(new)}"] if new else [])


def _changes(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    code = [name.removeprefix("code ") for name in names if name.startswith("code ")]
    said = [f"changed code: {_few(code)}"] if code else []
    for name in names:
        if name.startswith("parameter "):
            said.append(f"changed {name}: {_shown(before.get(name))} -> {_shown(now.get(name))}")
        elif not name.startswith("code "):
            said.append(f"changed input: the {name}")
    return said


def _shown(value: object) -> str:
    return "nothing" if value in ("", None) else value if isinstance(value, str) else json.dumps(value)


def _few(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
