"""``python -m dslite.run.kernel -f FILE``: a Jupyter kernel that dies with the runner that started it.

Where the run has a fork server (:mod:`dslite.run.forks`), the kernel is made there and this process stands for it.
"""

import contextlib
import json
import os
import signal
import socket
import sys

from dslite.processes import die_with_parent, end_quickly, import_path

FORKS = "DSLITE_FORKS"
"""Environment variable with the address of a run's fork server."""

_PATIENCE = 30.0
"""Seconds to wait for a kernel, in the first ones of a run for the imports, too; Jupyter gives up after 60."""


def environment() -> dict[str, str]:
    """Environment of a notebook's process: one thread per calculation, as two threads inside a fit do not repeat."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    tensorflow = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {
        **dict.fromkeys((*threads, *tensorflow), "1"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "Agg",
        "PYTHONPATH": import_path(),
    }


def run() -> None:
    """Is a kernel, with the arguments of this process, until it is told to end."""
    from ipykernel.kernelapp import launch_new_instance

    end_quickly()
    # What native libraries print goes to the log of the job, not into a page.
    launch_new_instance(capture_fd_output=False)


def kernel_from(address: str, argv: list[str]) -> int | None:
    """Orders a kernel with this process' open files, folder and environment, and waits for its end.

    Args:
        address: of the fork server.
        argv: the kernel's arguments.

    Returns:
        Its exit code, or minus the signal that ended it; None if there was no kernel to be had.
    """
    order = {"argv": argv, "folder": os.getcwd(), "environment": dict(os.environ)}
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


def _main() -> None:
    # Taken out of the environment before ipykernel is imported: its own watch would end the kernel alone, and what
    # the kernel's cells have started would live on.
    die_with_parent(int(os.environ.pop("JPY_PARENT_PID")))
    address = os.environ.get(FORKS)
    ended = kernel_from(address, sys.argv[1:]) if address else None
    if ended is None:
        run()
    elif ended < 0:  # this process ends in the same way
        with contextlib.suppress(OSError):  # SIGKILL has no other way to be
            signal.signal(-ended, signal.SIG_DFL)
        os.kill(os.getpid(), -ended)
    else:
        sys.exit(ended)


if __name__ == "__main__":
    _main()
