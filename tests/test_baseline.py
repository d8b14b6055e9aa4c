"""Deep Spectrum's features, the grid of the support vector machines, and the stage around them."""

import json

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from dslite import baseline
from dslite.errors import DsliteError
from dslite.features import DEEP_SPECTRUM, statistics, whole_files
from dslite.layout.finished import FinishedStage
from dslite.network import load_backbone
from dslite.run.resolve import resolve
from dslite.scoring import uar
from dslite.spectrogram import MelPlot
from dslite.stages.baseline import views as baseline_views
from dslite.stages.baseline.work import work
from dslite.stages.evaluate import views as evaluate_views
from dslite.stages.evaluate.work import COLUMNS
from dslite.stages.evaluate.work import work as evaluate
from dslite.systems import TITLES
from tests.corpus_files import own
from tests.through import Decoded, alone, one_configuration, through

RATE = 16_000


def sound(seconds: float, seed: int) -> np.ndarray:
    """A gliding tone in noise, whose level changes."""
    t = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.3 * np.sin(2 * np.pi * (300 + 200 * seed * t) * t) + 0.02 * noise * (1 + t)).astype(np.float32)


# features -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [1.0, 0.003])
def test_the_plot_of_a_whole_file_is_librosas(gain):
    """Also of a quiet file with a pause: the floor of the logarithm is one of full scale, not of the file's peak."""
    wave = gain * sound(1.7, 3)
    wave[4000:8000] = 0.0
    p = DEEP_SPECTRUM
    power = librosa.feature.melspectrogram(
        y=wave, sr=RATE, n_fft=512, hop_length=256, window="hann", center=False, n_mels=128
    )
    expected = librosa.power_to_db(power, ref=np.max, top_db=None)
    ours = MelPlot(p).decibels(wave[None])[0].numpy().T
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, atol=0.02)


def test_nothing_limits_the_range_in_db():
    """A pause of digital silence stays as far below the rest as the logarithm's floor lets it be."""
    wave = sound(1.0, 2)
    wave[4000:8000] = 0.0
    assert MelPlot(DEEP_SPECTRUM).decibels(wave[None]).numpy().min() < -100.0


