"""Fits of light networks in processes side by side: what they share, and one of them from its graph to its file."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import audio
from dslite.files import read_json, whole_file, write_json, write_table
from dslite.layout import code, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.scoring import TRAINED_ON, coded, predictions
from dslite.stages.deploy.inputs import CALIBRATION, chunk_samples
from dslite.stages.graph import conditions
from dslite.stages.graph.conditions import LightFit, Way, source_of
from dslite.stages.train import process
from dslite.store import Samples
from dslite.transfer import wav2vec
from dslite.transfer.neighbours import FileGraph, nearest, rewired

VARIANTS = ("float32", "int8")
"""How a network's file is stored."""

BATCH = 32
"""Files whose log-Mel spectrograms are made at a time, and chunks that are embedded."""


@dataclass(frozen=True)
class Inputs:
    """What all fits share: the target, and by it the source, as they are fitted; and the folder of the spectrograms and
    embeddings that they read, where it is a job's own and not :attr:`place`."""

    settings: Settings
    own: Path | None = None

    @property
    def place(self) -> Path:
        return self.settings.paths.file("graph")

    @property
    def read(self) -> Path:
        return self.own or self.place

    @property
    def way(self) -> Way:
        return conditions.WAYS[self.settings.reading.name.split()[0]]  # whatever else was changed in it


def made_by(settings: Settings) -> str:
    """A hash of the code that fits and what they share are made by."""
    return records.hashed(code.HERE.made_by(__name__, chosen=settings.chosen))


def kept(place: Path, key: list, make: Callable[[Path], None]) -> None:
    """Has a file made, in a draft, unless one with this key is there."""
    key = records.hashed(key)
    if not place.exists() or read_json(place.with_suffix(".json")).get("of") != key:
        with whole_file(place) as draft:
            make(draft)
        write_json(place.with_suffix(".json"), {"of": key})


def spectrograms(settings: Settings, clips: pd.DataFrame, place: Path) -> None:
    """Leaves the log-Mel spectrograms of a corpus' files in their order, float32 (files, frames, Mel bins) in dB."""
    from dslite.keras_defaults import graph, tf
    from dslite.transfer.light import FRONT_END, SAMPLES, LogMel

    draw, waves = graph(LogMel().power, tf.TensorSpec([None, SAMPLES], tf.float32)), Samples(settings.paths.samples)
    shape = (len(clips), FRONT_END.frames(SAMPLES), FRONT_END.mel_bins)
    drawn = np.lib.format.open_memmap(place, "w+", np.float32, shape)
    for start in range(0, len(clips), BATCH):
        files = clips["file"].iloc[start : start + BATCH]
        cut = [audio.cut(waves[file], SAMPLES, SAMPLES, SAMPLES)[0] for file in files]
        drawn[start : start + BATCH] = draw(np.stack(cut)).numpy()
    drawn.flush()


