"""Whole small runs on a stand-in and on real audio."""

import re

import pandas as pd
import pytest
import soundfile

from dslite.stages.catalogue import DEFAULT, OF_CORPUS
from tests.whole import copied, run

WITHOUT_TABLE5 = [stage for stage in DEFAULT if stage != "benchmark"]
"""It is of no corpus, and the run of tests/test_whole_run.py measures it."""

pytestmark = pytest.mark.slow


def test_stand_in_says_so_everywhere(tmp_path):
    root, output = copied(tmp_path / "package"), tmp_path / "out"
    done = run(root, output, "--corpora", "css", "--stages", *WITHOUT_TABLE5, "--cores", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = [stage for stage in OF_CORPUS if stage in DEFAULT]
    for name in (*(f"css/{stage}.html" for stage in stages), "paper.html", "gallery.html", "index.html"):
        page = (output / "reports" / name).read_text("utf-8")
        assert "SYNTHETIC" in page, name
        assert all("SYNTHETIC" in alt for alt in re.findall(r'<img[^>]* alt="([^"]*)"', page)), name
    results = pd.read_csv(output / "reports" / "results.csv")
    assert set(results["data"]) == {"stand-in"} and set(results["seed"]) == {42}
    assert set(results["weights"].dropna()) == {"imagenet"} and set(results["backbone"].dropna()) == {
        "efficientnet_lite0"
    }
    assert "ImageNet weights" in page
    for page in (output / "reports").rglob("*.html"):
        assert "RANDOM" not in page.read_text("utf-8"), page


def test_real_ravdess_runs_through_every_stage(real_ravdess, squeezenet_weights, tmp_path):
    """Five actors of the real corpus, three clips of each class of theirs, cut to less than a chunk."""
    for actor in (1, 2, 14, 19, 20):
        there = tmp_path / "data" / "ravdess" / f"Actor_{actor:02d}"
        there.mkdir(parents=True)
        for emotion in range(1, 7):
            for file in sorted((real_ravdess / there.name).glob(f"03-02-{emotion:02d}-*"))[:3]:
                samples, rate = soundfile.read(file)
                soundfile.write(there / file.name, samples[: int(3.6 * rate)], rate)
    (tmp_path / "data" / "ravdess" / "corpus.toml").write_text(
        'corpus = "ravdess"\ndata = "cropped"\nnote = "five actors, three clips per class, cropped"\n'
    )
    root, output = copied(tmp_path / "package"), tmp_path / "out"
    how = ("--profile", "demo", "--backbone", "squeezenet_v1", "--weights", squeezenet_weights, "--cores", 1)
    done = run(root, output, "--corpora", "ravdess", "--data", tmp_path / "data", *how, "--stages", *WITHOUT_TABLE5)
    assert done.returncode == 0, done.stdout + done.stderr
    results = pd.read_csv(output / "reports" / "results.csv")
    assert set(results["data"]) == {"cropped"} and set(results["weights"].dropna()) == {"imagenet"}
    everything = results[(results["protocol"] == "all") & (results["partition"] == "test")]
    assert (everything["n_files"] == 36).all() and (everything["n_speakers"] == 2).all()
    assert (results.loc[results["protocol"] == "full-chunk", "n_files"] == 0).all()
    for name in ("paper.html", "ravdess/evaluate.html", "ravdess/explain.html", "ravdess/deploy.html"):
        page = (output / "reports" / name).read_text("utf-8")
        assert "CROPPED" in page and "RANDOM" not in page, name
