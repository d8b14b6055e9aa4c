"""Bootstrap draws of a test set: files or whole speakers, for any number of systems on the same draws.

Of classes, a file matters only by its label and by which systems are right on it, a speaker by its counts of such
files. Units that are alike are of one kind, and a draw of units with replacement is a draw of counts over the kinds,
multinomial with their shares: exactly the same distribution at a fraction of the work. Of numbers no two units are
alike; a draw is a weight for each file, and every score is computed from weights.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000
"""Draws behind an interval of a score (paper 3.3)."""

PAIRED_DRAWS = 5000
"""Draws behind a difference, its interval and its p value: more, because a p value lies in the tail."""

LEVEL = 0.95
"""Coverage of an interval."""

SPEAKERS = 6
"""Fewest speakers that are drawn: of five, whatever they say, no p value is below 0.0625 (:meth:`Kinds.least_p`)."""


@dataclass(frozen=True)
class Interval:
    """A percentile interval and the standard deviation ``se`` of the draws, in their unit; NaN where there are none."""

    low: float
    high: float
    se: float


NO_INTERVAL = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Drawable(ABC):
    """The units that are drawn: files, or speakers with all their files.

    Attributes:
        units: int (kinds,), how many units there are of each kind, at least one.
    """

    units: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The score of each system on the test set as it is: float (systems,)."""
        return self._score(self.units[None])[0]

    def draw(self, seed: int, draws: int = DRAWS) -> np.ndarray:
        """The score of each system on resampled test sets.

        As many units as there are, with replacement.

        Args:
            seed: the same seed and the same kinds give the same draws.
            draws: number of draws.

        Returns:
            float (draws, systems); the systems of a row are scored on the same draw.
        """
        return self._score(self._counts(seed, draws))

    def _counts(self, seed: int, draws: int) -> np.ndarray:
        number = int(self.units.sum())
        return np.random.default_rng(seed).multinomial(number, self.units / number, size=draws)

    def least_p(self, first: Sequence[int], second: Sequence[int]) -> float:
        """The least p value that the units can carry for a difference between systems ``first`` and ``second``.

        If the systems are alike, either might have been the better one on each of the m units on which they differ: of
        2 ** m equally likely ways the observed one and its mirror image are at least as extreme as it is, so no test
        of that can give less than 2 / 2 ** m (the sign test's limit; of files it is McNemar's exact test). A bootstrap
        of few units can: where all differ alike, so do all draws. This limit is never below one in the C(2m - 1, m)
        different draws of m units, which are not equally likely.
        """
        return min(1.0, 2.0 ** (1 - int(self.units[self._differ(first, second)].sum())))

    def interval(self, seed: int, draws: int = DRAWS) -> Interval:
        """The percentile interval of the first system's score."""
        return percentiles(self.draw(seed, draws)[:, 0])

    def hold_out(self, seed: int, draws: int = DRAWS) -> tuple[np.ndarray, np.ndarray]:
        """The score of each system on draws as :meth:`draw` makes them, and on the units that a draw leaves out.

        Returns:
            Two of float (draws, systems). Draws that leave no unit out are left away themselves.
        """
        rng, number = np.random.default_rng(seed), int(self.units.sum())
        first = np.cumsum(self.units) - self.units  # where each kind's units begin
        inside, outside = [], []
        batch = max(1, 1_000_000 // number)  # so that many draws of many files need little memory
        for start in range(0, draws, batch):
            size = min(batch, draws - start)
            which = rng.integers(0, number, (size, number)) + number * np.arange(size)[:, None]
            times = np.bincount(which.ravel(), minlength=size * number).reshape(size, number)
            kept = times[(times == 0).any(axis=1)]
            inside.append(self._score(np.add.reduceat(kept, first, axis=1)))
            outside.append(self._score(np.add.reduceat(kept == 0, first, axis=1, dtype=int)))
        return np.concatenate(inside), np.concatenate(outside)

    @abstractmethod
    def _score(self, counts: np.ndarray) -> np.ndarray:
        """The score, float (draws, systems), of draws that have so many units of each kind, (draws, kinds)."""

    @abstractmethod
    def _differ(self, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
        """Bool (kinds,), on which the mean of the systems ``first`` does otherwise than that of ``second``."""


@dataclass(frozen=True)
class Kinds(Drawable):
    """Units with classes, alike ones together; the score is the UAR in percent.

    A draw in which a class does not occur is scored over the classes that do, as scikit-learn's balanced accuracy
    would: it has no recall to average for the absent one.

    Attributes:
        total: float (kinds, classes), files of each class in one such unit.
        right: float (kinds, systems, classes), those of them that each system gets right.
    """

    total: np.ndarray
    right: np.ndarray

    def interval(self, seed: int, draws: int = DRAWS) -> Interval:
        """The percentile interval of the first system's UAR.

        Where a class' recall is 0 or 1, every draw has it too, as if it were certain. There the end that the data leave
        open is drawn from the distribution whose quantiles are the limits of Clopper and Pearson (1934, Biometrika 26,
        404-413): Beta(n, 1) below a recall of 1, Beta(1, n) above one of 0, where n units hold the class. Recalls of
        classes are independent, so each draw takes one of each (fiducial quantities, as Krishnamoorthy and Lee 2010,
        Journal of Statistical Planning and Inference 140, 1182-1192, combine proportions). It holds for
        speakers too: that n of them are right on all their files has at most the chance r ** n where r is their mean
        recall, however much theirs differ.
        """
        counts = self._counts(seed, draws)
        drawn, occurs = self._score(counts)[:, 0], counts @ (self.total > 0) > 0
        total, right, holding = (self.units @ of for of in (self.total, self.right[:, 0], self.total > 0))
        open_share = np.random.default_rng([seed, 1]).beta(1, np.maximum(holding, 1), occurs.shape)  # 1 - Beta(n, 1)
        points = 100.0 * open_share * occurs / occurs.sum(axis=1, keepdims=True)  # of a draw's mean over its classes
        low = percentiles(drawn - points[:, right == total].sum(axis=1))
        high = percentiles(drawn + points[:, right == 0].sum(axis=1))
        return Interval(low.low, high.high, max(low.se, high.se))

    def _score(self, counts: np.ndarray) -> np.ndarray:
        """UAR in percent, float (draws, systems), of draws that have so many units of each kind, (draws, kinds)."""
        kinds, systems, classes = self.right.shape
        counts = counts.astype(float)  # whole numbers all the same; integers have no fast product
        right = (counts @ self.right.reshape(kinds, -1)).reshape(len(counts), systems, classes)
        return mean_recall(counts @ self.total, right)

    def _differ(self, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
        return (self.right[:, first].mean(axis=1) != self.right[:, second].mean(axis=1)).any(axis=-1)


@dataclass(frozen=True)
class Numbers(Drawable):
    """Units with numbers as labels; the score is the CCC.

    Attributes:
        label: float (files,).
        predicted: float (systems, files).
        group: int (files,), the unit of each file; each is a kind of its own.
    """

    label: np.ndarray
    predicted: np.ndarray
    group: np.ndarray

    def draw(self, seed: int, draws: int = DRAWS) -> np.ndarray:
        return np.concatenate([self._score(counts) for counts in self._batches(seed, draws)])

    def draw_all(self, seed: int, draws: int = DRAWS) -> np.ndarray:
        """Every score of :data:`NUMBER_SCORES` as :meth:`draw` has the first: float (draws, systems, scores)."""
        return np.concatenate([self.all_scores(counts) for counts in self._batches(seed, draws)])

    def _batches(self, seed: int, draws: int) -> Iterator[np.ndarray]:
        """Draws as counts of each unit, so many at a time that the weights of many files do not fill the memory."""
        rng, number = np.random.default_rng(seed), len(self.units)
        batch = max(1, 1_000_000 // len(self.label))
        for start in range(0, draws, batch):
            yield rng.multinomial(number, self.units / number, min(batch, draws - start))

    def all_scores(self, counts: np.ndarray) -> np.ndarray:
        """Every score of :data:`NUMBER_SCORES`, float (draws, systems, scores), of draws with so many of each unit.

        The CCC is 0 where labels or predictions are all the same, even if they are the same as each other; Spearman's
        correlation is NaN there.
        """
        weight = counts[:, self.group].astype(float)
        share, ranks, scores = weight / weight.sum(axis=1, keepdims=True), _ranks(weight, self.label), []
        for predicted in self.predicted:
            apart = predicted - self.label
            covariance, *own = _moments(share, ranks, _ranks(weight, predicted))
            spearman = _ratio(covariance, np.sqrt(own[0] * own[1]), np.nan)
            mae, rmse = share @ np.abs(apart), np.sqrt(share @ apart**2)
            scores.append(np.stack([self._ccc(share, predicted), spearman, mae, rmse], axis=-1))
        return np.stack(scores, axis=1)

    def _ccc(self, share: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        x, y = ((values - self.label.mean()) / (self.label.std() or 1.0) for values in (self.label, predicted))
        one, other, squares, products = (share @ np.stack([x, y, x**2 + y**2, x * y], axis=1)).T
        return _ratio(2 * (products - one * other), squares - 2 * one * other, 0.0)  # of moments about 0

    def _score(self, counts: np.ndarray) -> np.ndarray:
        weight = counts[:, self.group].astype(float)
        share = weight / weight.sum(axis=1, keepdims=True)
        return np.stack([self._ccc(share, predicted) for predicted in self.predicted], axis=1)

    def _differ(self, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
        apart = self.predicted[first].mean(axis=0) != self.predicted[second].mean(axis=0)
        return np.bincount(self.group, apart, len(self.units)) > 0


NUMBER_SCORES = ("ccc", "spearman", "mae", "rmse")
"""Scores of numbers: concordance correlation coefficient (Lin 1989, Biometrics 45, 255-268; moments of the sample, as
in the ComParE and AVEC challenges), Spearman's rank correlation, mean absolute and root mean squared error; the last
two in the unit of the label."""

_LEAST = 1e-12
"""A variance below it is none, but for rounding."""


def _moments(share: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance and both variances, float (draws,) each, where files have shares (draws, files)."""
    one, other = (x - (share * x).sum(axis=1, keepdims=True) for x in (one, other))
    return (share * one * other).sum(axis=1), (share * one**2).sum(axis=1), (share * other**2).sum(axis=1)


def _ratio(over: np.ndarray, under: np.ndarray, otherwise: float) -> np.ndarray:
    return np.divide(over, under, out=np.full(over.shape, otherwise), where=under > _LEAST)


def _ranks(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean rank of each file, float (draws, files), where it stands as often as its weight (draws, files) says."""
    ordered, of_value = np.unique(values, return_inverse=True)
    order = np.argsort(of_value, kind="stable")
    tied = np.add.reduceat(weight[:, order], np.searchsorted(of_value[order], np.arange(len(ordered))), axis=1)
    return (np.cumsum(tied, axis=1) - (tied - 1) / 2)[:, of_value]


def kinds(label: np.ndarray, right: np.ndarray, group: np.ndarray | None = None) -> Kinds:
    """Tells the units of a test set apart.

    Args:
        label: int (files,), class indices; at least one file.
        right: bool (systems, files), which files each system gets right.
        group: int (files,), the unit 0..k-1 of each file (its speaker); without it every file is its own.
    """
    systems, files = right.shape
    group = np.arange(files) if group is None else group
    groups, classes = int(group.max()) + 1, int(label.max()) + 1
    cell = group * classes + label
    counts = [np.bincount(cell, weights, groups * classes).reshape(groups, classes) for weights in (None, *right)]
    # From many files of the first class to few: in the order of single files where every group is one.
    rows, units = np.unique(np.hstack([-counts[0], *counts[1:]]), axis=0, return_counts=True)
    return Kinds(units, -rows[:, :classes], rows[:, classes:].reshape(len(units), systems, classes))


def numbers(label: np.ndarray, predicted: np.ndarray, group: np.ndarray | None = None) -> Numbers:
    """As :func:`kinds`, of numbers: ``label``, float (files,), and ``predicted``, float (systems, files)."""
    group = np.arange(len(label)) if group is None else group
    units = np.ones(int(group.max()) + 1, int)
    return Numbers(units, label.astype(float), predicted.astype(float), group)


def by_speaker(speakers: Sequence[str]) -> np.ndarray | None:
    """The speaker of each file as 0..k-1; None where speakers are not drawn: a file has none, or there are few."""
    names, group = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    return None if len(names) < SPEAKERS or "" in names else group


def mean_recall(total: np.ndarray, right: np.ndarray) -> np.ndarray:
    """UAR in percent over the classes that occur.

    Args:
        total: (..., classes), files of each class; at least one.
        right: (..., systems, classes), those that each system gets right.

    Returns:
        float (..., systems).
    """
    total = total[..., None, :]
    recall = np.divide(right, total, out=np.zeros(right.shape), where=total > 0)
    return 100.0 * recall.sum(axis=-1) / (total > 0).sum(axis=-1)


def percentiles(values: np.ndarray) -> Interval:
    """The 95 % percentile interval of drawn values, float (draws,); at least two."""
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return Interval(float(low), float(high), float(np.std(values, ddof=1)))
