"""Readings and the ledger: each switch computes something else, and what the facts say that it should."""

import inspect
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import keras
import librosa
import matplotlib
import numpy as np
import pandas as pd
import pytest
import soundfile
import tensorflow as tf

from dslite import audio, backbones, readings, scoring
from dslite.augmentation import apply, draw, mix_labels, sap_lambda
from dslite.backbones import base_model
from dslite.changes import checked, to_reading
from dslite.deployment import gate
from dslite.deployment.container import cut
from dslite.deployment.conversion import convert
from dslite.deployment.runtime import runner
from dslite.errors import DsliteError
from dslite.front_end import FrontEnd, mel_filters
from dslite.layout.finished import FinishedStage
from dslite.model import Head, assemble
from dslite.network import Backbone, count_trained, mask_colour
from dslite.paper.ledger import LEDGER, ablations
from dslite.profiles import TABLE2, recipe
from dslite.readings import CACHED, READINGS, Reading
from dslite.reporting.figures import mel_ticks
from dslite.run.resolve import resolve
from dslite.scoring import predictions
from dslite.spectrogram import MelPlot
from dslite.stages.corpus import work as corpus
from dslite.stages.train import views
from dslite.stages.train.fits import fitted_with
from dslite.store import Spectrograms, build
from dslite.training import Examples, Trainer, training_set
from tests.corpus_files import own
from tests.through import Decoded, alone

PAPER, RELEASED, SOUND = (READINGS[name] for name in ("paper", "released", "sound"))
STORED = tomllib.loads(Path(readings.__file__).with_suffix(".toml").read_text("utf-8"))
PARAMETERS = list(STORED["paper"])
ALIKE = {field.name: field.default for field in fields(Reading) if field.name not in {"name", *PARAMETERS}}


def noise(seconds, seed=0):
    return np.random.default_rng(seed).standard_normal((1, int(16_000 * seconds))).astype(np.float32)


