"""What the page ``compress`` shows, from what its stage left."""

import os

import numpy as np
import pandas as pd

from dslite.backbones import title
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations, variants
from dslite.reporting.display import with_digits
from dslite.stages.compress.networks import DISTILLED, QUANTISED
from dslite.wording import written

COSTS = {
    "ms_per_s": "time (ms per second of audio, one thread)",
    "MB": "size (MB)",
    "zipped MB": "size when zipped (MB)",
    "peak_mb": "peak memory of the process (MB)",
    "millions": "multiplications of one chunk (millions)",
}
"""Column of :func:`points` -> what it is; less is better."""


def points(stage: FinishedStage) -> pd.DataFrame:
    """A row per offered file, with :data:`COSTS`, ``name`` for readers, ``link`` (from the page) and, for each cost,
    whether the file is on the front: no other is cheaper and at least as good."""
    table = stage.table("files").query("offered").reset_index(drop=True)
    table = table.assign(**{"MB": table["bytes"] / 1e6, "zipped MB": table["zipped"] / 1e6})
    table["millions"] = table["macs"] / 1e6
    table["name"] = _names(table) + ", " + table["variant"].map(variants.TITLES)
    link = {name: stage.paths.file("compress", f"{name}.tflite") for name in table["file"]}
    table["link"] = [os.path.relpath(link[name], stage.paths.pages) for name in table["file"]]
    return table.assign(**{f"front {cost}": front(table[cost], table["uar"]) for cost in COSTS})


def front(cost: pd.Series, score: pd.Series) -> np.ndarray:
    """Pareto's front, bool (n,): whether nothing else costs no more and scores no less, one of both strictly."""
    own_cost, own_score = cost.to_numpy()[:, None], score.to_numpy()[:, None]
    no_worse = (cost.to_numpy() <= own_cost) & (score.to_numpy() >= own_score)
    better = (cost.to_numpy() < own_cost) | (score.to_numpy() > own_score)
    return score.notna().to_numpy() & ~(no_worse & better).any(axis=1)


def _names(table: pd.DataFrame) -> pd.Series:
    random = (table["kind"] == DISTILLED) & (table["weights"] == "random")
    return table["title"] + np.where(random, " (from random weights)", "")


def files(stage: FinishedStage) -> pd.DataFrame:
    """A row per file: what it is worth and what it costs; those of the front of time and UAR are marked."""
    table = points(stage)
    task = stage.task
    scored = [
        "–" if pd.isna(row.uar) else f"{task.said(row.uar)} ({task.interval(row.ci_low, row.ci_high)})"
        for row in table.itertuples()
    ]
    lost = [
        "–" if pd.isna(row.difference) else
        f"{task.apart(row.difference)} ({ablations.interval(row.low_file, row.high_file)})"
        for row in table.itertuples()
    ]  # fmt: skip
    shown = {"network": _names(table), "variant": table["variant"].map(variants.TITLES), "UAR": scored}
    shown |= {"less the best's": lost, "ms per s": table["ms_per_s"], "MB": table["MB"]}
    shown |= {"zipped": table["zipped MB"], "peak MB": table["peak_mb"], "million": table["millions"]}
    found = pd.DataFrame(shown | {"front": table["front ms_per_s"]}).sort_values("ms per s", ignore_index=True)
    return with_digits(found, 2)


def refused(stage: FinishedStage) -> str:
    """Files that did not pass the gate and networks that cannot be, and why."""
    table = stage.table("files").query("not offered")
    wrong = [f"{row.title}, {variants.TITLES[row.variant]}: {row.reason}." for row in table.itertuples()]
    wrong += [f"{network}: {reason.rstrip('.')}." for network, reason in stage.record["left_out"].items()]
    return f"Not offered: {' '.join(wrong)}" if wrong else "All files passed the gate."


def advice(stage: FinishedStage) -> str:
    """Which file to take if one wants the best, the fastest or the smallest within the best one's interval."""
    table = points(stage).dropna(subset="uar")
    if table.empty:
        return "No file passed the gate."
    best = table.loc[table["uar"].idxmax()]
    within = table[table["uar"] >= best["ci_low"]]
    fastest, smallest = (within.loc[within[cost].idxmin()] for cost in ("ms_per_s", "MB"))
    interval = stage.task.interval(best["ci_low"], best["ci_high"])
    said = (
        f"Take **{best['name']}** if nothing but the score counts: UAR {best['uar']:.1f} % ({interval}), "
        f"{_cost(best)}.",
        f"Take **{fastest['name']}** if it has to be fast: the fastest whose UAR, {fastest['uar']:.1f} %, lies within "
        f"that interval, {_cost(fastest)}.",
        f"Take **{smallest['name']}** if it has to be small: the smallest within it, UAR {smallest['uar']:.1f} %, "
        f"{_cost(smallest)}.",
    )
    return "\n".join(f"- {sentence}" for sentence in said)


def _cost(row: pd.Series) -> str:
    return f"{written(row['ms_per_s'], '.2f')} ms per second of audio and {written(row['MB'], '.2f')} MB"


def about(stage: FinishedStage) -> str:
    """What was fitted again for int8, and what no figure here says."""
    table = stage.table("files")
    again = table[table["kind"] == QUANTISED].drop_duplicates("network")["title"]
    told = f"Fine-tuned for int8, because they lost more than a point by it: {'; '.join(again)}." if len(again) else (
        "No network lost more than a point by full int8 convolutions, so none was fine-tuned for it."
    )  # fmt: skip
    random = sorted(set(table.loc[(table["kind"] == DISTILLED) & (table["weights"] == "random"), "backbone"]))
    lacking = f" There were no ImageNet weights of {', '.join(map(title, random))}: it began with random ones."
    return told + (lacking if random else "")
