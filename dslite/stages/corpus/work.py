"""The stages as functions: what a notebook calls. Each reads what earlier stages left and leaves files of its own.

A stage that finds its results made with the same parameters, data and code takes them as they are. One that finds
results of *other* parameters refuses to write over them: only a run of ``run_all.py``, which says so in its plan, does.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from dslite import corpora, scoring, statistics
from dslite.baseline import ON_BASE_MODEL, PUBLISHED, SYSTEMS
from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.layout import progress, records
from dslite.layout.settings import Settings
from dslite.reporting.results import chosen_on_dev
from dslite.stages.train import fits
from dslite.weights import digest, fetch_weights

AUGMENTATIONS = ("none", "cutmix", "specaugment", "both")
"""The paper's four configurations in its order."""

OURS = "DS Lite"
"""The paper's own system, as ``results.csv`` calls it."""

RESULT_COLUMNS = [
    "corpus", "system", "augmentation", "partition", "protocol", "uar", "ci_low", "ci_high", "n_files", "n_speakers",
    "data", "backbone", "weights", "profile", "reading", "seed", "ci_speaker_low", "ci_speaker_high", "se",
]  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """A finished stage: where its files are, and the record of how they came to be."""

    settings: Settings
    record: dict

    @property
    def paths(self):
        return self.settings.paths

    @cached_property
    def clips(self) -> pd.DataFrame:
        """A row per usable file."""
        return pd.read_parquet(self.paths.clips)

    @cached_property
    def found(self) -> pd.DataFrame:
        """A row per readable file, used or left out for being short: what Table 1 counts."""
        return pd.read_parquet(self.paths.found)

    @cached_property
    def problems(self) -> pd.DataFrame:
        """A row per file that was left out and per difference that was noticed."""
        return pd.read_parquet(self.paths.problems)

    @property
    def info(self):
        """The corpus' entry in the registry; of an own corpus, the little that is known."""
        return about(self.settings.name, self.record)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.record["classes"])

    @cached_property
    def chosen(self) -> str:
        """The augmentation that is best on dev (all files), once the corpus has been evaluated."""
        return chosen_on_dev(pd.read_parquet(self.paths.scores), self.settings.name)

    def fit_record(self, augmentation: str, target: str) -> dict:
        return json.loads((self.paths.fit(augmentation, target) / "record.json").read_text())

    def history(self, augmentation: str, target: str) -> pd.DataFrame:
        """A row per epoch of one fit."""
        return pd.read_parquet(self.paths.fit(augmentation, target) / "history.parquet")

    def predictions(self, augmentation: str, target: str) -> pd.DataFrame:
        """A row per file of the partition that the fit is scored on."""
        return pd.read_parquet(self.paths.fit(augmentation, target) / "predictions.parquet")


# corpus ---------------------------------------------------------------------------------------------------------------


def prepare(settings: Settings, tell: Callable[[float, float, str], None] = progress.report) -> Stage:
    """Stage ``corpus``: finds the audio (or synthesises a stand-in), checks it and caches its spectrograms.

    Args:
        settings: the corpus.
        tell: is told how far it is, as :func:`dslite.layout.progress.report` is.
    """
    data = f"stand-in {settings.seed}" if settings.standin else corpora.fingerprint(_place(settings))
    identity = {
        "corpus": settings.source,
        "folder": str(settings.folder),
        "audio": data,
        "chunk": settings.recipe.chunk,
        "reading": settings.reading.parameters("corpus"),
    }
    if record := records.made(settings, "corpus", identity):
        return Stage(settings, record)
    from dslite.store import SHORT, build

    started = time.monotonic()
    if settings.standin:
        tell(0, 1, "synthesising a stand-in")
        corpora.write_standin(settings.name, settings.folder, settings.seed)
    corpus = corpora.read(settings.source, settings.folder)
    paths, reading = settings.paths, settings.reading
    front_end = reading.front_end()
    chunks, unusable = build(
        corpus.clips,
        settings.folder,
        settings.recipe.chunk,
        front_end,
        paths.spectrograms,
        lambda done, total: tell(done, total, f"spectrograms, file {done} of {total}") if done % 25 == 0 else None,
        reading.short_files,
    )
    clips = corpus.clips[corpus.clips["file"].isin(chunks["file"])].reset_index(drop=True)
    problems = pd.concat([corpus.problems, unusable], ignore_index=True)
    short = problems["kind"] == SHORT
    left_out = [f"{short.sum()} files {_LEFT_OUT}"] if short.any() else []
    left_out += _require_all_classes(clips, corpus.classes, settings, left_out)
    found = corpus.clips[corpus.clips["file"].isin([*chunks["file"], *problems.loc[short, "file"]])]
    tables = {paths.clips: clips, paths.found: found, paths.chunks: chunks, paths.problems: problems}
    for file, table in tables.items():
        with whole_file(file) as draft:
            table.to_parquet(draft, index=False)
    warnings = [row.reason if not row.file else f"{row.file}: {row.reason}" for row in problems[~short].itertuples()]
    record = {
        **records.begin(settings, "corpus", identity, started),
        "data": corpus.data,
        "note": corpus.note,
        "about": {name: getattr(corpus.info, name) for name in ("name", "short", "title", "partition")},
        "classes": list(corpus.classes),
        "files": len(clips),
        "chunks": len(chunks),
        "data_hash": _data_hash(paths),
        "front_end": {name: value for name, value in asdict(front_end).items() if name != "resize"},  # not cached
        "warnings": [*left_out, *_few(warnings)],
    }
    records.write(settings, record)
    return Stage(settings, record)


