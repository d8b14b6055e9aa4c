"""Base models, head and assembly."""

import io
import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace
from functools import cache
from types import ModuleType

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image
from sklearn.preprocessing import StandardScaler

from dslite import backbones
from dslite.backbones import base_model, names
from dslite.errors import DsliteError
from dslite.model import AReLU, Head, assemble, load_model
from dslite.network import folded, load_backbone, split, train_last
from dslite.reporting.provenance import provenance_line
from dslite.run.options import parse
from dslite.run.resolve import resolve
from dslite.spectrogram import MelPlot
from dslite.torch_file import read_tensors
from dslite.weights import fetch_weights, find_weights


def random_backbone(name="squeezenet_v1", seed=0):
    return load_backbone(name, seed=seed)


untouched = cache(random_backbone)
"""For tests that leave its weights as they are; building DenseNet121 takes seconds."""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Whatever lies in this machine's Keras cache is not part of a test."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.mark.parametrize(
    "last, parameters", [(299, 5_792_704), (129, 2_889_664), (43, 934_464), (427, 6_953_856), (0, 0)]
)
def test_last_layers_of_densenet_are_trained(last, parameters):
    # The counts are those of the released code's reading, which freezes one layer less than Table 2 names.
    model = untouched("densenet121").model
    train_last(model, 10)  # freezing twice must not leave layers behind
    assert sum(int(np.prod(v.shape)) for v in train_last(model, last)) == parameters


def test_random_weights_follow_the_seed():
    made = untouched("mobilenet_v2")
    assert made.weights == "random" and base_model("mobilenet_v2").file in made.source
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


@pytest.mark.parametrize(("name", "gone", "cuts"), [
    ("efficientnet_lite0", 49, (20, 100)), ("densenet121", 59, (20,)), ("squeezenet_v1", 0, (30,)),
])  # fmt: skip
def test_folded_says_the_same_with_fewer_layers(name, gone, cuts):
    model, rng = random_backbone(name).model, np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.set_weights(
                [rng.uniform(0.5, 1.5, shape), *rng.normal(0, 0.1, (2, *shape)), rng.uniform(1, 2, shape)]
            )
    before = model.get_weights()
    pictures = rng.normal(0, 1, (2, 224, 224, 3)).astype(np.float32)
    for part in (model, *(split(model, cut)[0] for cut in cuts)):
        wanted, found = (keras.tree.flatten(m(pictures, training=False)) for m in (part, folded(part)))
        assert len(wanted) == len(found)
        for one, other in zip(wanted, found, strict=True):
            scale = np.abs(one).max()
            assert scale > 0 and np.abs(one - other).max() < 1e-4 * scale
    assert len(folded(model).layers) == len(model.layers) - gone
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)), "the model itself stays"


def test_a_normalisation_without_scale_is_folded():
    picture, rng = keras.Input((8, 8, 3)), np.random.default_rng(0)
    x = keras.layers.Conv2D(4, 3)(picture)
    model = keras.Model(picture, keras.layers.BatchNormalization(scale=False)(x))
    model.layers[-1].set_weights(list(rng.uniform(0.5, 1.5, (3, 4))))
    pictures = rng.normal(0, 1, (2, 8, 8, 3)).astype(np.float32)
    assert len(folded(model).layers) == 2
    np.testing.assert_allclose(folded(model)(pictures), model(pictures, training=False), atol=1e-5)


@pytest.mark.parametrize("normalised", [True, False])
def test_folded_for_int8_rounds_inputs_to_256_values_and_weights_to_255_per_channel(normalised):
    rng, entry = np.random.default_rng(0), keras.Input((6, 6, 3))
    own = keras.layers.Conv2D(4, 3, padding="valid", activation=None if normalised else "relu")
    norm = keras.layers.BatchNormalization()
    model = keras.Model(entry, norm(own(entry)) if normalised else own(entry))
    kernel, bias = rng.standard_normal((3, 3, 3, 4)), rng.standard_normal(4)
    own.set_weights([kernel, bias])
    gamma, beta, mean, variance = rng.uniform(0.5, 2, (4, 4))
    if normalised:
        norm.set_weights([gamma, beta, mean, variance])
        factor = gamma / np.sqrt(variance + norm.epsilon)
        kernel, bias = kernel * factor, beta + (bias - mean) * factor
    pictures = rng.uniform(-1, 2, (2, 6, 6, 3)).astype(np.float32)
    step, low = np.ptp(pictures) / 255, pictures.min()
    zero = np.round(-low / step)
    rounded = (np.clip(np.round(pictures / step + zero), 0, 255) - zero) * step
    scale = np.abs(kernel).max(axis=(0, 1, 2)) / 127
    patches = np.lib.stride_tricks.sliding_window_view(rounded, (3, 3), axis=(1, 2))
    wanted = np.einsum("nxycij,ijco->nxyo", patches, np.round(kernel / scale) * scale) + bias
    wanted = wanted if normalised else np.maximum(wanted, 0)
    np.testing.assert_allclose(folded(model, True)(pictures), wanted, atol=2e-2)  # a value between two may go to either
    assert np.abs(folded(model, True)(pictures) - wanted).mean() < 2e-4
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(folded(model, True)(pictures) ** 2)
    assert all(np.abs(g).max() > 0 for g in tape.gradient(loss, [v.value for v in model.trainable_variables]))