def tiny_backbone(filters=(16, 32, 64)):
    """Ten layers that take pictures of 224 pixels; big enough to be a plausible file."""
    keras.utils.set_random_seed(3)
    x = picture = keras.Input((224, 224, 3))
    for width in filters:
        x = keras.layers.Conv2D(width, 5, strides=4, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return Backbone("tiny", keras.Model(picture, x), (1 / 127.5,) * 3, (-1.0,) * 3, "random", "")


# the ledger and the readings -----------------------------------------------------------------------------------------


def test_ledger_holds_every_discrepancy_once():
    ids = [f"F-{number:02}" for number in range(1, 54)]
    ids.insert(ids.index("F-35") + 1, "F-35b")
    ids += [f"A-{number}" for number in range(1, 7)]
    assert [entry.id for entry in LEDGER] == ids
    assert all((e.title, e.paper, e.code, e.consequence, e.evidence, e.here) for e in LEDGER)


def test_ledger_and_readings_name_the_same_parameters():
    of_entry = {name: entry.id for entry in LEDGER for name in entry.parameters}
    assert sorted(of_entry) == sorted(PARAMETERS)
    said = {}
    for item in re.split(r"\n    (?=\w)", inspect.cleandoc(Reading.__doc__)):
        if found := re.match(r"(\w[\w, ]*): .*\[(F-\d+)\]\.$", item, re.S):
            said |= dict.fromkeys(found[1].split(", "), found[2])
    assert said == of_entry


def test_every_ablation_is_sound_but_for_its_discrepancy():
    found = ablations()
    assert len(found) == sum(len(entry.variants) for entry in LEDGER) >= 17
    for entry in LEDGER:
        for name, changes in entry.variants.items():
            changed = found[f"{entry.id} {name}"].parameters()
            differs = {key for key, value in changed.items() if value != SOUND.parameters()[key]}
            assert differs and differs <= set(changes), name


def test_released_differs_from_the_paper_in_every_switch_but_the_optimiser():
    assert list(STORED["released"]) == PARAMETERS and len(PARAMETERS) == 29 and len(ALIKE) == 10
    same = {name for name in PARAMETERS if getattr(PAPER, name) == getattr(RELEASED, name)}
    assert same == {"optimiser", "learning_rate", "remainder"}
    assert all(getattr(reading, name) == value for reading in READINGS.values() for name, value in ALIKE.items())
    assert {n for n in PARAMETERS if getattr(PAPER, n) != getattr(SOUND, n)} == {
        "learning_rate",
        "decision",
        "remainder",
    }


def test_the_default_is_the_paper():
    assert readings.PAPER is PAPER
    assert PAPER.front_end() == FrontEnd()
    assert resolve("mpssc").reading is PAPER
    for name in TABLE2:
        full = recipe(name, "full", PAPER)
        assert full == recipe(name, "full") and full.learning_rate == TABLE2[name]["learning_rate"]


def test_changes_are_named_and_checked():
    changed = SOUND.with_changes(resize="nearest", patch=[1, 2])
    assert changed.name == "sound with resize nearest, patch (1, 2)" and changed.patch == (1, 2)
    assert hash(changed) != hash(SOUND)
    with pytest.raises(ValueError, match="resize is 'cubic'; expected one of bilinear, nearest"):
        SOUND.with_changes(resize="cubic")
    with pytest.raises(TypeError):
        SOUND.with_changes(windw=3)


# the front end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds, paper, released", [(4, 249, 61), (3, 186, 45), (1, 61, 14)])
def test_frames_of_a_chunk(seconds, paper, released):
    frames = [reading.front_end().frames(16_000 * seconds) for reading in (PAPER, RELEASED)]
    assert frames == [paper, released]
    assert [reading.window / 16_000 for reading in (PAPER, RELEASED)] == [0.032, 0.128]


def test_released_plot_is_that_of_the_released_code():
    """Against its steps as TensorFlow and NumPy do them: one picture, value by value."""
    t = np.arange(48_000) / 16_000
    wave = (0.3 * np.sin(2 * np.pi * (200 * t + 200 * t**2)) + 0.01 * noise(3)[0]).astype(np.float32)
    power = np.abs(tf.signal.stft(wave, 2048, 1024, 2048).numpy()) ** 2
    filters = tf.signal.linear_to_mel_weight_matrix(128, 1025, 16_000, 0.0, 8000.0).numpy()
    db = 10 * np.log10(np.maximum(power @ filters, 1e-16))
    at = 255 * (db - db.min()) / (db.max() - db.min())
    table = matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255
    low = np.minimum(np.floor(at), 254).astype(int)
    share = (at - low)[..., None]
    rgb = (1 - share) * table[low] + share * table[low + 1]
    rows = np.floor((223.5 - np.arange(224)) * 128 / 224).astype(int)
    assert rows[:12].tolist() == [127, 127, 126, 126, 125, 124, 124, 123, 123, 122, 122, 121]
    assert rows[-6:].tolist() == [3, 2, 2, 1, 0, 0]
    columns = np.floor((np.arange(224) + 0.5) * len(db) / 224).astype(int)
    expected = rgb[columns][:, rows].transpose(1, 0, 2)
    ours = MelPlot(RELEASED.front_end())(wave[None])[0].numpy()
    difference = np.abs(ours - expected)
    assert difference.mean() < 0.005 and difference.max() < 0.5
    # Each of the three matters: without it the picture is another one.
    for undo in ({"triangles": "hz"}, {"colouring": "steps"}, {"resize": "bilinear"}):
        other = MelPlot(RELEASED.with_changes(**undo).front_end())(wave[None])[0].numpy()
        assert np.abs(other - expected).mean() > 10 * difference.mean(), undo


@pytest.mark.parametrize("name", ["released", "paper"])
def test_mel_filters_are_those_of_tensorflow_or_of_librosa(name):
    p = READINGS[name].front_end()
    bins = p.window // 2 + 1
    if p.triangles == "mel":
        expected = tf.signal.linear_to_mel_weight_matrix(p.mel_bins, bins, p.rate, p.low_hz, p.high_hz).numpy()
    else:
        expected = librosa.filters.mel(
            sr=p.rate, n_fft=p.window, n_mels=p.mel_bins, fmin=p.low_hz, fmax=p.high_hz, htk=True, norm=None
        ).T
    np.testing.assert_allclose(mel_filters(p), expected, atol=2e-4)
    assert not mel_filters(p)[0].any(), "no weight for 0 Hz"


@pytest.mark.parametrize("area", [True, False])
@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_a_changed_filter_bank_is_librosas_from_the_cache_to_the_axes(tmp_path, scale, area):
    changed = checked({"mel_scale": scale, "high_hz": 7000, "equal_area": area, "low_hz": 100})
    p = to_reading(PAPER, changed).front_end()
    bank = {"n_mels": 128, "fmin": 100, "fmax": 7000, "htk": scale == "htk"}
    theirs = librosa.filters.mel(sr=16_000, n_fft=512, norm="slaney" if area else None, **bank)
    np.testing.assert_allclose(mel_filters(p), theirs.T, atol=1e-5 * theirs.max())
    soundfile.write(tmp_path / "a.wav", 0.1 * noise(2)[0], 16_000)
    wave = audio.load(tmp_path / "a.wav", 16_000)[:16_000]
    stft = librosa.stft(wave / np.abs(wave).max(), n_fft=512, hop_length=256, center=False)
    db = librosa.power_to_db(theirs @ np.abs(stft) ** 2, ref=np.max, amin=1e-10, top_db=80)
    expected = np.minimum(256 * (1 - db / db.min()), 255)
    chunks, _ = build(["a.wav"], Decoded(tmp_path), 1.0, p, tmp_path / "s.npy")
    ((_, levels),) = Spectrograms(tmp_path / "s.npy", chunks).batches([0])
    assert np.abs(levels[0].T - expected).max() <= 1.01
    centres = librosa.mel_frequencies(130, fmin=100, fmax=7000, htk=scale == "htk")[1:-1]
    places, names = mel_ticks(p)
    assert names == ["250", "1,000", "2,000", "4,000"]
    np.testing.assert_allclose(places, np.interp([250, 1000, 2000, 4000], centres, range(128)), rtol=1e-4)


def test_every_parameter_of_the_front_end_is_a_readings_and_known_to_the_cache():
    every = {field.name for field in fields(FrontEnd)} - {"rate", "size"}
    assert every == every & {field.name for field in fields(Reading)} == every & {*CACHED, *readings.PAINTED}


def test_interpolated_levels_are_cached_as_two_bytes(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2)[0], 16_000)
    front_end = RELEASED.front_end()
    chunks, _ = build(["a.wav"], Decoded(tmp_path), 1.0, front_end, tmp_path / "s.npy")
    ((_, levels),) = Spectrograms(tmp_path / "s.npy", chunks).batches([0])
    assert levels.dtype == np.uint16 and levels.max() == 65_280 and len(np.unique(levels)) > 256
    plot = MelPlot(front_end)
    np.testing.assert_array_equal(plot.paint(levels), plot(audio.load(tmp_path / "a.wav", 16_000)[None, :16_000]))