_LEFT_OUT = "are shorter than one chunk and left out of train, dev and test, as the released code does (F-16)."


def _require_all_classes(clips: pd.DataFrame, classes, settings: Settings, left_out: list[str]) -> list[str]:
    """Refuses audio that lacks a class in a partition; where a reading left files out of dev or test, it warns."""
    parts = ("train", "dev", "test")
    found = set(zip(clips["partition"], clips["label"], strict=True))
    gone = [f"{label} in {part}" for part in parts for label in classes if (part, label) not in found]
    if not gone:
        return []
    said = f"no usable audio is left for {', '.join(gone)}"
    learnt = all(("train", label) in found for label in classes)
    if left_out and learnt and {part for part, _ in found} == set(parts):
        return [f"Because of that {said}; scores are averaged over the other classes."]
    raise DsliteError(
        f"{settings.name}: {said}; every partition needs every class. "
        f"Look at the files that were left out and mend or complete {settings.folder}."
        + (f" {left_out[0]} The other readings pad them." if left_out else "")
    )


# train ----------------------------------------------------------------------------------------------------------------


def train(settings: Settings) -> Stage:
    """Stage ``train``: the four augmentations, each fitted on train (for dev) and on train + dev (for test)."""
    corpus = prepare(settings)
    weights = settings.weights_file
    if record := records.made(settings, "train", _shown_with(corpus, _fitted_with(settings, corpus, weights))):
        return Stage(settings, record)
    started = time.monotonic()
    if weights is None and progress.VARIABLE not in os.environ:  # a run has tried before it made its plan
        weights = fetch_weights(settings.backbone)
    fitted_with = _fitted_with(settings, corpus, weights)
    settings.paths.record("evaluate").unlink(missing_ok=True)  # scores of other predictions than will lie here
    key = records.identity("train", fitted_with)
    jobs = [
        fits.Job(a, target, settings.paths.fit(a, target), records.hashed([key, a, target]))
        for a in AUGMENTATIONS
        for target in fits.TARGETS
    ]
    about = fits.run(workshop(corpus, weights), jobs, settings.workers, progress.report)
    fitted = [json.loads((job.folder / "record.json").read_text()) for job in jobs]
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "train", _shown_with(corpus, fitted_with), started),
        "threads": 1,
        "workers": settings.workers,
        "weights": about["weights"],
        "weights_source": about["source"],
        "backbone": settings.backbone,
        "recipe": asdict(settings.recipe),
        "reading_parameters": settings.reading.parameters(),
        "but_for_the_seed": records.identity("train", _seedless(settings, fitted_with)),
        "trained_layers": fitted[0]["trained_layers"],
        "fit_seconds": round(sum(fit["seconds"] for fit in fitted), 1),
        "warnings": [*weights_warnings(about["weights"], about["source"]), *corpus.record["warnings"]],
    }
    records.write(settings, record)
    return Stage(settings, record)


def workshop(corpus: Stage, weights: Path | None, seed: int | None = None) -> fits.Workshop:
    """What all fits on a prepared corpus share; the seed is that of its settings unless another is given."""
    settings, paths = corpus.settings, corpus.paths
    return fits.Workshop(
        clips=paths.clips,
        chunks=paths.chunks,
        spectrograms=paths.spectrograms,
        features=paths.features,
        classes=corpus.classes,
        backbone=settings.backbone,
        weights=weights,
        data_hash=corpus.record["data_hash"],
        recipe=settings.recipe,
        reading=settings.reading,
        seed=settings.seed if seed is None else seed,
    )


def _fitted_with(settings: Settings, corpus: Stage, weights: Path | None) -> dict:
    return {
        "data": corpus.record["data_hash"],
        "profile": settings.profile,
        "backbone": settings.backbone,
        "weights": digest(weights),
        "recipe": asdict(settings.recipe),
        "reading": settings.reading.parameters(),
        "seed": settings.seed,
    }


