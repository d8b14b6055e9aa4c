"""What ``notebooks/play.ipynb`` is too small for: clips as chunks, SapAugment in Keras' ``fit``, what was tried."""

import json
import os
import tempfile
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import audio, augmentation, corpora
from dslite.corpora.standins import write_standin
from dslite.keras_defaults import keras, tf
from dslite.network import folded
from dslite.profiles import FULL_BACKBONE, TABLE2
from dslite.readings import Reading
from dslite.store import RATE


def load(corpus: str, data: str, chunk: float, limit: int, seed: int) -> tuple:
    """Some clips of a corpus or of own data; of a SYNTHETIC stand-in, which is not kept, where the corpus is not found.

    Args:
        corpus, data: a name, and the folder of corpora (empty: ``DSLITE_DATA``); or the path of own data.
        chunk: s; 0: Table 2's (for whole files: 3 s) or, of own data, by its durations.
        limit: files per class and partition at most, speakers by turns; 0 for all. ``seed`` decides which.

    Returns:
        Classes; a row per file as in :class:`dslite.corpora.reading.Corpus`; a row per chunk (``file``, ``label``,
        ``partition``, ``padded``); the chunks, float32 (chunks, samples) at 16 kHz; what a banner is to say.
    """
    root, warnings = data or os.environ.get("DSLITE_DATA"), []
    folder = corpora.locate(corpus, Path(root).expanduser() if root else None)
    usual = TABLE2[corpus]["chunk"] if corpus in TABLE2 else corpora.own_chunk(Path(corpus))
    length, waves, rows = round((chunk or usual or 3.0) * RATE), [], []
    with tempfile.TemporaryDirectory() as place:
        if folder is None:
            folder = Path(place) / corpora.slug(corpus)
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
    warnings.append(f"A score on {(clips['partition'] == 'test').sum()} test files says little: look at its interval.")
    note = f"{found.note}; here, {len(clips):,} of {len(mixed):,} files are used".lstrip("; ")
    about = {"data": found.data, "note": note, "warnings": warnings}
    return found.info.classes, clips, chunks, np.concatenate(waves), about


class _Still(keras.layers.Layer):
    """Keeps a base model in inference mode: ``fit`` overrules the ``training=False`` of a model in a model (F-11)."""

    def __init__(self, body: keras.Model):
        super().__init__()
        self.body = folded(body)

    def call(self, pictures):
        return self.body(pictures, training=False)


class SapAugmented(keras.Model):
    """A network (:func:`dslite.model.assemble`) from its plots on, float32 (n, size, size, 3), with the same weights.

    ``fit`` augments as SapAugment does (paper, 3.2): the losses of a batch rank its samples, then it is augmented by
    ``reading`` as far as ``cutmix`` and ``specaugment`` may act, then comes Keras' own step.
    """

    def __init__(self, network: keras.Model, reading: Reading, cutmix: bool, specaugment: bool, seed: int):
        _, plot, normalise, body, *rest = network.layers
        x = picture = keras.Input(plot.output.shape[1:])
        for layer in (normalise, _Still(body), *rest):
            x = layer(x)
        super().__init__(picture, x)
        self.reading, self.acting, self.draws = reading, (cutmix, specaugment), keras.random.SeedGenerator(seed)
        self.fill = -np.float32(normalise.offset) / np.float32(normalise.scale)

    def train_step(self, data):
        pictures, labels = data
        losses = keras.losses.categorical_crossentropy(labels, self(pictures, training=False))
        seed, size = tf.cast(self.draws.next(), tf.int32), pictures.shape[1]
        plan = augmentation.draw(losses, seed, self.reading, *self.acting, size)
        pictures = augmentation.apply(plan, pictures, tf.gather(pictures, plan.partner), self.fill)
        return super().train_step((pictures, augmentation.mix_labels(plan, labels, size)))


def layer_table(model: keras.Model) -> pd.DataFrame:
    """A row per layer, with its parameters and how many are trained; of base models, one for frozen, one for others."""
    rows = []
    for layer in model.layers:
        inside = getattr(layer, "layers", [layer])
        alike = [one.trainable if len(inside) > 20 else one for one in inside]
        for group in ([one for _, one in same] for _, same in groupby(zip(alike, inside, strict=True), lambda x: x[0])):
            name, kind = layer.name, f"{len(group)} layers, {'trained' if group[0].trainable else 'frozen'}"
            if len(group) == 1:
                name, kind = group[0].name, type(group[0]).__name__
            counts = [(int(np.prod(w.shape)), w.trainable) for one in group for w in one.weights]
            shape = " × ".join(str(side or "any") for side in group[-1].output.shape[1:])
            rows.append((name, kind, shape, sum(n for n, _ in counts), sum(n for n, learns in counts if learns)))
    return pd.DataFrame(rows, columns=["layer", "kind", "output", "parameters", "trained"])


def beside(file: Path, corpus: str, run: dict) -> pd.DataFrame:
    """Adds a run, named as in ``table2.toml``, to a JSON file; returns columns of Table 2, the run before and this."""
    runs = [*(json.loads(file.read_text("utf-8")) if file.is_file() else []), run]
    file.write_text(json.dumps(runs), "utf-8")
    columns = dict(zip(["the run before", "this run"][-len(runs) :], runs[-2:], strict=True))
    if corpus in TABLE2:
        printed = {"backbone": FULL_BACKBONE, "optimiser": "Adadelta", "batch": 32} | TABLE2[corpus]
        columns = {"paper": {name: printed.get(name) for name in run}} | columns
    return pd.DataFrame(columns, dtype=object)
