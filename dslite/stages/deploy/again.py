"""The scores of the stage ``deploy`` once more, for those who verify them."""

import pandas as pd

from dslite import scoring
from dslite.deployment import gate
from dslite.files import write_table
from dslite.layout.finished import FinishedStage
from dslite.statistics import compare, pairs


def again(stage: FinishedStage) -> None:
    """Writes, in a copy of the stage's folder, a table of variants with nothing but what their predictions say."""
    settings = stage.settings
    tables = {
        name: own.drop(columns="model").reset_index(drop=True)
        for name, own in stage.table("predictions").groupby("model")
    }
    scores = {
        name: scoring.score(own, stage.classes, "all", settings.seed, settings.draws) for name, own in tables.items()
    }
    noise = gate.agreement(tables["keras"], tables["float32"])["difference"].max() if "float32" in tables else 0.0
    for name in (name for name in tables if name != "keras"):
        files = gate.agreement(tables["keras"], tables[name], noise)
        two = compare({"keras": tables["keras"], name: tables[name]}, stage.classes, "all", "file")
        lost = pairs(two, settings.seed, settings.paired_draws).iloc[0]
        scores[name] |= (
            {"agreement": 100 * files["same"].mean(), "flipped": (~files["same"]).sum()} if stage.classes else {}
        )
        scores[name] |= {"difference": files["difference"].max(skipna=False), "lost": lost["difference"]}
        scores[name] |= {f"lost_{end}": lost[end] for end in ("low", "high")}
    rows = [{"model": name, **scores.get(name, {})} for name in stage.table("variants")["model"]]
    write_table(stage.paths.file("deploy", "variants.parquet"), pd.DataFrame(rows))
