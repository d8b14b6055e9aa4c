"""The campaign of killed runs: a few faults, and that it sees what it is for."""

import pytest

from tests.campaigns.kill import FAULTS, campaign, half_written
from tests.whole import UNTRAINED, copied

pytestmark = pytest.mark.slow


def test_a_run_that_is_killed_again_and_again_ends_where_it_would_have(tmp_path, monkeypatch):
    for name in [name for name in FAULTS if name not in ("kill -9 of the run", "kill -9 of a worker", "SIGTERM")]:
        monkeypatch.delitem(FAULTS, name)
    lines: list[str] = []
    words = ["--corpora", "css", "--stages", "evaluate", *UNTRAINED]
    assert campaign(copied(tmp_path), words, 3, 0, lines.append) == []
    assert len(lines) == 5 and "files compared" in lines[-1] and not lines[-1].startswith("0 ")


def test_files_that_are_half_written_are_found(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1')
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    (tmp_path / "c.html").write_text("<html>")
    (tmp_path / ".d.12.part.json").write_text("{")
    (tmp_path / "e.json").write_text("{}")
    assert sorted(line.split(":")[0] for line in half_written(tmp_path)) == ["a.json", "b.parquet", "c.html"]
