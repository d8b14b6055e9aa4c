"""The page that leads to all others."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from dslite.corpora import REGISTRY
from dslite.files import write_text
from dslite.paper import published
from dslite.reporting.provenance import DATA, MEANING, banner_html, data_mark, provenance_line
from dslite.reporting.templates import render, whole_page
from dslite.run.staleness import State
from dslite.systems import CHANCE, OURS, TITLES
from dslite.tasks import CLASSIFICATION, REGRESSION, TASKS
from dslite.wording import spoken


def write_index(
    page: Path,
    corpora: Sequence[Mapping],
    stages: Sequence[str],
    across: Mapping[str, str],
    states: Mapping[tuple[str, str], State],
    tables: Sequence[Mapping],
    record: Mapping,
    results: pd.DataFrame,
) -> None:
    """Writes the index: every corpus and stage with its state, the tables, what failed, the run's record.

    Args:
        page: the file to write.
        corpora: in the order of the rows; each with ``name``, and if known ``data``, ``note``, ``voices`` (what is to
            be said of scores where files name no speaker) and ``elsewhere`` (and of an imported corpus).
        stages: of a corpus, in the order of the columns.
        across: the notebooks across corpora, in the order of the rows below -> title.
        states: (corpus, stage) -> its notebook's; notebooks across corpora have the corpus "". A pair that is missing
            was not asked for, and does not count.
        tables: each with ``title``, ``link`` (to the page) and, if known, ``csv`` and ``tex`` (links).
        record: the run's own, as for ``banner``; ``notebooks`` maps those that ran to why they did.
        results: rows of ``results.csv``, for the column of scores; may be empty.
    """
    scores = shown_scores(results)
    rows = [_row(corpus, states, scores, stages) for corpus in corpora]
    below = {stage: _cell(states.get(("", stage)), stage) for stage in across}
    cells = [*(cell for row in rows for cell in row["cells"]), *below.values()]
    body = render(
        "index.html.j2",
        stages=stages,
        rows=rows,
        across={across[stage]: cell for stage, cell in below.items()},
        done=sum(state.state == "done" for state in states.values()),
        total=len(states),
        failures=[cell for cell in cells if cell["state"] == "failed"],
        tables=[{"csv": "", "tex": "", **table} for table in tables],
        standins=sum(row["data"] == "stand-in" for row in rows),
        scores=bool(scores),
        measured=" or ".join(dict.fromkeys(score["measured"] for of in scores.values() for score in of)),
        printed=any(row["printed"] for row in rows),
        banner=banner_html(record),
        ran=dict(record.get("notebooks") or {}),
        legend=[(data_mark(data), data, MEANING[data]) for data in DATA],
        citation=published.CITATION,
    )
    about = "Every report of this run of dslite."
    html = whole_page("DeepSpectrumLite, regenerated", [("All reports", "")], body, about, wide=True)
    write_text(page, html)


def _row(corpus: Mapping, states: Mapping, scores: Mapping[str, dict], stages: Sequence[str]) -> dict:
    told = {key: str(corpus.get(key) or "") for key in ("name", "data", "note", "voices", "elsewhere")}
    name, info = told["name"], REGISTRY.get(told["name"])
    short = info.short if info else name
    return told | {
        "short": short,
        "title": info.title if info else "own corpus",
        "mark": data_mark(told["data"]),
        "note": told["note"] or MEANING.get(told["data"], ""),
        "cells": [_cell(states.get((name, stage)), f"{short}, {stage}") for stage in stages],
        "scores": scores.get(name, []),
        "printed": _printed(name),
    }


def _cell(state: State | None, where: str) -> dict:
    state = state or State("not run")
    word = "out of date" if state.state == "stale" else state.state
    return vars(state) | {"where": where, "word": word, "took": "" if state.seconds is None else spoken(state.seconds)}


def _printed(name: str) -> str:
    """The paper's best test result, e.g. ``74.4``; "" for own corpora."""
    cells = [published.cell(name, row, "test") for row in published.ROWS if row != "svm"]
    return f"{max(cell.uar for cell in cells if cell):.1f}" if any(cells) else ""


def shown_scores(results: pd.DataFrame) -> dict[str, list[dict]]:
    """Per corpus, the test results of the configuration that is best on dev, with what it rests on, and of the systems
    beside it."""
    scores: dict[str, list[dict]] = {}
    known = results.filter([task.column for task in TASKS.values()]).notna().any(axis=1)
    rows = results[(results["protocol"] == "all") & known] if len(results) else results
    for name, of in rows.groupby("corpus", sort=False) if len(rows) else ():
        task = REGRESSION if of["uar"].isna().all() else CLASSIFICATION
        measured = task.score + " [%]" * (task is CLASSIFICATION)
        dev = of[(of["partition"] == "dev") & (of["system"] == OURS)]
        chosen = "" if dev.empty else dev.loc[dev[task.column].idxmax(), "augmentation"]
        shown = of[(of["partition"] == "test") & of["augmentation"].isin(["", chosen])]
        shown = shown[shown["system"] != TITLES[CHANCE]]
        for row in sorted(shown.to_dict("records"), key=lambda row: row["system"] != OURS):
            interval = "" if pd.isna(row["ci_low"]) else task.interval(row["ci_low"], row["ci_high"])
            line = provenance_line(row) if row["system"] == OURS else ""
            said = {"system": row["system"], "interval": interval, "line": line, "measured": measured}
            said["uar"] = task.said(row[task.column]) if task is CLASSIFICATION else f"CCC {task.said(row['ccc'])}"
            scores.setdefault(str(name), []).append(said)
    return scores
