"""The second paper: light networks, neighbours, their loss, and the stage graph on stand-ins."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import librosa
import matplotlib
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import recall_score
from sklearn.neighbors import NearestNeighbors

from dslite import audio
from dslite.corpora.readers import own_csv
from dslite.deployment import gate
from dslite.deployment.container import attach, read_graph
from dslite.deployment.conversion import card, convert
from dslite.deployment.quantisation import quantise
from dslite.deployment.runtime import LiteModel
from dslite.errors import DsliteError
from dslite.keras_defaults import keras, tf
from dslite.network import load_backbone
from dslite.stages.graph.conditions import BASE, CONDITIONS, SPEECH, effort, planned
from dslite.stages.graph.work import batch_uar
from dslite.transfer import fitting, light
from dslite.transfer.neighbours import FileGraph, nearest, rewired, unit

ROOT = Path(__file__).parents[1]

PUBLISHED = {"vgg15": 14_859_335, "resnet9": 4_960_583, "cnn6": 4_439_367, "mobilenet15": 674_695}
"""Parameters for seven classes, from the released code's layers."""

ZEROS, ONES = np.zeros(64), np.ones(64)


def small(after_relu: bool = True) -> keras.Model:
    """Without dropout, so that fits with neighbours and without draw the same."""
    model = light.network("mobilenet15", 3, 0, ZEROS, ONES, after_relu)
    (dropout,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Dropout))
    dropout.rate = 0.0
    return model


def spectra(count: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, 373, 64)).astype(np.float32)


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_have_the_published_numbers_of_parameters(name):
    model = light.network(name, 7, 0, ZEROS, ONES)
    assert model.count_params() == PUBLISHED[name]
    assert [tuple(output.shape) for output in model.outputs] == [(None, 256), (None, 7)]


def test_log_mel_is_that_of_librosa_and_short_files_are_repeated():
    samples = np.random.default_rng(0).standard_normal(30_000).astype(np.float32)
    wave, long = (audio.cut(x, light.SAMPLES, light.SAMPLES, light.SAMPLES)[0] for x in (samples, np.arange(200_000)))
    assert wave.shape == (light.SAMPLES,) and (wave[30_000:60_000] == samples).all()
    assert (long == np.arange(light.SAMPLES)).all()
    found = light.LogMel()(wave[None]).numpy()[0, ..., 0]
    mel = librosa.feature.melspectrogram(
        y=wave, sr=16_000, n_fft=512, hop_length=256, n_mels=64, center=False, fmin=0, fmax=8_000
    )
    assert found.shape == (373, 64)
    np.testing.assert_allclose(found, 10 * np.log10(np.maximum(mel.T, 1e-10)), atol=2e-3)


