"""The trials of a search: drawn, fitted, judged on dev, by one process or by several on any machines.

They share Optuna's journal, a file, and a lock that NFS knows too, a symbolic link: who holds it draws a trial, so that
none is made twice and there are never more than are wanted.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import audio
from dslite.changes import checked, to_reading
from dslite.errors import Damaged, DsliteError, NoRoom
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.layout.settings import Settings
from dslite.profiles import TUNED
from dslite.readings import READINGS
from dslite.scoring import uar
from dslite.stages.corpus.cache import cached_as
from dslite.stages.search import grid
from dslite.stages.train import fits
from dslite.store import Samples
from dslite.weights import digest, find_weights

_ENDED = ("COMPLETE", "PRUNED", "FAIL")

WARM_UP = 40
"""Share of its epochs in percent before which no trial is given up: a second phase begins with a fall."""


class _Stopped(Exception):
    """Of a trial: the hours that were given are over. It is taken up again another time."""


class _GivenUp(Exception):
    """Of a trial that is behind the median of the others."""


def take_part(settings: Settings, process: str) -> str:
    """Makes trials beside processes of other names; returns "", or why it ended before there were enough."""
    return "the hours are over" * Search(settings, process).run()


class Search:
    """The trials of a corpus as one process sees them: ``study`` is Optuna's, ``space`` what it draws from, ``points``
    those of a grid in the order in which they are tried, ``total`` how many trials are wanted.

    What a process of the same name was killed in the middle of is asked for again; without a name, that of any.

    Raises:
        DsliteError: Optuna is not installed.
    """

    def __init__(self, settings: Settings, process: str = "") -> None:
        try:
            import optuna
        except ImportError:
            raise DsliteError("Optuna is not installed; run `make .venv/search`, or `pip install optuna`.") from None
        from optuna.storages import JournalStorage, journal

        from dslite.stages.search import space  # needs Optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.settings, self.process, place = replace(settings, workers=1), process, settings.paths.file("search")
        self.decoded = FinishedStage.of(settings, "corpus")
        place.mkdir(parents=True, exist_ok=True)
        self._turns = place / "turns"
        self._lock = journal.JournalFileSymlinkLock(str(self._turns))
        self.study = optuna.create_study(
            study_name=same(settings),
            storage=JournalStorage(journal.JournalFileBackend(str(place / "journal.log"))),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=WARM_UP),
            direction="maximize",
            load_if_exists=True,
        )
        self.points = [] if settings.trials else grid.points(settings)
        self.total = settings.trials or len(self.points)
        np.random.default_rng(settings.seed).shuffle(self.points)
        drawn = self.points or _loudest(settings, self.decoded)
        self.space = space.of_points(drawn) if self.points else space.of_network(settings, drawn)
        with self._turn():
            before = self.study.user_attrs.get("processes", 0)
            self.study.set_user_attr("processes", before + 1)
            if not before and not self.points:
                self.study.enqueue_trial(space.first(replace(TUNED, chunk=settings.recipe.chunk), settings, self.space))
            for trial in self._trials("RUNNING"):
                if process in ("", trial.user_attrs.get("process")):
                    self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                    self.study.enqueue_trial(trial.system_attrs.get("fixed_params", trial.params))
        # Two that begin with one seed would draw the same values.
        how = {"multivariate": False, "constant_liar": bool(process)}
        self.study.sampler = optuna.samplers.TPESampler(seed=settings.seed + before, **how)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self._turns.touch()  # those that wait take a lock as that of a dead process if this is half a minute ago
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _trials(self, *states: str) -> list:
        """Those in some states, asked for at once: what ends between two questions, by another process, would be in the
        answer to neither. What failed without a reason was stopped, and is none."""
        found = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name in states]
        return [trial for trial in found if trial.state.name != "FAIL" or "reason" in trial.user_attrs]

    @property
    def done(self) -> list:
        """Trials that came to an end: scored, given up on the way, or impossible."""
        return self._trials(*_ENDED)

    def run(self) -> bool:
        """Makes trials until there are enough; whether the hours were over before."""
        from optuna.trial import TrialState

        deadline = self._deadline()
        while time.time() < deadline and (trial := self._drawn()):
            told: dict = {"state": TrialState.FAIL}
            try:
                told = {"values": self._try(trial, deadline)}
            except _GivenUp:
                told = {"state": TrialState.PRUNED}
            except BaseException as error:
                if isinstance(error, DsliteError) and not isinstance(error, NoRoom | Damaged):
                    trial.set_user_attr("reason", str(error))
                else:  # the same is asked for the next time, first of all
                    self.study.enqueue_trial(trial.params)
                    if not isinstance(error, _Stopped):
                        raise
            finally:
                self.study.tell(trial, **told)
        return time.time() >= deadline

    def _deadline(self) -> float:
        """When the hours are over, in seconds since 1970, as machines of a cluster whose clocks agree count alike.

        In a run they begin once, with the first process that comes here, so that one that was killed has no more of
        them than the others; by hand they begin now.
        """
        hours = self.settings.hours
        until = time.time() + 3600 * hours if hours else float("inf")
        if not hours or progress.VARIABLE not in os.environ:
            return until
        run = Paths(self.settings.output).plan.stat().st_mtime_ns  # every run writes its own
        with self._turn():
            known = self.study.user_attrs.get("until", ())
            if run not in known:
                self.study.set_user_attr("until", known := [run, until])
        return known[1]

    def _drawn(self):
        """The next trial; None where enough are done or being made."""
        with self._turn():
            if len(self._trials(*_ENDED, "RUNNING")) >= self.total:
                return None
            if self.points and not self._trials("WAITING"):
                begun = {frozenset(trial.params.items()) for trial in self.study.get_trials(deepcopy=False)}
                self.study.enqueue_trial(next(p for p in self.points if frozenset(p.items()) not in begun))
            trial = self.study.ask(self.space)
            trial.set_user_attr("process", self.process)
            return trial

    def _try(self, trial, deadline: float) -> float:
        """UAR on dev of one trial, in percent."""
        corpus, folder = corpus_as(self.settings, self.decoded, trial.params), fitted_in(self.settings, trial.params)
        total, told = sum(corpus.settings.recipe.epochs), set()

        def follow(done: float, _, text: str, epochs=()) -> None:
            self._report(trial.number, done, text)
            for epoch in (epoch for epoch in epochs if not np.isnan(epoch.dev_uar)):
                if (percent := round(100 * epoch.epoch / total)) not in told:  # at the end all epochs are told again
                    told.add(percent)
                    trial.report(epoch.dev_uar, percent)
            if epochs and trial.should_prune():
                raise _GivenUp
            if time.time() > deadline:
                raise _Stopped

        (fit,) = [fit for fit in fits.with_one(corpus, trial.params["augmentation"], folder) if fit.target == "dev"]
        fits.run(corpus, [fit], follow, apart=True)
        with suppress(FileNotFoundError):  # 15 MB each, and the winner is fitted on more than train
            (fit.folder / "model.keras").unlink()
        table = fit.predictions()
        return uar(*(pd.Categorical(table[name], self.decoded.classes).codes for name in ("label", "predicted")))

    def _report(self, number: int, share: float, text: str) -> None:
        others = [trial for trial in self._trials("RUNNING") if trial.number != number]
        ended = len(self.done)
        share += ended + sum((trial.last_step or 0) / 100 for trial in others)
        scored = self._trials("COMPLETE")
        best = f", best on dev {max(trial.value for trial in scored):.1f}" if scored else ""
        told = f"{ended} of {self.total:,} trials{best}; trial {number}: {text}"
        progress.report(min(0.95 * share / self.total, 0.95), 1, told)


def same(settings: Settings) -> str:
    """What all trials of a search have in common, a hash: with it the same command goes on where it was stopped."""
    asked = {"train": FinishedStage.of(settings, "train").record["identity"], "seed": settings.seed}
    asked |= {"weights": digest(settings.weights_file), "grid": not settings.trials}
    return records.identity("search", asked, settings.chosen)


def corpus_as(settings: Settings, decoded: FinishedStage, values: Mapping) -> FinishedStage:
    """The corpus as a trial sees it."""
    from dslite.stages.search.space import to_changes

    # A trial has the fits that it asks for, whichever those of the stage train are.
    changes = checked({name: value for name, value in settings.changes if name != "fits"} | to_changes(values))
    name, backbone = settings.reading.name, values["backbone"]
    here = None if settings.random_weights else find_weights(backbone, settings.weights)
    reading = to_reading(READINGS[name], changes)
    profile = settings.profile if settings.trials else "full"  # what the grid does not vary is as in Table 2
    variant = replace(settings, reading=reading, changes=changes, backbone=backbone, weights_file=here, profile=profile)
    return cached_as(variant, decoded, settings.paths.file("search", backbone), lambda *_: None)


def fitted_in(settings: Settings, values: Mapping) -> Path:
    """The folder of the fits of a trial's values."""
    return settings.paths.file("search", "trials") / records.hashed(dict(values))


def _loudest(settings: Settings, decoded: FinishedStage) -> float:
    """Mel power in dB that the loudest bin of one in a hundred training files exceeds."""
    from dslite.keras_defaults import graph, tf
    from dslite.spectrogram import MelPlot

    plot, samples = MelPlot(replace(settings.reading.front_end(), normalise=False)), Samples(settings.paths.samples)
    power = graph(plot.power, tf.TensorSpec([None, None], tf.float32))
    files = decoded.clips.loc[decoded.clips["partition"] == "train", "file"]
    waves = (audio.cut(samples[file], None, 1, plot.parameters.window) for file in files)
    return round(float(np.percentile([power(wave).numpy().max() for wave in waves], 99)), 1)
