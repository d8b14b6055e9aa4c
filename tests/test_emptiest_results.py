"""Every stage's notebook on the least that its stage can leave: a file per class and partition, shorter than a chunk,
one test speaker; all files right, or one class for all of them."""

import json
import shutil
from dataclasses import replace
from itertools import product

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile

from dslite import reporting
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import NOTEBOOKS
from dslite.layout.settings import Settings
from dslite.run.resolve import resolve
from dslite.stages.catalogue import DEFAULT, OF_CORPUS
from dslite.stages.deploy import work as deploying
from dslite.stages.evaluate import work as evaluating
from dslite.stages.explain import work as explaining
from dslite.stages.paper import work as gathering
from tests.through import alone, through

TINY = {"classes": 8, "evaluations": 20, "sample": 1, "sample_evaluations": 20, "curves": 1, "draws": 1, "heads": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """How every file is decided -> the settings of a corpus whose stages have all run."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.mktemp("least")
        alone(patch, base)
        patch.setitem(explaining.BUDGETS, "demo", explaining.Budget(**TINY, points=2))
        rng, lines = np.random.default_rng(0), ["filename,label,speaker,partition"]
        for part, label in product(("train", "dev", "test"), "xy"):
            soundfile.write(base / f"{part}{label}.wav", 0.1 * rng.standard_normal(8_000), 16_000)
            lines.append(f"{part}{label}.wav,{label},{part},{part}")
        (base / "least.csv").write_text("\n".join(lines))
        first = resolve(str(base / "least.csv"), profile="demo", output=base / "all right")
        through(first, "evaluate")
        shutil.copytree(first.output, base / "all x")
        for decided in ("all right", "all x"):
            found[decided] = settings = replace(first, output=base / decided)
            for file in settings.paths.root.glob("**/test/predictions.parquet"):
                table = pd.read_parquet(file)
                table.assign(predicted=table["label"] if decided == "all right" else "x").to_parquet(file)
            settings.paths.record("evaluate").unlink()
            evaluating.work(settings)
            explaining.work(settings)
            with pytest.MonkeyPatch.context() as refusing:  # none is offered
                refusing.setattr("dslite.deployment.gate.structure", lambda *arguments: ["it is refused here"])
                deploying.work(settings)
            gathering.work(output=settings.output)
    return found


@pytest.mark.parametrize("decided", ["all right", "all x"])
@pytest.mark.parametrize("stage", [name for name in DEFAULT if name != "benchmark"])
def test_its_page_shows_the_least_that_a_stage_can_leave(made, stage, decided, monkeypatch):
    settings: Settings = made[decided]
    pages: list[str] = []
    result = FinishedStage.of(settings, stage) if stage in OF_CORPUS else gathering.work(output=settings.output)
    monkeypatch.setattr("dslite.run.notebook.stage", lambda *arguments, **parameters: result)
    for module in (reporting.display, reporting.provenance, reporting.sheets):
        monkeypatch.setattr(module, "show_html", pages.append)
    names: dict = {}
    for cell in nbformat.read(NOTEBOOKS / f"{stage}.ipynb", 4).cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
    shown = " ".join(map(str, pages))
    assert len(pages) > 2 and "nan" not in shown.replace("nano", "").lower().split()


def test_what_cannot_be_had_is_said(made):
    scores = pd.read_parquet(made["all x"].paths.scores)
    assert (scores.loc[scores["protocol"] == "full-chunk", "n_files"] == 0).all()
    assert scores["ci_speaker_low"].isna().all() and scores["uar"].dropna().min() == 50.0
    record = json.loads(made["all right"].paths.record("deploy").read_text())
    assert record["offered"] == []
