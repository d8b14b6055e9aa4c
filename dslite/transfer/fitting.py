"""Fitting a light network beside a graph: cross entropy and what neighbours add to it (second paper; NSL's loss)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dslite.keras_defaults import keras, tf
from dslite.transfer.light import SampleNormalisation
from dslite.transfer.neighbours import FileGraph, unit

MOMENTUM = 0.99
"""Of the moving statistics of batch normalisation, which is Keras' own and so the released code's."""


@dataclass(frozen=True)
class Beside:
    """What a network learns beside the labels, and how; defaults are the published values where those are known.

    Attributes:
        alpha: what the further term counts; 0 for labels alone.
        passes: 2: a file and its neighbours go through the network once each, these with the file's statistics of
            batch normalisation, and both terms see the same ``fc1`` of the file; in the end these statistics are the
            means over the files' batches by the final weights; 3: as in the released code, files twice, with dropout
            of its own each time, and all three move the statistics, by a hundredth each.
        layer: whose activations are pulled together: 1 ``fc1``, 2 ``fc2``, the logits.
        epochs, batch: how many, and files per step.
        rate: Adam's, of the first five epochs; then 0.9 of it, and so on.
    """

    alpha: float = 0.1
    passes: int = 2
    layer: int = 1
    epochs: int = 50
    batch: int = 16
    rate: float = 1e-3


def neighbour_loss(own, neighbours, weights):
    """Cosine distances to neighbours, edge-weighted, averaged over the edges that there are.

    ``sum(w * (1 - cos)) / #{w > 0}``; 0 without edges (TensorFlow's reduction over non-zero weights).

    Args:
        own: float32 (batch, width).
        neighbours: float32 (batch * k, width), those of one file after another.
        weights: float32 (batch, k), 0 where there is none.
    """
    own, neighbours = (tf.math.l2_normalize(x, axis=-1) for x in (own, neighbours))
    neighbours = tf.reshape(neighbours, [tf.shape(own)[0], -1, own.shape[-1]])
    distances = 1.0 - tf.einsum("bd,bkd->bk", own, neighbours)
    return tf.math.divide_no_nan(tf.reduce_sum(weights * distances), tf.reduce_sum(tf.cast(weights > 0, tf.float32)))


def fit(
    model: keras.Model,
    spectrograms: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    how: Beside,
    seed: int,
    *,
    graph: FileGraph | None = None,
    embeddings: np.ndarray | None = None,
    progress: Callable[[int, int, float], None] = lambda done, total, loss: None,
) -> pd.DataFrame:
    """Fits a network in place; the last epoch counts.

    Args:
        model: as from :func:`dslite.transfer.light.network`.
        spectrograms: float32 (files, frames, Mel bins), in dB.
        labels: int (files,).
        rows: int (n,), the files that are learnt from.
        how: the rest.
        seed: of the order of the files.
        graph: among ``rows``, by their position there; None without.
        embeddings: float (n, width) of ``rows``, in place of a graph: a linear map of ``fc1`` is to point where they
            lie from their mean (they share a direction, so that a constant would point almost like them all).
        progress: called with epochs done, epochs in all, and the loss.

    Returns:
        A row per epoch: ``epoch``, ``loss`` (cross entropy) and ``beside`` (the further term, before alpha).
    """
    norms = [layer for layer in model.layers if isinstance(layer, SampleNormalisation)]
    blank = np.asarray(model.get_layer("standardise").mean, np.float32).reshape(-1)  # 0 once it is standardised
    steps = -(-len(rows) // how.batch)
    schedule = keras.optimizers.schedules.ExponentialDecay(how.rate, 5 * steps, 0.9, staircase=True)
    optimiser, rng = keras.optimizers.Adam(schedule, epsilon=1e-8), np.random.default_rng(seed)
    projected = [keras.layers.Dense(embeddings.shape[1], name="projection")] if embeddings is not None else []
    for one in projected:
        one.build((None, model.outputs[0].shape[-1]))
    variables = [*model.trainable_variables, *(v for one in projected for v in one.trainable_variables)]
    optimiser.build(variables)

    def seen(x, borrows: bool = False):
        for norm in norms:
            norm.borrows = borrows
        return model(x, training=True)

    @tf.function(reduce_retracing=True)
    def step(x, y, weights, aims):
        count = tf.shape(y)[0]
        with tf.GradientTape() as tape:
            found = seen(x[:count])
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, found[1]))
            beside = tf.constant(0.0)
            if graph is not None:
                own = found if how.passes == 2 else seen(x[:count])
                others, at = seen(x[count:], borrows=how.passes == 2), how.layer - 1
                beside = neighbour_loss(own[at], others[at], weights)
            elif projected:
                beside = neighbour_loss(projected[0](found[0]), aims, tf.ones([count, 1]))
            total = loss + how.alpha * beside
        optimiser.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        return loss, beside

    history, aims = [], np.zeros((len(rows), 1), np.float32)
    if projected:
        aims = unit(embeddings - embeddings.mean(axis=0))
    for epoch in range(1, how.epochs + 1):
        order, sums = rng.permutation(len(rows)), np.zeros(2)
        for start in range(0, len(rows), how.batch):
            at = order[start : start + how.batch]
            taken, weights = rows[at], np.zeros((len(at), 1), np.float32)
            if graph is not None:
                taken, weights = np.concatenate([taken, rows[graph.neighbours[at]].ravel()]), graph.weights[at]
            x = spectrograms[taken]
            if graph is not None:
                x[len(at) :][weights.ravel() == 0] = blank  # where there is no neighbour
            sums += np.array(step(x[..., None], labels[rows[at]], weights, aims[at])) * len(at)
        history.append((epoch, *sums / len(rows)))
        progress(epoch, how.epochs, history[-1][1])
    if norms and how.passes == 2:
        _settle(model, norms, spectrograms, rows[rng.permutation(len(rows))], how.batch)
    return pd.DataFrame(history, columns=["epoch", "loss", "beside"])


def _settle(model: keras.Model, norms: list, spectrograms: np.ndarray, rows: np.ndarray, batch: int) -> None:
    """Sets the statistics of batch normalisation to their means over batches by the weights as they are now.

    Those that move along lag behind the weights: after 100 steps a network that had learnt its files (cross entropy
    0.8) gave all of them one class.
    """
    see, kept = tf.function(lambda x: model(x, training=True), reduce_retracing=True), tf.Variable(0.0)
    for norm in norms:
        norm.borrows, norm.momentum = False, kept
    for at in range(0, len(rows), batch):
        taken = rows[at : at + batch]
        kept.assign(at / (at + len(taken)))
        see(spectrograms[taken][..., None])
    for norm in norms:
        norm.momentum = MOMENTUM


def probabilities(model: keras.Model, spectrograms: np.ndarray, rows: Sequence[int], batch: int = 64) -> np.ndarray:
    """Of some files, float32 (n, classes)."""
    predict = tf.function(lambda x: tf.nn.softmax(model(x, training=False)[1]), reduce_retracing=True)
    parts = [predict(spectrograms[rows[at : at + batch]][..., None]).numpy() for at in range(0, len(rows), batch)]
    return np.concatenate(parts)
