"""The base models: image CNNs without their top, pre-trained on ImageNet (paper, sections 2.1 and 5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from dslite.errors import DsliteError
from dslite.weights import WEIGHTS_FILES

SIZE = 224
"""Height and width of the pictures in pixels."""


@dataclass(frozen=True)
class Backbone:
    """A base model with what belongs to it.

    Attributes:
        name: key in :data:`BACKBONES`.
        model: (batch, 224, 224, 3) normalised pictures -> (batch, rows, columns, width).
        scale, offset: the base model's own normalisation: ``picture * scale + offset`` for RGB in 0-255, per channel.
        weights: ``"imagenet"`` or ``"random"``.
        source: the file that the weights were read from, or why there was none.
    """

    name: str
    model: keras.Model
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    weights: str
    source: str

    @property
    def width(self) -> int:
        """Number of features after global average pooling."""
        return self.model.output_shape[-1]

    def colour(self, normalised: Sequence[float] = (0.0, 0.0, 0.0)) -> np.ndarray:
        """The RGB colour (float32, 0-255) that the normalisation maps to a value; to zero: this model's mean colour."""
        return denormalised(normalised, self.scale, self.offset)


def denormalised(values: Sequence[float], scale: Sequence[float], offset: Sequence[float]) -> np.ndarray:
    """The RGB colour (float32, 0-255) that ``colour * scale + offset`` maps to ``values``."""
    return ((np.array(values) - np.array(offset)) / np.array(scale)).astype(np.float32)


@dataclass(frozen=True)
class _Kind:
    build: Callable[[], keras.Model]
    load: Callable[[keras.Model, Path], None]
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


def _squeezenet() -> keras.Model:
    """SqueezeNet v1.1 (Iandola et al., 2016) without its classifier: 62 layers, 722,496 parameters."""
    layers = keras.layers

    def conv(x, filters, size, name, gain=2.0, **options):
        spread = keras.initializers.VarianceScaling(gain)
        x = layers.Conv2D(filters, size, kernel_initializer=spread, name=name, **options)(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    def fire(x, squeeze, expand, name):
        x = conv(x, squeeze, 1, f"{name}_squeeze1x1")
        wide = [conv(x, expand, size, f"{name}_expand{size}x{size}", padding="same") for size in (1, 3)]
        return layers.Concatenate(name=f"{name}_concat")(wide)

    inputs = keras.Input((SIZE, SIZE, 3))
    # He's initialisation (gain 2) keeps the scale of its input; the pictures' own is about 64, not 1.
    x = conv(inputs, 64, 3, "conv1", gain=2.0 / 64**2, strides=2)
    for stage, fires in enumerate([[(2, 16, 64), (3, 16, 64)], [(4, 32, 128), (5, 32, 128)],
                                   [(6, 48, 192), (7, 48, 192), (8, 64, 256), (9, 64, 256)]]):  # fmt: skip
        x = layers.MaxPooling2D(3, 2, name=f"pool{(1, 3, 5)[stage]}")(x)
        for number, squeeze, expand in fires:
            x = fire(x, squeeze, expand, f"fire{number}")
    return keras.Model(inputs, x, name="squeezenet_v1")


def _load_squeezenet(model: keras.Model, file: Path) -> None:
    # The legacy file names layers with "/", which Keras refuses, and its kernels "uniformN"; so it is read by hand.
    with h5py.File(file) as stored:
        for layer in model.layers:
            if not layer.weights:
                continue
            found = {}
            stored[layer.name.replace("_", "/", 1) if "_" in layer.name else layer.name].visititems(
                lambda _, item, found=found: (
                    found.update({item.ndim: item[()]}) if isinstance(item, h5py.Dataset) else None
                )
            )
            kernel, bias = found[4], found[1]
            if layer.name == "conv1":
                kernel = kernel[:, :, ::-1]  # the file was trained on BGR; turned once here, pictures stay RGB
            layer.set_weights([kernel, bias])


def _application(name: str) -> _Kind:
    make = {"densenet121": keras.applications.DenseNet121, "mobilenet_v2": keras.applications.MobileNetV2}[name]

    def build():
        return make(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))

    if name == "mobilenet_v2":
        scale, offset = (1 / 127.5,) * 3, (-1.0,) * 3
    else:
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        scale = tuple(1 / (255 * d) for d in deviation)
        offset = tuple(-m / d for m, d in zip(mean, deviation, strict=True))
    return _Kind(build, lambda model, file: model.load_weights(file), scale, offset)


_CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)

BACKBONES: dict[str, _Kind] = {
    "densenet121": _application("densenet121"),
    "mobilenet_v2": _application("mobilenet_v2"),
    "squeezenet_v1": _Kind(_squeezenet, _load_squeezenet, (1.0,) * 3, tuple(-m for m in _CAFFE_MEAN_RGB)),
}
"""The base models by name. DenseNet121 is the paper's."""


def load_backbone(name: str, weights: Path | None = None, seed: int = 0) -> Backbone:
    """Builds a base model with ImageNet weights from a file, or with random ones where there is none.

    Args:
        name: a key of :data:`BACKBONES`.
        weights: the published file (see :mod:`dslite.weights` for how to find or fetch it); None for random weights.
        seed: for random weights.

    Raises:
        DsliteError: for an unknown name, or a weights file that does not fit (truncated, another network).
    """
    if name not in BACKBONES:
        raise DsliteError(f"The base model {name!r} is not one of {', '.join(BACKBONES)}.")
    kind = BACKBONES[name]
    keras.utils.set_random_seed(seed)
    model = kind.build()
    if weights is None:
        missing = f"{WEIGHTS_FILES[name].file} was neither given, nor in Keras' cache, nor to be downloaded"
        return Backbone(name, model, kind.scale, kind.offset, "random", missing)
    try:
        kind.load(model, weights)
    except (OSError, KeyError, ValueError) as error:
        raise DsliteError(
            f"{weights} holds no weights of {name}; delete it or name another folder. ({error})"
        ) from error
    return Backbone(name, model, kind.scale, kind.offset, "imagenet", weights.name)


def count_trained(layers: int, share: float, how: str) -> int:
    """How many layers the second phase trains, of the three ways to read Table 2 (ledger F-01).

    Args:
        layers: of the base model.
        share: Table 2's number as a share of DenseNet121's 427 layers.
        how: ``"last"``: that many are trained; ``"rest"``: the complement is frozen, as the released code counts, which
            may train one more; ``"frozen"``: that many are frozen.
    """
    frozen = {"last": layers - int(layers * share), "rest": int(layers * (1 - share)), "frozen": int(layers * share)}
    return layers - frozen[how]


def train_last(model: keras.Model, layers: int) -> list:
    """Freezes a base model but for its last layers.

    Each layer is set by itself, because setting a whole model's ``trainable`` does not bring back layers that were
    frozen one by one (Keras 3.15).

    Args:
        model: the base model.
        layers: how many of ``model.layers``, counted from the end, are trained.

    Returns:
        The variables that are trained now.

    Raises:
        ValueError: if ``layers`` is out of range.
    """
    if not 0 <= layers <= len(model.layers):
        raise ValueError(f"{layers} layers cannot be trained: {model.name} has {len(model.layers)}.")
    first = len(model.layers) - layers
    for index, layer in enumerate(model.layers):
        layer.trainable = index >= first
    tail = model.layers[first:]
    expected = [v for layer in tail for v in layer.trainable_variables]
    if [id(v) for v in model.trainable_variables] != [id(v) for v in expected]:
        raise RuntimeError(f"{model.name}: {len(model.trainable_variables)} variables train, {len(expected)} should.")
    return expected


def split(model: keras.Model, layers: int) -> tuple[keras.Model, keras.Model]:
    """Cuts a base model before its last layers.

    Args:
        model: the base model.
        layers: how many of ``model.layers``, counted from the end, make the tail; at least 1.

    Returns:
        stem: pictures to the list of tensors that cross the cut (several where connections skip it).
        tail: that list to the model's output. Both share their layers, and so their weights, with ``model``.
    """
    first = max(1, len(model.layers) - layers)
    made = {id(layer.output): layer.output for layer in model.layers[:first]}
    crossing = {}
    for layer in model.layers[first:]:
        for tensor in layer.input if isinstance(layer.input, list) else [layer.input]:
            if id(tensor) in made:
                crossing[id(tensor)] = tensor
    tensors = list(crossing.values())
    return keras.Model(model.input, tensors), keras.Model(tensors, model.output)