def test_a_depthwise_convolution_is_folded_for_int8_by_channel():
    rng, entry = np.random.default_rng(0), keras.Input((6, 6, 3))
    own = keras.layers.DepthwiseConv2D(3, use_bias=False)
    model = keras.Model(entry, own(entry))
    kernel = rng.standard_normal((3, 3, 3, 1)) * np.array([0.01, 1.0, 100.0])[:, None]
    own.set_weights([kernel])
    pictures = np.round(rng.uniform(0, 1, (1, 6, 6, 3)) * 255).astype(np.float32) / 255
    found, exact = folded(model, True)(pictures).numpy(), model(pictures).numpy()
    spread = np.abs(exact).max(axis=(0, 1, 2))
    assert (np.abs(found - exact).max(axis=(0, 1, 2)) < 0.03 * spread).all(), (
        "the smallest channel has steps of its own"
    )


def test_what_is_folded_learns_alike():
    """Its weights are the model's own, and their gradients are those that the model itself has."""
    model, rng = random_backbone("efficientnet_lite0").model, np.random.default_rng(0)
    trained = train_last(model, 20)
    tail = split(model, 20)[1]
    crossing = [rng.normal(0, 1, (2, *tensor.shape[1:])).astype(np.float32) for tensor in tail.inputs]
    found = []
    for part in (tail, folded(tail)):
        with tf.GradientTape() as tape:
            out = tf.reduce_mean(tf.reduce_mean(tf.square(part(crossing, training=False)), axis=[1, 2]), axis=0)
            value = tf.reduce_sum(out * np.arange(out.shape[0]))
        found.append(tape.gradient(value, [variable.value for variable in trained]))
    assert len(trained) == len(found[0]) > 10
    for one, other in zip(*found, strict=True):
        largest = np.abs(one).max()
        assert largest > 0 and np.abs(one - other).max() < 1e-4 * largest
    gamma = next(variable for variable in trained if variable.name == "gamma")
    before = [np.asarray(part(crossing, training=False)) for part in (tail, folded(tail))]
    gamma.assign(2 * gamma)
    after = [np.asarray(part(crossing, training=False)) for part in (tail, folded(tail))]
    assert not np.allclose(before[1], after[1]) and np.allclose(
        after[0], after[1], rtol=1e-3, atol=1e-3 * after[0].max()
    )


