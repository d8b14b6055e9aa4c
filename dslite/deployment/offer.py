"""From a fit's model to the files that are offered, with everything the report says of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import scoring
from dslite.deployment import gate
from dslite.deployment.container import attach
from dslite.deployment.conversion import card, convert
from dslite.deployment.files import predict, sample_chunks
from dslite.deployment.quantisation import VARIANTS, quantise
from dslite.deployment.runtime import LiteModel
from dslite.files import whole_file
from dslite.keras_defaults import graph, keras, tf
from dslite.readings import PAPER, Reading
from dslite.resampling import DRAWS, PAIRED_DRAWS
from dslite.statistics import compare, pairs
from dslite.tasks import outputs, task_of

CALIBRATION = 100
"""Training chunks that the full int8 variant is calibrated on, if not said otherwise: one per file, evenly over the
classes."""

FARTHEST = 5
"""Test files per variant that are listed where labels are numbers."""

REAL = 8
"""Dev chunks on which every variant must give finite probabilities."""


@dataclass(frozen=True)
class Made:
    """The variants of a model as far as they can be judged without data of a corpus.

    Attributes:
        contents: variant -> its file, of those that could be made.
        wrong: variant -> what the gate found, as sentences without a full stop; empty for one that passed.
    """

    contents: dict[str, bytes]
    wrong: dict[str, list[str]]

    def keep(self, folder: Path) -> None:
        """Writes ``<variant>.tflite`` of those that passed and removes any that lies there of the others."""
        for name in VARIANTS:
            file = folder / f"{name}.tflite"
            if self.wrong.get(name, True):
                file.unlink(missing_ok=True)
                continue
            with whole_file(file) as draft:
                draft.write_bytes(self.contents[name])


@dataclass(frozen=True)
class Offer:
    """What came of a model's variants.

    Attributes:
        table: a row per variant, after one of Keras (``model`` is ``keras``): ``model``, ``bytes``, ``offered``,
            ``reason`` (why not), ``agreement`` (percent of test files with Keras' decision, ties included), ``flipped``
            (test files with another decision that are no tie), ``difference`` (largest, of a file's probability),
            ``lost``, ``lost_low``, ``lost_high`` (paired difference of the UAR to Keras, points), ``uar``, ``ci_low``,
            ``ci_high`` (percent), ``n_files``, ``n_speakers``. Of numbers, the CCC in place of the UAR.
        predictions: on test, a row per model and file, as :func:`dslite.scoring.predictions` with ``model``.
        flips: a row per variant and test file that it decides otherwise than Keras: :func:`gate.agreement`'s columns
            after ``model``; ``same`` marks the ties. Of numbers, the :data:`FARTHEST` files that differ most.
    """

    table: pd.DataFrame
    predictions: pd.DataFrame
    flips: pd.DataFrame


def make(
    model: keras.Model,
    classes: Sequence[str],
    samples: int,
    calibration: np.ndarray,
    real: np.ndarray,
    about: dict,
    seed: int,
    progress: Callable[[str], None] = lambda doing: None,
    variants: Sequence[str] = tuple(VARIANTS),
    sparse: bool = False,
) -> Made:
    """Converts a model into variants and puts each to the part of the gate that needs no corpus.

    Args:
        model: waveforms to probabilities.
        classes: in the order of its output.
        samples: length of a chunk.
        calibration: float32 (n, samples), chunks that ``int8`` is calibrated on.
        real: float32 (n, samples), chunks on which every variant must give finite probabilities.
        about: kept in each file, for people (corpus, data, weights, ...).
        seed: of the probes.
        progress: called with what is being done.
        variants: some of :data:`VARIANTS`, float32 first.
        sparse: whether float32 leaves out weights that are 0. In others that makes files that LiteRT does not load.
    """
    progress("converting")
    float32, parameters, head = convert(model, samples), model.count_params(), model.get_layer("head")
    # Parameters that stay float32 in every variant.
    whole = head.count_params() if getattr(head, "standardise", False) else 0
    made = Made({}, {})
    with gate.apart(real, seed) as probe:
        for name in variants:
            if made.wrong.get("float32"):
                made.wrong[name] = ["it would be made from float32, which failed"]
                continue
            progress(f"making and probing {name}")
            try:
                least = sparse and name == "float32"
                content = convert(model, samples, sparse) if least else quantise(float32, name, calibration, not whole)
                content = attach(content, card(model, classes, samples, name, about))
            except Exception as error:  # whatever the quantiser trips over, the other variants are not to blame
                made.wrong[name] = [f"it could not be made ({type(error).__name__}: {error})"]
                continue
            stored = sum(np.count_nonzero(w) for w in model.get_weights()) if least else parameters
            stored += round(whole * (4 / VARIANTS[name].weight_bytes - 1))
            found = gate.structure(content, name, stored, samples, len(outputs(classes)))
            made.contents[name] = content
            made.wrong[name] = found or probe(content)
    return made


def offer(
    model: keras.Model,
    classes: Sequence[str],
    samples: int,
    clips: pd.DataFrame,
    waves: Mapping[str, np.ndarray],
    folder: Path,
    about: dict,
    seed: int,
    progress: Callable[[str], None] = lambda doing: None,
    calibration: int = CALIBRATION,
    reading: Reading = PAPER,
    draws: int = DRAWS,
    paired_draws: int = PAIRED_DRAWS,
) -> Offer:
    """Converts a model into all variants, puts each to the gate and keeps the files of those that pass.

    Args:
        model: what a fit left.
        classes: in the order of its output.
        samples: length of a chunk; for a corpus of whole files, a stated length.
        clips: a row per usable file: ``file``, ``label``, ``speaker``, ``partition``. Train calibrates; test,
            which the model has not seen, is compared with Keras and scored.
        waves: decoded files by name, float32 (n,) at the model's rate (:class:`dslite.store.Samples`).
        folder: where ``<variant>.tflite`` goes. A file of a variant that fails is removed from there.
        about: kept in each file, for people (corpus, data, weights, ...).
        seed: of calibration, probes and bootstrap.
        progress: called with what is being done.
        calibration: how many training chunks calibrate.
        reading: how a file is decided, and what becomes of its rest.
        draws, paired_draws: bootstrap draws of a UAR's interval, and of a difference to Keras.
    """
    of = {name: clips[clips["partition"] == name] for name in ("train", "dev", "test")}
    seen = sample_chunks(of["train"], waves, samples, calibration, seed)
    real = sample_chunks(of["dev"], waves, samples, REAL, seed)
    made = make(model, classes, samples, seen, real, about, seed, progress)
    running = {name: LiteModel(made.contents[name]) for name in VARIANTS if not made.wrong[name]}
    classifiers = {"keras": keras_classifier(model)} | running
    progress("all variants on test")
    tables = predict(classifiers, of["test"], waves, samples, classes, reading)
    task, unit = task_of(classes), 1.0 if classes else float(of["train"]["label"].std())
    noise = 0.0
    if "float32" in running:
        noise = gate.agreement(tables["keras"], tables["float32"])["difference"].max()
    rows, flips = [], []
    for name in ("keras", *VARIANTS):
        row = {"model": name, "bytes": len(made.contents[name]) if name in made.contents else np.nan}
        if name in running:
            files = gate.agreement(tables["keras"], tables[name], noise)
            two = {"keras": tables["keras"], name: tables[name]}
            lost = pairs(compare(two, classes, "all", "file"), seed, paired_draws).iloc[0]
            made.wrong[name] += gate.disagreement(name, files, lost, task, unit)
            row |= {"agreement": 100 * files["same"].mean(), "flipped": (~files["same"]).sum()} if classes else {}
            row |= {"difference": files["difference"].max(skipna=False)}
            row |= {"lost": lost["difference"], "lost_low": lost["low"], "lost_high": lost["high"]}
            shown = files[files["keras"] != files["variant"]] if classes else files.nlargest(FARTHEST, "difference")
            flips.append(shown.assign(model=name))
        if name in classifiers:
            row |= scoring.score(tables[name], classes, "all", seed, draws)
        wrong = made.wrong.get(name, [])
        rows.append({**row, "offered": name in VARIANTS and not wrong, "reason": "; ".join(wrong)})
    made.keep(folder)
    return Offer(
        pd.DataFrame(rows),
        pd.concat(tables.values(), ignore_index=True),
        pd.concat(flips, ignore_index=True) if flips else pd.DataFrame(),
    )


def keras_classifier(model: keras.Model):
    """The model as a function of float32 (n, samples), in batches of 32 at most."""
    run = graph(lambda chunks: model(chunks, training=False), tf.TensorSpec([None, None], tf.float32))
    return lambda chunks: np.concatenate([run(chunks[i : i + 32]).numpy() for i in range(0, len(chunks), 32)])
