"""The stage ``explain`` on a corpus of our own, and what its notebook shows."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from dslite.corpora import CORPORA
from dslite.errors import DsliteError
from dslite.explanation import baselines
from dslite.explanation.maps import Attribution
from dslite.explanation.view import View
from dslite.front_end import FrontEnd
from dslite.layout import progress
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.model import load_model
from dslite.reporting import explanations
from dslite.reporting.sanitiser import clean
from dslite.run.resolve import resolve
from dslite.stages.explain import clips, figures, gallery
from dslite.stages.explain import views as explained
from dslite.stages.explain import work as explaining
from dslite.stages.explain.work import Budget
from dslite.stages.train import fits
from dslite.store import Spectrograms
from tests.corpus_files import own
from tests.through import alone, one_configuration, through

TINY = Budget(2, 20, 2, 20, 2, 1, 1, 8, again=True)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Three classes of noise, of which a budget for two explains the first two."""
    folder, rng, waves = tmp_path_factory.mktemp("own"), np.random.default_rng(0), []
    for i in range(27):
        wave = rng.standard_normal(20_000)
        wave = wave if i % 3 == 1 else np.convolve(wave, np.ones(30))
        waves.append(0.1 * wave / np.abs(wave).max())
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch)
        patch.setitem(explaining.BUDGETS, "demo", TINY)
        settings = resolve(own(folder, waves, ("<b>a", "b", "c")), profile="demo", output=folder / "out")
        (settings.folder / "corpus.toml").write_text("audio_in_reports = true\n")
        stage = through(settings, "explain")
        explained.draw_cards(stage)
        yield stage


def test_stage_leaves_what_it_promises_and_its_record_last(stage):
    folder = stage.paths.record("explain").parent
    record = json.loads((folder / "record.json").read_text())
    assert record == stage.record and record["explained"] == ["<b>a", "b"]
    assert {"baseline", "bases", "failed", "budget", "augmentation", "trained_on"} <= set(record)
    for number in range(len(record["clips"])):
        for name in (f"{number:02}.npz", f"{number:02}.png", f"{number:02}-original.mp3", f"{number:02}-evidence.mp3"):
            assert (folder / "clips" / name).stat().st_size > 100
    files = [file for file in folder.rglob("*") if file.suffix != ".png" and file.is_file()]
    assert max(files, key=lambda file: file.stat().st_mtime_ns).name == "record.json"


def test_another_seeds_fit_is_made_once_and_taken_where_a_run_with_further_seeds_left_it(stage):
    corpus, told = FinishedStage.of(stage.settings, "corpus"), []
    made = fits.again(corpus, "none", lambda *said: told.append(said))
    assert made.parent == stage.paths.fit("none", "test-next-seed") and told
    assert json.loads((made.parent / "record.json").read_text())["seed"] == 43
    further = Paths(Paths(stage.settings.output).seed(43)).corpus(stage.settings.name).fit("none", "test")
    shutil.copytree(made.parent, further)
    shutil.rmtree(made.parent)
    told.clear()
    assert fits.again(corpus, "none", lambda *said: told.append(said)).parent == further and not told


def test_stage_is_made_once(stage):
    before = stage.paths.record("explain").stat().st_mtime_ns
    assert explaining.work(stage.settings).record == stage.record
    assert stage.paths.record("explain").stat().st_mtime_ns == before


