"""What a search chooses among: hyperparameters of DS Lite, and those of the machine that it has to beat.

AdaDelta is not among them: at the paper's rate on Keras' scale it stays at chance (ledger F-13), so Table 2's own
values stand beside the winner instead. Each value is one of :data:`dslite.changes.CHANGEABLE` or, where a name is not
there, a part of one.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dslite.backbones import base_model, names
from dslite.configurations import CONFIGURATIONS
from dslite.layout.settings import Settings
from dslite.profiles import SCHEDULES, Recipe
from dslite.weights import find_weights

_CHUNKS = (2.0, 3.0, 4.0, 6.0)

Space = dict[str, BaseDistribution]


def of_network(settings: Settings, loudest_db: float) -> Space:
    """DS Lite's, for a corpus: base models are those whose weights are here and that cost no more than the run's.

    ``loudest_db`` is the upper end of a dB range that is fixed over training: Mel power in dB.
    """
    dearest = base_model(settings.backbone).seconds
    here = [n for n in names() if base_model(n).seconds <= dearest and find_weights(n, settings.weights)]
    chunks = sorted({*_CHUNKS, settings.recipe.chunk}) if settings.recipe.chunk else [0.0]
    return {
        "backbone": CategoricalDistribution(here or [settings.backbone]),
        "augmentation": CategoricalDistribution(list(CONFIGURATIONS)),
        "chunk": CategoricalDistribution(chunks),
        "colours": CategoricalDistribution(["viridis", "plasma", "magma", "turbo", "gray"]),
        "loudest_db": CategoricalDistribution([0.0, loudest_db] if settings.reading.top_db else [0.0]),
        "batch": CategoricalDistribution([16, 32]),
        "units": CategoricalDistribution([0, 128, 512, 1024]),
        "dropout": FloatDistribution(0.0, 0.6),
        "optimiser": CategoricalDistribution(["adam", "adamw"]),
        "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
        "epochs_1": IntDistribution(5, 40),
        "epochs_2": IntDistribution(0, 30),
        "share": FloatDistribution(0.05, 0.95),
        "schedule": CategoricalDistribution(list(SCHEDULES)),
        "decay": FloatDistribution(1e-4, 0.1, log=True),
        "clip": CategoricalDistribution([0.0, 1.0]),
        "smoothing": FloatDistribution(0.0, 0.2),
        "class_weights": CategoricalDistribution([False, True]),
        "standardise": CategoricalDistribution([False, True]),
        "average": CategoricalDistribution([0.0, 0.99, 0.999]),
        "shift": FloatDistribution(0.0, 0.25),
        "light_time": FloatDistribution(0.0, 0.3),
        "light_frequency": FloatDistribution(0.0, 0.3),
        "cutmix_max": FloatDistribution(14.0, 112.0),
        "mask_max": FloatDistribution(14.0, 112.0),
    }


def of_points(points: Sequence[Mapping]) -> Space:
    """The values of a grid."""
    return {name: CategoricalDistribution(sorted({point[name] for point in points})) for name in points[0]}


def said(one) -> str:
    """What a value is drawn from, for people."""
    if isinstance(one, CategoricalDistribution):
        return ", ".join(f"{choice:g}" if isinstance(choice, float) else str(choice) for choice in one.choices)
    return f"{one.low:g} to {one.high:g}"


def to_changes(values: Mapping[str, object]) -> dict[str, object]:
    """Values of a trial as :func:`dslite.changes.checked` takes them."""
    taken = {name: value for name, value in values.items() if name not in ("backbone", "augmentation")}
    taken["epochs"] = (taken.pop("epochs_1"), taken.pop("epochs_2"))
    if "light_time" in taken:
        taken["light_masks"] = (taken.pop("light_time"), taken.pop("light_frequency"))
    return taken


def first(recipe: Recipe, settings: Settings, space: Space) -> dict[str, object]:
    """A recipe as the values of a trial, brought into the ranges of the space; the first to be tried."""
    values = {name: getattr(recipe, name) for name in space if hasattr(recipe, name)} | {"augmentation": "none"}
    values |= {"backbone": settings.backbone, "colours": "viridis", "loudest_db": 0.0}
    values |= {"cutmix_max": 56.0, "mask_max": 67.0}
    values |= dict(zip(("epochs_1", "epochs_2"), recipe.epochs, strict=True))
    values |= dict(zip(("light_time", "light_frequency"), recipe.light_masks, strict=True))
    return {name: _within(values[name], one) for name, one in space.items()}


def _within(value, one: BaseDistribution):
    if isinstance(one, IntDistribution | FloatDistribution):
        return min(max(value, one.low), one.high)
    assert isinstance(one, CategoricalDistribution)
    return value if value in one.choices else one.choices[0]


GROUPS = ("mfcc", "first differences", "second differences", "shape", "level")
"""Of librosa's statistics (:func:`dslite.features.statistics`): MFCC, their differences, centroid and zero crossings,
root mean square."""

_WIDTHS = (20, 20, 20, 2, 1)

MACHINE: Space = {
    "complexity": FloatDistribution(1e-6, 10.0, log=True),
    "standardise": CategoricalDistribution([True, False]),
    "balanced": CategoricalDistribution([True, False]),
    "moments": CategoricalDistribution(["both", "means", "deviations"]),
    **{group: CategoricalDistribution([True, False]) for group in GROUPS},
}
"""The support vector machine's on librosa's statistics, with the same budget."""


def columns(values: Mapping[str, object]) -> np.ndarray:
    """The features that a trial of :data:`MACHINE` takes: int, some of 0..125; all groups where it took none."""
    taken = [bool(values[group]) for group in GROUPS]
    half = np.repeat(taken if any(taken) else [True] * len(GROUPS), _WIDTHS)
    moments = values["moments"]
    return np.flatnonzero(np.concatenate([half & (moments != "deviations"), half & (moments != "means")]))
