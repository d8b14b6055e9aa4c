"""Fits of light networks in processes side by side: what they share, and one of them from its graph to its file."""

import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.files import read_json, whole_file, write_json, write_table
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.scoring import TRAINED_ON, coded, predictions
from dslite.stages.deploy.inputs import CALIBRATION
from dslite.stages.graph.conditions import (
    APART,
    DISTILLED,
    GRAPH,
    LABELS,
    RANDOM,
    SOURCE,
    TITLES,
    TRANSFER,
    WAYS,
    LightFit,
    Way,
)
from dslite.stages.train import process
from dslite.store import Samples
from dslite.transfer.neighbours import FileGraph, nearest, rewired

VARIANTS = ("float32", "int8")
"""How a network's file is stored."""

BATCH = 32
"""Files per pass where log-Mel spectrograms are made."""


@dataclass(frozen=True)
class Inputs:
    """What all fits share: the target and the source as they are fitted, with their classes."""

    settings: Settings
    classes: tuple[str, ...]
    source_classes: tuple[str, ...]

    @property
    def place(self) -> Path:
        return self.settings.paths.file("graph")

    @property
    def way(self) -> Way:
        return WAYS[self.settings.reading.name] if self.settings.reading.name in WAYS else WAYS["paper"]


def spectrograms(settings: Settings, clips: pd.DataFrame, place: Path, key: str) -> None:
    """Leaves the log-Mel spectrograms of a corpus' files in their order, float32 (files, frames, Mel bins) in dB."""
    from dslite.keras_defaults import graph, tf
    from dslite.transfer.light import FRONT_END, SAMPLES, LogMel, waveform

    if place.exists() and read_json(place.with_suffix(".json")).get("of") == key:
        return
    draw, waves = graph(LogMel().power, tf.TensorSpec([None, SAMPLES], tf.float32)), Samples(settings.paths.samples)
    shape = (len(clips), FRONT_END.frames(SAMPLES), FRONT_END.mel_bins)
    with whole_file(place) as draft:
        drawn = np.lib.format.open_memmap(draft, "w+", np.float32, shape)
        for start in range(0, len(clips), BATCH):
            files = clips["file"].iloc[start : start + BATCH]
            drawn[start : start + BATCH] = draw(np.stack([waveform(waves[file]) for file in files])).numpy()
        drawn.flush()
    write_json(place.with_suffix(".json"), {"of": key})


def graph_of(
    inputs: Inputs, condition: str, embeddings: np.ndarray, clips: pd.DataFrame, k: int, seed: int
) -> FileGraph:
    """The graph of a condition among some files; labels are looked at for :data:`LABELS` alone."""
    among = {
        APART: {"apart": clips["speaker"].to_numpy()},
        LABELS: {"alike": clips["label"].to_numpy()},
    }.get(condition, {})
    threshold = 0.0 if condition == LABELS else inputs.way.threshold
    found = nearest(embeddings, k, threshold, **among)
    return rewired(found, seed) if condition == RANDOM else found


