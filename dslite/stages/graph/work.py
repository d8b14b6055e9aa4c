"""Stage ``graph``: does a graph, drawn by a model that learnt another corpus, help light networks to learn this one
(Chang et al., 2023)? Beside the paper's comparison, a random graph, fine-tuning, and others that it lacks."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import baseline, scoring, statistics
from dslite.errors import DsliteError
from dslite.files import read_json
from dslite.layout import code, progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.stages.graph import fits
from dslite.stages.graph.conditions import (
    APART,
    BASE,
    CONDITIONS,
    GRAPH,
    GRAPHS,
    RANDOM,
    SPEECH,
    SVM,
    TRANSFER,
    WAYS,
    Effort,
    LightFit,
    effort,
    planned,
    source_of,
    tried,
)
from dslite.stages.train.pool import side_by_side
from dslite.transfer import wav2vec
from dslite.weights import digest

ROUNDS = {"demo": 5, "full": 20, "tuned": 20}
"""Profile -> repetitions of each latency."""

_BEFORE, _FITTED = 0.05, 0.95
"""Where on the bar fits begin, after the package's own embeddings, and end."""

Predictions = dict[tuple[str, str, int, str], pd.DataFrame]
"""By network, condition, seed and partition."""


def work(settings: Settings, networks: str = "", epochs: int = 0) -> FinishedStage:
    """Embeds the corpus' files with the source's model, fits light networks beside graphs of them, and scores these.

    It leaves ``scores`` (:func:`dslite.scoring.score` per network, condition, seed and partition; dev of the first seed
    alone), ``differences`` on
    test (:func:`dslite.statistics.against`, per network and reference: all conditions from ``speech only``, the graph
    from the random one and from fine-tuning), ``predictions``, ``tried`` (UAR on dev per k, alpha, layer), ``graphs``
    (what graphs of train + dev are like, a row per condition), ``nodes`` (its files and where they lie, two
    components), ``networks`` (a row per network: what its files cost), and a folder per network.

    Args:
        settings: of the target; ``origin`` is the source's.
        networks: names of light networks; empty for the profile's.
        epochs: of each fit; 0 for the profile's.

    Raises:
        DsliteError: without a source, or for a network that there is not.
    """
    whole, corpus = effort(settings.profile, networks, epochs), FinishedStage.of(settings, "corpus")
    if settings.origin is None:
        raise DsliteError("The stage graph needs a corpus whose model embeds the files: name it with --source.")
    weights = wav2vec.digest(settings.embedder)  # empty for the source's own model
    source = FinishedStage.of(settings.origin, "corpus" if weights else "evaluate")
    if weights:
        by = [code.HERE.made_by(wav2vec.__name__), weights, whole.embedder, settings.seed]
        embedder = records.hashed([source.record["identity"], by])
    elif not (embedder := source.fit_record(source.chosen, "test").get("identity")):
        raise DsliteError(f"The source has no fit {source.chosen} on train + dev: leave it among --set fits.")
    seeds = list(range(settings.seed, settings.seed + settings.seeds))
    asked = {
        "corpus": corpus.record["identity"],
        "source": source.record["identity"],
        "embedder": embedder,
        "base model": digest(settings.weights_file),
        "effort": asdict(whole),
        "seeds": seeds,
        "draws": (settings.draws, settings.paired_draws),
    }
    identity = records.identity("graph", asked, settings.chosen)
    more = {"source": settings.origin.source, "embedder": wav2vec.named(settings.embedder), "seeds": len(seeds)}
    more |= {"networks": networks, "epochs": epochs}
    if record := records.made(settings, "graph", identity, **more):
        return FinishedStage(settings, record)
    if weights:
        wav2vec.libraries()  # refused before results are taken away
    started, before = records.start(settings, "graph"), 0.5 if weights else _BEFORE
    inputs = fits.Inputs(settings)
    key = _prepare(inputs, corpus, source, embedder, whole.embedder, before)
    todo, choice, (k, alpha, layer) = _fitted(inputs, corpus, whole, key, before)
    progress.report(_FITTED, 1, "scores")
    predictions: Predictions = {(f.network, f.condition, f.seed, f.target): _predictions(inputs, f) for f in todo}
    predictions |= _machine(corpus, inputs, seeds[0])
    base = {"backbone": settings.backbone, "weights": "imagenet" if settings.weights_file else "random"}
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "graph", identity, started, **more),
        "seeds": seeds,
        "effort": asdict(whole),
        "k": k,
        "alpha": alpha,
        "layer": layer,
        "way": asdict(inputs.way),
        "source": {n: source.record.get(n) for n in ("corpus", "data", "weights", "backbone", "chosen")},
        "embedder": weights and {"digest": weights, **records.versions("torch", "transformers")},
        "source_warnings": source.record["warnings"],
        "base_model": BASE in {fit.network for fit in todo} and base,
        "wrong": {f.folder: read_json(inputs.place / f.folder / "record.json")["wrong"] for f in todo},
    }
    tables = scored(predictions, corpus.classes, settings.seed, settings.draws, settings.paired_draws)
    tables |= {"tried": choice, "networks": _costs(inputs, todo)} | _graphs(corpus, inputs, k)
    return records.write(settings, record, tables)


