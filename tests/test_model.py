"""Base models, head and assembly."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dslite.backbones import BACKBONES, load_backbone, train_last
from dslite.errors import DsliteError
from dslite.model import AReLU, Head, assemble, load_model
from dslite.spectrogram import MelPlot
from dslite.weights import WEIGHTS_FILES, WeightsFile, fetch_weights, find_weights


def random_backbone(name="squeezenet_v1", seed=0):
    return load_backbone(name, seed=seed)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Whatever lies in this machine's Keras cache is not part of a test."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.mark.parametrize("name, layers, parameters, width", [
    ("densenet121", 427, 7_037_504, 1024), ("mobilenet_v2", 154, 2_257_984, 1280), ("squeezenet_v1", 62, 722_496, 512),
])  # fmt: skip
def test_size_of_base_models(name, layers, parameters, width):
    backbone = random_backbone(name)
    assert (len(backbone.model.layers), backbone.model.count_params(), backbone.width) == (
        layers,
        parameters,
        width,
    )
    assert backbone.weights == "random" and WEIGHTS_FILES[name].file in backbone.source


@pytest.mark.parametrize(
    "last, parameters", [(299, 5_792_704), (129, 2_889_664), (43, 934_464), (427, 6_953_856), (0, 0)]
)
def test_last_layers_of_densenet_are_trained(last, parameters):
    # The counts are those of the released code's reading, which freezes one layer less than Table 2 names.
    model = random_backbone("densenet121").model
    train_last(model, 10)  # freezing twice must not leave layers behind
    assert sum(int(np.prod(v.shape)) for v in train_last(model, last)) == parameters


@pytest.mark.parametrize("name", BACKBONES)
def test_normalisation_is_keras_own(name):
    backbone = random_backbone(name)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3)).astype(np.float32)
    ours = keras.layers.Rescaling(backbone.scale, backbone.offset)(picture).numpy()
    if name == "squeezenet_v1":  # caffe's way turns RGB to BGR; here the first kernel is turned instead
        theirs = keras.applications.vgg16.preprocess_input(picture.copy())[..., ::-1]
    else:
        module = {
            "densenet121": keras.applications.densenet,
            "mobilenet_v2": keras.applications.mobilenet_v2,
        }[name]
        theirs = module.preprocess_input(picture.copy())
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(backbone.colour() * backbone.scale + backbone.offset, 0, atol=1e-4)


def test_random_weights_follow_the_seed():
    first, again, other = (random_backbone(seed=seed).model.get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not (first[0] == other[0]).all()


def test_squeezenet_reads_its_legacy_file(squeezenet_weights):
    backbone = load_backbone("squeezenet_v1", find_weights("squeezenet_v1", squeezenet_weights))
    assert backbone.weights == "imagenet"
    kernel = backbone.model.get_layer("conv1").get_weights()[0]
    # Trained first-layer filters are smooth and opponent: a random file or a wrong order of layers is not.
    assert np.abs(kernel.sum(axis=(0, 1))).mean() < np.abs(kernel).sum(axis=(0, 1)).mean() / 2
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3)).astype(np.float32)
    features = backbone.model(pictures + np.array(backbone.offset, np.float32)).numpy()
    assert np.isfinite(features).all() and 0.1 < features.mean() < 100


def test_file_that_is_no_weights_is_named(tmp_path):
    bad = tmp_path / WEIGHTS_FILES["squeezenet_v1"].file
    bad.write_bytes(b"not HDF5")
    with pytest.raises(DsliteError, match=bad.name):
        load_backbone("squeezenet_v1", find_weights("squeezenet_v1", tmp_path))


def test_weights_are_fetched_whole_or_not_at_all(tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.mkdir()
    (there / "w.h5").write_bytes(b"weights")
    for md5, expected in (("0" * 32, None), ("", tmp_path / "keras" / "models" / "w.h5")):
        monkeypatch.setitem(WEIGHTS_FILES, "squeezenet_v1", WeightsFile("w.h5", there.as_uri() + "/", md5))
        assert fetch_weights("squeezenet_v1") == expected
        assert find_weights("squeezenet_v1") == expected
    monkeypatch.setitem(WEIGHTS_FILES, "squeezenet_v1", WeightsFile("gone.h5", there.as_uri() + "/", ""))
    assert fetch_weights("squeezenet_v1") is None and not list((tmp_path / "keras").rglob(".*"))


def test_unknown_base_model_is_refused():
    with pytest.raises(DsliteError, match="vgg99.*densenet121"):
        load_backbone("vgg99")


def test_arelu_follows_its_formula_and_learns():
    layer = AReLU()
    x = np.array([[-2.0, -0.5, 0.0, 1.0, 3.0]], np.float32)
    positive, negative = 1 + 1 / (1 + np.exp(-2.0)), 0.9
    np.testing.assert_allclose(layer(x), np.where(x >= 0, positive * x, negative * x), rtol=1e-6)
    assert positive == pytest.approx(1.8808, abs=1e-4)
    layer.alpha.assign(1.7)
    np.testing.assert_allclose(layer(x)[0, 0], -2.0 * 0.99, rtol=1e-6)
    layer.alpha.assign(0.5)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x))
    gradients = tape.gradient(y, [layer.alpha.value, layer.beta.value])
    assert float(gradients[0]) == pytest.approx(-2.5) and float(gradients[1]) > 0


def test_dropout_is_a_function_of_its_seed():
    head = Head(64, 3, 0.5)
    x = np.ones((4, 8), np.float32)
    plain, one, same, other = head(x), head(x, seed=[1, 2]), head(x, seed=[1, 2]), head(x, seed=[1, 3])
    assert (one.numpy() == same.numpy()).all()
    assert not (one.numpy() == other.numpy()).all() and not (one.numpy() == plain.numpy()).all()
    assert (head(x).numpy() == plain.numpy()).all()


def test_whole_model_survives_saving(tmp_path):
    head = Head(16, 3, 0.25, name="head")
    model = assemble(MelPlot(name="plot"), random_backbone(), head)
    head.activation.alpha.assign(0.3)
    wave = np.random.default_rng(0).standard_normal((2, 16_000)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(wave), model(wave))
    np.testing.assert_allclose(np.sum(model(wave), axis=1), 1, rtol=1e-5)
    assert float(loaded.get_layer("head").activation.alpha) == pytest.approx(0.3)
    assert model.count_params() == 722_496 + (512 * 16 + 16) + 2 + (16 * 3 + 3)
