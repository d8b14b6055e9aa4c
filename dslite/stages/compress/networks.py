"""The networks that are compared, and what is made of each: a fit, its files, their predictions for test."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import audio
from dslite.backbones import densenet121, efficientnet_lite0, mobilenet_v3_small, squeezenet_v1, title
from dslite.changes import checked
from dslite.errors import Damaged, DsliteError, NoRoom
from dslite.files import read_json, whole_file, write_json, write_table
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.profiles import TUNED
from dslite.scoring import coded
from dslite.stages.deploy.inputs import CALIBRATION, about, chunk_samples
from dslite.stages.train import fits, process
from dslite.store import Samples
from dslite.weights import find_weights

# Imported, not only named: so results depend on their code, whatever the corpus' own base model is.
PAPER, *STUDENTS = (
    module.__name__.rpartition(".")[2]
    for module in (densenet121, efficientnet_lite0, mobilenet_v3_small, squeezenet_v1)
)

CHOSEN, PRUNED, ZEROED, DISTILLED, QUANTISED, PAPERS = KINDS = (
    *("chosen", "channels pruned", "weights zeroed", "distilled", "fine-tuned for int8", "the paper's, untrained"),
)
"""How a network came to be."""

_LEFT = {"demo": ((0.5,), (0.7,)), "full": ((0.75, 0.5, 0.4, 0.25), (0.5, 0.7, 0.9))}
"""Profile -> shares of the multiplications that are left, and shares of the weights that are made 0."""

_EPOCHS = {"demo": ((6, 2), 2, 2), "full": ((30, 24), 12, 4)}
"""Profile -> epochs of both phases of a student; of a network that has lost channels or weights; for int8."""

_BATCH = 16


@dataclass(frozen=True)
class Network:
    """One of them: ``share`` is what is left of it, or what is 0; ``begun`` and ``of`` are name and title of the one
    that it goes on from."""

    name: str
    kind: str
    backbone: str
    share: float = 1.0
    begun: str = "chosen"
    of: str = ""

    @property
    def title(self) -> str:
        base, percent = title(self.backbone), f"{100 * self.share:.0f} %"
        if self.kind == QUANTISED:
            return f"{self.of}, {QUANTISED}"
        more = {PRUNED: f", pruned to {percent} of the multiplications", ZEROED: f", {percent} of the weights 0"}
        return f"{base}{more.get(self.kind, '' if self.kind == CHOSEN else f', {self.kind}')}"

    def for_int8(self) -> "Network":
        """This network, to be fine-tuned for full int8 convolutions."""
        return replace(self, name=f"{self.name}-for-int8", kind=QUANTISED, begun=self.name, of=self.title)


def planned(settings: Settings) -> list[Network]:
    """The networks of a corpus but for those that are fine-tuned for int8: which need it is seen later."""
    own, (shares, zeros) = settings.backbone, _LEFT["demo" if settings.profile == "demo" else "full"]
    return [
        Network("chosen", CHOSEN, own),
        *(Network(f"pruned-{100 * share:.0f}", PRUNED, own, share) for share in shares),
        *(Network(f"zeros-{100 * share:.0f}", ZEROED, own, share) for share in zeros),
        *(Network(f"distilled-{student}", DISTILLED, student) for student in STUDENTS),
        *([Network(PAPER, PAPERS, PAPER)] if own != PAPER else []),
    ]


def variants(network: Network) -> tuple[str, ...]:
    """How a network's files are stored."""
    from dslite.deployment.quantisation import VARIANTS

    return {PAPERS: ("float32",), QUANTISED: ("float32", "int8")}.get(network.kind, tuple(VARIANTS))


def folder(settings: Settings, network: str) -> Path:
    """Where what is made of a network lies, by its name; ``model.keras`` among it."""
    return settings.paths.file("compress", network)


def make(scored: FinishedStage, network: Network) -> str:
    """Fits a network unless that was done, converts it, puts its files to the gate and lets them predict test.

    It leaves ``<variant>.tflite``, ``predictions.parquet`` (a row per variant and test file) and ``made.json``.

    Returns:
        Why there can be no such network; empty if there is.
    """
    from dslite.deployment import gate, offer  # import TensorFlow
    from dslite.deployment.files import predict, sample_chunks
    from dslite.deployment.runtime import LiteModel
    from dslite.network import macs

    outer, settings = process.listen(None), scored.settings

    def tell(done: float, total: float, text: str, epochs=()) -> None:
        outer.put((network.name, done / total, text, []))

    try:
        model, weights = _model(scored, network, lambda done, total, *told: tell(0.8 * done, total, *told))
    except (NoRoom, Damaged):
        raise
    except DsliteError as error:  # a base model whose channels cannot be told apart, or that has too few of them
        return str(error)
    finally:
        process.listen(outer)
    front_end, waves, clips = model.get_layer("plot").parameters, Samples(settings.paths.samples), scored.clips
    samples = chunk_samples(scored, front_end.rate)
    of = {part: clips[clips["partition"] == part] for part in ("train", "dev", "test")}
    seen = sample_chunks(of["train"], waves, samples, CALIBRATION[settings.profile], settings.seed)
    real = sample_chunks(of["dev"], waves, samples, offer.REAL, settings.seed)
    card = about(scored, samples / front_end.rate) | {"backbone": network.backbone, "weights": weights}
    card |= {"compressed": network.title}
    made = offer.make(
        *(model, scored.classes, samples, seen, real, card, settings.seed),
        lambda doing: tell(0.85, 1, doing),
        variants(network),
        sparse=network.kind == ZEROED,
    )
    tell(0.95, 1, "test")
    running = {name: LiteModel(content) for name, content in made.contents.items() if not made.wrong[name]}
    classifiers = {"keras": offer.keras_classifier(model)} | running
    tables = predict(classifiers, of["test"], waves, samples, scored.classes, settings.reading)
    if "float32" in running:
        apart = gate.agreement(tables["keras"], tables["float32"])["difference"].max(skipna=False)
        if not apart <= gate.SAME_NETWORK:
            made.wrong["float32"].append(f"its probabilities differ from Keras' by up to {apart:.1e}")
    place = folder(settings, network.name)
    made.keep(place)
    write_table(place / "predictions.parquet", pd.concat(tables.values(), ignore_index=True))
    found = {"macs": macs(model), "parameters": model.count_params(), "weights": weights, "wrong": made.wrong}
    write_json(place / "made.json", found)
    return ""


