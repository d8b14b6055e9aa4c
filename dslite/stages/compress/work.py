"""Stage ``compress``: which network fits the phone? The chosen model made smaller in several ways, each as several
files, with what every file costs and what it is worth (paper, section 5: what it leaves for the future)."""

import shutil
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pandas as pd

from dslite import scoring, statistics
from dslite.deployment import latency, memory
from dslite.files import read_json
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.stages.compress import networks
from dslite.stages.deploy.inputs import chunk_samples
from dslite.stages.train.pool import side_by_side
from dslite.weights import digest, fetch_weights, find_weights

ROUNDS = {"demo": 5, "full": 20, "tuned": 20}
"""Profile -> repetitions of each latency."""

LOST = 1.0
"""UAR points that a network may lose by full int8 before it is fine-tuned for it."""

_MEASURED = ("bytes", "zipped", "ms_per_s", "uar", "ci_low", "ci_high", "n_files", "n_speakers")
"""Columns that a file has that was offered."""

_MADE = 0.9
"""Share of the bar that fits and files take."""


def work(settings: Settings) -> FinishedStage:
    """Makes the networks (:mod:`dslite.stages.compress.networks`) and measures their files.

    It leaves a folder per network and ``files.parquet``, a row per network and variant: ``network``, ``title``,
    ``kind``, ``backbone``, ``weights``, ``variant``, ``offered``, ``reason`` (why not), ``macs``, ``parameters``,
    ``bytes``, ``zipped`` (bytes when deflated), ``ms_per_s`` (median ms of one thread per second of audio),
    ``peak_mb`` and ``model_mb`` (:func:`dslite.deployment.memory.peak_memory`); on test, which no network has seen,
    ``uar``, ``ci_low``, ``ci_high`` (percent, over files), ``n_files``, ``n_speakers``, and from the best float32 file,
    paired over files and over speakers, :func:`dslite.statistics.against`; ``latency.parquet`` with every repetition.
    """
    scored = FinishedStage.of(settings, "evaluate")
    weights = {}
    for name in () if settings.random_weights else networks.STUDENTS:
        weights[name] = digest(find_weights(name, settings.weights) or fetch_weights(name))
    asked = {
        "evaluate": scored.record["identity"],
        "fit": scored.fit_record(scored.chosen, "test")["identity"],
        "profile": settings.profile,
        "weights": weights,
        "draws": (settings.draws, settings.paired_draws),
    }
    identity = records.identity("compress", asked, settings.chosen)
    if record := records.made(settings, "compress", identity):
        return FinishedStage(settings, record)
    started, place = records.start(settings, "compress"), settings.paths.file("compress")
    made, left_out = _make(scored, networks.planned(settings), 0.0, 0.8)
    further, none = _make(scored, [network.for_int8() for network in made if _loses(scored, network)], 0.8, 1.0)
    made += further
    for left in {folder.name for folder in place.glob("*/")} - {network.name for network in made}:
        shutil.rmtree(place / left)  # of another plan: their files are not to be measured
    progress.report(_MADE, 1, "latency and memory of every file")
    rate = settings.reading.front_end().rate
    samples = chunk_samples(scored, rate)
    some = any(place.glob("*/*.tflite"))
    timings = latency.measure(place, samples, 1, ROUNDS[settings.profile]) if some else pd.DataFrame()
    found, best = _files(scored, made, timings, samples, samples / rate)
    record = {
        **records.inherited(scored.record),
        **records.begin(settings, "compress", identity, started),
        "augmentation": scored.chosen,
        "seconds_of_audio": samples / rate,
        "best": best,
        "left_out": left_out | none,
    }
    return records.write(settings, record, {"files": found, "latency": timings})


