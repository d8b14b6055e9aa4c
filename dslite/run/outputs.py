"""What a run leaves besides its notebooks: the index page, its own record, the bundle."""

import json
import os
import platform
import sys
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

from dslite import corpora
from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.layout import notes as traces
from dslite.layout.paths import BENCHMARK, FULL_CHUNK, OPTIONAL, STAGES, SUMMARY, Paths
from dslite.run.plan import TITLES, Job
from dslite.run.session import Session
from dslite.run.states import State

_TABLES = {
    (1, ""): ("corpora", SUMMARY),
    (2, ""): ("hyperparameters", SUMMARY),
    (3, ""): ("results I", SUMMARY),
    (3, FULL_CHUNK): ("results I, full-chunk", SUMMARY),
    (4, ""): ("results II", SUMMARY),
    (4, FULL_CHUNK): ("results II, full-chunk", SUMMARY),
    (5, ""): ("cost", BENCHMARK),
}
"""Number and protocol -> what it shows, and the stage whose page holds it."""


def record(session: Session, options: dict, began: float, code: int | None) -> dict:
    """A run's record: command, options, versions, hardware, times, exit code, and which notebooks ran and why.

    Args:
        session: the run.
        options: of the command line.
        began: seconds since 1970.
        code: the exit code; None while it runs.
    """
    packages = ("dslite", "tensorflow", "keras", "numpy", "pandas", "snakemake", "papermill")
    return {
        "command": " ".join(["python run_all.py", *sys.argv[1:]]),
        "options": options,
        "seed": options["seed"],
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in packages}},
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "began": time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(began)),
        "seconds": round(time.time() - began, 1),
        "notebooks": session.to_do,
        "exit": code,
    }


def leave(session: Session, note: dict) -> None:
    """Writes the run's record, the gallery of explanations and the page that leads everywhere.

    Args:
        session: the run, as it is after running.
        note: its record.
    """
    from dslite.run import index
    from dslite.stages.explain import gallery
    from dslite.stages.explain.gallery_page import write_gallery

    paths = session.paths
    with whole_file(traces.run(paths)) as draft:
        draft.write_text(json.dumps(note, indent=1), "utf-8")
    own = [name for name in session.settings if name not in corpora.CORPORA]
    listed = [_corpus(name, paths) for name in (*corpora.CORPORA, *own)]
    planned = {(job.corpus, job.stage): job for job in session.plan.jobs}
    states = {}
    for key in [(corpus["name"], stage) for corpus in listed for stage in STAGES] + [("", stage) for stage in TITLES]:
        job = planned.get(key) or Job(*key, "", "", {}, (), ())
        # While a run goes on, the pages that it makes again are gone: nothing may lead to them.
        running = note["exit"] is None and job.name in session.to_do
        state = State("running", session.to_do[job.name]) if running else session.state(job)
        if key[1] not in OPTIONAL or state.state != "not run":
            states[key] = vars(state)
    tables, summarised = [], states["", SUMMARY]["state"] == "done"
    for (number, more), (what, stage) in _TABLES.items():
        if paths.table(number, more).exists() and states["", stage]["state"] == "done":
            csv = paths.table(number, more).relative_to(paths.reports).as_posix()
            tex = paths.tex(number, more)
            tex = tex.relative_to(paths.reports).as_posix() if summarised and tex.exists() else ""
            links = {"link": states["", stage]["link"], "csv": csv, "tex": tex}
            tables.append({"title": f"Table {number}: {what}", **links})
    for title, page, csv in (
        ("Scorecard: every published figure", paths.scorecard_page, paths.scorecard.name),
        ("Discrepancies of paper and code", paths.discrepancies, ""),
    ):
        if summarised and page.exists():
            tables.append({"title": title, "link": page.name, "csv": csv})
    explained = [corpus["name"] for corpus in listed if states[corpus["name"], "explain"]["state"] == "done"]
    if explained:
        write_gallery(paths.gallery, gallery.cards(paths, explained))
        tables.append({"title": "Explanations of all corpora", "link": paths.gallery.name})
    else:
        paths.gallery.unlink(missing_ok=True)
    # A stage that is off unless asked for gets its column once somebody has asked.
    asked = [s for s in STAGES if s not in OPTIONAL or any((corpus["name"], s) in states for corpus in listed)]
    index.write_index(paths.index, listed, asked, TITLES, states, tables, note, paths.results)


def sweep(paths: Paths) -> None:
    """Removes what killed processes left half-written; only for the one run that holds the output folder."""
    for folder in (paths.reports, paths.artifacts):
        for draft in folder.rglob(".*.part*"):
            draft.unlink(missing_ok=True)


def bundle(paths: Paths) -> Path:
    """One zip of ``reports/``, to send to somebody; returns its path.

    Raises:
        DsliteError: if there are no reports.
    """
    if not paths.index.exists():
        raise DsliteError(f"{paths.reports} holds no reports yet; run `python run_all.py` first.")
    place = paths.output / "dslite-reports.zip"
    with whole_file(place) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(paths.reports.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                archive.write(file, Path("dslite-reports", file.relative_to(paths.reports)))
    return place


def _corpus(name: str, paths: Paths) -> dict:
    """A row of the index: name, title, and what the data is once a stage has looked."""
    info = corpora.CORPORA.get(name)
    row = {"name": name, "title": info.title if info else name}
    place = paths.corpus(name).record(STAGES[0])
    if place.exists():
        known = json.loads(place.read_text("utf-8"))
        row |= {key: known[key] for key in ("data", "note") if key in known}
    return row
