"""A base model as a network: loaded, partly frozen, cut in two, its work counted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dslite.backbones import BaseModel, base_model
from dslite.errors import DsliteError
from dslite.keras_defaults import keras, tf


@dataclass(frozen=True)
class Backbone:
    """A loaded base model with what belongs to it.

    Attributes:
        name: one of :func:`dslite.backbones.names`.
        model: (batch, 224, 224, 3) normalised pictures -> (batch, rows, columns, width).
        scale, offset: the base model's own normalisation: ``picture * scale + offset`` for RGB in 0-255, per channel.
        weights: ``"imagenet"`` or ``"random"``.
        source: the file that the weights were read from, or why there was none.
        released_mask: see :class:`dslite.backbones.BaseModel`.
    """

    name: str
    model: keras.Model
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    weights: str
    source: str
    released_mask: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def width(self) -> int:
        """Number of features after global average pooling."""
        return self.model.output_shape[-1]

    def normalised(self, pictures) -> tf.Tensor:
        """Pictures, RGB in 0-255, as the network takes them; float32."""
        return pictures * tf.constant(self.scale, tf.float32) + tf.constant(self.offset, tf.float32)


def mask_colour(base: Backbone | BaseModel, fill: str = "mean") -> np.ndarray:
    """The colour of SpecAugment's masks: RGB in 0-255, float32 (3,).

    Args:
        base: the base model.
        fill: ``"mean"``: what its normalisation maps to 0, the mean of what it was trained on; ``"released"``: what the
            released code takes for it (ledger F-09).
    """
    normalised = base.released_mask if fill == "released" else (0.0, 0.0, 0.0)
    return ((np.array(normalised) - np.array(base.offset)) / np.array(base.scale)).astype(np.float32)


def load_backbone(name: str, weights: Path | None = None, seed: int = 0) -> Backbone:
    """Builds a base model with ImageNet weights from a file, or with random ones where there is none.

    Args:
        name: one of :func:`dslite.backbones.names`.
        weights: the published file (see :mod:`dslite.weights` for how to find or fetch it); None for random weights.
        seed: for random weights.

    Raises:
        DsliteError: for an unknown name, or a weights file that does not fit (truncated, another network).
    """
    base = base_model(name)
    keras.utils.set_random_seed(seed)
    model = base.build()
    loaded = partial(Backbone, name, model, base.scale, base.offset, released_mask=base.released_mask)
    if weights is None:
        return loaded("random", f"the run was made without {base.file}")
    try:
        base.load(model, weights)
    except (OSError, KeyError, ValueError) as error:
        raise DsliteError(
            f"{weights} holds no weights of {name}; delete it or name another folder. ({error})"
        ) from error
    return loaded("imagenet", weights.name)


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
    made = {id(layer.output) for layer in model.layers[:first]}
    taken = [tensor for layer in model.layers[first:] for tensor in keras.tree.flatten(layer.input)]
    tensors = list({id(tensor): tensor for tensor in taken if id(tensor) in made}.values())
    return keras.Model(model.input, tensors), keras.Model(tensors, model.output)


class _FoldedConvolution(keras.layers.Layer):
    """A convolution and the batch normalisation after it, if any, as one convolution; the weights stay theirs."""

    def __init__(self, convolution: keras.layers.Layer, norm: keras.layers.BatchNormalization | None, quantised: bool):
        super().__init__(name=convolution.name)
        self.convolution, self.norm, self.quantised = convolution, norm, quantised

    def call(self, x):
        own, norm = self.convolution, self.norm
        depthwise = isinstance(own, keras.layers.DepthwiseConv2D)
        convolve = keras.ops.depthwise_conv if depthwise else keras.ops.conv
        kernel, bias = own.kernel, own.bias if own.use_bias else 0.0
        if norm is not None:
            gamma = 1.0 if norm.gamma is None else norm.gamma  # Inception networks have none
            factor = gamma / keras.ops.sqrt(norm.moving_variance + norm.epsilon)
            kernel = kernel * (factor[:, None] if depthwise else factor)
            bias = norm.beta + (bias - norm.moving_mean) * factor
        if self.quantised:
            x, kernel = _to_256_values(x), _by_channel(kernel, depthwise)
        found = convolve(x, kernel, own.strides, own.padding, dilation_rate=own.dilation_rate) + bias
        return found if norm is not None else own.activation(found)


def _to_256_values(x):
    """Rounds to what 8 bits hold between the smallest and the largest value of the batch, 0 among them."""
    low, high = keras.ops.minimum(keras.ops.min(x), 0.0), keras.ops.maximum(keras.ops.max(x), 1e-6)
    return tf.quantization.fake_quant_with_min_max_vars(x, tf.stop_gradient(low), tf.stop_gradient(high))


def _by_channel(kernel, depthwise: bool):
    """Rounds the weights of each channel to 255 values around 0."""
    inner = keras.ops.reshape(kernel, (-1, kernel.shape[2] if depthwise else kernel.shape[3]))
    most = tf.stop_gradient(tf.maximum(tf.reduce_max(tf.abs(inner), axis=0), 1e-6))
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(inner, -most, most, narrow_range=True)
    return keras.ops.reshape(rounded, kernel.shape)


def folded(model: keras.Model, quantised: bool = False) -> keras.Model:
    """The same network with fewer passes: convolutions do what batch normalisations after them do.

    Else TensorFlow multiplies and adds in passes of their own over memory, half of EfficientNet-Lite0's time. Batch
    normalisation works with its stored statistics, as in both phases (F-11), so that results and gradients are equal
    but for rounding. All weights are shared with ``model`` and can be trained in either.

    Args:
        model: a base model, a part of one, or a model that holds one as a layer.
        quantised: whether what goes into every convolution, and its weights, are rounded as in a file of full int8
            convolutions (Jacob et al., 2018); gradients pass the rounding by. A depthwise multiplier must be 1.
    """
    taken = keras.tree.flatten([*(layer.input for layer in model.layers), model.outputs])
    uses = Counter(map(id, taken))
    norms: dict[str, keras.layers.BatchNormalization] = {}  # by the name of the convolution before it
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            before = layer.input._keras_history.operation
            foldable = type(before) in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
            if foldable and before in model.layers and uses[id(before.output)] == 1:
                norms[before.name] = layer
    gone = {layer.name for layer in norms.values()}

    def taken_over(layer):
        if isinstance(layer, keras.Model):
            return folded(layer, quantised)
        convolves = type(layer) in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
        if layer.name in norms or (quantised and convolves):
            return _FoldedConvolution(layer, norms.get(layer.name), quantised)
        return layer

    def called(layer, *args, **kwargs):
        return args[0] if layer.name in gone else layer(*args, **kwargs)

    return keras.models.clone_model(model, call_function=called, clone_function=taken_over)


def in_float16(model: keras.Model) -> Callable:
    """The same network, with the same weights, for graphs in which its layers compute in float16 and it gives float32.
    The model itself, which may be saved, stays float32."""

    def traced(x, training: bool):
        for layer in model.layers:
            layer.dtype_policy = "mixed_float16"
        found = model(x, training=training)
        for layer in model.layers:
            layer.dtype_policy = "float32"
        return keras.tree.map_structure(lambda tensor: tf.cast(tensor, tf.float32), found)

    return traced


_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


def macs(model: keras.Model) -> int:
    """Multiply-accumulates of one chunk in convolutions and dense layers, computed from shapes; about half the FLOPs.

    Biases, activations, normalisation, pooling and the front end are not counted (as in the 2.833 G of DenseNet121;
    the paper's Table 5 prints 3.1 G without saying what it counts, ledger F-32).
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += macs(layer)
        elif isinstance(layer, _CONVOLUTIONS):  # each kernel, of which a separable one has two, at each place
            _, rows, columns, _ = layer.output.shape
            total += rows * columns * sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) == 4)
        else:  # a matrix is applied once per chunk
            total += sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) == 2)
    return total