def test_dead_mel_bin_takes_the_contrast():
    dead = ablations()["F-02 dead Mel bin"].front_end()
    with pytest.raises(DsliteError, match="Mel bin 0 .* holds no FFT bin"):
        mel_filters(replace(dead, empty_bins=False))
    levels = MelPlot(dead).quantise(noise(3)).numpy()[0]
    assert levels[:, 0].max() == 0, "the dead bin is a dark row"
    assert np.percentile(levels[:, 1:], 1) > 0.7 * 255, "all that is real lies in the top of the colours"
    whole = MelPlot(RELEASED.front_end()).quantise(noise(3)).numpy()[0]
    assert whole.max(axis=0).min() > 100, "with 128 ms no bin is dead"


def test_limit_in_db_keeps_the_contrast_beside_silence():
    wave = np.concatenate([np.zeros((1, 16_000), np.float32), noise(2)], axis=1)
    limited, unlimited = (
        MelPlot(reading.front_end()).quantise(wave).numpy()[0, -60:]
        for reading in (SOUND, ablations()["F-02 no limit in dB"])
    )
    assert np.ptp(np.percentile(limited, [5, 95])) > 1.5 * np.ptp(np.percentile(unlimited, [5, 95]))


def test_gain_matters_where_chunks_are_not_normalised():
    for reading, matters in ((RELEASED, True), (RELEASED.with_changes(normalise=True), False)):
        plot = MelPlot(reading.front_end())
        loud, faint = (plot(gain * noise(1)).numpy() for gain in (1.0, 3e-10))
        assert (np.abs(loud - faint).mean() > 5) == matters


def test_nearest_resize_invents_no_colours():
    nearest = SOUND.with_changes(resize="nearest").front_end()
    known = {tuple(colour) for colour in np.round(MelPlot(nearest).colours, 2)}
    pictures = {p.resize: np.round(MelPlot(p)(noise(1)).numpy().reshape(-1, 3), 2) for p in (nearest, FrontEnd())}
    assert {tuple(pixel) for pixel in pictures["nearest"]} <= known
    assert not {tuple(pixel) for pixel in pictures["bilinear"]} <= known


