"""Audio files through models: chunks for calibration, prediction tables of several models in one pass."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from dslite import audio
from dslite.readings import PAPER, Reading
from dslite.scoring import predictions
from dslite.tasks import strata

Classifier = Callable[[np.ndarray], np.ndarray]
"""float32 (n, samples) to probabilities (n, classes)."""


def sample_chunks(
    clips: pd.DataFrame, waves: Mapping[str, np.ndarray], samples: int, count: int, seed: int
) -> np.ndarray:
    """Picks chunks evenly over the classes (or thirds of the labels), one per file, to calibrate or to time with.

    Args:
        clips: a row per usable file: ``file``, ``label``.
        waves: decoded files by name, float32 (n,).
        samples: length of a chunk.
        count: how many at most.
        seed: of the choice.

    Returns:
        float32 (n, samples), n <= count.
    """
    rng = np.random.default_rng(seed)
    mixed = clips.iloc[rng.permutation(len(clips))]
    turn = mixed.groupby(strata(mixed["label"])).cumcount()
    picked = mixed.iloc[np.argsort(turn.to_numpy(), kind="stable")[:count]]["file"]
    every = (audio.cut(waves[file], samples, samples // 2, samples) for file in picked)
    return np.stack([of_file[rng.integers(len(of_file))] for of_file in every])


def predict(
    classifiers: dict[str, Classifier],
    clips: pd.DataFrame,
    waves: Mapping[str, np.ndarray],
    samples: int,
    classes: Sequence[str],
    reading: Reading = PAPER,
) -> dict[str, pd.DataFrame]:
    """Prediction tables (:func:`dslite.scoring.predictions`) of several models.

    Args:
        classifiers: models by name.
        clips: a row per usable file: ``file``, ``label``, ``speaker``.
        waves: decoded files by name, float32 (n,).
        samples: length of a chunk.
        classes: in the order of the probabilities.
        reading: how a file is decided, and what becomes of its rest.
    """
    rows, found = [], {name: [] for name in classifiers}
    for file in clips["file"]:
        of_file = audio.cut(waves[file], samples, samples // 2, samples, reading.remainder)
        rows += [(file, len(waves[file]) < samples)] * len(of_file)
        for name, classify in classifiers.items():
            found[name].append(classify(of_file))
    table = pd.DataFrame(rows, columns=["file", "padded"])
    every = np.arange(len(table))
    return {
        name: predictions(clips, table, every, np.concatenate(parts), classes, reading.decision).assign(model=name)
        for name, parts in found.items()
    }