@pytest.mark.parametrize(("photograph", "said"), [("flower.jpg", 985), ("china.jpg", 698)])  # daisy, palace
def test_efficientnet_names_photographs(photograph, said):
    """With the top that is in the same file: kernels that are read in a wrong order say the same of every picture."""
    file = find_weights("efficientnet_lite0")
    backbone, tensors = load_backbone("efficientnet_lite0", file), read_tensors(file)
    assert backbone.model.count_params() == 3_413_024 and backbone.weights == "imagenet"
    photo = Image.fromarray(load_sample_image(photograph))
    side = min(photo.size)
    left, top = ((length - side) // 2 for length in photo.size)
    rgb = np.asarray(photo.crop((left, top, left + side, top + side)).resize((224, 224)), np.float32)
    pooled = backbone.model(rgb[None] * backbone.scale + np.array(backbone.offset)).numpy().mean((1, 2))[0]
    assert (tensors["_fc.weight"] @ pooled + tensors["_fc.bias"]).argmax() == said


def torch_bytes(entry, storage=b"", count=None) -> bytes:
    """A file as ``torch.save`` wrote it before 1.6, of one state dict that ``entry`` writes the tensor of."""

    class Writer(pickle._Pickler):
        def persistent_id(self, thing):
            return thing.pid if isinstance(thing, Storage) else None

    file = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {}, {"kernel": entry}, ["k0"]):
        Writer(file, 2).dump(part)
    return file.getvalue() + (len(storage) // 4 if count is None else count).to_bytes(8, "little") + storage


class Storage:
    def __init__(self, monkeypatch):
        kind = type("FloatStorage", (), {"__module__": "torch"})
        torch, utils = ModuleType("torch"), ModuleType("torch._utils")
        torch.FloatStorage, torch._utils = kind, utils
        utils._rebuild_tensor_v2 = _rebuild_tensor_v2
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setitem(sys.modules, "torch._utils", utils)
        self.pid = ("storage", kind, "k0", "cpu", 6, None)


def _rebuild_tensor_v2(*_):
    """Stands for PyTorch's function of this name, which the file only names."""


_rebuild_tensor_v2.__module__ = "torch._utils"


class Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return _rebuild_tensor_v2, self.arguments


def test_tensors_are_read_with_their_strides_and_nothing_else(tmp_path, monkeypatch):
    storage, file = Storage(monkeypatch), tmp_path / "weights.pth"
    numbers = np.arange(6, dtype="<f4")
    file.write_bytes(torch_bytes(Tensor(storage, 0, (3, 2), (1, 3), False, OrderedDict()), numbers.tobytes()))
    np.testing.assert_array_equal(read_tensors(file)["kernel"], numbers.reshape(2, 3).T)
    for content, reason in [
        (torch_bytes(Tensor(storage, 1, (3, 2), (1, 3), False, OrderedDict()), numbers.tobytes()), "outside"),
        (torch_bytes(Tensor(storage, 0, (3, 2), (1, 3), False, OrderedDict()), numbers.tobytes()[:-4], 6), "truncated"),
        (torch_bytes(os.system), "posix.system, which is no tensor"),
        (b"no pickle", "no file of tensors"),
        (b"", "no file of tensors"),
    ]:
        file.write_bytes(content)
        with pytest.raises(ValueError, match=f"weights.pth.*{reason}"):
            read_tensors(file)


def test_file_that_is_no_weights_is_named(tmp_path):
    bad = tmp_path / base_model("squeezenet_v1").file
    bad.write_bytes(b"not HDF5")
    with pytest.raises(DsliteError, match=bad.name):
        load_backbone("squeezenet_v1", find_weights("squeezenet_v1", tmp_path))


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A base model that is one more file; returns the folder that its weights are published in."""
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "toy_v9.py").write_text(f"""
from dslite.backbones import BaseModel

def build():
    import keras
    return keras.Sequential([keras.Input((224, 224, 3)), keras.layers.Conv2D(5, 3)])

BASE_MODEL = BaseModel(
    title="Toy v9",
    build=build,
    scale=(1.0,) * 3,
    offset=(-9.0,) * 3,
    file="toy.weights.h5",
    url={tmp_path.as_uri() + "/there/"!r},
    seconds=0.1,
)
""")
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(tmp_path / "entries")])
    monkeypatch.setattr(backbones, "toy_v9", None, raising=False)  # so that the import leaves nothing behind
    monkeypatch.setitem(sys.modules, "dslite.backbones.toy_v9", None)
    del sys.modules["dslite.backbones.toy_v9"]
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


def test_a_base_model_is_one_file(toy):
    assert "toy_v9" in names() and base_model("toy_v9").seconds == 0.1
    assert provenance_line({"backbone": "toy_v9", "weights": "random"}) == "Toy v9, RANDOM weights"
    assert resolve("ccs", backbone="toy_v9").backbone == parse(["--benchmark", "toy_v9"]).benchmark == "toy_v9"
    made = load_backbone("toy_v9", seed=1)
    assert (made.width, made.offset, made.weights) == (5, (-9.0,) * 3, "random")
    made.model.save_weights(toy / "toy.weights.h5")
    again = load_backbone("toy_v9", find_weights("toy_v9", toy), seed=2)
    assert again.weights == "imagenet" and (again.model.get_weights()[0] == made.model.get_weights()[0]).all()


def test_asking_which_base_models_there_are_imports_no_keras():
    code = "import sys; from dslite import backbones as b; [b.base_model(n) for n in b.names()]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "dslite.backbones.densenet121" in loaded and not {"keras", "tensorflow", "h5py"} & set(loaded)


def test_weights_are_fetched_whole_or_not_at_all(toy, tmp_path, monkeypatch):
    entry, place = base_model("toy_v9"), tmp_path / "keras" / "models" / "toy.weights.h5"
    assert fetch_weights("toy_v9") is None  # nothing is published
    (toy / "toy.weights.h5").write_bytes(b"weights")
    for md5, expected in (("0" * 32, None), ("", place)):
        monkeypatch.setattr("dslite.backbones.toy_v9.BASE_MODEL", replace(entry, md5=md5))
        assert fetch_weights("toy_v9") == find_weights("toy_v9") == expected
        assert not list((tmp_path / "keras").rglob(".*"))


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


def test_a_linear_head_on_standardised_features_survives_saving(tmp_path):
    features = np.random.default_rng(1).gamma(2.0, 3.0, (50, 512)).astype(np.float32)
    features[:, 7] = 4.0  # says nothing
    head = Head(0, 3, 0.5, standardise=True, name="head")
    model = assemble(MelPlot(name="plot"), random_backbone(), head)
    head.scale_to(features)
    kernel, bias = head.output_layer.get_weights()
    np.testing.assert_allclose(head(features), StandardScaler().fit_transform(features) @ kernel + bias, atol=1e-4)
    model.save(tmp_path / "model.keras")
    wave = np.random.default_rng(0).standard_normal((2, 16_000)).astype(np.float32)
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(wave), model(wave))
    assert len(head.trainable_variables) == 2 and model.count_params() == 722_496 + 2 * 512 + 512 * 3 + 3


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
