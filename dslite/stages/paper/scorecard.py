"""The scorecard: every published figure, ours beside it, and a verdict by rules written down before."""

import math
from collections.abc import Mapping

import pandas as pd

from dslite.corpora import CORPORA
from dslite.paper import audit, comparable, published, verdicts
from dslite.paper.published import Figure
from dslite.paper.verdicts import DIFFERS, NOT_COMPARABLE, NOT_JUDGED, NOT_RUN, Verdict
from dslite.profiles import FULL_BACKBONE
from dslite.stages.paper.restated import restated
from dslite.systems import OURS

COLUMNS = [
    "id", "table", "place", "corpus", "row", "partition", "quantity", "says", "unit", "decimals",
    "published", "published_low", "published_high", "ours", "ours_low", "ours_high", "n_files",
    "data", "weights", "backbone", "profile", "reading", "protocol", "seed", "verdict", "why", "doubt",
]  # fmt: skip

_RESTS_ON = ("data", "weights", "backbone", "profile", "reading", "protocol", "seed", "n_files")
_READINGS = ("paper", "released", "sound")
_UNKNOWN = math.nan


def scorecard(
    results: pd.DataFrame | None = None,
    found: pd.DataFrame | None = None,
    costs: pd.DataFrame | None = None,
    confusion: pd.DataFrame | None = None,
    why_not: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """A row per published figure, in the order of :func:`dslite.paper.published.figures`.

    Args:
        results: rows of ``results.csv``; a column ``se`` (standard deviation of the bootstrap draws, UAR points) is
            used where it is there, else the standard error is taken from the interval. None for none.
        found: rows of :func:`dslite.reporting.tables.table1`, of several corpora; None for none.
        costs: the table of :func:`dslite.stages.benchmark.costs.begun` with ``backbone`` and ``weights`` (and ``data``
            and ``profile``, if a corpus' own model was measured); of several base models DenseNet121 is taken; rows
            with ``source`` other than ``here`` are left out. None for none.
        confusion: files by ``corpus``, ``augmentation``, ``partition``, ``protocol``, ``label`` and ``predicted``, of
            the runs that ``results`` holds, for the recalls of Figure 3; None for none.
        why_not: corpus -> why nothing was computed for it, in a few words.

    Returns:
        :data:`COLUMNS`: where the figure stands (``id``, ``table``, ``place``, ``corpus``, ``row``, ``partition``),
        what it is (``quantity``, ``says``, ``unit``, ``decimals``), the published value and interval, ours and its
        interval in the same unit (missing where there is none) and what it rests on, the ``verdict`` (one of
        ``dslite.paper.verdicts.WORDS``) and ``why``, and ``doubt``: what the audit found about the published figure.
    """
    results = pd.DataFrame(columns=["corpus"]) if results is None else results
    rows = [] if found is None else found.to_dict("records")
    counted = {row["corpus"]: row for row in rows if row["source"] == "here"}
    measured = _measured(costs)
    doubts = audit.doubts()
    figures = published.figures()
    own = [figure for figure in figures if figure.quantity != "restated"]
    known = {figure.id: _judge(figure, results, counted, measured, why_not or {}) for figure in own}
    rows = []
    for figure in figures:
        ours, verdict = known[figure.id] if figure.id in known else restated(figure, known, confusion)
        doubted = doubts.get(figure.id, [])
        if verdict.word == DIFFERS and figure.quantity in ("count", "duration") and doubted:
            verdict = Verdict(NOT_COMPARABLE, f"{verdict.why}, but the paper contradicts itself here")
        rows.append(
            {
                "id": figure.id,
                "table": figure.place.split(",")[0] if figure.place.startswith("Table") else "Text",
                **{name: getattr(figure, name) for name in COLUMNS[2:10]},
                "published": figure.value,
                "published_low": figure.ci_low,
                "published_high": figure.ci_high,
                **ours,
                "verdict": verdict.word,
                "why": verdict.why,
                "doubt": "; ".join(finding.told for finding in doubted),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64", "n_files": "Int64"})


def strict_failures(card: pd.DataFrame) -> list[str]:
    """What a strict run fails for: a sentence per figure that *differs* on real data."""
    rows = card[(card["verdict"] == DIFFERS) & (card["data"] == "real")]
    return [
        f"{row.id} ({row.place}): printed {row.published:.{row.decimals}f} {row.unit}, "
        f"here {row.ours:.{row.decimals}f}; {row.why}"
        for row in rows.itertuples()
    ]


def counts(card: pd.DataFrame) -> dict[str, int]:
    """Verdict -> how many figures have it, in the order of ``verdicts.WORDS``."""
    return {word: int((card["verdict"] == word).sum()) for word in verdicts.WORDS}


def within_reach() -> tuple[int, int]:
    """How many printed test scores could be shown consistent at all, and how many there are."""
    errors = [published.standard_error(f.ci_low, f.ci_high) for f in published.figures() if f.ci_low is not None]
    return sum(map(verdicts.can_be_consistent, errors)), len(errors)


def _judge(
    figure: Figure, results: pd.DataFrame, counted: Mapping, measured: Mapping, why_not: Mapping
) -> tuple[dict, Verdict]:
    """Ours (what the columns from ``ours`` to ``seed`` hold, as far as known) and the verdict."""
    if figure.quantity == "uar":
        return _score(figure, results, why_not)
    if figure.quantity in ("count", "duration"):
        return _count(figure, counted.get(figure.corpus), why_not)
    if figure.quantity == "chance":
        level = 100 / len(CORPORA[figure.corpus].classes)
        return {"ours": level}, verdicts.judge_printed(level, figure.value, figure.decimals)
    if figure.quantity == "setting":
        return {}, Verdict(NOT_JUDGED, "an input, not a result")
    return _cost(figure, measured)


# Scores ---------------------------------------------------------------------------------------------------------------


def _score(figure: Figure, results: pd.DataFrame, why_not: Mapping) -> tuple[dict, Verdict]:
    mine = results[results["corpus"] == figure.corpus]
    if mine.empty:
        return {}, Verdict(NOT_RUN, why_not.get(figure.corpus, "no result for this corpus"))
    if figure.row == "svm":
        mine = mine[mine["system"] == published.ROWS["svm"]]
    else:
        mine = mine[(mine["system"] == OURS) & (mine["augmentation"] == figure.row)]
    runs = mine[mine["partition"] == figure.partition].to_dict("records")
    if not runs:
        return {}, Verdict(NOT_RUN, f"{published.ROWS[figure.row]} was not run on {figure.partition}")
    run = min(runs, key=lambda run: _order(figure, run))
    ours = {name: run.get(name) for name in _RESTS_ON}
    ours |= {"ours": run["uar"], "ours_low": run["ci_low"], "ours_high": run["ci_high"]}
    reasons = comparable.score_reasons(figure.corpus, figure.row, run)
    if reasons:
        return ours, Verdict(NOT_COMPARABLE, "; ".join(reasons))
    error = run.get("se")
    error = published.standard_error(run["ci_low"], run["ci_high"]) if pd.isna(error) else error
    # On dev the paper prints no interval: ours is taken for theirs as well.
    theirs = error if figure.partition == "dev" else published.standard_error(figure.ci_low, figure.ci_high)
    return ours, verdicts.judge_score(run["uar"], error, figure.value, theirs)


def _order(figure: Figure, run: Mapping) -> tuple:
    """Which of several runs stands for a figure: by how it was made, never by its score."""
    reading = _READINGS.index(run["reading"]) if run["reading"] in _READINGS else len(_READINGS)
    return pd.isna(run["uar"]), len(comparable.score_reasons(figure.corpus, figure.row, run)), reading, run["seed"]


# Counts and durations -------------------------------------------------------------------------------------------------


def _count(figure: Figure, row: Mapping | None, why_not: Mapping) -> tuple[dict, Verdict]:
    if not figure.row:
        return {}, Verdict(NOT_RUN, "not counted here")
    if row is None:
        return {}, Verdict(NOT_RUN, why_not.get(figure.corpus, "no audio of this corpus was read"))
    value = _UNKNOWN if pd.isna(row[figure.row]) else float(row[figure.row])
    ours = {"ours": value, "data": row["data"]}
    # Other counts than Table 1's are what makes a corpus "differing": here they are the finding, not an obstacle.
    reasons = comparable.audio_reasons("real" if row["data"] == "differing" else row["data"])
    if reasons:
        return ours, Verdict(NOT_COMPARABLE, "; ".join(reasons))
    judge = verdicts.judge_duration if figure.quantity == "duration" else verdicts.judge_printed
    return ours, judge(value, figure.value, figure.decimals)


# Table 5 --------------------------------------------------------------------------------------------------------------


def _measured(costs: pd.DataFrame | None) -> dict:
    """(column of Table 5, quantity) -> our value in the paper's unit; ``""`` -> what it rests on."""
    if costs is None or costs.empty:
        return {}
    if "source" in costs:
        costs = costs[costs["source"] == "here"]
    names = costs["backbone"].tolist()
    backbone = FULL_BACKBONE if FULL_BACKBONE in names else names[0]
    costs = costs[costs["backbone"] == backbone]
    costs = costs[costs["threads"] == costs["threads"].max()].drop_duplicates(["model", "part"])
    rows = costs.set_index(["model", "part"]).to_dict("index")
    keras, lite = rows.get(("keras", "whole"), {}), rows.get(("float32", "whole"), {})
    values = {
        ("preprocessing", "time"): rows.get(("keras", "front end"), {}).get("p50_ms"),
        # The paper's two models take pictures: preprocessing is a row of its own.
        ("tensorflow", "time"): keras.get("p50_ms", _UNKNOWN) - rows.get(("keras", "front end"), {}).get("p50_ms", 0.0),
        ("tflite", "time"): rows.get(("float32", "cnn"), {}).get("p50_ms"),
        ("tensorflow", "memory"): keras.get("peak_mb"),
        ("tflite", "memory"): lite.get("peak_mb"),
        ("tensorflow", "size"): keras.get("bytes_with_optimiser", _UNKNOWN) / 1e6,
        ("tflite", "size"): lite.get("bytes", _UNKNOWN) / 1e6,
        ("tensorflow", "parameters"): keras.get("parameters", _UNKNOWN) / 1e6,
        ("tflite", "parameters"): keras.get("parameters", _UNKNOWN) / 1e6,
        ("tensorflow", "flops"): keras.get("macs", _UNKNOWN) / 1e9,
    }
    values = {key: value for key, value in values.items() if value is not None and not pd.isna(value)}
    return values | {"": {name: costs[name].iloc[0] for name in _RESTS_ON if name in costs}}


def _cost(figure: Figure, measured: Mapping) -> tuple[dict, Verdict]:
    value = measured.get((figure.row, figure.quantity))
    if value is None:
        why = _MISSING.get((figure.row, figure.quantity)) or _MISSING.get((figure.row, ""), "not measured")
        return {}, Verdict(NOT_RUN, why)
    rests = measured[""]
    ours = {"ours": value, **rests}
    if rests.get("data") == "stand-in":
        return ours, Verdict(NOT_COMPARABLE, comparable.audio_reasons("stand-in")[0])
    if rests["backbone"] != FULL_BACKBONE:
        return ours, Verdict(NOT_COMPARABLE, f"another base model ({rests['backbone']})")
    if figure.quantity == "flops":
        return ours, Verdict(NOT_COMPARABLE, "ours are multiply-adds; the paper does not say what it counts")
    if figure.quantity in ("time", "memory"):
        return ours, verdicts.ratio(value, figure.value)
    return ours, verdicts.judge_printed(value, figure.value, figure.decimals)


_MISSING = {
    ("phone", ""): "no phone here",
    ("preprocessing", "size"): "our preprocessing is part of the model's one file",
    ("preprocessing", "memory"): "not measured apart from the model",
}
