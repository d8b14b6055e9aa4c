"""One file from waveform to probabilities: what it holds, what the gate refuses, how it is measured."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile
import tensorflow as tf

from dslite import audio
from dslite.deployment import LiteModel, gate, latency, read_card
from dslite.deployment import offer as offering
from dslite.deployment.container import Card, attach, cut
from dslite.deployment.conversion import convert, saved_sizes
from dslite.deployment.quantisation import VARIANTS, quantise
from dslite.deployment.runtime import runner
from dslite.errors import DsliteError
from dslite.front_end import FrontEnd
from dslite.model import Head, assemble
from dslite.network import Backbone, load_backbone, macs
from dslite.spectrogram import MelPlot
from dslite.stages.benchmark import costs as table5
from dslite.statistics import compare, pairs
from tests.through import Decoded

RATE, SAMPLES = 16_000, 8_000
CLASSES = ("low", "high", "noise")


def tiny_model(seed=0, front_end=None, head=None):
    keras.utils.set_random_seed(seed)
    picture = keras.Input((224, 224, 3))
    x = keras.layers.Conv2D(8, 5, strides=8, padding="same", activation="relu")(picture)
    x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(16, 1)(x)
    net = keras.Model(picture, x, name="tiny")
    backbone = Backbone("tiny", net, (1 / 127.5,) * 3, (-1.0,) * 3, "random", "")
    return assemble(MelPlot(front_end, name="plot"), backbone, head or Head(32, len(CLASSES), 0.0, name="head"))


def wave(label, length, rng):
    time = np.arange(length) / RATE
    if label == "noise":
        return 0.2 * rng.standard_normal(length).astype(np.float32)
    hertz = {"low": 300, "high": 3000}[label] * rng.uniform(0.8, 1.2)
    return (0.5 * np.sin(2 * np.pi * hertz * time) + 0.01 * rng.standard_normal(length)).astype(np.float32)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder of clips, one of them shorter than a chunk, and their table."""
    folder, rows = tmp_path_factory.mktemp("audio"), []
    rng = np.random.default_rng(0)
    for part in ("train", "dev", "test"):
        for number in range(9):
            label, file = CLASSES[number % 3], f"{part}_{number}.wav"
            length = 3_000 if number == 4 else int(rng.integers(8_000, 20_000))
            soundfile.write(folder / file, wave(label, length, rng), RATE, subtype="FLOAT")
            rows.append((file, f"s{number}", label, part))
    return folder, pd.DataFrame(rows, columns=["file", "speaker", "label", "partition"])


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def float32(model):
    return convert(model, SAMPLES)


