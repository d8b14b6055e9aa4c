"""``results.csv``: the scores of all corpora that have been evaluated below an output folder."""

import pandas as pd

from dslite.corpora import CORPORA
from dslite.files import whole_file
from dslite.layout.paths import Paths


def evaluated(paths: Paths) -> list[str]:
    """The corpora that have scores below an output folder, and all that these came from: the paper's in its order,
    then own ones."""
    stages = ("corpus", "train", "baseline", "evaluate")
    there = [n for n in paths.recorded("evaluate") if all(paths.corpus(n).record(s).exists() for s in stages)]
    return [name for name in CORPORA if name in there] + [name for name in there if name not in CORPORA]


def gather(paths: Paths) -> pd.DataFrame:
    """Their scores, one below the other; empty if there are none."""
    files = [paths.corpus(name).scores for name in evaluated(paths)]
    tables = [pd.read_parquet(file) for file in files if file.exists()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def write(paths: Paths) -> pd.DataFrame:
    """Writes ``results.csv``, where there is anything to write, and returns what stands in it."""
    results = gather(paths)
    if len(results):
        with whole_file(paths.results) as draft:
            results.to_csv(draft, index=False, float_format="%.4f")
    return results
