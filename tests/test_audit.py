"""The audit against values worked out by hand and against brute force."""

import itertools
import math

import numpy as np
import pytest

from benchmarks.audit import computed
from benchmarks.audit.forensics import max_standard_error
from dslite.paper import published
from dslite.paper.audit import CANNOT, DOES_NOT, HOLDS, IN_DOUBT, IN_PART, OUTCOMES, doubts, findings

SESSION_5 = [170, 442, 384, 245]
LONG_ENOUGH = [71, 181, 126, 133]


def _finding(claim):
    (found,) = [finding for finding in computed() if claim in finding.claim]
    return found


@pytest.mark.parametrize("uar", [12.0, 37.0, 50.0, 63.9, 90.0])
@pytest.mark.parametrize("counts", [(189, 94), (20, 300), (30, 60, 90)])
def test_no_recalls_on_a_fine_grid_have_a_larger_standard_error(uar, counts):
    grid = np.linspace(0, 1, 201)
    best = 0.0
    for head in itertools.product(grid, repeat=len(counts) - 1):
        last = len(counts) * uar / 100 - sum(head)
        if 0 <= last <= 1:
            recall = [*head, last]
            best = max(best, sum(r * (1 - r) / n for r, n in zip(recall, counts, strict=True)))
    assert max_standard_error(uar, counts) == pytest.approx(100 * math.sqrt(best) / len(counts), rel=1e-3)


def test_equal_classes_are_largest_at_equal_recalls():
    # sqrt(0.25 / 100) / sqrt(2) = 3.5355 points
    assert max_standard_error(50.0, [100, 100]) == pytest.approx(100 * math.sqrt(0.25 / 100 / 2))
    assert max_standard_error(80.0, [100, 100]) == pytest.approx(100 * math.sqrt(0.16 / 100 / 2))


@pytest.mark.parametrize("uar", [0.0, 100.0])
def test_nothing_or_everything_right_has_no_error(uar):
    assert max_standard_error(uar, [10, 20]) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("uar", "counts"), [(101.0, [5]), (-1.0, [5]), (50.0, [5, 0]), (50.0, [])])
def test_test_sets_that_do_not_exist_are_refused(uar, counts):
    with pytest.raises(ValueError, match="does not exist"):
        max_standard_error(uar, counts)


def test_the_bound_holds_for_a_bootstrap_over_files():
    """The largest of the bound, reached by recalls of a half, against 4,000 real draws of session 5's files."""
    label = np.repeat(np.arange(4), SESSION_5)
    right = np.concatenate([np.arange(n) % 2 == 0 for n in SESSION_5])
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(label), size=(4000, len(label)))
    recalls = [(right[drawn] & (label[drawn] == k)).sum(1) / (label[drawn] == k).sum(1) for k in range(4)]
    spread = 100 * np.mean(recalls, axis=0).std()
    assert spread == pytest.approx(max_standard_error(50.0, SESSION_5), rel=0.04)


def test_iemocap_cannot_be_all_of_session_5_but_its_long_files():
    finding = _finding("IEMOCAP: intervals of a bootstrap")
    assert finding.outcome == CANNOT and finding.ledger == "F-16"
    assert max_standard_error(59.7, SESSION_5) < 1.55 < 2.14 < max_standard_error(59.7, LONG_ENOUGH)
    assert sum(LONG_ENOUGH) == 511
    assert any("511" in line for line in finding.working)
    assert len(finding.doubted) == 4
    assert _finding("MPSSC: intervals of a bootstrap").outcome == HOLDS


def test_off_centre_intervals_are_the_three_of_the_ledger():
    off = [finding for finding in findings() if finding.ledger == "F-35"]
    assert [finding.doubted for finding in off] == [
        ("table3.css.both.test",),
        ("table3.iemocap.none.test",),
        ("table4.ravdess.none.test",),
    ]
    for finding, middle in zip(off, ("60.95", "59.55", "78.60"), strict=True):
        assert finding.outcome == IN_DOUBT and middle in finding.working[0]


