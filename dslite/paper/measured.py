"""What this package measured on real audio, kept as data (measured.json): few readers have such audio at hand.

It is ours and not the paper's, and holds for the corpora, base models and profiles that its records name. Nothing of it
is ever shown as the result of the run at hand. ``python -m benchmarks.measured`` writes it anew from outputs of runs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from dslite.backbones import title
from dslite.configurations import CONFIGURATIONS


@dataclass(frozen=True)
class Adadelta:
    """F-13: fits of Table 2's schedule without augmentation, on train, at the printed rate and at AdaDelta's own.

    Attributes:
        record: what the fits share: data, note, about, classes, base model, weights, profile.
        seed: of the fits; None where there are none.
        histories: learning rate of the first phase -> a row per epoch: ``phase``, ``epoch``, ``loss``, ``accuracy`` (a
            share of 1), ``dev_uar`` (percent; NaN where it was not computed).
    """

    record: Mapping
    seed: int | None
    histories: Mapping[float, pd.DataFrame]


@dataclass(frozen=True)
class Ablation:
    """What single discrepancies did to the reading ``sound`` on one corpus.

    Attributes:
        record: data, note, base model, weights, profile, seeds, chunk (s; 0: whole files).
        sound: of the reading itself on test: ``uar`` (percent, mean over seeds), ``sd`` (over seeds; None for one
            seed), ``n_files``.
        differences: a row per variant, as :func:`dslite.statistics.against` returns it, and ``sd`` of its UAR.
        no_effect: variants that change nothing on this corpus under this profile.
        impossible: variants that could not be fitted.
    """

    record: Mapping
    sound: Mapping
    differences: pd.DataFrame
    no_effect: Sequence[str]
    impossible: Sequence[str]


@dataclass(frozen=True)
class Measured:
    """All that is kept.

    Attributes:
        corpora: name -> ``short``, ``title``, ``data``, ``note``, ``classes``.
        scores: of whole runs on test, all files: ``corpus``, ``data``, ``backbone``, ``weights``, ``profile``,
            ``reading``, ``seed``, ``date`` and ``dslite`` of the run; ``system``, ``augmentation``, ``chosen`` (best on
            dev), ``uar``, ``ci_low``, ``ci_high`` (percent; 95 % over files), ``n_files``, ``n_speakers``,
            ``p_none`` (of no difference from the configuration without augmentation, after Holm's correction, of the
            first seed; else NaN).
        adadelta: learning curves.
        ablations: a run of the stage ``ablation`` each.
    """

    corpora: Mapping[str, Mapping]
    scores: pd.DataFrame
    adadelta: Adadelta
    ablations: tuple[Ablation, ...]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Corpus and profile of every table."""
        return list(self.scores[["corpus", "profile"]].drop_duplicates().itertuples(index=False, name=None))

    def table(self, corpus: str, profile: str) -> pd.DataFrame:
        """A row per system, and columns per base model and reading: UAR with its interval of the first seed, and mean
        (standard deviation) of DS Lite where there are several seeds; texts, for reading."""
        rows, wide = self._of(corpus, profile), {}
        rows = rows.assign(name=[_named(row.system, row.augmentation) for row in rows.itertuples()])
        for (backbone, reading), run in rows.groupby(["backbone", "reading"], sort=False):
            model, seeds = f"{title(backbone)}, reading {reading}", sorted(run["seed"].unique())
            first = run[run["seed"] == seeds[0]]
            wide[f"{model}, seed {seeds[0]}"] = {
                "chance": f"{100 / len(self.corpora[corpus]['classes']):.1f}",
                **{row.name: _cell(row) for row in first.itertuples(index=False)},
                "test files, speakers": f"{first['n_files'].max()}, {first['n_speakers'].max()}",
            }
            if seeds[1:]:
                over = run[run["augmentation"] != ""].groupby("name")["uar"].agg(["mean", "std"])
                means = {row.Index: f"{row.mean:.1f} ({row.std:.1f})" for row in over.itertuples()}
                wide[f"{model}, mean (sd) of seeds {', '.join(map(str, seeds))}"] = means
        known = ["", *CONFIGURATIONS]  # other systems first, then those of the paper in its order
        names = rows.sort_values("augmentation", key=lambda a: a.map(known.index), kind="stable")["name"].unique()
        table = pd.DataFrame(wide).reindex(["chance", *names, "test files, speakers"]).fillna("")
        return table.rename_axis("system").reset_index()

    def about(self, corpus: str, profile: str) -> str:
        """What a table rests on, in a sentence."""
        rows, info = self._of(corpus, profile), self.corpora[corpus]
        when, by = (", ".join(sorted(rows[name].unique())) for name in ("date", "dslite"))
        return f"{info['short']}, {profile} profile: {info['note']}. Measured {when} with dslite {by}."

    def _of(self, corpus: str, profile: str) -> pd.DataFrame:
        return self.scores[(self.scores["corpus"] == corpus) & (self.scores["profile"] == profile)]


def _named(system: str, augmentation: str) -> str:
    return f"{system}, {CONFIGURATIONS[augmentation].title.replace('+', ' + ')}" if augmentation else system


def _cell(row) -> str:
    differs = "*" * bool(row.p_none <= 0.05)
    return f"{row.uar:.1f} ({row.ci_low:.1f}–{row.ci_high:.1f}){differs}{', best on dev' * row.chosen}"


def _table(rows: list[dict], *words: str) -> pd.DataFrame:
    """A table; what is no word is a number, NaN where it is null."""
    table = pd.DataFrame(rows)
    return table.astype({name: float for name in table.columns if name not in words})


def read(stored: str) -> Measured:
    """From the content of measured.json."""
    kept = json.loads(stored)
    fits = kept["adadelta"]["fits"]
    histories = {fit["learning_rate"]: _table(fit["history"]) for fit in fits}
    ablations = [Ablation(**one | {"differences": _table(one["differences"], "system")}) for one in kept["ablations"]]
    curves = Adadelta(kept["adadelta"]["record"], next((fit["seed"] for fit in fits), None), histories)
    scores = pd.DataFrame(kept["scores"]).astype({"p_none": float})
    return Measured(kept["corpora"], scores, curves, tuple(ablations))


MEASURED = read((files("dslite.paper") / "measured.json").read_text(encoding="utf-8"))
