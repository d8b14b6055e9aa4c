"""A cue that is planted: a class is one sound at a known time and frequency, and the maps have to find it.

The third class has neither sound: with two, a network could look at one place alone and tell both classes by it.
"""

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dslite.explanation.baselines import PLOTS, silence, training_mean
from dslite.explanation.evidence import band_edges_hz
from dslite.explanation.explainers import gradients, partition
from dslite.explanation.regions import BANDS, SPANS, Regions
from dslite.explanation.view import View
from dslite.front_end import FrontEnd
from dslite.model import Head, assemble
from dslite.network import Backbone
from dslite.spectrogram import MelPlot

RATE, SECONDS = 16_000, 2.0
CUES = {"burst": ((0.5, 0.8), (2500.0, 4500.0)), "tone": ((1.25, 1.5), (500.0, 1000.0))}
"""Class -> when (s) and where (Hz) its sound is; everywhere else all clips are noise alike."""

NAMES = [*CUES, "neither"]


def clip(label: str, rng: np.random.Generator) -> np.ndarray:
    """Noise, and within it the sound of a class: float32 (samples,).

    A click, louder than all else, opens every clip: plots are scaled by their maximum, and a cue that set it would show
    everywhere. The noise is of any loudness, down to none that shows, so that nothing but the cue tells the classes
    apart, with or without what surrounds it.
    """
    t = np.arange(int(RATE * SECONDS)) / RATE
    wave = 0.04 * 10 ** rng.uniform(-3, 0) * rng.standard_normal(t.size)
    if label in CUES:
        (start, end), (low, high) = CUES[label]
        hz = np.fft.rfftfreq(t.size, 1 / RATE)
        sound = np.fft.irfft(np.fft.rfft(rng.standard_normal(t.size)) * ((hz >= low) & (hz < high)), t.size)
        wave += 0.15 * sound / sound.std() * ((t >= start) & (t < end))
    wave[800:832] += 10 * rng.choice([-1, 1], 32)
    return wave.astype(np.float32)


@pytest.fixture(scope="module")
def solved():
    """A small network that tells the classes apart, its training plots, and plots that it has never seen."""
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    plot = MelPlot(FrontEnd(size=64), name="plot")
    labels = np.arange(150) % 3
    waves = np.stack([clip(NAMES[label], rng) for label in labels])
    inputs = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(8, 5, strides=2, activation="relu")(inputs)
    x = keras.layers.Conv2D(16, 5, strides=2, activation="relu")(x)
    body = keras.Model(inputs, keras.layers.Conv2D(16, 3, activation="relu")(x))
    backbone = Backbone("small", body, (1 / 127.5,) * 3, (-1.0,) * 3, "random", "test")
    model = assemble(plot, backbone, Head(16, 3, 0.0, name="head"))
    levels = plot.quantise(waves).numpy()
    pictures = plot.paint(levels).numpy()
    body.trainable = True
    behind = keras.Model(plot.output, model.output)
    behind.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    # Silence has neither sound too. Left untaught, it may be decided for a class, which then has nothing to explain.
    silent = np.repeat(plot.paint(np.broadcast_to(silence(128), levels[:1].shape)).numpy(), 12, axis=0)
    taught, answers = np.concatenate([pictures[:120], silent]), np.r_[labels[:120], [2] * len(silent)]
    behind.fit(taught, answers, epochs=20, batch_size=16, verbose=0)
    assert behind.evaluate(pictures[120:], labels[120:], verbose=0)[1] > 0.95, "only what solves it is worth explaining"
    right = (labels < 2) & (behind.predict(pictures, verbose=0).argmax(axis=1) == labels)
    unseen = np.flatnonzero(right)[np.flatnonzero(right) >= 120][:8]
    return View.of(model), levels[:120], levels[unseen], labels[unseen]


def region_truth(label: int) -> tuple[np.ndarray, np.ndarray]:
    """Bool (bands, spans): regions that the cue of a class fills by half at least, and those that no cue touches."""
    edges_hz, edges_s = band_edges_hz(FrontEnd()), np.linspace(0, SECONDS, SPANS + 1)

    def share(edges, low, high):
        return np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) / np.diff(edges)

    filled = [share(edges_hz, *hz)[:, None] * share(edges_s, *s)[None] for s, hz in CUES.values()]
    return filled[label] >= 0.5, np.max(filled, axis=0) == 0


@pytest.fixture(scope="module", params=["silence", "training mean", "training plots"])
def baseline(request, solved):
    _, learnt, _, _ = solved
    return {
        "silence": lambda: silence(128),
        "training mean": lambda: training_mean([learnt]),
        "training plots": lambda: learnt[:PLOTS],
    }[request.param]()


def area(values: np.ndarray, label: int) -> float:
    """Area under the ROC curve of a map (bands, spans) as a detector of its class' cue."""
    there, nowhere = region_truth(label)
    judged = there | nowhere
    return roc_auc_score(there[judged], values[judged])


def test_the_truth_is_a_small_part_of_the_grid():
    for label in (0, 1):
        there, nowhere = region_truth(label)
        assert 5 < there.sum() < 0.1 * BANDS * SPANS and nowhere.sum() > 0.8 * BANDS * SPANS


def test_maps_find_the_planted_cue_behind_every_baseline(solved, baseline):
    view, _, unseen, labels = solved
    found = []
    for levels, label in zip(unseen, labels, strict=True):
        evaluations = 500 if len(baseline) == 1 else 750 // len(baseline)
        explained = partition(view.probabilities, levels, baseline, evaluations=evaluations)
        assert explained.prediction.argmax() == label
        found.append(area(explained.values[label], label))
    assert np.mean(found) >= 0.95, found


def test_gradients_find_it_too(solved, baseline):
    view, _, unseen, labels = solved
    found = [area(gradients(view, x, baseline, c, 24).pooled()[0], c) for x, c in zip(unseen, labels, strict=True)]
    assert np.mean(found) >= 0.85, found


def test_maps_of_a_head_that_has_learnt_nothing_do_not(solved):
    view, _, unseen, labels = solved
    shuffled = view.with_shuffled_head(1)
    found = [
        area(partition(shuffled.probabilities, x, silence(128), evaluations=300).values[c], c)
        for x, c in zip(unseen, labels, strict=True)
    ]
    assert np.mean(found) < 0.9, found


def test_regions_of_the_grid_lie_where_their_seconds_say():
    levels = np.zeros((124, 128), np.uint8)
    shown = np.ones((BANDS, SPANS), bool)
    shown[:, 8:13] = False  # 0.5 s to 0.8125 s of 2 s
    hidden = Regions(124, 128).hide(levels, shown, np.full((1, 1, 128), 9, np.uint8))[0]
    rows = np.flatnonzero(hidden.any(axis=1))
    assert (rows[0] * 256 / RATE, rows[-1] * 256 / RATE) == pytest.approx((0.5, 0.8), abs=0.02)
