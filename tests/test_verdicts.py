"""Every branch of the rules, by hand."""

import math

import pytest

from dslite.corpora import CORPORA
from dslite.paper import verdicts
from dslite.paper.comparable import audio_reasons, score_reasons
from dslite.paper.published import standard_error
from dslite.paper.verdicts import (
    CONSISTENT,
    DIFFERS,
    INCONCLUSIVE,
    NOT_JUDGED,
    NOT_RUN,
    can_be_consistent,
    judge_duration,
    judge_printed,
    judge_score,
    ratio,
)

LIKE_THE_PAPER = {
    "data": "real",
    "weights": "imagenet",
    "backbone": "densenet121",
    "profile": "full",
    "protocol": "full-chunk",
    "reading": "paper",
}


@pytest.mark.parametrize(
    ("ours", "our_error", "theirs", "their_error", "word"),
    [
        (70.0, 1.0, 70.0, 1.0, CONSISTENT),  # 1.645 * 1.414 = 2.33 < 5
        (72.6, 1.0, 70.0, 1.0, CONSISTENT),  # 2.6 + 2.33 = 4.93 < 5, though not far from rejecting zero
        (72.7, 1.0, 70.0, 1.0, INCONCLUSIVE),  # 5.03 > 5; 2.7 < 1.96 * 1.414 = 2.77
        (72.8, 1.0, 70.0, 1.0, DIFFERS),  # 5.13 > 5; 2.8 > 2.77
        (67.2, 1.0, 70.0, 1.0, DIFFERS),  # the same below
        (70.0, 4.0, 70.0, 4.0, INCONCLUSIVE),  # equal, but 1.645 * 5.66 = 9.3: a wide interval is no success
        (80.0, 4.0, 70.0, 4.0, INCONCLUSIVE),
        (82.0, 4.0, 70.0, 4.0, DIFFERS),  # 12 > 11.09
        # Equivalent and at the same time not zero: consistent, since the difference is too small to matter.
        (71.0, 0.1, 70.0, 0.1, CONSISTENT),
        (70.0, 3.1, 70.0, 0.0, INCONCLUSIVE),  # 1.645 * 3.1 = 5.1
    ],
)
def test_scores(ours, our_error, theirs, their_error, word):
    assert judge_score(ours, our_error, theirs, their_error).word == word


@pytest.mark.parametrize(("ours", "word"), [(74.9, CONSISTENT), (65.1, CONSISTENT), (75.0, DIFFERS), (60.0, DIFFERS)])
def test_scores_without_any_error_are_told_by_the_margin_alone(ours, word):
    assert judge_score(ours, 0.0, 70.0, standard_error(70.0, 70.0)).word == word


def test_no_file_scored_is_no_run():
    assert judge_score(math.nan, math.nan, 70.0, 1.0).word == NOT_RUN
    assert judge_score(math.nan, math.nan, 70.0, math.nan).word == NOT_RUN


@pytest.mark.parametrize("bad", [(70.0, math.nan, 70.0, 1.0), (70.0, 1.0, math.nan, 1.0), (70.0, -1.0, 70.0, 1.0)])
def test_what_cannot_be_judged_is_refused(bad):
    with pytest.raises(ValueError, match="cannot be judged"):
        judge_score(*bad)


def test_the_score_rule_agrees_with_two_one_sided_tests_done_by_scipy():
    from scipy.stats import norm

    for ours in (66.0, 68.0, 70.0, 71.9, 74.0, 77.0):
        for error in (0.5, 1.5, 3.0):
            s = math.hypot(error, 1.2)
            d = ours - 70.0
            equivalent = max(norm.sf((d + 5) / s), norm.cdf((d - 5) / s)) < 0.05
            rejected = 2 * norm.sf(abs(d) / s) < 0.05
            expected = CONSISTENT if equivalent else DIFFERS if rejected else INCONCLUSIVE
            assert judge_score(ours, error, 70.0, 1.2).word == expected


def test_standard_error_of_an_interval():
    assert standard_error(60.0, 63.92) == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(ValueError, match="wrong way round"):
        standard_error(3.0, 2.0)


def test_an_interval_of_twelve_points_can_never_be_shown_equivalent():
    assert can_be_consistent(standard_error(60.0, 71.9))
    assert not can_be_consistent(standard_error(60.0, 72.0))


