"""``python -m dslite.workflow.kernel -f FILE``: a Jupyter kernel that dies with the runner that started it."""

import os

from ipykernel.kernelapp import launch_new_instance

from dslite.workflow.lifeline import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(os.environ["JPY_PARENT_PID"]))
    launch_new_instance()