def shared(corpus: FinishedStage, share: slice, place: Path) -> list[tuple]:
    """Makes a share of the fits itself, as which they are depends on the first of them, and so leaves none to be made.

    What they read lies in a place that no other job has. The files are embedded by the source's own model.
    """
    settings, whole = corpus.settings, effort(corpus.settings.profile)
    source = FinishedStage.of(settings.origin, "evaluate")
    inputs = fits.Inputs(settings, place)
    embedder = source.fit_record(source.chosen, "test")["identity"]
    key = _prepare(inputs, corpus, source, embedder, whole.embedder, _BEFORE)
    _fitted(inputs, corpus, whole, key, _BEFORE, share)
    return []


def _prepare(
    inputs: fits.Inputs, corpus: FinishedStage, source: FinishedStage, embedder: str, epochs: int, before: float
) -> str:
    """Spectrograms of both corpora, and the target's embeddings; a hash of all that fits share."""
    made_from = [fits.made_by(inputs.settings), corpus.record["identity"], embedder]
    decoded = FinishedStage.of(source.settings, "corpus")
    for stage, name in ((corpus, "log_mel"), (decoded, "source_log_mel")):
        progress.report(0.0, 1, f"log-Mel spectrograms of {stage.settings.name}")
        make = partial(fits.spectrograms, stage.settings, stage.clips)
        fits.kept(inputs.read / f"{name}.npy", [made_from[0], stage.record["identity"]], make)
    report = partial(progress.part(before - 0.04, 0.04, "embeddings"), text="files")
    make = partial(fits.embed, corpus, source, report)
    if inputs.settings.embedder:
        tell = progress.part(0.01, before - 0.05, "wav2vec 2.0")
        make = partial(fits.embed_by_wav2vec, corpus, source, embedder, epochs, tell, report)
    fits.kept(inputs.read / "embeddings.npy", made_from, make)
    return records.hashed([made_from, decoded.record["identity"], inputs.settings.seed])


def _fitted(
    inputs: fits.Inputs, corpus: FinishedStage, whole: Effort, key: str, before: float, share: slice = slice(None)
) -> tuple[list[LightFit], pd.DataFrame, tuple[int, float, int]]:
    """Makes a share of the fits; all of them, UAR on dev of what was tried, and the k, alpha and layer chosen by it."""
    seeds = range(inputs.settings.seed, inputs.settings.seed + inputs.settings.seeds)
    edges = _graphs(corpus, inputs, whole.tried[0][0])["graphs"].set_index("graph")["edges"]
    conditions = [name for name in CONDITIONS if name not in GRAPHS or edges.get(name)]  # without an edge: speech only
    tries = tried(whole, seeds[0]) if GRAPH in conditions else []
    sources = dict.fromkeys(source_of(fit) for fit in planned(whole, seeds, [TRANSFER]))
    # What other jobs have not made by then of the first ones a job makes too: the rest depends on these.
    first, free = [*sources, *tries], [*planned(whole, seeds, [SPEECH])]
    for wanted, some in ((first, share), (free, share), (first, slice(None))):
        _run(inputs, wanted, key, before, before + 0.25, some)
    rows = [{"k": fit.k, "alpha": fit.alpha, "layer": fit.layer, "uar": _dev(corpus, inputs, fit)} for fit in tries]
    choice = pd.DataFrame(rows)
    chosen = whole.tried[choice["uar"].idxmax() if tries else 0]
    there = {replace(fit, tried=False): fit for fit in tries}  # what was chosen is not fitted a second time
    todo = [fit.chosen(*chosen) for fit in planned(whole, seeds, conditions)]
    todo = [there.get(fit, fit) for fit in todo]
    _run(inputs, todo, key, before + 0.25, _FITTED, share)
    return todo, choice, chosen


