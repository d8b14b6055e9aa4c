"""Table 5: what a model costs, per chunk and in memory and on disk (paper, section 3.4)."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pandas as pd

from dslite.deployment import latency, memory
from dslite.deployment.conversion import saved_sizes
from dslite.keras_defaults import keras
from dslite.model import base_of
from dslite.network import macs, train_last
from dslite.wording import counted


@contextmanager
def begun(
    keras_file: Path, folder: Path, samples: int, threads: Sequence[int], rounds: int = latency.ROUNDS
) -> Iterator[Callable[..., tuple[pd.DataFrame, pd.DataFrame]]]:
    """Begins to measure one fit's model in TensorFlow and in every offered variant, while the variants are made.

    Processes beside this one do what needs no ``.tflite`` file, one at a time: the timers get ready, and Keras' memory
    is measured. None outlives the block.

    Args:
        keras_file: ``model.keras`` of the fit.
        folder: where its offered ``.tflite`` files will be, float32 among them.
        samples: length of a chunk.
        threads: numbers of threads to time with, e.g. (1, 2); memory is taken with the first.
        rounds: repetitions of each timing.

    Yields:
        A function that measures the rest once the files are there: of the model, which gets an optimiser; how many
        layers of its base model were trained, for the size with the optimiser's state; and, if wanted, a function that
        is called with what is being done. It raises RuntimeError if a process failed, and returns

        table: a row per ``model``, ``part`` (``whole``, ``front end``, ``cnn``) and ``threads``: ``p10_ms``,
            ``p50_ms``, ``p90_ms``, ``speed_up`` (p50 with the first number of threads over this p50), ``noise``
            (:func:`dslite.deployment.latency.noise_floor` at these threads), and for the whole, except of float32
            again, ``parameters`` and ``macs`` (of the Keras model), ``bytes``, ``bytes_with_optimiser`` (Keras as
            HDF5), ``peak_mb``, ``model_mb``.
        timings: every repetition (:func:`dslite.deployment.latency.timer`).
    """
    with ExitStack() as stack:
        beside = ThreadPoolExecutor(1)
        peak: Callable = partial(beside.submit, memory.peak_memory, samples=samples, threads=threads[0])  # type: ignore[call-arg]
        try:
            timers = {
                number: beside.submit(stack.enter_context, latency.timer(folder, samples, number, keras_file, rounds))
                for number in threads
            }
            yield partial(_measure, folder, timers, peak, peak(keras_file))
        finally:
            beside.shutdown(cancel_futures=True)


def _measure(
    folder: Path,
    timers: dict[int, Future],
    peak: Callable[[Path], Future],
    of_keras: Future,
    model: keras.Model,
    trained_layers: int,
    progress: Callable[[str], None] = lambda doing: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    progress("memory, each model in a process of its own")
    files = {file.stem: file for file in sorted(folder.glob("*.tflite"))}
    peaks = {name: peak(file) for name, file in files.items()}
    base = base_of(model)
    sizes = saved_sizes(model, [*train_last(base, trained_layers), *model.get_layer("head").trainable_variables])
    of_all = {"parameters": model.count_params(), "macs": macs(model)}
    on_disk = {"bytes": sizes["without"], "bytes_with_optimiser": sizes["with"]}
    whole = [{"model": "keras", **of_all, **on_disk, **of_keras.result()}]
    for name, file in files.items():
        whole.append({"model": name, **of_all, "bytes": file.stat().st_size, **peaks[name].result()})
    timed = []
    for number, timer in timers.items():  # what was begun is done by now: nothing runs beside a timing
        progress(f"timing with {counted(number, 'thread')}")
        timed.append(timer.result()())
    timings = pd.concat(timed, ignore_index=True)
    table = latency.summary(timings)
    table["speed_up"] = table.groupby(["model", "part"])["p50_ms"].transform("first") / table["p50_ms"]
    noise = {number: latency.noise_floor(part) for number, part in timings.groupby("threads")}
    table["noise"] = table["threads"].map(noise)
    return table.merge(pd.DataFrame(whole).assign(part="whole"), how="left", on=["model", "part"]), timings
