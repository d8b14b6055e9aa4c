"""Clustered and paired bootstraps, Holm, the price of choosing: against SciPy, hand cases and simulated truth."""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dslite.errors import DsliteError
from dslite.resampling import by_speaker, kinds, percentiles
from dslite.scoring import score, uar
from dslite.statistics import choices, compare, holm, optimism, p_value, pairs

CLASSES = ("a", "b", "c")


def table(label, predicted, speaker=None, padded=False):
    label, predicted = (np.asarray(CLASSES)[list(indices)] for indices in (label, predicted))
    files = [f"{i:04}.wav" for i in range(len(label))]
    speaker = "" if speaker is None else np.asarray(speaker).astype(str)
    return pd.DataFrame({"file": files, "label": label, "predicted": predicted, "speaker": speaker, "padded": padded})


def systems(rng, files=300, speakers=12, right=(0.5, 0.6), classes=3):
    """Prediction tables of systems that are right on so many files, and often on the same ones."""
    label, who = rng.integers(0, classes, files), rng.integers(0, speakers, files)
    easy = rng.random(files)
    tables = {}
    for number, share in enumerate(right):
        hit = np.where(rng.random(files) < 0.8, easy, rng.random(files)) < share
        tables[f"s{number}"] = table(label, np.where(hit, label, (label + 1) % classes), who)
    return tables


def codes(frame, column):
    return pd.Categorical(frame[column], CLASSES).codes.astype(int)


# draws ----------------------------------------------------------------------------------------------------------------


def test_speakers_interval_is_scipys_bootstrap_over_speakers():
    frame = systems(np.random.default_rng(1))["s0"]
    label, predicted, who = codes(frame, "label"), codes(frame, "predicted"), by_speaker(frame["speaker"])
    ours = kinds(label, (label == predicted)[None], who).interval(seed=0, draws=20_000)

    def of_speakers(drawn):
        rows = np.concatenate([np.flatnonzero(who == one) for one in drawn])
        return uar(label[rows], predicted[rows])

    theirs = stats.bootstrap(
        (np.arange(who.max() + 1),), of_speakers, vectorized=False, n_resamples=3000, method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.6)


def test_where_each_speaker_has_one_file_speakers_are_files():
    frame = systems(np.random.default_rng(2))["s0"].assign(speaker=[f"p{i}" for i in range(300)])
    found = score(frame, CLASSES, "all", 7)
    assert (found["ci_speaker_low"], found["ci_speaker_high"]) == (found["ci_low"], found["ci_high"])


def test_speaker_with_all_her_files_or_none():
    # Two speakers, one always right and one never: a draw is all right, half right or all wrong.
    label = np.tile([0, 1], 20)
    right = np.repeat([True, False], 20)[None]
    drawn = kinds(label, right, np.repeat([0, 1], 20)).draw(0, 2000)[:, 0]
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [0.0, 50.0, 100.0]
    np.testing.assert_allclose(counts / 2000, [0.25, 0.5, 0.25], atol=0.04)


@pytest.mark.parametrize("speaker", [["x"] * 9, [*"abcdefgh", ""], [""] * 9, [*"abcdeabcd"]])
def test_without_six_speakers_there_is_no_interval_over_speakers(speaker):
    found = score(table([0, 1, 2] * 3, [0, 1, 0, 0, 1, 2, 1, 1, 2], speaker), CLASSES, "all", 0)
    assert np.isnan([found["ci_speaker_low"], found["ci_speaker_high"]]).all() and found["ci_low"] < found["ci_high"]


def test_draws_of_alike_files_are_draws_of_single_files():
    """Counts over kinds have the distribution that drawing file after file has."""
    rng = np.random.default_rng(3)
    label, right = rng.integers(0, 3, 40), rng.random((1, 40)) < 0.6
    merged = kinds(label, right).draw(0, 4000)[:, 0]
    rows = rng.integers(0, 40, (4000, 40))
    single = np.array([uar(label[row], np.where(right[0, row], label[row], 9)) for row in rows])
    assert stats.ks_2samp(merged, single).pvalue > 0.01


def test_held_out_files_are_those_that_were_not_drawn():
    # A file that is right when drawn cannot be right outside: with one right file the two never score together.
    label, right = np.zeros(6, int), np.eye(6, dtype=bool)[:1]
    inside, outside = kinds(label, right).hold_out(0, 500)
    assert ((inside > 0) != (outside > 0)).all() and 0.3 < (outside > 0).mean() < 0.37  # (5 / 6) ** 6 = 0.335


