"""What may be changed: names, ranges, where it acts, where its results go, and that pages and the scorecard say so."""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pandas as pd
import pytest

from dslite import changes
from dslite.changes import CHANGEABLE, checked, folder, parsed, said
from dslite.configurations import CONFIGURATIONS
from dslite.deployment import LiteModel
from dslite.errors import DsliteError
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.model import load_model
from dslite.paper.comparable import score_reasons
from dslite.profiles import Recipe, recipe
from dslite.readings import READINGS, Reading
from dslite.reporting.provenance import banner_html, provenance_line
from dslite.run import notebook, options
from dslite.run.cli import main
from dslite.run.resolve import resolve
from dslite.scoring import score
from dslite.spectrogram import colour_table
from dslite.stages.baseline import views as baseline_views
from dslite.stages.deploy import views as deploy_views
from dslite.stages.evaluate import views as evaluate_views
from dslite.stages.evaluate import work as evaluating
from dslite.stages.train import fits, views
from dslite.statistics import compare, pairs
from tests.corpus_files import own
from tests.through import alone, configurations, through


def test_values_are_taken_as_notebooks_and_the_command_line_write_them():
    written = {"epochs": [10, 4], "learning_rate": 1, "units": 256, "normalise": False, "fits": "both on train"}
    taken = checked(written)
    assert taken == (
        ("epochs", (10, 4)), ("learning_rate", 1.0), ("units", 256), ("normalise", False), ("fits", ("both on train",)),
    )  # fmt: skip
    words = ["fits=both on train", "normalise=False", "units=256", "learning_rate=1", "epochs=10,4"]
    assert checked(parsed(words)) == taken == checked(dict(taken)), "in whatever order, and again"
    assert checked(parsed(["decision=vote, first wins"])) == (("decision", "vote, first wins"),)


@pytest.mark.parametrize("name, value, said", [
    ("unit", 256, "There is no 'unit' to be changed. Did you mean 'units'"),
    ("units", -1, "units is -1; expected a whole number from 0 to 8,192"), ("units", 2.5, "units is 2.5"),
    ("units", "many", "units is 'many'"), ("units", True, "units is True"), ("dropout", 1.0, "from 0 to 0.99"),
    ("epochs", 10, "expected 2 whole numbers"), ("epochs", (0, 0), "at least 1 in one"), ("epochs", (1, -1), "is"),
    ("normalise", 1, "True or False"), ("decision", "toss", "'vote', 'vote, first wins', 'mean'"),
    ("colours", "rainbow", "'viridis', 'plasma'"), ("mel_bins", 8, "a whole number from 16 to 512"),
    ("mel_scale", "mel", "'htk', 'slaney'"), ("high_hz", 8001, "from 100 to 8,000"), ("equal_area", 1, "True or False"),
    ("draws", 99, "a whole number from 100 to 100,000"),
    ("sap_a", 1.0, "from 0.01 to 0.99"), ("fits", [1], "one name or several"),
    ("fits", [], "one name or several"), ("learning_rate", float("nan"), "rate"),
])  # fmt: skip
def test_what_cannot_be_says_what_would_be_right(name, value, said):
    with pytest.raises(DsliteError) as error:
        checked({name: value})
    assert said in str(error.value)


def test_the_command_line_lists_all_and_refuses_with_a_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        options.parse(["--set", "help"])
    listed = capsys.readouterr().out.splitlines()
    assert ended.value.code is None and [line.split()[0] for line in listed] == list(CHANGEABLE)
    for wrong, sentence in (("units", "name=value was expected"), ("units=-1", "units is -1")):
        with pytest.raises(SystemExit) as ended:
            options.parse(["--set", wrong])
        assert ended.value.code == 2 and sentence in capsys.readouterr().err


def other(name: str, now: object) -> object:
    """Another value of something that may be changed."""
    one = CHANGEABLE[name]
    if one.words:
        return next(word for word in one.words if word != now)
    if one.kind is bool:
        return not now
    if one.count > 1:
        return tuple(part + 1 for part in now)
    return one.kind(now / 2 if now else one.high)


