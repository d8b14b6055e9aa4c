"""The two phases on a small corpus whose truth is known, and what must not depend on how a fit was run."""

from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile
import tensorflow as tf
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

from dslite import training
from dslite.front_end import FrontEnd
from dslite.model import load_model, onwards, taken_up
from dslite.network import load_backbone, split
from dslite.profiles import TABLE2, Recipe, recipe
from dslite.scoring import main_score, predictions
from dslite.store import Spectrograms, build
from dslite.training import Examples, Trainer, upsample
from tests.through import Decoded

RECIPE = Recipe(units=16, dropout=0.25, optimiser="adam", learning_rate=0.001, epochs=(4, 2), share=0.1, chunk=1.0)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Fits repeat bit for bit only with one thread; the setting holds where nothing has run in this process yet."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """48 clips of one second: tones and clicks. Global pooling sees textures, not pitches."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(48):
        label = ("tone", "clicks")[i % 2]
        t = np.arange(16_000) / 16_000
        wave = np.sin(2 * np.pi * rng.uniform(300, 3000) * t)
        if label == "clicks":
            wave = rng.standard_normal(t.size) * (np.sin(2 * np.pi * rng.uniform(4, 8) * t) > 0.8)
        wave += 0.02 * rng.standard_normal(t.size)
        soundfile.write(folder / f"{i}.wav", 0.2 * wave, 16_000)
        rows.append((f"{i}.wav", f"s{i % 6}", label))
    clips = pd.DataFrame(rows, columns=["file", "speaker", "label"])
    chunks, problems = build(clips["file"], Decoded(folder), 1.0, FrontEnd(), folder / "s.npy")
    assert problems.empty
    labels = pd.Categorical(clips["label"], ["tone", "clicks"]).codes.astype(int)
    return clips, chunks, Spectrograms(folder / "s.npy", chunks), labels, folder


def trainer_on(corpus, **changes):
    backbone = load_backbone("squeezenet_v1", seed=3)
    return Trainer(corpus[2], backbone, 2, replace(RECIPE, **changes))


@pytest.fixture(scope="module")
def trainer(corpus):
    return trainer_on(corpus)


@pytest.fixture(scope="module")
def another(corpus):
    """A trainer as another process has it: of a fit that was cut short it knows the checkpoint alone."""
    return trainer_on(corpus)


@pytest.fixture(scope="module")
def features(corpus, trainer):
    return trainer.extract(np.arange(48))


def examples(corpus):
    return Examples(np.arange(32), np.arange(32, 48), corpus[3], np.arange(48))


@pytest.fixture(scope="module")
def whole(corpus, trainer, features):
    """A fit with both augmentations and seed 1 that was never interrupted."""
    return trainer.fit(examples(corpus), features, "both", 1)


@pytest.mark.parametrize("augment", ["none", "both"])
def test_fit_learns_what_can_be_learnt(corpus, trainer, features, tmp_path, monkeypatch, augment):
    monkeypatch.setattr(trainer, "recipe", replace(RECIPE, epochs=(40, 2)))
    outcome = trainer.fit(examples(corpus), features, augment, 1, tmp_path / "c.npz")
    right = outcome.probabilities.argmax(axis=1) == corpus[3][32:]
    assert right.mean() >= 0.9
    assert outcome.history["phase"].tolist() == [1] * 40 + [2] * 2
    assert outcome.history["epoch"].tolist() == list(range(1, 43))
    assert outcome.history["loss"].iloc[-1] < outcome.history["loss"].iloc[0]
    assert outcome.history["dev_decided"].iloc[-1] == outcome.probabilities.argmax(axis=1).tolist()


@pytest.mark.parametrize("loss", ["ccc", "mse"])
def test_fit_learns_numbers_in_their_unit(corpus, features, loss):
    numbers, how = 10.0 + 20.0 * corpus[3], replace(RECIPE, epochs=(40, 2), batch=4, loss=loss)
    trainer = Trainer(corpus[2], load_backbone("squeezenet_v1", seed=3), 0, how)
    outcome = trainer.fit(replace(examples(corpus), labels=numbers), features, "both", 1)
    said = outcome.probabilities[:, 0]
    assert main_score(numbers[32:], said) > 0.8
    assert outcome.history["accuracy"].isna().all() and np.isfinite(outcome.history["loss"]).all()
    assert outcome.history["dev_decided"].iloc[-1] == pytest.approx(said.tolist())
    wave, _ = soundfile.read(corpus[4] / "32.wav", dtype="float32")
    assert float(trainer.model()(wave[None])[0, 0]) == pytest.approx(said[0], abs=0.05)


