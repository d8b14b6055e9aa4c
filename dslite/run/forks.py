"""``python -m dslite.run.forks LISTENER``: where the kernels of a run come from, and what executes its notebooks.

A short notebook spends most of its time on imports: TensorFlow, seaborn, scikit-learn and the kernel itself take a core
6 s, papermill and nbconvert one more, for each of fifty. So one process imports them once, and these processes are
forks of it. A fork takes one thread along and no other, and so is sound only where there is one: a server that has more
after its imports takes no orders, and they start the usual way. Of dslite it imports nothing that notebooks use: it may
be edited while a run goes on.
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

from dslite.run import kernel, launcher

WORTH_IT = 4
"""Fewest notebooks for which a run opens one."""

_IMPORTED = ("papermill", "nbconvert", "ipykernel.kernelapp", "pandas", "seaborn", "sklearn.svm", "tensorflow")

# Of pyarrow's allocators one keeps a thread for tidying up, the only one that these imports start.
_ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}

_POLL = 0.05
"""Seconds between two looks for kernels that have ended."""


# In the run. ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(notebooks: int, log: Path) -> Iterator[None]:
    """A fork server for all notebooks that are started inside the ``with``.

    There is none for a few notebooks, outside Linux (macOS' libraries bear no forks), and where the folder for
    temporary files takes no socket; their processes then start the usual way. What it has to say goes to ``log``.
    """
    os.environ.pop(launcher.FORKS, None)  # of a run that this one is a part of: it may belong to another installation
    if notebooks < WORTH_IT or sys.platform != "linux":
        yield
        return
    # Nobody else may enter the folder, and so order a process. It may be gone at the end, as old files in it may be.
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dslite-", ignore_cleanup_errors=True) as folder, log.open("wb") as out:
        address = os.path.join(folder, "forks")
        process = _start(address, out)
        try:
            yield
        finally:
            os.environ.pop(launcher.FORKS, None)
            if process:
                process.kill()
                process.communicate()


def _start(address: str, out) -> subprocess.Popen | None:
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(address)
        except OSError as error:  # the name is too long, or the file system knows no sockets
            out.write(f"{address}: {error}; kernels start the usual way.\n".encode())
            return None
        listener.listen(64)  # from now on orders are kept, until the imports are through
        process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # it closes when the run ends, even by kill -9
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=os.path.dirname(address),  # what lies in the user's folder must not be imported for something else
            env=os.environ | kernel.environment() | _ONE_THREAD,
            start_new_session=True,
        )
    os.environ[launcher.FORKS] = address
    return process


# In the server. -------------------------------------------------------------------------------------------------------


def _serve(listener: socket.socket) -> socket.socket | None:
    """Forks a process for every order, as long as the run lasts.

    Returns:
        In such a process, the line to whoever has ordered it; in the server None, once the run is over.
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


def _become_what_was_ordered(line: socket.socket) -> int | None:
    os.setsid()
    text, files = b"", []
    try:
        line.sendall(b"taken\n")
        while not text.endswith(b"\n"):
            more, sent, _, _ = socket.recv_fds(line, 1 << 16, 3)
            text, files = text + more, files + sent
            if not more:
                return None
    except OSError:  # nobody waits any more
        return None
    order = json.loads(text)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv[1:] = order["argv"]
    if not sys.flags.safe_path:
        sys.path[0] = order["folder"]
    sys.modules["numpy"].random.seed()  # no two share its state; for its own, Python sees to that
    threading.Thread(target=_live_as_long_as, args=(line,), daemon=True).start()
    return importlib.import_module(order["module"]).main()


def _live_as_long_as(line: socket.socket) -> None:
    """Ends this process and all that it has started when the other end of the line closes."""
    with contextlib.suppress(OSError):
        line.recv(1)
    os.killpg(0, signal.SIGKILL)


def _main(listener: socket.socket) -> int:
    os.environ.pop("JPY_PARENT_PID", None)  # of a run from a notebook: ipykernel would read it when it is imported
    launcher.lighten()
    for name in _IMPORTED:
        if select.select([0], [], [], 0)[0]:  # the run is over
            break
        importlib.import_module(name)
    gc.freeze()  # what is here stays: forks need not search it for garbage, and so go on sharing its memory
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        print(f"{threads} threads run after the imports: nothing is forked from here.", flush=True)
        return 1
    line = _serve(listener)
    if line:
        code = _become_what_was_ordered(line) or 0
        with contextlib.suppress(OSError):
            line.sendall(f"{code}\n".encode())  # the server would, but it may be gone
        return code
    shutil.rmtree(os.path.dirname(listener.getsockname()), ignore_errors=True)
    return 0


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _listener:
        sys.exit(_main(_listener))
