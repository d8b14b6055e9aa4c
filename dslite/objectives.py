"""What a network is trained for: classes by softmax and cross-entropy, or numbers by a linear output.

Both are one form: labels to targets, targets and outputs of the head to a loss, these outputs to what is said of them.
"""

import numpy as np

from dslite.keras_defaults import keras, tf
from dslite.profiles import Recipe

TINY = 1e-6
"""What keeps the CCC's denominator from 0; in units of the labels' variance over training."""


def concordance(targets, predictions) -> tf.Tensor:
    """Concordance correlation coefficient of two float32 (n, 1), as a loss needs it: with a finite gradient also where
    all of either are the same, where it is 0."""
    x, y = targets - tf.reduce_mean(targets), predictions - tf.reduce_mean(predictions)
    apart = tf.reduce_mean(targets) - tf.reduce_mean(predictions)
    return 2.0 * tf.reduce_mean(x * y) / (tf.reduce_mean(x**2) + tf.reduce_mean(y**2) + apart**2 + TINY)


class ToClasses:
    """Classes.

    Args:
        classes: how many.
        recipe: smoothing of labels, and whether classes count alike by weights.
    """

    def __init__(self, classes: int, recipe: Recipe):
        self.outputs, self._smoothing, self._weighted = classes, recipe.smoothing, recipe.class_weights
        self.from_zero = False
        self.balanced_by_repeating = not recipe.class_weights

    def targets(self, labels: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is learnt, and what it weighs.

        Args:
            labels: int (chunks,), class indices.
            train: int (n,), the chunks of an epoch.

        Returns:
            float32 (chunks, outputs) and float32 (outputs,).
        """
        weights = np.ones(self.outputs, np.float32)
        if self._weighted:
            counts = np.bincount(labels[train], minlength=self.outputs)
            weights[counts > 0] = len(train) / (np.count_nonzero(counts) * counts[counts > 0])
        return np.eye(self.outputs, dtype=np.float32)[labels], weights

    def loss_of_each(self, targets, logits) -> tf.Tensor:
        """What SapAugment ranks a batch by: float32 (n,)."""
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)

    def loss(self, targets, logits, weights) -> tf.Tensor:
        """What is minimised: a scalar."""
        smoothing = self._smoothing
        smooth = targets * (1 - smoothing) + smoothing / self.outputs if smoothing else targets
        losses = tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
        if self._weighted:
            losses *= tf.linalg.matvec(targets, weights)
        return tf.reduce_mean(losses)

    def right(self, targets: np.ndarray, logits) -> float:
        """How many of a batch are decided as they are labelled."""
        return float(np.sum(np.argmax(logits, axis=1) == targets.argmax(axis=1)))

    def said(self, logits) -> tf.Tensor:
        """Probabilities."""
        return tf.nn.softmax(logits)

    def last_layer(self) -> keras.layers.Layer:
        """The same as the last layer of a model."""
        return keras.layers.Softmax(name="softmax")


class ToNumbers:
    """Numbers, brought to a mean of 0 and a standard deviation of 1 over training; the last layer undoes that.

    SapAugment ranks by the squared error, and CutMix mixes numbers as it mixes probabilities of classes. A loss of 1 -
    CCC is that of the batch; what it learns from a batch of one is nothing. A fit begins with the mean of the labels
    for every file (the last kernel is 0): from a head that happens to say the opposite, the CCC leads away to numbers
    of any size, because far from the labels a negative one is nearly 0.

    Args:
        recipe: the loss, ``"ccc"`` or ``"mse"``.
    """

    outputs, balanced_by_repeating, from_zero = 1, False, True

    def __init__(self, recipe: Recipe):
        self._ccc = recipe.loss == "ccc"
        self._scale, self._offset = tf.Variable(1.0, trainable=False), tf.Variable(0.0, trainable=False)

    def targets(self, labels: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`ToClasses.targets`, of float (chunks,) labels."""
        self._scale.assign(labels[train].std() or 1.0)
        self._offset.assign(labels[train].mean())
        scaled = (labels - self._offset.numpy()) / self._scale.numpy()
        return scaled.astype(np.float32)[:, None], np.ones(1, np.float32)

    def loss_of_each(self, targets, logits) -> tf.Tensor:
        return tf.reduce_sum((targets - logits) ** 2, axis=1)

    def loss(self, targets, logits, weights) -> tf.Tensor:
        return 1.0 - concordance(targets, logits) if self._ccc else tf.reduce_mean((targets - logits) ** 2)

    def right(self, targets: np.ndarray, logits) -> float:
        return float("nan")

    def said(self, logits) -> tf.Tensor:
        """Numbers in the unit of the label."""
        return logits * self._scale + self._offset

    def last_layer(self) -> keras.layers.Layer:
        scale, offset = float(self._scale.numpy()), float(self._offset.numpy())
        return keras.layers.Rescaling(scale, offset, name="unit")