def test_statistics_are_means_and_deviations_of_known_descriptors():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE + 0.1).astype(np.float32)
    mean, deviation = np.split(statistics(0.5 * tone), 2)
    centroid, crossings, level = mean[-3:]
    assert centroid == pytest.approx(1000, rel=0.02)
    assert crossings == pytest.approx(2 * 1000 / RATE, rel=0.03), "share of samples that cross zero"
    assert level == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert np.abs(deviation[-3:] / mean[-3:]).max() < 0.02, "a steady tone hardly changes over time"
    assert np.abs(mean[20:60]).max() < 0.05, "nor do its coefficients differ from frame to frame"


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("squeezenet_v1", None, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of several lengths, the last shorter than one window."""
    folder = tmp_path_factory.mktemp("files")
    for number, seconds in enumerate((0.4, 1.3, 0.7, 0.01)):
        soundfile.write(folder / f"{number}.wav", sound(seconds, number + 1), RATE)
    return folder


def test_features_do_not_depend_on_the_files_around(folder, backbone, monkeypatch):
    files = [f"{number}.wav" for number in range(4)]
    told = []
    whole = whole_files(files, Decoded(folder), backbone, lambda done, total: told.append((done, total)))
    assert whole["deep_spectrum"].shape == (4, backbone.width) and whole["librosa"].shape == (4, 126)
    assert all(np.isfinite(vectors).all() and vectors.dtype == np.float32 for vectors in whole.values())
    assert told == [(4, 4)]
    monkeypatch.setattr("dslite.features.BATCH", 3)
    parts = whole_files(files[::-1], Decoded(folder), backbone)
    for system, vectors in whole.items():
        np.testing.assert_allclose(parts[system][::-1], vectors, rtol=1e-4, atol=1e-4)


def test_features_are_the_average_over_the_last_maps(folder, backbone):
    wave, _ = soundfile.read(folder / "1.wav", dtype="float32")
    picture = MelPlot(DEEP_SPECTRUM)(wave[None])
    maps = backbone.model(picture * np.float32(backbone.scale) + np.float32(backbone.offset)).numpy()
    found = whole_files(["1.wav"], Decoded(folder), backbone)["deep_spectrum"][0]
    np.testing.assert_allclose(found, maps[0].reshape(-1, backbone.width).mean(axis=0), rtol=1e-4, atol=1e-5)


# the machine ----------------------------------------------------------------------------------------------------------


def problem(seed: int = 0, classes: int = 3, files: int = 120):
    rng = np.random.default_rng(seed)
    labels = np.arange(files) % classes
    features = rng.standard_normal((files, 6)) * [1, 5, 20, 1, 1, 1] + 1.2 * np.eye(6)[labels] + [3, 0, 50, 0, 0, 0]
    partitions = np.repeat(["train", "dev", "test"], files // 3)
    keep = (labels != 0) | (rng.random(files) < 0.5) | (np.arange(files) % 40 < classes)  # classes differ in size
    return features[keep].astype(np.float32), labels[keep], partitions[keep]


def by_hand(features, labels, partitions, seed):
    """The official protocol, written out with scikit-learn alone."""
    x, train, dev, test = features.astype(float), *(partitions == name for name in ("train", "dev", "test"))

    def fitted(fit, predict, c, scale, weight):
        scaler = StandardScaler().fit(x[fit]) if scale else StandardScaler(with_mean=False, with_std=False).fit(x[fit])
        svc = LinearSVC(C=c, class_weight=weight, loss="squared_hinge", max_iter=10_000, random_state=seed, dual="auto")
        return svc.fit(scaler.transform(x[fit]), labels[fit]).predict(scaler.transform(x[predict]))

    best, points = (-1.0, None), []
    for c in (0.1, 0.01, 0.001, 0.0001, 0.00001):
        for scale in (True, False):
            for weight in ("balanced", None):
                score = 100 * balanced_accuracy_score(labels[dev], fitted(train, dev, c, scale, weight))
                points.append(score)
                best = max(best, (score, (c, scale, weight)), key=lambda pair: pair[0])
    return points, best[1], fitted(train, dev, *best[1]), fitted(train | dev, test, *best[1])


@pytest.mark.parametrize("classes", [2, 3])
def test_selection_is_the_official_protocol(classes):
    data = problem(classes, classes)
    found = baseline.select(*data, seed=5)
    points, (c, scale, weight), on_dev, on_test = by_hand(*data, seed=5)
    np.testing.assert_allclose(found.grid["dev_uar"], points)
    assert found.chosen == baseline.Point(c, scale, weight == "balanced")
    assert len(found.grid) == 20 and found.grid["dev_uar"].nunique() > 3, "the points differ, so choosing matters"
    assert found.margins["dev"].shape == (len(on_dev), classes)
    np.testing.assert_array_equal(found.margins["dev"].argmax(axis=1), on_dev)
    np.testing.assert_array_equal(found.margins["test"].argmax(axis=1), on_test)


def test_test_files_change_nothing_but_their_own_predictions():
    features, labels, partitions = problem()
    before = baseline.select(features, labels, partitions, 1)
    test = partitions == "test"
    changed, relabelled = features.copy(), labels.copy()
    changed[test] = changed[test] * 100 - 40
    relabelled[test] = (relabelled[test] + 1) % 3
    after = baseline.select(changed, relabelled, partitions, 1)
    pd.testing.assert_frame_equal(after.grid, before.grid)
    np.testing.assert_array_equal(after.margins["dev"], before.margins["dev"])
    half = features.copy()
    rows = np.flatnonzero(test)
    half[rows[::2]] *= 100
    mixed = baseline.select(half, labels, partitions, 1).margins["test"]
    np.testing.assert_allclose(mixed[1::2], before.margins["test"][1::2], rtol=1e-9)


def test_dev_files_reach_the_machine_for_test_and_only_that():
    features, labels, partitions = problem()
    before = baseline.select(features, labels, partitions, 1)
    changed = features.copy()
    changed[np.flatnonzero(partitions == "dev")[0]] += 30  # one file: the choice on dev stays what it was
    after = baseline.select(changed, labels, partitions, 1)
    assert after.chosen == before.chosen
    np.testing.assert_array_equal(after.margins["dev"][1:], before.margins["dev"][1:])
    assert np.abs(after.margins["test"] - before.margins["test"]).max() > 1e-3


def test_fits_that_did_not_converge_are_counted(monkeypatch):
    monkeypatch.setattr(baseline, "ITERATIONS", 1)
    assert not baseline.select(*problem(), seed=1).grid["converged"].all()
    monkeypatch.undo()
    assert baseline.select(*problem(), seed=1).grid["converged"].all()


def test_chance_is_chance_whatever_the_classes_weigh():
    shares = baseline.majority(np.array([0, 0, 1, 2, 2, 2]), 4)
    np.testing.assert_allclose(shares, [2 / 6, 1 / 6, 3 / 6, 0])
    labels = np.repeat([0, 1, 2, 3], [50, 3, 9, 1])
    assert uar(labels, np.full(len(labels), shares.argmax())) == pytest.approx(100 / 4)


def test_predictions_have_the_form_of_those_of_fits():
    clips = pd.DataFrame({"file": ["x", "y"], "speaker": ["s", ""], "label": ["a", "b"], "duration": 1.0}, index=[7, 3])
    columns = ["file", "speaker", "label", "predicted", "p_a", "p_b", "chunks", "padded"]
    table = baseline.predictions(clips, [True, False], ["a", "b"], margins=np.array([[-2.0, 1.0], [0.5, -0.5]]))
    assert list(table.columns) == [*columns, "margin_a", "margin_b"]
    assert table["predicted"].tolist() == ["b", "a"] and table["padded"].tolist() == [True, False]
    assert table[["p_a", "p_b"]].isna().all(axis=None), "a distance is no probability"
    assert table["margin_b"].tolist() == [1.0, -0.5]
    table = baseline.predictions(clips, [False, False], ["a", "b"], probabilities=np.array([[0.4, 0.6]] * 2))
    assert list(table.columns) == columns and table["predicted"].tolist() == ["b", "b"]


# the stage ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Two classes of tones, some files shorter than a chunk, through the scores of one configuration."""
    folder, rng = tmp_path_factory.mktemp("tones"), np.random.default_rng(0)
    waves = []
    for i in range(24):
        t = np.arange(int(RATE * (0.5 if i % 4 == 0 else 4.5))) / RATE
        waves.append(0.2 * np.sin(2 * np.pi * (400, 1700)[i % 2] * t) + 0.02 * rng.standard_normal(len(t)))
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch)
        settings = resolve(own(folder, waves, ("low", "high"), "tones"), profile="demo", output=folder / "out")
        yield through(settings, "evaluate")


