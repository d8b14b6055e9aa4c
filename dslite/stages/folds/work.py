"""Stage ``folds``: every file is predicted by systems that never heard its speaker, fold by fold; and beside it by
systems that learnt from the same number of files dealt at random, to see what such leakage adds to a score."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product

import numpy as np
import pandas as pd

from dslite import scoring, statistics
from dslite.baseline import ITERATIONS, nested, predictions, speaker_normalised
from dslite.configurations import CONFIGURATIONS
from dslite.corpora.folds import folds, shuffled, write
from dslite.errors import DsliteError
from dslite.files import write_table
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.stages.baseline.cache import features
from dslite.stages.train import fits
from dslite.systems import CHANCE, OURS, TITLES
from dslite.weights import digest

DISJOINT, NORMALISED, RANDOM = "speaker-disjoint", "speaker-normalised", "random files"
"""The protocols: no speaker in two folds; besides, the SVMs' features normalised by the speaker's own unlabelled files,
which a device can do only once it has heard its owner; files dealt at random, so that every voice is known."""

AUGMENTATION = "both"

_SVMS = 0.3
"""Share of the bar that features and support vector machines take."""


def work(settings: Settings, augmentation: str = AUGMENTATION) -> FinishedStage:
    """Predicts every file from the other folds, and scores the predictions of all folds together.

    It leaves ``folds.csv``, ``predictions`` (a row per file, protocol, system and seed), ``scores`` and ``pairs`` of
    the first seed, ``uars`` (of each seed, pooled and by fold) and ``leakage`` (:func:`dslite.statistics.against`,
    random files less speaker-disjoint, a row per system).

    Args:
        settings: of the corpus; with several ``seeds`` both files dealt at random and fits are of each.
        augmentation: of DS Lite, a key of :data:`dslite.configurations.CONFIGURATIONS`, fixed beforehand.

    Raises:
        DsliteError: for another augmentation, or a corpus that no folds can be made of.
    """
    if augmentation not in CONFIGURATIONS:
        raise DsliteError(f"The augmentation {augmentation!r} is not one of {', '.join(CONFIGURATIONS)}.")
    corpus = FinishedStage.of(settings, "corpus")
    dealt, prepared, todo = _planned(corpus, augmentation)
    clips, seeds, fold = corpus.clips, list(dealt), dealt[settings.seed][DISJOINT]
    asked = {
        "corpus": corpus.record["identity"],
        "fits": [fit.identity for of in todo.values() for fit in of.values()],
        "folds": fold.tolist(),
        "draws": (settings.draws, settings.paired_draws),
    }
    identity = records.identity("folds", asked | {"seeds": seeds}, settings.chosen)
    more = {"seeds": len(seeds), "augmentation": augmentation}
    if record := records.made(settings, "folds", identity, **more):
        return FinishedStage(settings, record)
    started = records.start(settings, "folds")
    write(settings.paths.file("folds", "folds.csv"), clips, fold)
    tables, about, share = _machines(corpus, dealt), {}, (1 - _SVMS) / len(seeds)
    for number, (seed, of_seed) in enumerate(todo.items()):
        report = progress.part(_SVMS + number * share, share, f"seed {seed}")
        about = fits.run(prepared[seed], list(of_seed.values()), report)
        for (protocol, name), fit in of_seed.items():
            where = {"protocol": protocol, "system": OURS, "seed": seed, "fold": name}
            tables.append(fit.predictions().assign(**where))
    everything = pd.concat(tables, ignore_index=True)
    unsolved = sorted(everything.loc[everything["converged"].eq(False), "system"].unique())
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "folds", identity, started, **more),
        **about,
        "augmentation": augmentation,
        "folds": "the CSV's own column" if any(clips["fold"]) else "made here, by speakers",
        "seeds": seeds,
        "warnings": [
            *(f"{system}: the solver did not converge in {ITERATIONS:,} iterations." for system in unsolved),
            *about["warnings"],
        ],
    }
    scores = scored(everything, corpus.classes, settings.seed, settings.draws, settings.paired_draws)
    return records.write(settings, record, {"predictions": everything} | scores)


def _planned(corpus: FinishedStage, augmentation: str) -> tuple[dict[int, dict], dict, dict[int, dict]]:
    """By seed: the folds of every protocol, the corpus, and DS Lite's fits by protocol and fold."""
    settings, fold = corpus.settings, folds(corpus.settings.source, corpus.clips)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    dealt = {seed: {DISJOINT: fold, RANDOM: shuffled(fold, corpus.clips["label"], seed)} for seed in seeds}
    prepared = {seed: FinishedStage(replace(settings, seed=seed), corpus.record) for seed in seeds}
    return dealt, prepared, {seed: _fits(prepared[seed], augmentation, of) for seed, of in dealt.items()}


