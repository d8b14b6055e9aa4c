"""Gathers what was measured on real audio into dslite/paper/measured.json, for the page of discrepancies.

    python -m benchmarks.measured PAPER SOUND ABLATION ...

PAPER and SOUND are outputs of the full profile (readings paper and sound) on one corpus, of which the learning curves
without augmentation are taken; ABLATION are outputs of the stage ablation. Few people have such audio at hand, so what
it gave is kept; nothing of it is ever shown as the result of somebody's own run.
"""

import argparse
import json
from importlib.resources import files
from pathlib import Path

import pandas as pd

from dslite.workflow.paths import CorpusPaths, Paths

_KEPT = (
    "data",
    "note",
    "about",
    "classes",
    "backbone",
    "weights",
    "profile",
    "reading",
    "seed",
    "seeds",
    "chunk",
    "hardware",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measured", description=__doc__.splitlines()[0])
    parser.add_argument("paper", type=Path, metavar="PAPER")
    parser.add_argument("sound", type=Path, metavar="SOUND")
    parser.add_argument("ablations", type=Path, metavar="ABLATION", nargs="+")
    chosen = parser.parse_args()
    measured = {
        "adadelta": [_fit(_only(output, "train")) for output in (chosen.paper, chosen.sound)],
        "ablations": [_ablation(_only(output, "ablation")) for output in chosen.ablations],
    }
    place = files("dslite.paper") / "measured.json"
    place.write_text(json.dumps(measured, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"Wrote {place}")


def _only(output: Path, stage: str) -> CorpusPaths:
    """The one corpus of an output that a stage is done for."""
    records = sorted(Paths(output).artifacts.glob(f"*/{stage}/record.json"))
    if len(records) != 1:
        raise SystemExit(f"{output} holds {len(records)} corpora with the stage {stage}; expected one.")
    return Paths(output).corpus(records[0].parts[-3])


def _record(places: CorpusPaths, stage: str) -> dict:
    record = json.loads(places.record(stage).read_text("utf-8"))
    return {name: record[name] for name in _KEPT if name in record} | {"versions": record["versions"]}


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """With None, which JSON knows, for NaN."""
    return table.astype(object).where(table.notna(), None)


def _fit(places: CorpusPaths) -> dict:
    history = pd.read_parquet(places.fit("none", "dev") / "history.parquet").drop(columns="seconds")
    fit = json.loads((places.fit("none", "dev") / "record.json").read_text("utf-8"))
    return {
        "record": _record(places, "train"),
        "learning_rate": fit["recipe"]["learning_rate"],
        "history": _plain(history.round(3)).to_dict("list"),
    }


def _ablation(places: CorpusPaths) -> dict:
    found = {
        name: pd.read_parquet(places.ablation(f"{name}.parquet")) for name in ("differences", "scores", "left_out")
    }
    test = found["scores"].query("partition == 'test'").groupby("variant")["uar"]
    table = found["differences"].assign(sd=found["differences"]["system"].map(test.std()))
    return {
        "record": _record(places, "ablation"),
        "differences": _plain(table.round(4)).to_dict("records"),
        "left_out": list(found["left_out"]["variant"]),
    }


if __name__ == "__main__":
    main()
