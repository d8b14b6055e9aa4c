"""Scores against scikit-learn, SciPy and hand-made cases."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from dslite.resampling import DRAWS, kinds
from dslite.scoring import confusion, decide, score, uar


def predictions(label, predicted, padded=False, speaker="s"):
    return pd.DataFrame({"label": label, "predicted": predicted, "padded": padded, "speaker": speaker})


@pytest.mark.parametrize("seed", range(5))
def test_uar_is_balanced_accuracy(seed):
    rng = np.random.default_rng(seed)
    label, predicted = rng.choice(4, 200, p=[0.7, 0.1, 0.1, 0.1]), rng.integers(0, 4, 200)
    assert uar(label, predicted) == pytest.approx(100 * balanced_accuracy_score(label, predicted))


def test_papers_own_css_matrix():
    label = np.repeat([0, 1], [189, 94])
    predicted = np.concatenate([np.repeat([0, 1], [137, 52]), np.repeat([1, 0], [52, 42])])
    assert round(uar(label, predicted), 2) == 63.90


def test_majority_wins_over_confidence_and_ties_go_to_the_mean():
    chunks = np.array([
        [0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.0, 1.0, 0.0],  # two votes beat one confident one
        [0.9, 0.1, 0.0], [0.2, 0.8, 0.0],  # one vote each: class 0 has the higher mean
        [0.3, 0.0, 0.7], [0.0, 0.51, 0.49], [0.45, 0.4, 0.15], # three ways: class 2 has the highest mean
        [0.0, 0.45, 0.55], [0.0, 0.51, 0.49], [0.4, 0.3, 0.3],
    ])  # fmt: skip
    predicted, mean, count = decide(chunks, np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3]))
    assert predicted.tolist() == [0, 0, 2, 2]
    assert count.tolist() == [3, 2, 3, 3]
    np.testing.assert_allclose(mean[1], [0.55, 0.45, 0])
    np.testing.assert_allclose(mean.sum(axis=1), 1)


def test_file_with_one_chunk_is_that_chunk_and_order_is_kept():
    chunks = np.eye(3)[[2, 0, 1]]
    predicted, mean, _ = decide(chunks, np.array([1, 2, 0]))
    assert predicted.tolist() == [1, 2, 0]
    np.testing.assert_array_equal(mean, np.eye(3)[[1, 2, 0]])


def test_file_without_chunks_is_an_error():
    with pytest.raises(ValueError, match="File 1 has no chunk"):
        decide(np.eye(2), np.array([0, 2]))


def bootstrap(label, predicted, seed, draws=DRAWS):
    return kinds(label, (label == predicted)[None]).interval(seed, draws)


def test_interval_agrees_with_scipys_bootstrap():
    rng = np.random.default_rng(3)
    label = rng.choice(3, 300, p=[0.6, 0.3, 0.1])
    predicted = np.where(rng.random(300) < 0.6, label, rng.integers(0, 3, 300))
    ours = bootstrap(label, predicted, seed=0, draws=20_000)
    theirs = stats.bootstrap(
        (label, predicted), uar, paired=True, vectorized=False, n_resamples=4000, method="percentile", rng=rng
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.6)


def test_interval_repeats_and_narrows():
    label = np.tile([0, 1], 50)
    predicted = np.where(np.arange(100) % 5 == 0, 1 - label, label)
    assert bootstrap(label, predicted, 1) == bootstrap(label, predicted, 1) != bootstrap(label, predicted, 2)
    wide, narrow = bootstrap(label, predicted, 1), bootstrap(np.tile(label, 50), np.tile(predicted, 50), 1)
    assert narrow.high - narrow.low < (wide.high - wide.low) / 5


def test_sixteen_thousand_files_need_little_memory():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 16_000)
    interval = bootstrap(label, rng.integers(0, 2, 16_000), seed=0)
    assert 48 < interval.low < 50 < interval.high < 52


def test_draw_without_a_class_is_scored_over_the_others():
    # One file of class 1, never right: about a third of all draws lack it and score 100, the rest score 50.
    label, predicted = np.array([0] * 20 + [1]), np.zeros(21, int)
    drawn = kinds(label, (label == predicted)[None]).draw(0)[:, 0]
    assert set(drawn) == {50.0, 100.0} and (drawn == 100.0).mean() == pytest.approx((20 / 21) ** 21, abs=0.05)


def test_full_chunk_scores_only_files_that_were_not_padded():
    table = predictions(["a", "a", "b", "b"], ["a", "b", "b", "a"], [False, True, False, True], ["x", "y", "x", ""])
    everything, full = (score(table, ["a", "b"], protocol, 0) for protocol in ("all", "full-chunk"))
    assert (everything["uar"], everything["n_files"], everything["n_speakers"]) == (50.0, 4, 2)
    assert (full["uar"], full["n_files"], full["n_speakers"]) == (100.0, 2, 1)


def test_protocol_without_files_says_so():
    none = score(predictions(["a", "b"], ["a", "b"], True), ["a", "b"], "full-chunk", 0)
    assert none["n_files"] == 0 and np.isnan([none["uar"], none["ci_low"], none["ci_high"]]).all()
    assert confusion(predictions(["a"], ["a"], True), ["a", "b"], "full-chunk").to_numpy().tolist() == [[0, 0], [0, 0]]


def test_confusion_is_scikit_learns():
    rng = np.random.default_rng(0)
    names = np.array(["low", "<b>", "high"])
    label, predicted = names[rng.integers(0, 3, 90)], names[rng.integers(0, 2, 90)]
    ours = confusion(predictions(label, predicted), list(names), "all")
    np.testing.assert_array_equal(ours, confusion_matrix(label, predicted, labels=list(names)))
    assert list(ours.index) == list(ours.columns) == list(names)


def test_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="some.*full-chunk"):
        score(predictions(["a"], ["a"]), ["a"], "some", 0)