def test_coverage_of_intervals_over_files_and_over_speakers():
    """95 % intervals against a UAR that is known: independent files, and files that depend on their speaker."""
    by_file, one_each = coverage(speakers=200, each=1, spread=0.0)
    assert 0.92 <= by_file <= 0.97 and 0.92 <= one_each <= 0.97
    by_file, clustered = coverage(speakers=30, each=10, spread=0.3)
    assert by_file < 0.85 and 0.90 <= clustered <= 0.97
    by_file, clustered = coverage(speakers=20, each=15, spread=0.3)
    assert by_file < 0.85 and 0.87 <= clustered <= 0.97
    by_file, clustered = coverage(speakers=6, each=40, spread=0.3)
    assert by_file < 0.70 and 0.75 <= clustered < 0.92, "few speakers: better than files, still too narrow"
    by_file, clustered = coverage(speakers=2, each=60, spread=0.3)
    assert clustered < 0.60, "which is why two are not drawn"


def coverage(speakers, each, spread, tests=300):
    """Share of simulated test sets whose interval over files, and over speakers, holds the true UAR."""
    rng, recall = np.random.default_rng(speakers), np.array([0.7, 0.5, 0.3])
    who, held = np.repeat(np.arange(speakers), each), np.zeros(2)
    for seed in range(tests):
        label = rng.integers(0, 3, who.size)
        if spread:  # a speaker's own chance of being right varies around the recall of the class
            chance = rng.beta(recall * (1 / spread - 1), (1 - recall) * (1 / spread - 1), (speakers, 3))
            right = rng.random(who.size) < chance[who, label]
        else:
            right = rng.random(who.size) < recall[label]
        for at, group in enumerate((None, who)):
            interval = kinds(label, right[None], group).interval(seed, 300)
            held[at] += interval.low <= 50.0 <= interval.high
    return held / tests


def test_recalls_of_one_and_zero_have_exact_intervals():
    one, none = kinds(np.zeros(50, int), np.ones((1, 50), bool)), kinds(np.zeros(50, int), np.zeros((1, 50), bool))
    exact = stats.binomtest(50, 50).proportion_ci(method="exact").low * 100
    for found, low, high in ((one, exact, 100.0), (none, 0.0, 100.0 - exact)):
        interval = found.interval(0, 20_000)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.15) and interval.se > 0
    label = np.repeat([0, 1], 30)
    right = np.concatenate([np.ones(30, bool), np.arange(30) % 3 > 0])[None]
    half, usual = kinds(label, right).interval(0), percentiles(kinds(label, right).draw(0)[:, 0])
    assert half.low < usual.low and half.high == usual.high, "one class is always right, the other is not"
    right[0, 0] = False
    half, usual = kinds(label, right).interval(0), percentiles(kinds(label, right).draw(0)[:, 0])
    assert half == usual, "where every recall lies between, nothing changes"


@pytest.mark.parametrize("rare", [False, True])
def test_a_class_of_one_file_leaves_the_interval_within_0_and_100(rare):
    """A third of all draws lacks the class: what its recall might be is nothing to those."""
    label = np.array([0] * 20 + [1])
    found = kinds(label, ((label == 1) == rare)[None]).interval(0)
    assert 0.0 <= found.low < 50.0 < found.high <= 100.0
    assert (found.low == 0.0) if rare else (found.high == 100.0)


def test_of_speakers_it_is_speakers_that_count():
    label, who = np.zeros(60, int), np.repeat(np.arange(6), 10)
    right = np.ones((1, 60), bool)
    by_file, by_voice = (kinds(label, right, group).interval(0, 20_000).low for group in (None, who))
    assert by_voice == pytest.approx(100 * 0.025 ** (1 / 6), abs=1.0) and by_file > 93


def test_coverage_where_almost_all_is_right():
    for counts, recall in (
        ((20, 20, 20), (0.98, 0.96, 0.97)),
        ((50, 50), (0.99, 0.99)),
        ((40, 40, 2), (0.8, 0.7, 0.5)),
    ):
        rng, held, label = np.random.default_rng(0), np.zeros(2), np.repeat(np.arange(len(counts)), counts)
        for seed in range(300):
            units = kinds(label, (rng.random(label.size) < np.array(recall)[label])[None])
            for at, interval in enumerate((percentiles(units.draw(seed, 300)[:, 0]), units.interval(seed, 300))):
                held[at] += interval.low <= 100 * np.mean(recall) <= interval.high
        assert held[0] / 300 < 0.90 and held[1] / 300 >= 0.95


@pytest.mark.parametrize("better, equal", [(0, 5), (1, 0), (2, 1), (3, 0), (3, 40), (6, 2), (20, 0), (100, 0)])
def test_no_p_value_below_the_sign_test_of_the_files_that_differ(better, equal):
    label, second = np.zeros(better + equal, int), np.arange(better + equal) < better
    tables = {"x": table(label, label + 1), "y": table(label, np.where(second, label, 1))}
    sign = stats.binomtest(better, better).pvalue if better else 1.0
    assert pairs(compare(tables, CLASSES, "all", "file"), 0)["p"][0] == pytest.approx(max(sign, 1 / 5001))


