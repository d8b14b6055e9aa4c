"""How long a run will take, before it has begun."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from dslite import corpora
from dslite.layout import notes as traces
from dslite.layout.paths import BENCHMARK, SUMMARY, Paths
from dslite.layout.settings import Settings
from dslite.readings import ablations
from dslite.run import needs, outcome
from dslite.run.plan import Job

ACROSS_SECONDS = {BENCHMARK: 155.0, SUMMARY: 8.0}
"""The notebooks across corpora, the first time, on one thread."""


def seconds(job: Job, paths: Paths, first: Callable[[Job], float]) -> float:
    """Wall time of one notebook: what it took last time with the same parameters, else a guess.

    Args:
        job: the notebook.
        paths: where its last outcome is.
        first: the guess for a notebook of a corpus, in seconds on one thread.
    """
    last = outcome.read(traces.outcome(paths, job.name))
    if last and last.state == "done" and _important(job, last.parameters) == _important(job, job.parameters):
        return last.seconds * last.parameters.get("workers", 1) / job.threads
    return (first(job) if job.corpus else ACROSS_SECONDS[job.stage]) / job.threads


_FORWARD = {"squeezenet_v1": 0.0065, "mobilenet_v2": 0.013, "densenet121": 0.060}
"""Seconds per picture and thread through a frozen base model, on a common server core (measured)."""


def first_guess(stage: str, settings: Settings) -> float:
    """Seconds that a stage takes with one worker, from counts of pictures and a cost measured elsewhere.

    It is good to about a factor of two on another machine; a second run goes by the first one's own times.
    """
    if stage == "evaluate":
        return 3.5
    if stage != "ablation":
        settings = replace(settings, chunk=0.0)
    info, recipe = corpora.CORPORA.get(settings.source), settings.recipe
    if settings.standin:
        pictures = 120
    elif info is None:
        pictures = 1.5 * len(Path(settings.source).read_bytes().splitlines())
    else:
        pictures = info.table1.files * (max(1.0, 2 * info.table1.mean_s / recipe.chunk - 1) if recipe.chunk else 1.0)
    if stage == "corpus":
        return 5.5 + 0.004 * pictures
    if stage == "baseline":  # of whole files, not chunks; then 20 points of the grid
        files = 120 if settings.standin else info.table1.files if info else pictures / 1.5
        return 8.0 + files * (0.008 + _FORWARD[settings.backbone])
    if stage == "explain":  # the chosen clips and the sample of each class
        demo, classes = settings.profile == "demo", len(info.classes) if info else 4
        return 14.0 + classes * (500 if demo else 7_000) * _FORWARD[settings.backbone]
    if stage == "deploy":  # half of the files are dev and test; each goes through Keras and four variants
        return 10.0 + 0.5 * pictures * 5 * _FORWARD[settings.backbone]
    forward, (first, second) = _FORWARD[settings.backbone], recipe.epochs
    fitted = 1.3 * pictures * (0.4 + 0.7)  # train, then train + dev, up-sampled
    # Three of four augmentations change three pictures in ten, which are rendered and pass the frozen part again.
    augmented = 3 * fitted * (first + second) * 0.3 * 1.4 * forward
    trained = 4 * fitted * second * 2.5 * recipe.share * forward
    if pictures > 3_000:  # then what crosses the cut is mostly too much to keep
        trained += 4 * fitted * second * forward
    all_eight = 12.0 + 3 * pictures * forward + augmented + trained
    if stage == "ablation":  # two fits for each variant and seed
        variants = [name for name in ablations() if settings.looks_at(name)]
        return all_eight * (1 + len(variants)) * settings.seeds / 4
    return all_eight


def total(jobs: Iterable[Job], each: dict[str, float], cores: int) -> float:
    """Wall time of several notebooks: the work shared by the cores, but no less than the longest chain.

    Args:
        jobs: the notebooks; those of one corpus run one after the other, the one across corpora runs last.
        each: seconds of each, by the job's name.
        cores: threads that run at a time.
    """
    chains: dict[str, float] = {}
    work = 0.0
    for job in jobs:
        chains[job.corpus] = chains.get(job.corpus, 0.0) + each[job.name]
        work += each[job.name] * min(job.threads, cores) if job.corpus else 0.0
    last = chains.pop("", 0.0)
    return max(work / cores, max(chains.values(), default=0.0)) + last


def ahead(job: Job, jobs: Iterable[Job], each: dict[str, float]) -> float:
    """Seconds from the start of a notebook to the end of the last one of its corpus.

    Args:
        job: the notebook.
        jobs: all, those of one corpus in their order.
        each: seconds of those that have to run, by the job's name.
    """
    chain = [other.name for other in jobs if other.corpus == job.corpus]
    return sum(each.get(name, 0.0) for name in chain[chain.index(job.name) :])


def spoken(seconds: float) -> str:
    """A duration for people, e.g. "40 s", "6 min", "1 h 20 min"."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def _important(job: Job, parameters: dict) -> dict:
    return {name: value for name, value in parameters.items() if name not in needs.UNIMPORTANT[job.stage]}
