"""Whole small runs of `run_all.py` in throw-away folders, with the real notebooks."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile

from dslite.configurations import CONFIGURATIONS
from dslite.layout.paths import Paths
from dslite.run.copied import OTHER_CODE
from dslite.scoring import uar
from dslite.stages.catalogue import ACROSS, DEFAULT, OF_CORPUS
from dslite.stages.evaluate import work as evaluate
from dslite.systems import TITLES
from tests import chromium
from tests.links import leading_nowhere
from tests.outside import outside_references
from tests.whole import UNTRAINED, copied, environment, run

LABELS = ("<b>calm</b>", "lärm & co")
COLUMNS = [
    "corpus", "system", "augmentation", "partition", "protocol", "uar", "ci_low", "ci_high", "n_files", "n_speakers",
    "data", "backbone", "weights", "profile", "reading", "seed", "changed", "ci_speaker_low",
    "ci_speaker_high", "se", "ccc", "spearman", "mae", "rmse",
]  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    """An own corpus of short clips: tones and clicks, names and labels that would break a careless page, a bad file."""
    folder = tmp_path_factory.mktemp("own data")
    rng = np.random.default_rng(0)
    t = np.arange(int(1.2 * 22_050)) / 22_050
    rows = []
    for i in range(18):
        wave = np.sin(2 * np.pi * rng.uniform(300, 3000) * t)
        if i % 2:
            wave = rng.standard_normal(t.size) * (np.sin(2 * np.pi * rng.uniform(4, 8) * t) > 0.8)
        name = f"clip <i>{i} ü.wav"
        soundfile.write(folder / name, np.stack([0.3 * wave, 0.1 * wave], axis=1), 22_050)
        part = ("train", "dev", "test")[min(i // 6, 2)]
        rows.append(f'"{name}","{LABELS[i % 2]}",{part}{i % 3},{part}')
    (folder / "corpus.toml").write_text("chunk = 3.0")
    (folder / "broken.wav").write_bytes(b"RIFF" + bytes(300))
    rows.append(f'broken.wav,"{LABELS[0]}",train0,train')
    (folder / "my sounds.csv").write_text("filename,label,speaker,partition\n" + "\n".join(rows) + "\n", "utf-8")
    return folder / "my sounds.csv"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """The package with less to do."""
    return copied(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def finished(root, own, tmp_path_factory) -> Path:
    """What a fresh run on the own corpus leaves, made on one core."""
    output = tmp_path_factory.mktemp("fresh") / "out"
    done = run(root, output, "--corpora", own, *UNTRAINED, "--stages", *DEFAULT, "--cores", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def tables(output: Path) -> dict[str, pd.DataFrame]:
    found = sorted((output / "artifacts" / "my_sounds" / "train").rglob("predictions.parquet"))
    return {str(file.relative_to(output)): pd.read_parquet(file) for file in found}


def test_fresh_run_leaves_every_page_and_table(finished):
    pages = {str(f.relative_to(finished / "reports")) for f in (finished / "reports").rglob("*.html")}
    stages = (stage for stage in OF_CORPUS if stage in DEFAULT)
    across = {f"{name}.html" for name in ("index", "gallery", "scorecard", "discrepancies", *ACROSS)}
    assert across | {f"my_sounds/{stage}.html" for stage in stages} == pages
    names = {*(f"table{n}" for n in range(1, 6)), "table3_full_chunk", "table4_full_chunk"}
    written = {f.name for f in (finished / "reports" / "tables").iterdir()}
    assert {f"{name}.{kind}" for name in names for kind in ("csv", "tex")} == written
    index = (finished / "reports" / "index.html").read_text("utf-8")
    assert all(f'href="tables/{name}"' in index for name in written)
    models = {f.name for f in Paths(finished).corpus("my_sounds").file("deploy").glob("*.tflite")}
    assert {"float32.tflite", "dynamic-int8.tflite"} <= models, "the gate lets them pass"
    assert len(tables(finished)) == 8
    assert not list(finished.rglob("*.part*")) and not list(finished.rglob("checkpoint.npz"))


def test_every_score_comes_from_a_prediction_table(finished):
    results = pd.read_csv(finished / "reports" / "results.csv", keep_default_na=False, na_values=[""])
    assert list(results.columns) == COLUMNS == evaluate.COLUMNS
    assert len(results) == (len(CONFIGURATIONS) + len(TITLES)) * 2 * 2 == 28
    weights = results.groupby("system")["weights"].first()
    assert weights[["DS Lite", "Deep Spectrum + SVM"]].tolist() == ["random"] * 2 and weights.isna()["chance"]
    assert set(results["profile"]) == {"demo"}
    for row in results[results["protocol"] == "all"].itertuples():
        paths = Paths(finished).corpus("my_sounds")
        if row.system == "DS Lite":
            file = paths.fit(row.augmentation, row.partition) / "predictions.parquet"
        else:
            file = paths.baseline({name: key for key, name in TITLES.items()}[row.system], row.partition)
        table = pd.read_parquet(file)
        code = {name: i for i, name in enumerate(LABELS)}
        assert row.uar == pytest.approx(uar(table["label"].map(code), table["predicted"].map(code)), abs=1e-3)
        assert (row.n_files, row.n_speakers) == (len(table), table["speaker"].nunique())
    short = results[results["protocol"] == "full-chunk"]
    assert (short["n_files"] == 0).all() and short["uar"].isna().all(), "no clip is as long as a chunk"


def test_bad_file_is_listed_and_names_are_escaped(finished):
    page = (finished / "reports" / "my_sounds" / "corpus.html").read_text("utf-8")
    assert "broken.wav" in page
    assert "&lt;b&gt;calm&lt;/b&gt;" in page and "<b>calm</b>" not in page


def test_pages_say_what_they_rest_on(finished):
    for name in ("my_sounds/train.html", "my_sounds/evaluate.html", "paper.html"):
        assert "RANDOM" in (finished / "reports" / name).read_text("utf-8"), name


def test_pages_are_small_and_ask_for_nothing(finished):
    for page in (finished / "reports").rglob("*.html"):
        text = page.read_text("utf-8")
        assert outside_references(text) == [] and len(text) < 5e6, page
        assert "data:audio" not in text, f"{page}: nobody has allowed this corpus' sounds to be passed on"


def test_pages_open_in_a_browser_without_network(finished):
    chromium.chromium_or_skip()
    for page, seen in chromium.look(sorted((finished / "reports").rglob("*.html")), width=390).items():
        assert (seen.requests, seen.errors, seen.overflow, seen.without_alt) == ([], [], 0, 0), page


def test_a_showcase_holds_every_page_and_names_no_folder(root, own, finished, tmp_path):
    done = run(root, finished, "--showcase", tmp_path / "shown")
    assert done.returncode == 0, done.stderr
    assert leading_nowhere(tmp_path / "shown") == []
    for page in (finished / "reports").rglob("*.html"):
        copy, text = tmp_path / "shown" / page.relative_to(finished / "reports"), page.read_text("utf-8")
        shown = copy.read_text("utf-8")
        assert outside_references(shown) == []
        assert all(str(folder) not in shown for folder in (own.parent, finished, root)), page
        for same in ("&lt;b&gt;calm&lt;/b&gt;", "<img", "</td>", "<style>", "data:image/png"):
            assert shown.count(same) == text.count(same), (page, same)


def test_values_stand_in_the_first_cell(finished):
    notebook = nbformat.read(finished / "reports" / "my_sounds" / "train.ipynb", 4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert 'profile = "demo"' in first.source.replace("'", '"') and "#" in first.source
    assert "my sounds.csv" in first.source
    assert not any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)


def test_a_figure_of_the_paper_page_that_was_changed_is_found(root, finished, tmp_path):
    """The code that made the page is known as this one, so what differs is wrong, and not merely unchecked."""
    shutil.copytree(finished, tmp_path / "out")
    place = Paths(tmp_path / "out").across("paper").page("paper")
    changed, times = re.subn(r"(<td[^>]*>)\d+\.\d(?=<)", r"\g<1>99.9", place.read_text("utf-8"), count=1)
    assert times
    place.write_text(changed, "utf-8")
    told = json.loads(run(root, tmp_path / "none", "--verify", tmp_path / "out", "--json").stdout)
    assert {one["file"].split()[0] for one in told["wrong"]} == {"reports/paper.html"}
    assert OTHER_CODE not in told["not_checked"].values()


def test_second_run_executes_nothing(root, own, finished):
    before = {f: f.stat().st_mtime_ns for f in (finished / "reports").rglob("*.ipynb")}
    done = run(root, finished, "--corpora", own, *UNTRAINED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {f: f.stat().st_mtime_ns for f in (finished / "reports").rglob("*.ipynb")} == before


def test_killed_run_goes_on_and_ends_where_it_would_have(root, own, finished, tmp_path):
    output = tmp_path / "out"
    how = ("--output", output, "--corpora", own, *UNTRAINED, "--stages", "train", "--cores", "2")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "run_all.py", *how], cwd=root, env=environment(root), stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        records = output / "artifacts" / "my_sounds" / "train"
        limit = time.monotonic() + 300
        while not list(records.glob("*/*/record.json")):
            assert time.monotonic() < limit and process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    time.sleep(3)  # whatever outlives the run would go on fitting now
    kept = {f: f.stat().st_mtime_ns for f in records.glob("*/*/record.json")}
    assert len(kept) < 8, "there is nothing left to go on with"
    time.sleep(4)
    assert {f: f.stat().st_mtime_ns for f in records.glob("*/*/record.json")} == kept, "a fit outlived the run"
    done = run(root, output, "--corpora", own, *UNTRAINED, "--stages", "train", "--cores", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f.stat().st_mtime_ns == when for f, when in kept.items()), "finished fits are not fitted again"
    resumed, whole = tables(output), tables(finished)
    assert resumed.keys() == whole.keys()
    for name in whole:
        pd.testing.assert_frame_equal(resumed[name], whole[name])


def test_other_parameters_replace_what_was_there(root, own, finished, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(finished, output, symlinks=True)
    assert set(pd.read_csv(output / "reports" / "results.csv")["seed"]) == {42}
    done = run(root, output, "--corpora", own, *UNTRAINED, "--seed", "7", "--stages", "paper", "--cores", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed parameter seed: 42 -> 7" in done.stdout
    assert set(pd.read_csv(output / "reports" / "results.csv")["seed"]) == {7}
