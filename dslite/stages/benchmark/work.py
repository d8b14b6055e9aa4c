"""Stage ``benchmark``: Table 5, once across corpora: what one base model costs as exported.

What a chunk costs depends on the shapes of a network and not on the values of its weights; so the model is not
trained and its weights are random, and nothing has to be there beforehand.
"""

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.backbones import base_model, names
from dslite.deployment.latency import ROUNDS
from dslite.errors import DsliteError
from dslite.files import read_json, whole_file, write_json, write_table
from dslite.layout import progress, records
from dslite.layout.paths import Paths
from dslite.paper import published
from dslite.profiles import recipe

STAGE = "benchmark"

HEAD = recipe("ccs", "full")
"""Head, chunk and fine-tuned share of the model: the CCS row of Table 2."""

CLASSES = ("negative", "positive")
RATE = 16_000
_DONE = (0.08, 0.35, 0.37, 0.39, 0.41, 0.46, 0.5, 0.77)
"""Share of the work that is done as each step begins: converting, four variants, memory, one timing, another."""

CALIBRATION = 8
"""Chunks of noise that the full int8 variant is calibrated on; its cost does not depend on what it has seen."""


def _table(name: str) -> cached_property:
    return cached_property(lambda self: pd.read_parquet(self.layout.benchmark(self.backbone) / f"{name}.parquet"))


@dataclass(frozen=True)
class Benchmark:
    """What was measured.

    Attributes:
        layout: where it all lies.
        backbone: the base model that was asked for.
        record: of the stage.
    """

    layout: Paths
    backbone: str
    record: dict

    table = _table("table")  # its costs (:func:`dslite.stages.benchmark.costs.begun`)
    timings = _table("timings")  # every repetition (:func:`dslite.deployment.latency.timer`)
    gate = _table("gate")  # a row per variant: ``model``, ``bytes``, ``offered``, ``reason``


def work(backbone: str = "densenet121", seed: int = 42, output: str | Path = "", workers: int = 1) -> Benchmark:
    """Measures a base model in TensorFlow and in every TFLite variant, and writes ``tables/table5.csv``.

    Args:
        backbone: base model; DenseNet121 is the paper's.
        seed: of its random weights.
        output: folder of ``artifacts/`` and ``reports/``; empty for the repository's root.
        workers: threads that the second half of the timings takes; the first half takes one.

    Raises:
        DsliteError: for an unknown base model, fewer than one thread, or if no float32 file passes the gate.
    """
    base_model(backbone)
    if workers < 1:
        raise DsliteError(f"workers is {workers}; expected at least 1.")
    layout = Paths.of(output)
    place, whole = layout.benchmark(backbone) / "record.json", layout.across(STAGE).record(STAGE)
    identity = _identity(backbone, seed, workers)
    made = read_json(place)
    if made.get("identity") != identity:
        _keep(made, place.parent, {"seed": seed, "timing_threads": sorted({1, workers})})
        _measure(layout, backbone, seed, workers, identity)
    record = read_json(place)
    write_table5(layout)
    write_json(whole, record)
    return Benchmark(layout, backbone, record)


def _identity(backbone: str, seed: int, threads: int) -> str:
    asked = {"backbone": backbone, "seed": seed, "threads": threads}
    return records.identity(STAGE, asked, {"dslite.backbones": backbone})


def _keep(made: dict, folder: Path, asked: dict) -> None:
    """Refuses to replace what was measured with other parameters, unless a run does it, whose plan says so."""
    differs = [f"{name} {made[name]}, not {value}" for name, value in asked.items() if made.get(name, value) != value]
    if differs and progress.VARIABLE not in os.environ:
        raise DsliteError(
            f"{folder} was measured with {', '.join(differs)}. It is kept: set `output` to another folder, or run "
            f"`python run_all.py --stages benchmark`, which replaces it."
        )


