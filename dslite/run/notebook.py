"""What a notebook's first cells ask for: its stage, with everything before it.

In a run all that came before is there. A notebook that is opened alone has it made by the same run that ``run_all.py``
would start. Results of other parameters are never replaced: its own go to a folder that is named by what differs.
"""

import inspect
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from dslite import changes, corpora
from dslite.errors import DsliteError
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.layout.settings import Settings
from dslite.processes import import_path
from dslite.run import by_hand
from dslite.run.resolve import refuse_numbers, resolve, with_weights
from dslite.stages.catalogue import CORPUS, STAGES, chain
from dslite.transfer import wav2vec

FINISHED = "finished"
"""What a stage is called in the namespace of a notebook that is to show it as it is, without asking for it."""

_RESOLVED = frozenset(CORPUS) | {"seeds", "discrepancies", "trials", "hours", "source", "embedder"}

DsliteError.logged = progress.VARIABLE in os.environ  # what a run's notebook shows of an error goes to a log


def begin(name: str, given: Mapping[str, object]):
    """The set-up of a notebook: the style of tables and figures, its stage, and the banner of what it rests on.

    Args:
        name: of the stage.
        given: holds the notebook's parameters by their names, or a stage (:data:`FINISHED`); ``globals()``.

    Returns, raises:
        As :func:`stage`.
    """
    from dslite import reporting

    reporting.use_style()
    work = import_module(f"dslite.stages.{name}.work").work
    known = set(STAGES[name].parameters) | set(inspect.signature(work).parameters)
    try:
        done: Any = given.get(FINISHED) or stage(name, **{key: given[key] for key in sorted(known & set(given))})
    except corpora.UnfitCorpus as refused:
        reporting.table(refused.problems, "Notes on the data", index=False)
        raise DsliteError(str(refused)) from None
    told = "" if STAGES[name].across else records.elsewhere(done.paths)
    reporting.banner(done.record | ({"warnings": [told, *done.record.get("warnings", ())]} if told else {}))
    return done


def stage(name: str, **parameters: object):
    """Does the work of a stage, or takes its results as they are where they were made with the same parameters.

    Args:
        name: a key of :data:`dslite.stages.catalogue.STAGES`.
        parameters: of the notebook: those of :func:`dslite.run.resolve.resolve`, and the stage's own.

    Returns:
        What the stage's ``work`` returns; of a stage of a corpus a :class:`dslite.layout.finished.FinishedStage`.

    Raises:
        DsliteError: if a parameter is wrong, the output folder holds results of other parameters, or a stage failed
            or was stopped.
    """
    work = import_module(f"dslite.stages.{name}.work").work
    if STAGES[name].across:
        with by_hand.watched():
            return work(**parameters)
    own = {key: value for key, value in parameters.items() if key not in _RESOLVED}
    settings = resolve(**{key: value for key, value in parameters.items() if key in _RESOLVED})
    refuse_numbers([name], [settings])
    if progress.VARIABLE not in os.environ:
        _there(settings, name)
        settings = with_earlier(_apart(settings, name, own), name)
        if records.elsewhere(settings.paths):
            return FinishedStage.of(settings, name)
    about = {
        "task": settings.task,
        "data": "stand-in" * settings.standin,
        "weights": "random" * settings.random_weights,
    }
    with by_hand.watched(**about, backbone=settings.backbone, profile=settings.profile, seed=settings.seed):
        return work(settings, **own)


def _there(settings: Settings, name: str) -> None:
    """Refuses, in the folder of the reports, to make what a report shows: somebody who opens one wants to look at it.

    Raises:
        DsliteError: if the results of a report are gone.
    """
    record, pages = settings.paths.record(name), settings.paths.pages
    if Path.cwd() == pages and not record.is_file():
        raise DsliteError(
            f"What this report shows is not there any more ({record.parent}): `python run_all.py` makes it anew, "
            f"{NOTEBOOKS / name}.ipynb too."
        )


def with_earlier(settings: Settings, name: str) -> Settings:
    """Has the stages before one run, as far as they are missing or stale; returns the settings, with weights that may
    have been fetched.

    Raises:
        DsliteError: if one of them would replace results of other parameters, or failed, or weights cannot be had.
    """
    from dslite.run import session  # imports Snakemake's plug-ins: a notebook of a run does without

    if any(STAGES[earlier].weights for earlier in chain(name)):
        (settings,) = with_weights([settings])
    of_source = STAGES[name].asked_of_source(settings.embedder)
    for corpus, needs in ((settings, STAGES[name].needs), (settings.origin, of_source)):
        if corpus is None or not needs:
            continue
        planned = session.prepare([corpus], needs, corpus.backbone, corpus.workers)
        if any(reason.results for reason in planned.to_do.values()):
            whose = "" if corpus is settings else f" of {corpus.name}"
            print(f"First, what comes before: {', '.join(job.stage for job in planned.jobs)}{whose}.", flush=True)
            _run(corpus, needs)
    return settings


def _apart(settings: Settings, name: str, own: Mapping[str, object]) -> Settings:
    """The same, with an output of its own where results of other parameters lie in the one that was asked for."""
    found: dict[str, tuple[object, object]] = {}
    if settings.origin:
        own = {**own, "source": settings.origin.source, "embedder": wav2vec.named(settings.embedder)}
    for earlier in chain(name):
        found |= records.differing(settings, earlier, **(own if earlier == name else {}))
    for earlier in (earlier for needed in STAGES[name].asked_of_source(settings.embedder) for earlier in chain(needed)):
        found |= records.differing(settings.origin, earlier) if settings.origin else {}
    if not found:
        return settings
    differs = [(key, mine) for key, (_, mine) in found.items() if key != "changes"]
    place = Paths(settings.output).changed(changes.folder([*settings.changes, *differs]))
    told = ", ".join(f"{key} {theirs or 'nothing'}, not {mine or 'nothing'}" for key, (theirs, mine) in found.items())
    print(f"{settings.output} holds results of {told}. They stay; these go to {place}.", flush=True)
    return resolve(**settings.as_parameters() | {"output": str(place)})


def _run(settings: Settings, stages: tuple[str, ...]) -> None:
    """Runs some stages as ``run_all.py`` does, in a process of its own; its progress goes to the cell."""
    given = settings.as_parameters()
    options = ["--corpora", settings.source, "--stages", *stages, "--cores", str(settings.workers)]
    for name in ("data", "weights", "profile", "reading", "backbone", "task", "seed", "output"):
        options += [f"--{name}", str(given[name])] if given[name] != "" else []
    options += [word for name, value in settings.changes for word in ("--set", f"{name}={value!r}")]
    command = [sys.executable, "-c", "import sys; from dslite.run.cli import main; sys.exit(main(sys.argv[1:]))"]
    said = []
    env = os.environ | {"PYTHONPATH": import_path()}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*command, *options], env=env, **streams) as process:
        try:
            for line in process.stdout or ():
                said.append(line.rstrip())
                print(line, end="", flush=True)
        except KeyboardInterrupt:
            process.kill()  # what it has started dies with it
            raise DsliteError("Stopped. Finished stages and fits are kept; run the cell again to go on.") from None
    if process.returncode:
        failed = [line for line in said if "FAILED" in line] or said[-1:]
        raise DsliteError("; ".join(failed))