def _run(
    inputs: fits.Inputs, wanted: Sequence[LightFit], key: str, begin: float, end: float, share: slice = slice(None)
) -> None:
    """Makes those of a share of fits that are not there, side by side, the longest first."""
    shared, base = [key, asdict(inputs.way)], [digest(inputs.settings.weights_file)]
    identities = {fit: records.hashed([*shared, asdict(fit), *base * (fit.network == BASE)]) for fit in wanted}
    todo = sorted(wanted, key=lambda fit: fit.work, reverse=True)[share]
    todo = [f for f in todo if read_json(inputs.place / f.folder / "record.json").get("identity") != identities[f]]
    if todo:  # the results were of other fits than will lie here
        records.start(inputs.settings, "graph")
    done: dict[str, float] = {}

    def tell(messages: list[tuple]) -> None:
        done.update({name: share for name, share, *_ in messages})
        fraction = sum(done.get(fit.folder, 0.0) * fit.work for fit in todo) / sum(fit.work for fit in todo)
        progress.report(begin + (end - begin) * fraction, 1, messages[-1][2])

    with side_by_side(inputs.settings.workers, tell) as (pool, follow):
        follow({pool.submit(fits.make, inputs, fit, identities[fit]) for fit in todo})


def _predictions(inputs: fits.Inputs, fit: LightFit) -> pd.DataFrame:
    return pd.read_parquet(inputs.place / fit.folder / "predictions.parquet")


def _dev(corpus: FinishedStage, inputs: fits.Inputs, fit: LightFit) -> float:
    table = _predictions(inputs, fit)
    return scoring.uar(*(scoring.coded(table[name], corpus.classes) for name in ("label", "predicted")))


def _machine(corpus: FinishedStage, inputs: fits.Inputs, seed: int) -> Predictions:
    """The support vector machine on the embedding itself, selected on dev."""
    clips, features = corpus.clips, np.load(inputs.read / "embeddings.npy")
    labels, partition = scoring.coded(clips["label"], corpus.classes), clips["partition"].to_numpy()
    selected = baseline.select(features, labels, partition, seed)
    padded, found = np.zeros(len(clips), bool), {}
    for part, margins in selected.margins.items():
        at = partition == part
        found[SVM, SVM, seed, part] = baseline.predictions(clips[at], padded[at], corpus.classes, margins=margins)
    return found


def scored(
    predictions: Predictions, classes: Sequence[str], seed: int, draws: int, paired_draws: int
) -> dict[str, pd.DataFrame]:
    """The tables of scores, from all predictions; Holm's correction is over all differences of the page."""
    names, scores, rows, differences = ("network", "condition", "seed", "partition"), [], [], []
    for where, table in predictions.items():
        named = dict(zip(names, where, strict=True))
        rows.append(table.assign(**named))
        score = scoring.score(table, classes, "all", seed, draws)
        scores.append(named | score | {"batch_uar": batch_uar(table, classes)})
    for network in dict.fromkeys(network for network, *_ in predictions if network != SVM):
        found: dict[str, list[pd.DataFrame]] = {}
        for (name, condition, _, partition), table in predictions.items():
            if name in (network, SVM) and partition == "test":
                found.setdefault(condition, []).append(table)
        for reference in [SPEECH, *(name for name in (RANDOM, TRANSFER) if {name, GRAPH} <= {*found})]:
            others = found if reference == SPEECH else {name: found[name] for name in (reference, GRAPH)}
            against = statistics.against(others, reference, classes, seed, paired_draws)
            differences.append(against.assign(network=network, reference=reference))
    everything = pd.concat(differences, ignore_index=True)
    everything["p_holm"] = statistics.holm(everything["p"].to_numpy(float))
    tables = {"predictions": pd.concat(rows, ignore_index=True), "scores": pd.DataFrame(scores)}
    return tables | {"differences": everything}


