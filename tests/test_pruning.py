"""Channels taken out of base models of every form, and weights set to 0."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dslite.deployment.conversion import convert
from dslite.deployment.runtime import runner
from dslite.errors import DsliteError
from dslite.model import Head, assemble, base_of, load_model
from dslite.network import Backbone, load_backbone, macs
from dslite.pruning import hold_zeros, importance, thinned, zeroed
from dslite.spectrogram import MelPlot

SAMPLES, CLASSES = 8_000, 3
layers = keras.layers


def whole(net, units=8, standardise=False):
    backbone = Backbone(net.name, net, (1 / 127.5,) * 3, (-1.0,) * 3, "random", "")
    return assemble(MelPlot(name="plot"), backbone, Head(units, CLASSES, 0.2, standardise=standardise, name="head"))


def small_net(body, width):
    """A convolution of that many filters named ``wide``, and what ``body`` makes of it."""
    picture = keras.Input((224, 224, 3))
    x = layers.Conv2D(width, 8, strides=16, name="wide")(picture)
    x = layers.ReLU()(layers.BatchNormalization(name="wide_norm")(x))
    return keras.Model(picture, body(x, width), name="small")


def chain(x, width):
    x = layers.Conv2D(24, 3, activation="relu", name="second")(layers.MaxPooling2D(2)(x))
    return layers.Conv2D(40, 1, name="third")(x)


def residual(x, width):  # whose sum is the features
    y = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    return layers.Add()([x, layers.Conv2D(width, 1, name="wide_too")(y)])


def concatenated(x, width):
    y = layers.Concatenate()([layers.Conv2D(8, 1)(x), x, layers.Conv2D(8, 3, padding="same")(x)])
    return layers.Conv2D(16, 1)(layers.BatchNormalization(name="joined")(y) * 2.0)


def depthwise(x, width):
    x = layers.DepthwiseConv2D(3, use_bias=False)(layers.ZeroPadding2D()(x))
    return layers.SeparableConv2D(16, 3)(layers.BatchNormalization(name="wide_norm_too")(x))


def squeeze_and_excite(x, width):
    y = layers.Conv2D(8, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    y = layers.ReLU(6.0)(layers.Conv2D(width, 1)(y) + 3.0) * (1 / 6)
    return layers.Conv2D(16, 1)(layers.Multiply()([x, y]))


def convolutions(net):
    return [layer for layer in net.layers if any(len(w.shape) == 4 for w in layer.weights)]


def scores_of(net, rng):
    return {layer.name: rng.uniform(1, 2, layer.output.shape[-1]) for layer in convolutions(net)}


def randomly(net, rng):
    for weight in net.weights:
        weight.assign(rng.uniform(0.2, 0.6, weight.shape) * rng.choice([1, 1, -1] if "kernel" in weight.path else [1]))


def noise(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, SAMPLES)).astype(np.float32)


@pytest.mark.parametrize("body", [chain, residual, concatenated, depthwise, squeeze_and_excite])
def test_channels_that_are_zero_can_go(body):
    rng = np.random.default_rng(0)
    net = small_net(body, 32)
    model = whole(net, standardise=True)
    randomly(net, rng)
    gone = rng.permutation(32)[:16]
    scores = scores_of(net, rng)
    for layer in net.layers:
        values = layer.get_weights()
        for value in values if layer.name.startswith(("wide", "joined")) else ():
            value[..., gone + 8 * (layer.name == "joined")] = 0
        layer.set_weights(values)
        if layer.name in scores and layer.output.shape[-1] == 32:
            scores[layer.name][gone] = 0
    head = model.get_layer("head")
    features = rng.standard_normal((50, head.factor.shape[0])).astype(np.float32)
    if body is residual:
        features[:, gone] = 0
    head.scale_to(features)
    expected = macs(whole(small_net(body, 16)))
    less = thinned(model, scores, (expected + 0.5) / macs(model))
    assert macs(less) == expected
    assert [layer.name for layer in base_of(less).layers] == [layer.name for layer in net.layers]
    waveforms = noise(3)
    np.testing.assert_allclose(less(waveforms), model(waveforms), atol=1e-5)
    logits = [keras.Model(m.input, m.get_layer("head").output)(waveforms) for m in (less, model)]
    np.testing.assert_allclose(*logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [0.9, 0.6, 0.35])
def test_work_is_just_below_what_was_asked_for(share):
    rng = np.random.default_rng(1)
    net = small_net(chain, 64)
    model, scores = whole(net), scores_of(net, rng)
    less = thinned(model, scores, share)
    places, pooled = 14 * 14, 5 * 5
    per_channel = [places * 8 * 8 * 3 + pooled * 9 * 24, pooled * (9 * 64 + 40), pooled * 24 + 8]
    assert share * macs(model) - 8 * max(per_channel) < macs(less) <= share * macs(model)
    for layer in convolutions(base_of(less)):
        assert layer.filters % 8 == 0 and layer.filters >= max(8, 0.1 * net.get_layer(layer.name).filters)
    kept = np.sort(np.argsort(scores["wide"])[-base_of(less).get_layer("wide").filters :])
    own = net.get_layer("wide").get_weights()
    for weight, before in zip(base_of(less).get_layer("wide").get_weights(), own, strict=True):
        np.testing.assert_array_equal(weight, before[..., kept])


def test_what_saves_more_work_goes_first():
    net = small_net(chain, 24)
    model = whole(net)
    less = thinned(model, {layer.name: np.ones(layer.filters) for layer in convolutions(net)}, 0.9)
    assert [layer.filters for layer in convolutions(base_of(less))] == [16, 24, 40]


def test_a_share_out_of_reach_is_told():
    net = small_net(chain, 24)
    with pytest.raises(DsliteError, match=r"small cannot be thinned to 1\.0% of its work; \d+\.\d% is the least"):
        thinned(whole(net), scores_of(net, np.random.default_rng(0)), 0.01)


def test_importance_is_the_squared_slope_of_the_loss():
    net = small_net(lambda x, width: layers.DepthwiseConv2D(3, name="depth")(x), 2)
    net.trainable = False  # as a fit leaves a base model that it froze
    parts = {"wide": "wide_norm", "depth": "depth"}  # where a normalisation follows, its weights say what channels give
    model = whole(net, units=0)
    batches = [(noise(4, seed), np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, seed]]) for seed in (1, 2)]
    for weight in net.trainable_weights + net.non_trainable_weights:
        weight.assign(weight + 0.1)  # biases that are not 0 count too
    found = importance(model, batches)
    assert set(found) == {"wide", "depth"} and all(one.dtype == np.float64 for one in found.values())

    def loss(layer, channel, factor, batch):
        before = layer.get_weights()
        after = [np.copy(weight) for weight in before]
        for weight in after[:2]:  # kernel (of which 1 is given per channel) and bias, or gamma and beta
            weight.reshape(-1, 2)[:, channel] *= factor
        layer.set_weights(after)
        said = model(batch[0]).numpy().astype(float)
        layer.set_weights(before)
        return -np.mean(np.log((said * batch[1]).sum(axis=1)))

    for name, values in found.items():
        layer = net.get_layer(parts[name])
        for channel, value in enumerate(values):
            slopes = [(loss(layer, channel, 1.01, b) - loss(layer, channel, 0.99, b)) / 0.02 for b in batches]
            assert value == pytest.approx(np.mean(np.square(slopes)), rel=0.02)


def test_the_smallest_weights_become_zero():
    net = small_net(chain, 16)
    model = whole(net)
    before = [layer.get_weights()[0] for layer in convolutions(net)]
    less = zeroed(model, 0.6)
    after = [layer.get_weights()[0] for layer in convolutions(base_of(less))]
    sizes = np.concatenate([kernel.ravel() for kernel in after])
    assert abs(np.count_nonzero(sizes == 0) - 0.6 * sizes.size) <= 1
    for old, new in zip(before, after, strict=True):
        assert np.abs(old[new == 0]).max() <= np.abs(new[new != 0]).min()
        np.testing.assert_array_equal(new[new != 0], old[new != 0])
    assert all((kernel != 0).all() for kernel in before), "the model itself stays as it is"


def test_zeros_stay_zero_in_training():
    model = zeroed(whole(small_net(chain, 16)), 0.5)
    hold_zeros(model)
    net = base_of(model)
    optimiser = keras.optimizers.AdamW(0.01, weight_decay=0.01)
    variables = net.trainable_variables
    optimiser.build(variables)

    @tf.function
    def step(pictures):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(pictures, training=False) - 1.0) ** 2)
        optimiser.apply(tape.gradient(loss, variables), variables)

    before = [layer.get_weights()[0] for layer in convolutions(net)]
    for seed in range(10):
        step(tf.random.stateless_normal((2, 224, 224, 3), (seed, 0)))
    for layer, old in zip(convolutions(net), before, strict=True):
        new = layer.get_weights()[0]
        assert (old == 0).any() and not new[old == 0].any()
        assert (new != old)[old != 0].mean() > 0.9


@pytest.mark.parametrize(
    "odd, kind",
    [
        (layers.Conv2D(32, 1, groups=4, name="odd"), "Conv2D"),
        (layers.PReLU(name="odd"), "PReLU"),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, name="odd"), "DepthwiseConv2D"),
    ],
)
def test_a_layer_that_is_not_known_is_named(odd, kind):
    net = small_net(lambda x, width: odd(x), 32)
    with pytest.raises(DsliteError, match=rf"small: .* layer odd \({kind}\) is not known.*efficientnet_lite0"):
        thinned(whole(net), scores_of(net, np.random.default_rng(0)), 0.5)


def test_a_thinned_base_model_is_saved_loaded_and_converted(tmp_path):
    """MobileNetV3 has depthwise convolutions, squeeze-and-excitation, sums and bare operations."""
    net = load_backbone("mobilenet_v3_small").model
    less = thinned(whole(net), scores_of(net, np.random.default_rng(0)), 0.5)
    less.save(tmp_path / "model.keras")
    waveform = noise(1)
    said = less(waveform).numpy()
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(waveform), said)
    lite = runner(convert(less, SAMPLES), 1)(waveform)
    assert np.isfinite(lite).all()
    np.testing.assert_allclose(lite, said, atol=1e-5)
