"""How long a run will take, before it has begun."""

from collections.abc import Iterable

import numpy as np

from dslite import corpora
from dslite.backbones import base_model
from dslite.layout.paths import Paths
from dslite.layout.settings import Settings
from dslite.paper.ledger import experiments
from dslite.profiles import TUNED_PARTS
from dslite.run import outcome
from dslite.run.plan import Job
from dslite.stages.catalogue import STAGES, Workload
from dslite.stages.search import grid


def seconds(job: Job, paths: Paths, load: Workload | None) -> float:
    """Wall time of one notebook: what it took last time with the same parameters, else a guess by the ``load`` of its
    corpus (None for a notebook across corpora)."""
    last = outcome.read(job.note(paths))
    side_by_side = max(job.threads, job.helpers)
    if last and last.state == "done" and _important(job, last.parameters) == _important(job, job.parameters):
        return last.seconds * last.parameters.get("workers", 1) / side_by_side
    limit = 3600 * job.parameters.get("hours", 0) or float("inf")
    return min(STAGES[job.stage].seconds(load) / side_by_side, limit)


def workload(settings: Settings) -> Workload:
    """What the stages of a corpus have to do, from counts of pictures and a cost measured elsewhere.

    It is good to about a factor of two on another machine; a second run goes by the first one's own times.
    """
    info, forward = corpora.REGISTRY.get(settings.source), base_model(settings.backbone).seconds
    pictures, files = _pictures(settings, info)
    parts = TUNED_PARTS if settings.profile == "tuned" else experiments()
    variants = [name for name in parts if settings.looks_at(name)]
    fits = _fits(settings, pictures, forward) * len(dict(settings.changes).get("fits", range(8))) / 8
    ablated = _fits(settings, pictures, forward) * (1 + len(variants)) * settings.seeds / 4  # two fits of each
    classes = len(info.classes) if info else 4
    trials = settings.trials or 5 * len(grid.points(settings))  # of which each has some 120 epochs in its second phase
    times = ablated / fits, trials, settings.profile == "demo", settings.seeds
    return Workload(pictures, files, classes, forward, fits, *times)


def _pictures(settings: Settings, info: corpora.CorpusInfo | None) -> tuple[float, float]:
    """Chunks and files."""
    if settings.standin and dict(settings.changes).get("standin_size") != "real":
        return 85, 65
    files, seconds = (
        (info.whole.files, np.array([info.whole.mean_s])) if info else corpora.own_durations(settings.recordings)
    )
    chunk = settings.recipe.chunk
    each = np.maximum(1.0, 2 * seconds / chunk - 1).mean() if chunk and len(seconds) else 1.0
    return files * each, files


def _fits(settings: Settings, pictures: float, forward: float) -> float:
    first, second = settings.recipe.epochs
    fitted = 1.3 * pictures * (0.4 + 0.7)  # train, then train + dev, up-sampled
    # Three of four configurations change three pictures in ten, which are rendered and pass the frozen part again.
    augmented = 3 * fitted * (first + second) * 0.3 * 1.4 * forward
    trained = 4 * fitted * second * 2.5 * settings.recipe.share * forward
    if pictures > 3_000 or settings.recipe.varies:  # too much crosses the cut to be kept, or another thing each time
        trained += 4 * fitted * second * forward
    return 12.0 + 3 * pictures * forward + augmented + trained


def total(jobs: Iterable[Job], each: dict[str, float], cores: int) -> float:
    """Wall time of several notebooks, of which each takes its seconds: the work shared by the cores, but no less than
    the longest chain. Those of one corpus run one after the other, the one across corpora runs last."""
    chains: dict[tuple[str, int], float] = {}
    work = 0.0
    for job in jobs:
        chain = (job.corpus, job.seed)
        chains[chain] = chains.get(chain, 0.0) + each[job.name]
        work += each[job.name] * min(job.threads, cores) if job.corpus else 0.0
    last = chains.pop(("", 0), 0.0)
    return max(work / cores, max(chains.values(), default=0.0)) + last


def ahead(job: Job, jobs: Iterable[Job], each: dict[str, float]) -> float:
    """Seconds from the start of a notebook to the end of the last one of its corpus; of ``jobs``, all in their order,
    those that have to run are in ``each``, by name."""
    chain = [other.name for other in jobs if other.corpus == job.corpus]
    return sum(each.get(name, 0.0) for name in chain[chain.index(job.name) :])


def resources(job: Job, seconds: float) -> dict[str, int]:
    """What a cluster is asked for: ``memory`` of its processes, and 1 GB of those around them; three times the
    ``minutes`` that it is estimated to take, as estimates are good to a factor of two, and of a helped notebook that
    all of its work is, as one helper may have most of it; a GPU where the base model is fitted or asked. A notebook of
    less than a minute that neither does that nor asks for more than one core is worth no job, and runs ``here``."""
    stage = STAGES[job.stage]
    minutes = max(15, round(3 * seconds * max(1, job.helpers) / 60))
    return {
        "memory": 1_000 + stage.memory * job.threads,
        "minutes": minutes,
        "gpus": int(stage.weights),
        "here": seconds < 60 and not stage.weights and stage.threads == "one",
    }


def _important(job: Job, parameters: dict) -> dict:
    return {name: value for name, value in parameters.items() if name not in STAGES[job.stage].indifferent}
