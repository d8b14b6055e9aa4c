"""Gathers what was measured on real audio into dslite/paper/measured.json, for the page of discrepancies.

    python -m benchmarks.measured --paper OUTPUT --sound OUTPUT ... --ablation OUTPUT ...

Full profile, readings paper and sound, on one corpus, of which the scores are taken and of the first the learning
curves without augmentation; and outputs of the stage ablation. Few people have such audio at hand, so what it gave is
kept; nothing of it is ever shown as the result of somebody's own run.
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
    parser.add_argument("--paper", type=Path, metavar="OUTPUT", required=True)
    parser.add_argument("--sound", type=Path, metavar="OUTPUT", nargs="+", required=True)
    parser.add_argument("--ablation", type=Path, metavar="OUTPUT", nargs="+", required=True)
    chosen = parser.parse_args()
    runs = [chosen.paper, *chosen.sound]
    runs += [paths.output for run in runs for paths in Paths(run).further()]
    measured = {
        "scores": [row for run in runs for row in _scores(_only(run, "evaluate"))],
        "adadelta": [_fit(_only(run, "train")) for run in runs[:2]],
        "ablations": [_ablation(_only(run, "ablation")) for run in chosen.ablation],
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


def _scores(places: CorpusPaths) -> list[dict]:
    """On test, all files."""
    table = pd.read_parquet(places.scores).query("partition == 'test' and protocol == 'all' and system != 'chance'")
    kept = ("system", "augmentation", "reading", "seed", "uar", "ci_low", "ci_high", "n_files", "n_speakers")
    return _plain(table[list(kept)].round(2)).to_dict("records")


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
