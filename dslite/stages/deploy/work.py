"""Stage ``deploy``: the chosen model as one ``.tflite`` file per variant, and what is to be known of each.

The model is the fit of the augmentation that is best on dev, trained on train + dev: the one whose test scores are
the corpus' result.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from dslite.deployment import LiteModel, latency, real_time_factor
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.stages.deploy.inputs import CALIBRATION, about, chunk_samples

ROUNDS = {"demo": 10, "full": 50, "tuned": 50}
"""Profile -> repetitions of each latency; Table 5 has its own."""

STREAM_SECONDS = 30.0
"""The long file to stream is made of at least this much audio of the test partition, where there is as much."""


def work(settings: Settings) -> FinishedStage:
    """Converts, gates, scores and times the chosen model.

    It leaves ``<variant>.tflite`` of the variants that passed, ``variants.parquet``
    (:class:`dslite.deployment.offer.Offer`), ``predictions.parquet`` (test, per model and file), ``latency.parquet``
    (every repetition), ``streaming.parquet`` (a row per variant) and ``flips.parquet`` (test files that a variant
    decides otherwise than Keras).
    """
    scored = FinishedStage.of(settings, "evaluate")
    fit = scored.fit_record(scored.chosen, "test")
    inputs = {"evaluate": scored.record["identity"], "fit": fit["identity"], "profile": settings.profile}
    identity = records.identity("deploy", inputs, settings.chosen)
    if record := records.made(settings, "deploy", identity):
        return FinishedStage(settings, record)
    from dslite.deployment.offer import offer  # imports TensorFlow
    from dslite.model import load_model
    from dslite.store import Samples

    started, paths = records.start(settings, "deploy"), settings.paths
    for old in paths.file("deploy").glob("*.tflite"):  # of another model: not to be taken for this one's
        old.unlink()
    model = load_model(paths.fit(scored.chosen, "test") / "model.keras")
    front_end = model.get_layer("plot").parameters
    samples, waves = chunk_samples(scored, front_end.rate), Samples(paths.samples)
    steps = iter(range(1, 100))
    offered = offer(
        model,
        scored.classes,
        samples,
        scored.clips,
        waves,
        paths.file("deploy"),
        about(scored, samples / front_end.rate),
        settings.seed,
        lambda doing: progress.report(min(next(steps), 9), 10, doing),
        CALIBRATION[settings.profile],
        settings.reading,
        settings.draws,
        settings.paired_draws,
    )
    good = list(offered.table.loc[offered.table["offered"], "model"])
    timings, streamed = pd.DataFrame(), pd.DataFrame()
    if good:
        progress.report(9, 10, "latency and streaming")
        timings = latency.measure(paths.file("deploy"), samples, threads=1, rounds=ROUNDS[settings.profile])
        streamed = _stream(scored, good, waves, front_end.rate)
    tables = {"variants": offered.table, "predictions": offered.predictions, "flips": offered.flips}
    tables |= {"latency": timings, "streaming": streamed}
    record = {
        **records.inherited(scored.record),
        **records.begin(settings, "deploy", identity, started),
        "threads": 1,
        "augmentation": scored.chosen,
        "offered": good,
        "samples": samples,
        "rate": front_end.rate,
        "whole_files": not settings.recipe.chunk,
        "front_end": asdict(front_end),
    }
    return records.write(settings, record, tables)


def _stream(stage: FinishedStage, variants: Sequence[str], waves: Mapping, rate: int) -> pd.DataFrame:
    """Real-time factor of each variant (one thread) over one long file made of test clips."""
    with tempfile.TemporaryDirectory() as folder:
        test, long = stage.clips[stage.clips["partition"] == "test"], Path(folder) / "test.wav"
        files = test.loc[test["duration"].cumsum().shift(fill_value=0.0) < STREAM_SECONDS, "file"]
        soundfile.write(long, np.concatenate([waves[file] for file in files]), rate)
        rows = []
        for name in variants:
            model = LiteModel(stage.paths.file("deploy", f"{name}.tflite"))
            model(np.zeros((1, model.card.samples), np.float32))  # the first call sets things up
            rows.append({"model": name, **real_time_factor(model, long)})
    return pd.DataFrame(rows)
