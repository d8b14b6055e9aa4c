"""What scores can say about each other: paired differences, Holm's correction, the price of choosing, seeds.

Everything is computed from prediction tables of the same files, scored on the same draws (:mod:`dslite.resampling`).
UAR stands here for the score that a corpus is chosen by: where labels are numbers it is the CCC, and points are its.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from dslite.errors import DsliteError
from dslite.resampling import DRAWS, PAIRED_DRAWS, Drawable, by_speaker, percentiles
from dslite.scoring import drawable, score, under

UNITS = ("file", "speaker")
"""What is drawn: files as in the paper, or speakers with all their files."""


@dataclass(frozen=True)
class Compared:
    """Several systems on one test set.

    Attributes:
        systems: their names.
        scores: float (systems,), UAR in percent, CCC where there are no classes; NaN without files.
        kinds: the units to draw; None where there is nothing that could be drawn.
        files, units: how many files there are, and how many units (files, or speakers).
    """

    systems: tuple[str, ...]
    scores: np.ndarray
    kinds: Drawable | None
    files: int
    units: int

    def draw(self, seed: int, draws: int) -> np.ndarray:
        """:meth:`.resampling.Drawable.draw`; no draws, (0, systems), where nothing can be drawn."""
        return np.empty((0, len(self.systems))) if self.kinds is None else self.kinds.draw(seed, draws)


def compare(tables: Mapping[str, pd.DataFrame], classes: Sequence[str], protocol: str, unit: str) -> Compared:
    """Puts the predictions of several systems for one test set side by side.

    Args:
        tables: system -> its prediction table: a row per file, with ``file``, ``label``, ``predicted``, ``speaker`` and
            ``padded``. Under ``full-chunk`` a file counts where no system padded it.
        classes: the corpus' classes in their order.
        protocol: one of :data:`dslite.scoring.PROTOCOLS`.
        unit: one of :data:`UNITS`. Speakers are not drawn where a file has none or there are fewer than
            :data:`.resampling.SPEAKERS`.

    Raises:
        DsliteError: if the tables do not hold the same files with the same labels.
    """
    if unit not in UNITS:
        raise ValueError(f"The unit {unit!r} is not one of {', '.join(UNITS)}.")
    systems, rows = tuple(tables), _same_files(tables)
    padded = np.any([table["padded"] for table in rows], axis=0)
    rows = [under(table.assign(padded=padded), protocol) for table in rows]
    files, speaker = len(rows[0]), rows[0]["speaker"]
    if not files:
        return Compared(systems, np.full(len(systems), np.nan), None, 0, 0)
    by_file = drawable(rows, classes)
    if unit == "file":
        return Compared(systems, by_file.scores, by_file, files, files)
    group = by_speaker(speaker)
    by_unit = None if group is None else drawable(rows, classes, group)
    return Compared(systems, by_file.scores, by_unit, files, speaker[speaker != ""].nunique())


def _same_files(tables: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """The tables, their rows in the same order of files."""
    rows = [table.sort_values("file", ignore_index=True) for table in tables.values()]
    for name, table in zip(tables, rows, strict=True):
        if not table[["file", "label"]].equals(rows[0][["file", "label"]]):
            first = next(iter(tables))
            odd = set(map(tuple, table[["file", "label"]].to_numpy()))
            odd ^= set(map(tuple, rows[0][["file", "label"]].to_numpy()))
            raise DsliteError(
                f"The predictions of {name!r} and {first!r} are not of the same files and labels: they differ in "
                f"{len(odd)} rows, for instance {min(odd, default=('a file that is listed twice',))[0]}. Paired tests "
                f"need every system's prediction for every file; run both on the same corpus."
            )
    return rows


def pairs(compared: Compared, seed: int, draws: int = PAIRED_DRAWS) -> pd.DataFrame:
    """Paired differences of the UAR between all pairs of systems, Holm-corrected over these pairs.

    The p value is two-sided, for no difference: the share of draws whose difference d* lies at least as far from the
    observed one, d, as d lies from 0: (1 + #(abs(d* - d) >= abs(d))) / (1 + draws). Centred on d, the draws have the
    spread that there would be without a difference (Hall and Wilson 1991, Biometrics 47, 757-762); with the ones that
    are added (Davison and Hinkley 1997, 4.4) it is never below 1 / (1 + draws), and never below what the units can
    carry (:meth:`.resampling.Drawable.least_p`).

    Args:
        compared: the systems.
        seed: of the draws; all systems are scored on the same ones.
        draws: number of draws.

    Returns:
        A row per pair: ``first``, ``second``, ``uar_first``, ``uar_second``, ``difference`` (second - first, in UAR
        points), ``low``, ``high`` (95 % percentile interval of the difference), ``p``, ``p_holm`` (the family is all
        rows). NaN where nothing could be drawn.
    """
    drawn, rows = compared.draw(seed, draws), []
    for i, j in combinations(range(len(compared.systems)), 2):
        one, other = ((compared.systems[at], compared.scores[at]) for at in (i, j))
        rows.append((one[0], other[0], one[1], other[1], *_apart(compared, drawn, [i], [j])))
    columns = ["first", "second", "uar_first", "uar_second", "difference", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table["p"].to_numpy()))


def against(
    tables: Mapping[str, Sequence[pd.DataFrame]],
    reference: str,
    classes: Sequence[str],
    seed: int,
    draws: int = PAIRED_DRAWS,
) -> pd.DataFrame:
    """Paired differences of several systems from one of them, each fitted with several seeds.

    A system's score on a draw is the mean over its seeds, so intervals and p values are those of the test set; how far
    the seeds lie apart is told apart from them. A system that was scored on fewer files is compared on those.

    Args:
        tables: system -> its prediction tables for test, one per seed.
        reference: the system that the others are compared with.
        classes: the corpus' classes in their order.
        seed: of the draws.
        draws: number of draws.

    Returns:
        A row per other system: ``system``, ``n_files`` (compared on), ``uar``, ``uar_reference`` (means over seeds on
        those files, percent), ``difference`` (UAR points), ``low_file``, ``high_file``, ``low_speaker``,
        ``high_speaker``, ``p``, ``p_holm`` (drawing files; the family is all rows).
    """
    rows = []
    for system in (name for name in tables if name != reference):
        files = set(tables[system][0]["file"])
        theirs = [table[table["file"].isin(files)] for table in tables[reference]]
        both = {
            f"{kind} {i}": t for kind, own in (("one", tables[system]), ("other", theirs)) for i, t in enumerate(own)
        }
        row = {"system": system, "n_files": len(files)}
        for unit in UNITS:
            compared = compare(both, classes, "all", unit)
            own, other = range(len(tables[system])), range(len(tables[system]), len(both))
            difference, low, high, p = _apart(compared, compared.draw(seed, draws), other, own)
            row |= {"uar": compared.scores[own].mean(), "uar_reference": compared.scores[other].mean()}
            row |= {"difference": difference, f"low_{unit}": low, f"high_{unit}": high}
            if unit == "file":
                row["p"] = p
        rows.append(row)
    columns = ["system", "n_files", "uar", "uar_reference", "difference", "p"]
    columns += [f"{end}_{unit}" for unit in UNITS for end in ("low", "high")]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))


def of_runs(
    runs: Mapping[str, Sequence[Mapping[str, pd.DataFrame]]],
    reference: str,
    classes: Sequence[str],
    seed: int,
    draws: int,
    paired_draws: int,
) -> dict[str, pd.DataFrame]:
    """Several systems, of which each has, per seed from ``seed`` on, prediction tables by partition.

    Returns:
        ``scores``: a row per ``system``, ``seed`` and ``partition`` (:func:`dslite.scoring.score`, all files);
        ``differences`` on test from the reference (:func:`against`).
    """
    scores = [
        {"system": name, "seed": seed + number, "partition": part} | score(table, classes, "all", seed, draws)
        for name, own in runs.items()
        for number, found in enumerate(own)
        for part, table in found.items()
    ]
    on_test = {name: [found["test"] for found in own] for name, own in runs.items()}
    return {"scores": pd.DataFrame(scores), "differences": against(on_test, reference, classes, seed, paired_draws)}


def _apart(
    compared: Compared, drawn: np.ndarray, first: Sequence[int], second: Sequence[int]
) -> tuple[float, float, float, float]:
    """How far the mean scores of two groups of systems lie apart (second - first), the interval's ends, the p value."""
    difference = compared.scores[second].mean() - compared.scores[first].mean()
    if compared.kinds is None:
        return difference, np.nan, np.nan, np.nan
    draws = drawn[:, second].mean(axis=1) - drawn[:, first].mean(axis=1)
    interval = percentiles(draws)
    return difference, interval.low, interval.high, p_value(difference, draws, compared.kinds.least_p(first, second))


def p_value(observed: float, draws: np.ndarray, least: float = 0.0) -> float:
    """Two-sided p value of a difference from its draws, float (draws,), as :func:`pairs` defines it; never below
    ``least``, what the units can carry."""
    # What is equal but for rounding counts as equal: UARs of few files fall on few values.
    as_far = np.abs(draws - observed) >= abs(observed) - 1e-9
    return max(float((1 + as_far.sum()) / (1 + len(draws))), least)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979, 65-70).

    Args:
        p: float (tests,), the whole family; NaN where a test could not be made, which is then none of the family.

    Returns:
        float (tests,), adjusted: reject where it is at most the level that all tests shall keep together.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN are sorted last
    adjusted = np.full(len(p), np.nan)
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def optimism(compared: Compared, seed: int, draws: int = DRAWS) -> float:
    """How much too high the best score is for having been chosen by that very score, in UAR points.

    On each draw the best system is chosen and scored on the units that the draw left out; the best score on the whole
    test set less the mean of these is the optimism (Tsamardinos, Greasidou and Borboudakis 2018, Machine Learning 107,
    1895-1922: bootstrap bias correction of a choice among fixed predictions). Where systems are alike it is about
    right; where one is far better it is somewhat too large, so the corrected score errs on the careful side.

    Args:
        compared: the systems; the first in order wins a tie.
        seed: of the draws.
        draws: number of draws.

    Returns:
        NaN where nothing could be drawn.
    """
    if compared.kinds is None or compared.kinds.units.sum() == 1:  # of one unit, no draw leaves any out
        return float("nan")
    inside, outside = compared.kinds.hold_out(seed, draws)
    chosen = np.take_along_axis(outside, inside.argmax(axis=1)[:, None], axis=1)
    return float(compared.scores.max() - chosen.mean())


