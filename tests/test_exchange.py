"""`--export-results`, `--import-results`: what one output holds, in another one, as it is and tampered with."""

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from dslite import corpora
from dslite.errors import DsliteError
from dslite.files import read_json, write_json, write_table
from dslite.layout.paths import CHANGED, NEXT_SEED, NOTEBOOKS, Paths
from dslite.run import crate, exporting, importing, notebook, outputs, plan, redrawing, session
from dslite.run.cli import main
from dslite.run.resolve import resolve
from dslite.run.verify import verify
from dslite.stages.catalogue import STAGES
from dslite.stages.paper.work import work as set_tables
from tests.corpus_files import own
from tests.test_crate import required_and_failed
from tests.through import alone, as_a_run, one_configuration, through

LINE = "Computed elsewhere, on "


def small(patch, folder: Path) -> None:
    """The base model of these runs, with few draws and pictures."""
    alone(patch, folder)
    for name in ("DRAWS", "PAIRED_DRAWS"):
        patch.setattr(f"dslite.layout.settings.{name}", 50)
    for name in ("deploy.work.ROUNDS", "deploy.inputs.CALIBRATION"):
        patch.setattr(f"dslite.stages.{name}", {"demo": 2})
    patch.setattr("dslite.stages.deploy.work.CALIBRATION", {"demo": 2})
    patch.setattr("dslite.stages.paper.discrepancies._PICTURES", {})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    """Corpus -> an output with its stand-in up to its scores; of one with its files for a phone."""
    folder, found = tmp_path_factory.mktemp("exchange"), {}
    with pytest.MonkeyPatch.context() as patch:
        small(patch, folder)
        one_configuration(patch)
        for name, stage in {"css": "deploy", "ess": "evaluate"}.items():
            settings = resolve(name, output=folder / name, weights="random")
            through(settings, stage)
            as_a_run(settings, stage)
            found[name] = settings.output
            planned = session.prepare([settings], [stage], settings.backbone, 1)
            write_json(planned.paths.run, outputs.record(planned, {"seed": settings.seed}, 0.0, 0))
            once_more = settings.paths.fit("none", NEXT_SEED)  # as explain leaves it
            shutil.copytree(settings.paths.fit("none", "test"), once_more)
        assert main(["--output", str(found["css"]), "--export-results", str(folder / "css.zip")]) == 0
    return found | {"zip": folder / "css.zip"}


