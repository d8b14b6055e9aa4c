"""Stage ``ablation``: one discrepancy at a time against the reading ``sound``, to see which of them matter.

Everything is fitted with both augmentations, so that whatever a discrepancy touches has a chance to act.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from dslite import scoring, statistics
from dslite.changes import to_reading
from dslite.errors import DsliteError
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import CorpusPaths
from dslite.layout.settings import Settings
from dslite.paper.ledger import ablations
from dslite.readings import CACHED, READINGS
from dslite.stages.corpus.cache import cached_as
from dslite.stages.train import fits
from dslite.weights import digest

REFERENCE = "sound"
"""The reading that each discrepancy is brought into alone."""

AUGMENTATION = "both"

NO_EFFECT = "changes nothing on this corpus under this profile"

_Report = Callable[..., None]


def work(settings: Settings) -> FinishedStage:
    """Fits ``sound`` and every discrepancy alone, and compares them on test.

    It leaves ``scores.parquet`` (a row per variant, seed and partition), ``differences.parquet``
    (:func:`dslite.statistics.against`) and ``left_out.parquet`` (variants that cannot be or change nothing, and why).

    Args:
        settings: the corpus; its reading is not used. The audio of a stand-in is that of the first seed.

    Raises:
        DsliteError: for a corpus on which even ``sound`` cannot be fitted.
    """
    decoded = FinishedStage.of(settings, "corpus")
    wanted = {REFERENCE: READINGS[REFERENCE]}
    wanted |= {name: reading for name, reading in ablations().items() if settings.looks_at(name)}
    variants = {n: replace(settings, reading=to_reading(r, settings.changes)) for n, r in wanted.items()}
    settings, seeds = variants[REFERENCE], settings.seeds
    asked = {
        "corpus": decoded.record["identity"],
        "variants": {
            name: {"reading": variant.reading.parameters(), "recipe": asdict(variant.recipe)}
            for name, variant in variants.items()
        },
        "seeds": seeds,
        "profile": settings.profile,
        "backbone": settings.backbone,
        "weights": digest(settings.weights_file),
        "seed": settings.seed,
    }
    identity = records.identity("ablation", asked, settings.chosen)
    more = {"seeds": seeds, "discrepancies": " ".join(settings.discrepancies)}
    if record := records.made(settings, "ablation", identity, **more):
        return FinishedStage(settings, record)
    started = time.monotonic()
    settings.paths.record("ablation").unlink(missing_ok=True)
    place = settings.paths.file("ablation")
    corpus = cached_as(settings, decoded, place, _part_of_progress(0, 0, REFERENCE))
    tables: dict[str, list[dict[str, pd.DataFrame]]] = {}
    left_out, about = [], {}
    for number, (name, variant) in enumerate(variants.items()):
        begin, share = number / len(variants), 1 / (len(variants) * seeds)
        try:
            prepared = cached_as(variant, decoded, place, _part_of_progress(begin, share, name))
            if name != REFERENCE and _inputs(variant, prepared) == _inputs(settings, corpus):
                left_out.append({"variant": name, "reason": NO_EFFECT})
                continue
            folder = fits_of(variant.paths, name)
            for further in range(seeds):
                seed = settings.seed + further
                fitted = replace(prepared, settings=replace(prepared.settings, seed=seed))
                report = _part_of_progress(begin + further * share, share, name)
                found, about = _fit(fitted, folder / str(seed), report)
                tables.setdefault(name, []).append(found)
        except DsliteError as error:
            if name == REFERENCE:
                raise
            left_out.append({"variant": name, "reason": str(error)})
    on_test = {name: [found["test"] for found in runs] for name, runs in tables.items()}
    leaves = {
        "scores": _scores(tables, corpus.classes, settings.seed),
        "differences": statistics.against(on_test, REFERENCE, corpus.classes, settings.seed),
        "left_out": pd.DataFrame(left_out, columns=["variant", "reason"]),
    }
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "ablation", identity, started, **more),
        "backbone": settings.backbone,
        "weights": about["weights"],
        "weights_source": about["source"],
        "augmentation": AUGMENTATION,
        "seeds": list(range(settings.seed, settings.seed + seeds)),
        "chunk": settings.recipe.chunk,
        "warnings": [*records.weights_warnings(about["weights"], about["source"]), *corpus.record["warnings"]],
    }
    records.write(settings, record, leaves)
    return FinishedStage(settings, record)


def fits_of(paths: CorpusPaths, variant: str) -> Path:
    """Where the fits of a variant lie: a folder per seed, and in it one per partition that is scored."""
    return paths.file("ablation", re.sub(r"[^a-z0-9]+", "_", variant.lower()))


def _part_of_progress(begin: float, share: float, name: str) -> _Report:
    """Hands the progress of one fit on as a part of the whole, without its epochs."""
    return lambda done, total, text, epochs=(): progress.report(begin + share * done / total, 1, f"{name}: {text}")


def _inputs(variant: Settings, corpus: FinishedStage) -> tuple:
    """All that a fit of a variant depends on: the cached data, the recipe, and what else of the reading has a say."""
    parameters, recipe = variant.reading.parameters(), variant.recipe
    no_say = {"optimiser", "learning_rate", "extra_epochs"} | (set() if recipe.epochs[1] else {"layers"})
    if corpus.record["chunks"] == corpus.record["files"]:  # each file is one chunk: there is nothing to decide
        no_say |= {"decision"}
    rest = {name: value for name, value in parameters.items() if name not in no_say | set(CACHED)}
    return corpus.record["data_hash"], recipe, rest


def _fit(corpus: FinishedStage, folder: Path, report: _Report) -> tuple[dict, dict]:
    """Predictions for dev and for test, and what the base model's weights are."""
    todo = fits.planned(corpus, [AUGMENTATION], lambda _, target: folder / target)
    about = fits.run(corpus, todo, report)
    return {fit.target: pd.read_parquet(fit.folder / "predictions.parquet") for fit in todo}, about


def _scores(tables: Mapping[str, list[dict[str, pd.DataFrame]]], classes, first: int) -> pd.DataFrame:
    rows = [
        {"variant": name, "seed": first + number, "partition": part, **scoring.score(table, classes, "all", first)}
        for name, runs in tables.items()
        for number, found in enumerate(runs)
        for part, table in found.items()
    ]
    return pd.DataFrame(rows)