def test_fits_repeat_and_seeds_differ(corpus, trainer, features, whole, tmp_path):
    other, again = (
        trainer.fit(examples(corpus), features, "both", seed, tmp_path / "c.npz").probabilities for seed in (2, 1)
    )
    np.testing.assert_array_equal(whole.probabilities, again)
    assert np.abs(whole.probabilities - other).max() > 1e-4


@pytest.mark.parametrize("stop", [2, 5])
def test_resumed_fit_is_the_one_that_was_not_interrupted(
    corpus, trainer, another, features, whole, tmp_path, monkeypatch, stop
):  # fmt: skip
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)

    def kill(done, total, text, rows):
        if done == stop:
            raise KeyboardInterrupt

    file = tmp_path / "cut.npz"
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(examples(corpus), features, "both", 1, file, "me", progress=kill)
    assert file.exists()
    epochs = []
    resumed = another.fit(
        examples(corpus), features, "both", 1, file, "me", progress=lambda done, *_: epochs.append(done)
    )
    assert epochs[0] == stop
    np.testing.assert_array_equal(resumed.probabilities, whole.probabilities)
    columns = ["phase", "epoch", "loss", "accuracy", "dev_decided"]
    pd.testing.assert_frame_equal(resumed.history[columns], whole.history[columns])