@pytest.mark.parametrize("reading", [RELEASED, ablations()["F-02 dead Mel bin"]], ids=["released", "dead bin"])
def test_exported_front_end_is_builtin_and_agrees(reading):
    plot = MelPlot(reading.front_end(), name="plot")
    model = assemble(plot, tiny_backbone(), Head(16, 3, 0.0, reading.arelu, name="head"))
    content = convert(model, 16_000)
    assert gate.structure(content, "float32", model.count_params(), 16_000, 3) == []
    np.testing.assert_allclose(runner(content, 1)(noise(1)), model(noise(1)), atol=1e-3)
    drawn = runner(cut(content)[0], 1)(noise(1))
    assert np.abs(drawn - plot(noise(1)).numpy()).mean() < 0.5


# chunks --------------------------------------------------------------------------------------------------------------


def test_short_files_are_repeated_or_left_out(tmp_path):
    for name, seconds in (("long", 2.5), ("short", 0.6)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * noise(seconds)[0], 16_000)
    files, samples = ["long.wav", "short.wav"], Decoded(tmp_path)
    for reading, kept in ((PAPER, ["long.wav", "short.wav"]), (RELEASED, ["long.wav"])):
        file = tmp_path / f"{reading.name}.npy"
        chunks, problems = build(files, samples, 1.0, reading.front_end(), file, short=reading.short_files)
        assert list(dict.fromkeys(chunks["file"])) == kept
        assert len(chunks) == 4 + len(kept) - 1 and len(Spectrograms(file, chunks)) == len(chunks)
        assert problems["file"].tolist() == (["short.wav"] if reading is RELEASED else [])
    assert "shorter than one chunk of 1 s" in problems["reason"][0]


def test_training_set_repeats_and_drops_as_the_reading_says():
    labels = np.array([0] * 40 + [1] * 29 + [2])
    examples = Examples(np.arange(70), np.array([], int), labels, labels)

    def chunks(**changes):
        return training_set(examples, PAPER.with_changes(**changes), 32, seed=3)

    every = training_set(examples, PAPER, 32, seed=3)
    assert np.bincount(labels[every]).tolist() == [40, 40, 40] and 68 in every[70:]
    spared = chunks(upsampling="all but last")
    assert np.bincount(labels[spared]).tolist() == [40, 40, 1], "a class of one chunk stays as it is"
    assert all(68 not in training_set(examples, RELEASED, 32, seed)[70:] for seed in range(50))
    assert chunks(upsampling="none").tolist() == list(range(70))
    kept = chunks(tail="drop")
    assert len(kept) == 64 and kept.tolist() == every[:64].tolist(), "120 chunks fill one pair of batches"
    few = Examples(np.arange(40), examples.evaluate, labels, labels)
    assert len(training_set(few, PAPER.with_changes(tail="drop", upsampling="none"), 32, 0)) == 40


# augmentation --------------------------------------------------------------------------------------------------------


def plans(reading, count=150, n=32):
    rng, policy = np.random.default_rng(0), reading
    drawn = tf.function(lambda losses, seed: draw(losses, seed, policy, True, True))
    for i in range(count):
        yield drawn(tf.constant(rng.standard_normal(n), tf.float32), tf.constant([5, i]))


@pytest.mark.parametrize("reading, mean, sizes", [(PAPER, 0.173, (0, 56, 0, 67)), (RELEASED, 0.342, (17, 56, 22, 67))])
def test_how_often_and_how_much_is_changed(reading, mean, sizes):
    found = list(plans(reading))
    masks = np.concatenate([plan.frequency_width for plan in found])
    patches = np.concatenate([np.maximum(plan.bottom - plan.top, plan.right - plan.left) for plan in found])
    if reading is RELEASED:
        assert (masks > 0).mean() == pytest.approx(mean, abs=0.02) and (patches > 0).mean() == pytest.approx(
            mean, abs=0.02
        )
        assert masks[masks > 0].min() == sizes[2]
    else:  # at lambda 0 a mask of width 0 is no mask
        assert mean - 0.05 < (masks > 0).mean() < mean
        assert masks[masks > 0].min() < 5
    assert (patches.max(), masks.max()) == (sizes[1], sizes[3])


