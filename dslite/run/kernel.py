"""``python -m dslite.run.kernel -f FILE``: a Jupyter kernel that dies with the runner that started it."""

import os

from dslite.processes import die_with_parent, end_quickly, import_path


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


def _main() -> None:
    # Taken out of the environment before ipykernel is imported: its own watch would end the kernel alone, and what
    # the kernel's cells have started would live on.
    die_with_parent(int(os.environ.pop("JPY_PARENT_PID")))
    end_quickly()
    from ipykernel.kernelapp import launch_new_instance

    # What native libraries print goes to the log of the job, not into a page.
    launch_new_instance(capture_fd_output=False)


if __name__ == "__main__":
    _main()