@pytest.fixture
def known(monkeypatch, tmp_path):
    small(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def both(made, tmp_path_factory) -> Paths:
    """The output of the one corpus, with the other one imported."""
    folder = tmp_path_factory.mktemp("both")
    with pytest.MonkeyPatch.context() as patch:
        small(patch, folder)
        shutil.copytree(made["ess"], folder / "out")
        assert main(["--output", str(folder / "out"), "--import-results", str(made["zip"])]) == 0
    return Paths(folder / "out")


def test_an_import_stands_on_the_index_at_once(made, known, tmp_path):
    assert main(["--output", str(tmp_path / "out"), "--import-results", str(made["zip"])]) == 0
    paths = Paths(tmp_path / "out")
    shown = paths.index.read_text("utf-8")
    assert shown.count(LINE) == 1 and 'href="css/evaluate.html"' in shown and "css" in paths.results.read_text("utf-8")
    assert not verify(paths.output).wrong


def test_two_outputs_fill_one_scorecard(both, known):
    summary = set_tables(both.output)
    filled = summary.card[(summary.card["quantity"] == "uar") & summary.card["ours"].notna()]
    assert {"css", "ess"} == set(filled["corpus"])
    assert f"css: {LINE}" in both.scorecard_page.read_text("utf-8")
    assert [warning for warning in summary.record["warnings"] if warning.startswith(f"css: {LINE}")]


def test_what_was_imported_is_taken_as_it_is_and_says_so(both, known, made, capsys):
    asked = [resolve(name, output=both.output, weights="random", seed=7) for name in ("css", "ess")]
    planned = session.prepare(asked, ("explain", "paper"), "toynet", 1)
    assert {job.corpus for job in planned.plan.jobs} == {"ess", ""}
    assert "evaluate of css" in planned.plan.jobs[-1].inputs
    outputs.write(planned, outputs.record(planned, {"seed": 42}, 0.0, 0))
    assert both.index.read_text("utf-8").count(LINE) == 1
    pages = sorted(file.name for file in both.corpus("css").pages.iterdir())
    assert pages == [f"{stage}.html" for stage in sorted(STAGES) if STAGES[stage].exported]
    assert all(file.read_text("utf-8").count(LINE) == 1 for file in both.corpus("css").pages.iterdir())
    assert main(["--output", str(both.output), "--corpora", "css", "--stages", "evaluate", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert LINE in said and "Nothing to do" in said
    by_hand = notebook.stage("evaluate", corpus="css", output=str(both.output), weights="random")
    assert by_hand.record == read_json(Paths(made["css"]).corpus("css").record("evaluate"))


def test_what_was_imported_can_be_verified(both, known):
    report = verify(both.output)
    assert not report.wrong and report.right > 1000
    assert any("css/corpus.html" in name for name in report.unchecked)
    assert "reports/css/evaluate.html" not in report.unchecked, "it is drawn again"


def test_an_export_is_verified_by_its_manifest(made, known, tmp_path):
    report = verify(made["zip"])
    assert not report.wrong and "artifacts/css/deploy/float32.tflite" in report.unchecked
    with zipfile.ZipFile(made["zip"]) as archive:
        archive.extractall(tmp_path)
    other_bytes(f"{CSS}/deploy/float32.tflite")(tmp_path)
    (tmp_path / CSS / "deploy/int8.tflite").unlink()
    more(f"{CSS}/deploy/more.txt")(tmp_path)
    report = verify(tmp_path)
    assert [(one.file, one.key) for one in report.wrong] == [
        (f"{CSS}/deploy/{name}.tflite", "sha256") for name in ("float32", "int8")
    ]
    assert report.unchecked[f"{CSS}/deploy/more.txt"] == "the manifest does not name it"


def test_an_export_holds_tables_records_and_phone_models_alone(made, known, tmp_path):
    with zipfile.ZipFile(made["zip"]) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
    assert {Path(name).suffix for name in names} == {".json", ".parquet", ".tflite", ""}
    assert not [name for name in names if NEXT_SEED in name or "standins" in name]
    assert set(manifest["files"]) == set(names) - {"manifest.json"} and {*exporting.CRATE} <= set(names)
    with zipfile.ZipFile(made["zip"]) as archive:
        (tmp_path / "crate.json").write_bytes(archive.read(exporting.CRATE[0]))
    hashes = {name: one["sha256"] for name, one in manifest["files"].items()}
    del hashes[exporting.CRATE[0]]
    assert crate.said(tmp_path / "crate.json") == hashes
    assert manifest["corpora"]["css"]["data"] == "stand-in" and manifest["corpora"]["css"]["hardware"]
    left = {file.suffix for file in Path(made["css"]).rglob("*.*")}
    assert {".npy", ".keras", ".wav"} <= left  # what was there to be left out
    tables = [parquet.read_schema(made["css"] / name) for name in names if name.endswith(".parquet")]
    kinds = {(column.name, str(column.type)) for table in tables for column in table}
    many = {name for name, kind in kinds if "list" in kind or "binary" in kind}
    assert many == {"dev_decided"}  # what is decided of each file of dev after an epoch
    assert main(["--output", str(made["css"]), "--export-results", str(tmp_path / "again.zip")]) == 0
    assert (tmp_path / "again.zip").read_bytes() == made["zip"].read_bytes()


def test_the_crate_of_an_export_meets_what_its_profiles_require(made, tmp_path):
    with zipfile.ZipFile(made["zip"]) as archive:
        archive.extractall(tmp_path / "there")
    assert required_and_failed(tmp_path, [tmp_path / "there"]) == [[]]


def test_recordings_are_exported_where_somebody_asks_and_the_licence_allows_it(made, known, tmp_path, capsys):
    shutil.copytree(made["css"], tmp_path / "there")
    settings = resolve("css", output=tmp_path / "there", weights="random")
    explained = through(settings, "explain")
    redrawing.draw(NOTEBOOKS / "explain.ipynb", explained, tmp_path)  # which leaves pictures for the gallery
    for stage in ("explain", "deploy"):
        as_a_run(settings, stage)
    export = ["--output", str(settings.output), "--export-results", str(tmp_path / "heard.zip")]
    assert main([*export, "--with-recordings"]) == 0
    with zipfile.ZipFile(tmp_path / "heard.zip") as archive:
        names = [Path(name) for name in archive.namelist()]
    assert {".mp3", ".png", ".npz"} <= {name.suffix for name in names} and "samples.npy" not in {n.name for n in names}
    assert main(["--output", str(tmp_path / "here"), "--import-results", str(tmp_path / "heard.zip")]) == 0
    page = Paths(tmp_path / "here").corpus("css").page("explain").read_text("utf-8")
    assert page.count("<audio") >= 2 and "data:audio/" in page and LINE in page and redrawing.NOT_DRAWN not in page
    assert "explain.html lacks" not in capsys.readouterr().out
    report = verify(tmp_path / "here")
    assert not report.wrong and "artifacts/css/corpus/spectrograms.npy" not in report.unchecked

    record = settings.paths.record("corpus")
    write_json(record, read_json(record) | {"shared_audio": ""})
    assert main([*export, "--with-recordings"]) == 1
    assert "css: nothing says that its recordings may be handed on" in capsys.readouterr().err
    assert main(export) == 0


def test_what_is_not_finished_is_not_exported(made, known, tmp_path, capsys):
    for output, only, why in ((tmp_path, [], "no corpus"), (made["css"], ["ess"], "ess is not finished")):
        named = ["--corpora", *only] if only else []
        assert main(["--output", str(output), "--export-results", str(tmp_path / "x.zip"), *named]) == 1
        assert why in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()


def test_what_was_imported_is_not_handed_on(both, known, tmp_path, capsys):
    assert main(["--output", str(both.output), "--export-results", str(tmp_path / "x.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert {name.split("/")[1] for name in archive.namelist() if "/record" in name} == {"ess"}
    assert main(["--output", str(both.output), "--export-results", str(tmp_path / "y.zip"), "--corpora", "css"]) == 1
    assert "itself imported" in capsys.readouterr().err


def other_bytes(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (file,) = folder.glob(name)
        content = file.read_bytes()
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])

    return change


def other_cell(name: str, column: str, value) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        table = pd.read_parquet(folder / name)
        table.loc[0, column] = value(table) if callable(value) else value
        write_table(folder / name, table)

    return change


def other_key(name: str, **values) -> Callable[[Path], None]:
    return lambda folder: write_json(folder / name, read_json(folder / name) | values)


def more(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"more")


def more_cells(name: str) -> Callable[[Path], None]:
    return lambda folder: write_table(folder / name, pd.DataFrame({"kind": np.zeros(24_000_000, np.int8)}))


def other_label(table: pd.DataFrame) -> str:
    return next(label for label in table["label"] if label != table["label"][0])


CSS = "artifacts/css"
SCORES = f"{CSS}/evaluate/scores.parquet"
SELECTION = f"{CSS}/evaluate/selection.parquet"
PREDICTED = f"{CSS}/train/none/test/predictions.parquet"


def listed_anew(folder: Path) -> None:
    """The manifest of somebody who changes it as well."""
    place = folder / "manifest.json"
    files = (file for file in folder.rglob("*") if file.is_file() and file != place)
    write_json(place, read_json(place) | {"files": {str(f.relative_to(folder)): exporting.described(f) for f in files}})


@pytest.mark.parametrize(
    ("change", "anew", "said"),
    [
        (other_bytes(f"{CSS}/train/record.json"), False, "train/record.json' is not as its manifest"),
        (other_bytes(PREDICTED), False, f"{PREDICTED}' is not as its manifest"),
        (other_bytes(SCORES), False, f"{SCORES}' is not as its manifest"),
        (other_bytes(f"{CSS}/deploy/float32.tflite"), False, "float32.tflite' is not as its manifest"),
        (other_bytes("artifacts/logs/css-train.json"), False, "css-train.json' is not as its manifest"),
        (other_bytes(exporting.CRATE[0]), False, f"{exporting.CRATE[0]}' is not as its manifest"),
        (other_bytes(exporting.CRATE[1]), False, f"{exporting.CRATE[1]}' is not as its manifest"),
        (lambda folder: (folder / SCORES).unlink(), False, f"{SCORES}' is missing"),
        (more(f"{CSS}/evaluate/more.parquet"), False, "more.parquet' is not in its manifest"),
        (more(f"{CSS}/evaluate/more.html"), True, "more.html' is nothing that --export-results packs"),
        (more(f"{CSS}/elsewhere.json"), True, "elsewhere.json' is nothing that"),
        (more(f"{CSS}/evaluate/model.pkl"), True, "model.pkl' could run a program"),
        (more(f"{CSS}/train/none/test/model.keras"), True, "model.keras' could run a program"),
        (more(f"{CSS}/corpus/split.csv"), True, "split.csv, the split, from which css corpus was made"),
        (lambda folder: (folder / PREDICTED).write_bytes(pickle.dumps(Path)), True, "cannot be read"),
        (lambda folder: (folder / CSS / "l").symlink_to("/etc/passwd"), True, "is a link"),
        (lambda folder: (folder / "manifest.json").unlink(), False, "manifest.json says"),
        (lambda folder: (folder / "manifest.json").write_text("{"), False, "cannot be read"),
        (other_key("manifest.json", dslite="0.0"), False, "use one commit"),
        (other_key("manifest.json", code="0"), False, "use one commit"),
        (other_key("manifest.json", corpora={"../css": {}}), False, "'../css' is no corpus"),
        (other_key(f"{CSS}/deploy/record.json", stage="../../.."), True, "is a record of css ../../.."),
        (other_key("artifacts/logs/css-train.json", state="running"), True, "css is not finished: train"),
        (other_key("artifacts/logs/css-train.json", parameters=[]), True, "css is not finished: train"),
        (other_key(f"{CSS}/train/record.json", identity="0"), True, "train/record.json, identity"),
        (other_cell(PREDICTED, "label", other_label), True, f"{PREDICTED}, label"),
        (other_cell(SCORES, "uar", 99.9), True, f"{SCORES}, uar"),
        (other_cell(f"{CSS}/deploy/variants.parquet", "lost", 9.9), True, "deploy/variants.parquet, lost"),
        (other_key("manifest.json", corpora={"css": {"computed": "x", "hardware": "y"}}), False, "json, hardware"),
        (lambda folder: (folder / SCORES).unlink(), True, f"{SCORES} is missing"),
        (lambda folder: (folder / SELECTION).unlink(), True, f"{SELECTION}: it is not there, though"),
        (lambda folder: (folder / PREDICTED).unlink(), True, "css evaluate: it cannot be made again"),
        (lambda folder: (folder / SCORES).write_bytes(b"none"), True, "cannot be read"),
        (other_key("manifest.json", corpora={"css": {"computed": "x", "hardware": "x\x1b[2J"}}), False, "is no corpus"),
        (other_key(f"{CSS}/train/record.json", data="real"), True, "train/record.json, data: False, not stand-in"),
        (other_key(f"{CSS}/deploy/record.json", weights="imagenet"), True, "deploy/record.json, weights"),
        (other_key(f"{CSS}/deploy/record.json", seconds=float("nan")), True, "page of css deploy cannot be drawn"),
        (more_cells(f"{CSS}/corpus/problems.parquet"), True, "problems.parquet has 24,000,000 cells"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_refused_and_named(made, known, tmp_path, capsys, change, anew, said):
    with zipfile.ZipFile(made["zip"]) as archive:
        archive.extractall(tmp_path / "there")
    change(tmp_path / "there")
    if anew:
        listed_anew(tmp_path / "there")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for file in sorted(file for file in (tmp_path / "there").rglob("*") if not file.is_dir()):
            one = zipfile.ZipInfo(str(file.relative_to(tmp_path / "there")))
            one.external_attr = file.lstat().st_mode << 16
            archive.writestr(one, os.readlink(file) if file.is_symlink() else file.read_bytes())
    refused(tmp_path, capsys, said)


@pytest.mark.parametrize("name", ["../out.json", "/tmp/out.json"])
def test_a_path_outside_is_refused(known, tmp_path, capsys, name):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr(name, "{}")
    refused(tmp_path, capsys, "leads out of the folder")


def refused(folder: Path, capsys, said: str) -> None:
    """Whether a zip is refused with these words, and leaves nothing."""
    capsys.readouterr()
    assert main(["--output", str(folder / "out"), "--import-results", str(folder / "other.zip")]) == 1
    error = capsys.readouterr().err
    assert said in error and str(folder / "other.zip") in error and "Traceback" not in error
    assert {file.name for file in Paths(folder / "out").artifacts.iterdir()} <= {"run.lock", "logs"}
    assert not Paths(folder / "out").reports.exists()


def test_other_results_stay_and_the_very_same_may_come_again(both, made, known, tmp_path, capsys):
    shutil.copytree(made["css"], tmp_path / "out")
    assert main(["--output", str(tmp_path / "out"), "--import-results", str(made["zip"])]) == 1
    assert "holds other results of css" in capsys.readouterr().err
    assert not Paths(tmp_path / "out").corpus("css").elsewhere.exists()
    mark = both.corpus("css").elsewhere
    write_json(mark, read_json(mark) | {"checked": "2026-01-01"})
    shutil.copy(made["zip"], tmp_path / "other_name.zip")
    assert main(["--output", str(both.output), "--import-results", str(tmp_path / "other_name.zip")]) == 0
    assert read_json(mark)["checked"] == "2026-01-01", "what was made from it says so"


def test_what_is_stale_is_not_exported(made, known, tmp_path, capsys):
    shutil.copytree(made["css"], tmp_path / "out")
    paths = Paths(tmp_path / "out")
    place = paths.outcome("css-deploy")
    write_json(place, read_json(place) | {"inputs": {"evaluate": "of before"}})
    assert main(["--output", str(tmp_path / "out"), "--export-results", str(tmp_path / "x.zip")]) == 0
    assert "left out: deploy" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert not [name for name in archive.namelist() if "deploy" in name]
    place = paths.outcome("css-evaluate")
    write_json(place, read_json(place) | {"inputs": {"train": "of before"}})
    assert main(["--output", str(tmp_path / "out"), "--export-results", str(tmp_path / "y.zip")]) == 1
    assert "stale or of other code (evaluate)" in capsys.readouterr().err


def test_what_other_code_made_is_not_exported(made, known, tmp_path, capsys):
    shutil.copytree(made["css"], tmp_path / "out")
    (tmp_path / "out" / CHANGED).mkdir()
    place = Paths(tmp_path / "out").outcome("css-train")
    last = read_json(place)
    assert last["made_from"]["code dslite.training"]
    write_json(place, last | {"made_from": last["made_from"] | {"code dslite.training": "of before"}})
    assert main(["--output", str(tmp_path / "out"), "--export-results", str(tmp_path / "x.zip")]) == 1
    told = capsys.readouterr().err
    assert "of other code (train)" in told and f"Runs with --set lie in its {CHANGED}/" in told
    assert not (tmp_path / "x.zip").exists()


def test_what_was_imported_and_changed_since_is_found(both, made, known, tmp_path):
    shutil.copytree(both.output, tmp_path / "out")
    other_bytes(f"{CSS}/deploy/float32.tflite")(tmp_path / "out")
    other_cell(PREDICTED, "chunks", 77)(tmp_path / "out")
    wrong = {(one.file, one.key) for one in verify(tmp_path / "out").wrong}
    assert wrong >= {(f"{CSS}/deploy/float32.tflite", "sha256"), (PREDICTED, "sha256")}


@pytest.mark.parametrize("place", ["", "no/x.zip"])
def test_an_export_needs_a_file_to_write(made, known, tmp_path, capsys, place):
    assert main(["--output", str(made["css"]), "--export-results", str(tmp_path / place)]) == 1
    assert "cannot be written: name a file, in a folder that is there" in capsys.readouterr().err


def test_tables_are_set_again_once_a_corpus_comes_from_elsewhere(both, known):
    read = plan.gathered("paper", both.output)
    assert read["where css was computed"].endswith("css/elsewhere.json")
    assert not any("ess" in name for name in read if name.startswith("where"))


def test_own_files_are_not_taken_for_what_was_imported(both, known, tmp_path):
    sounds = np.random.default_rng(0).uniform(-0.5, 0.5, (12, 16_000))
    given = own(tmp_path, sounds)
    mark = both.corpus(corpora.slug(given)).elsewhere
    mark.parent.mkdir()
    shutil.copy(both.corpus("css").elsewhere, mark)
    asked = [resolve(given, output=both.output, weights="random")]
    with pytest.raises(DsliteError, match="computed elsewhere, perhaps of other files"):
        session.prepare(asked, ("evaluate",), "toynet", 1)
    shutil.rmtree(mark.parent)


@pytest.mark.parametrize("at", ["artifacts", "reports"])
def test_an_import_that_is_cut_short_leaves_nothing_that_looks_finished(made, known, tmp_path, monkeypatch, at):
    paths, move = Paths(tmp_path), os.replace

    def cut(source, target) -> None:
        if Path(target) == getattr(paths, at) / "css":
            raise KeyboardInterrupt
        move(source, target)

    again = ["--output", str(tmp_path), "--import-results", str(made["zip"])]
    monkeypatch.setattr(importing.os, "replace", cut)
    assert main(again) == 130
    assert paths.recorded("evaluate") == (["css"] if at == "reports" else []) and not paths.corpus("css").pages.exists()
    monkeypatch.setattr(importing.os, "replace", move)
    assert main(again) == 0
    assert paths.corpus("css").page("evaluate").exists() and paths.recorded("evaluate") == ["css"]
