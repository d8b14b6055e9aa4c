"""Processes that do not outlive the one that started them, not even after ``kill -9``, and that end at once."""

import atexit
import gc
import os
import signal
import threading
import time
from pathlib import Path

GPUS = "DSLITE_GPUS"
"""Environment variable with the GPUs of a run, or of one of its notebooks alone, named as CUDA does."""

POLL = 0.5
"""Seconds between two looks at the parent."""


def die_with_parent(parent: int | None = None) -> None:
    """Ends this process, and its process group if it leads one, within a second of its parent's death.

    The kernel leads a group, so whatever its cells have started goes too. A daemon thread looks at the parent's id;
    Linux' own parent-death signal is not used, because it fires when the *thread* that started this process ends
    and pools of threads start processes.

    Args:
        parent: the process id that is expected; the present parent if not given. If it is gone already, this
            process ends at once (it may die between the fork and this call).
    """
    expected = os.getppid() if parent is None else parent
    threading.Thread(target=_watch, args=(expected,), name="lifeline", daemon=True).start()


def gpus() -> list[str]:
    """Those of :data:`GPUS`."""
    return list(filter(None, os.environ.get(GPUS, "").split(",")))


def import_path() -> str:
    """PYTHONPATH for a process that is to use this very package, whatever is installed."""
    package = str(Path(__file__).resolve().parents[1])
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(filter(None, dict.fromkeys([package, *others])))


def end_quickly() -> None:
    """Lets this process end without a last search for garbage: after TensorFlow, that takes a second."""
    atexit.register(gc.freeze)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
