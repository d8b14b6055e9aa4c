"""Processes side by side, one thread each, and what they say on the way."""

import gc
import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from types import SimpleNamespace

from dslite.errors import Died
from dslite.processes import gpus
from dslite.stages.train import process


class _Here(Executor):
    """Does what is submitted at once, in this very thread: what stops the notebook stops it."""

    map = staticmethod(map)  # one after the other, as they are asked for

    def submit(self, function, /, *arguments, **more) -> Future:
        future: Future = Future()
        future.set_result(function(*arguments, **more))
        return future


class _Processes(ProcessPoolExecutor):
    """Processes that no interrupt reaches, though they are of the notebook's group: none says a traceback."""

    def submit(self, function, /, *arguments, **more) -> Future:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # which a process started here inherits
        try:
            return super().submit(function, *arguments, **more)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def side_by_side(
    workers: int, tell: Callable[[list[tuple]], None], apart: bool = False
) -> Iterator[tuple[Executor, Callable[[set[Future]], None]]]:
    """Where work runs, and a function that waits for what was submitted and hands on what is said meanwhile.

    Args:
        workers: how many processes, each with one of the notebook's GPUs where it has some, and then no more than
            those; for one, see the head of :mod:`dslite.stages.train.fits`.
        tell: called with what :func:`dslite.stages.train.process.tell` was given, several at a time.
        apart: whether one after the other they go to a process of their own all the same, which may die alone.

    Raises:
        Died: a process did, for instance because memory ran out.
    """
    workers = min(workers, len(gpus()) or workers)
    if (
        workers == 1
        and not apart
        and all(os.environ.get(f"TF_NUM_{kind}_THREADS") == "1" for kind in ("INTRAOP", "INTEROP"))
    ):
        process.listen(SimpleNamespace(put=lambda message: tell([message])))
        pool, messages = _Here(), queue.SimpleQueue()
    else:
        context = multiprocessing.get_context("spawn")
        messages, free = context.Queue(), context.SimpleQueue()
        for gpu in gpus():
            free.put(gpu)
        pool = _Processes(workers, context, process.start, (messages, os.getpid(), free))
    try:
        with pool:
            try:
                yield pool, lambda futures: _follow(futures, messages, tell)
            except BaseException:  # what failed is told now, not after all other work
                for one in list(getattr(pool, "_processes", {}).values()):
                    one.kill()  # as Python 3.14 has it: kill_workers
                raise
    except BrokenProcessPool as error:
        raise Died(
            "A process that was fitting died without a word, most likely because memory ran out: "
            "give fewer cores (--cores) or close other programs; finished fits are kept."
        ) from error
    finally:  # of fits in this process
        process.trainer_of.cache_clear()
        gc.collect()


def _follow(futures: set[Future], messages, tell: Callable[[list[tuple]], None]) -> None:
    while futures:
        finished, futures = wait(futures, timeout=1, return_when=FIRST_COMPLETED)
        for future in finished:
            future.result()
        told = []
        with suppress(queue.Empty):
            while True:
                told.append(messages.get_nowait())
        if told:
            tell(told)
