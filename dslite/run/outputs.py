"""What a run writes besides its notebooks: the index page, its own record, its crate, the bundle."""

import math
import shutil
import sys
import time
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from dslite import corpora
from dslite.errors import DsliteError
from dslite.files import read_json, whole_file, write_json, write_text
from dslite.layout import results
from dslite.layout.paths import Paths
from dslite.layout.records import elsewhere, hardware, versions, voices
from dslite.run import crate, outcome
from dslite.run.index import write_index
from dslite.run.plan import Job
from dslite.run.session import Session
from dslite.run.staleness import State
from dslite.stages.catalogue import ACROSS, OF_CORPUS, STAGES


def record(session: Session, options: dict, began: float, code: int | None) -> dict:
    """A run's record: command, options, versions, hardware, times, exit code, and which notebooks ran and why.

    The run ``began`` so many seconds after 1970; ``code`` is its exit code, None while it runs.
    """
    packages = ("dslite", "tensorflow", "keras", "numpy", "pandas", "snakemake", "papermill")
    return {
        "command": " ".join(["python run_all.py", *sys.argv[1:]]),
        "options": options,
        "seed": options["seed"],
        "versions": versions(*packages),
        "hardware": hardware(),
        "began": time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(began)),
        # From the whole second that is told, and rounded up: what is part of a run ends no later.
        "seconds": math.ceil(10 * (time.time() - int(began))) / 10,
        "notebooks": {name: reason.text for name, reason in session.to_do.items()},
        "exit": code,
    }


def write(session: Session, note: dict) -> None:
    """Writes a run's record (``note``), the page that leads everywhere and, once the run has ended, what made all that
    for programs; the session is as it is after running."""
    paths = session.paths
    write_json(paths.run, note)
    # Own data come first; the paper's corpora are listed as far as they take part, or have been run before.
    known = [*session.settings, *paths.recorded("corpus")]
    own = dict.fromkeys(name for name in known if name not in corpora.REGISTRY)
    listed = [corpus(name, paths) for name in (*own, *(name for name in corpora.REGISTRY if name in known))]
    planned = {(job.corpus, job.stage): job for job in session.plan.jobs}
    states = {}
    for key in [(corpus["name"], stage) for corpus in listed for stage in OF_CORPUS] + [("", name) for name in ACROSS]:
        job = planned.get(key) or Job(*key, "", "", {}, {}, {}, {})
        # While a run goes on, the pages that it makes again are gone: nothing may lead to them.
        running = note["exit"] is None and job.name in session.to_do
        _copy_printed(job, paths)
        state = State("running", session.to_do[job.name].text) if running else session.state(job)
        if key in planned or state.state != "not run":
            states[key] = state
    tables = []
    for name in (name for name in reversed(STAGES) if find_spec(f"dslite.stages.{name}.index")):
        index = import_module(f"dslite.stages.{name}.index")
        done = [corpus for (corpus, stage), state in states.items() if stage == name and state.state == "done"]
        tables += index.entries(paths, done)
    # A stage that is off unless asked for gets its column once somebody has asked.
    asked = [s for s in OF_CORPUS if not STAGES[s].optional or any((corpus["name"], s) in states for corpus in listed)]
    across = {name: STAGES[name].title for name in ACROSS if ("", name) in states}
    scores = results.write(paths)
    tables += [{"title": "Every score", "link": paths.results.name}] if len(scores) else []
    paths.crate.unlink(missing_ok=True)  # of what the reports held before
    write_index(paths.index, listed, asked, across, states, tables, note, scores)
    if note["exit"] is not None:
        try:
            crate.write(paths.reports, paths, note)
        except Exception as error:  # the run is as good without
            print(f"{paths.crate} could not be written ({type(error).__name__}: {error}).")


def _copy_printed(job: Job, paths: Paths) -> None:
    """What the jobs of a cluster printed for a notebook, put beside its page; of no cluster, nothing lies there."""
    place, log, last = job.places(paths).printed(job.stage), job.log(paths), outcome.read(job.note(paths))
    helpers = sorted(log.parent.glob(f"{log.stem}-[0-9]*.log"), key=lambda file: (len(file.stem), file.stem))
    logs = [file for file in (*helpers, log) if file.exists()]
    if not (last and last.where and logs):
        place.unlink(missing_ok=True)
        return
    write_text(place, "\n".join(f"{file.name}\n{file.read_text('utf-8', 'replace')}" for file in logs))


def sweep(paths: Paths) -> None:
    """Removes what killed processes left half-written; only for the one run that holds the output folder."""
    for folder in (paths.reports, paths.artifacts):
        for draft in [*folder.rglob(".*.part*")]:
            if draft.is_dir():  # a stand-in is a folder
                shutil.rmtree(draft)
            else:
                draft.unlink(missing_ok=True)


def require_reports(paths: Paths) -> None:
    """Raises a :class:`DsliteError` if no run has written an index."""
    if not paths.index.exists():
        raise DsliteError(f"{paths.reports} holds no reports yet; run `python run_all.py` first.")


def bundle(paths: Paths) -> Path:
    """One zip of ``reports/``, to send to somebody; returns its path.

    Raises:
        DsliteError: if there are no reports.
    """
    require_reports(paths)
    place = paths.output / "dslite-reports.zip"
    with whole_file(place) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(paths.reports.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                archive.write(file, Path("dslite-reports", file.relative_to(paths.reports)))
    return place


def corpus(name: str, paths: Paths) -> dict:
    """A row of the index: name, and what the data is once a stage has looked."""
    known = read_json(paths.corpus(name).record("corpus"))
    said = {"voices": voices(known), "elsewhere": elsewhere(paths.corpus(name))}
    return {"name": name} | said | {key: known[key] for key in ("data", "note") if key in known}
