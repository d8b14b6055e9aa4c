"""``python -m dslite.run.launcher MODULE ARGUMENTS``: a process of a run, which dies with the one that started it.

Where the run has a fork server (:mod:`dslite.run.forks`), ``main`` of the module runs in a fork of that, and this
process stands for it; otherwise it runs here. So nothing slow is imported here.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from importlib import import_module

from dslite.processes import die_with_parent

FORKS = "DSLITE_FORKS"
"""Environment variable with the address of a run's fork server."""

_KERNEL = "dslite.run.kernel"

RUN = "DSLITE_RUN"
"""Environment variable with the process id of the run."""

_PATIENCE = 30.0
"""Seconds to wait for a fork, in the first ones of a run for the imports, too; Jupyter gives up after 60."""


def lighten() -> None:
    """Spares this process, before it imports papermill, the grammar of web addresses that jsonschema builds in more
    than a second; nothing here has any."""
    sys.modules.setdefault("rfc3987_syntax", None)


def _forked(address: str, module: str, argv: list[str]) -> int | None:
    """Orders a process with this one's open files, folder and environment, and waits for its end.

    Returns:
        Its exit code, or minus the signal that ended it; None if there was none to be had.
    """
    order = {"module": module, "argv": argv, "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as line, line.makefile() as answers:
        line.settimeout(_PATIENCE)
        try:
            line.connect(address)
            socket.send_fds(line, [json.dumps(order).encode() + b"\n"], [0, 1, 2])
            if not answers.readline():
                return None
        except OSError:
            return None
        line.settimeout(None)
        return int(answers.readline() or -signal.SIGKILL)


def _main(module: str, *argv: str) -> int | None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the run decides
    # Taken out of the environment before ipykernel is imported: its own watch would end the kernel alone, and what the
    # kernel's cells have started would live on. A run that a notebook has started has that of the notebook's kernel.
    jupyter, run = (os.environ.pop(name, None) for name in ("JPY_PARENT_PID", RUN))
    parent = jupyter if module == _KERNEL else run
    die_with_parent(int(parent) if parent else None)
    address = os.environ.get(FORKS)
    ended = _forked(address, module, list(argv)) if address else None
    if ended is None:
        sys.argv[1:] = argv
        return import_module(module).main()
    if ended < 0:  # this process ends in the same way
        with contextlib.suppress(OSError):  # SIGKILL has no other way to be
            signal.signal(-ended, signal.SIG_DFL)
        os.kill(os.getpid(), -ended)
    return ended


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
