"""From a fit's model to the files that are offered, with everything the report says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from dslite import scoring
from dslite.deployment import gate
from dslite.deployment.container import attach
from dslite.deployment.conversion import card, convert
from dslite.deployment.files import predict, sample_chunks
from dslite.deployment.quantisation import VARIANTS, quantise
from dslite.deployment.runtime import LiteModel
from dslite.files import whole_file

CALIBRATION = 100
"""Training chunks that the full int8 variant is calibrated on, one per file, evenly over the classes."""

REAL = 8
"""Dev chunks on which every variant must give finite probabilities."""


@dataclass(frozen=True)
class Offer:
    """What came of a model's variants.

    Attributes:
        table: a row per variant, after one of Keras (``model`` is ``keras``): ``model``, ``bytes``, ``offered``,
            ``reason`` (why not), ``agreement`` (percent of dev files), ``difference`` (largest, of a dev file's
            probability) and, on test, ``uar``, ``ci_low``, ``ci_high`` (percent), ``n_files``, ``n_speakers``.
        predictions: on test, a row per model and file, as :func:`dslite.training.predictions` with ``model``.
    """

    table: pd.DataFrame
    predictions: pd.DataFrame


def offer(
    model: keras.Model,
    classes: Sequence[str],
    samples: int,
    clips: pd.DataFrame,
    audio: Path,
    folder: Path,
    about: dict,
    seed: int,
    progress: Callable[[str], None] = lambda doing: None,
) -> Offer:
    """Converts a model into all variants, puts each to the gate and keeps the files of those that pass.

    Args:
        model: what a fit left.
        classes: in the order of its output.
        samples: length of a chunk; for a corpus of whole files, a stated length.
        clips: a row per usable file: ``file``, ``label``, ``speaker``, ``partition``. Train calibrates, dev is compared
            with Keras, test is scored.
        audio: the folder that ``file`` is relative to.
        folder: where ``<variant>.tflite`` goes. A file of a variant that fails is removed from there.
        about: kept in each file, for people (corpus, data, weights, ...).
        seed: of calibration, probes and bootstrap.
        progress: called with what is being done.
    """
    rate = model.get_layer("plot").parameters.rate
    of = {name: clips[clips["partition"] == name] for name in ("train", "dev", "test")}
    progress("converting")
    float32 = convert(model, samples)
    calibration = sample_chunks(of["train"], audio, samples, rate, CALIBRATION, seed)
    real = sample_chunks(of["dev"], audio, samples, rate, REAL, seed)
    contents, wrong = {}, {}
    for name in VARIANTS:
        if wrong.get("float32"):
            wrong[name] = ["it would be made from float32, which failed"]
            continue
        progress(f"making and probing {name}")
        made = attach(quantise(float32, name, calibration), card(model, classes, samples, name, about))
        contents[name] = made
        wrong[name] = gate.structure(made, name, model.count_params(), samples, len(classes))
        wrong[name] = wrong[name] or gate.behaviour_apart(made, real, seed)
    running = {name: LiteModel(contents[name]) for name in VARIANTS if not wrong[name]}
    classifiers = {"keras": keras_classifier(model)} | running
    tables = {}
    for part in ("dev", "test"):
        progress(f"all variants on {part}")
        tables[part] = predict(classifiers, of[part], audio, samples, rate, classes)
    rows = []
    for name in ("keras", *VARIANTS):
        row = {"model": name, "bytes": len(contents[name]) if name in contents else np.nan}
        if name in running:
            compared = gate.agreement(tables["dev"]["keras"], tables["dev"][name])
            wrong[name] += gate.disagreement(name, compared)
            row |= compared
        if name in classifiers:
            row |= scoring.score(tables["test"][name], classes, "all", seed)
        rows.append({**row, "offered": name in VARIANTS and not wrong[name], "reason": "; ".join(wrong.get(name, []))})
    for name in VARIANTS:
        _keep(folder / f"{name}.tflite", None if wrong[name] else contents[name])
    return Offer(pd.DataFrame(rows), pd.concat(tables["test"].values(), ignore_index=True))


def keras_classifier(model: keras.Model):
    """The model as a function of float32 (n, samples), in batches of 32 at most."""
    run = tf.function(
        lambda chunks: model(chunks, training=False), input_signature=[tf.TensorSpec([None, None], tf.float32)]
    )
    return lambda chunks: np.concatenate([run(chunks[i : i + 32]).numpy() for i in range(0, len(chunks), 32)])


def _keep(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink(missing_ok=True)
        return
    with whole_file(file) as draft:
        draft.write_bytes(content)
