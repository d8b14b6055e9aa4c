"""What a notebook's first cells ask for: its stage, with everything before it.

In a run all that came before is there. A notebook that is opened alone has it made by the same run that ``run_all.py``
would start, and results of other parameters are never replaced.
"""

import os
import subprocess
import sys
from importlib import import_module

from dslite.errors import DsliteError
from dslite.layout import progress, records
from dslite.layout.settings import Settings
from dslite.processes import import_path
from dslite.run import by_hand
from dslite.run.resolve import resolve, with_weights
from dslite.stages.catalogue import CORPUS, STAGES, chain

_RESOLVED = frozenset(CORPUS) | {"seeds", "chunk", "discrepancies"}


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
    if progress.VARIABLE not in os.environ:
        settings = with_earlier(settings, name)
    about = {"data": "stand-in" * settings.standin, "weights": "random" * settings.random_weights}
    with by_hand.watched(**about, backbone=settings.backbone, profile=settings.profile, seed=settings.seed):
        return work(settings, **own)


def with_earlier(settings: Settings, name: str) -> Settings:
    """Has the stages before one run, as far as they are missing or stale; returns the settings, with weights that may
    have been fetched.

    Raises:
        DsliteError: if one of them would replace results of other parameters, or failed, or weights cannot be had.
    """
    from dslite.run import session  # imports Snakemake: a notebook of a run does without

    if any(STAGES[earlier].weights for earlier in chain(name)):
        (settings,) = with_weights([settings])
    needs = STAGES[name].needs
    if not needs:
        return settings
    for earlier in chain(name)[:-1]:
        records.keep(settings, earlier)
    planned = session.prepare([settings], needs, settings.output, settings.seed, settings.backbone, settings.workers)
    if any(reason.results for reason in planned.to_do.values()):
        print(f"First, what comes before: {', '.join(job.stage for job in planned.jobs)}.", flush=True)
        _run(settings, needs)
    return settings


def _run(settings: Settings, stages: tuple[str, ...]) -> None:
    """Runs some stages as ``run_all.py`` does, in a process of its own; its progress goes to the cell."""
    given = settings.as_parameters()
    options = ["--corpora", settings.source, "--stages", *stages, "--cores", str(settings.workers)]
    for name in ("data", "weights", "profile", "reading", "backbone", "seed", "output"):
        options += [f"--{name}", str(given[name])] if given[name] != "" else []
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