def test_training_mean_is_a_baseline_of_its_own(stage, tmp_path, monkeypatch):
    with pytest.raises(DsliteError, match="'noise' is not one of auto, silence, training mean, training plots"):
        explaining.work(stage.settings, "noise")
    with pytest.raises(DsliteError, match="baseline 'auto', not 'training mean'"):
        explaining.work(stage.settings, "training mean")
    monkeypatch.setattr(explaining, "WAYS", ("partition",))
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress"))  # as in a run, which may replace what is there
    shutil.copytree(stage.settings.output, tmp_path / "out")
    other = explaining.work(replace(stage.settings, output=tmp_path / "out"), "training mean")
    assert "Taken: training mean" in explained.subject(other) and "the first cell asks for" in explained.subject(other)
    assert other.record["identity"] != stage.record["identity"]
    chunks = pd.read_parquet(other.paths.chunks)
    trained = chunks["file"].map(other.clips.set_index("file")["partition"]) != "test"
    batches = Spectrograms(other.paths.spectrograms, chunks).batches(np.flatnonzero(trained))
    mean = np.concatenate([levels.reshape(-1, levels.shape[-1]) for _, levels in batches]).mean(axis=0)
    view = View.of(load_model(other.paths.fit(other.chosen, "test") / "model.keras"))
    with np.load(other.paths.file("explain", "clips/00.npz")) as stored:
        hidden = np.broadcast_to(mean.round().astype(np.uint8), (1, *stored["levels"].shape))
    assert other.record["bases"]["training mean"] == pytest.approx(view.probabilities(hidden)[0].tolist(), abs=1e-6)


def test_the_baseline_follows_the_rule_and_the_page_says_which_and_why(stage):
    bases = {name: np.array(base) for name, base in stage.record["bases"].items()}
    hides = baselines.choose(bases)
    assert list(bases) == list(baselines.WORDS) and stage.record["baseline"] == baselines.WORDS[hides]
    shown = explained.bases(stage)
    # Columns would be written by their names, and a class may be called "low" or "p".
    assert list(shown.columns) == list(bases) and list(shown.index) == list(stage.classes)
    np.testing.assert_allclose(shown.sum(), 1.0)
    for base, words in (
        (0.5, "the first of these that leaves every class below 0.8"),
        (0.9, "none of which stays below"),
    ):
        record = stage.record | {"bases": dict.fromkeys(bases, [base, 1 - base, 0.0])}
        assert words in explained.subject(FinishedStage(stage.settings, record))


def test_maps_that_fail_a_check_bear_a_stamp_and_others_do_not(stage):
    for failed in ([], ["another seed gives others"]):
        shown = FinishedStage(stage.settings, stage.record | {"failed": failed})
        view = next(explained.classes(shown))
        assert ("FAILED CHECKS (last section): another seed gives others" in view.caption) == bool(failed)
        figure = explanations.shap_maps(view.clips, FrontEnd(), bool(failed))
        stamped = [axes for axes in figure.axes if any(text.get_text() == "FAILED CHECKS" for text in axes.texts)]
        assert len(stamped) == (len(view.clips) * len(stage.classes) if failed else 0), "every map, no spectrogram"


def test_two_seeds_are_compared_where_weights_are_from_imagenet_alone(stage):
    assert not len(explained.alike(stage, "seeds")), "the base model of these tests has random weights"
    assert "with random weights" in explained.seeds_verdict(stage, explained.alike(stage, "seeds"))
    for values, words in (([0.2, 0.7, 0.9], "Median 0.70: they agree"), ([0.1, 0.2], "they do not agree")):
        table = pd.DataFrame({"rank correlation": values})
        assert words in explained.seeds_verdict(stage, table)


def test_clips_are_those_of_the_test_predictions(stage):
    table = stage.predictions(stage.chosen, "test").set_index("file")
    for clip in stage.record["clips"]:
        row = table.loc[clip["file"]]
        assert (row["label"], row["predicted"]) == (clip["label"], clip["predicted"])
        assert (clip["kind"] == "right") == (clip["label"] == clip["predicted"])
        assert clip["probability"] == pytest.approx(row[f"p_{clip['label']}"])
        if clip["chunks"] == 1:  # then the model, read back, says of the stored chunk what the fit said of the file
            assert clip["of_chunk"] == pytest.approx(row[f"p_{clip['predicted']}"], abs=1e-4)


