"""Stage ``baseline``: the systems that DS Lite is compared with, scored like it from prediction tables."""

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from itertools import product, starmap

import numpy as np
import pandas as pd

from dslite.baseline import ITERATIONS, majority, predictions, select
from dslite.files import write_table
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.scoring import TRAINED_ON, coded
from dslite.stages.baseline import cache
from dslite.systems import CHANCE, TITLES
from dslite.weights import digest


def work(settings: Settings) -> FinishedStage:
    """Leaves the predictions of every baseline: features of whole files, the support vector machines' grids, chance.

    Where labels of test alone are new, what was fitted stays, and the tables take them over.
    """
    corpus = FinishedStage.of(settings, "corpus")
    asked = {name: getattr(settings, name) for name in ("profile", "backbone", "seed")}
    # The audio's identity holds what a reading computes differently.
    asked |= {"reading": settings.reading.name, "weights": digest(settings.weights_file)}
    clips = corpus.clips[["file", "partition", "label"]]
    clips = clips.assign(label=clips["label"].astype("str").where(clips["partition"] != "test", "")).to_numpy().tolist()
    # Whole files count, also what no chunk holds of them: so this goes by the audio, not by the cached chunks.
    learnt = asked | {"audio": corpus.record["heard_as"], "clips": clips, "classes": corpus.classes}
    learnt_as = records.identity("baseline", learnt, settings.chosen)
    said = {name: corpus.record[name] for name in ("identity", "data", "note", "warnings")}
    identity = records.hashed([learnt_as, said])
    if record := records.made(settings, "baseline", identity):
        return FinishedStage(settings, record)
    last = records.last(settings, "baseline")
    started = records.start(settings, "baseline", "evaluate")  # scores of other predictions than will lie here
    found = last if last.get("learnt_as") == learnt_as else _fitted(corpus)
    _label(corpus, [*found["features"], CHANCE])
    unsolved = [
        f"{TITLES[system]}: the solver did not converge in {ITERATIONS:,} iterations; its scores are what it had then."
        for system, converged in found["converged"].items()
        if not converged
    ]
    random = records.weights_warnings(found["weights"], found["weights_source"])
    record = {
        **found,
        **records.inherited(corpus.record),
        **records.begin(settings, "baseline", identity, started),
        "learnt_as": learnt_as,
        "warnings": [*unsolved, *random, *corpus.record["warnings"]],
    }
    return records.write(settings, record)


def _label(corpus: FinishedStage, systems: Iterable[str]) -> None:
    """Brings speakers and labels in the tables of all predictions up to date."""
    known = corpus.clips.set_index("file")[["speaker", "label"]]
    for file in starmap(corpus.paths.baseline, product(systems, TRAINED_ON)):
        table = pd.read_parquet(file)
        write_table(file, table.assign(**{name: known.loc[table["file"], name].to_numpy() for name in known}))


def _fitted(corpus: FinishedStage) -> dict:
    """Leaves the predictions; for the record, what they were made by. Labels of test are not looked at."""
    settings, clips, classes = corpus.settings, corpus.clips, corpus.classes
    about, features = cache.features(
        corpus, lambda done, total: progress.report(0.7 * done / total, 1, f"whole files, {done} of {total}")
    )
    labels = coded(clips["label"], classes)
    partitions = clips["partition"].to_numpy()
    selected = {}

    def report(number: int, system: str, done: int, total: int) -> None:
        progress.report(0.7 + 0.3 * (number + done / total) / len(features), 1, f"{system}, fit {done} of {total}")

    for number, (system, vectors) in enumerate(features.items()):
        selected[system] = select(vectors, labels, partitions, settings.seed, partial(report, number, TITLES[system]))
    padded = corpus.padded
    for target, learned_from in TRAINED_ON.items():
        shares = majority(labels[np.isin(partitions, learned_from)], len(classes))
        files = clips[partitions == target]
        scored = {system: {"margins": found.margins[target]} for system, found in selected.items()}
        scored[CHANCE] = {"probabilities": np.tile(shares, (len(files), 1))}
        for system, scores in scored.items():
            table = predictions(files, padded.loc[files["file"]].to_numpy(), classes, **scores)
            write_table(settings.paths.baseline(system, target), table)
    return {
        **about,
        "features": {system: vectors.shape[1] for system, vectors in features.items()},
        "chosen": {system: asdict(found.chosen) for system, found in selected.items()},
        "grid": {system: found.grid.to_dict("records") for system, found in selected.items()},
        "converged": {system: found.converged for system, found in selected.items()},
    }