def _model(scored: FinishedStage, network: Network, tell) -> tuple:
    """A network's fitted model, and what its base model's weights were before any training."""
    from dslite.keras_defaults import keras
    from dslite.model import Head, assemble, load_model
    from dslite.network import load_backbone
    from dslite.pruning import importance, thinned, zeroed
    from dslite.spectrogram import MelPlot

    settings, place = scored.settings, folder(scored.settings, network.name)
    chosen = settings.paths.fit(scored.chosen, "test") / "model.keras"
    if network.kind == CHOSEN:
        return load_model(chosen), scored.record["weights"]
    if network.kind == PAPERS:
        keras.utils.set_random_seed(settings.seed)
        head = Head(settings.recipe.units, len(scored.classes), settings.recipe.dropout, name="head")
        return assemble(MelPlot(settings.reading.front_end(), name="plot"), load_backbone(PAPER), head), "random"
    begun = chosen if network.begun == "chosen" else folder(settings, network.begun) / "model.keras"
    model = None if network.kind == DISTILLED else load_model(begun)
    head = model.get_layer("head").get_config() if model else {}
    corpus = _corpus(scored, network, {name: head[name] for name in ("units", "dropout", "standardise") if head})
    (fit,) = (one for one in fits.planned(corpus, ["none"], lambda *_: place) if one.target == "test")
    begun_with = [read_json(begun.with_name("record.json"))["identity"], asdict(network)]
    if network.kind == PRUNED:  # what goes is chosen by dev
        begun_with += scored.clips.loc[scored.clips["partition"] == "dev", ["file", "label"]].to_numpy().tolist()
    fit = replace(fit, identity=records.hashed([fit.identity, begun_with]), title=network.title)
    if not fit.finished:
        if network.kind == PRUNED:
            model = thinned(model, importance(model, _batches(scored, model)), network.share)
        elif network.kind == ZEROED:
            model = zeroed(model, network.share)
        start = place / "start.keras" if model else None
        if start:
            with whole_file(start) as draft:
                model.save(draft)
        flags = {"zeros": network.kind == ZEROED, "quantised": network.kind == QUANTISED}
        fits.run(corpus, [fit], tell, start=fits.Start(place / "features.npy", start, chosen, **flags))
    return load_model(place / "model.keras"), read_json(place / "record.json")["weights"]


def _corpus(scored: FinishedStage, network: Network, head: dict) -> FinishedStage:
    """The corpus as a network is fitted: by the recipe ``tuned``, all of its layers in the second phase, and the values
    of the head that it has."""
    settings = scored.settings
    student, smaller, few = _EPOCHS["demo" if settings.profile == "demo" else "full"]
    epochs = {DISTILLED: student, QUANTISED: (0, few)}.get(network.kind, (0, smaller))
    share = 0.0 if settings.reading.layers == "frozen" else 1.0  # what the reading counts by it
    changes = {n: v for n, v in settings.changes if n != "fits"} | head | {"share": share, "epochs": epochs}
    weights = None if settings.random_weights else find_weights(network.backbone, settings.weights)
    if network.kind == QUANTISED:
        changes["learning_rate"] = 0.25 * dict(settings.changes).get("learning_rate", TUNED.learning_rate)
    how = {"backbone": network.backbone, "weights_file": weights, "profile": "tuned", "changes": checked(changes)}
    decoded = FinishedStage.of(settings, "corpus")
    return FinishedStage(replace(settings, **how, workers=1), decoded.record)


def _batches(scored: FinishedStage, model) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first chunk of every file of dev, and its class, in batches; all at once take gigabytes of a large corpus."""
    clips, waves = scored.clips[scored.clips["partition"] == "dev"], Samples(scored.settings.paths.samples)
    samples = chunk_samples(scored, model.get_layer("plot").parameters.rate)
    labels = np.eye(len(scored.classes), dtype=np.float32)[coded(clips["label"], scored.classes)]
    for at in range(0, len(clips), _BATCH):
        files = clips["file"].iloc[at : at + _BATCH]
        chunks = np.stack([audio.cut(waves[file], samples, samples // 2, samples)[0] for file in files])
        yield chunks, labels[at : at + _BATCH]
