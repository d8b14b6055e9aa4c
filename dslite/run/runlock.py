"""One run at a time in an output folder."""

import errno
import fcntl
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from dslite.errors import DsliteError
from dslite.layout.paths import Paths

BEAT, GONE = 20.0, 90.0
"""Seconds after which a run tells other machines again that it lives, and after which they take a silent one for gone.
Some shared file systems keep no locks between machines; time is that of the file system, whatever their clocks say."""


@contextmanager
def alone(paths: Paths) -> Iterator[None]:
    """Holds the output folder's lock.

    The system takes it from a process that is gone, however it went, so there is never one to be cleared by hand.

    Raises:
        DsliteError: another run holds it, here or, as it has been heard of lately, on another machine. Where the file
            system knows no locks, that is said and the run goes on.
    """
    try:
        paths.lock.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _unwritable(paths, error) from error
    own, ended = f"{os.getpid()} on {socket.gethostname()}", threading.Event()
    try:
        _refuse_other(paths, file)
        try:
            os.ftruncate(file, 0)
            _write(file, own)
        except OSError as error:
            raise _unwritable(paths, error) from error
        beat = threading.Thread(target=_beat, args=(paths, file, own, ended), daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()  # before another file has this one's number
            with suppress(OSError):
                if _read(file) == own:
                    os.ftruncate(file, 0)
    finally:
        os.close(file)


def clock(paths: Paths) -> float:
    """What time it is where the output lies, in seconds since 1970: a server's clock, by which files have their times,
    may differ from this machine's."""
    try:
        with tempfile.TemporaryFile(dir=paths.artifacts) as probe:
            return os.fstat(probe.fileno()).st_mtime
    except OSError as error:
        raise _unwritable(paths, error) from error


def refuse_files(paths: Paths) -> None:
    """Raises a :class:`DsliteError` where a file is in the way of the output folder; a dry run would not find out."""
    there = next(place for place in (paths.output, *paths.output.parents) if os.path.exists(place))
    if not os.path.isdir(there):
        raise _unwritable(paths, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))


def _refuse_other(paths: Paths, file: int) -> None:
    """Takes the lock, or raises a :class:`DsliteError` if another run has it."""
    process, _, host = (said := _read(file)).partition(" on ")
    there = bool(host) and host != socket.gethostname()
    busy = f"Another run (process {said if there else process}) is at work in {paths.output}: wait for it, end it, or "
    busy += "give this one a folder of its own with --output."
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DsliteError(busy) from None
    except OSError as error:  # file systems without locks, as NFS may be
        there = there or (process.isdigit() and psutil.pid_exists(int(process)))
        print(f"{paths.lock} cannot be locked ({error.strerror}): start no other run in {paths.output} meanwhile.")
    if there and (silent := clock(paths) - os.fstat(file).st_mtime) < GONE:
        told = f"It was heard of {max(silent, 0.0):.0f} s ago; one that died is forgotten after {GONE:.0f} s."
        raise DsliteError(f"{busy} {told}")


def _unwritable(paths: Paths, error: OSError) -> DsliteError:
    return DsliteError(f"No results can be written to {paths.output} ({error.strerror}): name another --output.")


def _read(file: int) -> str:
    return os.pread(file, 200, 0).decode("utf-8", "replace")


def _write(file: int, own: str) -> None:
    os.pwrite(file, own.encode(), 0)
    os.fsync(file)


def _beat(paths: Paths, file: int, own: str, ended: threading.Event) -> None:
    """Says again and again that this run lives, by writing, as the time that a file is given otherwise may be that of
    this machine; ends the run once another machine has taken it for gone."""
    while not ended.wait(BEAT):
        with suppress(OSError):  # what does not go now may go the next time
            if _read(file) == own:
                _write(file, own)
            else:
                os.kill(os.getpid(), signal.SIGTERM)  # first: nobody may be there to read
                print(f"This run was silent for {GONE:.0f} s and {paths.output} is another's now: it is ended.")
                return
