"""One run at a time in an output folder."""

import fcntl
import os
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
        DsliteError: another run holds it. Where the file system knows no locks, that is said and the run goes on.
    """
    try:
        paths.lock.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _unwritable(paths, error) from error
    own, ended = f"{os.getpid()} on {socket.gethostname()}".encode(), threading.Event()
    try:
        _refuse_other(paths, file)
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, own, 0)
        except OSError as error:
            raise _unwritable(paths, error) from error
        beat = threading.Thread(target=_beat, args=(file, own, ended), daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()  # before another file has this one's number
            with suppress(OSError):
                if os.pread(file, 200, 0) == own:
                    os.ftruncate(file, 0)
    finally:
        os.close(file)


def _refuse_other(paths: Paths, file: int) -> None:
    """Takes the lock, or raises a :class:`DsliteError` if another run has it."""
    process, _, host = os.pread(file, 200, 0).decode("utf-8", "replace").partition(" on ")
    busy = f"is at work in {paths.output}: wait for it, end it, or give this one a folder of its own with --output."
    here = host in ("", socket.gethostname())
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DsliteError(f"Another run (process {process}) {busy}") from None
    except OSError as error:  # file systems without locks, as NFS may be
        if here and process.isdigit() and psutil.pid_exists(int(process)):
            raise DsliteError(f"Another run (process {process}) {busy}") from None
        print(f"{paths.lock} cannot be locked ({error.strerror}): start no other run in {paths.output} meanwhile.")
    if here:
        return
    try:
        with tempfile.TemporaryFile(dir=paths.lock.parent) as probe:  # what time it is there
            silent = os.fstat(probe.fileno()).st_mtime - os.fstat(file).st_mtime
    except OSError as error:
        raise _unwritable(paths, error) from error
    if silent < GONE:
        told = f"It was heard of {max(silent, 0.0):.0f} s ago; one that died there is forgotten after {GONE:.0f} s."
        raise DsliteError(f"Another run (process {process} on {host}) {busy} {told}")


def _unwritable(paths: Paths, error: OSError) -> DsliteError:
    return DsliteError(f"No results can be written to {paths.output} ({error.strerror}): name another --output.")


def _beat(file: int, own: bytes, ended: threading.Event) -> None:
    """Says again and again that this run lives, until another machine has taken it for gone: by writing, as the time
    that a file is given otherwise may be that of this machine."""
    with suppress(OSError):
        while not ended.wait(BEAT) and os.pread(file, 200, 0) == own:
            os.pwrite(file, own, 0)