def batch_uar(table: pd.DataFrame, classes: Sequence[str], batch: int = 16) -> float:
    """What the released code takes for the UAR, in percent: the mean over whole batches of files as they come, in each
    of which a class that does not occur counts as never found; what is left over is dropped (A-1, A-2)."""
    label, predicted = (scoring.coded(table[name], classes) for name in ("label", "predicted"))
    found = []
    for start in range(0, len(label) - batch + 1, batch):
        of, hit = label[start : start + batch], label[start : start + batch] == predicted[start : start + batch]
        recalls = [hit[of == number].mean() if (of == number).any() else 0.0 for number in range(len(classes))]
        found.append(np.mean(recalls))
    return 100.0 * float(np.mean(found)) if found else float("nan")


def _costs(inputs: fits.Inputs, made: Sequence[LightFit]) -> pd.DataFrame:
    """A row per network and variant of its file: what it weighs and takes, whatever it was fitted beside."""
    from dslite.deployment import latency
    from dslite.transfer.light import SAMPLES

    settings, rows = inputs.settings, []
    for fit in made:
        if (fit.condition, fit.seed, fit.target) != (SPEECH, settings.seed, "test"):
            continue
        place = inputs.place / fit.folder
        sizes = {name: file.stat().st_size for name in fits.VARIANTS if (file := place / f"{name}.tflite").exists()}
        timings = latency.measure(place, SAMPLES, 1, ROUNDS[settings.profile]) if sizes else None
        times = latency.summary(timings).query("part == 'whole'").set_index("model")["p50_ms"] if sizes else {}
        parameters = read_json(place / "record.json")["parameters"]
        for variant in fits.VARIANTS:
            row = {"network": fit.network, "variant": variant, "parameters": parameters}
            rows.append(row | {"bytes": sizes.get(variant, np.nan), "ms": times.get(variant, np.nan)})
    return pd.DataFrame(rows)


def _graphs(corpus: FinishedStage, inputs: fits.Inputs, k: int) -> dict[str, pd.DataFrame]:
    """What the graphs of train + dev are like, and that of the other readings' rule, and where their files lie."""
    from sklearn.decomposition import PCA

    from dslite.transfer.neighbours import nearest, unit

    learnt = corpus.clips["partition"].isin(("train", "dev")).to_numpy()
    clips, vectors = corpus.clips[learnt], np.load(inputs.read / "embeddings.npy")[learnt]
    other = WAYS["sound" if inputs.way.threshold else "paper"].threshold
    name = f"cosine of at least {other:g}" if other else "nearest"
    known = [c for c in GRAPHS if c != APART or (clips["speaker"] != "").all()]  # whom it would keep apart
    found = {c: fits.graph_of(inputs, c, vectors, clips, k, inputs.settings.seed) for c in known}
    found[f"other rule: {name}"] = nearest(vectors, k, other)
    rows = []
    for name, graph in found.items():
        one: dict[str, object] = {"graph": name, "files": len(clips), "edges": int(graph.degree.sum())}
        one |= {"degree": graph.degree.mean(), "isolated": int((graph.degree == 0).sum())}
        for unit_of in ("label", "speaker"):
            groups = clips[unit_of].to_numpy()
            if "" in groups:  # speakers that are not named
                one |= dict.fromkeys((f"within_{unit_of}", f"chance_{unit_of}"), np.nan)
                continue
            _, sizes = np.unique(groups, return_counts=True)
            chance = (sizes * (sizes - 1)).sum() / (len(groups) * (len(groups) - 1))
            one |= {f"within_{unit_of}": graph.within(groups), f"chance_{unit_of}": chance}
        rows.append(one)
    places = PCA(2, random_state=0).fit_transform(unit(vectors))
    nodes = clips[["file", "speaker", "label"]].assign(x=places[:, 0], y=places[:, 1])
    return {"graphs": pd.DataFrame(rows), "nodes": nodes.reset_index(drop=True)}
