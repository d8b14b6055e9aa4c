"""Stages by hand, as somebody in JupyterLab runs them."""

import itertools
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score

from dslite.corpora.standins import write_standin
from dslite.errors import DsliteError
from dslite.layout.code import HERE
from dslite.layout.finished import FinishedStage
from dslite.run.cli import main
from dslite.run.notebook import stage
from dslite.run.resolve import resolve
from dslite.scoring import TRAINED_ON
from dslite.stages.catalogue import OF_CORPUS, STAGES
from dslite.stages.corpus import work as corpus
from dslite.stages.train import fits
from dslite.stages.train import work as train
from dslite.systems import TITLES
from tests import corpus_files
from tests.through import alone, one_configuration, through


@pytest.fixture
def own(tmp_path, monkeypatch):
    alone(monkeypatch, tmp_path)
    return Path(corpus_files.own(tmp_path, 0.1 * np.random.default_rng(0).standard_normal((12, 20_000))))


def settings(own, **changes):
    return resolve(str(own), **{"profile": "demo", "output": own.parent / "out", **changes})


def test_stage_is_made_once(own):
    first = corpus.work(settings(own))
    stamp = first.paths.spectrograms.stat().st_mtime_ns
    assert corpus.work(settings(own)).record == first.record
    assert first.paths.spectrograms.stat().st_mtime_ns == stamp


def test_results_of_other_parameters_are_kept(own):
    first = corpus.work(resolve("mpssc", output=own.parent / "out"))
    with pytest.raises(DsliteError, match="seed 42, not 7.*output.*run_all.py"):
        corpus.work(resolve("mpssc", output=own.parent / "out", seed=7))
    assert corpus.work(resolve("mpssc", output=own.parent / "out")).record == first.record


def test_a_standin_moves_with_its_output_folder(tmp_path):
    made = corpus.work(resolve("mpssc", output=tmp_path / "out"))
    (tmp_path / "out").rename(tmp_path / "moved")
    moved = corpus.work(resolve("mpssc", output=tmp_path / "moved"))
    assert moved.record == made.record and not (tmp_path / "out").exists()


def test_a_report_whose_results_are_gone_says_so_and_makes_nothing(own, monkeypatch):
    pages = settings(own).paths.pages
    pages.mkdir(parents=True)
    monkeypatch.chdir(pages)
    with pytest.raises(DsliteError, match="^What this report shows is not there any more.*run_all.py"):
        stage("train", corpus=str(own), profile="demo", output="../..")
    assert not settings(own).paths.root.exists()


def test_seed_changes_nothing_in_real_audio(own):
    assert corpus.work(settings(own)).record == corpus.work(settings(own, seed=7)).record


def test_changed_audio_is_read_again(own):
    first = corpus.work(settings(own))
    soundfile.write(own.parent / "0.wav", np.sin(np.arange(20_000) / 9), 16_000)
    second = corpus.work(settings(own))
    assert second.record["data_hash"] != first.record["data_hash"]


def test_same_audio_read_again_is_the_same_data(own):
    """Fits depend on this hash: touching a file must not train for hours again."""
    first = corpus.work(settings(own))
    (own.parent / "0.wav").touch()
    second = corpus.work(settings(own))
    assert second.record["identity"] != first.record["identity"]
    assert second.record["data_hash"] == first.record["data_hash"]


def test_labels_make_stale_what_sees_them(own, monkeypatch):
    """Those of test the scores alone, those of dev the fit on train + dev, those of train both fits."""
    one_configuration(monkeypatch)
    before = own.read_text()

    def relabelled(last_stage: str, *files: str) -> tuple[FinishedStage, dict[str, str]]:
        """The last stage, and the record of each fit by its target, with some clips of class a called b."""
        own.write_text(re.sub(rf"^({'|'.join(files)}),a,", r"\1,b,", before, flags=re.MULTILINE) if files else before)
        stage = through(settings(own, weights="random"), last_stage)
        return stage, {target: (stage.paths.fit("none", target) / "record.json").read_text() for target in TRAINED_ON}

    def audio(paths) -> list[int]:
        return [file.stat().st_mtime_ns for file in (paths.samples, paths.spectrograms, paths.features)]

    def refitted_machines(corpus):
        raise AssertionError("of test, only labels are new")

    first, fitted = relabelled("evaluate")
    made, margins = audio(first.paths), pd.read_parquet(first.paths.baseline("librosa", "test"))["margin_a"]
    monkeypatch.setattr("dslite.stages.baseline.work._fitted", refitted_machines)
    for last_stage, files, refitted in (
        ("evaluate", ["8.wav"], set()),
        ("train", ["8.wav", "4.wav"], {"test"}),
        ("train", ["8.wav", "4.wav", "0.wav"], {"dev", "test"}),
    ):
        stage, now = relabelled(last_stage, *files)
        assert {target for target in now if now[target] != fitted[target]} == refitted, files
        assert audio(stage.paths) == made
        expected, fitted = {}, now
        for target in TRAINED_ON:
            table = stage.predictions("none", target)
            labels = ["b" if file in files or int(Path(file).stem) % 2 else "a" for file in table["file"]]
            assert list(table["label"]) == labels and len(labels) == 4
            expected[target] = 100 * balanced_accuracy_score(labels, table["predicted"])
        assert stage.history("none", "dev")["dev_uar"].iloc[-1] == pytest.approx(expected["dev"])
        assert stage.history("none", "test")["dev_uar"].isna().all()
        if last_stage == "evaluate":
            scores = pd.read_parquet(stage.paths.scores).query("system == 'DS Lite' and protocol == 'all'")
            assert dict(zip(scores["partition"], scores["uar"], strict=True)) == pytest.approx(expected)
            compared = pd.read_parquet(stage.paths.baseline("librosa", "test"))
            assert list(compared["label"]) == labels and compared["margin_a"].equals(margins)
    with pytest.raises(AssertionError, match="of test"):
        through(settings(own, weights="random"), "baseline")