def shared(corpus: FinishedStage, share: slice, *_) -> list[tuple[FinishedStage, fits.Fit]]:
    """A share of the fits of all seeds, each with the corpus as it sees it."""
    _, prepared, todo = _planned(corpus, AUGMENTATION)
    return [(prepared[seed], fit) for seed, of_seed in todo.items() for fit in of_seed.values()][share]


def _fits(corpus: FinishedStage, augmentation: str, dealt: dict[str, np.ndarray]) -> dict[tuple[str, str], fits.Fit]:
    """DS Lite's fits with one seed, by protocol and fold: each learns from all other folds."""
    found = {}
    for (protocol, fold), at in product(dealt.items(), range(len(np.unique(dealt[DISJOINT])))):
        name = np.unique(fold)[at]  # numbered on disk: names are other people's
        folder = corpus.paths.file("folds", f"{protocol}/{corpus.settings.seed}/{at}")
        found[protocol, name] = fits.held_out(corpus, augmentation, fold == name, folder, f"{protocol}, fold {name}")
    return found


def _machines(corpus: FinishedStage, dealt: dict[int, dict[str, np.ndarray]]) -> list[pd.DataFrame]:
    """Predictions of the support vector machines under every protocol; those that are there already are read."""
    settings, clips, speaker = corpus.settings, corpus.clips, corpus.clips["speaker"].to_numpy(str)
    known = {name: getattr(settings, name) for name in ("backbone", "seed")} | {"corpus": corpus.record["identity"]}
    known |= {"weights": digest(settings.weights_file), "classes": corpus.classes}
    labels = scoring.coded(clips["label"], corpus.classes)
    padded = corpus.padded.loc[clips["file"]].to_numpy()
    apart = [DISJOINT, NORMALISED] if all(speaker) else [DISJOINT]
    runs = [(protocol, settings.seed, dealt[settings.seed][DISJOINT]) for protocol in apart]
    runs += [(RANDOM, seed, of[RANDOM]) for seed, of in dealt.items()]

    @cache
    def of_files() -> dict[str, np.ndarray]:
        return features(corpus, partial(progress.part(0.0, 0.5 * _SVMS, "SVMs"), text="features of whole files"))[1]

    tables, systems = [], [system for system in TITLES if system != CHANCE]
    share = 0.5 * _SVMS / len(runs) / len(systems)
    for system, (protocol, seed, fold) in product(systems, runs):
        where = {"protocol": protocol, "system": TITLES[system], "seed": seed}
        key = records.identity("baseline", known | where | {"fold": fold.tolist()}, settings.chosen)
        file = corpus.paths.file("folds", f"machines/{key}.parquet")
        if not file.exists():
            report = partial(progress.part(0.5 * _SVMS + share * len(tables), share, TITLES[system]), text=protocol)
            vectors = of_files()[system]
            vectors = speaker_normalised(vectors, speaker) if protocol == NORMALISED else vectors
            margins, complexity, converged = nested(vectors, labels, fold, seed, report)
            table = predictions(clips, padded, corpus.classes, margins=margins).assign(**where, fold=fold)
            write_table(file, table.assign(complexity=complexity, converged=converged))
        tables.append(pd.read_parquet(file))
    return tables


def scored(
    everything: pd.DataFrame, classes: Sequence[str], seed: int, draws: int, paired_draws: int
) -> dict[str, pd.DataFrame]:
    """The tables of scores, from predictions of all protocols, systems and seeds."""
    of, scores, uars, pairs, leakage = {}, [], [], [], []
    for (protocol, system, fitted), rows in everything.groupby(["protocol", "system", "seed"], sort=False):
        where = {"protocol": protocol, "system": system, "seed": fitted}
        of.setdefault((protocol, system), []).append(rows)
        if fitted == seed:
            scores.append(where | scoring.score(rows, classes, "all", seed, draws))
        for fold, those in [("", rows), *rows.groupby("fold")]:
            label, said = (scoring.coded(those[name], classes) for name in ("label", "predicted"))
            uars.append(where | {"fold": fold, "uar": scoring.uar(label, said)})
    for protocol, unit in product((DISJOINT, NORMALISED), statistics.UNITS):
        tables = {system: found[0] for (key, system), found in of.items() if key == protocol}
        if tables:
            compared = statistics.compare(tables, classes, "all", unit)
            where = {"protocol": protocol, "unit": unit, "n_units": compared.units}
            pairs.append(statistics.pairs(compared, seed, paired_draws).assign(**where))
    for system in everything["system"].unique():
        both = {protocol: of[protocol, system] for protocol in (RANDOM, DISJOINT)}
        leakage.append(statistics.against(both, DISJOINT, classes, seed, paired_draws).assign(system=system))
    lost = pd.concat(leakage, ignore_index=True)
    lost["p_holm"] = statistics.holm(lost["p"].to_numpy(float))
    found = {"scores": pd.DataFrame(scores), "uars": pd.DataFrame(uars)}
    return found | {"pairs": pd.concat(pairs, ignore_index=True), "leakage": lost}