def test_least_p_of_speakers_counts_speakers_of_means_over_seeds():
    # Two seeds each: speaker 0 gains one file and loses another (a tie), 1 and 2 gain, 3 has the same files right.
    label, who = np.zeros(8, int), np.repeat([0, 1, 2, 3], 2)
    first = np.array([[1, 0, 0, 0, 1, 0, 1, 1], [1, 0, 0, 1, 0, 1, 0, 1]], bool)
    second = np.array([[0, 1, 1, 1, 1, 1, 0, 1], [1, 0, 0, 1, 1, 1, 1, 1]], bool)
    assert kinds(label, np.vstack([first, second]), who).least_p([0, 1], [2, 3]) == 2 / 2**2


@pytest.mark.parametrize("units", [2, 3, 6])
def test_least_p_is_not_below_one_in_the_different_draws(units):
    """With replacement two speakers are drawn as aa, ab or bb, three in ten ways."""
    every = kinds(np.zeros(units, int), np.stack([np.zeros(units, bool), np.ones(units, bool)]))
    draws = set(combinations_with_replacement(range(units), units))
    assert every.least_p([0], [1]) >= 1 / len(draws)


def test_alike_systems_on_six_speakers_do_not_differ_after_the_correction():
    """Draws of six speakers alone say so of one pair in twenty, at the level that Holm asks of fifteen pairs."""
    rng, plain, ours, who = np.random.default_rng(0), 0, 0, np.repeat(np.arange(6), 20)
    for seed in range(200):
        label = rng.integers(0, 3, 120)
        both = kinds(label, rng.random((2, 120)) < rng.beta(1.15, 1.15, (2, 6))[:, who], who)
        observed, drawn = np.diff(both.scores)[0], np.diff(both.draw(seed, 600))[:, 0]
        plain += p_value(observed, drawn) <= 0.05 / 15
        ours += p_value(observed, drawn, both.least_p([0], [1])) <= 0.05 / 15
    assert plain >= 4 and ours == 0


# pairs ----------------------------------------------------------------------------------------------------------------


def test_difference_and_interval_are_scipys_paired_bootstrap():
    tables = systems(np.random.default_rng(4))
    row = pairs(compare(tables, CLASSES, "all", "file"), seed=0, draws=20_000).iloc[0]
    label, first, second = codes(tables["s0"], "label"), *(codes(tables[name], "predicted") for name in ("s0", "s1"))
    theirs = stats.bootstrap(
        (label, first, second), lambda y, a, b: uar(y, b) - uar(y, a), paired=True, vectorized=False,
        n_resamples=4000, method="percentile", rng=np.random.default_rng(5),
    )  # fmt: skip
    assert row["difference"] == pytest.approx(uar(label, second) - uar(label, first))
    assert (row["low"], row["high"]) == pytest.approx(tuple(theirs.confidence_interval), abs=0.6)
    apart = np.hypot(*(np.diff(tuple(_file_interval(tables[name])))[0] for name in ("s0", "s1")))
    assert row["high"] - row["low"] < 0.9 * apart, "the same files: narrower than two independent test sets"


def _file_interval(frame):
    label = codes(frame, "label")
    interval = kinds(label, (label == codes(frame, "predicted"))[None]).interval(0)
    return interval.low, interval.high


def test_p_value_by_hand_and_its_floor():
    assert p_value(3.0, np.array([3.0, 5.9, 6.0, 0.0, -1.0, 2.0])) == pytest.approx((1 + 3) / 7)
    assert p_value(0.0, np.zeros(9)) == 1.0
    assert p_value(9.0, np.full(99, 9.0)) == pytest.approx(1 / 100)
    assert p_value(9.0, np.full(99, 9.0), 0.25) == 0.25
    assert p_value(0.1 + 0.2, np.array([0.6, 0.0])) == 1.0, "equal but for rounding"


def test_p_value_agrees_with_mcnemars_test_where_recall_is_accuracy():
    """One class: the UAR is the share of right files, and the paired test of two shares is McNemar's."""
    rng = np.random.default_rng(6)
    first, second = rng.random(400) < 0.5, rng.random(400) < 0.57
    tables = {n: table(np.zeros(400, int), np.where(hit, 0, 1)) for n, hit in (("x", first), ("y", second))}
    ours = pairs(compare(tables, CLASSES, "all", "file"), 0, 20_000)["p"][0]
    b, c = (first & ~second).sum(), (second & ~first).sum()
    assert ours == pytest.approx(stats.chi2.sf((b - c) ** 2 / (b + c), 1), abs=0.01)


