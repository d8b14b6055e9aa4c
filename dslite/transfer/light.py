"""The light networks of the second paper on log-Mel spectrograms, by their number of parameters (released code)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dslite.front_end import FrontEnd
from dslite.keras_defaults import keras, tf
from dslite.network import Backbone
from dslite.spectrogram import MelPlot

FRONT_END = FrontEnd(mel_bins=64, mel_scale="slaney", equal_area=True, low_hz=0.0, top_db=0.0, normalise=False)
"""64 Mel bins in frames of 32 ms, every 16 ms, no centring. Window, hop and bins follow from the released code's input
of 373 x 64; the script that made it was not released, so the filters are librosa's and levels are in dB."""

SAMPLES = 95_744
"""To which every file is repeated, then cut: 5.984 s at 16 kHz, 373 frames (released configuration)."""


@keras.saving.register_keras_serializable("dslite")
class LogMel(MelPlot):
    """Waveforms to log-Mel spectrograms, in dB: float32 (batch, samples) -> (batch, frames, Mel bins, 1)."""

    def __init__(self, parameters=None, **kwargs):
        super().__init__(parameters or FRONT_END, **kwargs)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.parameters.frames(input_shape[1]), self.parameters.mel_bins, 1)

    def call(self, waveforms):
        return self.power(waveforms)[..., None]


@keras.saving.register_keras_serializable("dslite")
class LogMelPlot(LogMel):
    """Standardised log-Mel spectrograms, float32 (batch, frames, Mel bins, 1), to plots as a base model takes them."""

    compute_output_shape = MelPlot.compute_output_shape
    call = MelPlot.call

    def power(self, spectrograms):
        return spectrograms[..., 0]


@keras.saving.register_keras_serializable("dslite")
class SampleNormalisation(keras.layers.BatchNormalization):
    """Batch normalisation in TensorFlow's one operator, which takes half of the time of Keras' several in training.

    While :attr:`borrows` is set, a batch is normalised by the statistics of the batch before it and moves nothing: so
    neighbours are seen as the files beside them are, and no statistic is theirs. Their gradient passes through these
    statistics all the same, or else it would push at the length of every kernel, which changes nothing.
    """

    borrows = False

    def call(self, inputs, training=None, mask=None):
        if not training:
            return super().call(inputs, training=False)
        if self.borrows:
            normalised = _by_statistics(self.epsilon)
            return normalised(inputs, self.gamma.value, self.beta.value, *_of_batch(*self._before))
        scale, offset, none = self.gamma.value, self.beta.value, tf.zeros([0])
        given = {"scale": scale, "offset": offset, "mean": none, "variance": none, "epsilon": self.epsilon}
        normalised, *now = tf.raw_ops.FusedBatchNormV3(x=inputs, is_training=True, **given)[:3]
        self._before = inputs, *now
        for moving, value in zip((self.moving_mean, self.moving_variance), now, strict=True):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return normalised


def _by_statistics(epsilon: float) -> Callable:
    """Batch normalisation by given statistics, in one operator too, with the gradients to these that it lacks."""

    @tf.custom_gradient
    def normalised(x, scale, offset, mean, variance):
        how = {"x": x, "scale": scale, "epsilon": epsilon, "is_training": False}
        found, *_, reserved = tf.raw_ops.FusedBatchNormV3(offset=offset, mean=mean, variance=variance, **how)

        def upstream(y):
            kept = {"reserve_space_1": mean, "reserve_space_2": variance, "reserve_space_3": reserved}
            of_x, of_scale, of_offset, *_ = tf.raw_ops.FusedBatchNormGradV3(y_backprop=y, **kept, **how)
            root = tf.math.rsqrt(variance + epsilon)
            return of_x, of_scale, of_offset, -scale * root * of_offset, -0.5 * scale * root**2 * of_scale

        return found, upstream

    return normalised


@tf.custom_gradient
def _of_batch(x, mean, variance):
    """Mean and variance of each channel of a batch, as they are known, with the gradient that the operator lacks."""

    def upstream(of_mean, of_variance):
        count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
        factor = 2.0 * of_variance / (count - 1.0)  # the operator's variance is the unbiased one
        return x * factor + (of_mean / count - mean * factor), None, None

    return (tf.identity(mean), tf.identity(variance)), upstream