def test_maps_account_for_the_probability(stage):
    for number, clip in enumerate(stage.record["clips"]):
        with np.load(stage.paths.file("explain", f"clips/{number:02}.npz")) as stored:
            found, kept = Attribution.of(stored), stored["kept"]
        said = stage.classes.index(clip["predicted"])
        assert found.prediction[said] == pytest.approx(clip["of_chunk"])
        hides = next(name for name, words in baselines.WORDS.items() if words == stage.record["baseline"])
        assert found.base.tolist() == pytest.approx(stage.record["bases"][hides], abs=1e-6)
        assert abs(found.gap).max() < 1e-6 and clip["gap"] < 1e-6
        raising = np.maximum(found.pooled()[said], 0)
        assert raising[kept].sum() >= explaining.SHARE * raising.sum() - 1e-12
        assert clip["kept"] == pytest.approx(kept.mean())


def test_players_play_what_the_model_heard(stage, tmp_path):
    samples = {}
    for name in ("original", "evidence"):
        file = stage.paths.file("explain", f"clips/00-{name}.mp3")
        samples[name], rate = soundfile.read(file)
        assert rate == 16_000 and len(samples[name]) / rate == pytest.approx(
            stage.record["clips"][0]["seconds"], abs=0.2
        )
    power = {name: np.square(wave).sum() for name, wave in samples.items()}
    assert power["evidence"] < power["original"]


def test_pages_hold_no_sounds_that_their_corpus_does_not_allow(stage):
    """Own recordings say so themselves, here in corpus.toml; of the paper's corpora only RAVDESS' licence does."""
    assert "owner allows" in clips.terms(stage.record) and stage.record["data"] == "real"
    silent = FinishedStage(stage.settings, stage.record | {"shared_audio": ""})
    assert "No sounds" in clips.terms(silent.record)
    for view in explained.classes(silent):
        for title, sounds in view.players:
            html = explanations.players_html(title, sounds)
            assert "The model says" in html and "audio" not in html.replace("audio_in_reports", "")
    record = stage.paths.record("explain")
    kept = record.read_text("utf-8")
    for shared in ("", "as the owner allows"):
        record.write_text(json.dumps(stage.record | {"shared_audio": shared}), "utf-8")
        cards = gallery.cards(Paths(stage.settings.output), [stage.settings.name])
        assert any(card.sounds for card in cards) == bool(shared)
        assert all(("No sounds" in card.says) != bool(shared) for card in cards if card.file)
    record.write_text(kept, "utf-8")
    allowed = {name: bool(info.shared_audio) for name, info in CORPORA.items()}
    assert [name for name, shared in allowed.items() if shared] == ["ravdess"]
    assert "CC BY-NC-SA 4.0" in CORPORA["ravdess"].shared_audio


def test_views_say_what_a_reviewer_asks(stage):
    views = list(explained.classes(stage))
    assert len(views) == 2
    text = " ".join(view.caption for view in views)
    assert "additivity gap below 1e-6" in text and "Evaluations per map: 20" in text
    kinds = [{clip["kind"] for clip in stage.record["clips"] if clip["label"] == label} for label in ("<b>a", "b")]
    for view, there in zip(views, kinds, strict=True):
        assert len(view.clips) == len(view.players) == len(there)
        for kind in {"right", "wrong"} - there:
            assert f"No test clip of this class is {kind}." in view.caption
        for title, sounds in view.players:
            heard = "Of the evidence alone" in title
            assert "The model says" in title and heard != ("No region raises it" in title)
            assert clean(explanations.players_html(title, sounds)).count("<audio") == 1 + heard
    assert "2 of 3 classes" in explained.subject(stage)
    assert len(explained.clip_table(stage)) == len(stage.record["clips"])


def test_of_many_classes_the_named_ones_are_shown(stage, monkeypatch):
    monkeypatch.setattr(clips, "MAPS", 2)
    for view, label in zip(explained.classes(stage), stage.record["explained"], strict=True):
        assert "Maps of 2 of 3 classes." in view.caption
        for clip in view.clips:
            assert len(clip.classes) == len(clip.attribution.values) == 2 and label in clip.classes


