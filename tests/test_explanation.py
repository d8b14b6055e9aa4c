"""Explanations of models whose truth is known: a detector of one band during one span of time."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from dslite.errors import DsliteError
from dslite.explanation import baselines
from dslite.explanation.baselines import silence, training_mean
from dslite.explanation.choice import choose
from dslite.explanation.evidence import band_edges_hz, encode, evidence_audio, evidence_regions
from dslite.explanation.explainers import RegionMasker, gradients, paper_way, partition
from dslite.explanation.maps import Attribution, band_profile, mean_maps
from dslite.explanation.regions import Regions, lasting
from dslite.explanation.trust import areas, better, curves, failed, head_check, similarity
from dslite.explanation.view import View
from dslite.front_end import FrontEnd
from dslite.model import Head, assemble
from dslite.network import load_backbone
from dslite.spectrogram import MelPlot, colour_table

FRAMES, BINS = 128, 128
BAND, SPAN = slice(40, 48), slice(80, 96)  # Mel bins and frames; one band and four spans of the 16 x 32 grid
WHERE = (5, slice(20, 24))


def detector(levels):
    """Class 1 is the share of full loudness within BAND x SPAN; class 0 is the rest."""
    heard = levels[:, SPAN, BAND].mean(axis=(1, 2)) / 255.0
    return np.stack([1.0 - heard, heard], axis=1)


def noise(seed=0, frames=FRAMES):
    return np.random.default_rng(seed).integers(60, 256, (frames, BINS), dtype=np.uint8)


def tiny():
    """A whole model, small enough for tests: a base model of one convolution, and a head with real weights."""
    keras.utils.set_random_seed(1)
    plot = MelPlot(FrontEnd(size=64), name="plot")
    size = plot.parameters.size
    inputs = keras.Input((size, size, 3))
    outputs = keras.layers.Conv2D(8, 8, strides=4, activation="softplus")(inputs)
    backbone = load_backbone("squeezenet_v1")
    small = type(backbone)("tiny", keras.Model(inputs, outputs), (1 / 127.5,) * 3, (-1.0,) * 3, "random", "test")
    model = assemble(plot, small, Head(16, 3, 0.25, name="head"))
    head = model.get_layer("head")
    head.set_weights([w * 4 if w.ndim == 2 else w for w in head.get_weights()])  # or every class is a third
    return model


@pytest.fixture(scope="module")
def view():
    return View.of(tiny())


def explained(levels=None):
    # A single region of 512 lies 9 halvings deep, each in two contexts: 1,022 evaluations, and some where nothing is.
    return partition(detector, noise() if levels is None else levels, silence(BINS), evaluations=2200)


# where the map points -------------------------------------------------------------------------------------------------


def test_partition_points_at_the_detectors_band_and_span():
    found = explained()
    assert found.values.shape == (2, 16, 32)
    inside = found.values[1][WHERE]
    assert inside.sum() == pytest.approx(found.values[1].sum(), rel=1e-9) and (inside > 0).all()
    np.testing.assert_allclose(found.values[0], -found.values[1], atol=1e-12)
    # Per region the value is exact, for this detector is a sum over regions.
    levels = noise()
    for span, frames in ((20, slice(80, 84)), (23, slice(92, 96))):
        assert found.values[1][5, span] == pytest.approx(levels[frames, BAND].sum() / 255 / 16 / 8, rel=1e-9)


def test_partition_shows_a_hundred_evaluations_no_more():
    seen = []

    def counting(levels):
        seen.append(len(levels))
        return detector(levels)

    partition(counting, noise(), silence(BINS))
    assert sum(seen) <= 101  # and the spectrogram itself


def test_partition_repeats_and_leaves_numpys_generator_alone():
    rng_before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = explained(), explained()
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(np.random.get_state()[1], rng_before)  # noqa: NPY002


def test_gradients_point_at_the_detectors_band_and_span():
    class Detector:
        def probabilities(self, levels):
            return detector(levels)

        def gradient(self, levels, weights):
            levels = tf.constant(levels)
            with tf.GradientTape() as tape:
                tape.watch(levels)
                heard = tf.reduce_mean(levels[:, SPAN, BAND], axis=(1, 2)) / 255.0
                value = tf.reduce_sum(tf.stack([1.0 - heard, heard], axis=1) * weights)
            return tape.gradient(value, levels)

    for index in (0, 1):
        found = gradients(Detector(), noise(), silence(BINS), index)
        outside = found.values[0].copy()
        outside[BAND, SPAN] = 0
        assert not outside.any() and found.values.shape == (1, BINS, FRAMES)
        np.testing.assert_allclose(found.pooled()[0], explained().values[index], atol=1e-6)


def test_paper_way_points_at_the_same_place():
    pytest.importorskip("cv2", reason="the paper's way needs opencv-python-headless")
    # A bright patch on a dark picture; the detector looks at the patch's red, whatever the neighbours are.
    picture = np.zeros((64, 64, 3), np.float32)
    picture[8:16, 32:48] = 250.0

    def bright(pictures):
        heard = pictures[:, 8:16, 32:48, 0].mean(axis=(1, 2)) / 255.0
        return np.stack([1 - heard, heard], axis=1)

    found = paper_way(bright, picture, evaluations=200)
    low_first = found.values[1][::-1]
    assert found.values.shape == (2, 64, 64)
    assert low_first[8:16, 32:48].sum() > 0.9 * np.abs(found.values[1]).sum()
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-6)


# additivity -----------------------------------------------------------------------------------------------------------


def test_partition_is_additive_however_few_the_evaluations(view):
    for evaluations in (10, 100):
        found = partition(view.probabilities, noise(), silence(BINS), evaluations=evaluations)
        assert np.abs(found.values).sum() > 1e-3
        np.testing.assert_allclose(found.gap, 0.0, atol=1e-6)
        np.testing.assert_allclose(found.prediction, view.probabilities(noise()[None])[0])
        np.testing.assert_allclose(found.base, view.probabilities(np.zeros((1, FRAMES, BINS), np.uint8))[0])


def test_gap_of_gradients_shrinks_with_samples(view):
    background = np.stack([noise(5), noise(6)])
    gaps = [np.abs(gradients(view, noise(), background, 1, samples=n).gap).max() for n in (2, 128)]
    assert gaps[1] < 0.01 and gaps[1] < gaps[0]


def test_gradient_is_the_slope_between_levels(view):
    levels = noise().astype(np.float32)[None]
    levels[0, 50, 60] = 100.25
    weights = np.array([0.0, 1.0, 0.0], np.float32)
    slope = view.gradient(levels, weights).numpy()[0, 50, 60]
    whole = levels.astype(np.uint8)
    above = whole.copy()
    above[0, 50, 60] += 1
    rise = (view.probabilities(above) - view.probabilities(whole))[0, 1]
    assert slope == pytest.approx(rise, rel=0.05, abs=2e-7)


def test_pooling_keeps_the_sum_and_finds_the_regions():
    values = np.random.default_rng(0).standard_normal((2, 224, 100))
    found = Attribution(values, np.zeros(2), np.zeros(2), "", 1).pooled(16, 7)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), values.sum(axis=(1, 2)))
    np.testing.assert_allclose(found[0, 3, 0], values[0, 42:56, :14].sum() + values[0, 42:56, 14].sum() * 2 / 7)


# masking --------------------------------------------------------------------------------------------------------------


def test_masked_pictures_hold_no_colour_but_viridis():
    # With as many frames as Mel bins, and that size, nothing is interpolated between colours of the map.
    plot, levels = MelPlot(FrontEnd(size=BINS)), noise()
    rng = np.random.default_rng(0)
    for baseline in (silence(BINS), training_mean([noise(1), noise(2)])):
        masker = RegionMasker(Regions(FRAMES, BINS), baseline)
        for _ in range(5):
            (masked,) = masker(rng.random(512) < 0.5, levels)
            assert masked.dtype == np.uint8 and masked.shape == (1, 1, FRAMES, BINS)
            picture = plot.paint(masked[0]).numpy().reshape(-1, 3)
            distance = np.abs(picture[:2000, None] - colour_table("viridis")[None]).max(axis=2).min(axis=1)
            assert distance.max() < 1e-3


def test_mask_hides_what_it_says():
    levels, baseline = noise(frames=100), np.arange(BINS, dtype=np.uint8)
    shown = np.ones((16, 32), bool)
    shown[2, 30:] = False
    (hidden,) = Regions(100, BINS).hide(levels, shown, baseline[None, None])
    np.testing.assert_array_equal(hidden[94:, 16:24], np.broadcast_to(baseline[16:24], (6, 8)))
    hidden[94:, 16:24] = levels[94:, 16:24]
    np.testing.assert_array_equal(hidden, levels)


def test_tree_takes_every_region_apart_once():
    for regions in (Regions(100, BINS), Regions(9, BINS, 4, 9)):
        tree, total = regions.tree(), regions.bands * regions.spans
        assert len(tree) == total - 1 and tree[-1, 3] == total
        children = tree[:, :2].astype(int).ravel()
        assert sorted(children) == list(range(2 * total - 2))
        sizes = np.concatenate([np.ones(total), tree[:, 3]])
        np.testing.assert_array_equal(sizes[tree[:, 0].astype(int)] + sizes[tree[:, 1].astype(int)], tree[:, 3])


def test_shorter_than_the_grid_still_works():
    found = partition(lambda x: np.stack([x.mean((1, 2)), 255.0 - x.mean((1, 2))], 1), noise(frames=5), silence(BINS))
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-9)


def test_training_mean_is_per_mel_bin_and_whole():
    levels = np.zeros((2, 3, 4), np.uint8)
    levels[..., 1] = 7
    levels[0, ..., 2] = 255
    assert training_mean([levels]).tolist() == [[[0, 7, 128, 0]]] and training_mean([levels]).dtype == np.uint8
    longer = np.full((1, 6, 4), 10, np.uint8)  # as many frames as in both others: frames count, not batches
    assert training_mean([levels, longer]).tolist() == [[[5, 8, 69, 5]]]


def test_a_baseline_of_several_plots_is_the_mean_over_them(view):
    plots, levels = np.stack([noise(5), noise(6), noise(7)]), noise()
    found = partition(view.probabilities, levels, plots, evaluations=60)
    np.testing.assert_allclose(found.base, view.probabilities(plots).mean(axis=0))
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-6)
    assert found.evaluations == 180
    # The first halving of the tree, by hand: what the later half of the time adds, averaged over both orders and plots.
    shown = np.zeros((2, 16, 32), bool)
    shown[0, :, :16], shown[1, :, 16:] = True, True
    early, late = (view.probabilities(x).mean(axis=0) for x in Regions(FRAMES, BINS).hide(levels, shown, plots))
    both = view.probabilities(levels[None])[0]
    expected = ((late - found.base) + (both - early)) / 2
    np.testing.assert_allclose(found.values[:, :, 16:].sum(axis=(1, 2)), expected, atol=1e-6)


def test_baselines_last_as_long_as_the_plot():
    plots = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    np.testing.assert_array_equal(lasting(plots, 2), plots[:, :2])
    np.testing.assert_array_equal(lasting(plots, 5), plots[:, [0, 1, 2, 0, 1]])


def test_the_first_baseline_that_decides_nothing_is_taken():
    bases = {name: np.array([p, 1 - p]) for name, p in zip(baselines.WORDS, (0.95, 0.79, 0.5), strict=True)}
    assert baselines.choose(bases) == "training mean"
    assert baselines.choose({name: np.array([p, 1 - p]) for name, p in zip(bases, (0.1, 0.9, 0.81), strict=True)}) == (
        "training plots"
    ), "where all are decided, the one that decides least"
    assert baselines.choose(bases | {"silence": np.array([0.3, 0.7])}) == "silence"


def test_paper_way_refuses_what_its_cast_to_uint8_would_blacken():
    with pytest.raises(ValueError, match="expected RGB in 0-255"):
        paper_way(lambda p: p, np.random.default_rng(0).random((8, 8, 3), dtype=np.float32))


def test_paper_way_without_opencv_says_what_to_install(monkeypatch):
    def missing(*_):
        raise ImportError("cv2 could not be imported!")

    monkeypatch.setattr("shap.maskers.Image", missing)
    with pytest.raises(DsliteError, match="pip install opencv-python-headless"):
        paper_way(lambda p: p, np.full((8, 8, 3), 200.0, np.float32))


def test_paper_way_loses_nothing_to_its_cast_to_uint8():
    pytest.importorskip("cv2", reason="the paper's way needs opencv-python-headless")
    picture = np.random.default_rng(0).uniform(0, 255, (32, 32, 3)).astype(np.float32)
    seen = []

    def recording(pictures):
        seen.append(pictures.copy())
        return np.stack([pictures.mean((1, 2, 3)), 255 - pictures.mean((1, 2, 3))], axis=1)

    paper_way(recording, picture, evaluations=50)
    pictures = np.concatenate(seen)
    unmasked = (pictures == picture.round()).all(axis=-1).mean(axis=(1, 2))
    assert ((unmasked > 0.4) & (unmasked < 0.6)).any()  # half masked: the other half is as it was, to the last digit
    assert pictures.mean() > 50


def test_shap_is_not_compiled_and_everything_else_is():
    """numba would take seconds for it in every notebook."""
    import numba
    from shap.explainers import _partition

    assert not hasattr(_partition.lower_credit, "py_func") and hasattr(numba.njit(lambda x: x), "py_func")


# trust ----------------------------------------------------------------------------------------------------------------


def test_deletion_and_insertion_beat_random_on_the_detector():
    tables = [curves(detector, noise(s), explained(noise(s)), 1, silence(BINS), seed=s) for s in range(3)]
    found = areas(pd.concat(tables).assign(baseline="silence"))
    assert found.loc[("silence", "deletion"), "SHAP"] < 0.2 * found.loc[("silence", "deletion"), "random"]
    assert found.loc[("silence", "insertion"), "SHAP"] > 1.5 * found.loc[("silence", "insertion"), "random"]
    assert better(found).tolist() == [True, True]
    one = tables[0].query("order == 'SHAP'").set_index(["kind", "share"])["probability"]
    whole = detector(noise(0)[None])[0, 1]
    assert one["deletion", 0.0] == one["insertion", 1.0] == pytest.approx(whole)
    assert one["deletion", 1.0] == one["insertion", 0.0] == 0.0


def test_area_of_known_curves():
    falling = [("deletion", "SHAP", 0, s, 1 - s) for s in (0.0, 0.5, 1.0)]
    level = [("deletion", "random", 0, s, 1.0) for s in (0.0, 1.0)]
    table = pd.DataFrame(falling + level, columns=["kind", "order", "draw", "share", "probability"])
    found = areas(table.assign(baseline="silence"))
    assert found.loc[("silence", "deletion")].to_dict() == pytest.approx({"SHAP": 0.5, "random": 1.0})


def test_maps_fail_by_each_check_alone():
    rows = [
        (baseline, kind, order, 0, share, (0.2 if (order == "SHAP") == (kind == "deletion") else 0.8))
        for baseline in baselines.WORDS
        for kind in ("deletion", "insertion")
        for order in ("SHAP", "random")
        for share in (0.0, 1.0)
    ]
    good = pd.DataFrame(rows, columns=["baseline", "kind", "order", "draw", "share", "probability"])
    bad = good.assign(order=good["order"].map({"SHAP": "random", "random": "SHAP"}))
    mixed = pd.concat([bad[bad["baseline"] != "silence"], good[good["baseline"] == "silence"]])

    def alike(*values):
        return pd.DataFrame({"similarity": values, "similarity_unsigned": 0.0}, dtype=float)

    assert failed(good, alike(0.1, -0.9, 0.9), alike(0.4, 0.6, 0.7)) == []
    assert failed(good, alike(0.1), alike()) == [], "another seed was not tried"
    assert failed(bad, alike(0.1), alike()) == failed(mixed, alike(0.1), alike()) == ["no better than a random order"]
    assert failed(good, alike(0.9, 0.8, 0.1), alike()) == ["the same with a shuffled head"]
    assert failed(good, alike(np.nan), alike()) == ["the same with a shuffled head"], "nothing can be judged"
    assert failed(good, alike(0.1), alike(0.9, 0.1, 0.2)) == ["another seed gives others"]
    assert failed(good, alike(0.1), alike(np.nan)) == ["another seed gives others"]


def test_shuffled_head_changes_the_map_and_nothing_else(view):
    clips = [noise(s) for s in range(2)]

    def explain(v, levels):
        return partition(v.probabilities, levels, silence(BINS))

    head = head_check(explain, view, clips, seeds=(0, 1))
    assert len(head) == 4 and head["similarity"].max() < 0.95
    same = explain(view, clips[0]).pooled()[0]
    assert similarity(same, same) == pytest.approx((1.0, 1.0))
    shuffled = view.with_shuffled_head(0)
    assert not np.allclose(shuffled.probabilities(clips[0][None]), view.probabilities(clips[0][None]), atol=1e-3)


def test_similarity_by_hand():
    a = np.array([[1.0, 2.0], [-3.0, 4.0]])
    assert similarity(a, -a) == pytest.approx((-1.0, 1.0))
    assert np.isnan(similarity(a, np.zeros_like(a))).all()


def test_view_agrees_with_the_model_it_is_of(view):
    model = tiny()
    wave = np.random.default_rng(0).standard_normal((3, 16_000)).astype(np.float32)
    plot = model.get_layer("plot")
    expected = model.predict(wave, verbose=0)
    np.testing.assert_allclose(View.of(model).probabilities(plot.quantise(wave).numpy()), expected, atol=1e-6)
    np.testing.assert_allclose(View.of(model).probabilities_of_pictures(plot(wave).numpy()), expected, atol=1e-6)


# choice and means -----------------------------------------------------------------------------------------------------


def test_choice_of_clips_by_hand():
    table = pd.DataFrame({
        "file": ["a", "b", "c", "d", "e"],
        "label": ["x", "x", "x", "x", "y"],
        "predicted": ["x", "x", "y", "y", "y"],
        "p_x": [0.6, 0.9, 0.4, 0.1, 0.2],
        "p_y": [0.4, 0.1, 0.6, 0.9, 0.8],
    })  # fmt: skip
    found = choose(table, ["y", "x"])
    assert found.to_dict("split")["data"] == [
        ["y", "right", "e", "y", 0.8], ["x", "right", "b", "x", 0.9], ["x", "wrong", "d", "y", 0.1],
    ]  # fmt: skip
    assert choose(table, ["x"], each=2)["file"].tolist() == ["b", "a", "d", "c"]


def test_class_means_over_clips():
    def one(value):
        values = np.zeros((2, 16, 32))
        values[1, 3, 4] = value
        return Attribution(values, np.zeros(2), np.zeros(2), "", 1)

    maps = [one(0.1), one(0.3), one(-0.1), one(9.0)]
    (found,) = [m for m in mean_maps(maps, ["b", "b", "b", "a"], ["a", "b"]) if m.label == "b"]
    assert found.clips == 3 and found.mean[3, 4] == pytest.approx(0.1)
    assert found.spread[3, 4] == pytest.approx(np.std([0.1, 0.3, -0.1]))
    assert found.agreement[3, 4] == pytest.approx(2 / 3)
    profile = band_profile(maps, ["b", "b", "b", "a"], ["a", "b"], seed=0)
    mean, low, high = profile["b"]
    assert set(profile) == {"b"} and mean[3] == pytest.approx(0.1) and low[3] < 0.0 < high[3] < 0.31


# evidence -------------------------------------------------------------------------------------------------------------


def tones(p, seconds=2.0):
    """A tone at the centre of band 5 and another at that of band 12, both all the time."""
    edges = band_edges_hz(p)
    hz = (edges[5] + edges[6]) / 2, (edges[12] + edges[13]) / 2
    t = np.arange(int(seconds * p.rate)) / p.rate
    return hz, *(0.3 * np.sin(2 * np.pi * f * t).astype(np.float32) for f in hz)


def test_evidence_only_audio_keeps_the_band_and_the_span():
    p = FrontEnd()
    _, low, high = tones(p)
    kept = np.zeros((16, 16), bool)
    kept[5, 4:8] = True  # the second quarter: 0.5-1.0 s
    heard = evidence_audio(low + high, kept, p)
    assert heard.shape == low.shape and heard.dtype == np.float32
    middle = slice(int(0.56 * p.rate), int(0.94 * p.rate))
    np.testing.assert_allclose(heard[middle], low[middle], atol=0.02)  # with its phase
    assert np.abs(heard[: int(0.45 * p.rate)]).max() < 0.01 and np.abs(heard[int(1.08 * p.rate) :]).max() < 0.01


def test_evidence_of_everything_is_the_clip_above_the_lowest_filter():
    p = FrontEnd()
    _, low, high = tones(p)
    heard = evidence_audio(low + high, np.ones((16, 16), bool), p)
    np.testing.assert_allclose(heard[2000:-2000], (low + high)[2000:-2000], atol=1e-3)


def test_evidence_regions_by_hand():
    values = np.zeros((2, 16, 32))
    values[1, 0, 0], values[1, 2, 2], values[1, 3, 3], values[1, 4, 4] = 0.5, 0.3, 0.2, -5.0
    found = evidence_regions(Attribution(values, np.zeros(2), np.zeros(2), "", 1), 1, share=0.8)
    assert list(zip(*np.nonzero(found), strict=True)) == [(0, 0), (2, 2)]
    assert not evidence_regions(Attribution(-np.abs(values), np.zeros(2), np.zeros(2), "", 1), 1).any()


def test_encoded_sound_is_small_and_plays(tmp_path):
    import soundfile

    p = FrontEnd()
    (hz, _), low, _ = tones(p)
    file = tmp_path / "x.mp3"
    file.write_bytes(encode(low, p.rate, peak=0.3))
    assert file.stat().st_size < 8_000 * 2
    back, rate = soundfile.read(file)
    spectrum = np.abs(np.fft.rfft(back))
    assert rate == p.rate and abs(spectrum.argmax() * rate / len(back) - hz) < 5 and 0.8 < np.abs(back).max() < 1.0
