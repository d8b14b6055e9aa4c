"""One run at a time in an output folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from dslite.errors import DsliteError
from dslite.layout.paths import Paths


@contextmanager
def alone(paths: Paths) -> Iterator[None]:
    """Holds the output folder's lock.

    The system takes it from a process that is gone, however it went, so there is never one to be cleared by hand.

    Raises:
        DsliteError: another run holds it. Where the file system knows no locks, that is said and the run goes on.
    """
    place = paths.lock
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = open(place, "a+", encoding="utf-8")  # noqa: SIM115  closed below
    except OSError as error:
        raise DsliteError(
            f"No results can be written to {paths.output} ({error.strerror}): name another --output."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise DsliteError(
                f"Another run (process {file.read().strip()}) is at work in {paths.output}: "
                "wait for it, end it, or give this one a folder of its own with --output."
            ) from None
        except OSError as error:  # file systems without locks, as NFS may be
            print(f"{place} cannot be locked ({error.strerror}): start no other run in {paths.output} meanwhile.")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
