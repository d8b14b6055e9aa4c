"""The support vector machines of the baseline, whole grid, on as many files as the largest corpus has.

``python -m benchmarks.svm``: features that are made, rectified and correlated like those of plots, labels in them.
"""

import sys
import time

import numpy as np

from benchmarks.timing import report
from dslite import baseline

FILES, WIDTH = 16_462, 1024
"""Of SLEEP, by DenseNet121."""


def main() -> int:
    rng, good = np.random.default_rng(0), True
    hidden, partitions = rng.normal(size=(FILES, 64)), rng.choice(["train", "dev", "test"], FILES)
    labels = np.clip(np.round(rng.normal(4, 2, FILES)), 0, 8)
    hidden[:, 0] += 0.3 * labels
    activations = hidden @ rng.normal(size=(64, WIDTH)) / 8 + 0.5 * rng.normal(size=(FILES, WIDTH))
    features = np.maximum(activations, 0).astype(np.float32)
    for kind, told in {"nine classes": labels.astype(int), "numbers": labels}.items():
        began = time.process_time()
        baseline.select(features, told, partitions, 0)
        spent = time.process_time() - began
        good &= report(f"{FILES:,} files, {WIDTH:,} features, {kind}: CPU seconds", spent, 600.0, "s")
    return not good


if __name__ == "__main__":
    sys.exit(main())
