"""Labels that are numbers: scores against independent references, losses, and a whole small run."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import tensorflow as tf
from bs4 import BeautifulSoup
from scipy.stats import spearmanr

from dslite import augmentation, baseline, corpora, objectives, scoring, statistics
from dslite.deployment import LiteModel
from dslite.errors import DsliteError
from dslite.paper.ledger import LEDGER
from dslite.profiles import TABLE2, recipe
from dslite.readings import PAPER
from dslite.resampling import NUMBER_SCORES, numbers
from dslite.run.resolve import refuse_numbers, resolve
from dslite.systems import OURS
from dslite.tasks import in_order, strata
from tests.corpus_files import audio, text
from tests.whole import UNTRAINED, copied, run

RECIPE = recipe("sleep", "demo")


def drawn(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels with ties and predictions that follow them."""
    rng = np.random.default_rng(seed)
    label = rng.integers(1, 10, n).astype(float)
    return label, (0.6 * label + rng.normal(1.0, 1.5, n)).round(1)


def table(label, predicted, speakers: int = 8) -> pd.DataFrame:
    rows = {"file": [f"{i:03}.wav" for i in range(len(label))], "label": label, "predicted": predicted}
    return pd.DataFrame(rows).assign(speaker=[f"s{i % speakers}" for i in range(len(label))], padded=False)


def test_scores_are_those_of_audmetric_and_scipy():
    audmetric = pytest.importorskip("audmetric")
    label, predicted = drawn()
    found = scoring.score(table(label, predicted), (), "all", seed=1, draws=200)
    assert found["ccc"] == pytest.approx(audmetric.concordance_cc(label, predicted), abs=1e-12)
    assert found["spearman"] == pytest.approx(spearmanr(label, predicted)[0], abs=1e-12)
    assert found["mae"] == pytest.approx(audmetric.mean_absolute_error(label, predicted))
    assert found["rmse"] == pytest.approx(np.sqrt(audmetric.mean_squared_error(label, predicted)))
    assert found["ci_low"] < found["ccc"] < found["ci_high"] and found["n_files"] == 60


@pytest.mark.parametrize("group", [None, np.arange(60) % 8])
def test_a_draw_by_weights_is_a_draw_by_files(group):
    label, predicted = drawn()
    units = numbers(label, predicted[None], group)
    counts = np.random.default_rng(3).multinomial(len(units.units), units.units / len(units.units), size=4)
    for of_draw, weights in zip(units.all_scores(counts), counts[:, units.group], strict=True):
        x, y = np.repeat(label, weights), np.repeat(predicted, weights)
        ccc = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        expected = ccc, spearmanr(x, y)[0], np.abs(x - y).mean(), np.sqrt(((x - y) ** 2).mean())
        assert of_draw[0] == pytest.approx(expected, abs=1e-12)


def test_draws_in_batches_are_the_draws():
    label, predicted = drawn(3000)
    whole = numbers(label, predicted[None])
    rng = np.random.default_rng(5)
    counts = rng.multinomial(3000, np.full(3000, 1 / 3000), size=700)
    assert whole.draw(5, 700)[:, 0] == pytest.approx(whole.all_scores(counts)[:, 0, 0], abs=1e-12)


def test_what_cannot_be_scored_is_said_not_hidden():
    label, _ = drawn()
    same = scoring.number_scores(table(label, np.full(60, label.mean())), seed=0, draws=50).set_index("score")
    assert same.loc["ccc", "value"] == 0 and np.isnan(same.loc["spearman", "value"])
    assert same.loc["ccc", ["ci_low", "ci_high"]].tolist() == [0, 0]
    assert same.loc["spearman", ["ci_low", "ci_high"]].isna().all() and same.loc["mae", "ci_low"] > 0
    both = scoring.number_scores(table(np.ones(60), np.ones(60)), seed=0, draws=50).set_index("score")
    assert both.loc["ccc", "value"] == 0 and both.loc["rmse", "value"] == 0
    none = scoring.number_scores(table(label, label).head(0), seed=0)
    assert list(none["score"]) == list(NUMBER_SCORES) and none["value"].isna().all()


def test_the_unit_of_the_label_changes_no_correlation():
    label, predicted = drawn()
    small, large = (numbers(f * label, f * predicted[None]).all_scores(np.ones((1, 60)))[0, 0] for f in (1e-9, 1e9))
    assert small[:2] == pytest.approx(large[:2]) and large[2] == pytest.approx(1e18 * small[2])


