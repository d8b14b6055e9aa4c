"""One run: what takes part, what has to run and why, and the running itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dslite import corpora
from dslite.layout import notes as traces
from dslite.layout.paths import BENCHMARK, NOTEBOOKS, SUMMARY, Paths
from dslite.layout.settings import Settings
from dslite.run import engine, estimates, nursery, outcome, plan, states
from dslite.run.plan import Job, Member, Plan
from dslite.run.screen import KILLED, Screen
from dslite.weights import digest


@dataclass(frozen=True)
class Session:
    """A run that has been planned.

    Attributes:
        settings: of each corpus that takes part, by its name.
        plan: its notebooks.
        to_do: name -> reason of those that have to run.
        each: name -> estimated seconds of those.
        cores: threads that run at a time.
    """

    settings: dict[str, Settings]
    plan: Plan
    to_do: dict[str, str]
    each: dict[str, float]
    cores: int

    @property
    def paths(self) -> Paths:
        return self.plan.paths

    @property
    def jobs(self) -> list[Job]:
        """The notebooks that have to run, in order."""
        return [job for job in self.plan.jobs if job.name in self.to_do]

    @property
    def seconds(self) -> float:
        """Estimated wall time of all of them."""
        return estimates.total(self.jobs, self.each, self.cores)

    def after(self, undone: Sequence[str]) -> "Session":
        """The same once it has run: only the notebooks that are not done are still to do."""
        return replace(self, to_do={name: self.to_do[name] for name in undone})

    def state(self, job: Job) -> states.State:
        return states.of(job, self.paths, self.to_do)


def prepare(
    settings: Sequence[Settings],
    stages: Sequence[str],
    output: Path,
    seed: int,
    benchmark: str,
    cores: int,
    templates: Path = NOTEBOOKS,
) -> Session:
    """Plans a run; nothing is executed.

    Args:
        settings: of the corpora that take part.
        stages: the wanted ones.
        output: below it ``reports/`` and ``artifacts/``.
        seed: of the notebooks across corpora.
        benchmark: base model that Table 5 is measured on.
        cores: threads that run at a time.
        templates: the folder of the template notebooks.
    """
    members = [Member(s.name, _title(s), s.as_parameters(), _audio(s), digest(s.weights_file) or "") for s in settings]
    once = {"output": str(output), "seed": seed}
    across = {BENCHMARK: once | {"backbone": benchmark, "workers": 1}, SUMMARY: once}
    whole = plan.make(output, templates, members, stages, across)
    to_do = engine.to_do(whole)
    fitting = sum(job.stage == "train" for job in whole.jobs if job.name in to_do)
    # A single corpus must keep all cores busy; and what is timed must have the machine to itself.
    threads = {"train": max(1, cores // fitting) if fitting else 1, BENCHMARK: cores, "ablation": cores}
    whole = whole.only(replace(job, threads=threads.get(job.stage, 1)) for job in whole.jobs)
    by_name = {s.name: s for s in settings}
    each = {
        job.name: estimates.seconds(job, whole.paths, lambda job: estimates.first_guess(job.stage, by_name[job.corpus]))
        for job in whole.jobs
        if job.name in to_do
    }
    # What is waited for longest starts first: a corpus with long fits ahead does not queue behind short ones.
    ahead = {job.name: round(estimates.ahead(job, whole.jobs, each)) for job in whole.jobs}
    whole = whole.only(replace(job, priority=ahead[job.name]) for job in whole.jobs)
    return Session(by_name, whole, to_do, each, cores)


def execute(session: Session) -> list[str]:
    """Runs what has to run, with progress on the screen.

    Returns:
        Names of the notebooks that were to run and are not done.

    Raises:
        KeyboardInterrupt: the run was told to stop.
    """
    whole, paths = session.plan, session.paths
    with (
        nursery.opened(len(session.jobs), traces.log(paths, "nursery")),
        Screen(session.jobs, session.each, session.cores, paths) as screen,
    ):
        first = whole.only(job for job in whole.jobs if job.stage != SUMMARY)
        engine.execute(first, session.cores, screen.started, screen.finished)
        open_jobs = engine.to_do(first)
        _name_the_killed(paths, open_jobs)
        for job in first.jobs:  # what did not come about must not be shown as a result
            if job.name in open_jobs:
                job.places(paths).record(job.stage).unlink(missing_ok=True)
        summary = whole.job(SUMMARY)
        after = tuple(plan.summary_records(whole.output))
        if SUMMARY in whole.wanted and not after:
            open_jobs[SUMMARY] = "no corpus has results"
        elif SUMMARY in whole.wanted:
            across = whole.only([replace(summary, after=after)])
            engine.execute(across, session.cores, screen.started, screen.finished)
            open_jobs |= engine.to_do(across)
    return [job.name for job in session.jobs if job.name in open_jobs]


def undone_since(session: Session, began: float) -> list[str]:
    """Names of the notebooks that were to run and have not come to their end since ``began`` (seconds since 1970)."""
    places = {name: traces.outcome(session.paths, name) for name in session.to_do}
    return [
        name
        for name, place in places.items()
        if not place.exists() or place.stat().st_mtime < began or outcome.read(place).state != "done"
    ]


def _name_the_killed(paths: Paths, undone: Iterable[str]) -> None:
    """Says of notebooks whose whole process was ended from outside that they failed: they could not say so."""
    for name in undone:
        place = traces.outcome(paths, name)
        last = outcome.read(place)
        if last and last.state == "running":
            replace(last, state="failed", error=KILLED).write(place)


def _title(settings: Settings) -> str:
    info = corpora.CORPORA.get(settings.name)
    return info.title if info else settings.name


def _audio(settings: Settings) -> str:
    """What identifies a corpus' audio; a stand-in is made from code and seed, which are compared anyway."""
    if settings.standin:
        return "stand-in"
    return corpora.fingerprint(Path(settings.source) if corpora.is_own(settings.source) else settings.folder)
