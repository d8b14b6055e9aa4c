"""Memory: a corpus of SLEEP's size (16,462 files of 3.86 s) goes through a cache and an epoch of reading."""

import os
import resource
import sys
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import pandas as pd

from benchmarks.timing import report

FILES, FRAMES = 16_462, 249


def main() -> int:
    from dslite.front_end import FrontEnd
    from dslite.spectrogram import MelPlot
    from dslite.store import Spectrograms

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "s.npy"
        cache = np.lib.format.open_memmap(file, "w+", np.uint8, (FILES * FRAMES, 128))
        rng = np.random.default_rng(0)
        for start in range(0, len(cache), 100 * FRAMES):
            cache[start : start + 100 * FRAMES] = rng.integers(
                0, 256, cache[start : start + 100 * FRAMES].shape, np.uint8
            )
        del cache
        size = file.stat().st_size
        stored = Spectrograms(file, pd.DataFrame({"offset": np.arange(FILES) * FRAMES, "frames": FRAMES}))
        plot = MelPlot(FrontEnd())
        for start in range(0, FILES, 32):
            plot.paint(stored.batches(rng.permutation(FILES)[start : start + 32])[0][1])
        features = np.zeros((FILES, 1024), np.float32)
        features[:] = 1.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    kept = report("cached chunk, per frame", size / (FILES * FRAMES), 128.01, "B")
    return 0 if report("16,462 files: peak memory, mapped pages counted", peak, 2.0, "GB") and kept else 1


if __name__ == "__main__":
    sys.exit(main())