def choices(dev: Mapping[str, float], compared: Compared, seed: int, draws: int = DRAWS) -> dict:
    """The system chosen on dev beside the one chosen on test, as the paper does it (its Tables 3 and 4 in bold).

    Args:
        dev: system -> UAR on dev; NaN without files. The first in order wins a tie, on dev and on test.
        compared: the systems on test.
        seed: of the draws behind the optimism.
        draws: number of these.

    Returns:
        ``by_dev``, ``by_test`` (names, "" where there is nothing to choose by), ``uar_by_dev``, ``uar_by_test`` (UAR on
        test of either, percent), ``optimism`` of the choice on test (:func:`optimism`), ``corrected``
        (``uar_by_test`` less the optimism). NaN where it cannot be known.
    """
    on_dev, on_test = pd.Series(dev).dropna(), pd.Series(compared.scores, compared.systems).dropna()
    by_dev, by_test = ("" if scores.empty else str(scores.idxmax()) for scores in (on_dev, on_test))
    too_much, best = optimism(compared, seed, draws), float(on_test.get(by_test, np.nan))
    return {
        "by_dev": by_dev,
        "by_test": by_test,
        "uar_by_dev": float(on_test.get(by_dev, np.nan)),
        "uar_by_test": best,
        "optimism": too_much,
        "corrected": best - too_much,
    }