def write_table5(layout: Paths) -> None:
    """Writes Table 5 as CSV: ``source`` (``here``, ``paper``), ``backbone``, the columns of
    :func:`dslite.stages.benchmark.costs.begun`, ``seed``, ``hardware``; of the paper, what it prints: mean times,
    with 4 threads, in ``mean_ms``."""
    rows = []
    for name in names():
        folder = layout.benchmark(name)
        record = read_json(folder / "record.json")
        # Else there is none, or one by other code.
        if record and record["identity"] == _identity(name, record["seed"], max(record["timing_threads"])):
            about = {"backbone": name, **{key: record[key] for key in ("weights", "seed", "hardware")}}
            rows.append(pd.read_parquet(folder / "table.parquet").assign(source="here", **about))
    for column, printed in published.TABLE5.items():
        before = column == "preprocessing"
        row = {
            "source": "paper",
            "backbone": "" if before else "densenet121",
            "model": printed["name"],
            "part": "front end" if before else "cnn",
            "threads": 4,
            "mean_ms": printed["time_ms"],
            "flops": 1e9 * printed.get("flops_g", np.nan),
            "parameters": 1e6 * printed.get("parameters_m", np.nan),
            "peak_mb": printed["memory_mb"],
            "bytes": 1e6 * printed["size_mb"],
        }
        rows.append(pd.DataFrame([row]))
    rows[-1]["threads"] = np.nan  # of the phone it is not said
    table = pd.concat(rows, ignore_index=True).set_index(["source", "backbone"]).reset_index()
    with whole_file(layout.table(5)) as draft:
        table.to_csv(draft, index=False, float_format="%.6g")


def _measure(layout: Paths, backbone: str, seed: int, threads: int, identity: str) -> None:
    from dslite.deployment import offer
    from dslite.deployment.quantisation import VARIANTS
    from dslite.stages.benchmark import costs  # import TensorFlow, as the next ones do

    started, shares = time.monotonic(), iter(_DONE)
    folder = layout.benchmark(backbone)
    (folder / "record.json").unlink(missing_ok=True)
    samples = round(HEAD.chunk * RATE)
    model = untrained(backbone, seed)
    with whole_file(folder / "model.keras") as draft:
        model.save(draft)
    noise = np.random.default_rng(seed).standard_normal((CALIBRATION, samples)).astype(np.float32)
    note = "untrained, for timing only: what it says means nothing"
    about = {"note": note, "backbone": backbone, "weights": "untrained"}
    layers = len(next(layer for layer in model.layers if hasattr(layer, "layers")).layers)

    def report(doing: str) -> None:
        progress.report(next(shares), 1, doing)

    with costs.begun(folder / "model.keras", folder, samples, sorted({1, threads}), ROUNDS) as measure:
        made = offer.make(model, CLASSES, samples, noise, noise, about, seed, report)
        made.keep(folder)
        if wrong := made.wrong["float32"]:
            raise DsliteError(f"{backbone}: the float32 file does not pass the gate: {'; '.join(wrong)}.")
        table, timings = measure(model, int(layers * HEAD.share), report)
    gate = pd.DataFrame(
        {
            "model": name,
            "bytes": len(made.contents.get(name, b"")) or None,
            "offered": not made.wrong[name],
            "reason": "; ".join(made.wrong[name]),
        }
        for name in VARIANTS
    )
    for name, content in {"table": table, "timings": timings, "gate": gate}.items():
        write_table(folder / f"{name}.parquet", content)
    record = {
        "stage": STAGE,
        "identity": identity,
        "backbone": backbone,
        "weights": "untrained",
        "seed": seed,
        "samples": samples,
        "rate": RATE,
        "timing_threads": sorted({1, threads}),
        "rounds": ROUNDS,
        "trained_layers": int(layers * HEAD.share),
        "warnings": [
            "NOT TRAINED, on purpose: what a chunk costs depends on the shapes of a network, "
            "not on the values of its weights; what this model says of a sound means nothing."
        ],
        **records.circumstances(started),
    }
    write_json(folder / "record.json", record)


def untrained(backbone: str, seed: int):
    """Waveforms to probabilities: a base model with random weights and the head of the CCS row of Table 2."""
    from dslite.keras_defaults import keras
    from dslite.model import Head, assemble
    from dslite.network import load_backbone
    from dslite.spectrogram import MelPlot

    keras.utils.set_random_seed(seed)  # of the head, so that its files are the same whenever they are made
    head = Head(HEAD.units, len(CLASSES), HEAD.dropout, name="head")
    base = load_backbone(backbone, seed=seed)
    rng = np.random.default_rng(seed)
    for layer in base.model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # As made, it multiplies by one and adds zero, which the converter leaves out: nothing trained is like that.
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return assemble(MelPlot(name="plot"), base, head)
