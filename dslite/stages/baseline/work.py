"""Stage ``baseline``: the systems that DS Lite is compared with, scored like it from prediction tables."""

import os
import time
from dataclasses import asdict

import numpy as np
import pandas as pd

from dslite.baseline import SYSTEMS, majority, predictions, select
from dslite.files import whole_file
from dslite.layout import progress, records
from dslite.layout.settings import Settings
from dslite.stages.corpus.work import Stage, prepare, weights_warnings
from dslite.stages.train.fits import TARGETS
from dslite.weights import digest, fetch_weights


def baseline(settings: Settings) -> Stage:
    """Features of whole files, the support vector machines' grids, and predictions of every baseline."""
    corpus = prepare(settings)
    weights = settings.weights_file
    if record := records.made(settings, "baseline", _made_with(settings, corpus, weights)):
        return Stage(settings, record)
    started = time.monotonic()
    if weights is None and progress.VARIABLE not in os.environ:  # a run has tried before it made its plan
        weights = fetch_weights(settings.backbone)
    settings.paths.record("evaluate").unlink(missing_ok=True)  # scores of other predictions than will lie here
    from dslite.backbones import load_backbone
    from dslite.features import DEEP_SPECTRUM, whole_files

    clips, classes = corpus.clips, corpus.classes
    base = load_backbone(settings.backbone, weights, settings.seed)
    features = whole_files(
        list(clips["file"]),
        settings.folder,
        base,
        lambda done, total: progress.report(0.7 * done / total, 1, f"whole files, {done} of {total}"),
    )
    labels = pd.Categorical(clips["label"], classes).codes.astype(int)
    partitions = clips["partition"].to_numpy()
    selected = {}
    for number, (system, vectors) in enumerate(features.items()):
        selected[system] = select(
            vectors,
            labels,
            partitions,
            settings.seed,
            lambda done, total, number=number, system=system: progress.report(
                0.7 + 0.3 * (number + done / total) / len(features), 1, f"{SYSTEMS[system]}, fit {done} of {total}"
            ),
        )
    for target, learned_from in TARGETS.items():
        shares = majority(labels[np.isin(partitions, learned_from)], len(classes))
        files = clips[partitions == target]
        scored = {system: {"margins": found.margins[target]} for system, found in selected.items()}
        scored["chance"] = {"probabilities": np.tile(shares, (len(files), 1))}
        for system, scores in scored.items():
            with whole_file(settings.paths.baseline(system, target)) as draft:
                predictions(files, _shorter_than_a_chunk(corpus, files), classes, **scores).to_parquet(
                    draft, index=False
                )
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "baseline", _made_with(settings, corpus, weights), started),
        "weights": base.weights,
        "weights_source": base.source,
        "backbone": base.name,
        "front_end": asdict(DEEP_SPECTRUM),
        "features": {system: vectors.shape[1] for system, vectors in features.items()},
        "chosen": {system: asdict(found.chosen) for system, found in selected.items()},
        "grid": {system: found.grid.to_dict("records") for system, found in selected.items()},
        "warnings": [*weights_warnings(base.weights, base.source), *corpus.record["warnings"]],
    }
    records.write(settings, record)
    return Stage(settings, record)


def _made_with(settings: Settings, corpus: Stage, weights) -> dict:
    # Whole files are read again, also what no chunk holds of them: so this goes by the audio, not by the cached chunks.
    data = {name: corpus.record[name] for name in ("identity", "data", "note", "warnings")}
    asked = {name: getattr(settings, name) for name in ("profile", "backbone", "seed")}
    asked["reading"] = settings.reading.name  # the corpus' identity holds what it computes differently
    return data | asked | {"weights": digest(weights)}


def _shorter_than_a_chunk(corpus: Stage, files: pd.DataFrame) -> np.ndarray:
    return pd.read_parquet(corpus.paths.chunks).groupby("file")["padded"].first().loc[files["file"]].to_numpy()