@pytest.mark.parametrize("name", [name for name, one in CHANGEABLE.items() if one.of in ("recipe", "reading")])
def test_each_changes_its_own_value_and_no_other(name):
    one, before = CHANGEABLE[name], (recipe("ravdess", "full"), READINGS["paper"])
    field, end = one.field or (name, None)
    now = getattr(before[one.of == "reading"], field)
    value = other(name, now if end is None else now[end])
    made = checked({name: value})
    after = changes.to_recipe(before[0], made), changes.to_reading(before[1], made)
    found = {
        (kind.__name__, key) for kind, old, new in zip((Recipe, Reading), before, after, strict=True)
        for key in asdict(old) if asdict(old)[key] != asdict(new)[key]
    }  # fmt: skip
    assert found == {("Recipe" if one.of == "recipe" else "Reading", field)}
    assert (getattr(after[one.of == "reading"], field) if end is None else getattr(after[1], field)[end]) == value


def test_mel_bins_must_end_above_where_they_begin():
    for ends in ({"low_hz": 900.0, "high_hz": 800.0}, {"low_hz": 800.0, "high_hz": 800.0}):
        with pytest.raises(
            DsliteError, match=f"high_hz is 800, low_hz {ends['low_hz']:g}; expected high_hz above low_hz"
        ):
            resolve("css", changes=ends)
    assert resolve("css", changes={"low_hz": 799.0, "high_hz": 800.0}).reading.high_hz == 800


def test_all_of_table_2_and_of_the_reading_can_be_changed():
    assert {field.name for field in fields(Recipe)} <= set(CHANGEABLE)
    there = {one.field[0] if one.field else name for name, one in CHANGEABLE.items()}
    others = {"name", "rate", "size", "extra_epochs", "learning_rate"}  # of none, of any, and the recipe's
    assert {field.name for field in fields(Reading)} - others <= there


def test_results_of_a_change_get_a_folder_of_their_own_wherever_they_are_asked_for(tmp_path):
    made = checked({"units": 256, "epochs": (10, 4)})
    assert folder(made) == "epochs-10-and-4_units-256" and said(made) == "epochs 10 and 4, units 256"
    settings = resolve("css", output=tmp_path, changes=dict(made))
    assert settings.output == tmp_path / "changed_runs" / folder(made)
    assert settings.recipe.units == 256 and settings.recipe.epochs == (10, 4)
    assert settings.reading == READINGS["paper"], "by its own name"
    given = settings.as_parameters()
    assert resolve(**given) == settings, "and not one within the other"
    assert json.loads(json.dumps(given)) == given, "what a run has noted is what the next one compares with it"
    seed = replace(settings, output=Paths(settings.output).seed(43))
    assert resolve(**seed.as_parameters()).output == seed.output, "a further seed of it"
    assert Paths(seed.output).split("own") == Paths(tmp_path).split("own"), "one split for all"
    fits = [f"{name} on train" for name in CONFIGURATIONS for _ in range(2)]
    assert len(folder(checked({"fits": fits}))) < 100
    assert folder(checked({"fits": fits})) != folder(checked({"fits": fits[:-1]}))


