"""The two phases of training (paper, sections 2.1 and 3.2).

What a frozen network makes of an un-augmented picture never changes. So it is computed once and serves the ranking
losses of SapAugment, every un-augmented sample and all fits of a corpus: in the first phase the features of the whole
base model (:meth:`Trainer.extract`), in the second what its frozen part hands to the layers that are trained. Only
pictures that an augmentation really changes go through the frozen part again.

All random numbers are functions of seed, epoch and step, so that a fit that was interrupted and resumed is the fit
that was not. That needs one thread: with two, TensorFlow's sums do not repeat bit for bit.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import augmentation
from dslite.augmentation import BatchPlan
from dslite.configurations import CONFIGURATIONS
from dslite.files import whole_file
from dslite.keras_defaults import graph, keras, tf
from dslite.model import Head, assemble
from dslite.network import Backbone, count_trained, folded, in_float16, mask_colour, split, train_last
from dslite.objectives import ToClasses, ToNumbers
from dslite.profiles import Recipe
from dslite.readings import PAPER, Reading
from dslite.scoring import decide
from dslite.spectrogram import MelPlot
from dslite.store import Spectrograms

CHECKPOINT_SECONDS = 20.0
"""A fit saves where it is at the first end of an epoch after this time."""

CACHE_BYTES = 1 << 29
"""Most memory that a process spends on what the frozen part hands over in the second phase; above, it is recomputed."""

DEV_POINTS = 20
"""Scores on dev in the second phase, where each costs a pass over dev, are taken about this often."""


@dataclass(frozen=True)
class Examples:
    """The chunks of one fit, as indices into the corpus' chunks.

    Attributes:
        train: int (n,), chunks to train on.
        evaluate: int (m,), chunks to predict afterwards.
        labels: int (all chunks,), class index of each chunk's file, or float (all chunks,), its number; those of
            ``train`` alone are looked at.
        files: int (all chunks,), file index of each chunk.
    """

    train: np.ndarray
    evaluate: np.ndarray
    labels: np.ndarray
    files: np.ndarray


@dataclass(frozen=True)
class FitResult:
    """What a fit leaves: ``probabilities`` float32 (m, classes) of ``Examples.evaluate``, (m, 1) of numbers in the unit
    of the label, and a row per epoch, in whose ``dev_decided`` stands the class index or the number of each file of
    dev, or None where none was decided."""

    probabilities: np.ndarray
    history: pd.DataFrame


def upsample(indices: np.ndarray, labels: np.ndarray, seed: int, spare_last: bool = False) -> np.ndarray:
    """Repeats chunks of the smaller classes at random until every class has as many as the largest (F-14).

    Args:
        indices: int (n,), chunks.
        labels: int (all chunks,), class of each chunk.
        seed: of the choice.
        spare_last: never repeat the last chunk of a class, and so none where it has but one, as in the released code.

    Returns:
        int: all of ``indices``, then the repeated ones, class by class.
    """
    of_class = labels[indices]
    counts = np.bincount(of_class)
    rng = np.random.default_rng([seed, 1])
    pools = [indices[of_class == c][: n - spare_last] for c, n in enumerate(counts)]
    extra = [rng.choice(pool, counts.max() - n) for pool, n in zip(pools, counts, strict=True) if len(pool)]
    return np.concatenate([indices, *extra])


def training_set(examples: Examples, reading: Reading, batch: int, seed: int) -> np.ndarray:
    """The chunks that an epoch goes through, repeated and left out as a reading has it (F-14, F-15).

    Where dropping the tail would leave nothing, as it does in the released code, nothing is dropped.
    """
    train = examples.train
    if reading.upsampling != "none":
        train = upsample(train, examples.labels, seed, reading.upsampling == "all but last")
    if reading.tail == "drop":
        whole = 2 * batch  # the released code renders this many at a time, before it caches
        train = train[: len(train) // whole * whole or len(train)]
    return train


class Trainer:
    """Trains the fits of one corpus, one after another, with the same graphs.

    Args:
        spectrograms: the cached chunks.
        backbone: the base model as it is before training.
        classes: number of classes; 0 where labels are numbers.
        recipe: the hyperparameters.
        reading: what the chunks were cached with, and how the text is read otherwise.
        head: weights that the head begins with; none: random ones.
        teacher: what says of each plot of the second phase what is to be learnt, from it on
            (:func:`dslite.model.onwards`); None: its label.
        quantised: whether convolutions compute as they will in 8 bits (:func:`dslite.network.folded`).
    """

    def __init__(
        self,
        spectrograms: Spectrograms,
        backbone: Backbone,
        classes: int,
        recipe: Recipe,
        reading: Reading = PAPER,
        head: Sequence[np.ndarray] = (),
        teacher: keras.Model | None = None,
        quantised: bool = False,
    ):
        self.spectrograms, self.backbone = spectrograms, backbone
        self.objective = ToClasses(classes, recipe) if classes else ToNumbers(recipe)
        self.recipe, self.reading = recipe, reading
        self.plot = MelPlot(reading.front_end(), name="plot")
        self._initial, self._head, self._taught = backbone.model.get_weights(), head, teacher is not None
        sizes = recipe.units, self.objective.outputs, recipe.dropout
        self.head = Head(*sizes, reading.arelu, recipe.standardise, name="head")
        self.head.build((None, backbone.width))
        self._fill = tf.constant(mask_colour(backbone, reading.mask_fill))
        layers = len(backbone.model.layers)
        self.trained_layers = count_trained(layers, recipe.share, reading.layers) if recipe.epochs[1] else 0
        tail = train_last(backbone.model, self.trained_layers)
        parts = split(backbone.model, max(1, self.trained_layers))  # without a second phase: unused
        half = recipe.mixed_precision and not quantised  # folded, it would round statistics; 8 bits are of float32
        ways = (in_float16(part) if half else folded(part, quantised) for part in (backbone.model, *parts))
        self._body, self._stem, self._tail = ways
        self._cut = parts[0].outputs
        self._handed_over: list[np.ndarray] | None = None
        # Per phase: the variables, and an optimiser that is made once and set back for each fit.
        of_head = self.head.trainable_variables
        self._variables = (of_head, [*tail, *of_head])
        self._optimisers = [_optimiser(recipe, phase) for phase in (1, 2)]
        for optimiser, variables in zip(self._optimisers, self._variables, strict=True):
            optimiser.build(variables)
        self._states = [[v.numpy() for v in optimiser.variables] for optimiser in self._optimisers]
        # Signatures, because batches are of several sizes: each graph is traced once, not once more for any size.
        spec, size = tf.TensorSpec, self.plot.parameters.size
        pictures, labels = spec([None, size, size, 3]), spec([None, self.objective.outputs])
        key, flag, number = spec([2], tf.int32), spec([], tf.bool), spec([None], tf.int32)
        crossing = [[spec([None, backbone.width])], [spec(tensor.shape) for tensor in self._cut]]
        plan, weights = BatchPlan(*[number] * len(BatchPlan._fields)), spec([self.objective.outputs])
        self._paint = graph(self.plot.paint, spec([None, None, None], self.plot.parameters.level_type))
        self._plan = graph(self._draw, spec([None]), key, flag, flag)
        self._apply = graph(augmentation.apply, plan, pictures, pictures, spec([3]))
        self._vary = graph(self._varied, pictures, key)
        self._teach = graph(lambda shown: teacher(shown, training=False), pictures) if teacher else None
        self._frozen = [graph(f, pictures) for f in (self._whole, self._up_to_the_cut)]
        self._losses = [graph(partial(self._loss_of_each, p), crossing[p - 1], labels) for p in (1, 2)]
        self._predict = [graph(partial(self._said, p), crossing[p - 1]) for p in (1, 2)]
        self._step = [graph(partial(self._one_step, p), crossing[p - 1], labels, weights, key) for p in (1, 2)]

    # pictures and features -------------------------------------------------------------------------------------

    def pictures(self, indices) -> tf.Tensor:
        """Plots of some chunks: float32 (n, size, size, 3), RGB in 0-255."""
        batches = self.spectrograms.batches(indices)
        painted = [self._paint(levels) for _, levels in batches]
        if len(batches) == 1:
            return painted[0]
        order = np.argsort(np.concatenate([rows for rows, _ in batches]))
        return tf.gather(tf.concat(painted, axis=0), order)

    # A phase splits the network into a frozen part, which takes pictures, and a trained part. What crosses from one to
    # the other is a list of tensors: the pooled features in phase 1, the tensors at the cut in phase 2. The base model
    # always runs with training=False: batch normalisation keeps ImageNet's statistics in both phases (F-11).

    def _whole(self, pictures) -> list:
        return [tf.reduce_mean(self._body(self.backbone.normalised(pictures), training=False), axis=[1, 2])]

    def _up_to_the_cut(self, pictures) -> list:
        return keras.tree.flatten(self._stem(self.backbone.normalised(pictures), training=False))

    def _logits(self, phase: int, crossing: list, seed=None):
        if phase == 1:
            return self.head(crossing[0], seed=seed)
        return self.head(tf.reduce_mean(self._tail(crossing, training=False), axis=[1, 2]), seed=seed)

    def _loss_of_each(self, phase: int, crossing: list, labels):
        return self.objective.loss_of_each(labels, self._logits(phase, crossing))

    def _said(self, phase: int, crossing: list):
        return self.objective.said(self._logits(phase, crossing))

    def _crossing(self, phase: int, indices, features) -> list:
        """What the frozen part makes of some un-augmented chunks."""
        if phase == 1:
            return [tf.constant(features[indices])]
        if self._handed_over is None:
            self._handed_over = self._fill_cache()
        if self._handed_over:
            return [tf.constant(part[indices]) for part in self._handed_over]
        return self._frozen[1](self.pictures(indices))

    def _fill_cache(self) -> list[np.ndarray]:
        """What crosses the cut, of every chunk of the corpus; empty where that takes too much memory."""
        chunks = len(self.spectrograms)
        shapes = [tensor.shape[1:] for tensor in self._cut]
        if 4 * chunks * sum(int(np.prod(shape)) for shape in shapes) > CACHE_BYTES:
            return []
        return self._in_batches(lambda part: self._frozen[1](self.pictures(part)), np.arange(chunks), shapes)

    def extract(self, indices: np.ndarray) -> np.ndarray:
        """Features of un-augmented chunks under the base model as it is: float32 (n, width)."""
        width = (self.backbone.width,)
        return self._in_batches(lambda part: self._frozen[0](self.pictures(part)), indices, [width])[0]

    def _in_batches(self, function: Callable, indices: np.ndarray, shapes: Sequence) -> list[np.ndarray]:
        """What a function makes of some chunks, a batch at a time: tensors, of which each chunk has these shapes."""
        out = [np.empty((len(indices), *shape), np.float32) for shape in shapes]
        for start in range(0, len(indices), self.recipe.batch):
            part = slice(start, start + self.recipe.batch)
            for array, tensor in zip(out, function(indices[part]), strict=True):
                array[part] = tensor
        return out

    # one fit -----------------------------------------------------------------------------------------------------

    def fit(
        self,
        examples: Examples,
        features: np.ndarray,
        augment: str,
        seed: int,
        checkpoint: Path | None = None,
        identity: str = "",
        dev: bool = True,
        progress: Callable[[int, int, str, list[tuple]], None] = lambda *told: None,
    ) -> FitResult:
        """Trains a head, then the last layers with it, from the beginning or from a checkpoint.

        Args:
            examples: what to train on and what to predict.
            features: float32 (all chunks, width), from :meth:`extract` on all chunks.
            augment: a key of :data:`dslite.configurations.CONFIGURATIONS`.
            seed: of everything random.
            checkpoint: file to save to now and then and to resume from; the caller removes it when all is saved. None
                for a fit that cannot be resumed.
            identity: says what is being fitted; a checkpoint of something else is not used.
            dev: whether ``examples.evaluate`` is the development partition, to be decided along the way.
            progress: called with epochs done, epochs in all, a short text, and the rows of the history that are new.
        """
        recipe, total = self.recipe, sum(self.recipe.epochs)
        self._reset(seed)
        rows, begin = self._resume(checkpoint, identity)
        repeats = self.objective.balanced_by_repeating
        reading = self.reading if repeats else replace(self.reading, upsampling="none")
        train = training_set(examples, reading, recipe.batch, seed)
        targets, weights = self.objective.targets(examples.labels, train)
        if recipe.standardise and not self._head:
            self.head.scale_to(features[np.sort(examples.train)])
        saved, told = time.monotonic(), 0
        every = max(1, recipe.epochs[1] // DEV_POINTS)
        for epoch in range(begin, total):
            started = time.monotonic()
            phase = 1 if epoch < recipe.epochs[0] else 2
            order = np.random.default_rng([seed, 2, epoch]).permutation(train)
            loss, right = self._epoch(phase, epoch, order, features, targets, weights, augment, seed)
            if recipe.average and epoch + 1 == total and phase == 2:
                self._optimisers[1].finalize_variable_values(self._variables[1])
            decided = None
            if dev and (phase == 1 or (epoch + 1 - recipe.epochs[0]) % every == 0 or epoch + 1 == total):
                decided = self._decided(phase, examples, features)
            seconds = time.monotonic() - started
            rows.append((phase, epoch + 1, loss / len(order), right / len(order), decided, seconds))
            progress(epoch + 1, total, f"phase {phase}, epoch {epoch + 1} of {total}", rows[told:])
            told = len(rows)
            if checkpoint and time.monotonic() - saved >= CHECKPOINT_SECONDS and epoch + 1 < total:
                self._save(checkpoint, identity, rows, epoch + 1)
                saved = time.monotonic()
        columns = ["phase", "epoch", "loss", "accuracy", "dev_decided", "seconds"]
        trained = 2 if recipe.epochs[1] else 1
        return FitResult(self._probabilities(trained, examples.evaluate, features), pd.DataFrame(rows, columns=columns))

    def model(self) -> keras.Model:
        """The model as it is now: waveforms to probabilities, or to numbers in the unit of the label."""
        return assemble(self.plot, self.backbone, self.head, self.objective.last_layer())

    def _epoch(self, phase, epoch, order, features, targets, weights, augment, seed) -> tuple[float, float]:
        cutmix, specaugment = CONFIGURATIONS[augment].cutmix, CONFIGURATIONS[augment].specaugment
        varies = phase == 2 and (self.recipe.varies or self._taught)
        steps = -(-len(order) // self.recipe.batch)
        before, epochs = epoch - (self.recipe.epochs[0] if phase == 2 else 0), self.recipe.epochs[phase - 1]
        loss = right = 0.0
        for step, start in enumerate(range(0, len(order), self.recipe.batch)):
            batch = order[start : start + self.recipe.batch]
            key = tf.constant([seed, epoch * 1_000_000 + step], tf.int32)
            labels = tf.constant(targets[batch])
            plan = None
            if cutmix or specaugment or not varies:
                crossing = self._crossing(phase, batch, features)
            if cutmix or specaugment:
                losses = self._losses[phase - 1](crossing, labels)
                plan = self._plan(losses, key, tf.constant(cutmix), tf.constant(specaugment))
                labels = augmentation.mix_labels(plan, labels, self.plot.parameters.size)
            if varies:
                pictures = self._augmented(plan, np.arange(len(batch)), batch, key)
                crossing = self._frozen[1](pictures)
                labels = self._teach(pictures) if self._taught else labels
            elif plan is not None and len(touched := np.flatnonzero(plan.touched)):
                changed = self._frozen[phase - 1](self._augmented(plan, touched, batch))
                where = touched[:, None]
                pairs = zip(crossing, changed, strict=True)
                crossing = [tf.tensor_scatter_nd_update(old, where, new) for old, new in pairs]
            if self.recipe.schedule == "cosine":
                rate = _rate(self.recipe, phase) * cosine((before * steps + step) / (epochs * steps))
                self._optimisers[phase - 1].learning_rate.assign(rate)
            batch_loss, logits = self._step[phase - 1](crossing, labels, weights, key)
            loss += float(batch_loss) * len(batch)
            right += self.objective.right(targets[batch], logits)
        return loss, right

    def _draw(self, losses, key, cutmix, specaugment):
        return augmentation.draw(losses, key, self.reading, cutmix, specaugment, self.plot.parameters.size)

    def _varied(self, pictures, key):
        return augmentation.vary(pictures, key, self.recipe.shift, self.recipe.light_masks, self._fill)

    def _augmented(self, plan, touched, batch, vary=None):
        """The changed pictures of a batch; each chunk that takes part is rendered once, and varied by a key if any."""
        if plan is None:
            return self._vary(self.pictures(batch), vary)
        partners = np.where(plan.area.numpy()[touched] > 0, plan.partner.numpy()[touched], touched)
        needed, where = np.unique(np.concatenate([touched, partners]), return_inverse=True)
        pictures = self.pictures(batch[needed])
        pictures = pictures if vary is None else self._vary(pictures, vary)
        own, others = np.split(where, 2)
        return self._apply(plan.take(touched), tf.gather(pictures, own), tf.gather(pictures, others), self._fill)

    def _one_step(self, phase: int, crossing: list, labels, weights, key):
        with tf.GradientTape() as tape:
            logits = self._logits(phase, crossing, seed=tf.random.experimental.stateless_fold_in(key, 1))
            loss = self.objective.loss(labels, logits, weights)
            scaled = self._optimisers[phase - 1].scale_loss(loss)  # of float16 alone, else it is the loss
        variables = self._variables[phase - 1]
        self._optimisers[phase - 1].apply(tape.gradient(scaled, [v.value for v in variables]), variables)
        return loss, logits

    def _probabilities(self, phase, indices, features) -> np.ndarray:
        def said(part) -> list:
            return [self._predict[phase - 1](self._crossing(phase, part, features))]

        return self._in_batches(said, indices, [(self.objective.outputs,)])[0]

    def _decided(self, phase, examples, features) -> list[int]:
        chunks = examples.evaluate
        _, file = np.unique(examples.files[chunks], return_inverse=True)
        return decide(self._probabilities(phase, chunks, features), file, self.reading.decision)[0].tolist()

    # state ---------------------------------------------------------------------------------------------------------

    def _reset(self, seed: int) -> None:
        self.backbone.model.set_weights(self._initial)
        for number, weight in enumerate(self.head.weights):
            if self._head:
                weight.assign(self._head[number])
            elif weight is self.head.output_layer.kernel and self.objective.from_zero:
                weight.assign(tf.zeros(weight.shape))
            elif weight.name == "kernel":
                weight.assign(keras.initializers.GlorotUniform(seed=seed * 1000 + number)(weight.shape))
            elif weight.name == "bias":
                weight.assign(tf.zeros(weight.shape))
        if self.head.units and not self._head:
            arelu = self.head.activation
            for scalar, value in zip((arelu.alpha, arelu.beta), arelu.initial, strict=True):
                scalar.assign(value)
        for optimiser, state in zip(self._optimisers, self._states, strict=True):
            for variable, value in zip(optimiser.variables, state, strict=True):
                variable.assign(value)

    def _state(self) -> list:
        return [*self._variables[1], *(v for optimiser in self._optimisers for v in optimiser.variables)]

    def _save(self, checkpoint: Path, identity: str, rows: list, epoch: int) -> None:
        about = json.dumps({"identity": identity, "epoch": epoch, "rows": rows})
        with whole_file(checkpoint) as draft:
            np.savez(draft, about, *(v.numpy() for v in self._state()))

    def _resume(self, checkpoint: Path | None, identity: str) -> tuple[list, int]:
        if checkpoint is None or not checkpoint.exists():
            return [], 0
        with np.load(checkpoint) as saved:
            about = json.loads(str(saved["arr_0"]))
            if about["identity"] != identity:
                return [], 0
            for number, variable in enumerate(self._state(), start=1):
                variable.assign(saved[f"arr_{number}"])
        return [tuple(row) for row in about["rows"]], about["epoch"]


def cosine(done: float) -> float:
    """Share of the learning rate after a share of a phase: up to 1 over the first tenth, then half a cosine to 0."""
    return done / 0.1 if done < 0.1 else 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


def _rate(recipe: Recipe, phase: int) -> float:
    return recipe.learning_rate * (1 if phase == 1 else recipe.second_rate)


def _optimiser(recipe: Recipe, phase: int):
    make = {"adadelta": keras.optimizers.Adadelta, "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    more: dict = {"weight_decay": recipe.decay} if recipe.optimiser == "adamw" else {}
    if recipe.average and phase == 2:
        more |= {"use_ema": True, "ema_momentum": recipe.average}
    made = make[recipe.optimiser](_rate(recipe, phase), global_clipnorm=recipe.clip or None, **more)
    return keras.optimizers.LossScaleOptimizer(made) if recipe.mixed_precision else made