def test_sample_is_of_every_explained_class_and_draws_what_it_says(stage):
    found, table = explained.sample(stage)
    assert table["label"].tolist() == ["<b>a", "<b>a", "b", "b"] and len(found) == 4
    labels = stage.predictions(stage.chosen, "test").set_index("file")["label"]
    assert labels[table["file"]].tolist() == table["label"].tolist()
    maps, seconds = explained.mean_maps(stage)
    assert [(one.label, one.clips) for one in maps] == [("<b>a", 2), ("b", 2)]
    assert seconds == pytest.approx(table["seconds"].iloc[0])
    assert "too few" in explained.caution(stage)
    profiles, edges = explained.band_profiles(stage)
    one = explained.band_profiles(replace(stage, settings=replace(stage.settings, changes=(("draws", 1),))))[0]
    assert (one["b"][1] == one["b"][2]).all() and (profiles["b"][1] < profiles["b"][2]).any(), "as many draws as asked"
    np.testing.assert_allclose(profiles["b"][0], maps[1].mean.sum(axis=1))
    assert 60 <= edges[0] < 80 and 7_500 < edges[-1] <= 8_000 and (np.diff(edges) > 0).all()


def test_trust_is_stated_with_its_chance_level(stage):
    table, areas = explained.curves(stage)
    assert table["clip"].nunique() == 2 and list(areas.columns) == ["SHAP", "random"]
    assert set(areas.index.get_level_values("baseline")) == set(baselines.WORDS), "never one alone"
    index = pd.MultiIndex.from_product([["silence"], ["deletion", "insertion"]], names=["baseline", "kind"])
    better = pd.DataFrame({"SHAP": [0.1, 0.9], "random": [0.5, 0.5]}, index=index)
    assert "2 of 2 areas (deletion below, insertion above); more than half" in explained.verdict(better)
    worse = explained.verdict(better.rename(columns={"SHAP": "random", "random": "SHAP"}))
    assert "0 of 2" in worse and "not more than half" in worse
    head = explained.alike(stage, "head")
    assert head["label"].isin(["<b>a", "b"]).all() and (head["rank correlation"].fillna(0) < 0.999).all()


def test_the_shuffled_head_has_a_verdict_in_words(stage):
    def said(*alike):
        table = pd.DataFrame({"rank correlation": alike, "of absolute values": np.abs(alike) / 2}, dtype=float)
        return explained.head_verdict(table)

    assert said(-0.9, 0.49) == "2 of 2 maps changed (both rank correlations below 0.5)."
    assert said(0.5, 0.1, 1.0).startswith("1 of 3 maps changed (both rank correlations below 0.5). 2 stayed alike")
    assert said(-1.0).startswith("0 of 1 maps changed"), "the same regions with another sign"
    assert "cannot" not in said(0.5) and "1 cannot be judged" in said(np.nan, 0.1) and "stayed" not in said(np.nan)
    assert "maps changed" in explained.head_verdict(explained.alike(stage, "head"))


def test_three_ways_are_compared_on_one_clip(stage):
    ways = explained.ways_table(stage).set_index("way")
    assert ways.index.tolist() == ["partition (ours)", "the paper's way", "gradients"]
    assert ways["rank correlation with ours"].iloc[0] == pytest.approx(1.0)
    assert ways["probability"].to_numpy() == pytest.approx(ways["probability"].iloc[0], abs=1e-3)
    assert ways.loc["the paper's way", "evaluations"] == stage.record["budget"]["evaluations"]
    clip, found = explained.ways(stage)
    assert all(len(way.values) == 1 for way in found.values()), "the class that the model says"
    figure = figures.compared(clip, found, FrontEnd())
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert sum("gap" in title for title in titles) == 3


def test_what_is_said_of_evidence_and_of_nothing():
    clip = {"predicted": "a", "heard_as": "a", "of_chunk": 0.9, "base": 0.2, "kept": 0.25, "heard_probability": 0.7}
    assert clips.said(clip).endswith("Of the evidence alone, 25 % of the regions, it says a again (0.70).")
    assert "it says b, no longer a (0.10)" in clips.said(clip | {"heard_as": "b", "heard_probability": 0.1})
    assert "little to explain" in clips.said(clip | {"base": 0.85})
