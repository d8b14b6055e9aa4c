"""A fitted model made smaller: whole channels of its base model taken out, or single weights set to 0.

Whole channels leave a smaller network, which is faster wherever it runs. Which of them stand or fall together follows
from the layers: what is added or multiplied element by element loses the same channels on both sides.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dslite.errors import DsliteError
from dslite.keras_defaults import graph, keras, tf
from dslite.model import Head, base_of
from dslite.network import macs

LEAST = 0.1
"""Share of channels made by the same layers that always stays."""

TOGETHER = 8
"""What numbers of channels of the same layers stay a multiple of, if they are not left whole: kernels of LiteRT work on
8 and more at a time. At least this many and :data:`LEAST` of them stay."""

_MAKING = ("InputLayer", "Conv2D", "SeparableConv2D")
_PASSING = (
    *("Activation", "ReLU", "LeakyReLU", "ELU", "BatchNormalization", "Rescaling", "Dropout", "SpatialDropout2D"),
    *("ZeroPadding2D", "Cropping2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "DepthwiseConv2D"),
)
_UNITING = ("Add", "Multiply", "CustomScaleLayer")  # the last is Inception-ResNet's sum


def importance(model: keras.Model, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """What channels matter to the cross-entropy, by the first term of its Taylor series (Molchanov et al., 2019).

    Args:
        model: what :func:`dslite.model.assemble` made, for classes.
        batches: waveforms float32 (n, samples) and one-hot labels float32 (n, classes); at least one.

    Returns:
        Name of each convolution of the base model -> float64 (channels,), at least 0: the mean over batches of the
        squared sum of weight x gradient over a channel's part of the kernel and its bias. Where a batch normalisation
        follows it is taken over kernel and bias of the two as one: what is taken out is what both give. It is computed
        as the slope of a factor of the channel, which is the same and needs no gradients of kernels.
    """
    net = base_of(model)
    norms = {id(layer.input): layer.name for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)}
    convolutions = [layer for layer in net.layers if _kernels(layer)]
    factors = {
        norms.get(id(layer.output), layer.name): keras.Variable(tf.ones(layer.output.shape[-1]))
        for layer in convolutions
    }

    def with_factors(layer, *args, **kwargs):
        made = layer(*args, **kwargs)
        return made * factors[layer.name] if layer.name in factors else made

    def slopes(waveforms, targets):
        with tf.GradientTape() as tape:
            said = waveforms
            for layer in model.layers[1:-1]:  # they stand in a row; the last one is the softmax
                said = base(said, training=False) if layer is net else layer(said)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, said))
        return tape.gradient(loss, [factor.value for factor in factors.values()])

    base = keras.models.clone_model(net, clone_function=lambda layer: layer, call_function=with_factors)
    traced = graph(slopes, tf.TensorSpec([None, None]), tf.TensorSpec([None, model.output.shape[-1]]))
    squares = [[np.square(slope, dtype=np.float64) for slope in traced(*batch)] for batch in batches]
    means = [np.mean(of_layer, axis=0) for of_layer in zip(*squares, strict=True)]
    return {layer.name: mean for layer, mean in zip(convolutions, means, strict=True)}


def thinned(model: keras.Model, scores: dict[str, np.ndarray], share: float) -> keras.Model:
    """A model without the channels of its base model that matter least for what they cost.

    Importance lost per multiply-accumulate saved ranks them, :data:`TOGETHER` at a time: the ratio by which items leave
    a full knapsack. That compares layers as they are, since importance is in the unit of the squared loss for all.

    Args:
        model: what :func:`dslite.model.assemble` made; it stays as it is.
        scores: from :func:`importance`. Channels that stand or fall together have the sum of theirs.
        share: the largest part of the model's multiply-accumulates that is left, in (0, 1].

    Returns:
        A model with the same layers and the weights of what stays; the head has lost rows of features that are gone.

    Raises:
        DsliteError: for a base model with a layer of which it is not known what it does to channels, and for a share
            that is out of reach.
    """
    net, head = base_of(model), model.get_layer("head")
    channels = _Channels.of(model)
    kept = _choice(channels, scores, share)

    def smaller(layer: keras.Operation) -> keras.Operation:
        config = layer.get_config()
        if "filters" in config:
            config["filters"] = int(kept[channels.after[layer.name]].sum())
        return type(layer).from_config(config)

    picture = keras.Input(net.input.shape[1:], name=net.layers[0].name)
    base = keras.models.clone_model(net, picture, smaller)
    for layer in base.layers:
        before, after = kept[channels.before[layer.name]], kept[channels.after[layer.name]]
        layer.set_weights([_cut(weight, before, after) for weight in net.get_layer(layer.name).get_weights()])
    new_head = _copy(head)
    new_head.build((None, base.output.shape[-1]))
    of_features = [_first_of(head), *((head.factor, head.centre) if head.standardise else ())]
    rows = {id(weight): kept[channels.last] for weight in of_features}
    for new, old in zip(new_head.variables, head.variables, strict=True):
        new.assign(old.numpy()[rows.get(id(old), ...)])
    made = {net.name: base, head.name: new_head}
    return keras.models.clone_model(model, clone_function=lambda layer: made.get(layer.name) or _copy(layer))


def zeroed(model: keras.Model, share: float) -> keras.Model:
    """A copy in which that share of all kernel weights of the base model, in [0, 1], is 0: the smallest of all layers.

    One threshold for all layers changed outputs less than the same share of each layer or LAMP (Lee et al., 2021) did:
    with 30 % zeros, EfficientNet-Lite0's Kullback-Leibler divergence on speech was 0.5 against 2.0 and 1.3. Of
    SqueezeNet v1.1 that is so with 50 % (5.9, 7.6, 8.7), but with 70 % the same share of each was best (50, 10, 70).

    Args:
        model: what :func:`dslite.model.assemble` made; it stays as it is.
        share: how many of the weights.
    """
    copy = _copy(model)
    copy.set_weights(model.get_weights())
    kernels = [kernel for layer in base_of(copy).layers for kernel in _kernels(layer)]
    sizes = np.abs(np.concatenate([kernel.numpy().ravel() for kernel in kernels]))
    stays = np.ones(sizes.size, bool)
    stays[np.argsort(sizes, kind="stable")[: round(share * sizes.size)]] = False
    ends = np.cumsum([kernel.numpy().size for kernel in kernels])
    for kernel, mask in zip(kernels, np.split(stays, ends[:-1]), strict=True):
        kernel.assign(kernel.numpy() * mask.reshape(kernel.shape))
    return copy


def hold_zeros(model: keras.Model) -> None:
    """From now on the weights of kernels of this base model that are 0 stay 0, whatever Keras optimiser trains them.

    It sets what Keras calls a variable's constraint, which optimisers apply after each step; files do not keep it.
    """
    for layer in base_of(model).layers:
        for kernel in _kernels(layer):
            kernel.constraint = _holding(tf.constant(kernel.numpy() != 0))


def _holding(mask: tf.Tensor) -> Callable:
    return lambda kernel: tf.where(mask, kernel, 0.0)


@dataclass(frozen=True)
class _Channels:
    """The channels of a base model, in sets that stand or fall together, numbered from 0.

    Attributes:
        model: the whole model.
        before, after: layer name -> int (channels,), the set of each channel that it takes and that it gives.
        last: int (width,), the set of each feature.
        groups: the sets that the same layers make, int (sets,) each; without those of pictures, which stay.
        count: how many sets there are.
    """

    model: keras.Model
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    last: np.ndarray
    groups: list[np.ndarray]
    count: int

    @classmethod
    def of(cls, model: keras.Model) -> "_Channels":
        net = base_of(model)
        before, after, made, makers, united = {}, {}, {}, [], [np.empty((2, 0), int)]
        for layer in net.operations:
            kind, taken = type(layer).__name__, [made.get(id(t)) for t in keras.tree.flatten(layer.input)]
            if not _is_known(layer) or any(one is None for one in taken):
                raise DsliteError(
                    f"Channels cannot be taken out of {net.name}: what becomes of them in its layer {layer.name} "
                    f"({kind}) is not known. Choose another base model, such as squeezenet_v1 or efficientnet_lite0."
                )
            if kind in _MAKING:
                channels = np.arange(len(makers), len(makers) + layer.output.shape[-1])
                makers += ["" if kind == "InputLayer" else layer.name] * channels.size
            else:
                channels = np.concatenate(taken) if kind == "Concatenate" else taken[0]
            if kind in _UNITING:
                united += [np.array((channels, other)) for other in taken[1:]]
            made[id(layer.output)] = after[layer.name] = channels
            before[layer.name] = taken[0] if taken else channels
        pairs = np.concatenate(united, axis=1)
        links = coo_array((np.ones(pairs.shape[1]), pairs), (len(makers), len(makers)))
        count, set_of = connected_components(links, directed=False)
        names, groups = defaultdict(set), defaultdict(list)
        for number, maker in zip(set_of, makers, strict=True):
            names[number].add(maker)
        for number, together in names.items():
            groups[tuple(sorted(together))].append(number)
        before, after = ({name: set_of[one] for name, one in side.items()} for side in (before, after))
        removable = [np.array(group) for by, group in groups.items() if "" not in by]
        return cls(model, before, after, set_of[made[id(net.output)]], removable, count)

    def work(self, kept: np.ndarray) -> int:
        """Multiply-accumulates that depend on these sets, of which those in ``kept``, bool (count,), are kept."""
        total = _first_of(self.model.get_layer("head")).shape[1] * int(kept[self.last].sum())
        for layer in base_of(self.model).layers:
            for kernel in _kernels(layer):
                before, after = kept[self.before[layer.name]], kept[self.after[layer.name]]
                rows, columns, _, given = kernel.shape  # 1 is given per channel where the kernel is depthwise
                given = after.sum() if given == after.size else given
                total += int(np.prod(layer.output.shape[1:3]) * rows * columns * before.sum() * given)
        return total


def _is_known(layer: keras.Operation) -> bool:
    given = keras.tree.flatten(layer._inbound_nodes[0].arguments.args)
    # Of what is added or multiplied, each has all channels, or it is one number for all.
    widths = {one.shape[-1] if isinstance(one, keras.KerasTensor) else -np.ndim(one) for one in given}
    plain = {"groups": 1, "depth_multiplier": 1}
    return (
        type(layer).__name__ in (*_MAKING, *_PASSING, *_UNITING, "Concatenate")
        and (type(layer).__name__ not in _UNITING or len(widths - {0}) == 1)
        and all(getattr(layer, name, value) == value for name, value in plain.items())
        and getattr(layer, "axis", -1) in (-1, 3)
        and np.ndim(getattr(layer, "scale", 0)) == np.ndim(getattr(layer, "offset", 0)) == 0
    )


def _choice(channels: _Channels, scores: dict[str, np.ndarray], share: float) -> np.ndarray:
    """The sets that are kept, bool (count,)."""
    net, importance = base_of(channels.model), np.zeros(channels.count)
    for layer in net.layers:
        if _kernels(layer):
            np.add.at(importance, channels.after[layer.name], scores[layer.name])

    def without(*gone: np.ndarray) -> np.ndarray:
        kept = np.ones(channels.count, bool)
        kept[np.concatenate([*gone, np.empty(0, int)])] = False
        return kept

    whole, total, blocks = channels.work(without()), macs(channels.model), []
    for group in channels.groups:
        saved = whole - channels.work(without(group[:1]))
        ranked = group[np.argsort(importance[group], kind="stable")]
        stays = TOGETHER * math.ceil(max(TOGETHER, LEAST * ranked.size) / TOGETHER)
        ends = range(ranked.size % TOGETHER or TOGETHER, ranked.size - stays + 1, TOGETHER)
        parts = [ranked[max(0, end - TOGETHER) : end] for end in ends]
        blocks += [(importance[part].mean() / saved, part) for part in parts]
    parts = [part for _, part in sorted(blocks, key=lambda block: block[0])]

    def left(number: int) -> int:
        return total - whole + channels.work(without(*parts[:number]))

    number = bisect_left(range(len(parts) + 1), True, key=lambda number: left(number) <= share * total)
    if number > len(parts):
        least = left(len(parts)) / total
        raise DsliteError(f"{net.name} cannot be thinned to {share:.1%} of its work; {least:.1%} is the least.")
    return without(*parts[:number])


def _cut(weight: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if weight.ndim == 1:
        return weight[after]
    weight = weight[:, :, before]
    return weight[..., after] if weight.shape[-1] == after.size else weight


def _first_of(head: Head):
    """What multiplies features: (width, units or classes)."""
    return (head.hidden if head.units else head.output_layer).kernel


def _kernels(layer: keras.layers.Layer) -> list:
    return [weight for weight in layer.weights if len(weight.shape) == 4]


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    return type(layer).from_config(layer.get_config())
