"""Every base model: its entry against Keras' own, and what training and export ask of its network.

``python -m benchmarks.base_models`` asks all of it of all of them; here large ones are built and cut only, and
those with the largest graphs, where a smaller one is of the same family, not even that.
"""

import inspect
import re

import keras
import numpy as np
import pytest
from keras.src.applications import densenet, nasnet
from keras.src.utils import file_utils

from benchmarks.base_models import exported, with_rows, wrong_as_network
from dslite.backbones import base_model, names
from dslite.network import mask_colour

BGR = ("resnet50", "squeezenet_v1", "vgg16", "vgg19")
"""Those whose ``preprocess_input`` turns RGB; here the first kernel is turned instead."""


def preprocessed(name: str, rgb: np.ndarray) -> np.ndarray:
    """Pictures as those who trained a base model normalise them, RGB or BGR."""
    if name == "efficientnet_lite0":
        return (rgb - 127) / 128
    if name == "mobilenet_v3_small":  # Keras' function does nothing, as the network has a layer for it
        return keras.applications.MobileNetV3Small(include_top=False, weights=None).layers[1](rgb).numpy()
    module = "vgg16" if name == "squeezenet_v1" else re.sub(r"(?<=densenet)\d+|(?<=nasnet)_\w+", "", name)
    return getattr(keras.applications, module).preprocess_input(rgb.copy())


def pictures(side: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32)


@pytest.mark.parametrize("name", names())
def test_normalisation_is_keras_own(name):
    base = base_model(name)
    ours = keras.layers.Rescaling(base.scale, base.offset)(pictures(4)).numpy()
    theirs = preprocessed(name, pictures(4))
    np.testing.assert_allclose(ours, theirs[..., ::-1] if name in BGR else theirs, atol=1e-4)
    np.testing.assert_allclose(mask_colour(base) * base.scale + base.offset, 0, atol=1e-4)


@pytest.mark.parametrize("name", sorted({*names()} - {"squeezenet_v1", "efficientnet_lite0"}))
def test_published_weights_see_the_colours_that_they_were_trained_on(name, tmp_path):
    """A layer stands for the network; the two that are left out read files of other kinds and name photographs."""
    theirs, ours = (keras.Sequential([keras.Input((9, 9, 3)), keras.layers.Conv2D(4, 3)]) for _ in range(2))
    theirs.save_weights(tmp_path / "a.weights.h5")
    base = base_model(name)
    base.load(ours, tmp_path / "a.weights.h5")
    normalised = pictures(9) * np.float32(base.scale) + np.float32(base.offset)
    wanted = theirs(preprocessed(name, pictures(9))).numpy()
    np.testing.assert_allclose(ours(normalised), wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize(("name", "fill"), [
    ("vgg16", 0.5), ("resnet50", (123.68, 116.779, 103.939)), ("densenet169", (0.485, 0.456, 0.406)),
    ("inception_v3", 0.0), ("mobilenet_v3_small", 0.5),
])  # fmt: skip
def test_the_released_code_fills_masks_by_family(name, fill):
    """In the order of RGB: of the networks for BGR it has the means in the other order, as its pictures are."""
    base = base_model(name)
    np.testing.assert_allclose(mask_colour(base, "released") * base.scale + base.offset, np.full(3, fill), atol=1e-4)


@pytest.fixture
def published(monkeypatch):
    """URL and MD5 of what Keras asks for where its networks are built with ImageNet weights, as here all are."""
    asked = []
    for builder in {name for name in vars(keras.applications) if name[0].isupper()}:
        own = getattr(keras.applications, builder)
        monkeypatch.setattr(
            keras.applications, builder, lambda *args, own=own, **more: own(*args, **more | {"weights": "imagenet"})
        )
    monkeypatch.setattr(file_utils, "get_file", lambda _, url, file_hash="", **more: asked.append((url, file_hash)))
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_: None)
    return asked


@pytest.mark.parametrize(("name", "layers", "parameters", "width"), [
    ("densenet121", 427, 7_037_504, 1024),
    ("efficientnet_lite0", 141, 3_413_024, 1280),
    ("inception_resnet_v2", 780, 54_336_736, 1536),
    ("inception_v3", 311, 21_802_784, 2048),
    ("mobilenet", 86, 3_228_864, 1024),
    ("mobilenet_v2", 154, 2_257_984, 1280),
    ("mobilenet_v3_small", 156, 939_120, 576),
    ("nasnet_mobile", 769, 4_269_716, 1056),
    ("resnet50", 175, 23_587_712, 2048),
    ("squeezenet_v1", 62, 722_496, 512),
    ("vgg16", 19, 14_714_688, 512),
    ("vgg19", 22, 20_024_384, 512),
    ("xception", 132, 20_861_480, 2048),
])  # fmt: skip
def test_network(name, layers, parameters, width, published):
    base = base_model(name)
    net = base.build()
    assert (len(net.layers), net.count_params(), net.output_shape[-1]) == (layers, parameters, width)
    if name not in ("efficientnet_lite0", "squeezenet_v1"):
        assert published == [(base.url + base.file, base.md5)]
    assert wrong_as_network(net) == []


@pytest.mark.parametrize(
    ("name", "module"), [("densenet169", densenet), ("densenet201", densenet), ("nasnet_large", nasnet)]
)
def test_weights_of_those_that_are_not_built(name, module):
    base = base_model(name)
    assert base.url + base.file in vars(module).values() and base.md5 in inspect.getsource(module)


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet_v3_small"])
def test_saved_and_exported(name, tmp_path):
    _, made, wrong = exported(name, 16_000, tmp_path)
    assert wrong == [] and made.wrong == {"float32": [], "int8": []}


def test_rows_that_were_not_made_anew_stay():
    page = "# x\n<!-- table of python -m benchmarks.base_models -->\n<!-- end of table -->\nend"
    first = dict.fromkeys(("base model", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"), "")
    for title, value in (("B", "1"), ("A", "2"), ("B", "3")):
        page = with_rows(page, {title: first | {"base model": title, "a": value}})
    rows = [line.split(" | ")[:2] for line in page.splitlines() if line.startswith(("| A", "| B"))]
    assert rows == [["| A", "2"], ["| B", "3"]] and page.endswith("<!-- end of table -->\nend")