def test_a_better_system_is_told_from_a_worse_one():
    label, predicted = drawn(300)
    noise = np.random.default_rng(9).normal(0, 3, 300)
    tables = {"good": table(label, predicted), "bad": table(label, predicted + noise)}
    for unit in statistics.UNITS:
        pair = statistics.pairs(statistics.compare(tables, (), "all", unit), seed=0, draws=500).iloc[0]
        assert pair["difference"] == pytest.approx(pair["uar_second"] - pair["uar_first"]) and pair["high"] < 0
        assert pair["p"] < 0.05
    assert statistics.optimism(statistics.compare(tables, (), "all", "file"), seed=0) >= -0.05


def test_a_file_is_the_mean_of_its_chunks_whatever_decides():
    for how in scoring.DECISIONS:
        predicted, mean, chunks = scoring.decide(np.array([[1.0], [2.0], [6.0]]), np.array([0, 0, 1]), how)
        assert predicted.tolist() == [1.5, 6.0] and chunks.tolist() == [2, 1] and mean.shape == (2, 1)


def test_the_squared_error_is_not_its_root():
    """The slip of the released code (ledger F-21)."""
    label, predicted = drawn()
    found = scoring.score(table(label, predicted), (), "all", seed=0, draws=50)
    assert found["rmse"] ** 2 == pytest.approx(((label - predicted) ** 2).mean())
    targets, said = label.astype(np.float32)[:, None], predicted.astype(np.float32)[:, None]
    squared = objectives.ToNumbers(replace(RECIPE, loss="mse")).loss(targets, said, None)
    assert float(squared) == pytest.approx(found["rmse"] ** 2, rel=1e-5)
    assert "its root once more" in {entry.id: entry for entry in LEDGER}["F-21"].code


def test_the_loss_is_1_less_ccc():
    audmetric = pytest.importorskip("audmetric")
    label, predicted = drawn(2000)
    targets, said = ((x - 5).astype(np.float32)[:, None] for x in (label, predicted))
    loss = objectives.ToNumbers(RECIPE).loss(targets, said, None)
    assert float(loss) == pytest.approx(1 - audmetric.concordance_cc(label, predicted), abs=1e-5)


@pytest.mark.parametrize("targets", [[1.0, 1.0, 1.0], [-1.0, 0.5, 2.0], [3.0]])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_gradient_of_the_ccc_is_finite_whatever_the_batch(targets, spread):
    targets = tf.constant(targets)[:, None]
    said = tf.Variable(1.0 + spread * tf.range(len(targets), dtype=tf.float32)[:, None])
    with tf.GradientTape() as tape:
        loss = objectives.ToNumbers(RECIPE).loss(targets, said, None)
    assert np.isfinite(loss.numpy()) and np.isfinite(tape.gradient(loss, said).numpy()).all()


def test_the_last_layer_speaks_in_the_unit_of_the_label():
    objective, labels = objectives.ToNumbers(RECIPE), np.array([100.0, 300.0, 500.0, np.nan])
    targets, _ = objective.targets(labels, np.array([0, 1, 2]))
    assert targets[:3].mean() == pytest.approx(0, abs=1e-6) and targets[:3].std() == pytest.approx(1)
    for said in (objective.said(targets[:3]), objective.last_layer()(targets[:3])):
        np.testing.assert_allclose(said.numpy()[:, 0], labels[:3], rtol=1e-5)


def test_cutmix_mixes_numbers_and_sapaugment_ranks_by_the_squared_error():
    targets = tf.constant([[0.0], [4.0]])
    plan = augmentation.draw([0.0, 0.0], [1, 2], replace(PAPER, probability=(1, 1), patch=(40, 40)), True, False)
    mixed = augmentation.mix_labels(plan, targets).numpy()[:, 0]
    share = plan.counted.numpy() / 224**2
    np.testing.assert_allclose(mixed, [4 * share[0], 4 - 4 * share[1]], rtol=1e-5)
    each = objectives.ToNumbers(RECIPE).loss_of_each(targets, tf.constant([[1.0], [1.0]])).numpy()
    assert each.tolist() == [1.0, 9.0]


def own(folder, labels, name="own") -> str:
    """A CSV of short noises of twelve speakers with these labels, in turn."""
    waves = [audio(folder / f"{i}.wav", 1.2).name for i in range(48)]
    rows = [f"{file},{labels[i % len(labels)]},s{i % 12}" for i, file in enumerate(waves)]
    return str(text(folder / f"{name}.csv", "filename,label,speaker", *rows))


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (["0.5", "1", "2"], "regression"),
        ([str(n) for n in range(11)], "regression"),
        ([str(n) for n in range(10)], "classification"),
        (["1.0", "2.0"], "classification"),
        (["1.5", "two"], "classification"),
        (["1.5", "nan", "2.5"], "regression"),  # withheld, not a number
        (["1.5", "inf"], "classification"),
    ],
)
def test_whether_labels_are_numbers_is_told_by_them(tmp_path, labels, task):
    source = own(tmp_path, labels)
    assert resolve(source, output=tmp_path / "out").task == task
    assert resolve(source, output=tmp_path / "out", task="regression").numeric