def test_labels_and_touched_files_leave_the_baselines_features(own, monkeypatch):
    """Machines that are fitted on kept features say what those say that are fitted on new ones, bit for bit."""
    before = own.read_text()
    first = through(settings(own, weights="random"), "baseline")
    features = first.paths.file("baseline", "features.npz")
    made = features.stat().st_mtime_ns
    own.write_text(before.replace("0.wav,a,", "0.wav,b,").replace("4.wav,a,", "4.wav,b,"))
    (own.parent / "2.wav").touch()
    second = through(settings(own, weights="random"), "baseline")
    assert features.stat().st_mtime_ns == made and second.record["grid"] != first.record["grid"]
    anew = through(settings(own, weights="random", output=own.parent / "anew"), "baseline")
    told = ("grid", "chosen", "features", "front_end", "weights", "weights_source", "backbone")
    assert {name: second.record[name] for name in told} == {name: anew.record[name] for name in told}
    for system, target in itertools.product(TITLES, TRAINED_ON):
        kept, new = (pd.read_parquet(stage.paths.baseline(system, target)) for stage in (second, anew))
        pd.testing.assert_frame_equal(kept, new, check_exact=True)
    first.paths.record("baseline").unlink()
    through(settings(own, weights="random", seed=1), "baseline")
    assert features.stat().st_mtime_ns != made, "random weights of another seed"


def test_what_data_is_called_reaches_the_record_without_fitting_again(own, monkeypatch):
    one_configuration(monkeypatch)
    first = through(settings(own, reading="sound"), "evaluate")
    fitted = {f: f.stat().st_mtime_ns for f in first.paths.root.glob("train/*/*/record.json")}
    assert len(fitted) == 2 and first.record["data"] != "cropped"
    (own.parent / "corpus.toml").write_text('corpus = "own"\ndata = "cropped"\nnote = "cut"\nchunk = 3.0\n')
    second = through(settings(own, reading="sound"), "evaluate")
    assert (second.record["data"], second.record["note"]) == (
        "cropped",
        "cut; partition: the CSV's own column",
    )
    assert set(pd.read_parquet(second.paths.scores)["data"]) == {"cropped"}
    assert {f: f.stat().st_mtime_ns for f in fitted} == fitted
    # and which reading was asked for, in every table that is made from the fits
    assert set(pd.read_parquet(second.paths.scores)["reading"]) == {"sound"} and second.record["reading"] == "sound"
    assert second.fit_record("none", "dev")["reading"]["decision"] == "mean"
    with pytest.raises(DsliteError, match="reading 'sound', not 'paper'"):
        train.work(settings(own))


@pytest.mark.parametrize("name", sorted(set(OF_CORPUS) - {"corpus"}))
def test_a_stage_whose_input_is_missing_says_what_to_run(own, name):
    work = import_module(f"dslite.stages.{name}.work").work
    with pytest.raises(DsliteError, match=rf"the stage {STAGES[name].needs[0]} has not run.*run_all.py.*--stages"):
        work(settings(own))
    assert not settings(own).paths.root.exists()


def test_unusable_audio_that_empties_a_class_is_refused(own):
    for i in (4, 6):
        soundfile.write(own.parent / f"{i}.wav", np.zeros(20_000), 16_000)
    with pytest.raises(DsliteError, match="dev has no 'a'.*2 x The audio .*: 4.wav, 6.wav"):
        corpus.work(settings(own))
    assert not settings(own).paths.record("corpus").exists()