def test_checkpoint_of_another_fit_is_not_used(corpus, trainer, features, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    file = tmp_path / "c.npz"
    trainer.fit(examples(corpus), features, "none", 1, file, "one")
    epochs = []
    trainer.fit(examples(corpus), features, "none", 1, file, "two", progress=lambda done, *_: epochs.append(done))
    assert epochs[0] == 1


def test_frozen_phase_leaves_the_base_model_and_second_phase_moves_its_tail_alone(corpus, trainer, features):
    frozen = trainer_on(corpus, epochs=(2, 0))
    before = frozen.backbone.model.get_weights()
    frozen.fit(examples(corpus), features, "both", 1)
    assert all((a == b).all() for a, b in zip(before, frozen.backbone.model.get_weights(), strict=True))
    assert frozen.trained_layers == 0
    trainer.fit(examples(corpus), features, "none", 1)
    model = trainer.backbone.model
    pairs = zip(before, model.get_weights(), model.weights, strict=True)
    moved = {weight.path.split("/")[0] for old, new, weight in pairs if not np.array_equal(old, new)}
    assert moved == {"fire9_expand1x1", "fire9_expand3x3"} and trainer.trained_layers == 6


def test_unaugmented_pictures_pass_the_frozen_base_model_once(corpus, trainer, features, tmp_path, monkeypatch):
    passed = {0: [], 1: []}
    frozen = [
        lambda pictures, phase=phase, real=real: passed[phase].append(len(pictures)) or real(pictures)
        for phase, real in enumerate(trainer._frozen)
    ]
    monkeypatch.setattr(trainer, "_frozen", frozen)
    monkeypatch.setattr(trainer, "_handed_over", None)
    monkeypatch.setattr(trainer, "recipe", replace(RECIPE, epochs=(10, 6)))
    trainer.fit(examples(corpus), features, "none", 1)
    assert (sum(passed[0]), sum(passed[1])) == (0, 48), "every chunk once, in the second phase only"
    trainer.fit(examples(corpus), features, "both", 1)
    assert 0.15 < sum(passed[0]) / (10 * 32) < 0.40 and 0.15 < (sum(passed[1]) - 48) / (6 * 32) < 0.40


def test_fit_is_the_same_without_room_for_the_cache(corpus, trainer, features, whole, monkeypatch):
    monkeypatch.setattr(training, "CACHE_BYTES", 0)
    monkeypatch.setattr(trainer, "_handed_over", None)
    np.testing.assert_allclose(
        trainer.fit(examples(corpus), features, "both", 1).probabilities, whole.probabilities, atol=1e-4
    )


OURS = {"units": 0, "dropout": 0.0, "optimiser": "adamw", "learning_rate": 0.01, "schedule": "cosine", "decay": 0.2,
        "clip": 0.5, "smoothing": 0.1, "class_weights": True, "standardise": True, "batch": 8}  # fmt: skip


def test_the_first_phase_of_our_recipe_is_what_keras_makes_of_the_same_words(corpus, features):
    uneven = Examples(np.arange(30)[np.arange(30) % 8 != 1], np.arange(32, 48), corpus[3], np.arange(48))
    labels, steps = corpus[3], 3 * 4
    trainer = trainer_on(corpus, **OURS, epochs=(3, 0))
    trainer.fit(uneven, features, "none", 5)
    x = StandardScaler().fit(features[uneven.train]).transform(features).astype(np.float32)
    network = keras.Sequential(
        [keras.Input(x.shape[1:]), keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(5002))]
    )
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.2, global_clipnorm=0.5)
    network.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1))
    counts = compute_class_weight("balanced", classes=np.arange(2), y=labels[uneven.train])
    step = 0
    for epoch in range(3):
        order = np.random.default_rng([5, 2, epoch]).permutation(uneven.train)
        assert sorted(order) == sorted(uneven.train), "nothing is repeated where weights balance the classes"
        for start in range(0, len(order), 8):
            batch, done = order[start : start + 8], step / steps
            optimizer.learning_rate = 0.01 * (done / 0.1 if done < 0.1 else np.cos(np.pi * (done - 0.1) / 1.8) ** 2)
            network.train_on_batch(x[batch], np.eye(2)[labels[batch]], sample_weight=counts[labels[batch]])
            step += 1
    assert step == steps
    for ours, theirs in zip(trainer.head.output_layer.weights, network.layers[-1].weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_our_second_phase_repeats_resumes_and_sees_no_plot_as_it_is(corpus, features, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    ours = OURS | {"dropout": 0.3, "shift": 0.2, "light_masks": (0.2, 0.2), "epochs": (1, 3), "learning_rate": 0.002}
    trainer = trainer_on(corpus, **ours)
    seen = []
    vary = trainer._vary
    monkeypatch.setattr(trainer, "_vary", lambda pictures, key: seen.append(vary(pictures, key)) or seen[-1])
    first = trainer.fit(examples(corpus), features, "none", 1)
    plain = trainer.pictures(np.arange(32)).numpy()
    assert sum(map(len, seen)) == 3 * 32
    unchanged = sum((picture.numpy() == plain).all(axis=(1, 2, 3)).any() for part in seen for picture in part[:, None])
    assert unchanged <= 6, "a quarter has no mask, and few of these are rotated by less than half a pixel"

    def kill(done, total, text, rows):
        if done == 2:
            raise KeyboardInterrupt

    for augment in ("none", "both"):
        whole = first if augment == "none" else trainer.fit(examples(corpus), features, augment, 1)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(examples(corpus), features, augment, 1, tmp_path / f"{augment}.npz", augment, progress=kill)
        again = trainer_on(corpus, **ours).fit(
            examples(corpus), features, augment, 1, tmp_path / f"{augment}.npz", augment
        )
        np.testing.assert_array_equal(again.probabilities, whole.probabilities)
    assert np.abs(whole.probabilities - first.probabilities).max() > 1e-4


@pytest.fixture(scope="module")
def base_models():
    return cache(lambda name: load_backbone(name, seed=0).model)


@pytest.mark.parametrize(
    "name, last", [("densenet121", 298), ("densenet121", 42), ("mobilenet_v2", 46), ("squeezenet_v1", 62)]
)
def test_stem_and_tail_are_the_base_model(base_models, name, last):
    model = base_models(name)
    pictures = np.random.default_rng(0).standard_normal((2, 224, 224, 3)).astype(np.float32)
    stem, tail = split(model, last)
    np.testing.assert_allclose(tail(stem(pictures)), model(pictures), rtol=1e-4, atol=1e-5)


def test_a_share_of_one_and_no_first_phase_train_from_scratch(corpus, features):
    trainer = trainer_on(corpus, epochs=(0, 1), share=1.0)
    before = trainer.backbone.model.get_weights()
    assert trainer.fit(examples(corpus), features, "none", 1).history["phase"].tolist() == [2]
    assert not any(np.array_equal(a, b) for a, b in zip(before, trainer.backbone.model.get_weights(), strict=True))


def test_the_second_phase_has_the_rate_that_is_asked_for(corpus, features):
    rates = ((0.001, 0.1), (0.0002, 0.5), (0.001, 0.5))
    usual, same, other = (
        trainer_on(corpus, epochs=(0, 1), learning_rate=first, second_rate=second)
        .fit(examples(corpus), features, "none", 1)
        .probabilities
        for first, second in rates
    )
    np.testing.assert_array_equal(usual, same)
    assert np.abs(usual - other).max() > 1e-4


def test_features_are_those_of_the_assembled_model(corpus, trainer, features, tmp_path):
    trainer.fit(examples(corpus), features, "none", 1)
    outcome = trainer.fit(examples(corpus), features, "none", 1)
    waves = np.stack([soundfile.read(corpus[4] / f"{i}.wav", dtype="float32")[0] for i in range(32, 48)])
    np.testing.assert_allclose(trainer.model()(waves), outcome.probabilities, atol=2e-4)


def test_upsampling_makes_classes_equal_and_keeps_every_chunk():
    labels = np.array([0] * 10 + [1] * 3 + [2] * 1 + [0] * 5)
    indices = np.arange(14)
    more = upsample(indices, labels, seed=0)
    assert np.bincount(labels[more]).tolist() == [10, 10, 10]
    assert set(more) == set(indices)
    assert set(more[labels[more] == 1]) == {10, 11, 12}, "the last chunk of a class is drawn too"
    np.testing.assert_array_equal(more, upsample(indices, labels, seed=0))


def test_prediction_table_has_a_row_per_file():
    clips = pd.DataFrame({"file": ["a", "b", "c"], "speaker": ["x", "", "z"], "label": ["u", "v", "u"]})
    chunks = pd.DataFrame({"file": ["a", "a", "b", "c"], "padded": [False, False, True, False]})
    probabilities = np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1]])
    table = predictions(clips, chunks, np.array([0, 1, 2]), probabilities, ["u", "v"])
    assert table["file"].tolist() == ["a", "b"] and table["predicted"].tolist() == ["v", "u"]
    assert table["chunks"].tolist() == [2, 1] and table["padded"].tolist() == [False, True]
    np.testing.assert_allclose(table[["p_u", "p_v"]], [[0.3, 0.7], [0.9, 0.1]], rtol=1e-6)
    assert table["speaker"].tolist() == ["x", ""] and table["label"].tolist() == ["u", "v"]


