"""The classifier: head, activation, and the assembly from waveform to class probabilities (paper, section 2.1)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dslite.keras_defaults import graph, keras, tf
from dslite.network import Backbone, folded
from dslite.spectrogram import MelPlot


@keras.saving.register_keras_serializable("dslite")
class AReLU(keras.layers.Layer):
    """Attention-based rectified linear unit (Chen et al., 2020) with its two learnable scalars.

    ``y = (1 + sigmoid(beta)) * x`` for x >= 0 and ``clip(alpha, 0.01, 0.99) * x`` below.

    Args:
        alpha, beta: initial values of the scalars; 0.9 and 2.0 as in the authors' implementation of AReLU.
        trainable: whether they are trained; in the released code they are not (ledger F-10).
    """

    def __init__(self, alpha: float = 0.9, beta: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        self.initial = (float(alpha), float(beta))

    def build(self, input_shape):
        alpha, beta = map(keras.initializers.Constant, self.initial)
        self.alpha = self.add_weight(name="alpha", shape=(), initializer=alpha)
        self.beta = self.add_weight(name="beta", shape=(), initializer=beta)

    def get_config(self):
        return {**super().get_config(), "alpha": self.initial[0], "beta": self.initial[1]}

    def call(self, x):
        # Maximum and minimum, not relu(-x): SHAP's DeepExplainer has no rule for a unary minus.
        below = tf.clip_by_value(self.alpha, 0.01, 0.99) * tf.minimum(x, 0.0)
        return (1.0 + tf.sigmoid(self.beta)) * tf.maximum(x, 0.0) + below


@keras.saving.register_keras_serializable("dslite")
class Head(keras.layers.Layer):
    """(Standardise ->) dense -> AReLU -> dropout -> dense: features (batch, width) to logits (batch, classes).

    Dropout acts only when :meth:`call` gets a ``seed``. Its mask is a function of that seed alone, so that a fit that
    was interrupted goes on with the masks it would have had.

    Args:
        units: width of the hidden layer (Table 2); 0 for none, and so a linear head.
        classes: number of classes; 1 for a number.
        dropout: share of hidden units (of features, where there is no hidden layer) dropped in training, in [0, 1).
        arelu: ``"trained"``, or ``"fixed"`` for an AReLU that keeps its initial slopes.
        standardise: whether features are first scaled by what :meth:`scale_to` was given.
    """

    def __init__(
        self, units: int, classes: int, dropout: float, arelu: str = "trained", standardise: bool = False, **kwargs
    ):
        super().__init__(**kwargs)
        self.dropout = float(dropout)
        self.arelu, self.standardise = arelu, standardise
        self.units = units
        if units:
            self.hidden = keras.layers.Dense(units, name="hidden")
            self.activation = AReLU(trainable=arelu == "trained", name="arelu")
        self.output_layer = keras.layers.Dense(classes, name="logits")

    def build(self, input_shape):
        if self.standardise:
            self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", trainable=False, name="factor")
            self.centre = self.add_weight(shape=input_shape[-1:], initializer="zeros", trainable=False, name="centre")
        if self.units:
            self.hidden.build(input_shape)
            input_shape = (*input_shape[:-1], self.units)
            self.activation.build(input_shape)
        self.output_layer.build(input_shape)

    def scale_to(self, features: np.ndarray) -> None:
        """Brings each of these features, float32 (n, width), to a mean of 0 and a standard deviation of 1."""
        spread = features.std(axis=0)
        self.factor.assign(1 / np.where(spread > 1e-6, spread, 1))
        self.centre.assign(features.mean(axis=0))

    def get_config(self):
        sizes = {"units": self.units, "classes": self.output_layer.units}
        said = {"dropout": self.dropout, "arelu": self.arelu, "standardise": self.standardise}
        return {**super().get_config(), **sizes, **said}

    def embed(self, features):
        """Activations of the hidden layer, float32 (batch, units); of a linear head, the features as it sees them."""
        x = (features - self.centre) * self.factor if self.standardise else features
        return self.activation(self.hidden(x)) if self.units else x

    def call(self, features, seed=None):
        x = self.embed(features)
        if seed is not None and self.dropout:
            x = tf.nn.experimental.stateless_dropout(x, self.dropout, seed=seed)
        return self.output_layer(x)


def assemble(plot: MelPlot, backbone: Backbone, head: Head, last: keras.layers.Layer | None = None) -> keras.Model:
    """The whole model: float32 waveforms (batch, samples) at 16 kHz to float32 probabilities (batch, classes).

    Its layers are named ``plot``, ``normalise``, ``backbone``, ``pool``, ``head`` and ``softmax``, if no other ``last``
    layer is given (:mod:`dslite.objectives`).
    """
    waveform = keras.Input((None,), name="waveform")
    x = plot(waveform)
    x = keras.layers.Rescaling(backbone.scale, backbone.offset, name="normalise")(x)
    x = backbone.model(x, training=False)  # batch normalisation keeps ImageNet's statistics in both phases
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = (last or keras.layers.Softmax(name="softmax"))(head(x))
    return keras.Model(waveform, x, name="dslite")


def load_model(file: Path) -> keras.Model:
    """Reads a model that a fit left (``model.keras``): waveforms to probabilities."""
    return keras.models.load_model(file, compile=False)


def onwards(model: keras.Model) -> keras.Model:
    """A model from the plot on: float32 (n, size, size, 3), RGB in 0-255, to what the whole says."""
    return folded(keras.Model(model.get_layer("plot").output, model.output))


def embedder(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """From waveforms, float32 (batch, samples), to a fitted model's last hidden layer, float32 (batch, units)."""
    features = folded(keras.Model(model.input, model.get_layer("pool").output))
    head, waves = model.get_layer("head"), tf.TensorSpec([None, None], tf.float32)
    embedded = graph(lambda waves: head.embed(features(waves, training=False)), waves)
    return lambda waves: embedded(waves).numpy()


def base_of(model: keras.Model) -> keras.Model:
    """The base model inside what :func:`assemble` made."""
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def taken_up(model: keras.Model, backbone: Backbone) -> tuple[Backbone, list[np.ndarray]]:
    """A fitted model's base model, which is ``backbone`` with other weights or fewer channels, and its head's weights:
    what a fit begins with that goes on from there."""
    return replace(backbone, model=base_of(model)), model.get_layer("head").get_weights()
