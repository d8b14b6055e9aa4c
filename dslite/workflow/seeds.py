"""What further seeds gave, beside the first one's results."""

import pandas as pd

from dslite import statistics
from dslite.workflow.paths import Paths
from dslite.workflow.stages import OURS


def every_seed(layout: Paths, results: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``results.csv`` of all seeds.

    Args:
        layout: the output.
        results: the rows of the first seed. A further seed counts where all else about its run is the same.
    """
    run = ["corpus", "data", "backbone", "weights", "profile", "reading"]
    first = results[results["system"] == OURS].drop_duplicates("corpus")
    found = [
        pd.read_parquet(places.scores).merge(first[run], on=run)
        for other in layout.further()
        for places in other.evaluated().values()
    ]
    every = pd.concat([results, *found], ignore_index=True)
    return every.drop_duplicates(["corpus", "system", "augmentation", "partition", "protocol", "seed"])


def spread(every: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and range over seeds of every configuration on test (all files), for reading."""
    rows = every[(every["partition"] == "test") & (every["protocol"] == "all") & (every["system"] == OURS)]
    table = statistics.over_seeds(rows)
    table = table[table["seeds"] > 1]
    shown = ["corpus", "augmentation", "seeds", "uar_mean", "uar_sd", "uar_min", "uar_max", "data", "weights"]
    names = {"uar_mean": "mean", "uar_sd": "sd", "uar_min": "least", "uar_max": "most"}
    return table[shown].rename(columns=names)
