"""Light networks: a step with neighbours over one of as many files; embedding over the forward pass. One thread."""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

from benchmarks.timing import ratio, report
from dslite.deployment.latency import interleaved
from dslite.keras_defaults import use_threads
from dslite.model import Head, assemble, embedder
from dslite.network import folded, load_backbone
from dslite.spectrogram import MelPlot
from dslite.transfer import fitting, light
from dslite.transfer.neighbours import FileGraph

FILES, K, ROUNDS = 64, 3, 3
SECONDS = 4


def main() -> int:
    use_threads(1)
    kept = [step(name) for name in ("mobilenet15", "resnet9")]
    return 0 if all([*kept, embedding()]) else 1


def step(name: str) -> bool:
    """Epochs beside a graph of three neighbours, and of batches four times as large without one, in turn."""
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((FILES, 373, 64)).astype(np.float32)
    labels, rows = rng.integers(0, 7, FILES).astype(np.int32), np.arange(FILES)
    graph = FileGraph(rng.integers(0, FILES, (FILES, K)).astype(np.int32), np.ones((FILES, K), np.float32))
    model = light.network(name, 7, 0, np.zeros(64), np.ones(64))

    def epoch(rows: np.ndarray, batch: int, graph: FileGraph | None) -> float:
        """Seconds of the second of two epochs: the first traces."""
        ends: list[float] = []
        how = fitting.Beside(epochs=2, batch=batch)
        fitting.fit(
            model, drawn, labels, rows, how, 0, graph=graph, progress=lambda *_: ends.append(time.perf_counter())
        )
        return ends[1] - ends[0]

    seconds: dict[str, list[float]] = {"graph": [], "as many files": []}
    for _ in range(ROUNDS):
        seconds["graph"].append(epoch(rows, 16, graph))
        seconds["as many files"].append(epoch(np.tile(rows, 1 + K), 16 * (1 + K), None))
    return report(
        f"{name}: graph step over one of {1 + K} times the files", ratio(seconds, "graph", "as many files"), 1.2
    )


def embedding() -> bool:
    """From waveforms to embeddings, over the base model's pass of their plots."""
    backbone, plot = load_backbone("efficientnet_lite0"), MelPlot()
    embed = embedder(assemble(plot, backbone, Head(0, 7, 0.0, name="head")))
    waves = np.random.default_rng(0).normal(0, 0.1, (32, SECONDS * 16_000)).astype(np.float32)
    pictures, body = plot(waves), folded(backbone.model)
    forward = tf.function(lambda x: body(x, training=False))
    seconds = interleaved(
        {
            "embedding": lambda: embed(waves),
            "forward": lambda: forward(pictures).numpy(),
        },
        rounds=ROUNDS,
    )
    return report("embedding, from waveforms, over the forward pass", ratio(seconds, "embedding", "forward"), 1.3)


if __name__ == "__main__":
    sys.exit(main())
