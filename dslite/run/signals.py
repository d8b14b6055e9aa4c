"""Ctrl-C and its kin: the run stops at once, and everything that it has started with it."""

import os
import signal
import stat
import threading
import time
from contextlib import suppress
from types import FrameType

import psutil

STOPPED = threading.Event()
"""Set once the run has been told to stop."""

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_FIRST = threading.Lock()
"""Held from the first signal on."""

AFAR = threading.Event()
"""Set while the run's jobs are a cluster's: most of its own processes are those that submit and cancel them."""


def take() -> None:
    """Makes Ctrl-C, ``kill`` and a closed terminal end the run's processes and raise KeyboardInterrupt here.

    Notebooks are ended by force, as by ``kill -9``: there is one way to be cut short, and the next run knows it. A run
    that ``nohup`` started outlives its terminal.
    """
    for number in _HEARD:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    heard, told = os.pipe()
    os.set_blocking(told, False)
    if (before := signal.set_wakeup_fd(told)) >= 0:  # it is taken already
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(told)
    else:
        threading.Thread(target=_wake, args=(heard,), daemon=True).start()


def leave() -> None:
    """For a fork of a run: who forked it hears signals alone, and ends it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def end(*_: object) -> None:
    """Ends this process by force with all below it, those too that another thread is just starting; a handler."""
    for _ in range(3):
        end_children()
        time.sleep(0.1)
    os._exit(128 + signal.SIGTERM)


def end_children() -> None:
    """Kills every process below this one; in a run on a cluster those of notebooks alone."""
    for child in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.Error):
            if not AFAR.is_set() or "dslite.run.launcher" in " ".join(child.cmdline()):
                child.kill()


def stop(number: int, frame: FrameType | None) -> None:
    """Stops the run; a handler, which does so once."""
    if number == signal.SIGHUP:
        _print_nowhere()
    if not _FIRST.acquire(blocking=False):  # another interrupt would reach what cleans up after the first
        return
    STOPPED.set()
    end_children()
    threading.Thread(target=_keep_ending, daemon=True).start()
    raise KeyboardInterrupt


def _wake(heard: int) -> None:
    """Interrupts the main thread, which alone runs handlers: where two signals come at once, another thread may have
    taken both, and it sleeps on."""
    while ord(os.read(heard, 1)) not in _HEARD:
        pass
    while not STOPPED.wait(0.2):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def _print_nowhere() -> None:
    """Whatever is printed to a terminal that is closed would be an error, and that error what the run ended with."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for shown in (1, 2):
        with suppress(OSError):  # which may be closed already
            if stat.S_ISCHR(os.fstat(shown).st_mode):
                os.dup2(nowhere, shown)
    os.close(nowhere)


def _keep_ending() -> None:
    """Catches jobs that were just being started."""
    while True:
        end_children()
        threading.Event().wait(0.2)