def _make(scored: FinishedStage, wanted: list, begin: float, end: float) -> tuple[list, dict[str, str]]:
    """Makes networks side by side: those that there are, and the titles of others with why there are none; ``begin``
    and ``end`` are shares of that part of the bar."""
    done: dict[str, float] = {}

    def tell(messages: list[tuple]) -> None:
        done.update({name: share for name, share, *_ in messages})
        share = begin + (end - begin) * sum(done.values()) / len(wanted)
        name, _, text, _ = messages[-1]
        progress.report(_MADE * share, 1, f"{name}: {text}")

    with side_by_side(scored.settings.workers, tell) as (pool, follow):
        futures = {network: pool.submit(networks.make, scored, network) for network in wanted}
        follow(set(futures.values()))
    reasons = {network: future.result() for network, future in futures.items()}
    return [n for n, why in reasons.items() if not why], {n.title: why for n, why in reasons.items() if why}


def _predictions(scored: FinishedStage, network: networks.Network) -> dict[str, pd.DataFrame]:
    """Of each of a network's variants that runs, for test."""
    table = pd.read_parquet(networks.folder(scored.settings, network.name) / "predictions.parquet")
    return {variant: rows for variant, rows in table.groupby("model") if variant != "keras"}


def _loses(scored: FinishedStage, network: networks.Network) -> bool:
    """Whether a network that was fitted loses more than :data:`LOST` by full int8."""
    found = {}
    for variant, table in _predictions(scored, network).items():
        label, predicted = (scoring.coded(table[name], scored.classes) for name in ("label", "predicted"))
        found[variant] = scoring.uar(label, predicted)
    fitted = network.kind not in (networks.ZEROED, networks.PAPERS)
    return fitted and found.get("float32", 0) - found.get("int8", 100) > LOST


def _files(
    scored: FinishedStage, made: list, timings: pd.DataFrame, samples: int, seconds: float
) -> tuple[pd.DataFrame, str]:
    """A row per network and variant, and the float32 file that others are held against."""
    settings, classes, rows, tables = scored.settings, scored.classes, [], {}
    whole = latency.summary(timings).query("part == 'whole'").set_index("model")["p50_ms"] if len(timings) else {}
    for network in made:
        place = networks.folder(settings, network.name)
        about = read_json(place / "made.json")
        predicted = _predictions(scored, network)
        for variant, wrong in about.pop("wrong").items():
            name, file = f"{network.name}/{variant}", place / f"{variant}.tflite"
            row = asdict(network) | {"network": network.name, "title": network.title, **about, "variant": variant}
            row |= dict.fromkeys(_MEASURED, np.nan)
            row |= {"file": name, "offered": file.exists(), "reason": "; ".join(wrong)}
            if file.exists():
                content = file.read_bytes()
                row |= {"bytes": len(content), "zipped": len(zlib.compress(content))}
                row["ms_per_s"] = whole[name] / seconds
                if network.kind != networks.PAPERS:
                    tables[name] = [predicted[variant]]
                    row |= scoring.score(predicted[variant], classes, "all", settings.seed, settings.draws)
            rows.append(row)
    table = pd.DataFrame(rows)
    with ThreadPoolExecutor(settings.workers) as beside:  # each in a process of its own
        there = table.index[table["offered"]]
        files = [settings.paths.file("compress", f"{name}.tflite") for name in table.loc[there, "file"]]
        peaks = beside.map(lambda file: memory.peak_memory(file, samples, 1), files)
        table = table.join(pd.DataFrame(list(peaks), there, columns=["peak_mb", "model_mb"]))
    float32 = table[(table["variant"] == "float32") & table["file"].isin(list(tables))]
    best = float32.loc[float32["uar"].idxmax(), "file"] if len(float32) else ""
    return with_losses(table, tables, best, scored), best


def with_losses(
    table: pd.DataFrame, tables: Mapping[str, list[pd.DataFrame]], best: str, scored: FinishedStage
) -> pd.DataFrame:
    """A table of files with what each scores less than the best one, as :func:`dslite.statistics.against` has it.

    Args:
        table: a row per ``file``.
        tables: file -> its predictions, of those that were scored.
        best: the file that they are held against; "" where there is none, and so nothing is known.
        scored: whose labels these are.
    """
    settings = scored.settings
    lost = statistics.against(tables if best else {}, best, scored.classes, settings.seed, settings.paired_draws)
    lost = lost.drop(columns=["uar", "n_files"]).rename(columns={"system": "file"})
    return table.merge(lost.astype({"file": str}), "left", "file")
