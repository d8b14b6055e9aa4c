"""What further seeds gave, beside the first one's results."""

import pandas as pd

from dslite.files import read_json
from dslite.layout.paths import CorpusPaths, Paths
from dslite.systems import OURS


def every_seed(layout: Paths, results: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``results.csv`` of all seeds.

    Args:
        layout: the output.
        results: the rows of the first seed. A further seed counts where its fits depend on the same data, parameters
            and code; others are of an earlier state and are left out.
    """
    first = {name: _alike(layout.corpus(name)) for name in results["corpus"].unique()}
    found = [
        pd.read_parquet(other.corpus(name).scores)
        for other in layout.further()
        for name in other.recorded("evaluate")
        if first.get(name) and _alike(other.corpus(name)) == first[name]
    ]
    every = pd.concat([results, *found], ignore_index=True)
    return every.drop_duplicates(["corpus", "system", "augmentation", "partition", "protocol", "seed"])


def _alike(places: CorpusPaths) -> str:
    """What fits depend on but for the seed; empty for those of a version that did not note it."""
    return read_json(places.record("train")).get("but_for_the_seed", "")


def spread(every: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and range over seeds of every configuration on test (all files), for reading.

    It is what fitting again changes, which no interval of one test set contains; on a stand-in a seed makes other audio
    too. The standard deviation is that of a sample (n - 1); scores without files are left out.
    """
    rows = every[(every["partition"] == "test") & (every["protocol"] == "all") & (every["system"] == OURS)]
    same = ["corpus", "augmentation", "data", "backbone", "weights", "profile", "reading"]
    scores = rows.dropna(subset="uar").groupby(same, sort=False, dropna=False)["uar"]
    table = scores.agg(seeds="count", mean="mean", sd="std", least="min", most="max").reset_index()
    shown = ["corpus", "augmentation", "seeds", "mean", "sd", "least", "most", "data", "weights"]
    return table.loc[table["seeds"] > 1, shown]