def test_what_goes_in_is_standardised_by_bin():
    frames = 5.0 + 3.0 * spectra(8)
    mean, variance = frames.mean(axis=(0, 1)), frames.var(axis=(0, 1))
    own, plain = (light.network("mobilenet15", 3, 0, *how) for how in ((mean, variance), (ZEROS, ONES)))
    scaled = (frames - mean) / np.sqrt(variance)
    for one, other in zip(own(frames[..., None]), plain(scaled[..., None]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_fc1_is_taken_before_or_after_its_relu():
    x = spectra(4)[..., None]
    before, after = (small(after_relu=how)(x)[0].numpy() for how in (False, True))
    assert (before < 0).any()
    np.testing.assert_allclose(np.maximum(before, 0), after, rtol=1e-5, atol=1e-6)


def test_normalisation_is_keras_own_and_neighbours_move_nothing():
    x = tf.constant(np.random.default_rng(0).normal(2, 3, (6, 5, 4, 8)).astype(np.float32))
    own, theirs = light.SampleNormalisation(), keras.layers.BatchNormalization()
    for layer in (own, theirs):
        layer.build(x.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 8))
        layer.beta.assign(np.linspace(-1, 1, 8))
    np.testing.assert_allclose(own(x, training=True), theirs(x, training=True), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(own.moving_mean, theirs.moving_mean, rtol=1e-4)
    np.testing.assert_allclose(own.moving_variance, theirs.moving_variance, rtol=2e-2)  # n / (n - 1) of 120 values
    own.borrows, moved = True, own.moving_mean.numpy()
    other = own(x[:2] + 7.0, training=True)
    assert (own.moving_mean.numpy() == moved).all()
    shifted = own.gamma.numpy() * 7.0 / np.sqrt(x.numpy().var(axis=(0, 1, 2)) + own.epsilon)
    own.borrows = False
    np.testing.assert_allclose(other, own(x, training=True)[:2] + shifted, rtol=2e-2, atol=2e-2)


def test_gradients_of_borrowed_statistics_are_those_of_the_formula():
    rng = np.random.default_rng(3)
    x, weights = (tf.constant(rng.normal(1, 2, (6, 5, 4, 8)), tf.float32) for _ in range(2))
    some = [tf.constant(rng.uniform(0.5, 2, 8), tf.float32) for _ in range(4)]

    def plain(x, scale, offset, mean, variance):
        return scale * (x - mean) / tf.sqrt(variance + 1e-3) + offset

    def gradients(normalised):
        with tf.GradientTape() as tape:
            tape.watch([x, *some])
            loss = tf.reduce_sum(weights * normalised(x, *some))
        return tape.gradient(loss, [x, *some])

    for found, expected in zip(gradients(light._by_statistics(1e-3)), gradients(plain), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_neighbour_loss_by_hand_and_by_the_formula():
    own, others = [[1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0], [5.0, 5.0]]
    by_hand = (0.5 * 1 + 1.0 * 0) / 2  # orthogonal, alike; the third has no weight
    for weights, expected in (([0.5, 1.0, 0.0], by_hand), ([0.0, 0.0, 0.0], 0.0)):
        found = fitting.neighbour_loss(*map(tf.constant, (own, others, [weights])))
        assert float(found) == pytest.approx(expected)
    rng = np.random.default_rng(0)
    a, b, w = (
        rng.normal(size=(5, 7)),
        rng.normal(size=(5, 3, 7)),
        rng.uniform(0, 1, (5, 3)) * rng.integers(0, 2, (5, 3)),
    )
    cosine = np.einsum("bd,bkd->bk", unit(a), b / np.linalg.norm(b, axis=2, keepdims=True))
    found = fitting.neighbour_loss(*(tf.constant(x, tf.float32) for x in (a, b.reshape(15, 7), w)))
    assert float(found) == pytest.approx((w * (1 - cosine)).sum() / (w > 0).sum(), rel=1e-5)


def test_neighbours_are_those_of_scikit_learn(monkeypatch):
    monkeypatch.setattr("dslite.transfer.neighbours.BLOCK", 7)
    vectors = np.abs(np.random.default_rng(0).normal(size=(50, 6)))
    graph = nearest(vectors, 4)
    distances, found = NearestNeighbors(n_neighbors=5, metric="cosine").fit(vectors).kneighbors(vectors)
    assert (graph.neighbours == found[:, 1:]).all()
    np.testing.assert_allclose(graph.weights, 1 - distances[:, 1:], rtol=1e-5)


def test_neighbours_of_very_many_files_are_sought_and_hardly_one_is_missed(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = np.maximum(rng.normal(size=(1500, 8)) @ rng.normal(size=(8, 64)), 0) + 1
    speakers, labels = rng.permuted(np.arange(1500) % 40), np.where(np.arange(1500) < 5, "rare", "other")
    limits = {"": {}, "speakers": {"apart": speakers}, "labels": {"alike": labels}}
    exact = {name: nearest(vectors, 9, **limit) for name, limit in limits.items()}
    monkeypatch.setattr("dslite.transfer.neighbours.LARGE", 1000)
    for name, limit in limits.items():
        found = nearest(vectors, 9, **limit)
        same = [len(set(a) & set(b)) / 9 for a, b in zip(exact[name].neighbours, found.neighbours, strict=True)]
        assert np.mean(same) > 0.99, name
        np.testing.assert_allclose(found.weights[:, 0], exact[name].weights[:, 0], atol=1e-6)
        assert (found.neighbours != np.arange(1500)[:, None])[found.weights > 0].all()
    assert (found.degree[:5] == 4).all() and (found.degree[5:] == 9).all(), "whose candidates are too few: exactly"
    assert (nearest(vectors, 9, **limit).neighbours == found.neighbours).all()


def test_threshold_speakers_and_labels_limit_neighbours():
    vectors = np.array([[1, 0], [1, 0.05], [1, 0.1], [0, 1], [0.05, 1.0], [-1.0, -1]])
    groups = np.array(["a", "a", "b", "b", "c", "d"], object)
    graph = nearest(vectors, 3, threshold=0.99)
    assert graph.degree.tolist() == [2, 2, 2, 1, 1, 0]
    assert all(graph.weights[graph.weights > 0] >= 0.99)
    assert graph.within(groups) == pytest.approx(2 / 8)
    apart, alike = nearest(vectors, 3, apart=groups), nearest(vectors, 3, alike=groups)
    assert apart.within(groups) == 0.0 and alike.within(groups) == 1.0
    assert alike.degree.tolist() == [1, 1, 1, 1, 0, 0]
    assert np.isnan(nearest(vectors, 3, threshold=1.1).within(groups))


def test_a_random_graph_has_the_same_degrees_and_no_edge_twice():
    vectors = np.random.default_rng(0).normal(size=(200, 3))
    graph = nearest(vectors, 5, threshold=0.995)
    assert len(set(graph.degree)) > 2
    drawn = rewired(graph, 0)
    (start, end), (_, before) = drawn.edges, graph.edges
    assert (drawn.degree == graph.degree).all() and (drawn.weights == graph.weights).all()
    assert (np.bincount(end, minlength=200) == np.bincount(before, minlength=200)).all()
    assert (start != end).all() and len({*zip(start, end, strict=True)}) == len(start)
    assert (end != before).mean() > 0.9
    assert (rewired(graph, 0).neighbours == drawn.neighbours).all()


def test_fits_repeat_and_a_graph_pulls_neighbours_together():
    x, labels = spectra(12), np.arange(12, dtype=np.int32) % 3
    rows = np.arange(12)
    pairs = FileGraph(np.array([[i ^ 1] for i in rows], np.int32), np.ones((12, 1), np.float32))

    def fitted(**more):
        model = small()
        how = fitting.Beside(epochs=3, batch=4, **{k: v for k, v in more.items() if k != "graph"})
        history = fitting.fit(model, x, labels, rows, how, 0, graph=more.get("graph"))
        return model, history

    (plain, alone), (again, same) = fitted(), fitted()
    assert alone.equals(same) and (alone["beside"] == 0).all()
    np.testing.assert_array_equal(fitting.probabilities(plain, x, rows), fitting.probabilities(again, x, rows))
    _, without = fitted(graph=pairs, alpha=0.0)
    np.testing.assert_allclose(without["loss"], alone["loss"], rtol=1e-4)
    for layer in (1, 2):
        _, without = fitted(graph=pairs, alpha=0.0, layer=layer)
        _, beside = fitted(graph=pairs, alpha=100.0, layer=layer)
        assert (beside["beside"] < [np.inf, *0.5 * without["beside"][1:]]).all()


def test_what_is_distilled_is_no_constant():
    """Embeddings that share a direction differ by little; that little is what ``fc1`` is to tell."""
    x, labels, rows = spectra(12), np.arange(12, dtype=np.int32) % 3, np.arange(12)
    embeddings = 10.0 + np.random.default_rng(0).standard_normal((12, 8))
    how = fitting.Beside(epochs=6, batch=4, alpha=10.0)
    beside = fitting.fit(small(), x, labels, rows, how, 0, embeddings=embeddings)["beside"]
    assert beside[0] > 0.4 and beside.iloc[-1] < 0.5 * beside[0]


def test_the_released_three_passes_move_statistics_by_neighbours_and_by_blanks():
    x, labels, far = spectra(8), np.zeros(8, np.int32), np.arange(4, dtype=np.int32)[:, None] + 4
    x[4:] += 50.0
    means = {}
    for name, passes, weight in (("two", 2, 1), ("three", 3, 1), ("three, none there", 3, 0)):
        model = small()
        norm = next(layer for layer in model.layers if isinstance(layer, light.SampleNormalisation))
        graph = FileGraph(np.concatenate([far, far - 4]) * weight, np.full((8, 1), weight, np.float32))
        how = fitting.Beside(epochs=1, batch=8, passes=passes, rate=0.0)
        fitting.fit(model, x, labels, np.arange(8), how, 0, graph=graph)
        means[name] = np.abs(norm.moving_mean.numpy()).mean()
    # Two: the batch's own mean. Three: each moves it by 1 %; a blank one is 0, and pulls it back.
    assert means["three"] == pytest.approx(means["two"] * (1 - 0.99**3), rel=0.01)
    assert means["three, none there"] == pytest.approx(means["two"] * (1 - 0.99**2) * 0.99, rel=0.01)


def test_a_fit_of_few_steps_knows_what_it_has_learnt():
    """Its statistics are those by its final weights, as if all its files went through it as one batch."""
    x, labels, rows = spectra(24), np.arange(24, dtype=np.int32) % 3, np.arange(20)
    x[labels == 1] += 5.0
    x[labels == 2, :, :32] -= 5.0
    model = small()
    fitting.fit(model, x, labels, rows, fitting.Beside(epochs=4, batch=8), 0)
    assert (fitting.probabilities(model, x, rows).argmax(axis=1) == labels[rows]).mean() > 0.8
    norms = [layer for layer in model.layers if isinstance(layer, light.SampleNormalisation)]
    for at, norm in ((0, norms[0]), (-1, norms[-1])):
        seen = keras.Model(model.input, norm.input)(x[rows][..., None], training=True).numpy()
        rtol = 1e-4 if at == 0 else 0.1  # later ones see what batches of 8 and 4 were normalised by
        np.testing.assert_allclose(norm.moving_mean, seen.mean(axis=(0, 1, 2)), rtol=rtol, atol=rtol)
        assert norm.momentum == fitting.MOMENTUM


def test_neighbours_do_not_push_at_the_length_of_a_kernel():
    """What comes before a batch normalisation may be scaled without any effect, so the gradient along it is 0."""
    x = tf.constant(np.random.default_rng(0).normal(2, 3, (4, 9, 9, 2)).astype(np.float32))
    beside, scale = x[::-1] + 1.0, tf.Variable(1.0)
    norm = light.SampleNormalisation()
    norm.build(x.shape)
    with tf.GradientTape() as tape:
        norm.borrows = False
        own = norm(scale * x, training=True)
        norm.borrows = True
        loss = tf.reduce_sum(tf.square(own - norm(scale * beside, training=True)))
    assert abs(float(tape.gradient(loss, scale))) < 1e-3 * float(loss)


def test_batch_uar_is_the_mean_of_recalls_over_whole_batches():
    labels = np.array(list("aabbccdd" * 5))[:39]
    said = np.where(np.random.default_rng(0).random(39) < 0.5, labels, "a")
    classes = ("a", "b", "c", "d", "e")
    expected = np.mean([
        recall_score(labels[at : at + 16], said[at : at + 16], labels=classes, average="macro", zero_division=0)
        for at in (0, 16)
    ])  # fmt: skip
    table = pd.DataFrame({"label": labels, "predicted": said})
    assert batch_uar(table, classes) == pytest.approx(100 * expected)
    assert np.isnan(batch_uar(table[:10], classes))


def base_model() -> keras.Model:
    return light.network(BASE, 3, 0, ZEROS, 4 * ONES, base=load_backbone("squeezenet_v1"))


def test_a_base_model_sees_the_standardised_spectrogram_as_a_plot():
    x, model = 2.0 * spectra(2), base_model()
    seen = keras.Model(model.input, model.get_layer("picture").output)(x[..., None]).numpy()
    for one, picture in zip(x / 2.0, seen, strict=True):
        level = (one - one.min()) / (one.max() - one.min())
        colours = 255 * matplotlib.colormaps["viridis"](level.T[::-1])[..., :3]
        np.testing.assert_allclose(picture, tf.image.resize(colours, (224, 224)), atol=2.0)


@pytest.mark.parametrize("of", [small, base_model])
def test_files_run_from_the_waveform_and_their_front_end_is_not_quantised(of):
    model = light.assemble(of())
    waves = np.random.default_rng(0).normal(0, 0.1, (4, light.SAMPLES)).astype(np.float32)
    content = convert(model, light.SAMPLES)
    for variant, tolerance in (("float32", 1e-4), ("int8", 0.1)):
        made = attach(quantise(content, variant, waves), card(model, ("a", "b", "c"), light.SAMPLES, variant, {}))
        assert gate.structure(made, variant, model.count_params(), light.SAMPLES, 3) == []
        assert len(read_graph(made).front_end) > 5
        np.testing.assert_allclose(LiteModel(made)(waves), model(waves), atol=tolerance)


def test_the_program_that_splits_demos_as_the_second_paper_does(tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/graph.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "wav").mkdir()
    numbers = [n for n in range(1, 70) if n != 35]  # as in the corpus
    for number in numbers:
        gender = "f" if number % 3 == 0 else "m"
        for code in ("col07b", "tri01", "neu02"):
            name = f"wav/NP_{gender}_{number:02d}_{code}.wav"
            soundfile.write(tmp_path / name, np.full(1600, number / 100), 16_000)
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, check=True)
    _, clips, _ = own_csv.entries(tmp_path / "demos_nsl.csv")
    assert {clip.label for clip in clips} == {"guilt", "sadness"} and len(clips) == 2 * 68
    found = Counter((clip.speaker[0], clip.partition) for clip in {clip.speaker: clip for clip in clips}.values())
    assert found == Counter({("f", "train"): 9, ("f", "dev"): 7, ("f", "test"): 7,
                             ("m", "train"): 18, ("m", "dev"): 18, ("m", "test"): 9})  # fmt: skip
    for file in tmp_path.glob("wav/*_f_03_*"):
        file.unlink()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "has 22 speakers of gender f; DEMoS has 23" in done.stderr


def test_what_is_planned():
    whole = effort("full")
    fits = list(planned(whole, [1, 2, 3], CONDITIONS))
    assert len(fits) == len({fit.folder for fit in fits}) == 2 * len(CONDITIONS) * (3 + 1) + 3 * 2 * 2
    assert {fit.seed for fit in fits if fit.target == "dev"} == {1}, "nothing is chosen by the others"
    assert {fit.epochs for fit in fits if fit.network == "vgg15"} == {10}
    assert [f.condition for f in planned(whole, [1], [SPEECH]) if f.network == "vgg15"] == [SPEECH] * 2
    few = effort("full", "vgg15 cnn6 cnn6", 4)
    assert {(fit.network, fit.epochs) for fit in planned(few, [1], CONDITIONS)} == {("cnn6", 4), ("vgg15", 4)}
    assert few.networks[0] == "cnn6", "the smallest is what k is chosen with"
    with pytest.raises(DsliteError, match="no light network vgg; there are: mobilenet15"):
        effort("demo", "vgg")
    chosen = {fit.condition: (c.k, c.alpha, c.layer) for fit in fits for c in [fit.chosen(6, 0.5, 2)]}
    assert chosen[SPEECH] == chosen["source, fine-tuned"] == (0, 0.0, 1)
    assert chosen["embedding distilled"] == (0, 0.5, 1) and chosen["random graph"] == (6, 0.5, 2)
