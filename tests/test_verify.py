"""`run_all.py --verify`: what a run left, as it is and tampered with."""

import errno
import json
import re
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from dslite.errors import DsliteError
from dslite.files import read_json, write_json, write_table
from dslite.layout import results
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.run import redrawing
from dslite.run.cli import main
from dslite.run.resolve import resolve
from dslite.run.unpacking import unpack
from tests.through import alone, as_a_run, one_configuration, through


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The output of a stand-in up to its scores, with the page of these."""
    folder = tmp_path_factory.mktemp("verify")
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch)
        settings = resolve("css", output=folder / "out", weights="random", changes={"draws": 100})
        through(settings, "evaluate")
        as_a_run(settings, "evaluate")
        settings.paths.pages.mkdir(parents=True)
        redrawing.page(NOTEBOOKS / "evaluate.ipynb", FinishedStage.of(settings, "evaluate"), settings.paths.pages)
        settings.paths.pages.joinpath("evaluate.drawn.html").rename(settings.paths.page("evaluate"))
        results.write(Paths(settings.output))
    return settings.output


@pytest.fixture
def known(monkeypatch, tmp_path):
    """The base model and the one configuration of that run."""
    alone(monkeypatch, tmp_path)
    one_configuration(monkeypatch)


@pytest.fixture
def verified(finished, known, tmp_path, capsys):
    """Exit code and report for a copy of that output, after a change."""

    def run(change=lambda paths: None, place=None):
        copy = tmp_path / "copy"
        shutil.copytree(finished, copy)
        change(Paths(copy))
        capsys.readouterr()
        code = main(["--verify", str(place or copy), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_an_untouched_run_is_right_and_what_was_not_checked_is_said(verified, finished, monkeypatch):
    before = {file: file.stat().st_mtime_ns for file in finished.rglob("*")}
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", None)  # most of a page's time, and no picture is compared
    code, report = verified()
    assert (code, report["wrong"]) == (0, [])
    assert report["right"] > 1000
    said = report["not_checked"]
    assert not [why for why in said.values() if "cannot be drawn again" in why]
    assert "reports/css/evaluate.html (2)" in said and "artifacts/css/corpus/clips.parquet" in said
    assert not any("evaluate" in name and ".parquet" in name for name in said)
    assert {file: file.stat().st_mtime_ns for file in finished.rglob("*")} == before


def table(place: Path, column: str, value) -> None:
    frame = pd.read_parquet(place)
    frame.loc[0, column] = value
    write_table(place, frame)


def page(place: Path) -> None:
    """Another score in the first table."""
    text = place.read_text("utf-8")
    place.write_text(re.sub(r"(<td[^>]*>)\d+\.\d(?=<)", r"\g<1>99.9", text, count=1), "utf-8")


def other_label(paths: Paths) -> None:
    place = paths.corpus("css").fit("none", "test") / "predictions.parquet"
    labels = pd.read_parquet(place)["label"]
    table(place, "label", next(label for label in labels if label != labels[0]))


def other_prediction(paths: Paths) -> None:
    place = paths.corpus("css").fit("none", "test") / "predictions.parquet"
    frame = pd.read_parquet(place)
    write_table(place, frame.assign(predicted=frame["label"]))


def other_choice(paths: Paths) -> None:
    place = paths.corpus("css").record("evaluate")
    write_json(place, read_json(place) | {"chosen": "both"})


def other_results(paths: Paths) -> None:
    text = paths.results.read_text("utf-8").replace("DS Lite,none,test", "DS Lite,both,test")
    paths.results.write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("change", "file", "key"),
    [
        (other_label, "train/none/test/predictions.parquet", "label"),
        (other_prediction, "evaluate/scores.parquet", "uar"),
        (lambda p: table(p.corpus("css").scores, "ci_low", 12.5), "evaluate/scores.parquet", "ci_low"),
        (lambda p: table(p.corpus("css").confusion, "files", 77), "evaluate/confusion.parquet", "files"),
        (lambda p: table(p.corpus("css").pairs, "p", 0.001), "evaluate/pairs.parquet", "p ["),
        (other_choice, "evaluate/record.json", "chosen"),
        (other_results, "reports/results.csv", "augmentation"),
        (lambda p: page(p.corpus("css").page("evaluate")), "reports/css/evaluate.html", "after"),
    ],
    ids=["label", "predicted", "interval", "confusion", "p value", "chosen", "results.csv", "page"],
)
def test_what_was_tampered_with_is_named(verified, change, file, key):
    code, report = verified(change)
    assert code == 1
    assert [one for one in report["wrong"] if file in one["file"] and key in one["key"]]
    assert all(one["said"] != one["recomputed"] for one in report["wrong"])


def test_spectrograms_are_those_of_the_record(verified):
    def other(paths: Paths) -> None:
        place = paths.corpus("css").spectrograms
        content = place.read_bytes()
        place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    code, report = verified(other)
    assert code == 1 and {one["key"] for one in report["wrong"]} == {"data_hash"}


def test_of_a_bundle_pages_are_held_against_their_notebooks(verified, finished, tmp_path):
    def as_bundle(paths: Paths) -> None:
        page(paths.corpus("css").page("evaluate"))
        with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
            for file in paths.reports.rglob("*.*"):
                archive.write(file, Path("dslite-reports", file.relative_to(paths.reports)))
            archive.writestr("dslite-reports/index.html", "")

    code, report = verified(as_bundle, tmp_path / "bundle.zip")
    assert code == 1 and "99.9" in [one["said"] for one in report["wrong"] if "evaluate.html" in one["file"]]
    assert "there are no artifacts/" in report["not_checked"]["all but the notebooks' pages"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("../out.csv", "leads out"), ("/etc/x", "leads out"), ("a.pkl", "run a program"), ("l", "is a link")],
)
def test_a_zip_that_could_do_harm_is_refused(tmp_path, capsys, name, why):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        one = zipfile.ZipInfo(name)
        one.external_attr = (0o120777 if name == "l" else 0o100644) << 16
        archive.writestr(one, "/etc/passwd")
    assert main(["--verify", str(tmp_path / "bad.zip")]) == 1
    assert why in capsys.readouterr().err and [file.name for file in tmp_path.iterdir()] == ["bad.zip"]


def test_a_full_disk_is_not_the_zips_fault(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("x.json", "{}")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DsliteError, match="Nothing more can be written to"):
        unpack(tmp_path / "good.zip", tmp_path / "there")
