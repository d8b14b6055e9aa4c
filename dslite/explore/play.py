"""What ``notebooks/play.ipynb`` is too small for: clips as chunks, SapAugment in Keras' ``fit``, what was tried."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from dslite import audio, augmentation, corpora
from dslite.corpora.standins import write_standin
from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.keras_defaults import keras
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.profiles import TABLE2
from dslite.store import RATE


@dataclass(frozen=True)
class Material:
    """Some clips of a corpus, decoded and cut.

    Attributes:
        classes: in the order of every probability.
        clips: a row per file, as in :class:`dslite.corpora.reading.Corpus`.
        chunks: a row per chunk: ``file``, ``label``, ``partition``, ``padded`` (the file is shorter than a chunk).
        waves: float32 (chunks, samples), mono at 16 kHz, as recorded.
        about: ``data``, ``note``, ``seed`` and ``warnings``, for the banner.
        folder: where files may go.
    """

    classes: tuple[str, ...]
    clips: pd.DataFrame
    chunks: pd.DataFrame
    waves: np.ndarray
    about: dict
    folder: Path


def load(corpus: str, data: str, chunk: float, limit: int, seed: int, output: str = "") -> Material:
    """Some clips of a corpus or of own data; of a SYNTHETIC stand-in, which is not kept, where the corpus is not found.

    Args:
        corpus, data, output: as for :func:`dslite.run.resolve.resolve`.
        chunk: s; 0 for Table 2's (3 s where that says whole files) or, of own data, by its durations.
        limit: files per class and partition at most, speakers by turns; 0 for all.
        seed: of the stand-in and of the choice.
    """
    root, own = data or os.environ.get("DSLITE_DATA", ""), corpora.is_own(corpus)
    folder = corpora.locate(corpus, Path(root).expanduser() if root else None)
    if folder is None and own:
        raise DsliteError(f"{corpus} does not exist. Own data is {corpora.FORM}.")
    warnings = [f"{corpus} was not found in {root}."] if root and folder is None else []
    seconds = chunk or (corpora.own_chunk(Path(corpus)) if own else TABLE2[corpus]["chunk"]) or 3.0
    length, waves, rows = round(seconds * RATE), [], []
    with tempfile.TemporaryDirectory() as place:
        if folder is None:
            folder = Path(place) / corpus
            write_standin(corpus, folder, seed)
        found = corpora.read(corpus, folder)
        mixed = found.clips.sample(frac=1, random_state=seed)
        turn = mixed.groupby(["partition", "label", "speaker"]).cumcount().sort_values(kind="stable").index
        clips = mixed.loc[turn].groupby(["partition", "label"]).head(limit or len(mixed)).sort_index()
        for clip in clips.itertuples():
            try:
                wave = audio.load(folder / clip.file)
            except audio.UnusableAudio as reason:
                warnings.append(f"{clip.file} {reason}; it is left out.")
                continue
            waves.append(audio.cut(wave, length, length // 2, length))
            rows += [(clip.file, clip.label, clip.partition, len(wave) < length)] * len(waves[-1])
    chunks = pd.DataFrame(rows, columns=["file", "label", "partition", "padded"])
    note, tested = found.note, chunks.loc[chunks["partition"] == "test", "file"].nunique()
    if len(clips) < len(mixed):
        note = f"a part of it: {len(clips)} of {len(mixed):,} files, at most {limit} per class and partition. {note}"
    warnings.append(f"A score on {tested} test files says little: look at its interval.")
    about = {"data": found.data, "note": note, "seed": seed, "warnings": warnings}
    paths = Paths(Path(output).expanduser().resolve() if output else NOTEBOOKS.parent).corpus("play")
    return Material(found.classes, clips, chunks, np.concatenate(waves), about, paths.file(corpora.slug(corpus)))


class SapAugmented(keras.Model):
    """A model of plots whose ``fit`` augments as SapAugment does (paper, 3.2): the losses of a batch as it is rank its
    samples, then it is augmented, then comes Keras' own step on float32 (n, size, size, 3) and (n, classes).

    Args:
        policy: what may be done.
        cutmix, specaugment: which of the two act; without either, ``fit`` is as usual.
        fill: float32 (3,), colour of the masks.
        seed: of the draws.
    """

    def __init__(self, *args, policy, cutmix: bool, specaugment: bool, fill: np.ndarray, seed: int, **kwargs):
        super().__init__(*args, **kwargs)
        self.policy, self.acting, self.fill = policy, (cutmix, specaugment), fill
        self.draws = keras.random.SeedGenerator(seed)

    def train_step(self, data):
        pictures, labels = data
        if any(self.acting):
            losses = keras.losses.categorical_crossentropy(labels, self(pictures, training=False))
            seed, size = tf.cast(self.draws.next(), tf.int32), pictures.shape[1]
            plan = augmentation.draw(losses, seed, self.policy, *self.acting, size)
            labels = augmentation.mix_labels(plan, labels, size)
            pictures = augmentation.apply(plan, pictures, tf.gather(pictures, plan.partner), self.fill)
        return super().train_step((pictures, labels))


def layer_table(model: keras.Model) -> pd.DataFrame:
    """A row per layer: ``layer``, ``kind``, ``output``, ``parameters``, ``trained`` (how many of them are). A model
    inside is a row for its frozen layers and a row for those that are trained."""
    rows = []
    for layer in model.layers:
        inside = layer.layers if isinstance(layer, keras.Model) else [layer]
        for learns, several in groupby(inside, lambda one: one.trainable):
            layers = list(several)
            kind = (
                type(layer).__name__ if inside == [layer] else f"{'last' if learns else 'first'} {len(layers)} layers"
            )
            counts = [(int(np.prod(w.shape)), w.trainable) for one in layers for w in one.weights]
            trained = sum(count for count, trainable in counts if trainable)
            shape = " × ".join(str(side or "any") for side in layers[-1].output.shape[1:])
            rows.append((layer.name, kind, shape, sum(count for count, _ in counts), trained))
    return pd.DataFrame(rows, columns=["layer", "kind", "output", "parameters", "trained"])


def beside(file: Path, corpus: str, run: Mapping) -> pd.DataFrame:
    """Writes down in ``file`` (JSON) what a run was made with, named as in Table 2, and what came of it; returns the
    row of Table 2, the run before and this one, one below the other."""
    runs = [*(json.loads(file.read_text("utf-8")) if file.is_file() else []), dict(run)]
    with whole_file(file) as draft:
        draft.write_text(json.dumps(runs, ensure_ascii=False), "utf-8")
    rows = dict(zip(["the run before", "this run"][-len(runs) :], runs[-2:], strict=True))
    if corpus in TABLE2:
        printed = {"backbone": "densenet121", "optimiser": "adadelta", "batch": 32} | TABLE2[corpus]
        rows = {"paper": {name: printed.get(name) for name in run}} | rows
    return pd.DataFrame(rows).T