@pytest.fixture(scope="module")
def stage(evaluated):
    return FinishedStage.of(evaluated.settings, "baseline")


def test_stage_leaves_predictions_and_the_whole_grid(stage):
    chunks = pd.read_parquet(stage.paths.chunks).groupby("file")["padded"].first()
    for system in TITLES:
        for partition, count in (("dev", 8), ("test", 8)):
            table = pd.read_parquet(stage.paths.baseline(system, partition))
            assert table["file"].tolist() == stage.clips.query("partition == @partition")["file"].tolist()
            assert len(table) == count and 0 < table["padded"].sum() < count
            assert table["padded"].tolist() == chunks[table["file"]].tolist(), "a protocol scores the same files"
    record = json.loads(stage.paths.record("baseline").read_text())
    assert {system: len(rows) for system, rows in record["grid"].items()} == {"deep_spectrum": 20, "librosa": 20}
    for system, rows in record["grid"].items():
        best = max(rows, key=lambda row: row["dev_uar"])
        assert record["chosen"][system] == {key: best[key] for key in ("complexity", "standardise", "balanced")}
    assert record["features"] == {"deep_spectrum": 16, "librosa": 126}
    assert record["weights"] == "random" and record["warnings"][0].startswith("RANDOM WEIGHTS")
    scores = baseline_views.scores(stage).set_index("system")
    assert scores.loc["chance", ["dev", "test"]].tolist() == [50.0, 50.0]
    assert scores.loc["librosa statistics + SVM", "test"] == 100.0, "the centroid tells the tones apart"
    assert len(baseline_views.grids(stage)) == 2 * 5
    assert [example.label for example in baseline_views.whole_files(stage)] == list(stage.classes)