def embed(corpus: FinishedStage, source: FinishedStage, report: Callable[[int, int], None], place: Path) -> None:
    """Leaves the last hidden layer of the source's chosen model for a corpus' files, averaged over their chunks:
    float32 (files, units). Test is never among the nodes of a graph: the support vector machine alone sees it."""
    from dslite.model import embedder, load_model

    model = load_model(source.settings.paths.fit(source.chosen, "test") / "model.keras")
    samples = chunk_samples(source, model.get_layer("plot").parameters.rate)
    embedded, waves, files = embedder(model), Samples(corpus.paths.samples), corpus.clips["file"].tolist()
    found, remainder = [], source.settings.reading.remainder
    for at in range(0, len(files), BATCH):
        of = [audio.cut(waves[file], samples, samples // 2, samples, remainder) for file in files[at : at + BATCH]]
        chunks = np.concatenate(of)
        vectors = np.concatenate([embedded(chunks[i : i + BATCH]) for i in range(0, len(chunks), BATCH)])
        found += [v.mean(axis=0) for v in np.split(vectors, np.cumsum([len(chunks) for chunks in of])[:-1])]
        report(len(found), len(files))
    np.save(place, np.stack(found))


def embed_by_wav2vec(corpus: FinishedStage, source: FinishedStage, key: str, epochs: int, tell, report, place: Path):
    """The same by a wav2vec 2.0 that is fine-tuned on the source's train + dev, and kept: float32 (files, 256)."""
    from safetensors.torch import load_model, save_model

    settings, clips = corpus.settings, source.clips[source.clips["partition"].isin(TRAINED_ON["test"])]
    wav2vec.libraries()[0].set_num_threads(settings.workers)
    model = wav2vec.classifier(settings.embedder, len(source.classes), settings.seed)

    def fit(draft: Path) -> None:
        labels = dict(zip(clips["file"], coded(clips["label"], source.classes), strict=True))
        wav2vec.fine_tune(model, Samples(source.paths.samples), labels, settings.seed, epochs, tell)
        save_model(model, str(draft))

    kept(fitted := place.with_name("wav2vec2.safetensors"), [key], fit)
    load_model(model, fitted)
    waves, found = Samples(corpus.paths.samples), []
    for file in corpus.clips["file"]:
        found.append(wav2vec.embed(model, waves[file]))
        report(len(found), len(corpus.clips))
    np.save(place, np.stack(found))


def graph_of(
    inputs: Inputs, condition: str, embeddings: np.ndarray, clips: pd.DataFrame, k: int, seed: int
) -> FileGraph:
    """The graph of a condition among some files; labels are looked at for ``graph of labels`` alone."""
    apart = clips["speaker"].to_numpy() if condition == conditions.APART else None
    alike = clips["label"].to_numpy() if condition == conditions.LABELS else None
    threshold = 0.0 if condition == conditions.LABELS else inputs.way.threshold
    found = nearest(embeddings, k, threshold, apart, alike)
    return rewired(found, seed) if condition == conditions.RANDOM else found


@lru_cache(maxsize=2)
def _corpus(settings: Settings, place: Path, identity: str) -> tuple:
    """Files, classes, log-Mel spectrograms, and whether a file is shorter than one chunk."""
    corpus = FinishedStage.of(settings, "corpus")
    padded = corpus.padded.loc[corpus.clips["file"]].to_numpy()
    return corpus.clips, corpus.classes, np.load(place, mmap_mode="r"), padded


def make(inputs: Inputs, fit: LightFit, identity: str) -> None:
    """Makes a fit and leaves its files in its folder, the record last; those for a phone too, of what was fitted for
    test with the first seed."""
    record = inputs.place / fit.folder / "record.json"
    if read_json(record).get("identity") == identity:  # another job was first
        return
    record.unlink(missing_ok=True)
    from dslite.keras_defaults import keras
    from dslite.network import load_backbone
    from dslite.transfer import fitting, light

    started, way, learns_source = time.monotonic(), inputs.way, fit.condition == conditions.SOURCE
    settings = inputs.settings.origin if learns_source else inputs.settings
    of = records.last(settings, "corpus")["identity"]
    clips, classes, drawn, padded = _corpus(settings, inputs.read / f"{'source_' * learns_source}log_mel.npy", of)
    labels, partition = coded(clips["label"], classes).astype(np.int32), clips["partition"]
    rows = np.flatnonzero(partition.isin(TRAINED_ON[fit.target]))
    mean, variance = _moments(drawn, rows)
    after = light.LIGHT[fit.network].after_relu if way.after_relu is None else way.after_relu
    base = load_backbone(settings.backbone, settings.weights_file, fit.seed) if fit.network == conditions.BASE else None
    model = light.network(fit.network, len(classes), fit.seed, mean, variance, after, base)
    if fit.condition == conditions.TRANSFER:
        begun = keras.models.load_model(inputs.place / source_of(fit).folder / "model.keras", compile=False)
        _take_over(model, begun)
    about: dict = {}
    embeddings = np.load(inputs.read / "embeddings.npy")[rows] if not learns_source else None
    if fit.condition in conditions.GRAPHS:
        about["graph"] = graph_of(inputs, fit.condition, embeddings, clips.iloc[rows], fit.k, fit.seed)
    elif fit.condition == conditions.DISTILLED:
        about["embeddings"] = embeddings

    def tell(done: int, total: int, loss: float) -> None:
        process.tell(fit.folder, done / total, f"{fit.title}: epoch {done} of {total}, loss {loss:.2f}")

    how = {"layer": fit.layer, "rate": light.LIGHT[fit.network].rate}
    beside = fitting.Beside(alpha=fit.alpha, passes=way.passes, epochs=fit.epochs, **how)
    history = fitting.fit(model, drawn, labels, rows, beside, fit.seed, progress=tell, **about)
    seen = np.flatnonzero(partition == fit.target)
    probabilities = fitting.probabilities(model, drawn, seen)
    files = pd.DataFrame({"file": clips["file"], "padded": padded})
    if read_json(record).get("identity") == identity:
        return  # what others have begun to rest on stays, were this of another processor and so another
    place = inputs.place / fit.folder
    write_table(place / "history.parquet", history)
    write_table(place / "predictions.parquet", predictions(clips, files, seen, probabilities, classes))
    if learns_source:
        with whole_file(place / "model.keras") as draft:
            model.save(draft)
    exported = fit.target == "test" and fit.seed == settings.seed and not learns_source
    wrong = _export(inputs, fit, model, clips, place) if exported else {}
    about = {"identity": identity, **asdict(fit), "parameters": model.count_params(), "wrong": wrong}
    write_json(record, about | records.circumstances(started))


def _moments(drawn: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each Mel bin over all frames of some files, float64 (Mel bins,), block by block."""
    sums, squares = np.zeros(drawn.shape[-1]), np.zeros(drawn.shape[-1])
    for at in range(0, len(rows), BATCH):
        block = np.asarray(drawn[rows[at : at + BATCH]], np.float64)
        sums, squares = sums + block.sum(axis=(0, 1)), squares + np.square(block).sum(axis=(0, 1))
    mean = sums / (len(rows) * drawn.shape[1])
    return mean, np.maximum(squares / (len(rows) * drawn.shape[1]) - mean**2, 0.0)


def _take_over(model, begun) -> None:
    """All weights of a network that learnt other classes, but for those of the last layer."""
    own, theirs = ([*m.layers[:-1], *m.get_layer("head").layers[:-1]] for m in (model, begun))
    for one, other in zip(own, theirs, strict=True):
        one.set_weights(other.get_weights())


def _export(inputs: Inputs, fit: LightFit, model, clips: pd.DataFrame, place: Path) -> dict[str, list[str]]:
    """Leaves ``<variant>.tflite`` of a network, waveform in and probabilities out; what the gate found wrong."""
    from dslite.deployment import offer
    from dslite.deployment.files import sample_chunks
    from dslite.transfer.light import SAMPLES, assemble

    settings, waves = inputs.settings, Samples(inputs.settings.paths.samples)

    def some(part: str, count: int) -> np.ndarray:
        return sample_chunks(clips[clips["partition"] == part], waves, SAMPLES, count, fit.seed)

    corpus = FinishedStage.of(settings, "corpus")
    about = {name: corpus.record[name] for name in ("corpus", "data", "note") if corpus.record.get(name)}
    source = f"{settings.origin.name} ({records.last(settings.origin, 'corpus')['data']})"
    about |= {"network": conditions.TITLES[fit.network], "condition": fit.condition, "source": source}
    about |= {"embedder": Path(settings.embedder).name} if settings.embedder else {}
    about |= {"trained_on": "train + dev", "seed": fit.seed, "profile": settings.profile}
    made = offer.make(
        *(assemble(model), corpus.classes, SAMPLES, some("train", CALIBRATION[settings.profile])),
        *(some("dev", offer.REAL), about, fit.seed),
        variants=VARIANTS,
    )
    made.keep(place)
    return made.wrong