@pytest.fixture(scope="module")
def offered(model, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deploy")
    waves = Decoded(corpus[0])
    return folder, offering.offer(model, CLASSES, SAMPLES, corpus[1], waves, folder, {"corpus": "toy"}, seed=0)


def chunks_of(rng, count=6):
    return np.stack([wave(CLASSES[i % 3], SAMPLES, rng) for i in range(count)])


FIRST = """
import os, sys, threading
from pathlib import Path
from dslite.deployment.runtime import runner
threads = [threading.Thread(target=runner, args=(Path(sys.argv[1]), 1)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os.write(2, b"the end")
"""


@pytest.mark.parametrize("level, told", [("3", False), ("0", True)])
def test_nobody_is_told_of_xnnpack_and_other_words_pass(float32, tmp_path, level, told):
    """A process of its own: LiteRT says it once in each."""
    (tmp_path / "model.tflite").write_bytes(float32)
    env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": level, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", FIRST, tmp_path / "model.tflite"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    assert ("XNNPACK" in done.stderr) == told and done.stderr.endswith("the end")
    assert told or done.stderr == "the end"


def test_every_variant_is_offered_with_its_figures(offered):
    folder, result = offered
    table = result.table.set_index("model")
    assert list(table.index) == ["keras", *VARIANTS]
    assert sorted(f.stem for f in folder.iterdir()) == sorted(VARIANTS)
    assert table.loc[list(VARIANTS), "offered"].all() and not table.loc["keras", "offered"]
    assert (table.loc[list(VARIANTS), "bytes"] == [(folder / f"{v}.tflite").stat().st_size for v in VARIANTS]).all()
    assert (table.loc["float32", ["agreement", "uar"]] == [100.0, table.loc["keras", "uar"]]).all()
    assert (table.loc["float32", ["flipped", "lost"]] == 0).all()
    assert (table["ci_low"] <= table["uar"]).all() and (table["uar"] <= table["ci_high"]).all()
    assert (table["n_files"] == 9).all()
    assert set(result.predictions["model"]) == {"keras", *VARIANTS} and len(result.predictions) == 9 * 5


@pytest.mark.parametrize(("variant", "off"), [("float32", 1e-4), ("int8", 0.1)])
def test_a_linear_head_on_standardised_features_becomes_a_file(variant, off):
    head, rng = Head(0, len(CLASSES), 0.4, standardise=True, name="head"), np.random.default_rng(3)
    model = tiny_model(head=head)
    chunks = chunks_of(rng, 12)
    pooled = keras.Model(model.input, model.get_layer("pool").output)(chunks)
    head.scale_to(pooled.numpy())
    made = runner(quantise(convert(model, SAMPLES), variant, chunks), 1)
    ours, keras_own = np.concatenate([made(chunk[None]) for chunk in chunks]), model(chunks).numpy()
    assert np.ptp(keras_own, axis=0).min() > 0.1, "or there is nothing to be seen"
    np.testing.assert_allclose(ours, keras_own, atol=off)


def test_the_file_alone_equals_the_pipeline(offered, corpus, model):
    folder = offered[0]
    for number in (3, 4):  # a long clip and one that is shorter than a chunk
        samples = audio.load(corpus[0] / f"test_{number}.wav", RATE)
        chunks = audio.cut(samples, SAMPLES, SAMPLES // 2, SAMPLES)
        ours = LiteModel(folder / "float32.tflite")(chunks)
        np.testing.assert_allclose(ours, model(chunks), atol=1e-4)
    found = offered[1].predictions.query("model == 'float32' and file == 'test_3.wav'")
    whole = audio.cut(audio.load(corpus[0] / "test_3.wav", RATE), SAMPLES, SAMPLES // 2, SAMPLES)
    mean = np.mean(model(whole), axis=0)
    np.testing.assert_allclose(found[[f"p_{c}" for c in CLASSES]].to_numpy()[0], mean, atol=1e-4)


def test_running_a_file_needs_no_tensorflow(offered):
    program = (
        "import sys, numpy as np; from dslite.deployment import LiteModel; "
        "m = LiteModel(sys.argv[1]); print(m(np.ones((1, m.card.samples), np.float32)).shape); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    file = offered[0] / "int8.tflite"
    done = subprocess.run([sys.executable, "-c", program, file], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 3)"


def test_the_card_comes_back_from_the_file(offered, model):
    for variant in VARIANTS:
        card = read_card((offered[0] / f"{variant}.tflite").read_bytes())
        assert (card.labels, card.samples, card.rate, card.variant) == (CLASSES, SAMPLES, RATE, variant)
        assert MelPlot(card.front_end).parameters == model.get_layer("plot").parameters
        assert card.about == {"corpus": "toy"}


def test_a_new_card_replaces_the_old(float32):
    cards = [Card((label,), SAMPLES, RATE, "float32", {}) for label in ("old", "newer")]
    twice = attach(attach(float32, cards[0]), cards[1])
    assert read_card(twice) == cards[1]


def test_files_without_card_are_refused_by_name(float32, tmp_path):
    (tmp_path / "bare.tflite").write_bytes(float32)
    (tmp_path / "text.tflite").write_text("no model at all")
    for name in ("bare.tflite", "text.tflite", "missing.tflite"):
        with pytest.raises(DsliteError, match=name):
            LiteModel(tmp_path / name)


def test_broken_model_is_neither_offered_nor_left(corpus, model, tmp_path, monkeypatch):
    broken = tiny_model()
    broken.get_layer("tiny").layers[1].bias.assign([np.nan] * 8)
    stale = tmp_path / "float32.tflite"
    stale.write_bytes(b"of an earlier run")
    monkeypatch.setattr(offering, "convert", lambda _, samples: convert(broken, samples))
    result = offering.offer(model, CLASSES, SAMPLES, corpus[1], Decoded(corpus[0]), tmp_path, {}, seed=0)
    table = result.table.set_index("model")
    assert not table["offered"].any() and not list(tmp_path.iterdir()) and not stale.exists()
    assert "not finite" in table.loc["float32", "reason"] and "float32, which failed" in table.loc["int8", "reason"]
    assert table.loc[list(VARIANTS), "uar"].isna().all() and table.loc["keras", "uar"] > 0


def test_a_scale_of_nan_is_found_and_ends_no_process_but_its_own(float32):
    broken = tiny_model()
    broken.get_layer("tiny").layers[1].bias.assign([np.nan] * 8)
    made = quantise(convert(broken, SAMPLES), "int8", chunks_of(np.random.default_rng(0)))
    reasons = gate.structure(made, "int8", broken.count_params(), SAMPLES, len(CLASSES))
    assert any("not finite" in reason for reason in reasons)
    carried = attach(made, Card(CLASSES, SAMPLES, RATE, "int8", {}))
    whole = attach(float32, Card(CLASSES, SAMPLES, RATE, "float32", {}))
    with gate.apart(chunks_of(np.random.default_rng(0))) as probe:
        assert probe(whole) == []
        assert "ends the process" in probe(carried)[0]
        assert probe(whole) == [], "those before and after it are not to blame"
        assert "no labels" in probe(float32)[0], "what the process says last is told"


def test_front_end_that_breaks_on_silence_is_caught():
    floorless = tiny_model(front_end=FrontEnd(floor=0.0))
    content = attach(convert(floorless, SAMPLES), Card(CLASSES, SAMPLES, RATE, "float32", {}))
    rng = np.random.default_rng(0)
    reasons = gate.behaviour(LiteModel(content), chunks_of(rng))
    assert reasons and all("silence" in reason or "constant" in reason for reason in reasons)


def test_other_weights_than_keras_are_noticed(corpus, model, tmp_path, monkeypatch):
    monkeypatch.setattr(offering, "convert", lambda _, samples: convert(tiny_model(seed=9), samples))
    table = offering.offer(model, CLASSES, SAMPLES, corpus[1], Decoded(corpus[0]), tmp_path, {}, seed=0).table
    table = table.set_index("model")
    assert "differ from Keras'" in table.loc["float32", "reason"] and not (tmp_path / "float32.tflite").exists()
    assert (table.loc[list(VARIANTS), "difference"] > gate.SAME_NETWORK).all()
    assert np.isfinite(table.loc["float32", "uar"])


@pytest.mark.parametrize("types", [[], [tf.float16]])
def test_quantised_front_end_is_refused(model, types):
    # TensorFlow's own switches act on the whole graph, Mel matrix and colours included.
    function = tf.function(lambda wave: model(wave, training=False), input_signature=[tf.TensorSpec([1, SAMPLES])])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.optimizations, converter.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], types
    reasons = gate.structure(converter.convert(), "dynamic-int8", model.count_params(), SAMPLES, len(CLASSES))
    assert any("front end is quantised" in reason for reason in reasons)


def test_our_variants_leave_the_front_end_alone(model, float32):
    chunks = chunks_of(np.random.default_rng(1))
    for variant in VARIANTS:
        made = quantise(float32, variant, chunks)
        assert gate.structure(made, variant, model.count_params(), SAMPLES, len(CLASSES)) == []
        picture, of_float = (runner(cut(x)[0], 1)(chunks[:1]) for x in (made, float32))
        np.testing.assert_array_equal(picture, of_float)


def test_a_head_that_standardises_says_the_same_in_every_variant():
    """A feature that is nearly constant in training is scaled by 10^5 and more; seen on real audio."""
    keras.utils.set_random_seed(0)  # of the head's weights
    head = Head(0, len(CLASSES), 0.0, standardise=True, name="head")
    model, chunks = tiny_model(head=head), chunks_of(np.random.default_rng(1))
    pooled = keras.Model(model.input, model.get_layer("pool").output)
    last = model.get_layer("tiny").layers[-1]
    kernel, bias = last.get_weights()
    kernel[..., 0] *= 2e-6 / pooled(chunks).numpy()[:, 0].std()
    last.set_weights([kernel, bias])
    head.scale_to(pooled(chunks).numpy())
    assert head.factor.numpy().max() > 1e5
    made = offering.make(model, CLASSES, SAMPLES, chunks, chunks, {}, seed=0)
    said = offering.keras_classifier(model)(chunks)
    for variant, content in made.contents.items():
        assert made.wrong[variant] == []
        found = LiteModel(content)(chunks)
        assert np.corrcoef(found.ravel(), said.ravel())[0, 1] > 0.9 and np.abs(found - said).max() < 0.4, variant
    assert np.ptp(said, axis=0).max() > 0.2, "else all files would say the same anyway"


def test_operators_that_are_not_built_in_are_refused(model):
    function = tf.function(
        lambda wave: model(wave, training=False) + 0.0 * tf.math.sinh(wave[:, : len(CLASSES)]),
        input_signature=[tf.TensorSpec([1, SAMPLES])],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    reasons = gate.structure(converter.convert(), "float32", model.count_params(), SAMPLES, len(CLASSES))
    assert len(reasons) == 1 and "Flex" in reasons[0]


def test_implausible_size_and_wrong_shapes_are_refused(model, float32):
    small = gate.structure(float32, "float32", 10_000_000, SAMPLES, len(CLASSES))
    assert len(small) == 1 and "MB" in small[0]
    reasons = gate.structure(float32, "float32", model.count_params(), SAMPLES + 1, len(CLASSES) + 1)
    assert [r.split(" is not")[0] for r in reasons] == ["the input", "the output"]


def test_a_tie_is_no_disagreement():
    one = pd.DataFrame({"file": list("wxyz"), "label": list("abab"), "predicted": ["a", "b", "a", "a"],
                        "p_a": [0.9, 0.2, 0.7, 0.501], "p_b": [0.1, 0.8, 0.3, 0.499]})  # fmt: skip
    other = one.assign(predicted=["a", "b", "b", "b"], p_a=[0.9, 0.2, 0.45, 0.499], p_b=[0.1, 0.8, 0.55, 0.501])
    found = gate.agreement(one, other, noise=0.0011)
    assert list(found["same"]) == [True, True, False, True] and list(gate.agreement(one, other)["same"]) == [
        True, True, False, False,
    ]  # fmt: skip
    np.testing.assert_allclose(found["difference"], [0, 0, 0.25, 0.002])
    np.testing.assert_allclose(found["lead"], [0.8, 0.6, 0.4, 0.002])


def test_a_variant_is_refused_for_what_it_is_shown_to_lose():
    def verdict(variant, wrong, files, difference=0.0):
        """Keras decides all files rightly, the variant all but the first ``wrong`` of each class."""
        label = np.repeat(["a", "b"], files // 2)
        right = pd.DataFrame({"file": [f"{i:04d}" for i in range(files)], "label": label, "predicted": label,
                              "speaker": "", "padded": False, "p_a": label == "a", "p_b": label == "b"})  # fmt: skip
        right = right.astype({"p_a": float, "p_b": float})
        other = right.assign(p_a=right["p_a"] + difference)
        flipped = np.arange(files) % (files // 2) < wrong
        other["predicted"] = np.where(flipped, np.where(label == "a", "b", "a"), label)
        lost = pairs(compare({"keras": right, "variant": other}, ["a", "b"], "all", "file"), 0).iloc[0]
        return gate.disagreement(variant, gate.agreement(right, other), lost)

    assert not verdict("float16", 1, 40), "2 of 40 files could be chance"
    assert not verdict("float32", 1, 176, 0.0013), "a flip is no reason by itself"
    assert "points below" in verdict("int8", 5, 40)[0] and "points below" in verdict("float16", 20, 400)[0]
    assert "above 0.01" in verdict("float32", 0, 40, 0.02)[0] and not verdict("float16", 0, 40, 0.02)
    assert verdict("float32", 0, 40, float("nan"))


def test_the_two_parts_make_the_whole(float32):
    chunk = chunks_of(np.random.default_rng(2), 1)
    front_end, cnn = (runner(part, 1) for part in cut(float32))
    picture = front_end(chunk)
    assert picture.shape == (1, 224, 224, 3)
    np.testing.assert_allclose(cnn(picture), runner(float32, 1)(chunk), atol=1e-6)


def test_multiply_accumulates_by_hand(model):
    plane = 28 * 28
    by_hand = plane * 8 * 5 * 5 * 3 + plane * 8 * 3 * 3 + plane * 16 * 8 + 16 * 32 + 32 * len(CLASSES)
    assert macs(model) == by_hand


def test_multiply_accumulates_of_densenet():
    net = load_backbone("densenet121").model
    assert macs(net) == pytest.approx(2.833e9, rel=1e-3)


def test_separable_convolutions_are_counted():
    picture = keras.Input((8, 8, 3))
    net = keras.Model(picture, keras.layers.SeparableConv2D(5, 3, strides=2, padding="same")(picture))
    assert macs(net) == 4 * 4 * (3 * 3 * 3 + 3 * 5)


def test_optimiser_state_is_two_values_per_trained_weight():
    fresh = tiny_model()
    trained = fresh.get_layer("head").trainable_variables
    sizes = saved_sizes(fresh, trained)
    extra = 2 * 4 * sum(int(np.prod(v.shape)) for v in trained)
    assert sizes["with"] - sizes["without"] == pytest.approx(extra, abs=30_000)
    assert sizes["with"] - sizes["without"] > extra


def test_latency_figures_by_hand():
    rows = [("float32", "whole", 1, i, ms) for i, ms in enumerate([10.0, 20.0, 30.0])]
    rows += [("float32 again", "whole", 1, i, ms) for i, ms in enumerate([11.0, 20.0, 24.0])]
    rows += [("int8", "whole", 1, i, ms) for i, ms in enumerate([5.0, 10.0, 60.0])]
    timings = pd.DataFrame(rows, columns=["model", "part", "threads", "round", "ms"])
    first = latency.summary(timings).iloc[0]
    assert (first["p10_ms"], first["p50_ms"], first["p90_ms"]) == pytest.approx((12.0, 20.0, 28.0))
    assert latency.noise_floor(timings) == pytest.approx(0.1)
    assert latency.ratio(timings, ("int8", "whole"), ("float32", "whole"), 1) == pytest.approx(0.5)


def test_a_timer_that_is_not_told_to_time_leaves_no_process(tmp_path, monkeypatch):
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: started.append(popen(*args, **more)) or started[-1])
    with latency.timer(tmp_path, SAMPLES, 1):
        assert started[0].poll() is None
    with pytest.raises(KeyError), latency.timer(tmp_path, SAMPLES, 1):
        raise KeyError
    assert len(started) == 2 and all(process.returncode is not None for process in started)


def test_a_timer_ends_quietly_when_whoever_started_it_is_gone(tmp_path):
    command = [sys.executable, "-m", "dslite.deployment.latency", tmp_path, str(SAMPLES), "1", "2"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("ready\n", "")


def test_a_timer_that_fails_says_why(tmp_path):
    (tmp_path / "float32.tflite").write_text("no model at all")
    with pytest.raises(RuntimeError, match="not a valid Flatbuffer"):
        latency.measure(tmp_path, SAMPLES, 1)
    missing = tmp_path / "missing.keras"
    with latency.timer(tmp_path, SAMPLES, 1, missing) as times, pytest.raises(RuntimeError, match="missing.keras"):
        times()


@pytest.fixture
def steps(monkeypatch):
    """What :func:`table5.begun` has its processes do, in order; each takes a while and does nothing."""
    done = []

    def step(name):
        done.append(f"{name} begins")
        time.sleep(0.1)
        done.append(f"{name} ends")

    @contextmanager
    def timer(folder, samples, threads, keras_file, rounds):
        def times():
            step(f"timing {threads}")
            models = ["keras", "float32", "float32 again"]
            return pd.DataFrame({"model": models, "part": "whole", "threads": threads, "round": 0, "ms": 6 / threads})

        step(f"set-up {threads}")
        try:
            yield times
        finally:
            done.append(f"end of {threads}")

    def peak_memory(file, samples, threads):
        step(file.name)
        return {"peak_mb": 2.0, "model_mb": 1.0}

    monkeypatch.setattr(latency, "timer", timer)
    monkeypatch.setattr("dslite.deployment.memory.peak_memory", peak_memory)
    return done


def test_nothing_runs_beside_a_timing(steps, tmp_path):
    with table5.begun(tmp_path / "model.keras", tmp_path, SAMPLES, [1, 2]) as measure:
        (tmp_path / "float32.tflite").write_bytes(b"12345")
        table, timings = measure(tiny_model(), 2, lambda doing: steps.append(doing))
    told = ["memory, each model in a process of its own", "timing with 1 thread", "timing with 2 threads"]
    assert [step for step in steps if step in told] == told
    order = ["set-up 1", "set-up 2", "model.keras", "float32.tflite", "timing 1", "timing 2"]
    assert [step for step in steps if step not in told] == [
        *(f"{name} {what}" for name in order for what in ("begins", "ends")), "end of 2", "end of 1"
    ]  # fmt: skip
    assert steps.index(told[1]) < steps.index("timing 1 begins") < steps.index(told[2])
    assert table.set_index(["model", "threads"])["speed_up"].unstack().to_numpy().tolist() == [[1.0, 2.0]] * 3
    assert table.query("model == 'float32'")["bytes"].tolist() == [5, 5] and len(timings) == 6


def test_what_was_begun_ends_if_the_variants_cannot_be_made(steps, tmp_path):
    with pytest.raises(KeyError), table5.begun(tmp_path / "model.keras", tmp_path, SAMPLES, [1, 2, 3, 4]):
        while "set-up 1 ends" not in steps:
            time.sleep(0.01)
        raise KeyError
    ready = [step.split()[1] for step in steps if step.startswith("set-up") and step.endswith("ends")]
    assert ready and sorted(steps[-len(ready) :]) == [f"end of {number}" for number in ready]


def test_table5_names_every_candidate_and_cost(offered, tmp_path):
    model, folder, rounds = tiny_model(), tmp_path / "later", 5
    model.save(tmp_path / "model.keras")
    with table5.begun(tmp_path / "model.keras", folder, SAMPLES, [1], rounds) as measure:
        shutil.copytree(offered[0], folder)
        table, timings = measure(model, 2)
    counts = timings.groupby(["model", "part"]).size()
    expected = {(v, part) for v in VARIANTS for part in ("whole", "front end", "cnn")}
    assert set(counts.index) == expected | {("keras", "whole"), ("keras", "front end"), ("float32 again", "whole")}
    assert (counts == rounds).all() and (timings["ms"] > 0).all() and len(table) == len(counts)
    whole = table[table["part"] == "whole"].set_index("model").drop(index="float32 again")
    assert (whole["parameters"] == model.count_params()).all() and (whole["macs"] == macs(model)).all()
    assert whole.loc["int8", "bytes"] == (offered[0] / "int8.tflite").stat().st_size
    assert whole.loc["keras", "bytes_with_optimiser"] > whole.loc["keras", "bytes"]
    assert (whole["model_mb"] < whole["peak_mb"]).all() and (whole["peak_mb"].drop("keras") < 500).all()
    assert (table["speed_up"] == 1).all() and table["noise"].nunique() == 1


def test_the_benchmark_measures(monkeypatch, capsys):
    from benchmarks import deployment

    monkeypatch.setattr(deployment, "untrained", lambda name, seed: tiny_model(seed))
    monkeypatch.setattr(deployment, "CLASSES", CLASSES)
    monkeypatch.setattr(deployment, "ROUNDS", 2)
    deployment.main()
    said = capsys.readouterr().out
    assert said.count("limit") == 4 and "noise floor" in said
