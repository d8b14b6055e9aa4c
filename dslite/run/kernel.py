"""A Jupyter kernel of a run, and the environment of its notebooks."""

from dslite.processes import end_quickly, import_path


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


def main() -> None:
    """Is a kernel, with the arguments of this process, until it is told to end."""
    from ipykernel.kernelapp import launch_new_instance

    end_quickly()
    # What native libraries print goes to the log of the job, not into a page.
    launch_new_instance(capture_fd_output=False)
