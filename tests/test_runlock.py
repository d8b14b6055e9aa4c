"""One run at a time in an output folder, on file systems that keep no locks between machines too."""

import errno
import fcntl
import os
import signal
import time

import pytest

from dslite.errors import DsliteError
from dslite.layout.paths import Paths
from dslite.run import runlock


def left_by_another_machine(paths: Paths, seconds: float) -> None:
    paths.lock.parent.mkdir(parents=True, exist_ok=True)
    paths.lock.write_text("7 on node9", "utf-8")
    os.utime(paths.lock, (time.time() - seconds,) * 2)


def test_a_run_of_another_machine_is_left_alone_until_it_is_silent(tmp_path):
    paths = Paths(tmp_path)
    left_by_another_machine(paths, 40)
    for _ in range(2):  # to ask does not keep it alive
        with pytest.raises(DsliteError, match=r"process 7 on node9\) is at work in .* heard of 4\d s ago"):
            runlock.alone(paths).__enter__()
    assert paths.lock.read_text("utf-8") == "7 on node9"
    left_by_another_machine(paths, 100)
    with runlock.alone(paths):
        assert paths.lock.read_text("utf-8").startswith(f"{os.getpid()} on ")
    assert not paths.lock.read_text("utf-8"), "who comes next from elsewhere need not wait"


def test_a_run_says_again_that_it_lives_as_long_as_it_does(tmp_path, monkeypatch):
    monkeypatch.setattr(runlock, "BEAT", 0.05)
    paths = Paths(tmp_path)

    def heard_of() -> bool:
        os.utime(paths.lock, (0, 0))
        limit = time.monotonic() + 5
        while time.monotonic() < limit and not os.stat(paths.lock).st_mtime:
            time.sleep(0.01)
        return os.stat(paths.lock).st_mtime > 0

    with runlock.alone(paths):
        assert heard_of() and heard_of()
    time.sleep(0.2)
    os.utime(paths.lock, (0, 0))
    time.sleep(0.3)
    assert not os.stat(paths.lock).st_mtime


def test_a_run_that_was_taken_for_gone_leaves_the_lock_to_the_next_and_ends(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runlock, "BEAT", 0.05)
    told = []
    monkeypatch.setattr(os, "kill", lambda *what: told.append(what))
    paths = Paths(tmp_path)
    with runlock.alone(paths):
        left_by_another_machine(paths, 0)
        time.sleep(0.5)
    assert told == [(os.getpid(), signal.SIGTERM)] and "another's now: it is ended" in capsys.readouterr().out
    assert paths.lock.read_text("utf-8") == "7 on node9"


def test_without_any_locks_a_process_that_lives_here_is_seen(tmp_path, monkeypatch, capsys):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    paths = Paths(tmp_path)
    with runlock.alone(paths), pytest.raises(DsliteError, match=f"process {os.getpid()}. is at work"):
        runlock.alone(paths).__enter__()
    assert "cannot be locked (No locks available): start no other run" in capsys.readouterr().out


def test_a_beat_that_fails_once_is_not_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr(runlock, "BEAT", 0.05)
    paths, failed, write = Paths(tmp_path), [], os.pwrite

    def fails_once(*given) -> int:
        if len(failed) == 1:  # the first beat, after the lock was taken
            failed.append(True)
            raise OSError(errno.ESTALE, "Stale file handle")
        failed.append(False)
        return write(*given)

    monkeypatch.setattr(os, "pwrite", fails_once)
    with runlock.alone(paths):
        time.sleep(0.5)
    assert failed[:2] == [False, True] and len(failed) > 3


def test_a_process_that_was_killed_here_is_not_waited_for(tmp_path):
    paths = Paths(tmp_path)
    with runlock.alone(paths):
        held = paths.lock.read_text("utf-8")
    paths.lock.write_text(held, "utf-8")  # as kill -9 leaves it
    with runlock.alone(paths):
        pass
