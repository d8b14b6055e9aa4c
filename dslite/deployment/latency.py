"""Latency of one chunk in all models, interleaved.

As a program: ``python -m dslite.deployment.latency FOLDER SAMPLES THREADS ROUNDS [KERAS_FILE]``.
TensorFlow takes its threads when it starts, so each number of threads is measured in a process of its own; one without
a Keras model does not import TensorFlow at all. The process does what needs no ``.tflite`` file, says that it is ready
and waits for a line: then it times. At the end of its input it ends.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.deployment.container import cut
from dslite.deployment.runtime import runner

ROUNDS = 25
WARM_UP = 5

AGAIN = " again"
"""After the name of the file that is timed a second time: what differs between the two is noise."""

_READY = "ready\n"


def measure(folder: Path, samples: int, threads: int, rounds: int = ROUNDS) -> pd.DataFrame:
    """Times every offered variant on one chunk of noise: :func:`timer` without Keras, told at once."""
    with timer(folder, samples, threads, rounds=rounds) as times:
        return times()


@contextmanager
def timer(
    folder: Path, samples: int, threads: int, keras_file: Path | None = None, rounds: int = ROUNDS
) -> Iterator[Callable[[], pd.DataFrame]]:
    """A process that is ready to time every offered variant, and the TensorFlow function and its preprocessing.

    What needs no ``.tflite`` file is done before the block begins. Then the process is idle until it is told to time.
    It ends with the block, and if this process ends while it waits.

    Args:
        folder: holds the offered ``.tflite`` files of a fit, at least one, by the time they are timed; in folders of
            it those of several, which then are named with their folder and timed as a whole alone.
        samples: length of the chunk.
        threads: of TensorFlow and of the interpreters.
        keras_file: ``model.keras`` of that fit; None leaves TensorFlow out.
        rounds: repetitions of each.

    Yields:
        A function that times, once. It returns a row per round and candidate: ``model`` (``keras`` or the variant),
        ``part`` (``whole``, ``front end``, ``cnn``), ``threads``, ``round``, ``ms``. One file, float32 where it is
        offered, occurs a second time with :data:`AGAIN` after its name. It raises RuntimeError, with what the process
        said, if that failed, be it while it got ready.
    """
    command = [sys.executable, "-m", __spec__.name, str(folder), str(samples), str(threads), str(rounds)]
    command += [str(keras_file)] if keras_file else []
    # A run gives each notebook's TensorFlow one thread by these variables, which outrank what the program asks for.
    own = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), str(threads))
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as said,  # a pipe that nobody reads could fill up
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, text=True, env=os.environ | own) as process,
    ):

        def times() -> pd.DataFrame:
            out, _ = process.communicate("go\n")
            if process.returncode:
                said.seek(0)
                raise RuntimeError(f"{folder}: the latency measurement failed: {said.read().strip()[-500:]}")
            rows = [
                (*name.split("|"), threads, number, 1e3 * value)
                for name, values in json.loads(out.splitlines()[-1]).items()
                for number, value in enumerate(values)
            ]
            return pd.DataFrame(rows, columns=["model", "part", "threads", "round", "ms"])

        try:
            for line in process.stdout:  # which ends if the process fails
                if line == _READY:
                    break
            yield times
        finally:
            process.kill()


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of each candidate, once per round and in turn, after some calls of each to warm up: what varies between
    two calls of the machine hits all candidates alike."""
    for call in candidates.values():
        for _ in range(warm_up):
            call()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            begin = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def summary(timings: pd.DataFrame) -> pd.DataFrame:
    """``p10_ms``, ``p50_ms``, ``p90_ms`` per ``model``, ``part`` and ``threads``, from :func:`measure`'s rows."""
    grouped = timings.groupby(["model", "part", "threads"], sort=False)["ms"]
    return grouped.quantile([0.1, 0.5, 0.9]).unstack().set_axis(["p10_ms", "p50_ms", "p90_ms"], axis=1).reset_index()


def noise_floor(timings: pd.DataFrame) -> float:
    """How far two timings of the same file in the same round lie apart: the median of their relative distance.

    Two models whose p50 differ by less are not to be ranked.
    """
    whole = timings[timings["part"] == "whole"].pivot(index=["threads", "round"], columns="model", values="ms")
    again = next(name for name in whole if name.endswith(AGAIN))
    return float((whole[again] / whole[again.removesuffix(AGAIN)] - 1).abs().median())


def ratio(timings: pd.DataFrame, one: tuple[str, str], other: tuple[str, str], threads: int) -> float:
    """Median over the rounds of one (model, part)'s time over another's in the same round."""
    of = timings[timings["threads"] == threads].pivot(index="round", columns=["model", "part"], values="ms")
    return float((of[one] / of[other]).median())


def _main(folder: Path, samples: int, threads: int, rounds: int, keras_file: Path | None = None) -> None:
    chunk = np.random.default_rng(0).standard_normal((1, samples)).astype(np.float32)
    candidates = _tensorflow(keras_file, chunk, threads) if keras_file else {}
    for call in candidates.values():
        call()  # the first call traces
    print(_READY, end="", flush=True)
    if not sys.stdin.readline():
        return  # nobody waits for the timings any more

    def add(name, source, value):
        run = runner(source, threads)
        candidates[name] = lambda: run(value)

    found = {file.relative_to(folder).with_suffix("").as_posix(): file for file in folder.rglob("[!.]*.tflite")}
    files = dict(sorted(found.items(), key=lambda item: (item[1].stem != "float32", item[0])))
    for name, file in files.items():
        add(f"{name}|whole", file, chunk)
        if file.parent != folder:  # in parts too, some forty files would take gigabytes
            continue
        front_end, cnn = cut(file.read_bytes())
        add(f"{name}|front end", front_end, chunk)
        add(f"{name}|cnn", cnn, runner(front_end, threads)(chunk))
    first = next(iter(files))
    add(f"{first}{AGAIN}|whole", files[first], chunk)
    print(json.dumps(interleaved(candidates, rounds, WARM_UP)))


def _tensorflow(keras_file: Path, chunk: np.ndarray, threads: int) -> dict[str, Callable[[], object]]:
    from dslite.keras_defaults import graph, tf, use_threads

    use_threads(threads)
    from dslite.model import load_model

    model = load_model(keras_file)
    tensor, spec = tf.constant(chunk), tf.TensorSpec(chunk.shape, tf.float32)
    whole = graph(lambda wave: model(wave, training=False), spec)
    plot = graph(model.get_layer("plot"), spec)
    return {"keras|whole": lambda: whole(tensor).numpy(), "keras|front end": lambda: plot(tensor).numpy()}


if __name__ == "__main__":
    _main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), *map(Path, sys.argv[5:]))
