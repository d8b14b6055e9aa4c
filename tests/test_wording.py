"""Words for people."""

import pytest

from dslite.wording import counted


@pytest.mark.parametrize(("number", "said"), [(1, "1 test file"), (0, "0 test files"), (1200, "1,200 test files")])
def test_what_is_counted_agrees_with_its_number(number, said):
    assert counted(number, "test file") == said
