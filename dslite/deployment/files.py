"""Audio files through models: chunks for calibration, prediction tables of several models in one pass."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import audio

Classifier = Callable[[np.ndarray], np.ndarray]
"""float32 (n, samples) to probabilities (n, classes)."""


def chunks(file: Path, samples: int, rate: int) -> tuple[np.ndarray, bool]:
    """The chunks of a file as the pipeline cuts them: half a chunk of hop, a short file padded by repetition.

    Returns:
        float32 (n, samples), and whether the file is shorter than one chunk.
    """
    wave = audio.load(file, rate)
    return audio.cut(wave, samples, samples // 2, samples), len(wave) < samples


def sample_chunks(clips: pd.DataFrame, folder: Path, samples: int, rate: int, count: int, seed: int) -> np.ndarray:
    """Picks chunks evenly over the classes, one per file, to calibrate or to time with.

    Args:
        clips: a row per usable file: ``file`` relative to ``folder``, ``label``.
        count: how many at most.
        seed: of the choice.

    Returns:
        float32 (n, samples), n <= count.
    """
    rng = np.random.default_rng(seed)
    mixed = clips.iloc[rng.permutation(len(clips))]
    turn = mixed.groupby("label").cumcount()
    picked = mixed.iloc[np.argsort(turn.to_numpy(), kind="stable")[:count]]["file"]
    every = (chunks(folder / file, samples, rate)[0] for file in picked)
    return np.stack([of_file[rng.integers(len(of_file))] for of_file in every])


def predict(
    classifiers: dict[str, Classifier],
    clips: pd.DataFrame,
    folder: Path,
    samples: int,
    rate: int,
    classes: Sequence[str],
    decision: str = "vote",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, pd.DataFrame]:
    """Prediction tables (:func:`dslite.training.predictions`) of several models; each file is decoded once.

    Args:
        classifiers: models by name.
        clips: a row per usable file: ``file`` relative to ``folder``, ``label``, ``speaker``.
        samples, rate: length of a chunk, and sample rate in Hz.
        classes: in the order of the probabilities.
        decision: how a file is decided, a key of :data:`dslite.scoring.DECISIONS`.
        progress: called with files done and files in all.
    """
    from dslite.training import predictions  # here, because it imports TensorFlow

    rows, found = [], {name: [] for name in classifiers}
    for done, file in enumerate(clips["file"], start=1):
        of_file, padded = chunks(folder / file, samples, rate)
        rows += [(file, padded)] * len(of_file)
        for name, classify in classifiers.items():
            found[name].append(classify(of_file))
        progress(done, len(clips))
    table = pd.DataFrame(rows, columns=["file", "padded"])
    every = np.arange(len(table))
    return {
        name: predictions(clips, table, every, np.concatenate(parts), classes, decision).assign(model=name)
        for name, parts in found.items()
    }