def on_test(
    tables: Mapping[str, pd.DataFrame],
    dev: Mapping[str, Mapping[str, float]],
    classes: Sequence[str],
    seed: int,
    draws: int = DRAWS,
    paired_draws: int = PAIRED_DRAWS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everything that one corpus' systems have to say about each other on test.

    Args:
        tables: system -> its predictions for test, as :func:`compare` takes them.
        dev: protocol -> system -> UAR on dev, of those systems that are to be chosen among.
        classes: the corpus' classes in their order.
        seed: of all draws.
        draws, paired_draws: number of draws behind the optimism, and behind a difference.

    Returns:
        :func:`pairs` and :func:`choices` of each protocol and unit, a row per pair and per choice, both with
        ``protocol``, ``unit``, ``n_files`` and ``n_units``.
    """
    differences, chosen = [], []
    for protocol, scores in dev.items():
        for unit in UNITS:
            compared = compare(tables, classes, protocol, unit)
            where = {"protocol": protocol, "unit": unit, "n_files": compared.files, "n_units": compared.units}
            differences.append(pairs(compared, seed, paired_draws).assign(**where))
            candidates = {system: table for system, table in tables.items() if system in scores}
            compared = compare(candidates, classes, protocol, unit)
            chosen.append({**where, **choices(scores, compared, seed, draws)})
    return pd.concat(differences, ignore_index=True), pd.DataFrame(chosen)