def test_sizes_at_both_ends_of_lambda():
    losses = np.arange(32, dtype=np.float32)
    policy = replace(RELEASED, probability=(1, 1))
    plan = draw(losses, [0, 0], policy, True, True)
    assert (plan.time_width[0], plan.time_width[-1]) == (67, 22)
    assert np.sqrt(plan.counted.numpy()[[0, -1]]).tolist() == [56, 17]


def test_label_of_a_clipped_square():
    """A square in the corner: the paper's label counts what is pasted, the released one the whole square."""
    losses = np.zeros(8, np.float32)
    shares, seen = {}, 0
    for reading in (PAPER, PAPER.with_changes(cutmix_label="square")):
        policy = replace(reading, probability=(1, 1), patch=(40, 40))
        for seed in range(20):
            plan = draw(losses, [1, seed], policy, True, False)
            mixed = mix_labels(plan, np.eye(8, dtype=np.float32)).numpy()
            shares[reading.cutmix_label, seed] = mixed[np.arange(8), plan.partner]
            if reading is PAPER:
                np.testing.assert_allclose(shares["area", seed], plan.area.numpy() / 224**2, rtol=1e-6)
    for seed in range(20):
        np.testing.assert_allclose(shares["square", seed], 40**2 / 224**2, rtol=1e-6)
        seen += (shares["area", seed] < 0.9 * shares["square", seed]).sum()
    assert 10 < seen < 100, "a part of the squares is cut by the edge"


def test_partner_may_be_itself_in_the_released_code():
    own = {r.name: np.mean([p.partner.numpy() == np.arange(32) for p in plans(r)]) for r in (PAPER, RELEASED)}
    assert own["paper"] == 0 and own["released"] == pytest.approx(1 / 32, abs=0.01)


def test_swapped_axes_hide_rows_where_columns_were_meant():
    losses = np.arange(4, dtype=np.float32)
    picture, fill = np.zeros((4, 224, 224, 3), np.float32), np.ones(3, np.float32)
    hidden = []
    for reading in (PAPER, PAPER.with_changes(mask_axes="swapped")):
        policy = replace(reading, probability=(1, 1), mask=(50, 50))
        plan = draw(losses, [2, 2], policy, False, True)
        hidden.append(apply(plan, picture, picture, fill).numpy()[..., 0])
    np.testing.assert_array_equal(hidden[0], hidden[1].transpose(0, 2, 1))
    assert not np.array_equal(hidden[0], hidden[1])


def test_colour_of_masks():
    np.testing.assert_allclose(mask_colour(base_model("densenet121"), PAPER.mask_fill), [123.7, 116.3, 103.5], atol=0.1)
    released = {name: mask_colour(base_model(name), RELEASED.mask_fill) for name in backbones.names()}
    np.testing.assert_allclose(released["densenet121"], [152, 142, 127], atol=0.6)
    # Twice the mean that Caffe's way subtracts: nearly white. MobileNetV2's 0 is a grey; an unknown model gets 0.5.
    np.testing.assert_allclose(released["squeezenet_v1"], [247.36, 233.558, 207.878], atol=0.01)
    np.testing.assert_allclose(released["mobilenet_v2"], 127.5, atol=0.01)
    np.testing.assert_allclose(released["efficientnet_lite0"], 127 + 64, atol=0.01)


def test_masks_of_the_released_code_never_begin_at_the_edge():
    losses, seen = np.arange(32, dtype=np.float32), []
    for reading in (PAPER, RELEASED):
        policy = replace(reading, probability=(1, 1), mask=(200, 200))
        plans = [draw(losses, [3, seed], policy, False, True) for seed in range(40)]
        starts = np.concatenate([np.concatenate([plan.time, plan.frequency]) for plan in plans])
        seen.append((starts.min(), starts.max()))
    assert seen == [(0, 24), (1, 24)]


def test_losses_beyond_the_limit_rank_as_equals():
    losses = np.array([20.0, 1.0, 30.0, 17.0], np.float32)
    unlimited, limited = (sap_lambda(losses, reading).numpy() for reading in (PAPER, RELEASED))
    assert np.argsort(-unlimited).tolist() == [1, 3, 0, 2]
    assert np.argsort(-limited, kind="stable").tolist() == [1, 0, 2, 3], "in the batch's order"
    clip = keras.losses.categorical_crossentropy([[1.0, 0.0]], [[0.0, 1.0]]).numpy()
    assert RELEASED.loss_limit == pytest.approx(clip.item(), abs=1e-4), "Keras' clip of probabilities"


