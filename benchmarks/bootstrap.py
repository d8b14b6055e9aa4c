"""Scoring: 1,000 bootstrap draws over 16,000 files."""

import sys

import numpy as np

from benchmarks.timing import report
from dslite.deployment.latency import interleaved
from dslite.resampling import kinds


def main() -> int:
    rng = np.random.default_rng(0)
    label, predicted = rng.integers(0, 2, (2, 16_000))
    seconds = interleaved({"ours": lambda: kinds(label, (label == predicted)[None]).interval(0)}, rounds=5)
    return 0 if report("1,000 draws over 16,000 files", min(seconds["ours"]), 1.0, "s") else 1


if __name__ == "__main__":
    sys.exit(main())
