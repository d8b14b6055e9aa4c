"""Words for people."""

import pytest

from dslite.wording import counted, minus, written


@pytest.mark.parametrize(("number", "said"), [(1, "1 test file"), (0, "0 test files"), (1200, "1,200 test files")])
def test_what_is_counted_agrees_with_its_number(number, said):
    assert counted(number, "test file") == said


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [(-4.04, "+.1f", "−4.0"), (-0.04, "+.1f", "+0.0"), (-0.0004, ".3f", "0.000"), (-1e-7, ".4g", "−1e-07")],
)
def test_numbers_have_minus_signs_and_nothing_has_none(value, form, said):
    assert written(value, form) == said


def test_hyphens_between_words_and_digits_stay():
    assert minus("-4.0 to -1 (f1-02.wav, 8-bit, 1e-6)") == "−4.0 to −1 (f1-02.wav, 8-bit, 1e-6)"
