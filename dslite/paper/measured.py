"""What this package measured on real audio, kept as data (measured.json): few readers have such audio at hand.

It is ours and not the paper's, and of one corpus, base model and profile, which its records name. Nothing of it is ever
shown as the result of the run at hand. ``python -m benchmarks.measured`` writes it anew from the outputs of runs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd


@dataclass(frozen=True)
class Fit:
    """A fit of Table 2's schedule without augmentation, on train.

    Attributes:
        record: data, base model, weights, profile, reading, seed, versions.
        learning_rate: of AdaDelta in the first phase.
        history: a row per epoch: ``phase``, ``epoch``, ``loss``, ``accuracy`` (a share of 1), ``dev_uar`` (percent;
            NaN where it was not computed).
    """

    record: Mapping
    learning_rate: float
    history: pd.DataFrame


@dataclass(frozen=True)
class Ablation:
    """What single discrepancies did to the reading ``sound`` on one corpus.

    Attributes:
        record: data, base model, weights, profile, seeds, chunk (s), versions.
        differences: a row per variant, as :func:`dslite.statistics.against` returns it, and ``sd``, the standard
            deviation of its UAR over seeds (NaN with one seed).
        left_out: variants that changed nothing or could not be fitted.
    """

    record: Mapping
    differences: pd.DataFrame
    left_out: tuple[str, ...]

    @property
    def where(self) -> str:
        """Corpus and data in words, e.g. ``RAVDESS (cropped)``."""
        return f"{self.record['about']['short']} ({self.record['data']})"


_STORED = json.loads((files("dslite.paper") / "measured.json").read_text(encoding="utf-8"))

SCORES: pd.DataFrame = pd.DataFrame(_STORED["scores"])
"""Scores on test of the full profile, all files, of the corpus and base model of ``ADADELTA``: ``system``,
``augmentation``, ``reading``, ``seed``, ``uar``, ``ci_low``, ``ci_high`` (percent; 95 % over files), ``n_files``,
``n_speakers``."""

ADADELTA: tuple[Fit, ...] = tuple(
    Fit(fit["record"], fit["learning_rate"], pd.DataFrame(fit["history"], dtype=float)) for fit in _STORED["adadelta"]
)
"""F-13: the printed rate, and AdaDelta's own."""

ABLATIONS: tuple[Ablation, ...] = tuple(
    Ablation(one["record"], pd.DataFrame(one["differences"]), tuple(one["left_out"])) for one in _STORED["ablations"]
)
"""A run of the stage ``ablation`` each."""
