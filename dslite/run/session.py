"""One run: what takes part, what has to run and why, and the running itself."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dslite import corpora
from dslite.errors import DsliteError
from dslite.files import full
from dslite.layout import records
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.layout.settings import Settings
from dslite.processes import gpus
from dslite.run import estimates, forks, outcome, plan, staleness, submitted
from dslite.run.cluster import Cluster
from dslite.run.plan import Job, Member, Plan
from dslite.run.screen import KILLED, Screen
from dslite.run.staleness import Reason
from dslite.stages.catalogue import STAGES, Workload
from dslite.transfer import wav2vec
from dslite.weights import digest


@dataclass(frozen=True)
class Session:
    """A run that has been planned.

    Attributes:
        settings: of each corpus that takes part, by its name.
        plan: its notebooks.
        to_do: name -> reason of those that have to run.
        each: name -> estimated seconds of those.
        cores: threads that run at a time; on a cluster, of one job.
        cluster: where the notebooks run; None for this machine.
        further: the same with further seeds, up to their scores, each in an output of its own.
    """

    settings: dict[str, Settings]
    plan: Plan
    to_do: dict[str, Reason]
    each: dict[str, float]
    cores: int
    cluster: Cluster | None = None
    further: tuple["Session", ...] = ()

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
        return estimates.total(self.jobs, self.each, self.side_by_side)

    @property
    def side_by_side(self) -> int:
        """Threads of all jobs at a time."""
        return self.cores * (self.cluster.jobs if self.cluster else 1)

    @property
    def whole(self) -> "Session":
        """This and those of further seeds as one session, in which jobs of one name have different ones."""
        jobs, to_do, each = [*self.plan.jobs], dict(self.to_do), dict(self.each)
        for other in self.further:
            for job in other.plan.jobs:
                jobs.append(replace(job, seed=job.parameters["seed"]))
                if job.name in other.to_do:
                    to_do[jobs[-1].name], each[jobs[-1].name] = other.to_do[job.name], other.each[job.name]
        return replace(self, plan=self.plan.only(jobs), to_do=to_do, each=each, further=())

    def after(self, undone: Sequence[str]) -> "Session":
        """The same once it has run: only the notebooks that are not done are still to do."""
        return replace(self, to_do={name: self.to_do[name] for name in undone if name in self.to_do})

    def state(self, job: Job) -> staleness.State:
        return staleness.state(job, self.paths, self.to_do)


def prepare(
    settings: Sequence[Settings],
    stages: Sequence[str],
    benchmark: str,
    cores: int,
    templates: Path = NOTEBOOKS,
    cluster: Cluster | None = None,
    seeds: Iterable[Sequence[Settings]] = (),
) -> Session:
    """Plans a run; nothing is executed.

    Args:
        settings: of the corpora that take part, at least one, all with the same output and seed.
        stages, templates: the wanted ones, and the folder of the template notebooks.
        benchmark: base model that Table 5 is measured on.
        cores: threads that run at a time; on a cluster, of one job.
        cluster: where the notebooks will run; None for this machine.
        seeds: settings of the same corpora for each further seed.
    """
    further = tuple(prepare(of, ("evaluate",), benchmark, cores, templates, cluster) for of in seeds)
    members = []
    of_source = tuple(needed for stage in stages for needed in STAGES[stage].asked_of_source(settings[0].embedder))
    sources = {s.origin.name: s.origin for s in settings if s.origin and of_source}
    settings = [*settings, *sources.values()]
    for s in settings:
        if records.elsewhere(s.paths):  # taken as it is: nothing of it is made here
            lies_here = f"its results in {s.output} were computed elsewhere, perhaps of other files than {s.source}"
            without = "it was computed elsewhere and came without its model, which the stage graph asks"
            if reason := s.name in sources and without or s.name not in corpora.REGISTRY and lies_here:
                raise DsliteError(f"{s.name}: {reason}: give --output another folder.")
            continue
        # A stand-in is made from code and seed, which are compared anyway.
        audio = {"audio": "stand-in"} if s.standin else corpora.fingerprint(s.recordings)
        weights, embedder = digest(s.weights_file) or "", wav2vec.digest(s.embedder)
        source = (s.origin.name if s.origin else "", of_source if s.name in sources else None)
        members.append(Member(s.name, title(s.name), s.as_parameters(), s.chosen, audio, weights, *source, embedder))
    output, seed = settings[0].output, settings[0].seed
    across = {"output": str(output), "seed": seed, "backbone": benchmark, "workers": 1}
    whole = plan.make(output, templates, members, stages, across)
    to_do = staleness.to_do(whole)
    if any(other.jobs for other in further):
        gather = (job.name for job in whole.jobs if not job.corpus and STAGES[job.stage].needs)
        to_do = dict.fromkeys(gather, Reason("new input: further seeds")) | to_do
    planned = Session({s.name: s for s in settings}, whole, to_do, {}, cores, cluster, further)
    loads = {s.name: estimates.workload(s) for s in settings}
    whole = whole.only(replace(job, **_lent(job, planned, loads.get(job.corpus))) for job in whole.jobs)
    each = {
        job.name: estimates.seconds(job, whole.paths, loads.get(job.corpus)) for job in whole.jobs if job.name in to_do
    }
    # What is waited for longest starts first: a corpus with long fits ahead does not queue behind short ones.
    ahead = {job.name: round(estimates.ahead(job, whole.jobs, each)) for job in whole.jobs}
    whole = whole.only(replace(job, priority=ahead[job.name]) for job in whole.jobs)
    if cluster:
        asked = (estimates.resources(job, each.get(job.name, 0.0)) for job in whole.jobs)
        whole = whole.only(replace(job, **cluster.asked(of)) for job, of in zip(whole.jobs, asked, strict=True))
    return replace(planned, plan=whole, each=each)


def _lent(job: Job, session: Session, load: Workload | None) -> dict[str, int]:
    """Threads, helpers and GPUs of a notebook: one corpus that is fitted must keep all cores busy, or many nodes."""
    stage, cores, cluster, helpers = STAGES[job.stage], session.cores, session.cluster, 0
    if job.name in session.to_do and session.to_do[job.name].results:
        # Helpers would each fine-tune an embedder.
        if cluster and (stage.helpers or stage.shared) and not job.parameters.get("embedder"):
            helpers = cluster.shares(estimates.seconds(job, session.paths, load))
        elif stage.helpers and cores > 1:
            helpers = cores
    # On a cluster each has its cores to itself, and needs one where helpers have left little to do.
    alike = 1 if cluster else sum(other.stage == job.stage for other in session.jobs)
    threads = {"one": 1, "share": max(1, cores // max(alike, 1)), "all": cores}[stage.threads]
    threads = 1 if cluster and helpers else threads
    return {"threads": threads, "helpers": helpers, "gpus": min(threads, len(gpus())) if stage.weights else 0}


def execute(session: Session, since: float) -> list[str]:
    """Runs what has to run, with progress on the screen; ``since`` as in :func:`undone_since`.

    Returns:
        Names of the notebooks that were to run and are not done.

    Raises:
        KeyboardInterrupt: the run was told to stop.
    """
    from dslite.run import engine  # imports Snakemake: what runs no notebook does without

    paths = session.paths
    # For all processes of the run: no profile, start-up code or style of the user, no home that must be written.
    os.environ |= dict.fromkeys(("IPYTHONDIR", "MPLCONFIGDIR"), str(paths.tools)) | {"PYTHONSTARTUP": ""}
    jobs = session.jobs
    # What gathers results across corpora runs after all others, whatever became of them.
    last = [job for job in jobs if not job.corpus and STAGES[job.stage].needs]
    first = [job for job in jobs if job not in last]
    with (
        forks.opened(0 if session.cluster else len(jobs), paths.log("forks")),
        submitted.cancelled_with(session.cluster, paths),
        Screen(jobs, session.each, session.side_by_side, paths) as screen,
    ):
        screen.queues = bool(session.cluster)
        engine.execute(session.plan.only(first), session.cores, screen.started, screen.finished, session.cluster)
        undone = undone_since(session, since, first)
        _name_the_killed(paths, (job for job in first if job.name in undone))
        for job in first:  # what did not come about must not be shown as a result
            if job.name in undone and session.to_do[job.name].results:
                job.places(paths).record(job.stage).unlink(missing_ok=True)
        last = [replace(job, inputs=plan.gathered(job.stage, session.plan.output)) for job in last]
        ready = [job for job in last if job.inputs]
        engine.execute(session.plan.only(ready), session.cores, screen.started, screen.finished, session.cluster)
    return undone + undone_since(session, since, last)


def undone_since(session: Session, since: float, jobs: Sequence[Job] | None = None) -> list[str]:
    """Names of the notebooks that were to run and have not come to their end ``since`` then, in seconds since 1970 by
    the clock of the output's file system (:func:`dslite.run.runlock.clock`)."""
    undone = []
    for job in session.jobs if jobs is None else jobs:
        place = job.note(session.paths)
        last = outcome.read(place) if place.exists() and place.stat().st_mtime >= since else None
        undone += [job.name] if last is None or last.state != "done" else []
    return undone


def _name_the_killed(paths: Paths, undone: Iterable[Job]) -> None:
    """Says of notebooks whose whole process was ended from outside that they failed: they could not say so."""
    for place in (job.note(paths) for job in undone):
        last = outcome.read(place)
        if last and last.state == "running":
            replace(last, state="failed", error=full(paths.output) or KILLED).write(place)


def title(name: str) -> str:
    """A corpus' title for people."""
    return corpora.REGISTRY[name].title if name in corpora.REGISTRY else name
