"""What a process that fits does: one thread, one trainer for all fits of a corpus that come to it."""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dslite.files import whole_file, write_json, write_table
from dslite.layout import records
from dslite.layout.progress import Epoch
from dslite.processes import die_with_parent, end_quickly
from dslite.profiles import Recipe
from dslite.scoring import TRAINED_ON, coded, main_score, predictions
from dslite.weights import digest

if TYPE_CHECKING:
    from dslite.stages.train.fits import Fit, FitInputs


def work_done(recipe: Recipe, epochs: int) -> float:
    """Work done after some epochs: one of the second phase costs about ten of the first."""
    return min(epochs, recipe.epochs[0]) + 10 * max(0, epochs - recipe.epochs[0])


def start(messages, parent: int, free) -> None:
    """Makes a process one of the pool's: one thread, a GPU of those ``free``, and it dies with its parent."""
    die_with_parent(parent)
    end_quickly()
    listen(messages)
    if not free.empty():  # there is one for each of the pool, or none at all
        os.environ["CUDA_VISIBLE_DEVICES"] = free.get()
    os.environ.update(dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"))
    from dslite.keras_defaults import use_threads

    use_threads(1)


_messages = None
"""Where a process of the pool says how far it is."""


def listen(messages):
    """From now on says in ``messages`` how far it is; returns where it did before."""
    global _messages
    before, _messages = _messages, messages
    return before


def tell(name: str, share: float, text: str, epochs: Sequence[Epoch] = ()) -> None:
    """Says of a piece of work by its name which share of it is done, what is being done, and epochs that are new."""
    _messages.put((name, share, text, list(epochs)))


@lru_cache(maxsize=1)
def trainer_of(inputs: "FitInputs"):
    """Clips, chunks and the trainer of a corpus, which all its fits in this process share."""
    from dslite.model import load_model, onwards, taken_up
    from dslite.network import load_backbone
    from dslite.store import Spectrograms
    from dslite.training import Trainer

    settings, paths, start, head = inputs.settings, inputs.settings.paths, inputs.start, ()
    clips, chunks = pd.read_parquet(paths.clips), pd.read_parquet(paths.chunks)
    backbone = load_backbone(settings.backbone, settings.weights_file, settings.seed)
    teacher = onwards(load_model(start.teacher)) if start.teacher else None
    if start.model:
        begun = load_model(start.model)
        backbone, head = taken_up(begun, backbone)
        if start.zeros:
            from dslite.pruning import hold_zeros

            hold_zeros(begun)
    stored, classes = Spectrograms(paths.spectrograms, chunks), len(inputs.classes)
    trainer = Trainer(stored, backbone, classes, settings.recipe, settings.reading, head, teacher, start.quantised)
    return clips, chunks, trainer


def about(inputs: "FitInputs") -> dict:
    """What the features of all chunks depend on, and where the base model's weights come from."""
    _, chunks, trainer = trainer_of(inputs)
    backbone, settings = trainer.backbone, inputs.settings
    return {
        "weights": backbone.weights,
        "source": backbone.source,
        "weights_hash": digest(settings.weights_file),
        "code": inputs.code,
        "backbone": backbone.name,
        "seed": settings.seed if backbone.weights == "random" else None,
        "chunks": len(chunks),
        "data_hash": inputs.data_hash,
        "front_end": asdict(settings.reading.front_end()),
        **({"begun with": digest(inputs.start.model)} if inputs.start.model else {}),
    }


def features(inputs: "FitInputs", step: int, start: int) -> np.ndarray:
    """Features of so many chunks from one on, under the base model as it is: float32 (n, width)."""
    _, chunks, trainer = trainer_of(inputs)
    return trainer.extract(np.arange(start, min(start + step, len(chunks))))


def _gpu() -> list[str]:
    """Name of the GPU that TensorFlow computes on, the first that it sees; none where it sees none."""
    from dslite.keras_defaults import tf

    seen = tf.config.get_visible_devices("GPU")[:1]
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in seen]


def fit(inputs: "FitInputs", fit: "Fit", about: dict) -> None:
    """Makes a fit and leaves its files in its folder, the record last; ``about`` as from :func:`about`."""
    from dslite.training import Examples

    started, settings = time.monotonic(), inputs.settings
    clips, chunks, trainer = trainer_of(inputs)
    of_chunk = clips.set_index("file").loc[chunks["file"]]
    own = of_chunk["partition"] if fit.partition is None else of_chunk.index.map(fit.partition)
    partition = own.to_numpy()
    examples = Examples(
        train=np.flatnonzero(np.isin(partition, TRAINED_ON[fit.target])),
        evaluate=np.flatnonzero(partition == fit.target),
        labels=coded(of_chunk["label"], inputs.classes),
        files=pd.factorize(chunks["file"])[0],
    )
    _, first = np.unique(examples.files[examples.evaluate], return_index=True)
    known = examples.labels[examples.evaluate[first]]

    def told(done: int, total: int, text: str, rows: list[tuple]) -> None:
        epochs = [
            Epoch(fit.name, phase, epoch, total, loss, main_score(known, decided))
            for phase, epoch, loss, _, decided, _ in rows
        ]
        tell(fit.name, work_done(settings.recipe, done), text, epochs)

    checkpoint = fit.folder / "checkpoint.npz"
    outcome = trainer.fit(
        examples,
        np.load(inputs.start.features, mmap_mode="r"),
        fit.augmentation,
        settings.seed,
        checkpoint,
        fit.identity,
        dev=fit.target == "dev",
        progress=told,
    )
    write_table(fit.folder / "history.parquet", outcome.history)
    decision = settings.reading.decision
    decided = predictions(clips, chunks, examples.evaluate, outcome.probabilities, inputs.classes, decision)
    write_table(fit.folder / "predictions.parquet", decided)
    model = trainer.model()
    with whole_file(fit.folder / "model.keras") as draft:
        model.save(draft)
    record = {
        "identity": fit.identity,
        "name": fit.name,
        "augmentation": fit.augmentation,
        "trained_on": TRAINED_ON[fit.target],
        "scored_on": fit.target,
        "chunks_trained_on": len(examples.train),
        "chunks_scored": len(examples.evaluate),
        "trained_layers": trainer.trained_layers,
        "parameters": model.count_params(),
        "backbone": settings.backbone,
        "weights": about["weights"],
        "weights_source": about["source"],
        "recipe": asdict(settings.recipe),
        "reading": settings.reading.parameters(),
        "data_hash": inputs.data_hash,
        "seed": settings.seed,
        "threads": 1,
        **records.circumstances(started),
        "hardware": ", ".join([records.hardware(), *_gpu()]),
    }
    write_json(fit.folder / "record.json", record)
    checkpoint.unlink(missing_ok=True)
