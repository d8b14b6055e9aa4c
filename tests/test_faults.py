"""Runs that are killed and disks that are full: a few of the campaigns' faults, and that they see what they are for."""

import errno
import os
import shutil
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from dslite.errors import DsliteError
from dslite.files import read_json, whole_file, write_json
from dslite.layout import progress
from dslite.run import outcome
from tests.campaigns import scarce
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


def test_a_disk_without_room_is_named_and_the_run_goes_on_once_there_is_some(tmp_path):
    if why := scarce.possible():
        pytest.skip(why)
    lines: list[str] = []
    assert scarce.campaign(copied(tmp_path), ["corpus"], (8_000, 200_000), lines.append) == []
    assert [line.split(": ")[1] for line in lines[:2]] == ["said so", "said so"] and lines[2].startswith("read-only")


def test_where_memory_runs_out_it_is_said_and_the_run_goes_on_once_there_is_some(tmp_path):
    if why := scarce.memory_possible():
        pytest.skip(why)
    lines: list[str] = []
    assert scarce.memory(copied(tmp_path), ["train"], scarce.MEMORY[:1], lines.append) == []
    assert "memory ran out" in lines[0]


def test_what_fails_for_want_of_room_says_so_and_nothing_else_does(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="mine"), whole_file(tmp_path / "a"):
        raise ValueError("mine")
    with pytest.raises(DsliteError, match="Nothing more can be written"), whole_file(tmp_path / "a"):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", Mock(side_effect=OSError(errno.EDQUOT, "Disk quota exceeded")))
        with pytest.raises(DsliteError, match="quota of the disk of .* is used up. Make"), whole_file(tmp_path / "a"):
            raise RuntimeError("System error.")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000))
    with pytest.raises(DsliteError, match="The disk of .* is full. Make room"), whole_file(tmp_path / "b" / "a"):
        raise RuntimeError("System error.")
    assert list(tmp_path.iterdir()) == [tmp_path / "b"]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    """As seen by the order of calls: no test can take a machine's power."""
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *how, name=name, real=real: (done.append(name), real(*how)))
    write_json(tmp_path / "a", {})
    assert done == ["fsync", "replace"]
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "b"))
    progress.report(1, 2, "half")
    assert done[2:] == ["replace"], "but of what is written again every second"


@pytest.mark.parametrize("cut", ["", '{"state": "do', "[1]", "\0\0"])
def test_a_file_of_which_a_part_is_there(tmp_path, cut):
    """What a loss of power, a bad disk or another machine's late file system leaves."""
    place = tmp_path / "a.json"
    place.write_text(cut)
    assert progress.read(place) is None
    assert outcome.read(place).state == "running", "it is run again, and another machine's is looked at again"
    with pytest.raises(DsliteError, match="a.json is damaged or was changed by hand .*remove it and give"):
        read_json(place)


def test_files_that_are_half_written_are_found(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1')
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    (tmp_path / "c.html").write_text("<html>")
    (tmp_path / ".d.12.part.json").write_text("{")
    (tmp_path / "e.json").write_text("{}")
    assert sorted(line.split(":")[0] for line in half_written(tmp_path)) == ["a.json", "b.parquet", "c.html"]
