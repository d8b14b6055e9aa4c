"""Stage ``evaluate``: scores, intervals, tests and confusion, from the prediction tables and from nothing else."""

import numpy as np
import pandas as pd

from dslite import scoring, statistics
from dslite.configurations import CONFIGURATIONS
from dslite.errors import DsliteError
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.resampling import NUMBER_SCORES
from dslite.scoring import TRAINED_ON
from dslite.systems import BASELINES, CHANCE, OURS

COLUMNS = [
    "corpus", "system", "augmentation", "partition", "protocol", "uar", "ci_low", "ci_high", "n_files", "n_speakers",
    "data", "backbone", "weights", "profile", "reading", "seed", "changed", "ci_speaker_low", "ci_speaker_high", "se",
    *NUMBER_SCORES,
]  # fmt: skip
"""Of ``results.csv``: each is a key of :func:`dslite.scoring.score`, of the stage's record, or says whose score it is;
``docs/results.md`` tells what they mean."""


def work(settings: Settings) -> FinishedStage:
    """Leaves ``scores`` (rows of ``results.csv``), ``confusion``, ``pairs`` and ``selection``; of numbers ``numbers``
    (:func:`dslite.scoring.number_scores`) in place of ``confusion``.

    The record's ``chosen`` is the configuration that is best on dev, all files: what is explained and deployed.

    Raises:
        DsliteError: if no configuration has a score on dev.
    """
    trained, compared = (FinishedStage.of(settings, stage) for stage in ("train", "baseline"))
    inputs = {"train": trained.record["identity"], "baseline": compared.record["identity"], "seed": settings.seed}
    inputs["draws"] = settings.draws, settings.paired_draws
    identity = records.identity("evaluate", inputs)
    if record := records.made(settings, "evaluate", identity):
        return FinishedStage(settings, record)
    fitted = set(trained.record["fits"])
    configurations = [a for a in CONFIGURATIONS if {scoring.fit_name(a, part) for part in TRAINED_ON} <= fitted]
    if not configurations:
        raise DsliteError(
            f"{settings.name}: fitted were {', '.join(trained.record['fits'])}. A score needs two fits of one "
            f"configuration: one on train, which dev is scored by, and one on train + dev for test."
        )
    started, paths = records.start(settings, "evaluate"), settings.paths
    scores, counts = [], []
    tables = {(key, part): pd.read_parquet(paths.baseline(key, part)) for key in BASELINES for part in TRAINED_ON}
    tables |= {(name, part): trained.predictions(name, part) for name in configurations for part in TRAINED_ON}
    for (name, partition), table in tables.items():
        system, augmentation = (BASELINES[name].title, "") if name in BASELINES else (OURS, name)
        for protocol in scoring.PROTOCOLS:
            where = {"system": system, "augmentation": augmentation, "partition": partition, "protocol": protocol}
            found = scoring.score(table, trained.classes, protocol, settings.seed, settings.draws)
            scores.append({**where, **found})
            if name == CHANCE:  # 100 / classes (of numbers 0) on any files: nothing about it is uncertain
                scores[-1] |= dict.fromkeys(("ci_low", "ci_high", "ci_speaker_low", "ci_speaker_high", "se"), np.nan)
            if trained.classes:
                matrix = scoring.confusion(table, trained.classes, protocol)
                counts.append(matrix.stack().rename("files").reset_index().assign(**where))
            else:
                rows = scoring.under(table, protocol)
                counts.append(scoring.number_scores(rows, settings.seed, settings.draws).assign(**where))
    record = {**records.inherited(trained.record), **records.begin(settings, "evaluate", identity, started)}
    record["warnings"] = list(dict.fromkeys([*trained.record["warnings"], *compared.record["warnings"]]))
    results = pd.DataFrame(scores)
    others = {name: np.nan for name in ("uar", *NUMBER_SCORES) if name not in results}
    results = results.assign(**others, **{name: record[name] for name in COLUMNS if name in record})[COLUMNS]
    without = [system.title for system in BASELINES.values() if not system.on_base_model]
    results.loc[results["system"].isin(without), ["backbone", "weights"]] = ""
    dev = results[(results["partition"] == "dev") & (results["system"] == OURS)]
    on_test = {name: tables[name, "test"] for name in configurations}
    on_test |= {BASELINES[key].title: tables[key, "test"] for key in BASELINES if key != CHANCE}
    on_dev = dict(iter(dev.set_index("augmentation").groupby("protocol", sort=False)[trained.task.column]))
    pairs, selection = statistics.on_test(
        on_test, on_dev, trained.classes, settings.seed, settings.draws, settings.paired_draws
    )
    chosen = selection.set_index(["protocol", "unit"]).loc[("all", "file"), "by_dev"]
    if not chosen:
        raise DsliteError(f"{settings.name} has no score on dev, so no configuration can be chosen.")
    details = {"confusion" if trained.classes else "numbers": pd.concat(counts, ignore_index=True)}
    record |= {"chosen": chosen, "configurations": configurations}
    return records.write(settings, record, {"scores": results, "pairs": pairs, "selection": selection, **details})
