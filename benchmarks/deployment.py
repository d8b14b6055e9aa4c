"""Deployment: DenseNet121 (random weights, 3 s chunks) as exported, on two threads; times interleaved."""

import os
import sys
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

from benchmarks.timing import report
from dslite.deployment import latency
from dslite.deployment.offer import make
from dslite.stages.benchmark.work import CLASSES, HEAD, RATE, untrained

THREADS, ROUNDS = 2, latency.ROUNDS


def main() -> int:
    samples = round(HEAD.chunk * RATE)
    noise = np.random.default_rng(0).standard_normal((4, samples)).astype(np.float32)
    model = untrained("densenet121", seed=0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder / "model.keras")
        make(model, CLASSES, samples, noise, noise, {}, seed=0).keep(folder)
        size = (folder / "dynamic-int8.tflite").stat().st_size / 1e6
        with latency.timer(folder, samples, THREADS, folder / "model.keras", ROUNDS) as times:
            timings = times()
    print(f"     noise floor {100 * latency.noise_floor(timings):.1f} %")

    def ratio(one, other):
        return latency.ratio(timings, one, other, THREADS)

    whole = {model: (model, "whole") for model in ("keras", "float32", "dynamic-int8")}
    kept = report("DenseNet121: dynamic int8 over float32", ratio(whole["dynamic-int8"], whole["float32"]), 0.65)
    kept &= report("DenseNet121: size of dynamic int8", size, 8.0, "MB")
    kept &= report(
        "DenseNet121: float32 in one file over the same graph as a TensorFlow function",
        ratio(whole["float32"], whole["keras"]),
        0.75,
    )
    kept &= report(
        "DenseNet121: front end over the whole, float32", ratio(("float32", "front end"), whole["float32"]), 0.08
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
