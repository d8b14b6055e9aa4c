"""``python -m dslite.run.kernel -f FILE``: a Jupyter kernel that dies with the runner that started it.

Where the run has a nursery, the kernel is made there, and this process only stands for it.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

from dslite.processes import die_with_parent, end_quickly


def environment() -> dict[str, str]:
    """Environment of a notebook's process: one thread per calculation, as two threads inside a fit do not repeat."""
    package = str(Path(__file__).resolve().parents[2])
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    tensorflow = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {
        **dict.fromkeys((*threads, *tensorflow), "1"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH")))),
    }


def run() -> None:
    """Is a kernel, with the arguments of this process, until it is told to end."""
    from ipykernel.kernelapp import launch_new_instance

    end_quickly()
    # What native libraries print goes to the log of the job, not into a page.
    launch_new_instance(capture_fd_output=False)


def _main() -> None:
    # Taken out of the environment before ipykernel is imported: its own watch would end the kernel alone, and what
    # the kernel's cells have started would live on.
    die_with_parent(int(os.environ.pop("JPY_PARENT_PID")))
    from dslite.run import nursery

    address = os.environ.get(nursery.VARIABLE)
    ended = nursery.kernel_from(address, sys.argv[1:]) if address else None
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
