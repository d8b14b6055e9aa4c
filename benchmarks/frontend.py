"""Front end: a plot from a 3 s chunk at batch 64, beside librosa and matplotlib chunk by chunk."""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import librosa
import matplotlib
import numpy as np
import tensorflow as tf

from benchmarks.timing import ratio, report
from dslite.deployment.latency import interleaved
from dslite.front_end import FrontEnd
from dslite.spectrogram import MelPlot

BATCH = 64


def main() -> int:
    p = FrontEnd()
    waves = np.random.default_rng(0).standard_normal((BATCH, 3 * p.rate)).astype(np.float32)
    layer = MelPlot(p)
    plot = tf.function(lambda x: layer(x))
    filters = librosa.filters.mel(
        sr=p.rate, n_fft=p.window, n_mels=p.mel_bins, fmin=p.low_hz, fmax=p.high_hz, htk=True, norm=None
    )

    def reference():
        for wave in waves:
            power = np.abs(librosa.stft(wave, n_fft=p.window, hop_length=p.hop, center=False)) ** 2
            db = librosa.power_to_db(filters @ power, ref=np.max, top_db=p.top_db)
            matplotlib.colormaps[p.colours]((db - db.min()) / (db.max() - db.min()))

    tensor = tf.constant(waves)
    seconds = interleaved({"dslite": lambda: plot(tensor), "librosa": reference}, rounds=7)
    kept = report("front end, per 3 s chunk at batch 64", 1e3 * min(seconds["dslite"]) / BATCH, 2.0, "ms")
    kept &= report(
        "front end over librosa + matplotlib (which do not even resize)", ratio(seconds, "dslite", "librosa"), 0.5
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