def test_numbers_are_dealt_by_thirds_and_what_is_none_is_left_out(tmp_path):
    labels = [f"{n / 4:g}" for n in range(1, 16)]
    found = corpora.read(own(tmp_path, [*labels, "loud"]), tmp_path, numeric=True)
    assert found.info.classes == () and found.clips["label"].dtype == float
    assert list(found.problems["reason"]) == ["unknown label 'loud'; expected a number"] * 3
    assert "each third of the labels" in found.note and "--task classification" in found.note
    thirds = pd.crosstab(found.clips["partition"], strata(found.clips["label"]))
    assert thirds.shape == (3, 3) and (thirds > 0).all(axis=None)
    assert in_order(found.clips["label"], ()) == ("low: 0.25 to 1.25", "middle: 1.5 to 2.5", "high: 2.75 to 3.75")


@pytest.mark.parametrize(
    ("labels", "said"), [(["3", "3.0"], "at least two numbers"), (["a", "b"], "at least two numbers")]
)
def test_labels_that_cannot_be_learnt_as_numbers_are_refused(tmp_path, labels, said):
    with pytest.raises(DsliteError, match=said):
        corpora.read(own(tmp_path, labels), tmp_path, numeric=True)


def with_commas(folder, *labels) -> str:
    """As :func:`own`, as a spreadsheet writes it where commas are decimal ones."""
    path = Path(own(folder, [label.replace(",", "_") for label in labels]))
    path.write_text(path.read_text().replace(",", ";").replace("_", ","))
    return str(path)


def test_whole_numbers_of_three_digits_are_numbers(tmp_path):
    found = corpora.read(own(tmp_path, list(map(str, range(100, 124)))), tmp_path, numeric=True)
    assert (
        set(found.clips["label"]) == set(range(100, 124)) and not found.problems["reason"].str.contains("comma").any()
    )


def test_decimal_commas_in_labels_are_decimal_points(tmp_path):
    source = with_commas(tmp_path, *(f"{n / 4:g}".replace(".", ",") for n in range(1, 16)), "?", "loud")
    found = corpora.read(source, tmp_path, numeric=True)
    assert set(found.clips["label"]) == {n / 4 for n in range(1, 16)}
    told = list(found.problems["reason"])
    assert "unknown label 'loud'; expected a number" in told and any(
        "with a decimal comma, taken as" in t for t in told
    )
    assert resolve(with_commas(tmp_path, "0,5", "1", "2"), output=tmp_path / "out").task == "regression"
    assert corpora.read(with_commas(tmp_path, "0,5", "1,5"), tmp_path).info.classes == ("0,5", "1,5")
    with pytest.raises(DsliteError, match="'1,5', the label of '1.wav' in line 3, and '2.5', .*line 4: which of comma"):
        corpora.read(with_commas(tmp_path, "1", "1,5", "2.5"), tmp_path, numeric=True)


@pytest.mark.parametrize("label", ["1_1", "20%", "inf"])
def test_what_is_no_number_is_named_where_too_few_are(tmp_path, label):
    with pytest.raises(DsliteError, match=f": 1; at least two numbers.* '{label}', the label of '1.wav' in line 3"):
        corpora.read(own(tmp_path, ["1", label]), tmp_path, numeric=True)


@pytest.mark.parametrize("label", ["NA", "inf", "1,5"])
def test_few_labels_that_are_no_numbers_are_named_with_the_task_that_leaves_them_out(tmp_path, label):
    source = own(tmp_path, [*(f"{n}.5" for n in range(15)), f'"{label}"'])
    assert resolve(source, output=tmp_path / "out").task == "classification"
    (told,) = (reason for reason in corpora.read(source, tmp_path).problems["reason"] if "--task" in reason)
    assert f"since {label!r}, the label of '15.wav' in line 17, is no number; --task regression takes" in told
    assert told.endswith("leaves such files out: 3")
    few = corpora.read(own(tmp_path, ["1", "2", "low"]), tmp_path)
    assert not few.problems["reason"].str.contains("--task").any()


