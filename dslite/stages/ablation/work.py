"""Stage ``ablation``: one discrepancy at a time against the reading ``sound``, to see which of them matter.

Everything is fitted with both augmentations, so that whatever a discrepancy touches has a chance to act.
"""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from dslite import scoring, statistics
from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.layout import progress, records
from dslite.layout.settings import Settings
from dslite.readings import CACHED, READINGS, ablations
from dslite.run import needs
from dslite.stages.corpus.work import Stage, prepare, weights_warnings, workshop
from dslite.stages.train import fits
from dslite.weights import digest, fetch_weights

REFERENCE = "sound"
"""The reading that each discrepancy is brought into alone."""

AUGMENTATION = "both"

NO_EFFECT = "changes nothing on this corpus under this profile"


@dataclass(frozen=True)
class _Variant:
    """A discrepancy (its ledger entry and name), the settings that it is fitted with, and its name on disk."""

    name: str
    settings: Settings

    @property
    def folder(self) -> Path:
        return self.settings.paths.ablation(re.sub(r"[^a-z0-9]+", "_", self.name.lower()))


def ablate(settings: Settings) -> Stage:
    """Fits ``sound`` and every discrepancy alone, and compares them on test.

    It leaves ``scores.parquet`` (a row per variant, seed and partition), ``differences.parquet``
    (:func:`dslite.statistics.against`) and ``left_out.parquet`` (variants that cannot be or change nothing, and why).

    Args:
        settings: the corpus; its reading is not used. The audio of a stand-in is that of the first seed.

    Raises:
        DsliteError: for a corpus on which even ``sound`` cannot be fitted.
    """
    settings, seeds = replace(settings, reading=READINGS[REFERENCE]), settings.seeds
    wanted = {name: reading for name, reading in ablations().items() if settings.looks_at(name)}
    readings = {REFERENCE: settings.reading, **wanted}
    variants = [_Variant(name, replace(settings, reading=reading)) for name, reading in readings.items()]
    corpus, weights = _prepared(variants[0], _Told(0, 0, REFERENCE).still), settings.weights_file
    asked = {
        v.name: {"reading": v.settings.reading.parameters(), "recipe": asdict(v.settings.recipe)} for v in variants
    }
    identity = {
        "data": corpus.record["data_hash"],
        "kind": [corpus.record[name] for name in ("data", "note")],
        "variants": asked,
        "seeds": seeds,
        "profile": settings.profile,
        "backbone": settings.backbone,
        "weights": digest(weights),
        "seed": settings.seed,
    }
    more = {name: value for name, value in settings.as_parameters().items() if name in needs.ABLATION}
    if record := records.made(settings, "ablation", identity, **more):
        return Stage(settings, record)
    started = time.monotonic()
    if weights is None and progress.VARIABLE not in os.environ:  # a run has tried before it made its plan
        weights = fetch_weights(settings.backbone)
    tables: dict[str, list[dict[str, pd.DataFrame]]] = {}
    left_out, about = [], {}
    for number, variant in enumerate(variants):
        told = _Told(number / len(variants), 1 / (len(variants) * seeds), variant.name)
        try:
            prepared = _prepared(variant, told.still)
            if variant.name != REFERENCE and _inputs(variant, prepared) == _inputs(variants[0], corpus):
                left_out.append({"variant": variant.name, "reason": NO_EFFECT})
                continue
            for seed in range(settings.seed, settings.seed + seeds):
                found, about = _fit(variant, prepared, weights, seed, settings.workers, told)
                tables.setdefault(variant.name, []).append(found)
                told = told.next()
        except DsliteError as error:
            if variant.name == REFERENCE:
                raise
            left_out.append({"variant": variant.name, "reason": str(error)})
    on_test = {name: [found["test"] for found in runs] for name, runs in tables.items()}
    leaves = {
        "scores": _scores(tables, corpus.classes, settings.seed),
        "differences": statistics.against(on_test, REFERENCE, corpus.classes, settings.seed),
        "left_out": pd.DataFrame(left_out, columns=["variant", "reason"]),
    }
    for name, table in leaves.items():
        with whole_file(settings.paths.ablation(f"{name}.parquet")) as draft:
            table.to_parquet(draft, index=False)
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "ablation", identity, started, **more),
        "backbone": settings.backbone,
        "weights": about["weights"],
        "weights_source": about["source"],
        "augmentation": AUGMENTATION,
        "seeds": list(range(settings.seed, settings.seed + seeds)),
        "chunk": settings.recipe.chunk,
        "warnings": [*weights_warnings(about["weights"], about["source"]), *corpus.record["warnings"]],
    }
    records.write(settings, record)
    return Stage(settings, record)


@dataclass(frozen=True)
class _Told:
    """Hands the progress of one fit on as a part of the whole."""

    begin: float
    share: float
    name: str

    def __call__(self, done: float, total: float, text: str) -> None:
        progress.report(self.begin + self.share * done / total, 1, f"{self.name}: {text}")

    def still(self, done: float, total: float, text: str) -> None:
        """For what is short beside the fits: its text alone."""
        self(0, 1, text)

    def next(self) -> "_Told":
        return replace(self, begin=self.begin + self.share)


def _inputs(variant: _Variant, corpus: Stage) -> tuple:
    """All that a fit of a variant depends on: the cached data, the recipe, and what else of the reading has a say."""
    parameters, recipe = variant.settings.reading.parameters(), variant.settings.recipe
    no_say = {"optimiser", "learning_rate", "extra_epochs"} | (set() if recipe.epochs[1] else {"layers"})
    if corpus.record["chunks"] == corpus.record["files"]:  # each file is one chunk: there is nothing to decide
        no_say |= {"decision"}
    rest = {name: value for name, value in parameters.items() if name not in no_say | set(CACHED)}
    return corpus.record["data_hash"], recipe, rest


def _prepared(variant: _Variant, tell) -> Stage:
    """The corpus as the variant's front end sees it: an output of its own, shared by all with the same front end."""
    settings = variant.settings
    cached = records.hashed(
        {name: getattr(settings.reading, name) for name in CACHED} | {"chunk": settings.recipe.chunk}
    )
    return prepare(replace(settings, output=settings.paths.ablation(cached)), tell)


def _fit(variant: _Variant, corpus: Stage, weights, seed: int, workers: int, told) -> tuple[dict, dict]:
    """Predictions for dev and for test, and what the base model's weights are."""
    settings = variant.settings
    fitted_with = {
        "data": corpus.record["data_hash"],
        "backbone": settings.backbone,
        "weights": digest(weights),
        "recipe": asdict(settings.recipe),
        "reading": settings.reading.parameters(),
        "seed": seed,
    }
    key = records.identity("train", fitted_with)
    jobs = [
        fits.Job(AUGMENTATION, target, variant.folder / str(seed) / target, records.hashed([key, target]))
        for target in fits.TARGETS
    ]
    about = fits.run(workshop(corpus, weights, seed), jobs, workers, told)
    return {job.target: pd.read_parquet(job.folder / "predictions.parquet") for job in jobs}, about


def _scores(tables: Mapping[str, list[dict[str, pd.DataFrame]]], classes, first: int) -> pd.DataFrame:
    rows = [
        {"variant": name, "seed": first + number, "partition": part, **scoring.score(table, classes, "all", first)}
        for name, runs in tables.items()
        for number, found in enumerate(runs)
        for part, table in found.items()
    ]
    return pd.DataFrame(rows)
