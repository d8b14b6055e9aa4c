"""The systems that DS Lite is compared with: Deep Spectrum + SVM (Table 3), acoustic statistics + SVM, and chance.

The support vector machine is that of the ComParE 2021 baseline: linear, squared hinge loss, no up-sampling; its
complexity, scaling and class weights are selected on dev and it is fitted again on train and dev for test. Where labels
are numbers it is a linear support vector regression, as in the sleepiness task of ComParE 2019, but with the squared
loss, selected by the CCC.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations, product, starmap

import numpy as np
import pandas as pd

from dslite import scoring
from dslite.scoring import main_score, uar


@dataclass(frozen=True)
class Point:
    """A point of the grid: complexity; whether features are standardised; whether classes weigh the same."""

    complexity: float
    standardise: bool
    balanced: bool


GRID = tuple(starmap(Point, product((1e-1, 1e-2, 1e-3, 1e-4, 1e-5), (True, False), (True, False))))
"""The official grid of ComParE 2021."""

REGRESSION_GRID = tuple(point for point in GRID if not point.balanced)
"""The same where labels are numbers."""

COMPLEXITIES = tuple(point for point in GRID if point.standardise and point.balanced)
"""Of the grid, what :func:`nested` chooses from: features standardised, classes alike."""

TOLERANCE = 0.1
"""Of a regression: how far off a prediction costs nothing, in standard deviations of the labels; without it the squared
loss would make a ridge regression."""

ITERATIONS = 10_000
"""Most iterations of the solver, as in ComParE 2021."""


@dataclass(frozen=True)
class Selection:
    """What selecting on dev came to.

    Attributes:
        grid: a row per point: ``complexity``, ``standardise``, ``balanced``, ``dev_uar`` (percent; of numbers the CCC),
            ``converged``.
        chosen: the point with the best score on dev, the first of the grid among equals.
        margins: ``dev`` and ``test`` -> float64 (files, classes), each class' decision function against the rest; its
            largest is the decision. Fitted on train for dev, on train + dev for test. Of numbers float64 (files, 1).
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
        labels: int (files,), class 0..n-1; every class occurs in train; or float (files,), numbers.
        partitions: str (files,), ``train``, ``dev`` or ``test``.
        seed: of the solver.
        progress: called with fits done and fits in all.
    """
    train, dev, test = (partitions == name for name in ("train", "dev", "test"))
    rows, on_dev, numeric = [], [], labels.dtype.kind == "f"
    points = REGRESSION_GRID if numeric else GRID
    for number, point in enumerate(points, start=1):
        margins, converged = fit(point, features[train], labels[train], features[dev], seed)
        decided = margins[:, 0] if numeric else margins.argmax(axis=1)
        rows.append((*astuple(point), main_score(labels[dev], decided), converged))
        on_dev.append(margins)
        progress(number, len(points) + 1)
    grid = pd.DataFrame(rows, columns=["complexity", "standardise", "balanced", "dev_uar", "converged"])
    best = int(grid["dev_uar"].to_numpy().argmax())
    on_test, converged = fit(points[best], features[train | dev], labels[train | dev], features[test], seed)
    progress(len(points) + 1, len(points) + 1)
    converged = converged and bool(grid["converged"][best])
    return Selection(grid, points[best], {"dev": on_dev[best], "test": on_test}, converged)


def nested(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Predicts every fold from the others, with the complexity that is best within these.

    Within the training folds each is predicted from the rest of them; the complexity with the best UAR over all of
    these predictions is fitted on all training folds. A fit without two folds serves the choices for both.

    Args:
        features: float (files, width).
        labels: int (files,), class 0..n-1; every class occurs whichever two folds are left out.
        folds: str (files,), at least three.
        seed: of the solver.
        progress: called with fits done and fits in all.

    Returns:
        Margins, float64 (files, classes); the complexity that each file is predicted with, float64 (files,); whether
        the solver converged in these fits.
    """
    names, margins, complexity = np.unique(folds), np.empty((len(labels), labels.max() + 1)), np.empty(len(labels))
    pairs = list(combinations(range(len(names)), 2))
    total = len(pairs) * len(COMPLEXITIES) + len(names)
    said = np.empty((len(COMPLEXITIES), len(names), len(labels)), int)  # by which fold is held out besides
    for number, (one, other) in enumerate(pairs):
        at = [np.flatnonzero(folds == names[fold]) for fold in (one, other)]
        learnt, unseen = ~np.isin(folds, names[[one, other]]), np.concatenate(at)
        for point, row in zip(COMPLEXITIES, said, strict=True):
            decided = fit(point, features[learnt], labels[learnt], features[unseen], seed)[0].argmax(axis=1)
            row[other, at[0]], row[one, at[1]] = np.split(decided, [len(at[0])])
        progress((number + 1) * len(COMPLEXITIES), total)
    converged = True
    for held_out, name in enumerate(names):
        learnt = folds != name
        best = int(np.argmax([uar(labels[learnt], row[held_out, learnt]) for row in said]))
        complexity[~learnt] = COMPLEXITIES[best].complexity
        margins[~learnt], solved = fit(COMPLEXITIES[best], features[learnt], labels[learnt], features[~learnt], seed)
        converged = converged and solved
    progress(total, total)
    return margins, complexity, converged


