"""A corpus whose every text means ill, through its scores and models, and its pages in a real browser."""

import csv
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile
from bs4 import BeautifulSoup

from dslite.keras_defaults import keras
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.model import load_model
from dslite.reporting.pages import failure_page
from dslite.run import outputs, redrawing, session
from dslite.run.outcome import Outcome
from dslite.run.resolve import resolve
from tests.chromium import look
from tests.outside import outside_references
from tests.through import alone, one_configuration, through

LABELS = (
    "<script>ran('label')</script><img src=https://evil.example/1 onerror=\"ran('label')\">",
    "=cmd|' /C calc'!A0 [x](javascript:ran('link')) ![y](https://evil.example/2) {{ 7*7 }} {% for %} `<b>`",
    "$\\input{/etc/passwd} \\frac{$ </td></table></section></main><svg onload=\"ran('svg')\"> &lt;b&gt; \"'",
)
SPEAKER = "{}<iframe src=\"javascript:ran('speaker')\"></iframe>{{{{ speaker }}}} $x_$"
FILE = "{} <img src=x onerror=ran('file')> [a](javascript:ran('file')) {{{{ 6*7 }}}} $y^$ `.wav"
NOTE = "<style>*{background:url(https://evil.example/3)}</style> <a href='javascript:ran(1)'>[n](https://evil.example/4)</a>"
NAME = "own <img src=x onerror=ran('name')> {{ 5*7 }}.csv"
STAGES = ("corpus", "train", "evaluate", "explain", "deploy")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """What the corpus was scored with, its pages, one of a notebook that failed among them, and the index."""
    folder = tmp_path_factory.mktemp("hostile")
    place = folder / "in"
    place.mkdir()
    (place / "corpus.toml").write_text(f"chunk = 0.5\naudio_in_reports = true\nnote = '''{NOTE}'''")
    rows = [("filename", "label", "speaker", "=1+1 <b onclick=ran('column')>")]
    for number, wave in enumerate(0.1 * np.random.default_rng(0).standard_normal((18, 8_000))):
        rows.append((FILE.format(number), LABELS[number % 3], SPEAKER.format(number // 3), "@SUM(1)"))
        soundfile.write(place / rows[-1][0], wave, 16_000)
    rows.append((FILE.format("none"), LABELS[0], SPEAKER.format(0), ""))
    with (place / NAME).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch)
        made = resolve(
            str(place / NAME), profile="demo", output=folder / "out", weights="random", changes={"draws": 100}
        )
        given = sorted(folder.rglob("*"))
        through(made, "explain")
        through(made, "deploy")
        made.paths.pages.mkdir(parents=True)
        for stage in STAGES:
            _, failed = redrawing.page(
                NOTEBOOKS / f"{stage}.ipynb", FinishedStage.of(made, stage), made.paths.pages, stage, "../index.html"
            )
            assert not failed
            made.paths.pages.joinpath(f"{stage}.drawn.html").rename(made.paths.page(stage))
        told = f"It cannot read {FILE.format(1)} of {LABELS[2]}"
        cells = [nbformat.v4.new_code_cell(f"raise ValueError({told!r})"), nbformat.v4.new_markdown_cell(NOTE)]
        cells[0].outputs = [nbformat.v4.new_output("error", ename=LABELS[0], evalue=told, traceback=[told])]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), draft := folder / "out" / "draft.ipynb")
        failure_page(draft, made.paths.failed_page("explain"), told, NAME)
        planned = session.prepare([made], ["explain"], made.backbone, 1)
        for job in planned.plan.jobs:
            failed = job.stage == "explain"
            how = ("failed", 1.0, told) if failed else ("done", 1.0, "")
            Outcome(*how, job.parameters).write(planned.paths.outcome(job.name))
        outputs.write(planned, outputs.record(planned, {"seed": 42, "corpora": [NAME, *LABELS]}, time.time(), 1))
        outside = [file for file in folder.rglob("*") if (folder / "out") not in (file, *file.parents)]
        assert sorted(outside) == given, "a text became a path"
        yield made


def pages(settings) -> list[Path]:
    paths = Paths(settings.output)
    named = [paths.index, settings.paths.failed_page("explain"), *map(settings.paths.page, STAGES)]
    assert {*named} <= {*(found := sorted(paths.reports.rglob("*.html")))}
    return found


def test_texts_are_read_as_texts(settings):
    read = {page.stem: BeautifulSoup(page.read_text("utf-8"), "html.parser") for page in pages(settings)}
    texts = {name: " ".join(page.get_text().split()) for name, page in read.items()}
    for label in LABELS:
        assert " ".join(label.split()) in texts["corpus"]
    assert all(said in texts["corpus"] for said in (FILE.format("none"), NOTE, '<iframe src="javascript:ran'))
    assert LABELS[2] in texts["explain.failed"] and LABELS[2] in texts["index"]
    assert NAME.removesuffix(".csv") in texts["explain.failed"]
    for page in read.values():
        assert not [a["href"] for a in page.select("a[href]") if "evil" in a["href"]], "a text became a link"
        assert not [tag for tag in page.select("script") if "ran(" in tag.get_text()]


def test_nothing_runs_asks_or_waits_to_be_touched_in_a_browser(settings):
    for page in pages(settings):
        assert outside_references(page.read_text("utf-8")) == []
    for page, seen in look(pages(settings)).items():
        assert (seen.ran, seen.armed, seen.requests, seen.errors) == ([], [], [], []), page


def test_what_a_keras_file_carries_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layer = keras.layers.Lambda(lambda x: __import__("pathlib").Path("ran").touch() or x, output_shape=(1,))
    model = keras.Model(given := keras.Input((1,)), layer(given))
    model(np.zeros((1, 1), np.float32))
    Path("ran").unlink()  # it runs where somebody trusts it
    model.save("model.keras")
    with pytest.raises(ValueError, match="Lambda"):
        load_model(Path("model.keras"))
    assert not Path("ran").exists()


def test_no_cell_of_a_table_is_a_formula(settings):
    written = sorted(Path(settings.output).joinpath("reports").rglob("*.csv"))
    assert written
    for file in written:
        cells = pd.read_csv(file, dtype=str, keep_default_na=False, header=None).to_numpy().ravel()
        assert not [cell for cell in cells if cell.startswith(("=", "@", "\t")) or cell[:1] in "+-" and "|" in cell], (
            file
        )
