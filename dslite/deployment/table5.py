"""Table 5: what a model costs, per chunk and in memory and on disk (paper, section 3.4)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import pandas as pd

from dslite.backbones import train_last
from dslite.deployment import latency, memory
from dslite.deployment.conversion import macs, saved_sizes
from dslite.model import load_model


def measure(
    keras_file: Path,
    folder: Path,
    samples: int,
    threads: Sequence[int],
    trained_layers: int,
    progress: Callable[[str], None] = lambda doing: None,
    rounds: int = latency.ROUNDS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measures one fit's model in TensorFlow and in every offered variant.

    Args:
        keras_file: ``model.keras`` of the fit.
        folder: its offered ``.tflite`` files, float32 among them.
        samples: length of a chunk.
        threads: numbers of threads to time with, e.g. (1, 2); memory is taken with the first.
        trained_layers: how many layers of the base model were trained, for the size with the optimiser's state.
        progress: called with what is being done.
        rounds: repetitions of each timing.

    Returns:
        table: a row per ``model``, ``part`` (``whole``, ``front end``, ``cnn``) and ``threads``: ``p10_ms``,
            ``p50_ms``, ``p90_ms``, ``speed_up`` (p50 with the first number of threads over this p50), ``noise``
            (:func:`dslite.deployment.latency.noise_floor` at these threads), and for the whole, except of float32
            again, ``parameters`` and ``macs`` (of the Keras model), ``bytes``, ``bytes_with_optimiser`` (Keras as
            HDF5), ``peak_mb``, ``model_mb``.
        timings: every repetition (:func:`dslite.deployment.latency.measure`).
    """
    timed = []
    for number in threads:
        progress(f"timing with {number} thread{'s' if number > 1 else ''}")
        timed.append(latency.measure(folder, samples, number, keras_file, rounds))
    timings = pd.concat(timed, ignore_index=True)
    table = latency.summary(timings)
    first = table[table["threads"] == threads[0]].set_index(["model", "part"])["p50_ms"]
    table["speed_up"] = first.loc[list(zip(table["model"], table["part"], strict=True))].to_numpy() / table["p50_ms"]
    noise = {number: latency.noise_floor(part) for number, part in timings.groupby("threads")}
    table["noise"] = table["threads"].map(noise)
    progress("memory, each model in a process of its own")
    models = [name for name in table["model"].unique() if name != latency.AGAIN]
    found = {name: keras_file if name == "keras" else folder / f"{name}.tflite" for name in models}
    with ThreadPoolExecutor(threads[-1]) as pool:  # side by side they take less time and as much memory
        used = pool.map(lambda file: memory.peak_memory(file, samples, threads[0]), found.values())
        costs = _costs(keras_file, trained_layers)
        rows = [
            {"model": name, "part": "whole", **costs["all"], "bytes": file.stat().st_size}
            | (costs["keras"] if name == "keras" else {})
            | peak
            for (name, file), peak in zip(found.items(), used, strict=True)
        ]
    return table.merge(pd.DataFrame(rows), how="left", on=["model", "part"]), timings


def _costs(keras_file: Path, trained_layers: int) -> dict[str, dict]:
    model = load_model(keras_file)
    base = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    trained = [*train_last(base, trained_layers), *model.get_layer("head").trainable_variables]
    sizes = saved_sizes(model, trained)
    return {
        "all": {"parameters": model.count_params(), "macs": macs(model)},
        "keras": {"bytes": sizes["without"], "bytes_with_optimiser": sizes["with"]},
    }