def test_full_profile_is_table_2():
    for name, row in TABLE2.items():
        assert int(427 * row["share"]) == row["fine_tuned"], name
        full = recipe(name, "full")
        assert (full.optimiser, full.epochs, full.units, full.chunk) == (
            "adadelta", tuple(row["epochs"]), row["units"], row["chunk"])  # fmt: skip
    assert [TABLE2[n]["fine_tuned"] for n in TABLE2] == [298, 0, 128, 298, 128, 85, 42, 128]
    assert recipe("css", "demo").epochs[1] == 0 and recipe("ravdess", "demo").optimiser == "adam"
    assert recipe("my own", "full").epochs == (40, 120)
    with pytest.raises(ValueError, match="quick.*demo, full"):
        recipe("ccs", "quick")


def test_a_fit_goes_on_from_a_fitted_model_and_not_from_its_own_beginning(corpus, trainer, features, whole):
    trainer.fit(examples(corpus), features, "both", 1)  # the trainer now holds the model of `whole`
    backbone, head = taken_up(trainer.model(), load_backbone("squeezenet_v1", seed=4))
    slow = replace(RECIPE, epochs=(0, 1), learning_rate=1e-9)
    again = Trainer(corpus[2], backbone, 2, slow, head=[weight.copy() for weight in head])
    found = again.fit(examples(corpus), features, "none", 7)
    np.testing.assert_allclose(found.probabilities, whole.probabilities, atol=1e-4)


def test_a_teacher_says_of_every_plot_what_is_learnt_instead_of_its_label(corpus):
    asked = []

    class Teacher(keras.layers.Layer):
        def call(self, pictures):
            asked.append(pictures.shape)
            return tf.tile([[0.2, 0.8]], [tf.shape(pictures)[0], 1])

    entry = keras.Input((224, 224, 3))
    teacher = keras.Model(entry, Teacher()(entry))
    how = replace(RECIPE, epochs=(0, 10), batch=4, second_rate=1.0, dropout=0.0)
    taught = Trainer(corpus[2], load_backbone("squeezenet_v1", seed=3), 2, how, teacher=teacher)
    found = taught.fit(examples(corpus), taught.extract(np.arange(48)), "none", 1)

    np.testing.assert_allclose(found.probabilities.mean(axis=0), [0.2, 0.8], atol=0.1)
    assert found.history["loss"].iloc[-1] == pytest.approx(-0.2 * np.log(0.2) - 0.8 * np.log(0.8), abs=0.1)


def test_a_model_from_the_plot_on_says_what_the_whole_says(trainer, tmp_path):
    waves = 0.1 * np.random.default_rng(0).standard_normal((3, 16_000)).astype(np.float32)
    trainer.model().save(tmp_path / "model.keras")
    model = load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(onwards(model)(model.get_layer("plot")(waves)), model(waves), atol=1e-5)
