"""Latency of one chunk in all models, interleaved.

As a program: ``python -m dslite.deployment.latency FOLDER SAMPLES THREADS ROUNDS [KERAS_FILE]``.
TensorFlow takes its threads when it starts, so each number of threads is measured in a process of its own; one without
a Keras model does not import TensorFlow at all.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.deployment.container import cut
from dslite.deployment.runtime import runner
from dslite.timing import interleaved

ROUNDS = 50
WARM_UP = 5

AGAIN = "float32 again"
"""The float32 file a second time: what differs between the two is noise."""


def measure(
    folder: Path, samples: int, threads: int, keras_file: Path | None = None, rounds: int = ROUNDS
) -> pd.DataFrame:
    """Times every offered variant on one chunk of noise, and the TensorFlow function and its preprocessing.

    Args:
        folder: holds the offered ``.tflite`` files of a fit, float32 among them.
        samples: length of the chunk.
        threads: of TensorFlow and of the interpreters.
        keras_file: ``model.keras`` of that fit; None leaves TensorFlow out.
        rounds: repetitions of each.

    Returns:
        A row per round and candidate: ``model`` (``keras`` or the variant), ``part`` (``whole``, ``front end``,
        ``cnn``), ``threads``, ``round``, ``ms``. The float32 file occurs again as :data:`AGAIN`.
    """
    command = [sys.executable, "-m", __spec__.name, str(folder), str(samples), str(threads), str(rounds)]
    command += [str(keras_file)] if keras_file else []
    # A run gives each notebook's TensorFlow one thread by these variables, which outrank what the program asks for.
    own = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), str(threads))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | own)
    if done.returncode:
        raise RuntimeError(f"{folder}: the latency measurement failed: {done.stderr.strip()[-500:]}")
    seconds = json.loads(done.stdout.splitlines()[-1])
    rows = [
        (*name.split("|"), threads, number, 1e3 * value)
        for name, values in seconds.items()
        for number, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["model", "part", "threads", "round", "ms"])


def summary(timings: pd.DataFrame) -> pd.DataFrame:
    """``p10_ms``, ``p50_ms``, ``p90_ms`` per ``model``, ``part`` and ``threads``, from :func:`measure`'s rows."""
    grouped = timings.groupby(["model", "part", "threads"], sort=False)["ms"]
    return grouped.quantile([0.1, 0.5, 0.9]).unstack().set_axis(["p10_ms", "p50_ms", "p90_ms"], axis=1).reset_index()


def noise_floor(timings: pd.DataFrame) -> float:
    """How far two timings of the same file in the same round lie apart: the median of their relative distance.

    Two models whose p50 differ by less are not to be ranked.
    """
    whole = timings[timings["part"] == "whole"].pivot(index=["threads", "round"], columns="model", values="ms")
    return float((whole[AGAIN] / whole["float32"] - 1).abs().median())


def ratio(timings: pd.DataFrame, one: tuple[str, str], other: tuple[str, str], threads: int) -> float:
    """Median over the rounds of one (model, part)'s time over another's in the same round."""
    of = timings[timings["threads"] == threads].pivot(index="round", columns=["model", "part"], values="ms")
    return float((of[one] / of[other]).median())


def _main(folder: Path, samples: int, threads: int, rounds: int, keras_file: Path | None = None) -> None:
    chunk = np.random.default_rng(0).standard_normal((1, samples)).astype(np.float32)
    candidates = _tensorflow(keras_file, chunk, threads) if keras_file else {}

    def add(name, source, value):
        run = runner(source, threads)
        candidates[name] = lambda: run(value)

    for file in sorted(folder.glob("*.tflite")):
        add(f"{file.stem}|whole", file, chunk)
        front_end, cnn = cut(file.read_bytes())
        add(f"{file.stem}|front end", front_end, chunk)
        add(f"{file.stem}|cnn", cnn, runner(front_end, threads)(chunk))
    add(f"{AGAIN}|whole", folder / "float32.tflite", chunk)
    print(json.dumps(interleaved(candidates, rounds, WARM_UP)))


def _tensorflow(keras_file: Path, chunk: np.ndarray, threads: int) -> dict[str, Callable[[], object]]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from dslite.model import load_model

    model = load_model(keras_file)
    signature = [tf.TensorSpec(chunk.shape, tf.float32)]
    tensor = tf.constant(chunk)
    whole = tf.function(lambda wave: model(wave, training=False), input_signature=signature)
    plot = tf.function(model.get_layer("plot"), input_signature=signature)
    return {"keras|whole": lambda: whole(tensor).numpy(), "keras|front end": lambda: plot(tensor).numpy()}


if __name__ == "__main__":
    _main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), *map(Path, sys.argv[5:]))