def _convolved(x, width: int, size: int = 3, stride: int = 1, depthwise: bool = False):
    """Convolution without bias, batch normalisation, ReLU."""
    how = {"strides": stride, "padding": "same", "use_bias": False}
    layer = keras.layers.DepthwiseConv2D(size, **how) if depthwise else keras.layers.Conv2D(width, size, **how)
    return keras.layers.ReLU()(SampleNormalisation()(layer(x)))


def _vgg(x):
    for width, times in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(times):
            x = _convolved(x, width)
        x = keras.layers.MaxPooling2D()(x)
    return x


def _resnet(x):
    x = keras.layers.MaxPooling2D()(_convolved(x, 64, 7, stride=2))
    for width in (128, 256, 512):
        skipped = keras.layers.Conv2D(width, 1, strides=2, padding="same", use_bias=False)(x)
        x = _convolved(x, width, stride=2)
        x = SampleNormalisation()(keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
        x = keras.layers.ReLU()(x + skipped)
    return x


def _cnn(x):
    for width in (64, 128, 256, 512):
        x = keras.layers.AveragePooling2D(2)(_convolved(x, width, 5))
    return x


def _mobilenet(x):
    x = _convolved(x, 64, stride=2)
    for width, stride in ((128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)):
        x = _convolved(_convolved(x, 0, stride=stride, depthwise=True), width, 1)
    return x


def _on_plots(x, base: Backbone):
    """A base model as it is fine-tuned elsewhere: by RGB, with ImageNet's statistics of batch normalisation."""
    picture = keras.layers.Rescaling(base.scale, base.offset)(LogMelPlot(name="picture")(x))
    return base.model(picture, training=False)


@dataclass(frozen=True)
class Light:
    """A light network: its layers from log-Mel spectrograms to feature maps (None: those of a base model), its dropout
    before ``fc1``, whether the released code takes ``fc1`` after its ReLU, and Adam's rate."""

    body: Callable | None
    dropout: float = 0.0
    after_relu: bool = False
    rate: float = 1e-3


LIGHT = {
    "mobilenet15": Light(_mobilenet, dropout=0.2, after_relu=True),
    "cnn6": Light(_cnn),
    "resnet9": Light(_resnet, after_relu=True),
    "vgg15": Light(_vgg),
    "base_model": Light(None, after_relu=True, rate=1e-4),
}
"""By name, the smallest first, and a base model of this package, which was trained before. Widths and kernels of the
others are the released code's; where VGG-15 and CNN-6 pool, and how, is not known: after each width, as their models
do."""


def network(
    name: str,
    classes: int,
    seed: int,
    mean: np.ndarray,
    variance: np.ndarray,
    after_relu: bool = True,
    base: Backbone | None = None,
) -> keras.Model:
    """A light network with random weights, but for those of a base model.

    Args:
        name: a key of :data:`LIGHT`.
        classes: how many.
        seed: of the weights.
        mean, variance: of each Mel bin in dB, float (Mel bins,), over the frames that are learnt from: what goes in is
            standardised by them.
        after_relu: whether ``fc1`` is given after its ReLU or before.
        base: of :data:`BASE`.

    Returns:
        float32 (batch, frames, Mel bins, 1) -> [``fc1``, float32 (batch, 256); logits, float32 (batch, classes)]; its
        last layer, ``head``, is a model from pooled feature maps on.
    """
    keras.utils.set_random_seed(seed)
    light = LIGHT[name]
    inputs = keras.Input((FRONT_END.frames(SAMPLES), FRONT_END.mel_bins, 1))
    scaled = keras.layers.Normalization(axis=-2, mean=mean, variance=variance, name="standardise")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(light.body(scaled) if light.body else _on_plots(scaled, base))
    pooled = keras.layers.Dropout(light.dropout, seed=seed)(pooled) if light.dropout else pooled
    features = keras.Input(pooled.shape[1:])
    before = keras.layers.Dense(256, name="fc1")(features)
    after = keras.layers.ReLU()(before)
    logits = keras.layers.Dense(classes, name="fc2")(after)
    head = keras.Model(features, [after if after_relu else before, logits], name="head")
    return keras.Model(inputs, head(pooled), name=name)


def assemble(model: keras.Model) -> keras.Model:
    """The whole: float32 waveforms (batch, :data:`SAMPLES`) at 16 kHz to float32 probabilities (batch, classes)."""
    waveform = keras.Input((SAMPLES,), name="waveform")
    *body, head = model.layers[1:]
    x = keras.Model(model.input, body[-1].output, name="body")(LogMel(name="plot")(waveform))
    return keras.Model(waveform, keras.layers.Softmax(name="softmax")(head(x)[1]), name="light")
