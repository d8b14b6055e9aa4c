"""The notebooks of one run and what they are made from; Snakemake and each notebook's process read it from a file."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dslite.files import read_json, write_json
from dslite.layout.code import HERE, Code
from dslite.layout.paths import CorpusPaths, Paths
from dslite.layout.records import hashed
from dslite.stages.catalogue import ACROSS, OF_CORPUS, STAGES, chain

PAGE_MAKER = "dslite.reporting.pages"
"""What turns every notebook into its page."""

SPLIT = "the split"
"""Name of the input that a corpus' split is."""


@dataclass(frozen=True)
class Member:
    """A corpus that takes part: its slug, its title, its notebooks' parameters, the modules that it chooses
    (:attr:`dslite.layout.settings.Settings.chosen`), and hashes of its audio and of the weights that its fits start
    from (empty for random ones); the name of its source, if it has one; the stages that are wanted of it alone,
    where these are not the run's; and a hash of its embedder's weights."""

    name: str
    title: str
    parameters: dict[str, object]
    chosen: dict[str, str]
    audio: dict[str, str]
    weights: str = ""
    source: str = ""
    stages: tuple[str, ...] | None = None
    embedder: str = ""


@dataclass(frozen=True)
class Job:
    """One notebook to leave.

    Attributes:
        corpus: empty for notebooks across corpora.
        stage, title, template, parameters: which notebook, and with what.
        inputs: what its results are made from -> the record (or file) that is meant, as seen from ``artifacts/``.
        made_from: everything else that its results depend on, by a name for people.
        page_from: what its page depends on besides.
        threads: that it may use.
        priority: of the notebooks that could start, that with the highest does.
        helpers: how many jobs do a part of its work before it, side by side.
        memory, minutes: that it is given on a cluster; MB.
        gpus: that it has to itself; each of its helpers has one.
        here: of a run on a cluster, whether it runs on the machine that submits, being worth no job.
        seed: 0, or the further seed whose output it belongs to, in that of the run.
    """

    corpus: str
    stage: str
    title: str
    template: str
    parameters: dict[str, object]
    inputs: dict[str, str]
    made_from: dict[str, object]
    page_from: dict[str, object]
    threads: int = 1
    priority: int = 0
    helpers: int = 0
    memory: int = 0
    minutes: int = 0
    gpus: int = 0
    here: bool = False
    seed: int = 0

    @property
    def name(self) -> str:
        """Name of its rule; without a further seed also of its log and notes."""
        return f"{self._own}-seed{self.seed}" if self.seed else self._own

    @property
    def _own(self) -> str:
        return f"{self.corpus}-{self.stage}" if self.corpus else self.stage

    def home(self, paths: Paths) -> Paths:
        """The output that it belongs to; ``paths`` are, here and below, those of the run."""
        return Paths(paths.seed(self.seed)) if self.seed else paths

    def note(self, paths: Paths) -> Path:
        """How its last attempt went, see :mod:`dslite.run.outcome`."""
        return self.home(paths).outcome(self._own)

    def log(self, paths: Paths) -> Path:
        """What its process printed."""
        return self.home(paths).log(self._own)

    def progress(self, paths: Paths) -> Path:
        """How far it is."""
        return self.home(paths).progress(self._own)

    def helped_by(self, paths: Paths) -> dict[str, Path]:
        """Name of the rule of each helper -> the file that it leaves."""
        numbers, home = range(1, self.helpers + 1), self.home(paths)
        return {f"{self.name}-{n}": home.helper(self._own, n) for n in numbers}

    def mem_mb(self, wildcards: object, attempt: int) -> int:
        """Memory as Snakemake asks for it: twice as much if it has run out."""
        return self.memory * min(attempt, 2)

    def places(self, paths: Paths) -> CorpusPaths:
        home = self.home(paths)
        return home.corpus(self.corpus) if self.corpus else home.across(self.stage)

    def leaves(self, paths: Paths) -> tuple[Path, Path, Path]:
        """Page, notebook and record."""
        places = self.places(paths)
        return places.page(self.stage), places.notebook(self.stage), places.record(self.stage)

    def before(self, jobs: Iterable["Job"]) -> list["Job"]:
        """Those of some jobs whose records it reads; or, with a further seed, that write the split which it shares."""
        alike = [job for job in jobs if job.seed == self.seed and record(job.corpus, job.stage) in self.inputs.values()]
        first = (self.corpus, self.stage, 0) if self.seed and STAGES[self.stage].audio else ()
        return alike + [job for job in jobs if (job.corpus, job.stage, job.seed) == first]

    def identities(self, paths: Paths) -> dict[str, str]:
        """Input -> identity of its record (or file) as it is now; "" where there is none."""
        return {name: identity(paths.artifacts / place) for name, place in self.inputs.items()}


@dataclass(frozen=True)
class Plan:
    """The jobs of a run, in order."""

    output: Path
    jobs: tuple[Job, ...]

    @property
    def paths(self) -> Paths:
        return Paths(self.output)

    def only(self, jobs: Iterable[Job]) -> "Plan":
        """The same run with fewer or other jobs."""
        return replace(self, jobs=tuple(jobs))

    def write(self, place: Path) -> None:
        write_json(place, asdict(self) | {"output": str(self.output)})


