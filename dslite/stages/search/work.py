"""Stage ``search``: the hyperparameters that are best on dev; test is scored once, for them alone.

Optuna's journal, a file, holds all trials: a search that was stopped goes on with them, and one that is given more
trials goes on from there. Each trial is one fit on train, judged by its UAR on dev; in a run with several cores they
have been made before this. The winner is fitted again on train and dev. The machine that it has to beat, on librosa's
statistics, is searched with as many trials.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from dslite import baseline, statistics
from dslite.configurations import CONFIGURATIONS
from dslite.errors import DsliteError
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.layout.settings import Settings
from dslite.scoring import TRAINED_ON, uar
from dslite.stages.baseline.cache import features
from dslite.stages.search import trials
from dslite.stages.train import fits
from dslite.systems import BASELINES, OURS

WINNER, MACHINE = f"{OURS}, searched", f"{BASELINES['librosa'].title}, searched"


def work(settings: Settings) -> FinishedStage:
    """Searches, or goes on with what was searched, and scores the winner.

    It leaves ``trials.parquet`` and ``machine.parquet`` (a row per trial, with its UAR on dev), ``scores.parquet`` (a
    row per system, seed and partition), ``differences.parquet`` (:func:`dslite.statistics.against` the winner) and the
    winner's predictions.

    Raises:
        DsliteError: where Optuna is not installed, or no trial came to an end.
    """
    evaluated, decoded = (FinishedStage.of(settings, name) for name in ("evaluate", "corpus"))
    # How scores are judged is nothing to the trials: they are kept.
    identity = records.hashed([trials.same(settings), evaluated.record["identity"], settings.trials, settings.seeds])
    if record := records.made(settings, "search", identity):
        return FinishedStage(settings, record)
    started = records.start(settings, "search")
    search = trials.Search(settings)
    left = Paths(settings.output).helper(f"{settings.name}-search", "*")
    told = [file.read_text() for file in left.parent.glob(left.name)]
    if not any(told):  # else the hours are over
        search.run()
    from dslite.stages.search import space  # needs Optuna

    study = search.study
    ended = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if not ended:
        reasons = sorted({trial.user_attrs["reason"] for trial in search.done if "reason" in trial.user_attrs})
        said = " ".join(reasons) or f"In {settings.hours:g} h none did; the same command goes on from its checkpoint."
        raise DsliteError(f"{settings.name}: no trial of the search came to an end. {said}")
    best = max(ended, key=lambda trial: (trial.value, -trial.number))
    machine, on_machine = _machine(settings, decoded, len(search.done), space)
    winner, weights = _refit(settings, decoded, best.params)
    chosen = evaluated.chosen
    table2 = {target: evaluated.predictions(chosen, target) for target in TRAINED_ON}
    tables = {WINNER: winner, f"{OURS}, {CONFIGURATIONS[chosen].title}": [table2], MACHINE: [on_machine]}
    fitted = {str(trial.number): trials.fitted_in(settings, trial.params) for trial in ended}
    on_dev = {number: pd.read_parquet(folder / "dev/predictions.parquet") for number, folder in fitted.items()}
    drawn = settings.seed, settings.draws, settings.paired_draws
    leaves = {
        "trials": _table(search.done),
        "machine": machine,
        **statistics.of_runs(tables, WINNER, decoded.classes, *drawn),
        "predictions": pd.concat([found["test"].assign(seed=settings.seed + n) for n, found in enumerate(winner)]),
    }
    unit = "speaker" if records.voices(decoded.record) else "file"
    compared = statistics.compare(on_dev, decoded.classes, "all", unit)
    record = {
        **records.inherited(evaluated.record),
        **records.begin(settings, "search", identity, started),
        "trials": search.total,
        "grid": bool(search.points),
        "space": {name: space.said(one) for name, one in search.space.items()},
        "processes": len({trial.user_attrs.get("process") for trial in study.trials} - {None}),
        "hours": settings.hours,
        **weights,
        "augmentation": best.params["augmentation"],
        "best": best.number,
        "winner": {n: list(v) if isinstance(v, tuple) else v for n, v in space.to_changes(best.params).items()},
        "optimism": statistics.optimism(compared, settings.seed, settings.draws),
        "in_time": len(search.done) >= search.total,
        "seeds": list(range(settings.seed, settings.seed + settings.seeds)),
        "warnings": decoded.record["warnings"],
    }
    return records.write(settings, record, leaves)


def _refit(settings: Settings, decoded: FinishedStage, values: Mapping) -> tuple[list[dict], dict]:
    """The winner's predictions for dev and test, per seed, and what its base model's weights are."""
    found, about = [], {}
    for number in range(settings.seeds):
        seed = settings.seed + number
        corpus = trials.corpus_as(replace(settings, seed=seed), decoded, values)
        folder = trials.fitted_in(settings, values) / ("" if not number else f"seed_{seed}")
        todo, share = fits.with_one(corpus, values["augmentation"], folder), 0.05 / settings.seeds
        about = fits.run(corpus, todo, progress.part(0.95 + number * share, share, f"the winner, seed {seed}"))
        found.append({fit.target: fit.predictions() for fit in todo})
    return found, about


def _machine(settings: Settings, decoded: FinishedStage, times: int, space) -> tuple[pd.DataFrame, dict]:
    """The support vector machine on librosa's statistics, searched with as many trials: the trials, and the
    predictions of the best for dev and test."""
    import optuna

    clips, vectors = decoded.clips, features(decoded, lambda *_: None)[1]["librosa"]
    labels = pd.Categorical(clips["label"], decoded.classes).codes.astype(int)
    partitions = clips["partition"].to_numpy()

    def margins(values, target: str) -> np.ndarray:
        point = baseline.Point(values["complexity"], values["standardise"], values["balanced"])
        learnt, asked, taken = np.isin(partitions, TRAINED_ON[target]), partitions == target, space.columns(values)
        shown = vectors[learnt][:, taken], labels[learnt], vectors[asked][:, taken]
        return baseline.fit(point, *shown, settings.seed)[0]

    sampler = optuna.samplers.TPESampler(seed=settings.seed)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    # First what the stage baseline has chosen: however few the trials, none is worse off for having been searched.
    known = FinishedStage.of(settings, "baseline").record["chosen"]["librosa"]
    study.enqueue_trial(known | {"moments": "both"} | dict.fromkeys(space.GROUPS, True))
    for _ in range(times):
        trial = study.ask(space.MACHINE)
        study.tell(trial, uar(labels[partitions == "dev"], margins(trial.params, "dev").argmax(axis=1)))
    padded, found = decoded.padded, {}
    for target in TRAINED_ON:
        files = clips[partitions == target]
        of = {"margins": margins(study.best_params, target)}
        found[target] = baseline.predictions(files, padded.loc[files["file"]].to_numpy(), decoded.classes, **of)
    return _table(study.trials), found


def _table(made) -> pd.DataFrame:
    """A row per trial: ``trial``, ``state``, ``dev_uar``, ``seconds``, ``reason``, and its values."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "dev_uar": trial.value if trial.value is not None else float("nan"),
            "seconds": trial.duration.total_seconds(),
            "reason": trial.user_attrs.get("reason", ""),
            **trial.params,
        }
        for trial in made
    ]
    return pd.DataFrame(rows)