@pytest.mark.parametrize(
    ("ours", "theirs", "decimals", "word"),
    [
        (725, 725, 0, CONSISTENT),
        (724, 725, 0, DIFFERS),
        (7.563, 7.6, 1, CONSISTENT),
        (7.549, 7.6, 1, DIFFERS),
        (29.95, 30.0, 1, CONSISTENT),
        (29.94, 30.0, 1, DIFFERS),
        (100 / 6, 20.0, 1, DIFFERS),
        (100 / 7, 14.3, 1, CONSISTENT),
        (math.nan, 3.0, 0, NOT_RUN),
    ],
)
def test_counts_and_sizes_equal_within_the_printed_rounding(ours, theirs, decimals, word):
    assert judge_printed(ours, theirs, decimals).word == word


def test_how_far_off_a_count_is_is_told_in_its_unit_and_in_percent():
    assert judge_printed(720, 725, 0).why == "5 below the printed figure (0.7%)"
    assert judge_printed(82.9, 82.1, 1).why == "0.80 above the printed figure (1.0%)"
    assert judge_printed(2.0, 0.0, 0).why == "2 above the printed figure"


def test_durations_have_one_percent():
    assert judge_duration(98.7, 97.8, 1).word == CONSISTENT
    assert judge_duration(98.8, 97.8, 1).word == DIFFERS
    assert judge_duration(2.26790001, 2.2679, 4) == (CONSISTENT, "equal within the printed rounding")


def test_times_are_ratios():
    assert ratio(44.85, 89.7).word == NOT_JUDGED
    assert "0.50" in ratio(44.85, 89.7).why
    assert ratio(math.nan, 89.7).word == NOT_RUN


def test_a_run_like_the_papers_can_be_judged():
    assert score_reasons("ccs", "both", LIKE_THE_PAPER) == []
    assert score_reasons("ccs", "svm", LIKE_THE_PAPER | {"protocol": "all", "profile": "demo"}) == []
    assert score_reasons("ccs", "both", LIKE_THE_PAPER | {"reading": "released"}) == []
    assert score_reasons("css", "both", LIKE_THE_PAPER | {"protocol": "all"}) == [], "whole files: no file is short"


def test_the_baseline_of_a_reading_that_leaves_files_out_cannot_be_judged():
    (told,) = score_reasons("ccs", "svm", LIKE_THE_PAPER | {"protocol": "all", "reading": "released"})
    assert "short files" in told


@pytest.mark.parametrize(
    ("corpus", "change", "reason"),
    [
        ("ccs", {"data": "stand-in"}, "SYNTHETIC"),
        ("ccs", {"data": "cropped"}, "cropped"),
        ("ccs", {"data": "differing"}, "Table 1"),
        ("ccs", {"data": ""}, "unknown"),
        ("ccs", {"weights": "random"}, "random weights"),
        ("ccs", {"backbone": "squeezenet_v1"}, "base model"),
        ("ccs", {"profile": "demo"}, "demo profile"),
        ("ccs", {"protocol": "all"}, "protocol"),
        ("ccs", {"reading": "sound"}, "reading sound"),
        ("ravdess", {}, "split of our own"),
    ],
)
def test_each_difference_from_the_paper_is_a_reason_of_its_own(corpus, change, reason):
    (told,) = score_reasons(corpus, "both", LIKE_THE_PAPER | change)
    assert reason in told


def test_real_audio_alone_has_nothing_against_it():
    assert audio_reasons("real") == []
    for data in ("stand-in", "cropped", "differing", "other", ""):
        assert audio_reasons(data) == score_reasons("ccs", "both", LIKE_THE_PAPER | {"data": data}) != []


def test_the_corpora_with_a_split_of_our_own_are_those_of_the_registry():
    ours = {name for name, info in CORPORA.items() if info.partition.startswith("Ours")}
    assert {name for name in CORPORA if score_reasons(name, "both", LIKE_THE_PAPER)} == ours


def test_the_page_can_print_a_meaning_for_every_verdict():
    assert set(verdicts.WORDS) == {
        CONSISTENT,
        DIFFERS,
        INCONCLUSIVE,
        NOT_JUDGED,
        verdicts.NOT_COMPARABLE,
        NOT_RUN,
    }
