"""The systems that DS Lite is compared with: Deep Spectrum + SVM (Table 3), acoustic statistics + SVM, and chance.

The support vector machine is that of the ComParE 2021 baseline: linear, squared hinge loss, no up-sampling; its
complexity, scaling and class weights are selected on dev and it is fitted again on train and dev for test.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import product, starmap

import numpy as np
import pandas as pd

from dslite.scoring import uar


@dataclass(frozen=True)
class Point:
    """A point of the grid: complexity; whether features are standardised; whether classes weigh the same."""

    complexity: float
    standardise: bool
    balanced: bool


GRID = tuple(starmap(Point, product((1e-1, 1e-2, 1e-3, 1e-4, 1e-5), (True, False), (True, False))))
"""The official grid of ComParE 2021."""

ITERATIONS = 10_000
"""Most iterations of the solver, as in ComParE 2021."""


@dataclass(frozen=True)
class Selection:
    """What selecting on dev came to.

    Attributes:
        grid: a row per point: ``complexity``, ``standardise``, ``balanced``, ``dev_uar`` (percent), ``converged``.
        chosen: the point with the best UAR on dev, the first of :data:`GRID` among equals.
        margins: ``dev`` and ``test`` -> float64 (files, classes), each class' decision function against the rest; its
            largest is the decision. Fitted on train for dev, on train + dev for test.
        converged: whether the solver did, in both of these fits.
    """

    grid: pd.DataFrame
    chosen: Point
    margins: dict[str, np.ndarray]
    converged: bool


def select(
    features: np.ndarray,
    labels: np.ndarray,
    partitions: np.ndarray,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Selection:
    """Selects a point of the grid on dev and predicts dev and test.

    The scaling belongs to the classifier: it sees the files that the classifier is fitted on and no others.

    Args:
        features: float (files, width).
        labels: int (files,), class 0..n-1; every class occurs in train.
        partitions: str (files,), ``train``, ``dev`` or ``test``.
        seed: of the solver.
        progress: called with fits done and fits in all.
    """
    train, dev, test = (partitions == name for name in ("train", "dev", "test"))
    rows, on_dev = [], []
    for number, point in enumerate(GRID, start=1):
        margins, converged = fit(point, features[train], labels[train], features[dev], seed)
        rows.append((*astuple(point), uar(labels[dev], margins.argmax(axis=1)), converged))
        on_dev.append(margins)
        progress(number, len(GRID) + 1)
    grid = pd.DataFrame(rows, columns=["complexity", "standardise", "balanced", "dev_uar", "converged"])
    best = int(grid["dev_uar"].to_numpy().argmax())
    on_test, converged = fit(GRID[best], features[train | dev], labels[train | dev], features[test], seed)
    progress(len(GRID) + 1, len(GRID) + 1)
    converged = converged and bool(grid["converged"][best])
    return Selection(grid, GRID[best], {"dev": on_dev[best], "test": on_test}, converged)


def fit(point: Point, features, labels, unseen, seed: int) -> tuple[np.ndarray, bool]:
    """Margins of unseen files, float64 (files, classes), and whether the solver converged."""
    from sklearn.exceptions import ConvergenceWarning  # scikit-learn is slow to import; names and grid are not
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    # "auto" solves the smaller of the two problems, which have the same solution.
    weight = "balanced" if point.balanced else None
    svc = LinearSVC(C=point.complexity, class_weight=weight, max_iter=ITERATIONS, dual="auto", random_state=seed)
    model = make_pipeline(*([StandardScaler()] if point.standardise else []), svc)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(features.astype(np.float64), labels)
    margins = model.decision_function(unseen.astype(np.float64))
    margins = margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1)  # two classes have one margin
    return margins, not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)


def majority(labels: np.ndarray, classes: int) -> np.ndarray:
    """Chance: the shares of the classes among the files that a system may learn from, float64 (classes,).

    Every file is given to the largest class. That needs no draw, and its UAR is 100 / classes on any partition, which
    is also what guessing at random is expected to reach.
    """
    return np.bincount(labels, minlength=classes) / len(labels)


def predictions(
    clips: pd.DataFrame,
    padded: np.ndarray,
    classes: Sequence[str],
    *,
    margins: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
) -> pd.DataFrame:
    """A prediction table in the form of those that fits leave.

    Args:
        clips: a row per file: ``file``, ``speaker``, ``label``.
        padded: bool (files,), whether the file is shorter than one chunk of DS Lite, so that a protocol means the same
            files for every system.
        classes: names in their order.
        margins: float (files, classes) of a system without probabilities.
        probabilities: float (files, classes) of a system with them.

    Returns:
        A row per file: ``file``, ``speaker``, ``label``, ``predicted``, ``p_<class>``, ``chunks`` (1: the whole file),
        ``padded``. Distances to a plane are no probabilities: where there are only ``margins``, the ``p_`` columns are
        empty (NaN) and the distances stand in ``margin_<class>``.
    """
    scores = margins if probabilities is None else probabilities
    table = clips[["file", "speaker", "label"]].reset_index(drop=True)
    table["predicted"] = np.array(classes, object)[scores.argmax(axis=1)]
    for index, name in enumerate(classes):
        table[f"p_{name}"] = np.float32("nan") if probabilities is None else probabilities[:, index].astype(np.float32)
    table["chunks"], table["padded"] = 1, np.asarray(padded)
    for index, name in enumerate(classes if margins is not None else ()):
        table[f"margin_{name}"] = margins[:, index]
    return table