def read(place: Path) -> Plan:
    """A plan as ``Plan.write`` left it."""
    stored = read_json(place)
    return Plan(Path(stored["output"]), tuple(Job(**job) for job in stored["jobs"]))


def make(
    output: Path,
    templates: Path,
    members: Sequence[Member],
    stages: Sequence[str],
    across: Mapping[str, object],
    code: Code = HERE,
) -> Plan:
    """The plan for some corpora and stages, with all that they need.

    Args:
        output: below it ``reports/`` and ``artifacts/``; absolute.
        templates: the folder of the template notebooks, one per stage.
        members, stages: the corpora that take part, and the wanted stages.
        across: parameters of every notebook across corpora.
        code: the package that results are made by.
    """

    def job(corpus: str, name: str, title: str, given: Mapping, inputs: dict, more: dict, chosen: Mapping) -> Job:
        stage, template = STAGES[name], templates / f"{name}.ipynb"
        parameters = {key: value for key, value in given.items() if key in stage.parameters}
        important = {f"parameter {k}": v for k, v in parameters.items() if k not in stage.indifferent}
        results = code.made_by(f"dslite.stages.{name}.work", chosen=chosen)
        shown = code.made_by(PAGE_MAKER, *([template] if template.is_file() else []), chosen=chosen)
        page = {f"code {module}": digest for module, digest in shown.items() if module not in results}
        made_from = important | more | {f"code {module}": digest for module, digest in results.items()}
        return Job(corpus, name, title, str(template), parameters, inputs, made_from, page)

    jobs, paths = [], Paths(output)
    wanted = with_earlier(stages)
    for member in members:
        of_member = wanted if member.stages is None else with_earlier(member.stages)
        for name in (name for name in OF_CORPUS if name in of_member):
            stage = STAGES[name]
            inputs = {needed: record(member.name, needed) for needed in stage.needs}
            of_source = stage.asked_of_source(member.embedder) if member.source else ()  # none where all is only listed
            inputs |= {f"{needed} of {member.source}": record(member.source, needed) for needed in of_source}
            inputs |= {SPLIT: os.path.relpath(paths.split(member.name), paths.artifacts)} if stage.audio else {}
            more = (member.audio if stage.audio else {}) | ({"weights file": member.weights} if stage.weights else {})
            more |= {"embedder file": member.embedder} if stage.of_source and member.embedder else {}
            title = f"{member.title}: {name}"
            jobs.append(job(member.name, name, title, member.parameters, inputs, more, member.chosen))
    for name in (name for name in ACROSS if name in wanted):
        inputs = gathered(name, output, [member.name for member in members], wanted)
        chosen = {"dslite.backbones": str(across["backbone"])}
        jobs.append(job("", name, STAGES[name].title, across, inputs, {}, chosen))
    return Plan(output, tuple(jobs))


def with_earlier(stages: Iterable[str]) -> set[str]:
    """Some stages and all that they need of the same corpus."""
    return {*stages, *(name for stage in stages for needed in STAGES[stage].needs for name in chain(needed))}


def gathered(name: str, output: Path, corpora: Iterable[str] = (), stages: Iterable[str] = ()) -> dict[str, str]:
    """What a notebook across corpora is made from: what it needs of those corpora and of all that are there, with all
    seeds, and what it shows besides, as far as there is any.

    Args:
        name, output: of its stage, and the folder above ``artifacts/``.
        corpora, stages: that will have been through those stages by then.
    """
    paths, stage = Paths(output), STAGES[name]
    found: dict[str, str] = {}
    for needed in stage.needs:
        there = sorted({*paths.recorded(needed), *corpora})
        found |= {f"{needed} of {corpus}": record(corpus, needed) for corpus in there}
        for other in paths.further():
            for corpus in other.recorded(needed):
                place = Path("..") / other.corpus(corpus).record(needed).relative_to(output)
                found[f"{needed} of {corpus}, seed {other.output.name}"] = str(place)
    if stage.needs and not found:
        return {}
    here = Paths(Path(".."))
    moved = [corpus for corpus in {*paths.recorded("corpus"), *corpora} if paths.corpus(corpus).elsewhere.exists()]
    found |= {f"where {corpus} was computed": str(here.corpus(corpus).elsewhere) for corpus in sorted(moved)}
    for shown in stage.shows:
        if STAGES[shown].across:
            if shown in stages or paths.across(shown).record(shown).exists():
                found[shown] = record("", shown)
        else:
            there = {*paths.recorded(shown), *(corpora if shown in stages else ())}
            found |= {f"{shown} of {corpus}": record(corpus, shown) for corpus in sorted(there)}
    return found


def record(corpus: str, stage: str) -> str:
    """A stage's record, as seen from ``artifacts/``; of a stage across corpora without one."""
    here = Paths(Path(".."))
    return str((here.corpus(corpus) if corpus else here.across(stage)).record(stage))


def identity(place: Path) -> str:
    """Of a record what it says, of another file its content; empty if it is not there."""
    if place.suffix == ".json":
        return str(read_json(place).get("identity", ""))
    return hashed(place.read_bytes()) if place.exists() else ""
