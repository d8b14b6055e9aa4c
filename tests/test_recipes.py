"""CONTRIBUTING's recipes, followed to the letter: a stage and a base model that the package does not have."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from dslite.layout.code import PACKAGE
from dslite.layout.paths import NOTEBOOKS, Paths

WORK = '''"""Stage ``toy``: how many files each class has."""

import time

from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings


def work(settings: Settings) -> FinishedStage:
    trained = FinishedStage.of(settings, "train")
    identity = records.identity("toy", {"train": trained.record["identity"]}, settings.chosen)
    if record := records.made(settings, "toy", identity):
        return FinishedStage(settings, record)
    counts = trained.clips.groupby("label").size().rename("files").reset_index()
    record = records.inherited(trained.record) | records.begin(settings, "toy", identity, time.monotonic())
    records.write(settings, record, {"counts": counts})
    return FinishedStage(settings, record)
'''
VIEWS = '''"""What the notebook ``toy`` shows."""


def counts(stage):
    return stage.table("counts")
'''
SHOWN = """from dslite import reporting
from dslite.run.notebook import begin
from dslite.stages.toy import views

stage = begin("toy", globals())"""
ENTRY = '        "toy": Stage(needs=("train",), seconds=lambda load: 3.0),\n'
MODEL = '''"""A network of two layers."""

from dslite.backbones import SIZE, BaseModel


def _build():
    import keras

    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 8, strides=8, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(16, 3, strides=2, activation="relu")(x), name="toynet")


BASE_MODEL = BaseModel(
    title="Toy network",
    build=_build,
    scale=(1 / 127.5,) * 3,
    offset=(-1.0,) * 3,
    file="toynet.h5",
    url="http://127.0.0.1:9/",
    seconds=0.001,
)
'''


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A copy of the package with a toy stage and a toy base model."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, root / "dslite", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    shutil.copy(PACKAGE.parent / "run_all.py", root)
    folder = root / "dslite/stages/toy"
    folder.mkdir()
    for name, content in {"__init__": "", "work": WORK, "views": VIEWS}.items():
        (folder / f"{name}.py").write_text(content)
    notebook = nbformat.read(NOTEBOOKS / "train.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    shown = [SHOWN, 'reporting.table(views.counts(stage), "Files of each class", index=False)']
    notebook.cells = [nbformat.v4.new_markdown_cell("# Toy"), first, *map(nbformat.v4.new_code_cell, shown)]
    nbformat.write(notebook, root / "notebooks/toy.ipynb")
    edit(root / "dslite/stages/catalogue.py", '        "ablation": Stage(\n', f'{ENTRY}        "ablation": Stage(\n')
    (root / "dslite/backbones/toynet.py").write_text(MODEL)
    edit(root / "dslite/profiles.py", "STANDIN_EPOCHS = (6, 2)", "STANDIN_EPOCHS = (1, 1)")  # to save time
    return root


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def run(root: Path, *options: str) -> str:
    chosen = ["--corpora", "mpssc", "--backbone", "toynet", "--random-weights", "--output", str(root / "out")]
    done = python(root, "run_all.py", *chosen, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if k not in ("DSLITE_DATA", "DSLITE_WEIGHTS", "PYTHONPATH")}
    environment |= {"KERAS_HOME": str(root / "keras"), "https_proxy": "http://127.0.0.1:9"}
    return subprocess.run([sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_a_stage_and_a_base_model_are_added_by_their_recipes(root):
    helped = run(root, "--help")
    assert "toynet" in helped and "explain, deploy, toy, ablation, search, folds, benchmark" in " ".join(helped.split())
    planned = run(root, "--stages", "toy", "--dry-run")
    assert [line.split()[:2] for line in planned.splitlines() if line.startswith("  mpssc")] == [
        ["mpssc", "corpus"], ["mpssc", "train"], ["mpssc", "toy"],
    ]  # fmt: skip
    run(root, "--stages", "toy")
    places = Paths(root / "out").corpus("mpssc")
    page = BeautifulSoup(places.page("toy").read_text("utf-8"), "html.parser").get_text(" ", strip=True)
    assert "Files of each class" in page and "Toy network, RANDOM weights" in page and "SYNTHETIC" in page
    assert '"backbone": "toynet"' in places.record("train").read_text("utf-8")

    index = BeautifulSoup((root / "out/reports/index.html").read_text("utf-8"), "html.parser")
    assert "toy" in [head.get_text(strip=True) for head in index.find_all("th")]
    assert index.find("a", href="mpssc/toy.html")
    listed = [line.split() for line in run(root, "--list").splitlines() if line.startswith("  mpssc")]
    assert ["mpssc", "toy", "done"] in listed and ["mpssc", "evaluate", "not", "run"] in [line[:4] for line in listed]

    assert "Nothing to do" in run(root, "--stages", "toy")
    edit(root / "dslite/stages/toy/work.py", '"files").reset_index()', '"files").reset_index().head(2)')
    assert "1 notebook to run" in (again := run(root, "--stages", "toy")) and "dslite.stages.toy.work" in again
    places.page("toy").unlink()
    assert "its page is gone" in run(root, "--stages", "toy"), "what is lost is made again, and nothing else"


@pytest.mark.slow
def test_a_notebook_that_is_opened_alone_has_what_is_missing_made_and_keeps_what_is_there(root):
    def opened(seed: int) -> subprocess.CompletedProcess:
        asked = f"corpus='mpssc', backbone='toynet', weights='random', output={str(root / 'alone')!r}, seed={seed}"
        return python(
            root, "-c", f"from dslite.run.notebook import stage; print(stage('toy', {asked}).table('counts'))"
        )

    first = opened(42)
    assert first.returncode == 0, first.stderr
    assert "First, what comes before: corpus, train." in first.stdout and "files" in first.stdout
    places = Paths(root / "alone").corpus("mpssc")
    assert places.page("train").is_file() and not places.page("toy").exists(), "its own page is the notebook's to make"
    kept = places.record("train").read_bytes()
    again = opened(42)
    assert again.returncode == 0 and "First" not in again.stdout
    other = opened(8)
    assert other.returncode == 0 and "seed 42, not 8. They stay; these go to" in other.stdout
    assert Paths(Paths(root / "alone").changed("seed-8")).corpus("mpssc").record("train").is_file()
    assert places.record("train").read_bytes() == kept
