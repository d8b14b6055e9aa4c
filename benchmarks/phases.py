"""Training: the first phase against two full passes per epoch, the second against Keras' own ``fit``. One thread."""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import pandas as pd

from benchmarks.timing import ratio, report
from dslite.deployment.latency import interleaved
from dslite.keras_defaults import use_threads
from dslite.network import load_backbone
from dslite.profiles import recipe
from dslite.store import Spectrograms
from dslite.training import Examples, Trainer

CHUNKS, FRAMES, CLASSES, EPOCHS = 128, 186, 4, 40
HERE = Path(tempfile.mkdtemp())


def made_up() -> tuple[Spectrograms, Examples]:
    levels = np.random.default_rng(0).integers(0, 256, (CHUNKS * FRAMES, 128), np.uint8)
    np.save(HERE / "s.npy", levels)
    chunks = pd.DataFrame({"offset": np.arange(CHUNKS) * FRAMES, "frames": FRAMES})
    labels = np.arange(CHUNKS) % CLASSES
    everything = np.arange(CHUNKS)
    return Spectrograms(HERE / "s.npy", chunks), Examples(everything, everything[:1], labels, everything)


def main() -> int:
    use_threads(1)
    stored, examples = made_up()
    plan = replace(recipe("ravdess", "full"), epochs=(EPOCHS, 1), share=0.3)
    kept = True
    for name in ("squeezenet_v1", "densenet121"):
        trainer = Trainer(stored, load_backbone(name, seed=0), CLASSES, plan)
        kept &= first_phase(name, trainer, examples) & second_phase(name, trainer, examples)
    return 0 if kept else 1


def first_phase(name: str, trainer: Trainer, examples: Examples) -> bool:
    """40 epochs with both augmentations, the features extracted before them, over 40 epochs of two full passes."""
    trainer.recipe = replace(trainer.recipe, epochs=(4, 0))
    everything = np.arange(CHUNKS)
    features = trainer.extract(everything)
    seconds = interleaved(
        {
            "4 epochs": lambda: trainer.fit(examples, features, "both", 0, dev=False),
            "pass": lambda: trainer.extract(everything),
        },
        rounds=3,
    )
    share = ratio(seconds, "4 epochs", "pass") / (2 * 4) + 1 / (2 * EPOCHS)  # and the one pass of the extraction
    return report(f"{name}: first phase, both augmentations, 40 epochs, over two passes per epoch", share, 0.2)


def second_phase(name: str, trainer: Trainer, examples: Examples) -> bool:
    """An epoch of the second phase over an epoch of Keras' fit of the same layers on the same pictures."""
    trainer.recipe = replace(trainer.recipe, epochs=(0, 1))
    features = np.zeros((CHUNKS, trainer.backbone.width), np.float32)
    levels = trainer.spectrograms.batches(examples.train)[0][1]
    inputs = keras.Input(levels.shape[1:], dtype="uint8")
    x = keras.layers.Rescaling(trainer.backbone.scale, trainer.backbone.offset)(Painted(trainer.plot)(inputs))
    x = keras.layers.GlobalAveragePooling2D()(trainer.backbone.model(x, training=False))
    plain = keras.Model(inputs, trainer.head(x))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    plain.compile(keras.optimizers.Adadelta(1e-4), loss, metrics=["accuracy"])
    one_hot = np.eye(CLASSES, dtype=np.float32)[examples.labels]
    seconds = interleaved(
        {
            "none": lambda: trainer.fit(examples, features, "none", 0, dev=False),
            "both": lambda: trainer.fit(examples, features, "both", 0, dev=False),
            "fit": lambda: plain.fit(levels, one_hot, batch_size=32, verbose=0),
            "pass": lambda: trainer.extract(examples.train),
        },
        rounds=3,
    )
    kept = report(f"{name}: second phase without augmentation over Keras' fit", ratio(seconds, "none", "fit"), 1.10)
    both = {
        "ours": seconds["both"],
        "fit and pass": [a + b for a, b in zip(seconds["fit"], seconds["pass"], strict=True)],
    }
    return kept & report(
        f"{name}: second phase, both augmentations, over fit + one pass", ratio(both, "ours", "fit and pass"), 1.10
    )


@keras.saving.register_keras_serializable("dslite_benchmarks")
class Painted(keras.layers.Layer):
    """The plot from cached levels, as a layer for Keras' fit."""

    def __init__(self, plot, **kwargs):
        super().__init__(**kwargs)
        self.plot = plot
        self.built = True

    def call(self, levels):
        return self.plot.paint(levels)

    def compute_output_spec(self, levels):
        return keras.KerasTensor((None, self.plot.parameters.size, self.plot.parameters.size, 3), dtype="float32")


if __name__ == "__main__":
    sys.exit(main())
