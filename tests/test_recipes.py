"""CONTRIBUTING's recipes, followed to the letter: a stage and a base model that the package does not have."""

import subprocess
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from dslite.layout.paths import NOTEBOOKS, Paths
from tests import whole

WORK = '''"""Stage ``toy``: how many files each class has."""

from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings


def work(settings: Settings) -> FinishedStage:
    trained = FinishedStage.of(settings, "train")
    identity = records.identity("toy", {"train": trained.record["identity"]}, settings.chosen)
    if record := records.made(settings, "toy", identity):
        return FinishedStage(settings, record)
    started = records.start(settings, "toy")
    counts = trained.clips.groupby("label").size().rename("files").reset_index()
    record = records.inherited(trained.record) | records.begin(settings, "toy", identity, started)
    return records.write(settings, record, {"counts": counts})
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


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A copy of the package with a toy stage and a toy base model."""
    root = whole.copied(tmp_path_factory.mktemp("copy"))
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
    return root


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def run(root: Path, *options: str) -> str:
    how = ("--corpora", "mpssc", "--backbone", "toynet", "--random-weights", "--cores", 1)
    done = whole.run(root, root / "out", *how, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_stage_and_a_base_model_are_added_by_their_recipes(root):
    helped = run(root, "--help")
    assert "toynet" in helped and "explain, deploy, toy, ablation" in " ".join(helped.split())
    planned = run(root, "--stages", "toy")
    assert [line.split()[:2] for line in planned.splitlines() if line.startswith("  mpssc")] == [
        ["mpssc", "corpus"], ["mpssc", "train"], ["mpssc", "toy"],
    ]  # fmt: skip
    places = Paths(root / "out").corpus("mpssc")
    page = BeautifulSoup(places.page("toy").read_text("utf-8"), "html.parser").get_text(" ", strip=True)
    assert "Files of each class" in page and "Toy network, RANDOM weights" in page and "SYNTHETIC" in page
    assert '"backbone": "toynet"' in places.record("train").read_text("utf-8")

    index = BeautifulSoup((root / "out/reports/index.html").read_text("utf-8"), "html.parser")
    assert "toy" in [head.get_text(strip=True) for head in index.find_all("th")]
    assert index.find("a", href="mpssc/toy.html")
    listed = [line.split() for line in run(root, "--list").splitlines() if line.startswith("  mpssc")]
    assert ["mpssc", "toy", "done"] in listed and ["mpssc", "evaluate", "not", "run"] in [line[:4] for line in listed]

    edit(root / "dslite/stages/toy/work.py", '"files").reset_index()', '"files").reset_index().head(2)')
    assert "1 notebook to run" in (again := run(root, "--stages", "toy")) and "dslite.stages.toy.work" in again


@pytest.mark.slow
def test_a_notebook_that_is_opened_alone_has_what_is_missing_made_and_keeps_what_is_there(root):
    def opened(name: str, seed: int) -> subprocess.CompletedProcess:
        asked = f"corpus='mpssc', backbone='toynet', weights='random', output={str(root / 'alone')!r}, seed={seed}"
        asked += ", workers=1"
        return whole.python(root, "-c", f"from dslite.run.notebook import stage; stage({name!r}, {asked})")

    first = opened("toy", 42)
    assert first.returncode == 0, first.stderr
    assert "First, what comes before: corpus, train." in first.stdout
    places = Paths(root / "alone").corpus("mpssc")
    assert places.record("toy").is_file()
    assert places.page("train").is_file() and not places.page("toy").exists(), "its own page is the notebook's to make"
    kept = places.record("corpus").read_bytes()
    again = opened("toy", 42)
    assert again.returncode == 0 and "First" not in again.stdout
    other = opened("corpus", 8)
    assert other.returncode == 0 and "seed 42, not 8. They stay; these go to" in other.stdout
    assert Paths(Paths(root / "alone").changed("seed-8")).corpus("mpssc").record("corpus").is_file()
    assert places.record("corpus").read_bytes() == kept
