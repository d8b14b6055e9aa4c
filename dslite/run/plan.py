"""The notebooks of one run and what they are made from; Snakemake and each notebook's process read it from a file."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dslite.files import whole_file
from dslite.layout.paths import ACROSS, BENCHMARK, NEEDS, SHOWN, STAGES, SUMMARISED, SUMMARY, CorpusPaths, Paths
from dslite.run import needs

TITLES = {BENCHMARK: "Table 5: what a model costs", SUMMARY: "The paper's tables and figures"}
"""Titles of the pages across corpora."""


@dataclass(frozen=True)
class Member:
    """A corpus that takes part: its slug, its title, its notebooks' parameters, and hashes of its audio and of the
    weights that its fits start from (empty for random ones)."""

    name: str
    title: str
    parameters: dict[str, object]
    audio: str
    weights: str = ""


@dataclass(frozen=True)
class Job:
    """One notebook to leave.

    ``corpus`` is empty for notebooks across corpora. ``after`` are the records that it is made from, as seen from
    ``artifacts/``. ``ties`` are ``name=JSON`` of everything else: when one changes, the notebook runs again. Of the
    notebooks that could start, that with the highest ``priority`` does.
    """

    corpus: str
    stage: str
    title: str
    template: str
    parameters: dict[str, object]
    after: tuple[str, ...]
    ties: tuple[str, ...]
    threads: int = 1
    priority: int = 0

    @property
    def name(self) -> str:
        """Name of its rule, log and notes."""
        return f"{self.corpus}-{self.stage}" if self.corpus else self.stage

    def places(self, paths: Paths) -> CorpusPaths:
        return paths.corpus(self.corpus) if self.corpus else paths.across(self.stage)

    def leaves(self, paths: Paths) -> tuple[str, str, str]:
        """Page, notebook and record."""
        places = self.places(paths)
        return str(places.page(self.stage)), str(places.notebook(self.stage)), str(places.record(self.stage))


@dataclass(frozen=True)
class Plan:
    """The jobs that may have to run, and the names of those that are wanted (with what they need)."""

    output: Path
    jobs: tuple[Job, ...]
    wanted: tuple[str, ...]

    @property
    def paths(self) -> Paths:
        return Paths(self.output)

    def job(self, name: str) -> Job:
        return next(job for job in self.jobs if job.name == name)

    def only(self, jobs: Iterable[Job]) -> "Plan":
        """The same run with fewer or other jobs."""
        jobs = tuple(jobs)
        names = {job.name for job in jobs}
        return replace(self, jobs=jobs, wanted=tuple(name for name in self.wanted if name in names))

    def write(self, place: Path) -> None:
        with whole_file(place) as draft:
            draft.write_text(json.dumps(asdict(self) | {"output": str(self.output)}, indent=1), "utf-8")


def read(place: Path) -> Plan:
    """A plan as ``Plan.write`` left it."""
    stored = json.loads(place.read_text("utf-8"))
    jobs = tuple(Job(**job | {"after": tuple(job["after"]), "ties": tuple(job["ties"])}) for job in stored["jobs"])
    return Plan(Path(stored["output"]), jobs, tuple(stored["wanted"]))


def make(
    output: Path,
    templates: Path,
    members: Sequence[Member],
    stages: Sequence[str],
    across: dict[str, dict[str, object]],
    code: Callable[[str], dict[str, str]] = needs.code,
) -> Plan:
    """The plan for some corpora and stages.

    Args:
        output: below it ``reports/`` and ``artifacts/``; absolute.
        templates: the folder of the template notebooks, one per stage.
        members: the corpora that take part.
        stages: the wanted ones; what they need is in the plan too.
        across: parameters of each notebook across corpora, by its stage.
        code: stage -> its files and their hashes.
    """
    made_from = {stage: code(stage) | _template(templates, stage) for stage in (*STAGES, *ACROSS)}

    def job(corpus: str, stage: str, title: str, parameters: dict, after: Iterable[str], inputs: dict[str, str]) -> Job:
        important = {k: v for k, v in parameters.items() if k not in needs.UNIMPORTANT[stage]}
        ties = [*(_tie(k, v) for k, v in (important | inputs).items())]
        ties += [_tie(f"code {file}", digest) for file, digest in made_from[stage].items()]
        template = str(templates / f"{stage}.ipynb")
        return Job(corpus, stage, title, template, parameters, tuple(after), tuple(ties))

    jobs = []
    for member in members:
        for stage in STAGES:
            before = [record(member.name, needed) for needed in NEEDS[stage]]
            inputs = {"audio": member.audio} | (
                {"weights file": member.weights} if stage in ("train", "baseline", "ablation") else {}
            )
            parameters = needs.taken(stage, member.parameters)
            jobs.append(job(member.name, stage, f"{member.title}: {stage}", parameters, before, inputs))
    for stage in ACROSS:
        after = summary_records(output, [member.name for member in members], stages) if stage == SUMMARY else []
        jobs.append(job("", stage, TITLES[stage], across[stage], after, {}))
    # The paper's notebook is run after all others, whatever became of them; what it shows is wanted too.
    shown = set(jobs[-1].after) if SUMMARY in stages else set()
    wanted = (job.name for job in jobs if job.stage in stages or record(job.corpus, job.stage) in shown)
    return Plan(output, tuple(jobs), tuple(wanted))


def record(corpus: str, stage: str) -> str:
    """A stage's record, as seen from ``artifacts/``; of a stage across corpora without one."""
    here = Paths(Path(".."))
    return str((here.corpus(corpus) if corpus else here.across(stage)).record(stage))


def summary_records(output: Path, corpora: Iterable[str] = (), stages: Iterable[str] = ()) -> list[str]:
    """What the paper's notebook is made from: those corpora and all that are there, with all seeds, explanations as far
    as there are any, and the other stages across corpora.

    Args:
        output: below it ``artifacts/``.
        corpora: that will have been evaluated by then.
        stages: that will have been run by then.
    """
    paths = Paths(output)
    names = sorted({*paths.evaluated(), *corpora})
    seeds = [places.record(SUMMARISED) for other in paths.further() for places in other.evaluated().values()]
    shown = [n for n in names if (n in corpora and SHOWN in stages) or paths.corpus(n).record(SHOWN).exists()]
    others = [s for s in ACROSS if s != SUMMARY and (s in stages or paths.across(s).record(s).exists())]
    found = [record(name, SUMMARISED) for name in names] + [record(name, SHOWN) for name in shown]
    found += [record("", stage) for stage in others]
    return [*found, *(str(Path("..") / place.relative_to(output)) for place in seeds)] if names else []


def _template(templates: Path, stage: str) -> dict[str, str]:
    file = templates / f"{stage}.ipynb"
    return {f"{templates.name}/{file.name}": needs.digest(file)} if file.is_file() else {}


def _tie(name: str, value: object) -> str:
    """``name=JSON`` without braces, which Snakemake would take for wildcards."""
    return f"{name}={json.dumps(value)}".replace("{", "\\u007b").replace("}", "\\u007d")
