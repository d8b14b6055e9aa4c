"""The variants of an exported model in tables: names, refusals, times and what these allow one to say."""

from itertools import combinations

import pandas as pd

from dslite.deployment import latency
from dslite.deployment.quantisation import VARIANTS
from dslite.wording import counted

TITLES = {"keras": "Keras"} | {name: variant.title for name, variant in VARIANTS.items()}
PARTS = {"whole": "whole", "front end": "front end", "cnn": "CNN and head"}


def refused(table: pd.DataFrame) -> str:
    """Which variants did not pass the gate, and why.

    Args:
        table: ``model``, ``offered``, ``reason``.
    """
    wrong = [f"{TITLES[row.model]}: {row.reason}." for row in table.itertuples() if not row.offered]
    return f"Not offered: {' '.join(wrong)}" if wrong else "All variants passed."


def times(timings: pd.DataFrame) -> pd.DataFrame:
    """Percentiles of every repetition (:func:`dslite.deployment.latency.timer`), whole and in parts."""
    table = latency.summary(timings).query("model in @TITLES")
    table = table.assign(model=pd.Categorical(table["model"], list(TITLES)), part=pd.Categorical(table["part"], PARTS))
    table = table.sort_values(["threads", "model", "part"])
    share = [
        100 * latency.ratio(timings, (row.model, "front end"), (row.model, "whole"), row.threads)
        if row.part == "front end" else None
        for row in table.itertuples()
    ]  # fmt: skip
    said = {"model": table["model"].map(TITLES).astype(str), "part": table["part"].map(PARTS).astype(str)}
    names = {f"p{percent}_ms": f"p{percent} (ms)" for percent in (10, 50, 90)}
    return table.assign(**said, **{"share of the whole (%)": share}).rename(columns=names)


def ranking(timings: pd.DataFrame) -> pd.DataFrame:
    """Every pair of models, whole, per number of threads: the ratio of their times in the same round, and what it says.

    A pair whose median ratio lies no farther from 1 than the noise floor is not ranked.
    """
    rows = []
    for threads, part in timings[timings["part"] == "whole"].groupby("threads"):
        floor = latency.noise_floor(part)
        there = [name for name in TITLES if name in set(part["model"])]
        for one, other in combinations(there, 2):
            ratio = latency.ratio(part, (other, "whole"), (one, "whole"), threads)
            faster = TITLES[other] if ratio < 1 else TITLES[one]
            said = "inside the noise floor: not ranked" if abs(ratio - 1) <= floor else f"{faster} is faster"
            rows.append((f"{TITLES[other]} / {TITLES[one]}", threads, ratio, said))
    return pd.DataFrame(rows, columns=["pair", "threads", "ratio of times", "what it says"])


def noise_in_words(timings: pd.DataFrame) -> str:
    """How far two timings of the same file in the same round lie apart."""
    floors = [
        f"{100 * latency.noise_floor(part):.1f} % with {counted(threads, 'thread')}"
        for threads, part in timings.groupby("threads")
    ]
    return f"Noise floor, from timing one file twice in every round: {', '.join(floors)}."