def _seedless(settings: Settings, fitted_with: dict) -> dict:
    """What fits depend on, the seed aside; of a stand-in the audio too, which the seed makes."""
    return {k: v for k, v in fitted_with.items() if k != "seed" and not (settings.standin and k == "data")}


def _shown_with(corpus: Stage, fitted_with: dict) -> dict:
    """What the pages say of the data belongs to a stage's identity; the fits are the same whatever it is called."""
    return fitted_with | {name: corpus.record[name] for name in ("note", "warnings")} | {"kind": corpus.record["data"]}


# evaluate -------------------------------------------------------------------------------------------------------------


def evaluate(settings: Settings) -> Stage:
    """Stage ``evaluate``: scores, intervals, tests and confusion, from the prediction tables and from nothing else."""
    from dslite.stages.baseline.work import baseline  # here, because it is built on this module

    trained, compared = train(settings), baseline(settings)
    identity = {
        "train": trained.record["identity"],
        "baseline": compared.record["identity"],
        "seed": settings.seed,
    }
    if record := records.made(settings, "evaluate", identity):
        return Stage(settings, record)
    started = time.monotonic()
    scores, counts = [], []
    for system, augmentation in [*((name, "") for name in SYSTEMS), *(("", key) for key in AUGMENTATIONS)]:
        name = SYSTEMS.get(system, OURS)
        for partition in fits.TARGETS:
            file = settings.paths.baseline(system, partition)
            table = pd.read_parquet(file) if system else trained.predictions(augmentation, partition)
            for protocol in scoring.PROTOCOLS:
                where = {"system": name, "augmentation": augmentation, "partition": partition, "protocol": protocol}
                scores.append({**where, **scoring.score(table, trained.classes, protocol, settings.seed)})
                matrix = scoring.confusion(table, trained.classes, protocol)
                counts.append(matrix.stack().rename("files").reset_index().assign(**where))
    record = {**records.inherited(trained.record), **records.begin(settings, "evaluate", identity, started)}
    shared = {name: record[name] for name in ("corpus", "data", "backbone", "weights", "profile", "reading", "seed")}
    results = pd.DataFrame(scores).assign(**shared)[RESULT_COLUMNS]
    without = [name for system, name in SYSTEMS.items() if system not in ON_BASE_MODEL]
    results.loc[results["system"].isin(without), ["backbone", "weights"]] = ""
    paths, matrices = settings.paths, pd.concat(counts, ignore_index=True)
    dev = results[(results["partition"] == "dev") & (results["system"] == OURS)]
    on_test = {a: trained.predictions(a, "test") for a in AUGMENTATIONS}
    on_test[SYSTEMS[PUBLISHED]] = pd.read_parquet(paths.baseline(PUBLISHED, "test"))
    pairs, selection = statistics.on_test(
        on_test,
        {protocol: rows.set_index("augmentation")["uar"] for protocol, rows in dev.groupby("protocol", sort=False)},
        trained.classes,
        settings.seed,
    )
    files = {paths.scores: results, paths.confusion: matrices, paths.pairs: pairs, paths.selection: selection}
    for file, table in files.items():
        with whole_file(file) as draft:
            table.to_parquet(draft, index=False)
    records.write(settings, record)
    return Stage(settings, record)


def weights_warnings(weights: str, source: str) -> list[str]:
    """What a record has to warn of where there were no ImageNet weights; ``source`` says why."""
    if weights != "random":
        return []
    return [f"RANDOM WEIGHTS: {source}. No figure here says anything about the paper's models."]


def about(name: str, record: dict):
    """A corpus' ``CorpusInfo``, or for an own corpus its name, short, title, partition and no row of Table 1."""
    return corpora.CORPORA.get(name) or SimpleNamespace(**record["about"], table1=None)


def _place(settings: Settings) -> Path:
    return Path(settings.source) if corpora.is_own(settings.source) else settings.folder


def _data_hash(paths) -> str:
    """What fits depend on: labels, partitions, chunks and every cached value; not on how they came to be."""
    total = hashlib.sha256()
    for table in (paths.clips, paths.chunks):
        total.update(pd.read_parquet(table).to_csv(index=False).encode())
    with paths.spectrograms.open("rb") as stream:
        while block := stream.read(1 << 22):
            total.update(block)
    return total.hexdigest()[:16]


def _few(warnings: list[str], most: int = 8) -> list[str]:
    rest = len(warnings) - most
    return warnings if rest <= 0 else [*warnings[:most], f"and {rest} more, listed on the corpus page"]
