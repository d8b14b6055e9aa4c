"""SapAugment, CutMix and SpecAugment: numbers from SciPy, properties of many drawn batches, hand-made pictures."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import betainc

from dslite.augmentation import BatchPlan, apply, draw, mix_labels, sap_lambda, vary
from dslite.configurations import CONFIGURATIONS
from dslite.readings import PAPER
from tests.through import configurations

SIZE = 224


def plans(count=200, n=32, cutmix=True, specaugment=True, policy=None):
    """Losses and what is drawn from them, by a graph as in a fit: it makes many batches quick."""
    rng, policy = np.random.default_rng(0), policy or PAPER
    drawn = tf.function(lambda losses, seed: draw(losses, seed, policy, cutmix, specaugment))
    for i in range(count):
        losses = rng.exponential(size=n).astype(np.float32)
        yield losses, drawn(tf.constant(losses), tf.constant([7, i]))


@pytest.mark.parametrize("a, s", [(0.5, 10.0), (0.3, 10.0), (0.5, 1.0), (0.7, 100.0)])
@pytest.mark.parametrize("n", [1, 2, 31, 32])
def test_lambda_is_scipys_incomplete_beta_of_the_rank(a, s, n):
    losses = np.random.default_rng(n).exponential(size=n).astype(np.float32)
    ranks = losses.argsort().argsort() + 1
    expected = 1 - betainc(s * (1 - a), s * a, ranks / n)
    np.testing.assert_allclose(sap_lambda(losses, replace(PAPER, sap_a=a, sap_s=s)), expected, atol=2e-5)


def test_lambda_of_a_batch_of_32():
    lam = sap_lambda(np.arange(32, dtype=np.float32), PAPER).numpy()
    # Ranks 1, 4, 8, ... 32 of Beta(5, 5), computed by hand with another program.
    assert lam[[0, 3, 7, 11, 15, 19, 23]] == pytest.approx([1.0, 0.998, 0.951, 0.783, 0.5, 0.217, 0.049], abs=6e-4)
    assert lam[-1] == 0 and lam.mean() == pytest.approx(0.484, abs=1e-3)


def test_equal_losses_still_have_ranks():
    lam = sap_lambda(np.ones(8, np.float32), PAPER).numpy()
    assert len(np.unique(lam)) == 8 and (np.diff(lam) < 0).all()


def test_configurations_are_in_their_order_after_a_test_left_some_out():
    before = list(CONFIGURATIONS)
    with pytest.MonkeyPatch.context() as patch:
        configurations(patch, "both", "none")
        assert list(CONFIGURATIONS) == ["both", "none"]
    assert list(CONFIGURATIONS) == before


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_only_what_was_asked_for_acts(name):
    cutmix, specaugment = CONFIGURATIONS[name].cutmix, CONFIGURATIONS[name].specaugment
    pasted = masked = 0
    for _, plan in plans(50, cutmix=cutmix, specaugment=specaugment):
        pasted += int(tf.reduce_sum(plan.area))
        masked += int(tf.reduce_sum(plan.time_width + plan.frequency_width))
    assert (pasted > 0, masked > 0) == (cutmix, specaugment)


def test_sizes_and_places_keep_their_limits():
    for _, p in plans():
        assert (p.top.numpy() >= 0).all() and (p.bottom.numpy() <= SIZE).all()
        assert (p.bottom - p.top).numpy().max() <= 56 and (p.right - p.left).numpy().max() <= 56
        assert (p.area.numpy() >= 0).all()
        for first, width in ((p.time, p.time_width), (p.frequency, p.frequency_width)):
            assert (first.numpy() >= 0).all() and ((first + width).numpy() <= SIZE).all() and width.numpy().max() <= 67
        assert (p.partner.numpy() != np.arange(32)).all() and set(p.partner.numpy()) <= set(range(32))


def test_magnitude_and_probability_follow_lambda():
    widths, executed, lambdas = [], [], []
    for losses, p in plans(600):
        lambdas.append(sap_lambda(losses, PAPER).numpy())
        widths.append(p.time_width.numpy())
        executed.append(p.time_width.numpy() > 0)
    lam, width, done = (np.concatenate(x) for x in (lambdas, widths, executed))
    assert (width[done] == np.round(67 * lam[done])).all()
    for low, high in ((0.2, 0.5), (0.5, 0.8), (0.95, 1.01)):
        part = (lam >= low) & (lam < high)
        expected = 0.10 + 0.15 * lam[part].mean()
        assert done[part].mean() == pytest.approx(expected, abs=4 * (0.2 * 0.8 / part.sum()) ** 0.5)


def test_cutmix_and_specaugment_are_drawn_independently():
    always = replace(PAPER, probability=(0.5, 0.5), patch=(10, 10), mask=(10, 10))
    pasted, masked = [], []
    for _, p in plans(300, policy=always):
        pasted.append(p.area.numpy() > 0)
        masked.append(p.time_width.numpy() > 0)
    assert abs(np.corrcoef(np.concatenate(pasted), np.concatenate(masked))[0, 1]) < 0.05


def test_places_are_spread_over_the_picture():
    lefts = np.concatenate([p.time.numpy()[p.time_width.numpy() > 0] for _, p in plans(400)])
    counts, _ = np.histogram(lefts, bins=4, range=(0, SIZE - 60))
    assert counts.min() > 0.7 * counts.mean()


def test_plan_is_a_function_of_its_seed():
    losses = np.arange(8, dtype=np.float32)
    one, same, other = (
        draw(losses, seed, replace(PAPER, probability=(1, 1)), True, True) for seed in ([1, 2], [1, 2], [1, 3])
    )
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(one, same, strict=True))
    assert any((a.numpy() != b.numpy()).any() for a, b in zip(one, other, strict=True))


def test_a_graph_draws_what_is_drawn_without_one():
    losses, plan = next(plans())
    for one, other in zip(plan, draw(losses, [7, 0], PAPER, True, True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_batch_of_one_is_never_mixed():
    plan = draw(np.zeros(1, np.float32), [0, 0], replace(PAPER, probability=(1, 1), patch=(20, 20)), True, False)
    assert plan.area.numpy().tolist() == [0]


def by_hand(**values):
    empty = dict.fromkeys(BatchPlan._fields, 0) | values
    return BatchPlan(*(tf.constant([empty[field]], tf.int32) for field in BatchPlan._fields))


def test_time_axis_is_the_time_axis():
    picture = np.zeros((1, SIZE, SIZE, 3), np.float32)
    fill = np.array([1.0, 2.0, 3.0], np.float32)
    out = apply(by_hand(time=10, time_width=5), picture, picture, fill).numpy()[0]
    assert (out[:, 10:15] == fill).all() and out[:, :10].max() == 0 and out[:, 15:].max() == 0
    out = apply(by_hand(frequency=10, frequency_width=5), picture, picture, fill).numpy()[0]
    assert (out[10:15] == fill).all() and out[:10].max() == 0 and out[15:].max() == 0


def test_square_comes_from_the_partner_and_masks_lie_on_top():
    picture, partner = np.zeros((1, SIZE, SIZE, 3), np.float32), np.full((1, SIZE, SIZE, 3), 9, np.float32)
    plan = by_hand(top=2, bottom=6, left=3, right=10, time=8, time_width=4)
    out = apply(plan, picture, partner, np.full(3, 5, np.float32)).numpy()[0, :, :, 0]
    assert (out[2:6, 3:8] == 9).all() and (out[:, 8:12] == 5).all()
    assert (out == 9).sum() == 4 * 5 and (out == 0).sum() == SIZE * SIZE - 20 - 4 * SIZE


def test_labels_are_mixed_by_the_pasted_area():
    one_hot = np.eye(4, dtype=np.float32)
    for _, plan in plans(50, n=4, policy=replace(PAPER, probability=(1, 1), patch=(56, 56))):
        mixed = mix_labels(plan, one_hot).numpy()
        pictures = np.broadcast_to(np.arange(4, dtype=np.float32)[:, None, None, None], (4, SIZE, SIZE, 3))
        bare = plan._replace(time_width=tf.zeros(4, tf.int32), frequency_width=tf.zeros(4, tf.int32))
        painted = apply(bare, pictures, tf.gather(pictures, plan.partner), np.zeros(3, np.float32)).numpy()[..., 0]
        for i in range(4):
            shares = [(painted[i] == k).mean() for k in range(4)]
            np.testing.assert_allclose(mixed[i], shares, atol=1e-6)


def test_what_is_varied_is_rotated_along_time_and_lightly_masked():
    rng, fill = np.random.default_rng(2), np.full(3, -1.0, np.float32)
    pictures = rng.uniform(0, 255, (400, 20, 20, 3)).astype(np.float32)
    rotated = vary(pictures, [3, 1], 0.25, (0.0, 0.0), fill).numpy()
    by = [
        next(k for k in range(-5, 6) if (np.roll(x, k, axis=1) == y).all())
        for x, y in zip(pictures, rotated, strict=True)
    ]
    assert set(by) == set(range(-5, 6)) and abs(np.mean(by)) < 0.5
    masked = (vary(pictures, [3, 1], 0.0, (0.3, 0.1), fill).numpy() == fill).all(axis=3)
    wide, high = masked.all(axis=1).sum(axis=1), masked.all(axis=2).sum(axis=1)
    assert (masked.sum(axis=(1, 2)) == 20 * wide + 20 * high - wide * high).all(), "whole columns and whole rows"
    assert set(wide) == set(range(7)) and set(high) == set(range(3))
    assert 0.40 < (wide > 0).mean() < 0.5 and 0.25 < (high > 0).mean() < 0.45, "half of them, some less than a pixel"
    assert abs(np.corrcoef(wide > 0, high > 0)[0, 1]) < 0.15
    assert masked.mean(axis=0).min() > 0.01, "anywhere"
    np.testing.assert_array_equal(vary(pictures, [3, 1], 0.0, (0.0, 0.0), fill), pictures)
    again, other = (vary(pictures, [3, n], 0.25, (0.3, 0.1), fill).numpy() for n in (1, 2))
    assert (again == vary(pictures, [3, 1], 0.25, (0.3, 0.1), fill).numpy()).all() and (again != other).any()


def test_untouched_pictures_stay_as_they_are():
    rng = np.random.default_rng(1)
    pictures = rng.uniform(0, 255, (32, SIZE, SIZE, 3)).astype(np.float32)
    for _, plan in plans(5):
        out = apply(plan, pictures, tf.gather(pictures, plan.partner), np.zeros(3, np.float32)).numpy()
        changed = (out != pictures).any(axis=(1, 2, 3))
        assert (changed == plan.touched.numpy()).all()
        rows = np.flatnonzero(plan.touched)
        part = apply(plan.take(rows), pictures[rows], pictures[plan.partner.numpy()[rows]], np.zeros(3, np.float32))
        np.testing.assert_array_equal(part, out[rows])