def test_evaluate_scores_the_baselines_beside_ds_lite(evaluated):
    stage = evaluated
    scores = pd.read_parquet(stage.paths.scores)
    assert list(scores.columns) == COLUMNS
    assert len(scores) == (len(TITLES) + 1) * 2 * 2 and not scores.duplicated().any()
    others = scores[scores["system"] != "DS Lite"]
    assert set(others["system"]) == set(TITLES.values()) and set(others["augmentation"]) == {""}
    assert set(scores.loc[scores["system"] == "DS Lite", "augmentation"]) == {"none"}
    counts = scores.groupby(["partition", "protocol"])["n_files"].nunique()
    assert (counts == 1).all(), "every system is scored on the same files"
    blank = others.groupby("system")["backbone"].first()
    assert blank["chance"] == blank["librosa statistics + SVM"] == "" != blank["Deep Spectrum + SVM"]
    assert stage.chosen == "none", "chosen among the configurations of DS Lite"
    exact = scores[["ci_low", "ci_high", "se"]].isna().all(axis=1)
    assert set(scores.loc[exact, "system"]) == {"chance"} and (exact == (scores["system"] == "chance")).all()


def test_page_of_scores_tells_what_few_speakers_and_files_allow(evaluated):
    scores = pd.read_parquet(evaluated.paths.scores).query("partition == 'test' and protocol == 'all'")
    shown = evaluate_views.selection(evaluated)
    assert shown["system"].tolist()[2:5] == list(TITLES.values())
    beside = shown[shown["protocol"] == "all"].set_index("system")["UAR on test"]
    for title in TITLES.values():
        assert beside[title] == scores.set_index("system")["uar"][title]
    assert len(evaluate_views.pairs(evaluated, "all")) == 3, "DS Lite and two machines; none with chance"
    assert evaluate_views.intervals(evaluated).startswith("Intervals are from 1,000 draws. 4 speakers")
    assert evaluate_views.speakers(evaluated) == "4 speakers: too few to draw; at least 6."
    said = evaluate_views.verdict(evaluated, "all")
    assert said.endswith(
        "the least p that 5,000 draws of 8 can give is 0.008. 4 speakers: too few to draw; at least 6."
    )
    assert scores["ci_speaker_low"].isna().all()


def test_a_machine_that_did_not_converge_is_told_on_its_page_and_that_of_scores(evaluated, monkeypatch):
    files = [evaluated.paths.record(name) for name in ("baseline", "evaluate")]
    kept = [file.read_bytes() for file in files]
    one_configuration(monkeypatch)
    monkeypatch.setattr(baseline, "ITERATIONS", 1)
    files[0].unlink()
    try:
        record = work(evaluated.settings).record
        missed = [TITLES[key] for key, converged in record["converged"].items() if not converged]
        assert missed
        page = baseline_views.chosen(FinishedStage.of(evaluated.settings, "baseline")).set_index("system")
        assert set(page.index[page["the chosen one"] == "did NOT converge"]) == set(missed)
        told = evaluate(evaluated.settings).record["warnings"]
        for title in missed:
            assert sum(line.startswith(f"{title}: the solver did not converge") for line in told) == 1
    finally:
        monkeypatch.undo()
        for file, content in zip(files, kept, strict=True):
            file.write_bytes(content)


def test_nothing_is_chosen_without_a_score_on_dev(evaluated, monkeypatch):
    one_configuration(monkeypatch)
    file = evaluated.paths.fit("none", "dev") / "predictions.parquet"
    kept, record = file.read_bytes(), evaluated.paths.record("evaluate").read_bytes()
    pd.read_parquet(file).iloc[:0].to_parquet(file)
    evaluated.paths.record("evaluate").unlink()
    try:
        with pytest.raises(DsliteError, match="tones has no score on dev"):
            evaluate(evaluated.settings)
        assert not evaluated.paths.record("evaluate").exists()
    finally:
        file.write_bytes(kept)
        evaluated.paths.record("evaluate").write_bytes(record)


def test_stage_is_made_once_from_what_the_corpus_stage_decoded(stage):
    files = {file: file.read_bytes() for file in stage.settings.folder.glob("*.wav")}
    for file in files:
        file.unlink()
    try:
        assert work(stage.settings).record == stage.record
        stage.paths.record("baseline").unlink()
        again = work(stage.settings)
    finally:
        for file, content in files.items():
            file.write_bytes(content)
    assert (again.record["grid"], again.record["chosen"]) == (stage.record["grid"], stage.record["chosen"])


def test_stage_is_made_again_when_audio_changes(stage):
    """The last test of this file: it changes what the others look at."""
    settings = stage.settings
    settings.paths.record("evaluate").write_text("{}")
    soundfile.write(settings.folder / "0.wav", sound(1.0, 9), RATE)
    assert through(settings, "baseline").record["identity"] != stage.record["identity"]
    assert not settings.paths.record("evaluate").exists(), "its scores are of other predictions"
