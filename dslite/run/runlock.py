"""One run at a time in an output folder."""

import fcntl
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
    place, here = paths.lock, socket.gethostname()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = open(place, "a+", encoding="utf-8")  # noqa: SIM115  closed below
    except OSError as error:
        raise DsliteError(
            f"No results can be written to {paths.output} ({error.strerror}): name another --output."
        ) from error
    with file:
        file.seek(0)
        process, _, host = file.read().partition(" on ")
        busy = f"is at work in {paths.output}: wait for it, end it, or give this one a folder of its own with --output."
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DsliteError(f"Another run (process {process}) {busy}") from None
        except OSError as error:  # file systems without locks, as NFS may be
            print(f"{place} cannot be locked ({error.strerror}): start no other run in {paths.output} meanwhile.")
        if host not in ("", here) and (silent := _now(paths) - os.fstat(file.fileno()).st_mtime) < GONE:
            told = f"It was heard of {max(silent, 0.0):.0f} s ago; one that died there is forgotten after {GONE:.0f} s."
            raise DsliteError(f"Another run (process {process} on {host}) {busy} {told}")
        file.truncate(0)
        file.write(f"{os.getpid()} on {here}")
        file.flush()
        ended = threading.Event()
        threading.Thread(target=_beat, args=(place, ended), daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            with suppress(OSError):
                file.truncate(0)


def _now(paths: Paths) -> float:
    """What a new file's time is."""
    with tempfile.TemporaryFile(dir=paths.lock.parent) as probe:
        return os.fstat(probe.fileno()).st_mtime


def _beat(place: os.PathLike, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        with suppress(OSError):  # its folder may be taken away under a run
            os.utime(place)
