"""The model as explanations need it: from spectrogram levels, not from audio, to probabilities (or numbers)."""

from collections.abc import Callable

import numpy as np

from dslite.keras_defaults import graph, keras, tf
from dslite.model import Head
from dslite.network import folded
from dslite.spectrogram import MelPlot

BATCH = 32
"""Pictures per forward pass."""


class View:
    """A fitted model from the levels on, so that they can be changed before they get their colours.

    Args:
        plot: the model's front end.
        body: pictures (batch, size, size, 3) to features (batch, width).
        head: features to logits.
        last: logits to what is said.
    """

    def __init__(self, plot: MelPlot, body: keras.Model, head: Head, last: Callable):
        self.plot, self._body, self._head, self._last = plot, body, head, last
        levels = tf.TensorSpec([None, None, plot.parameters.mel_bins], plot.parameters.level_type)
        picture = tf.TensorSpec([None, plot.parameters.size, plot.parameters.size, 3], tf.float32)
        self._decide = graph(self._decided, picture)  # traced once, for all three ways
        self._from_levels = graph(lambda x: self._decide(plot.paint(x)), levels)
        between = tf.TensorSpec(levels.shape, tf.float32)
        self._slope = graph(self._gradient, between, tf.TensorSpec([None], tf.float32))

    @classmethod
    def of(cls, model: keras.Model) -> "View":
        """The view of a model made by :func:`dslite.model.assemble`, with the weights of this moment."""
        plot = model.get_layer("plot")
        body = folded(keras.Model(plot.output, model.get_layer("pool").output))
        return cls(plot, body, model.get_layer("head"), model.layers[-1])

    def probabilities(self, levels: np.ndarray) -> np.ndarray:
        """uint8 (n, frames, mel_bins) -> float64 (n, classes)."""
        return _in_batches(self._from_levels, levels)

    def probabilities_of_pictures(self, pictures: np.ndarray) -> np.ndarray:
        """float32 (n, size, size, 3), RGB in 0-255 -> float64 (n, classes)."""
        return _in_batches(self._decide, pictures)

    def with_shuffled_head(self, seed: int) -> "View":
        """The same base model with a head whose weights, array by array, stand in a random order.

        Their distribution stays as trained, so that only what the head has learnt is gone.
        """
        rng = np.random.default_rng(seed)
        head = Head.from_config(self._head.get_config())
        head.build(self._body.output_shape)
        head.set_weights([rng.permutation(w.ravel()).reshape(w.shape) for w in self._head.get_weights()])
        return View(self.plot, self._body, head, self._last)

    def gradient(self, levels, weights):
        """Gradient of a weighted sum of the probabilities with respect to the levels.

        Between two whole levels the colour is taken as a straight line between theirs; every point is thus a colour
        of the colour map, and the colour map has a gradient.

        Args:
            levels: float32 (n, frames, mel_bins), within those of the plot.
            weights: float32 (classes,).

        Returns:
            float32 (n, frames, mel_bins), in probability per level.
        """
        return self._slope(levels, weights)

    def _gradient(self, levels, weights):
        with tf.GradientTape() as tape:
            tape.watch(levels)
            value = tf.reduce_sum(self._decide(self.plot.arrange(self.plot.blend(levels))) * weights)
        return tape.gradient(value, levels)

    def _decided(self, pictures):
        return self._last(self._head(self._body(pictures, training=False)))


def _in_batches(predict, inputs: np.ndarray) -> np.ndarray:
    parts = [predict(tf.constant(inputs[i : i + BATCH])).numpy() for i in range(0, len(inputs), BATCH)]
    return np.concatenate(parts).astype(np.float64)