# model, schedule and decision ----------------------------------------------------------------------------------------


def test_how_layers_are_counted():
    of_table = {name: row["share"] for name, row in TABLE2.items() if row["fine_tuned"]}
    counted = {
        how: [count_trained(427, share, how) for share in of_table.values()] for how in ("last", "rest", "frozen")
    }
    assert counted["last"] == [row["fine_tuned"] for row in TABLE2.values() if row["fine_tuned"]]
    assert counted["rest"] == [299, 129, 299, 129, 86, 43, 129]
    assert counted["frozen"] == [427 - number for number in counted["last"]]


def test_schedules():
    epochs = {r.name: [recipe(c, p, r).epochs for c, p in (("ravdess", "full"), ("css", "full"), ("ccs", "demo"))]
              for r in READINGS.values()}  # fmt: skip
    assert epochs["paper"] == epochs["sound"] == [(40, 80), (20, 0), (12, 4)]
    assert epochs["released"] == [(40, 81), (20, 0), (12, 5)]
    rates = [[recipe(c, "full", r).learning_rate for c in ("ccs", "css")] for r in READINGS.values()]
    assert rates == [[0.001, 0.01], [0.001, 0.01], [1.0, 1.0]]
    assert recipe("ccs", "demo", standin=True).epochs == (6, 1) and recipe("css", "demo", standin=True).epochs == (6, 0)
    assert recipe("ccs", "full", standin=True) == recipe("ccs", "full")
    adam = ablations()["F-13 Adam"]
    assert [recipe("ccs", "full", r).optimiser for r in (*READINGS.values(), adam)] == ["adadelta"] * 3 + ["adam"]
    assert {recipe("ccs", "demo", r).optimiser for r in READINGS.values()} == {"adam"}


def test_fixed_arelu_keeps_its_slopes_and_survives_saving(tmp_path):
    head = Head(8, 3, 0.0, RELEASED.arelu, name="head")
    inputs = keras.Input((5,))
    model = keras.Model(inputs, head(inputs))
    assert len(head.trainable_variables) == 4 and model.count_params() == 8 * 5 + 8 + 8 * 3 + 3 + 2
    x = tf.constant([-2.0, 3.0])
    np.testing.assert_allclose(head.activation(x), [-2 * 0.9, 3 * 1.8808], rtol=1e-4)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras").layers[-1]
    assert loaded.arelu == "fixed" and len(loaded.trainable_variables) == 4
    assert len(Head(8, 3, 0.0).get_config()["arelu"]) and Head(8, 3, 0.0).activation.trainable


@pytest.fixture(scope="module")
def spectrograms(tmp_path_factory):
    """16 clips of a second in two classes, cached with the paper's front end."""
    folder = tmp_path_factory.mktemp("corpus")
    for i in range(16):
        wave = noise(1, i)[0] if i % 2 else np.sin(np.arange(16_000) * (0.05 + 0.01 * i))
        soundfile.write(folder / f"{i}.wav", 0.1 * wave, 16_000)
    chunks, _ = build([f"{i}.wav" for i in range(16)], Decoded(folder), 1.0, FrontEnd(), folder / "s.npy")
    return Spectrograms(folder / "s.npy", chunks)


def test_a_fit_follows_its_reading(spectrograms):
    """Slopes of AReLU, layers that move, pictures and masks, in one short fit under each reading."""
    labels = np.arange(16) % 2
    examples = Examples(np.arange(12), np.arange(12, 16), labels, np.arange(16))
    moved, slopes, pictures = {}, {}, {}
    for reading in (PAPER, PAPER.with_changes(arelu="fixed", layers="frozen", resize="nearest", mask_fill="released")):
        backbone = tiny_backbone()
        before = backbone.model.get_weights()
        short = replace(recipe("ccs", "demo", reading), share=0.3, epochs=(1, 1), units=8)
        trainer = Trainer(spectrograms, backbone, 2, short, reading)
        trainer.fit(examples, trainer.extract(np.arange(16)), "both", 1)
        after = backbone.model.get_weights()
        moved[reading] = sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
        slopes[reading] = (float(trainer.head.activation.alpha), float(trainer.head.activation.beta))
        pictures[reading] = trainer.pictures([0]).numpy()
        assert trainer.model().get_layer("plot").parameters == reading.front_end()
        np.testing.assert_allclose(trainer._fill, mask_colour(backbone, reading.mask_fill))
    one, other = moved
    assert 0 < moved[one] < moved[other], "the number as frozen layers trains most of the base model"
    assert slopes[one] != (pytest.approx(0.9), pytest.approx(2.0)) and slopes[other] == pytest.approx((0.9, 2.0))
    assert np.abs(pictures[one] - pictures[other]).mean() > 0.5


