"""``python -m dslite.workflow.nursery LISTENER``: where the kernels of a run come from.

A short notebook spends most of its time on imports: TensorFlow, seaborn, scikit-learn and the kernel itself take a core
6 s, for each of fifty. So one process imports them once, and kernels are forks of it. A fork takes one thread along and
no other, and so is sound only where there is one: a nursery that has more after its imports takes no orders, and
kernels start the usual way. It imports nothing of dslite's for them: our code may be edited while a run goes on.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from dslite.workflow import kernel

VARIABLE = "DSLITE_NURSERY"
"""Environment variable with the address of a run's nursery."""

WORTH_IT = 4
"""Fewest notebooks for which a run opens one."""

_IMPORTED = ("ipykernel.kernelapp", "pandas", "seaborn", "sklearn.svm", "tensorflow")

# Of pyarrow's allocators one keeps a thread for tidying up, the only one that these imports start.
_ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}

_POLL = 0.05
"""Seconds between two looks for kernels that have ended."""


# In the run. ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(log: Path) -> Iterator[None]:
    """A nursery for all kernels that are started inside the ``with``; on Linux only, as macOS' libraries bear no forks.

    Args:
        log: what it has to say.
    """
    if sys.platform != "linux" or len(os.fsencode(tempfile.gettempdir())) > 80:  # a socket's address has 107 bytes
        yield
        return
    folder = tempfile.mkdtemp(prefix="dslite-")  # nobody else may enter it, and so order a process
    address = os.path.join(folder, "nursery")
    with socket.socket(socket.AF_UNIX) as listener, log.open("wb") as out:
        listener.bind(address)
        listener.listen(64)  # from now on orders are kept, until the imports are through
        process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # it closes when the run ends, even by kill -9
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | kernel.environment() | _ONE_THREAD,
            start_new_session=True,
        )
    os.environ[VARIABLE] = address
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        process.kill()
        process.communicate()
        shutil.rmtree(folder)


# In the process that Jupyter starts and takes for the kernel. ---------------------------------------------------------


def kernel_from(address: str, argv: list[str]) -> int | None:
    """Orders a kernel with this process' open files, folder and environment, and waits for its end.

    Args:
        address: of the nursery.
        argv: the kernel's arguments.

    Returns:
        Its exit code, or minus the signal that ended it; None if there was no kernel to be had.
    """
    order = {"argv": argv, "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as line, line.makefile() as answers:
        try:
            line.connect(address)
            socket.send_fds(line, [json.dumps(order).encode() + b"\n"], [0, 1, 2])
            if not answers.readline():
                return None
        except OSError:
            return None
        return int(answers.readline() or -signal.SIGKILL)


# In the nursery. ------------------------------------------------------------------------------------------------------


def _serve(listener: socket.socket) -> socket.socket | None:
    """Forks a process for every order, as long as the run lasts.

    Returns:
        In such a process, the line to whoever has ordered it; in the nursery None, once the run is over.
    """
    lines: dict[int, socket.socket] = {}  # by the process at this end
    while True:
        ready, _, _ = select.select([listener, 0], [], [], _POLL)
        if 0 in ready:
            return None
        if listener in ready:
            line, _ = listener.accept()
            try:
                child = os.fork()
            except OSError as error:  # who has ordered gets no answer, and starts a kernel of its own
                print(f"No kernel could be made: {error}", file=sys.stderr, flush=True)
                line.close()
                continue
            if not child:
                for other in (listener, *lines.values()):
                    other.close()
                return line
            lines[child] = line
        for child in [*lines]:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                with contextlib.suppress(OSError), lines.pop(child) as line:
                    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become_a_kernel(line: socket.socket) -> None:
    os.setsid()
    line.sendall(b"taken\n")
    text, files = b"", []
    while not text.endswith(b"\n"):
        more, sent, _, _ = socket.recv_fds(line, 1 << 16, 3)
        text, files = text + more, files + sent
        if not more:
            sys.exit(1)
    order = json.loads(text)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.path[0], sys.argv[1:] = order["folder"], order["argv"]
    threading.Thread(target=_live_as_long_as, args=(line,), daemon=True).start()
    kernel.run()


def _live_as_long_as(line: socket.socket) -> None:
    """Ends this process and all that it has started when the other end of the line closes."""
    with contextlib.suppress(OSError):
        line.recv(1)
    os.killpg(0, signal.SIGKILL)


def _main(listener: socket.socket) -> int:
    os.environ.pop("JPY_PARENT_PID", None)  # of a run from a notebook: ipykernel would read it when it is imported
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is here stays: kernels need not search it for garbage, and so go on sharing its memory
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        print(f"{threads} threads run after the imports: no kernels from here.", flush=True)
        return 1
    line = _serve(listener)
    if line:
        _become_a_kernel(line)
    else:
        shutil.rmtree(os.path.dirname(listener.getsockname()), ignore_errors=True)
    return 0


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _listener:
        sys.exit(_main(_listener))
