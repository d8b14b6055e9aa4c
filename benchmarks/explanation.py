"""SHAP: 100 evaluations of one image, over the 100 forward passes alone. One thread."""

import os
import sys
from functools import partial

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

from benchmarks.timing import ratio, report
from dslite.deployment.latency import interleaved
from dslite.explanation.baselines import silence
from dslite.explanation.explainers import EVALUATIONS, partition
from dslite.explanation.view import View
from dslite.front_end import FrontEnd
from dslite.keras_defaults import use_threads
from dslite.model import Head, assemble
from dslite.network import load_backbone
from dslite.spectrogram import MelPlot

SECONDS, CLASSES = 3, 4


def main() -> int:
    use_threads(1)
    p = FrontEnd()
    levels = np.random.default_rng(0).integers(0, 256, (p.frames(SECONDS * p.rate), p.mel_bins), np.uint8)
    kept = True
    for name in ("squeezenet_v1", "densenet121"):
        backbone = load_backbone(name, seed=0)
        model = assemble(MelPlot(p, name="plot"), backbone, Head(512, CLASSES, 0.25, name="head"))
        view = View.of(model)
        pictures = np.repeat(view.plot.paint(levels[None]).numpy(), EVALUATIONS, axis=0)
        candidates = {
            "shap": partial(partition, view.probabilities, levels, silence(p.mel_bins)),
            "passes": partial(view.probabilities_of_pictures, pictures),
        }
        seconds = interleaved(candidates, rounds=5 if name == "squeezenet_v1" else 3)
        print(f"     {name}: {min(seconds['passes']):.2f} s for {EVALUATIONS} forward passes in batches")
        kept &= report(
            f"{name}: {EVALUATIONS} evaluations of one image over the forward passes alone",
            ratio(seconds, "shap", "passes"),
            1.3,
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