def test_sleepiness_alone_of_the_papers_corpora_is_a_scale(tmp_path):
    settings = resolve("sleep", task="regression", output=tmp_path)
    assert settings.name == "sleep_regression" and settings.recipe.chunk == TABLE2["sleep"]["chunk"]
    assert resolve("sleep", output=tmp_path).name == "sleep"
    with pytest.raises(DsliteError, match="ravdess are no numbers on a scale.*takes sleep, and own data"):
        resolve("ravdess", task="regression", output=tmp_path)
    with pytest.raises(DsliteError, match="sleep_regression are numbers, and search is for classes alone"):
        refuse_numbers(["evaluate", "search"], [settings])


def test_a_regression_is_chosen_by_the_ccc_and_chance_is_the_mean():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(90, 5))
    labels = 100 + 10 * features[:, 0] + rng.normal(size=90)
    parts = np.repeat(["train", "dev", "test"], 30)
    found = baseline.select(features, labels, parts, seed=0)
    assert len(found.grid) == len(baseline.REGRESSION_GRID) and not found.chosen.balanced
    on_dev = scoring.main_score(labels[30:60], found.margins["dev"][:, 0])
    assert found.grid["dev_uar"].max() == pytest.approx(on_dev) and on_dev > 0.9
    assert baseline.majority(labels[:30], 0) == pytest.approx([labels[:30].mean()])


@pytest.fixture(scope="module")
def gone_through(tmp_path_factory):
    """A run of own data whose labels are frequencies in kHz, and where it lies."""
    folder = tmp_path_factory.mktemp("numbers")
    root, output = copied(folder / "package"), folder / "out"
    waves, rows, rng = np.arange(16_000) / 16_000, ["filename,label,speaker"], np.random.default_rng(0)
    for i in range(48):
        kilohertz = 0.25 * (1 + i % 16)
        tone = 0.3 * np.sin(2000 * np.pi * kilohertz * waves) + 0.01 * rng.standard_normal(len(waves))
        soundfile.write(folder / f"{i}.wav", tone, 16_000)
        rows.append(f"{i}.wav,{kilohertz},s{i % 18}")
    source = text(folder / "tones.csv", *rows)
    done = run(root, output, "--corpora", source, "--stages", "explain", "deploy", "paper", "--cores", 1, *UNTRAINED)
    return done, root, output, source


@pytest.mark.slow
def test_numbers_run_through_every_stage(gone_through):
    done, _, output, _ = gone_through
    assert done.returncode == 0, done.stdout + done.stderr
    assert "labels are numbers: regression" in done.stdout
    results = pd.read_csv(output / "reports" / "results.csv")
    assert results["uar"].isna().all() and (results.loc[results["system"] == "chance", "ccc"] == 0).all()
    assert results.loc[results["system"] == OURS, ["ccc", "mae", "rmse", "ci_low"]].notna().all(axis=None)
    for stage in ("corpus", "train", "baseline", "evaluate", "explain", "deploy"):
        said = BeautifulSoup((output / "reports/tones" / f"{stage}.html").read_text("utf-8"), "html.parser")
        for code in said.select("details"):
            code.decompose()
        words = said.get_text(" ")
        assert not re.search(r"\bUAR\b|\bnan\b|probabilities|per class|classes balanced|-0\.000", words), stage
    assert re.search(r"CCC −?\d\.\d{3}", (output / "reports/index.html").read_text("utf-8"))


@pytest.mark.slow
def test_exported_files_say_the_number_as_keras_does(gone_through):
    output = gone_through[2]
    folder = output / "artifacts/tones/deploy"
    table = pd.read_parquet(folder / "predictions.parquet").pivot(index="file", columns="model", values="predicted")
    assert np.abs(table["keras"] - table["float32"]).max() < 0.02
    model = LiteModel(folder / "float32.tflite")
    assert model.card.labels == ("value",) and "unit of the label" in model.card.about["task"]
    wave, _ = soundfile.read(output.parent / table.index[0], dtype="float32")
    assert model(wave[None, : model.card.samples])[0, 0] == pytest.approx(table["float32"].iloc[0], abs=1e-4)
    best = json.loads((output / "artifacts/tones/evaluate/record.json").read_text())["chosen"]
    fitted = pd.read_parquet(output / f"artifacts/tones/train/{best}/test/predictions.parquet")
    np.testing.assert_allclose(fitted.set_index("file")["predicted"].loc[table.index], table["keras"], atol=1e-3)


@pytest.mark.slow
def test_stages_for_classes_alone_refuse_numbers_in_a_sentence(gone_through):
    _, root, output, source = gone_through
    done = run(root, output, "--corpora", source, "--stages", "folds", *UNTRAINED)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "tones are numbers, and folds is for classes alone" in done.stderr