def test_p_values_keep_their_level_without_a_difference():
    rng, low = np.random.default_rng(7), []
    for seed in range(400):
        label, easy = rng.integers(0, 3, 300), rng.random(300)
        right = np.where(rng.random((2, 300)) < 0.5, easy, rng.random((2, 300))) < 0.5
        both = kinds(label, right)
        low.append(p_value(np.diff(both.scores)[0], np.diff(both.draw(seed, 400))[:, 0]) <= 0.05)
    assert 0.02 <= np.mean(low) <= 0.09


def test_equal_systems_do_not_differ():
    same = systems(np.random.default_rng(8), right=(0.5,))["s0"]
    row = pairs(compare({"x": same, "y": same.sample(frac=1, random_state=0)}, CLASSES, "all", "file"), 0).iloc[0]
    assert (row["difference"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)


def test_all_pairs_of_any_number_of_systems_are_one_family():
    tables = systems(np.random.default_rng(9), right=(0.4, 0.5, 0.5, 0.7, 0.9))
    for unit in ("file", "speaker"):
        found = pairs(compare(tables, CLASSES, "all", unit), 0)
        assert len(found) == 10 and list(found["first"][:4]) == ["s0"] * 4
        np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
        assert found["p"].min() == pytest.approx({"file": 1 / 5001, "speaker": 2 / 2**12}[unit])


def test_speakers_that_are_not_known_leave_the_difference_alone():
    tables = {name: frame.assign(speaker="") for name, frame in systems(np.random.default_rng(10)).items()}
    compared = compare(tables, CLASSES, "all", "speaker")
    row = pairs(compared, 0).iloc[0]
    assert compared.units == 0 and np.isfinite(row["difference"])
    assert row[["low", "high", "p", "p_holm"]].isna().all() and np.isnan(optimism(compared, 0))


def test_full_chunk_pairs_only_files_that_no_system_padded():
    tables = {
        "x": table([0, 0, 1, 1], [0, 1, 1, 1], padded=[True, False, False, False]),
        "y": table([0, 0, 1, 1], [0, 0, 1, 0]),
    }
    compared = compare(tables, CLASSES, "full-chunk", "file")
    assert compared.files == 3 and compared.scores.tolist() == [50.0, 75.0]
    none = compare({name: frame.assign(padded=True) for name, frame in tables.items()}, CLASSES, "full-chunk", "file")
    assert none.files == 0 and pairs(none, 0)["difference"].isna().all()


def test_other_files_are_refused_by_name():
    first = table([0, 1], [0, 1])
    for second in (first.iloc[:1], first.assign(label=["b", "b"])):
        with pytest.raises(DsliteError, match=r"'svm' and 'none'.*000\d.wav"):
            compare({"none": first, "svm": second}, CLASSES, "all", "file")
    with pytest.raises(DsliteError, match="listed twice"):
        compare({"none": first, "svm": pd.concat([first, first])}, CLASSES, "all", "file")


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.4, 0.5, 0.001]), [0.8, 0.8, 0.003])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    assert np.isnan(holm([np.nan])).all()


# choosing -------------------------------------------------------------------------------------------------------------


def test_optimism_of_choosing_among_alike_systems_is_about_right_and_else_not_too_small():
    for chances, about_right in (((0.5,) * 4, True), ((0.4, 0.5, 0.5, 0.6), False)):
        rng, truly, estimated = np.random.default_rng(11), [], []
        for seed in range(100):
            label, right = rng.integers(0, 3, 200), rng.random((4, 200)) < np.array(chances)[:, None]
            frames = {f"s{i}": table(label, np.where(row, label, (label + 1) % 3)) for i, row in enumerate(right)}
            compared = compare(frames, CLASSES, "all", "file")
            truly.append(compared.scores.max() - 100 * chances[int(compared.scores.argmax())])
            estimated.append(optimism(compared, seed))
        if about_right:
            assert np.mean(truly) > 2.5 and np.mean(estimated) == pytest.approx(np.mean(truly), abs=0.6)
        else:
            assert np.mean(truly) - 0.3 < np.mean(estimated) < 2.5


def test_choice_on_dev_beside_choice_on_test():
    tables = systems(np.random.default_rng(12), right=(0.5, 0.6, 0.55))
    compared = compare(tables, CLASSES, "all", "speaker")
    found = choices({"s0": 61.0, "s1": 60.0, "s2": 61.0}, compared, 0)
    assert (found["by_dev"], found["by_test"]) == ("s0", compared.systems[int(compared.scores.argmax())])
    assert found["uar_by_dev"] == compared.scores[0] <= found["uar_by_test"] == compared.scores.max()
    assert found["corrected"] == pytest.approx(found["uar_by_test"] - found["optimism"])
    nothing = choices({"s0": np.nan, "s1": np.nan, "s2": np.nan}, compared, 0)
    assert nothing["by_dev"] == "" and np.isnan(nothing["uar_by_dev"]) and nothing["by_test"]
