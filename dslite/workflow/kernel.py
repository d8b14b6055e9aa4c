"""``python -m dslite.workflow.kernel -f FILE``: a Jupyter kernel that dies with the runner that started it."""

import os

from dslite.workflow.lifeline import die_with_parent

if __name__ == "__main__":
    # Taken out of the environment before ipykernel is imported: its own watch would end the kernel alone, and what
    # the kernel's cells have started would live on.
    die_with_parent(int(os.environ.pop("JPY_PARENT_PID")))

    from ipykernel.kernelapp import launch_new_instance

    # What native libraries print goes to the log of the job, not into a page.
    launch_new_instance(capture_fd_output=False)