def speaker_normalised(features: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Features less the mean of their speaker's files, over their standard deviation: labels are not looked at.

    Args:
        features: float (files, width).
        speakers: str (files,).
    """
    of = pd.DataFrame(features.astype(np.float64)).groupby(speakers)
    deviation = of.transform("std", ddof=0).to_numpy()
    return (features - of.transform("mean").to_numpy()) / np.where(deviation > 0, deviation, 1.0)


def fit(point: Point, features, labels, unseen, seed: int) -> tuple[np.ndarray, bool]:
    """Margins of unseen files, float64 (files, classes), and whether the solver converged; where ``labels`` are float
    numbers, (files, 1) in their unit."""
    from sklearn.exceptions import ConvergenceWarning  # scikit-learn is slow to import; names and grid are not
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC, LinearSVR

    alike, numeric = {"C": point.complexity, "max_iter": ITERATIONS, "random_state": seed}, labels.dtype.kind == "f"
    centre, scale = (labels.mean(), labels.std() or 1.0) if numeric else (0, 1)
    # "auto" solves the smaller of the two problems, which have the same solution; for numbers there are two with the
    # squared loss alone: 0.5 s in place of minutes for a third of SLEEP.
    weight = "balanced" if point.balanced else None
    if numeric:
        machine = LinearSVR(loss="squared_epsilon_insensitive", epsilon=TOLERANCE, dual="auto", **alike)
    else:
        machine = LinearSVC(class_weight=weight, dual="auto", **alike)
    model = make_pipeline(*([StandardScaler()] if point.standardise else []), machine)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(features.astype(np.float64), (labels - centre) / scale if numeric else labels)
    if numeric:
        margins = (model.predict(unseen.astype(np.float64)) * scale + centre)[:, None]
    else:
        margins = model.decision_function(unseen.astype(np.float64))
    margins = margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1)  # two classes have one margin
    return margins, not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)


def majority(labels: np.ndarray, classes: int) -> np.ndarray:
    """Chance: the shares of the classes among the files that a system may learn from, float64 (classes,).

    Every file is given to the largest class. That needs no draw, and its UAR is 100 / classes on any partition, which
    is also what guessing at random is expected to reach. Of numbers, without classes, the mean, (1,): its CCC is 0.
    """
    if not classes:
        return labels.mean(keepdims=True)
    return np.bincount(labels, minlength=classes) / len(labels)


def predictions(
    clips: pd.DataFrame,
    padded: np.ndarray,
    classes: Sequence[str],
    *,
    margins: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
) -> pd.DataFrame:
    """A prediction table (:func:`dslite.scoring.predictions`), of files that were looked at whole.

    Args:
        clips, classes: as there.
        padded: bool (files,), whether the file is shorter than one chunk of DS Lite, so that a protocol means the same
            files for every system.
        margins: float (files, classes) of a system without probabilities; where labels are numbers, float (files, 1).
        probabilities: float (files, classes) of a system with them.

    Returns:
        As there. Distances to a plane are no probabilities: where there are only ``margins``, the ``p_`` columns are
        empty (NaN) and the distances stand in ``margin_<class>``.
    """
    whole = pd.DataFrame({"file": clips["file"].to_numpy(), "padded": padded})
    scores = margins if probabilities is None else probabilities
    table = scoring.predictions(clips, whole, np.arange(len(whole)), scores, classes)
    if margins is None:
        return table
    table = table.assign(**{f"p_{name}": np.float32("nan") for name in classes})
    return table.assign(**{f"margin_{name}": margins[:, index] for index, name in enumerate(classes)})