def test_table_1_counts_what_a_reading_leaves_out_for_being_short(own):
    rng = np.random.default_rng(1)
    for i in range(1, 12):
        soundfile.write(own.parent / f"{i}.wav", 0.1 * rng.standard_normal(64_000), 16_000)
    stage = corpus.work(settings(own, reading="released"))
    assert (len(stage.clips), len(stage.found)) == (11, 12)
    assert set(stage.found["file"]) - set(stage.clips["file"]) == {"0.wav"}


def test_unusable_audio_is_listed(own):
    soundfile.write(own.parent / "4.wav", np.zeros(20_000), 16_000)
    stage = corpus.work(settings(own))
    assert "4.wav" in set(stage.problems["file"]) and "4.wav" not in set(stage.clips["file"])
    assert any("4.wav" in line and "silent" in line for line in stage.record["warnings"])


@pytest.mark.parametrize("changes, message", [
    ({"profile": "fast"}, "fast.*auto, demo, full"),
    ({"backbone": "vgg"}, "vgg.*densenet121"),
    ({"seed": -1}, "-1.*0 to"),
    ({"workers": 0}, "workers is 0"),
    ({"data": "/nowhere/at/all"}, "does not exist.*--data"),
])  # fmt: skip
def test_wrong_parameters_say_what_was_expected(own, changes, message):
    with pytest.raises(DsliteError, match=message):
        settings(own, **changes)


def test_unknown_corpus_and_missing_csv_are_named(tmp_path):
    with pytest.raises(DsliteError, match="'timit'.*ccs"):
        resolve("timit")
    with pytest.raises(DsliteError, match="gone.csv does not exist"):
        resolve(str(tmp_path / "gone.csv"))


@pytest.mark.parametrize("corpus", ["birds", "ravdess"])
def test_results_among_the_recordings_of_a_folder_are_refused(tmp_path, corpus):
    """The clips of explain would be a class of their own, and every run would find other audio than the last."""
    corpus_files.ravdess(tmp_path / "ravdess")
    name = corpus if corpus == "ravdess" else str(folder_of_classes(tmp_path / corpus))
    for output in (tmp_path / corpus, tmp_path / corpus / "out"):
        with pytest.raises(DsliteError, match="lies in the corpus .*Give --output a folder outside of it"):
            resolve(name, data=tmp_path, output=output)
    for output in (tmp_path, tmp_path / "out", tmp_path / corpus / ".out"):
        assert resolve(name, data=tmp_path, output=output).output == output
    assert main(["--corpora", name, "--data", str(tmp_path), "--output", str(tmp_path / corpus), "--dry-run"]) == 1
    assert not (tmp_path / corpus / "artifacts").exists(), "not even a log is left there"
    csv = corpus_files.text(tmp_path / corpus / "labels.csv", "filename,label", "a.wav,x")
    assert resolve(str(csv), output=csv.parent).output == csv.parent, "of a CSV, only what it names is read"


def folder_of_classes(folder):
    for label in "xy":
        corpus_files.audio(folder / label / "a.wav")
    return folder


def test_missing_corpus_becomes_a_demo_on_a_stand_in(tmp_path):
    found = resolve("mpssc", output=tmp_path)
    assert (found.standin, found.profile, found.backbone) == (True, "demo", "efficientnet_lite0")
    assert found.folder.is_relative_to(tmp_path)


def test_a_corpus_that_is_found_has_no_stand_in_of_real_size(tmp_path):
    write_standin("css", tmp_path / "css", 0)
    grown = {"standin_size": "real"}
    with pytest.raises(DsliteError, match="css is found in .*leave --standin-size out"):
        resolve("css", data=tmp_path, output=tmp_path / "out", changes=grown)
    assert resolve("ess", data=tmp_path, output=tmp_path / "out", changes=grown).standin


def test_parameters_of_settings_resolve_to_the_same_settings(own):
    before = settings(own, seed=5, workers=2)
    assert resolve(**before.as_parameters()) == before


def test_worker_that_dies_is_named(own, monkeypatch):
    stage = corpus.work(settings(own))
    monkeypatch.setattr(fits, "_extract", lambda inputs, pool, *rest: pool.submit(exit_hard).result())
    with pytest.raises(DsliteError, match="memory ran out"):
        fits.run(stage, [], lambda *progress: None)


def exit_hard():
    import os

    os._exit(9)


def test_results_depend_on_the_code_that_makes_them():
    def of(stage: str) -> set[str]:
        return set(HERE.made_by(f"dslite.stages.{stage}.work"))

    used = ("training", "backbones.densenet121", "network", "model", "spectrogram", "scoring")
    assert {f"dslite.{name}" for name in used} <= of("train")
    assert {"dslite.corpora.standins", "dslite.corpora.reading", "dslite.audio"} <= of("corpus")
    assert not [name for name in of("corpus") if "download" in name]
