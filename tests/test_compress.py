"""Which network fits the phone: what is made smaller and measured, and what the page says of it."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from dslite import audio
from dslite.deployment import LiteModel
from dslite.deployment.quantisation import VARIANTS
from dslite.layout import code
from dslite.layout.finished import FinishedStage
from dslite.model import load_model
from dslite.network import count_trained, macs
from dslite.readings import CHOICES
from dslite.run.resolve import resolve
from dslite.stages.compress import interactive, networks, views
from dslite.stages.compress import work as compressing
from dslite.store import Samples
from tests.corpus_files import own
from tests.through import alone, one_configuration, through


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch)
        patch.setattr(networks, "STUDENTS", ("toynet",))
        patch.setattr(networks, "PAPER", "squeezenet_v1")
        patch.setattr(networks, "_LEFT", {"demo": ((0.95, 0.5), (0.7,))})  # of two layers no half can be left
        patch.setattr(networks, "_EPOCHS", {"demo": ((1, 1), 1, 1)})
        patch.setattr(compressing, "ROUNDS", {"demo": 2})
        patch.setattr(compressing, "LOST", -101.0)  # every network is fine-tuned for int8
        waves = [0.1 * rng.standard_normal(20_000 + 3_000 * i) for i in range(12)]
        yield through(resolve(own(folder, waves), profile="demo", output=folder / "out"), "compress")


def test_every_network_has_its_files_and_each_predicts_from_raw_audio_what_was_scored(stage):
    table = stage.table("files")
    kinds = table.groupby("network")["kind"].first()
    assert set(kinds) == set(networks.KINDS)
    assert set(table.loc[table["kind"] == networks.PRUNED, "variant"]) == set(VARIANTS)
    clips, waves = stage.clips[stage.clips["partition"] == "test"], Samples(stage.paths.samples)
    offered = table[table["offered"]]
    assert len(offered) > 12 and table.loc[~table["offered"], "reason"].ne("").all()
    for row in offered[offered["kind"] != networks.PAPERS].itertuples():
        file = stage.paths.file("compress", f"{row.file}.tflite")
        assert row.bytes == file.stat().st_size
        model = LiteModel(file)
        assert model.card.about["compressed"] == row.title and model.card.about["backbone"] == row.backbone
        said = []
        for name in clips["file"]:
            chunks = audio.cut(waves[name], model.card.samples, model.card.samples // 2, model.card.samples)
            said.append(model(chunks).mean(axis=0).argmax())
        right = [stage.classes.index(label) for label in clips["label"]]
        assert 100 * np.mean([np.mean(np.equal(said, right)[np.equal(right, c)]) for c in set(right)]) == row.uar
    assert (offered["ms_per_s"] > 0).all() and (offered["peak_mb"] > offered["model_mb"]).all()
    assert (offered["zipped"] < offered["bytes"]).all()


def test_a_pruned_network_has_fewer_multiplications_and_one_of_zeros_as_many_in_a_smaller_file(stage):
    of = stage.table("files").set_index(["network", "variant"])
    chosen, pruned, zeros = (of.loc[name, "float32"] for name in ("chosen", "pruned-95", "zeros-70"))
    assert pruned["macs"] <= 0.95 * chosen["macs"] and zeros["macs"] == chosen["macs"]
    assert zeros["zipped"] < chosen["zipped"]
    kept = load_model(networks.folder(stage.settings, "zeros-70") / "model.keras")
    kernels = np.concatenate([w.ravel() for layer in kept.layers if hasattr(layer, "layers")
                              for w in layer.get_weights() if w.ndim == 4])  # fmt: skip
    assert np.mean(kernels == 0) == pytest.approx(0.7, abs=0.01), "what was 0 stayed so when it was fitted again"
    assert macs(load_model(networks.folder(stage.settings, "pruned-95") / "model.keras")) == pruned["macs"]


def test_what_another_file_loses_is_paired_with_the_best_float32_file(stage):
    table = stage.table("files").query("offered and uar == uar")
    best = table.set_index("file").loc[stage.record["best"]]
    assert best["variant"] == "float32" and best["uar"] == table.loc[table["variant"] == "float32", "uar"].max()
    others = table[table["file"] != stage.record["best"]]
    assert np.allclose(others["difference"], others["uar"] - best["uar"])
    assert (others["low_file"] <= others["difference"]).all() and (others["difference"] <= others["high_file"]).all()


def test_a_network_that_cannot_be_is_told_and_not_hidden(stage):
    (title,) = stage.record["left_out"]
    assert "pruned to 50 %" in title and title in views.refused(stage)


def test_weights_of_students_that_are_not_there_are_fetched_unless_random_ones_are_asked_for(stage, monkeypatch):
    asked = []
    monkeypatch.setattr(compressing, "fetch_weights", asked.append)
    compressing.work(stage.settings)
    assert asked == ["toynet"]
    with pytest.raises(ZeroDivisionError):  # another identity, and so nothing that could be taken
        monkeypatch.setattr(compressing, "_make", lambda *_: 1 / 0)
        monkeypatch.setattr(compressing.records, "start", lambda *_: (0.0, None))
        compressing.work(replace(stage.settings, random_weights=True))
    assert asked == ["toynet"]


@pytest.mark.parametrize("name", [networks.PAPER, *networks.STUDENTS])
def test_results_depend_on_the_code_of_all_base_models_that_take_part(name):
    made_by = code.HERE.made_by("dslite.stages.compress.work", chosen={"dslite.backbones": "vgg16"})
    assert {f"dslite.backbones.{name}", "dslite.backbones.vgg16"} <= set(made_by)
    assert "dslite.backbones.vgg19" not in made_by


def test_a_second_run_makes_nothing_again(stage):
    files = {file: file.stat().st_mtime_ns for file in stage.paths.file("compress").rglob("*.tflite")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "STUDENTS", ("toynet",))
        assert compressing.work(stage.settings).record == stage.record
    assert all(file.stat().st_mtime_ns == time for file, time in files.items())


def test_what_was_fitted_before_a_run_was_killed_is_taken_as_it_is(stage, monkeypatch):
    scored = FinishedStage.of(stage.settings, "evaluate")
    monkeypatch.setattr(networks.fits, "run", lambda *_, **__: pytest.fail("it was fitted again"))
    monkeypatch.setattr("dslite.pruning.importance", lambda *_: pytest.fail("channels were chosen again"))
    for network in [n for n in networks.planned(stage.settings) if n.name in ("pruned-95", "distilled-toynet")]:
        model, weights = networks._model(scored, network, None)
        row = stage.table("files").set_index(["network", "variant"]).loc[network.name, "float32"]
        assert (macs(model), model.count_params(), weights) == (row["macs"], row["parameters"], row["weights"])


@pytest.mark.parametrize("layers", CHOICES["layers"])
def test_all_layers_are_trained_however_a_share_of_them_is_counted(stage, layers):
    settings = replace(stage.settings, reading=replace(stage.settings.reading, layers=layers))
    scored = FinishedStage.of(settings, "evaluate")
    for network in networks.planned(settings):
        recipe = networks._corpus(scored, network, {}).settings.recipe
        assert count_trained(100, recipe.share, layers) == 100


def test_the_front_is_what_nothing_else_beats():
    cost, score = pd.Series([1.0, 2.0, 2.0, 3.0, 4.0, 0.1]), pd.Series([50.0, 60.0, 55.0, 60.0, 70.0, np.nan])
    assert views.front(cost, score).tolist() == [True, True, False, False, True, False]


def test_the_advice_names_the_best_the_fastest_and_the_smallest_within_its_interval(stage, monkeypatch):
    rows = [("best", 70.0, 64.0, 9.0, 9.0), ("quick", 65.0, 60.0, 1.0, 5.0), ("small", 64.0, 58.0, 4.0, 0.5),
            ("worse, and nothing", 63.9, 58.0, 0.1, 0.1)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["name", "uar", "ci_low", "ms_per_s", "MB"]).assign(ci_high=76.0)
    monkeypatch.setattr(views, "points", lambda stage: table)
    said = views.advice(stage)
    assert re.findall(r"\*\*(.*?)\*\*", said) == ["best", "quick", "small"]
    assert "UAR 70.0 % (64.0–76.0), 9.00 ms per second of audio and 9.00 MB" in said


def test_the_plot_asks_for_nothing_and_each_point_leads_to_its_file(stage):
    said = interactive.leave(stage)
    page = stage.paths.phone.read_text("utf-8")
    assert "(phone.html)" in said and len(page.encode()) < 5e6
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.select("script[src], link[href], img[src]")
    table = pd.read_csv(stage.paths.phone_csv)
    assert len(table) == stage.table("files")["offered"].sum() and set(table["data"]) == {stage.record["data"]}
    for link in table["link"]:
        assert (stage.paths.pages / link).is_file() and link in page.replace("\\/", "/")


def test_names_of_other_people_are_no_html_in_the_plot(stage):
    page = interactive.plot(views.points(stage), stage.record | {"corpus": "<b onload=alert(1)>x"})
    assert "<b onload=" not in page