@lru_cache(maxsize=2)
def _corpus(settings: Settings, place: Path) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Files, log-Mel spectrograms, and whether a file is shorter than one chunk."""
    corpus = FinishedStage.of(settings, "corpus")
    padded = corpus.chunks.groupby("file")["padded"].first().loc[corpus.clips["file"]].to_numpy()
    return corpus.clips, np.load(place, mmap_mode="r"), padded


def make(inputs: Inputs, fit: LightFit, identity: str) -> None:
    """Makes a fit and leaves its files in its folder, the record last; those for a phone too, of what was fitted for
    test with the first seed."""
    from dslite.keras_defaults import keras
    from dslite.transfer import fitting, light

    started, way, learns_source = time.monotonic(), inputs.way, fit.condition == SOURCE
    settings = inputs.settings.origin if learns_source else inputs.settings
    classes = inputs.source_classes if learns_source else inputs.classes
    clips, drawn, padded = _corpus(settings, inputs.place / ("source_log_mel.npy" if learns_source else "log_mel.npy"))
    labels, partition = coded(clips["label"], classes).astype(np.int32), clips["partition"]
    rows = np.flatnonzero(partition.isin(TRAINED_ON[fit.target]))
    frames = np.asarray(drawn[rows], np.float64)
    mean, variance = frames.mean(axis=(0, 1)), frames.var(axis=(0, 1))
    del frames
    after = light.LIGHT[fit.network].after_relu if way.after_relu is None else way.after_relu
    model = light.network(fit.network, len(classes), fit.seed, mean, variance, after)
    if fit.condition == TRANSFER:
        begun = keras.models.load_model(inputs.place / _source_of(fit).folder / "model.keras", compile=False)
        _take_over(model, begun)
    about: dict = {}
    embeddings = np.load(inputs.place / "embeddings.npy")[rows] if not learns_source else None
    if fit.condition in (GRAPH, RANDOM, APART, LABELS):
        about["graph"] = graph_of(inputs, fit.condition, embeddings, clips.iloc[rows], fit.k, fit.seed)
    elif fit.condition == DISTILLED:
        about["embeddings"] = embeddings

    def tell(done: int, total: int, loss: float) -> None:
        process.tell(fit.folder, done / total, f"{fit.title}: epoch {done} of {total}, loss {loss:.2f}")

    beside = fitting.Beside(alpha=fit.alpha, passes=way.passes, epochs=fit.epochs)
    history = fitting.fit(model, drawn, labels, rows, beside, fit.seed, progress=tell, **about)
    seen = np.flatnonzero(partition == fit.target)
    probabilities = fitting.probabilities(model, drawn, seen)
    files = pd.DataFrame({"file": clips["file"], "padded": padded})
    place = inputs.place / fit.folder
    write_table(place / "history.parquet", history)
    write_table(place / "predictions.parquet", predictions(clips, files, seen, probabilities, classes))
    with whole_file(place / "model.keras") as draft:
        model.save(draft)
    exported = fit.target == "test" and fit.seed == settings.seed and not learns_source
    wrong = _export(inputs, fit, model, clips, place) if exported else {}
    record = {"identity": identity, **asdict(fit), "parameters": model.count_params(), "wrong": wrong}
    write_json(place / "record.json", record | records.circumstances(started))


def _source_of(fit: LightFit) -> LightFit:
    return LightFit(fit.network, SOURCE, fit.seed, "test", fit.epochs)


def _take_over(model, begun) -> None:
    """All weights of a network that learnt other classes, but for those of the last layer."""
    own, theirs = ([*m.layers[:-1], *m.get_layer("head").layers[:-1]] for m in (model, begun))
    for one, other in zip(own, theirs, strict=True):
        one.set_weights(other.get_weights())


def _export(inputs: Inputs, fit: LightFit, model, clips: pd.DataFrame, place: Path) -> dict[str, list[str]]:
    """Leaves ``<variant>.tflite`` of a network, waveform in and probabilities out; what the gate found wrong."""
    from dslite.deployment import offer
    from dslite.transfer.light import SAMPLES, assemble, waveform

    settings, waves = inputs.settings, Samples(inputs.settings.paths.samples)
    rng = np.random.default_rng(fit.seed)

    def some(part: str, count: int) -> np.ndarray:
        files = clips.loc[clips["partition"] == part, "file"].to_numpy()
        return np.stack([waveform(waves[file]) for file in rng.permutation(files)[:count]])

    told = records.last(settings, "corpus")
    about = {name: told[name] for name in ("corpus", "data", "note") if told.get(name)}
    about |= {"network": TITLES[fit.network], "condition": fit.condition, "source": settings.origin.name}
    about |= {"trained_on": "train + dev", "seed": fit.seed, "profile": settings.profile}
    made = offer.make(
        *(assemble(model), inputs.classes, SAMPLES, some("train", CALIBRATION[settings.profile])),
        *(some("dev", offer.REAL), about, fit.seed),
        variants=VARIANTS,
    )
    made.keep(place)
    return made.wrong
