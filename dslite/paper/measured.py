"""What this package measured on real audio, kept as data (measured.json): few readers have such audio at hand.

It is ours and not the paper's, and holds for the corpora, base models and profiles that its records name. Nothing of it
is ever shown as the result of the run at hand. ``python -m benchmarks.measured`` writes it anew from outputs of runs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd


@dataclass(frozen=True)
class MeasuredFit:
    """A fit of Table 2's schedule without augmentation, on train.

    Attributes:
        learning_rate: of AdaDelta in the first phase.
        seed: of the fit.
        history: a row per epoch: ``phase``, ``epoch``, ``loss``, ``accuracy`` (a share of 1), ``dev_uar`` (percent;
            NaN where it was not computed).
    """

    learning_rate: float
    seed: int
    history: pd.DataFrame


@dataclass(frozen=True)
class Runs:
    """Whole runs of the full profile under the readings ``paper`` and ``sound``, all files scored.

    Attributes:
        record: what they share: data, note, base model, weights, profile, classes.
        scores: on test: ``system``, ``augmentation``, ``reading``, ``seed``, ``uar``, ``ci_low``, ``ci_high`` (percent;
            95 % over files), ``n_files``, ``n_speakers``.
        adadelta: F-13: the learning curves at the printed rate and at AdaDelta's own.
    """

    record: Mapping
    scores: pd.DataFrame
    adadelta: tuple[MeasuredFit, ...]


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


def _table(rows: list[dict], *words: str) -> pd.DataFrame:
    """A table; what is no word is a number, NaN where it is null."""
    table = pd.DataFrame(rows)
    return table.astype({name: float for name in table.columns if name not in words})


_STORED = json.loads((files("dslite.paper") / "measured.json").read_text(encoding="utf-8"))

RUNS = Runs(
    _STORED["runs"]["record"],
    _table(_STORED["runs"]["scores"], "system", "augmentation", "reading").astype({"seed": int}),
    tuple(
        MeasuredFit(fit["learning_rate"], fit["seed"], _table(fit["history"])) for fit in _STORED["runs"]["adadelta"]
    ),
)

ABLATIONS = tuple(
    Ablation(**one | {"differences": _table(one["differences"], "system")}) for one in _STORED["ablations"]
)
"""A run of the stage ``ablation`` each."""