def test_pages_and_the_scorecard_say_what_was_changed():
    record = {"data": "real", "backbone": "densenet121", "weights": "imagenet", "profile": "full", "seed": 1}
    run = record | {"protocol": "full-chunk", "reading": "paper"}
    assert "CHANGED" not in provenance_line(record | {"changed": ""}) and not score_reasons("css", "none", run)
    assert not score_reasons("css", "none", run | {"changed": float("nan")}), "as an empty cell is read"
    assert "CHANGED: units 256" in provenance_line(record | {"changed": "units 256"})
    assert "units 256" in banner_html(record | {"changed": "units 256"})
    assert score_reasons("css", "none", run | {"changed": "units 256"}) == ["changed values (units 256)"]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A corpus of our own, trained as it comes."""
    place = tmp_path_factory.mktemp("changes")
    source = own(place, 0.1 * np.random.default_rng(0).standard_normal((12, 20_000)))
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, place)
        configurations(patch, "none", "both")
        yield through(resolve(source, profile="demo", weights="random", output=place / "out"), "train")


def test_one_fit_can_be_made_and_scores_need_two(usual, tmp_path):
    asked = usual.settings.as_parameters() | {"output": str(usual.settings.output)}
    one = through(resolve(**asked | {"changes": {"fits": ["both on train"], "units": 8}}), "train")
    assert one.record["fits"] == ["both on train"] and one.record["changed"] == "units 8, fits both on train"
    assert views.fitted(one) == [("both", "dev")] == list(views.histories(one)) and len(views.fit_records(one)) == 1
    assert one.record["recipe"]["units"] == 8 and usual.record["recipe"]["units"] != 8
    with pytest.raises(DsliteError, match="no fit all; there are: none on train, both on train"):
        through(resolve(**asked | {"changes": {"fits": "all"}}), "train")
    with pytest.raises(DsliteError, match="fitted were both on train. A score needs two fits"):
        through(one.settings, "evaluate")
    some = replace(usual.settings, changes=checked({"fits": ["none on train", "both on train"]}))
    again = fits.with_one(FinishedStage.of(some, "corpus"), "both", tmp_path)
    assert [fit.target for fit in again] == ["dev", "test"], "what other stages fit is no business of it"
    both = resolve(**asked | {"changes": {"fits": ["both on train", "both on train + dev"], "draws": 100}})
    scored = through(both, "evaluate")
    assert scored.record["configurations"] == ["both"] and scored.chosen == "both"
    assert evaluate_views.intervals(scored).startswith("Intervals are from 100 draws.")
    compared = baseline_views.scores(FinishedStage.of(both, "baseline"))
    assert "interval on test, 100 draws" in compared, "that page counts as many"
    table = scored.table("scores")
    assert set(table["augmentation"]) == {"", "both"} and set(table["changed"]) == {scored.record["changed"]}
    ours = table.query("system == 'DS Lite' and partition == 'test' and protocol == 'all'").iloc[0]
    said = {
        draws: score(scored.predictions("both", "test"), scored.classes, "all", both.seed, draws) for draws in (99, 100)
    }
    assert ours["se"] == said[100]["se"] != said[99]["se"], "as many draws as were asked for"
    least = scored.table("pairs").query("unit == 'file'")["p"].min()
    assert least >= 1 / 101 and " 100 draws of " in evaluate_views.verdict(scored, "all")


def test_a_fit_in_float16_says_so_and_leaves_a_model_in_float32(usual):
    asked = usual.settings.as_parameters() | {"output": str(usual.settings.output)}
    changes = {"mixed_precision": True, "epochs": (1, 1), "share": 1.0, "fits": "both on train + dev"}
    half = through(resolve(**asked | {"changes": changes}), "train")
    assert half.record["recipe"]["mixed_precision"] and not usual.record["recipe"]["mixed_precision"]
    assert "CHANGED: epochs 1 and 1, share 1, mixed_precision True" in provenance_line(half.record)
    features = [np.load(stage.paths.features) for stage in (usual, half)]
    assert (features[0] != features[1]).any(), "it computes as before"
    np.testing.assert_allclose(*features, rtol=0.01, atol=1e-3)
    before, after = (load_model(stage.paths.fit("both", "test") / "model.keras") for stage in (usual, half))
    layers = [part for layer in after.layers for part in (layer, *getattr(layer, "layers", ()))]
    assert {layer.dtype_policy.name for layer in layers} == {"float32"} == {str(w.dtype) for w in after.weights}
    trained = [abs(new - old).max() for old, new in zip(before.get_weights(), after.get_weights(), strict=True)]
    assert np.isfinite(trained).all() and min(trained[:4]) > 0, "the base model's convolutions have learnt"
    waves = np.load(half.paths.samples)[None, :48_000]
    np.testing.assert_allclose(after(waves), before(waves), atol=0.2)


def test_a_front_end_of_ones_own_is_fitted_shown_and_shipped(tmp_path, monkeypatch):
    """A stand-in with other Mel bins, colours, window (no power of two) and shape of lambda, scored on few draws."""
    alone(monkeypatch, tmp_path)
    configurations(monkeypatch, "both")
    monkeypatch.setattr("dslite.stages.deploy.work.ROUNDS", {"demo": 1})
    wanted = {"mel_bins": 64, "colours": "magma", "window": 400, "hop": 160, "mel_scale": "slaney"}
    wanted |= {"high_hz": 7000.0, "equal_area": True, "sap_a": 0.3, "sap_s": 4.0, "draws": 200}
    own = resolve("ravdess", profile="demo", weights="random", output=tmp_path / "out", changes=wanted)
    assert (own.reading.sap_a, own.reading.sap_s) == (0.3, 4.0)
    stage = through(own, "deploy")
    assert np.load(stage.paths.spectrograms, mmap_mode="r").shape[1] == 64
    model = load_model(stage.paths.fit("both", "test") / "model.keras")
    lite = LiteModel(stage.paths.file("deploy", "float32.tflite"))
    for there in (asdict(model.get_layer("plot").parameters), lite.card.front_end, stage.record["front_end"]):
        assert {name: there[name] for name in wanted if name in there} == dict(list(wanted.items())[:7])
    waves = np.random.default_rng(0).standard_normal((4, lite.card.samples)).astype(np.float32)
    said = model(waves, training=False).numpy()
    np.testing.assert_allclose(lite(waves), said, atol=1e-3)
    model.get_layer("plot").colours = colour_table("viridis")
    assert np.abs(model(waves, training=False).numpy() - said).max() > 0.01, "the colours matter"
    files, table = (stage.table(name).set_index("model") for name in ("predictions", "variants"))
    of = {name: files.loc[name].reset_index(drop=True) for name in ("keras", "float16")}
    ours = score(of["float16"], stage.classes, "all", own.seed, 200)
    lost = pairs(compare(of, stage.classes, "all", "file"), own.seed, 200).iloc[0]
    assert table.loc["float16", ["ci_low", "se", "lost_low"]].tolist() == [ours["ci_low"], ours["se"], lost["low"]]
    assert "from 200 draws, those of differences from 200." in deploy_views.drawn(stage)


def test_an_edited_notebook_leaves_what_lies_there_alone(usual, capsys, monkeypatch):
    """Its results go to a folder that is named by what differs, and back when the edit is taken back."""
    made = []
    monkeypatch.setattr(notebook, "with_earlier", lambda settings, name: made.append(settings) or settings)
    monkeypatch.setattr("dslite.stages.train.work.work", lambda settings: usual)
    given = usual.settings.as_parameters()
    before = usual.settings.paths.record("train").read_text()
    for edit, name in (
        ({}, ""), ({"changes": {"units": 8}}, "units-8"), ({"seed": 7}, "seed-7"),
        ({"seed": 7, "changes": {"units": 8}}, "units-8"),
    ):  # fmt: skip
        notebook.begin("train", given | edit | {"unrelated": 1})
        assert made[-1].output == Paths(usual.settings.output).changed(name)
        assert ("They stay; these go to" in capsys.readouterr().out) == (edit == {"seed": 7})
    assert usual.settings.paths.record("train").read_text() == before


def test_a_dry_run_says_what_is_changed_and_where_it_goes(tmp_path, capsys):
    options = ["--corpora", "css", "--output", str(tmp_path), "--set", "units=256", "--dry-run"]
    assert main(options) == 0
    told = capsys.readouterr().out
    assert f"CHANGED: units 256; results go to {tmp_path / 'changed_runs' / 'units-256'}" in told
    assert not list(tmp_path.iterdir()), "a dry run writes nothing"


def test_results_csv_says_it(usual):
    assert "changed" in evaluating.COLUMNS
    assert json.loads(usual.settings.paths.record("train").read_text())["changed"] == ""
    assert pd.Series(evaluating.COLUMNS).is_unique