def test_decisions_by_hand():
    # three files: a weak majority against a sure chunk, and two ties
    chunks = np.array([[0.51, 0.49], [0.51, 0.49], [0.05, 0.95], [0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    files = np.array([0, 0, 0, 1, 1, 2, 2])
    decided = {how: scoring.decide(chunks, files, how)[0].tolist() for how in scoring.DECISIONS}
    assert decided == {"vote": [0, 1, 0], "vote, first wins": [0, 0, 1], "mean": [1, 1, 0]}
    with pytest.raises(ValueError, match="'median'.*vote; vote, first wins; mean"):
        scoring.decide(chunks, files, "median")
    assert set(readings.CHOICES["decision"]) == set(scoring.DECISIONS)
    clips = pd.DataFrame({"file": ["a", "b", "c"], "speaker": "", "label": "x"})
    table = pd.DataFrame({"file": [("a", "b", "c")[f] for f in files], "padded": False})
    for reading in READINGS.values():
        made = predictions(clips, table, np.arange(7), chunks, ["x", "y"], reading.decision)
        assert [("x", "y").index(p) for p in made["predicted"]] == decided[reading.decision]


# the workflow --------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path, monkeypatch):
    alone(monkeypatch, tmp_path)
    waves = [0.1 * noise(1.25, i)[0] for i in range(12)]
    return resolve(own(tmp_path, waves), profile="demo", output=tmp_path / "out")


def test_parameters_make_stale_only_the_stages_that_they_touch(settings):
    first = corpus.work(settings)
    for name, reading in ablations().items():
        if not any(getattr(reading, key) != getattr(PAPER, key) for key in CACHED):
            assert corpus.work(replace(settings, reading=reading)).record == first.record, name
    stamp = first.paths.spectrograms.stat().st_mtime_ns
    with pytest.raises(DsliteError, match="reading 'paper', not 'sound with window 2048, hop 1024'"):
        corpus.work(replace(settings, reading=ablations()["F-02 128 ms windows"]))
    assert first.paths.spectrograms.stat().st_mtime_ns == stamp
    fitted = {
        name: str(fitted_with(replace(settings, reading=reading), first.record["data_hash"]))
        for name, reading in {**READINGS, **ablations()}.items()
    }
    assert len(set(fitted.values())) == len(fitted), "every switch reaches the fits"


def test_released_reading_of_short_files_says_why_nothing_is_left(settings):
    with pytest.raises(DsliteError, match="12 files shorter than one chunk.*F-16.*other readings pad them"):
        corpus.work(replace(settings, reading=RELEASED))


def test_released_reading_goes_on_where_dev_or_test_lose_a_class(settings):
    for i in (0, 1, 2, 3, 4, 6, 8, 9, 10, 11):  # dev keeps class a alone
        soundfile.write(settings.folder / f"{i}.wav", 0.1 * noise(3.5, i)[0], 16_000)
    stage = corpus.work(replace(settings, reading=RELEASED))
    assert stage.record["warnings"][:2] == [
        "2 files shorter than one chunk and left out of train, dev and test, as the released code does (F-16).",
        "Because of that no usable audio is left for b in dev; scores are averaged over the other classes.",
    ]
    assert len(stage.clips) == 10 and stage.record["front_end"]["window"] == 2048


def test_page_shows_the_reading_beside_the_paper(settings):
    shown = views.reading(FinishedStage(replace(settings, reading=RELEASED), {})).set_index("parameter")
    assert shown.loc["top_db", ["entry", "here", "paper"]].tolist() == ["F-02", "no limit", "80"]
    assert shown.loc["patch", ["here", "paper"]].tolist() == ["16.8 to 56", "0 to 56"]
    assert sorted(shown.index) == sorted(PARAMETERS)


def test_unknown_reading_is_refused():
    with pytest.raises(DsliteError, match="'mine' is not one of paper, released, sound"):
        resolve("mpssc", reading="mine")
