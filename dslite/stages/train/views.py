"""What the train notebook shows, from what its stage left."""

import pandas as pd

from dslite.configurations import CONFIGURATIONS
from dslite.layout.finished import FinishedStage
from dslite.paper.ledger import LEDGER
from dslite.profiles import TABLE2
from dslite.readings import PAPER
from dslite.scoring import TRAINED_ON, fit_name


def hyperparameters(stage: FinishedStage) -> dict:
    """The corpus' row of Table 2, if it has one, and the row that was used."""
    name, used = stage.settings.name, dict(stage.record["recipe"])
    used["fine_tuned"] = stage.record["trained_layers"]
    return ({(name, "paper"): TABLE2[name]} if name in TABLE2 else {}) | {(name, "here"): used}


def reading(stage: FinishedStage) -> pd.DataFrame:
    """The parameters of the reading that a stage ran with, beside those of the default one."""
    used = stage.settings.reading
    return pd.DataFrame(
        {"entry": entry.id, "about": entry.title, "parameter": name, "here": used.said(name), "paper": PAPER.said(name)}
        for entry in LEDGER
        for name in entry.parameters
    )


def histories(stage: FinishedStage) -> dict[tuple[str, str], pd.DataFrame]:
    """(augmentation, partition) -> a row per epoch."""
    return {key: stage.history(*key) for key in fitted(stage)}


def fit_records(stage: FinishedStage) -> pd.DataFrame:
    """A row per fit: what it was trained and scored on, and what it took."""
    table = pd.DataFrame([stage.fit_record(*key) for key in fitted(stage)])
    table["trained_on"] = table["trained_on"].map(" + ".join)
    names = {"augmentation": "augmentation", "trained_on": "trained on", "chunks_trained_on": "chunks"}
    names |= {"scored_on": "scored on", "chunks_scored": "chunks scored", "trained_layers": "layers fine-tuned"}
    names |= {name: name for name in ("parameters", "weights", "threads", "seconds")}
    return table[list(names)].rename(columns=names)


def fitted(stage: FinishedStage) -> list[tuple[str, str]]:
    """(augmentation, partition that is scored) of every fit, in the paper's order."""
    return [(a, target) for a in CONFIGURATIONS for target in TRAINED_ON if fit_name(a, target) in stage.record["fits"]]
