"""The ablation stage on a tiny corpus, and how it compares."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from dslite import scoring, statistics
from dslite.errors import Damaged, Died, DsliteError, NoRoom
from dslite.layout import progress
from dslite.layout.finished import FinishedStage
from dslite.paper.ledger import experiments
from dslite.readings import READINGS
from dslite.reporting import comparisons
from dslite.reporting.curves import learning_curves
from dslite.run.cli import main
from dslite.run.estimates import workload
from dslite.run.resolve import resolve
from dslite.stages.ablation import views as ablation_views
from dslite.stages.ablation import work as ablating
from dslite.stages.catalogue import STAGES
from dslite.stages.corpus.cache import cached_as
from dslite.stages.train import fits
from tests.corpus_files import own
from tests.through import alone, through

VARIANTS = {
    "F-13 Adam": {"optimiser": "adam", "learning_rate": 0.001},
    "F-03 nearest": {"resize": "nearest"},
    "F-16 short files dropped": {"short_files": "drop"},
    "F-17 vote": {"decision": "vote"},
}


def predictions(predicted: str, files: str = "wxyz") -> pd.DataFrame:
    label = dict(zip("wxyz", "aabb", strict=True))
    table = pd.DataFrame({"file": list(files), "predicted": list(predicted)})
    return table.assign(label=table["file"].map(label), speaker="", padded=False)


def test_differences_are_of_means_over_seeds_and_on_the_files_that_both_have():
    tables = {
        "sound": [predictions("aabb"), predictions("abbb")],  # 100 and 75
        "worse": [predictions("bbbb"), predictions("abbb")],  # 50 and 75
        "fewer": [predictions("bb", "xy"), predictions("bb", "xy")],  # 50 on x and y; sound has 100 and 50 there
    }
    found = statistics.against(tables, "sound", ("a", "b"), seed=0).set_index("system")
    assert found.loc["worse", ["uar", "uar_reference", "difference"]].tolist() == [62.5, 87.5, -25.0]
    assert found.loc["fewer", ["uar", "uar_reference", "difference", "n_files"]].tolist() == [50.0, 75.0, -25.0, 2]
    assert found["low_speaker"].isna().all(), "no speakers are known"
    assert (found["low_file"] <= found["difference"]).all() and (found["p_holm"] >= found["p"]).all()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    waves = 0.1 * np.random.default_rng(0).standard_normal((12, 20_000))
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        sound = READINGS["sound"]
        readings = {name: sound.with_changes(**changes) for name, changes in VARIANTS.items()}
        patch.setattr(ablating, "experiments", lambda: readings)
        yield resolve(own(folder, waves), profile="demo", output=folder / "out")


@pytest.fixture(scope="module")
def stage(settings):
    return through(settings, "ablation")


def test_it_is_made_once(stage):
    again = {file: file.stat().st_mtime_ns for file in stage.paths.file("ablation").rglob("record.json")}
    assert len(again) > 5 and ablating.work(stage.settings).record == stage.record
    assert {file: file.stat().st_mtime_ns for file in again} == again


def test_every_variant_is_fitted_or_left_out_with_a_reason(stage):
    scores = pd.read_parquet(stage.paths.file("ablation", "scores.parquet"))
    assert list(scores["variant"].unique()) == ["sound", "F-03 nearest"]
    assert len(scores) == 4 and set(scores["partition"]) == {"dev", "test"} and (scores["n_files"] == 4).all()
    left_out = stage.table("left_out").set_index("variant")["reason"]
    assert left_out["F-13 Adam"] == left_out["F-17 vote"] == ablating.NO_EFFECT, "each file is one chunk"
    assert "shorter than one chunk" in left_out["F-16 short files dropped"]


@pytest.mark.parametrize("scarce", [NoRoom, Died, Damaged])
def test_a_variant_that_disk_or_memory_has_no_room_for_is_not_left_out(stage, tmp_path, monkeypatch, scarce):
    shutil.copytree(stage.settings.output, tmp_path / "out")
    settings = replace(stage.settings, output=tmp_path / "out")
    settings.paths.record("ablation").unlink()
    cached_as = ablating.cached_as

    def full(variant, *more):
        if variant.reading != settings.reading:
            raise scarce("There is too little of it.")
        return cached_as(variant, *more)

    monkeypatch.setattr(ablating, "cached_as", full)
    with pytest.raises(scarce):
        ablating.work(settings)
    assert not settings.paths.record("ablation").exists()


def test_every_fit_shows_how_it_learnt(stage):
    found = ablation_views.histories(stage)
    assert list(found) == [(name, part) for name in ("sound", "F-03 nearest") for part in ("dev", "test")]
    assert found["sound", "dev"]["dev_uar"].notna().any() and found["sound", "test"]["dev_uar"].isna().all()
    figure = learning_curves(found)
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == ["sound", "F-03 nearest"]
    plt.close(figure)


def test_the_difference_is_that_of_the_tables(stage):
    folder = stage.paths.file("ablation", "f_03_nearest") / "42" / "test"
    table = pd.read_parquet(folder / "predictions.parquet")
    assert json.loads((folder / "record.json").read_text())["reading"]["resize"] == "nearest"
    row = ablation_views.differences(stage).iloc[0]
    recalls = table.assign(right=table["label"] == table["predicted"]).groupby("label")["right"].mean()
    assert row["UAR"] == pytest.approx(100 * recalls.mean())
    assert row["difference"] == pytest.approx(row["UAR"] - row["UAR of the reference"])


def test_other_draws_are_taken_and_leave_the_fits_alone(stage, tmp_path, monkeypatch):
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress"))  # as in a run, which may replace what is there
    shutil.copytree(stage.settings.output, tmp_path / "out")
    few = replace(stage.settings, output=tmp_path / "out", changes=(("draws", 100),))
    fitted = {file: file.stat().st_mtime_ns for file in few.paths.file("ablation").rglob("*/record.json")}
    again = ablating.work(few)
    assert again.record["identity"] != stage.record["identity"]
    assert len(fitted) > 4 and all(file.stat().st_mtime_ns == time for file, time in fitted.items())
    folders = {name: ablating.fits_of(few.paths, name) / "42/test" for name in ("sound", "F-03 nearest")}
    tables = {name: [pd.read_parquet(place / "predictions.parquet")] for name, place in folders.items()}
    pd.testing.assert_frame_equal(
        again.table("differences"), statistics.against(tables, "sound", stage.classes, 42, 100)
    )
    row = again.table("scores").query("variant == 'sound' and partition == 'test'").iloc[0]
    assert row["se"] == scoring.score(tables["sound"][0], stage.classes, "all", 42, 100)["se"]
    assert ["from 100 draws" in ablation_views.verdict(one) for one in (again, stage)] == [True, False]


def test_what_cannot_be_asked_for_is_refused(settings):
    with pytest.raises(DsliteError, match="seeds is 0"):
        resolve(settings.source, seeds=0)
    for chunk in (-1, 0.1, float("inf")):
        with pytest.raises(DsliteError, match=f"chunk is {chunk}"):
            resolve(settings.source, changes={"chunk": chunk})
    with pytest.raises(DsliteError, match="F-18, X are not among .*F-16"):
        resolve(settings.source, profile="demo", discrepancies="F-16 F-18 X")


def test_no_features_of_other_colours_are_taken(stage, tmp_path):
    """They are not cached with the spectrograms, but the network sees them."""
    corpus, features = FinishedStage.of(stage.settings, "corpus"), {}
    for colours in ("viridis", "magma"):
        variant = replace(stage.settings, reading=READINGS["sound"].with_changes(colours=colours))
        seen = cached_as(variant, corpus, tmp_path, lambda *_: None)
        fits.run(seen, [], lambda *_: None)
        features[colours] = np.load(seen.settings.paths.features)
    assert np.abs(features["viridis"] - features["magma"]).max() > 1e-3
    there = replace(seen, settings=replace(seen.settings, reading=READINGS["sound"]))
    fits.run(there, [], lambda *_: None)
    assert np.array_equal(np.load(seen.settings.paths.features), features["viridis"])


def test_colour_maps_are_compared_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(ablating, "experiments", experiments)
    asked = resolve("ravdess", output=tmp_path, profile="demo", discrepancies="colours")
    found, augmentation = ablating.variants(asked)
    changed = {name: one.reading.colours for name, one in found.items()}
    maps = ("plasma", "inferno", "magma", "cividis", "gray")
    assert changed == {"sound": "viridis"} | {f"colours {name}": name for name in maps} and augmentation == "both"
    assert not any(name.startswith("colours") for name in ablating.variants(replace(asked, discrepancies=()))[0])


def test_the_parts_of_tuned_go_back_to_table_2_one_at_a_time(settings):
    tuned = resolve(settings.source, profile="tuned", output=settings.output, changes={"epochs": (3, 2)})
    found, augmentation = ablating.variants(tuned)
    table2, (_, *others) = asdict(resolve(settings.source, profile="demo").recipe), found.values()
    back = {
        name: value
        for one in others
        for name, value in asdict(one.recipe).items()
        if value != asdict(tuned.recipe)[name]
    }
    assert augmentation == "none" and next(iter(found)) == "tuned" and len(set(others)) == len(others)
    differ = {name for name, value in table2.items() if value != asdict(tuned.recipe)[name]} - {"epochs"}
    assert back == {name: table2[name] for name in differ}, "each of what differs, and nothing else"
    few = resolve(settings.source, profile="tuned", discrepancies="share schedule")
    assert list(ablating.variants(few)[0]) == ["tuned", "share as in Table 2", "schedule as in Table 2"]
    with pytest.raises(DsliteError, match="F-16 are not among .*share"):
        resolve(settings.source, profile="tuned", discrepancies="F-16")


def test_its_options_are_refused_where_it_does_not_run(tmp_path, capsys):
    asked = ["--discrepancies", "F-16", "--corpora", "css", "--stages", "train", "--dry-run", "--output", str(tmp_path)]
    assert main(asked) == 1
    assert "add --stages ablation" in capsys.readouterr().err


def first_guess(stage, settings):
    return STAGES[stage].seconds(workload(settings))


def test_its_estimate_goes_by_what_is_asked_and_leaves_the_others_alone(tmp_path):
    usual = resolve("ravdess", output=tmp_path)
    two, every = replace(usual, standin=False, discrepancies=("F-03",), seeds=2), replace(usual, standin=False)
    assert first_guess("train", two) == first_guess("train", every)
    assert first_guess("ablation", two) == pytest.approx(first_guess("train", two))  # 2 variants, 2 seeds: 8 fits
    assert first_guess("ablation", every) > 4 * first_guess("ablation", two)


def test_of_the_ledger_only_what_is_asked_for_is_looked_at(settings, stage):
    with pytest.raises(DsliteError, match="seeds 1, not 2.*kept"):
        ablating.work(replace(settings, seeds=2))
    elsewhere = replace(settings, output=settings.output / "elsewhere")
    some = through(replace(elsewhere, chunk=1.0, discrepancies=("F-13", "F-16")), "ablation")
    assert set(pd.read_parquet(some.paths.file("ablation", "scores.parquet"))["variant"]) == {"sound"}
    left_out = some.table("left_out").set_index("variant")["reason"].to_dict()
    assert left_out == dict.fromkeys(["F-13 Adam", "F-16 short files dropped"], ablating.NO_EFFECT), "1.25 s a file"
    assert ablation_views.differences(some).empty and ablation_views.verdict(some) == "No change could be compared."
    comparisons.intervals([ablation_views.strip(some)])