def test_duplicated_intervals_are_the_two_of_the_ledger():
    assert [finding.doubted for finding in findings() if finding.ledger == "F-34"] == [
        ("table3.css.none.test", "table3.css.both.test"),
        ("table3.iemocap.specaugment.test", "table3.iemocap.both.test"),
    ]


def test_odd_widths_are_the_two_of_the_ledger():
    assert [finding.doubted for finding in findings() if finding.ledger == "F-35b"] == [
        ("table4.mpssc.both.test",),
        ("table4.sleep.specaugment.test",),
    ]


@pytest.mark.parametrize(
    ("claim", "working"),
    [
        ("CCS: 16.1 %", "16.07"),
        ("CSS: 5.8 %", "5.79"),
        ("ESS: 9.4 %", "9.40"),
        ("IEMOCAP: 6.0 %", "6.04"),
        ("MPSSC: 37.6 %", "37.56"),
        ("150.3 ms", "240.0 - 89.7 = 150.3"),
        ("2.7 times", "2.74"),
        ("5 of 8", "CCS, CSS, ESS, MPSSC, DEMoS"),
        ("specificity 72.5", "63.90"),
        ("quarter of a second", "249.1"),
        ("364 female", "= 915"),
    ],
)
def test_what_recomputes_is_said_to_hold(claim, working):
    finding = _finding(claim)
    assert finding.outcome == HOLDS and working in finding.working[0]


def test_recalls_of_css_are_single_fractions_and_said_to_rest_on_an_assumption():
    finding = _finding("whole numbers of files")
    assert "72.5 % = 137/189; 55.3 % = 52/94" in finding.working[1]
    assert "assumption" in finding.working[0]
    assert "63.90" in finding.working[2]


@pytest.mark.parametrize(
    ("claim", "working"),
    [
        ("RAVDESS: chance level 20.0 %", "6 classes (Table 1) = 16.7 %"),
        ("DEMoS: 68 speakers", "65"),
        ("DEMoS: 23 female", "23 + 45 = 68"),
        ("RAVDESS: 5 emotions", "6 classes"),
        ("CCS: 97.8 min", "= 8.09 s"),
        ("CSS: 194.4 min", "= 13.06 s"),
        ("IEMOCAP: 746.2 min", "= 8.09 s"),
    ],
)
def test_what_contradicts_itself_does_not_hold(claim, working):
    finding = _finding(claim)
    assert finding.outcome == DOES_NOT and working in finding.working[0]
    assert finding.doubted


def test_iemocaps_durations_are_those_of_all_turns():
    assert "10,039 files" in _finding("IEMOCAP: 746.2 min").working[1]


def test_claims_that_hold_in_part_name_the_cells():
    helps, dev = (finding for finding in findings() if finding.outcome == IN_PART)
    assert "ESS DS Lite (CutMix) 59.9 < 60.0" in helps.working[1]
    assert [line.split(":")[0] for line in dev.working] == ["CSS", "ESS", "MPSSC", "RAVDESS"]


def test_what_is_kept_is_what_is_computed():
    """``python -m benchmarks.audit`` writes it anew where what was printed is read otherwise."""
    assert findings() == computed()


def test_doubts_name_published_figures():
    known = {figure.id for figure in published.figures()}
    assert set(doubts()) <= known
    assert {finding.outcome for finding in findings()} == set(OUTCOMES)


def test_the_audit_computes_from_the_figures(monkeypatch):
    """A changed cell changes what is found: nothing is typed in."""
    monkeypatch.setitem(published._PRINTED["table3"]["ccs"]["both"], "test", 80.0)
    assert _finding("CCS: 16.1 %").outcome == DOES_NOT
    assert "table3.ccs.both.test" in [
        id for finding in computed() if finding.ledger == "F-35" for id in finding.doubted
    ]
