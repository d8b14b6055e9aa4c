"""The campaigns' own checks, and as much of each campaign as takes seconds."""

import pytest

from dslite.errors import DsliteError
from tests.campaigns import fuzz
from tests.campaigns.bad_input import Seen, limited, tried, wrong
from tests.campaigns.kinds import FIRST, KINDS


@pytest.mark.parametrize("name", KINDS)
def test_what_is_wrong_is_said_in_words(name, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # no download
    assert wrong(name, tried(KINDS[name].hand_in)) == ""


def test_the_campaign_sees_what_is_of_no_use():
    def fails(folder):
        raise KeyError("label")

    def refuses(folder):
        raise DsliteError("Something is wrong.")

    assert wrong("text", tried(fails)).startswith("KeyError")
    assert "does not say" in wrong("text", tried(refuses)) and FIRST in wrong("text", tried(refuses))
    assert wrong("text", Seen("told", "")) != ""
    with pytest.raises(TimeoutError), limited(1):
        while True:
            pass


def test_files_with_bytes_changed_at_random_are_read_or_refused():
    seen = fuzz.run(2_000)
    assert sum(seen.values()) >= 2_000 and min(seen.values()) > 100
