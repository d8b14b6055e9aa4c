"""What records say: with which settings a stage ran, and whether they agree with their own parameters, with each other
and with the table of files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from dslite import changes as changing
from dslite.corpora import REGISTRY, results_name
from dslite.files import read_json
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import NEXT_SEED, CorpusPaths, Paths
from dslite.layout.settings import Settings
from dslite.readings import READINGS
from dslite.stages.catalogue import STAGES

STANDIN = "stand-in"


def pairs(places: CorpusPaths, corpus: str, stage: str, record: dict) -> Iterator[tuple[str, object, object]]:
    """A key of a stage's record, what it says, and what it should say: of whose audio and with which weights above
    all, so that no stand-in's results pass for those of recordings."""
    asked = record["parameters"]
    for key, mine in {"corpus": results_name(asked["corpus"], asked["task"]), "stage": stage}.items():
        yield key, record[key], mine
    yield "corpus", record["corpus"], corpus
    yield "data", record["data"] == STANDIN and STANDIN, asked["audio"] == STANDIN and STANDIN
    if "weights" in record:
        yield "weights", record["weights"] == "random" and "random", asked["weights"] == "none" and "random"
    for key in {"seed", "profile", "backbone", "reading"} & record.keys() & asked.keys():
        yield key, record[key], asked[key]
    yield "changed", record.get("changed", asked["changes"]), asked["changes"]
    for needed in STAGES[stage].needs:
        before, now = (records.inherited(one) | _run(one) for one in (read_json(places.record(needed)), record))
        for key in before.keys() & now.keys() - {"warnings"}:
            yield f"{key}, as {needed} has it,", now[key], before[key]
        lost = [warning for warning in before.get("warnings", ()) if warning not in now.get("warnings", ())]
        yield "warnings", "" if not lost else "not all", ""
    if STAGES[stage].exported:
        for fit in sorted(places.file(stage).glob("*/*/record.json")):
            about = read_json(fit)
            for key in {"weights", "backbone", *["seed"] * (fit.parent.name != NEXT_SEED)} & about.keys():
                yield f"{key}, as {fit.relative_to(places.root)} has it,", record[key], about[key]
    if not STAGES[stage].needs:
        if corpus in REGISTRY:
            yield "classes", record["classes"], list(REGISTRY[corpus].classes)
        yield "files", record["files"], len(pd.read_parquet(places.clips, columns=["file"]))


def _run(record: dict) -> dict:
    """What a record says of the run that it is of, which is one for all stages of a corpus."""
    return {key: record[key] for key in ("seed", "profile", "reading", "changed") if key in record}


def finished(paths: Paths, name: str, stage: str) -> FinishedStage:
    """A stage as it lies there, with the settings that it ran with as far as its record says them; where its audio and
    weights lay counts for nothing."""
    record = read_json(paths.corpus(name).record(stage))
    asked = record["parameters"]
    words = (word.partition(" ") for word in asked["changes"].split(", ") if word)
    changes = changing.checked({key: _value(value) for key, _, value in words})
    weights, seeds = asked.get("weights", "none"), asked.get("seeds", 1)
    settings = Settings(
        source=asked["corpus"],
        name=name,
        folder=Path(asked["audio"]),
        standin=asked["audio"] == STANDIN,
        reader="own_csv",
        data=None,
        weights=None,
        weights_file=None if weights == "none" else Path(weights),
        profile=record.get("profile", "demo"),
        reading=changing.to_reading(READINGS[asked["reading"]], changes),
        backbone=record.get("backbone", ""),
        seed=record.get("seed", asked.get("seed", 42)),
        output=paths.output,
        workers=1,
        task=asked["task"],
        chunk=asked.get("chunk", 0.0),
        changes=changes,
        seeds=seeds,
    )
    return FinishedStage(settings, record)


def _value(word: str) -> object:
    if " and " in word:
        return [_value(one) for one in word.split(" and ")]
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word
