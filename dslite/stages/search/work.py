"""Stage ``search``: the hyperparameters that are best on dev; test is scored once, for them alone.

Optuna's journal, a file, holds all trials: a search that was stopped goes on with them, and one that is given more
trials goes on from there. Each trial is one fit on train, judged by its UAR on dev; the winner is fitted again on train
and dev. The machine that it has to beat, on librosa's statistics, is searched with as many trials.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock

import numpy as np
import pandas as pd

from dslite import audio, baseline, scoring, statistics
from dslite.changes import checked, to_reading
from dslite.configurations import CONFIGURATIONS
from dslite.errors import DsliteError
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.profiles import TUNED
from dslite.readings import READINGS
from dslite.scoring import TRAINED_ON, uar
from dslite.stages.corpus.cache import cached_as
from dslite.stages.train import fits
from dslite.store import Samples
from dslite.systems import BASELINES, OURS
from dslite.weights import digest, find_weights

WINNER, MACHINE = f"{OURS}, searched", f"{BASELINES['librosa'].title}, searched"

WARM_UP = 40
"""Share of its epochs in percent before which no trial is given up: a second phase begins with a fall."""


class _Stopped(Exception):
    """Of a trial: the hours that were given are over, or somebody interrupts. It is taken up again another time."""


class _GivenUp(Exception):
    """Of a trial that is behind the median of the others."""


def work(settings: Settings) -> FinishedStage:
    """Searches, or goes on with what was searched, and scores the winner.

    It leaves ``trials.parquet`` and ``machine.parquet`` (a row per trial, with its UAR on dev), ``scores.parquet`` (a
    row per system, seed and partition), ``differences.parquet`` (:func:`dslite.statistics.against` the winner) and the
    winner's predictions.

    Raises:
        DsliteError: where Optuna is not installed, or no trial came to an end.
    """
    try:
        import optuna
    except ImportError:
        raise DsliteError(
            "The stage search needs Optuna, which is not installed; run `make .venv/search`, or `pip install optuna`."
        ) from None
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from dslite.stages.search import space  # needs Optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    evaluated, trained, decoded = (FinishedStage.of(settings, name) for name in ("evaluate", "train", "corpus"))
    asked = {"train": trained.record["identity"], "weights": digest(settings.weights_file)}
    same = records.identity("search", asked | {"seed": settings.seed}, settings.chosen)
    # How scores are judged is nothing to the trials: they are kept.
    identity = records.hashed([same, evaluated.record["identity"], settings.trials, settings.seeds])
    if record := records.made(settings, "search", identity):
        return FinishedStage(settings, record)
    started = time.monotonic()
    settings.paths.record("search").unlink(missing_ok=True)
    place = settings.paths.file("search")
    place.mkdir(parents=True, exist_ok=True)
    backend = JournalFileBackend(str(place / "journal.log"))
    study = optuna.create_study(
        study_name=same,
        storage=JournalStorage(backend),
        sampler=optuna.samplers.TPESampler(seed=settings.seed, multivariate=False, constant_liar=settings.workers > 1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=WARM_UP),
        direction="maximize",
        load_if_exists=True,
    )
    network = space.of_network(settings, _loudest(settings, decoded))
    if not study.trials:
        study.enqueue_trial(space.first(replace(TUNED, chunk=settings.recipe.chunk), settings, network))
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):  # of a search that was killed
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
    _search(study, network, settings, decoded)
    ended = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if not ended:
        reasons = {trial.user_attrs["reason"] for trial in study.trials if "reason" in trial.user_attrs}
        raise DsliteError(
            f"{settings.name}: no trial of the search came to an end. {' '.join(sorted(reasons))}".strip()
        )
    best = max(ended, key=lambda trial: (trial.value, -trial.number))
    machine, on_machine = _machine(settings, decoded, len(_done(study)), space)
    winner, weights = _refit(settings, decoded, best.params)
    chosen = evaluated.chosen
    table2 = {target: evaluated.predictions(chosen, target) for target in TRAINED_ON}
    tables = {WINNER: winner, f"{OURS}, {CONFIGURATIONS[chosen].title}": [table2], MACHINE: [on_machine]}
    on_test = {name: [found["test"] for found in runs] for name, runs in tables.items()}
    on_dev = {str(t.number): pd.read_parquet(_folder(place, t.params) / "dev/predictions.parquet") for t in ended}
    scores = [
        {"system": name, "seed": settings.seed + number, "partition": part}
        | scoring.score(table, decoded.classes, "all", settings.seed, settings.draws)
        for name, runs in tables.items()
        for number, found in enumerate(runs)
        for part, table in found.items()
    ]
    leaves = {
        "trials": _table(study),
        "machine": machine,
        "scores": pd.DataFrame(scores),
        "differences": statistics.against(on_test, WINNER, decoded.classes, settings.seed, settings.paired_draws),
        "predictions": pd.concat([found["test"].assign(seed=settings.seed + n) for n, found in enumerate(winner)]),
    }
    compared = statistics.compare(
        on_dev, decoded.classes, "all", "speaker" if records.voices(decoded.record) else "file"
    )
    record = {
        **records.inherited(evaluated.record),
        **records.begin(settings, "search", identity, started),
        "trials": settings.trials,
        "hours": settings.hours,
        "backbone": best.params["backbone"],
        "weights": weights["weights"],
        "weights_source": weights["source"],
        "augmentation": best.params["augmentation"],
        "best": best.number,
        "winner": {n: list(v) if isinstance(v, tuple) else v for n, v in space.to_changes(best.params).items()},
        "optimism": statistics.optimism(compared, settings.seed, settings.draws),
        "in_time": len(_done(study)) >= settings.trials,
        "seeds": list(range(settings.seed, settings.seed + settings.seeds)),
        "warnings": decoded.record["warnings"],
    }
    records.write(settings, record, leaves)
    return FinishedStage(settings, record)


def _loudest(settings: Settings, decoded: FinishedStage) -> float:
    """Mel power in dB that the loudest bin of one in a hundred training files exceeds."""
    from dslite.keras_defaults import graph, tf
    from dslite.spectrogram import MelPlot

    plot, samples = MelPlot(replace(settings.reading.front_end(), normalise=False)), Samples(settings.paths.samples)
    power = graph(plot.power, tf.TensorSpec([None, None], tf.float32))
    files = decoded.clips.loc[decoded.clips["partition"] == "train", "file"]
    waves = (audio.cut(samples[file], None, 1, plot.parameters.window) for file in files)
    return round(float(np.percentile([power(wave).numpy().max() for wave in waves], 99)), 1)


def _done(study) -> list:
    """Trials that came to an end: scored, given up on the way, or impossible."""
    states = ("COMPLETE", "PRUNED")
    return [trial for trial in study.trials if trial.state.name in states or "reason" in trial.user_attrs]


def _search(study, network, settings: Settings, decoded: FinishedStage) -> None:
    """Trials until there are enough or the time is over, some side by side, each with one thread."""
    from optuna.trial import TrialState

    lock, interrupted, running = Lock(), Event(), dict[int, float]()
    deadline = time.monotonic() + 3600 * settings.hours if settings.hours else float("inf")

    def over() -> bool:
        return interrupted.is_set() or time.monotonic() > deadline

    def report(number: int, share: float, text: str) -> None:
        with lock:
            running[number] = share
            scored = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
            best = f", best on dev {max(trial.value for trial in scored):.1f}" if scored else ""
            share, total = len(_done(study)) + sum(running.values()), settings.trials
            progress.report(min(0.95 * share / total, 0.95), 1, f"trial {number + 1} of {total}{best}: {text}")

    def worker(_) -> None:
        while not over():
            with lock:
                if len(_done(study)) + len(running) >= settings.trials:
                    return
                trial = study.ask(network)
                running[trial.number] = 0.0
            told: dict = {"state": TrialState.FAIL}
            try:
                told = {"values": _try(trial, settings, decoded, report, over)}
            except _GivenUp:
                told = {"state": TrialState.PRUNED}
            except DsliteError as error:
                trial.set_user_attr("reason", str(error))
            except BaseException as error:  # the same is asked for the next time, first of all
                study.enqueue_trial(trial.params)
                if not isinstance(error, _Stopped):
                    raise
            finally:
                with lock:
                    study.tell(trial, **told)
                    running.pop(trial.number)

    with ThreadPoolExecutor(settings.workers) as pool:
        try:
            list(pool.map(worker, range(settings.workers)))
        except BaseException:  # told now, not when the other trials have ended
            interrupted.set()
            raise


def _try(trial, settings: Settings, decoded: FinishedStage, report: Callable, over: Callable[[], bool]) -> float:
    """UAR on dev of one trial, in percent."""
    corpus, folder = _corpus(settings, decoded, trial.params), _folder(settings.paths.file("search"), trial.params)
    total, told = sum(corpus.settings.recipe.epochs), set()

    def follow(done: float, _, text: str, epochs=()) -> None:
        report(trial.number, done, text)
        for epoch in (epoch for epoch in epochs if not np.isnan(epoch.dev_uar)):
            if (percent := round(100 * epoch.epoch / total)) not in told:  # at the end all epochs are told again
                told.add(percent)
                trial.report(epoch.dev_uar, percent)
        if epochs and trial.should_prune():
            raise _GivenUp
        if over():
            raise _Stopped

    (fit,) = [fit for fit in _planned(corpus, trial.params, folder) if fit.target == "dev"]
    fits.run(corpus, [fit], follow, apart=True)
    with suppress(FileNotFoundError):  # 15 MB each, and the winner is fitted on more than train
        (fit.folder / "model.keras").unlink()
    table = pd.read_parquet(fit.folder / "predictions.parquet")
    return uar(*(pd.Categorical(table[name], decoded.classes).codes for name in ("label", "predicted")))


def _corpus(settings: Settings, decoded: FinishedStage, values: Mapping) -> FinishedStage:
    """The corpus as a trial sees it."""
    from dslite.stages.search.space import to_changes

    # A trial has the fits that it asks for, whichever those of the stage train are.
    changes = checked({name: value for name, value in settings.changes if name != "fits"} | to_changes(values))
    name, backbone = settings.reading.name, values["backbone"]
    here = None if settings.random_weights else find_weights(backbone, settings.weights)
    reading = to_reading(READINGS[name], changes)
    variant = replace(settings, reading=reading, changes=changes, backbone=backbone, weights_file=here, workers=1)
    return cached_as(variant, decoded, settings.paths.file("search", backbone), lambda *_: None)


def _planned(corpus: FinishedStage, values: Mapping, folder: Path) -> list[fits.Fit]:
    return fits.planned(corpus, [values["augmentation"]], lambda _, target: folder / target)


def _folder(place: Path, values: Mapping) -> Path:
    return place / "trials" / records.hashed(dict(values))


def _refit(settings: Settings, decoded: FinishedStage, values: Mapping) -> tuple[list[dict], dict]:
    """The winner's predictions for dev and test, per seed, and what its base model's weights are."""
    found, about = [], {}
    for number in range(settings.seeds):
        seed = settings.seed + number
        corpus = _corpus(replace(settings, seed=seed), decoded, values)
        corpus = replace(corpus, settings=replace(corpus.settings, workers=settings.workers))
        folder = _folder(settings.paths.file("search"), values) / ("" if not number else f"seed_{seed}")
        todo = _planned(corpus, values, folder)
        share = 0.05 / settings.seeds

        def told(done, _, text, epochs=(), begin=0.95 + number * share, share=share, seed=seed) -> None:
            progress.report(begin + share * done, 1, f"the winner, seed {seed}: {text}")

        about = fits.run(corpus, todo, told)
        found.append({fit.target: pd.read_parquet(fit.folder / "predictions.parquet") for fit in todo})
    return found, about


def _machine(settings: Settings, decoded: FinishedStage, trials: int, space) -> tuple[pd.DataFrame, dict]:
    """The support vector machine on librosa's statistics, searched with as many trials: the trials, and the
    predictions of the best for dev and test."""
    import optuna

    from dslite.features import statistics as of_wave
    from dslite.features import whole

    samples, clips = Samples(settings.paths.samples), decoded.clips
    vectors = np.stack([of_wave(whole(samples[file])) for file in clips["file"]])
    labels, partitions = (
        pd.Categorical(clips["label"], decoded.classes).codes.astype(int),
        clips["partition"].to_numpy(),
    )

    def margins(values, target: str) -> np.ndarray:
        point = baseline.Point(values["complexity"], values["standardise"], values["balanced"])
        learnt, asked, taken = np.isin(partitions, TRAINED_ON[target]), partitions == target, space.columns(values)
        return baseline.fit(point, vectors[learnt][:, taken], labels[learnt], vectors[asked][:, taken], settings.seed)[
            0
        ]

    sampler = optuna.samplers.TPESampler(seed=settings.seed)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for _ in range(trials):
        trial = study.ask(space.MACHINE)
        study.tell(trial, uar(labels[partitions == "dev"], margins(trial.params, "dev").argmax(axis=1)))
    padded, found = decoded.chunks.groupby("file")["padded"].first(), {}
    for target in TRAINED_ON:
        files = clips[partitions == target]
        of = {"margins": margins(study.best_params, target)}
        found[target] = baseline.predictions(files, padded.loc[files["file"]].to_numpy(), decoded.classes, **of)
    return _table(study), found


def _table(study) -> pd.DataFrame:
    """A row per trial in its order: ``trial``, ``state``, ``dev_uar``, ``seconds``, ``reason``, and its values."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "dev_uar": trial.value if trial.value is not None else float("nan"),
            "seconds": trial.duration.total_seconds() if trial.duration else float("nan"),
            "reason": trial.user_attrs.get("reason", ""),
            **trial.params,
        }
        for trial in study.trials
    ]
    return pd.DataFrame(rows)
