"""The GPUs of this machine in a run: each is one notebook's at a time, and there one process'."""

import os
import socket
from contextlib import suppress

from dslite.errors import DsliteError
from dslite.processes import GPUS, gpus

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: list[socket.socket] = []


def offer(number: int) -> None:
    """Lets the notebooks of this run take so many GPUs, the first that TensorFlow sees.

    Raises:
        DsliteError: there are fewer.
    """
    from dslite.keras_defaults import tf  # takes seconds

    if (seen := len(tf.config.list_physical_devices("GPU"))) < number:
        raise DsliteError(
            f"--gpus {number}: TensorFlow sees {seen}. Install its CUDA build (`make` with GPU=1), look whether "
            f"nvidia-smi lists as many and {_VISIBLE} leaves them, or ask for fewer."
        )
    names = os.environ.get(_VISIBLE) or ",".join(map(str, range(number)))
    os.environ[GPUS] = ",".join(names.split(",")[:number])


def take(number: int) -> None:
    """Gives this process and what it starts so many of them, which nobody else takes until it ends.

    Raises:
        DsliteError: other runs have them.
    """
    there, own = gpus(), []
    if not there:  # none were asked for, or a cluster has chosen
        os.environ[GPUS] = os.environ.get(_VISIBLE, "") if number else ""
        return
    while there and len(own) < number:
        holder, name = socket.socket(socket.AF_UNIX), there.pop(0)
        with suppress(OSError):  # a name that all runs of this machine know; each job of SLURM counts from 0
            holder.bind(f"\0dslite-gpu-{os.environ.get('SLURM_JOB_ID', '')}-{name}")
            _held.append(holder)
            own.append(name)
    if len(own) < number:
        raise DsliteError(
            f"Other runs of this machine have all but {len(own)} of the GPUs {', '.join(gpus())}; {number} must be "
            f"free. Wait for them, or name other GPUs in {_VISIBLE}; the same command goes on from here."
        )
    os.environ |= {GPUS: ",".join(own), _VISIBLE: ",".join(own) or "-1"}
