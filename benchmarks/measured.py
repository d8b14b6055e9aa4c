"""Gathers what was measured on real audio into dslite/paper/measured.json, for the page of discrepancies.

    python -m benchmarks.measured --paper OUTPUT --sound OUTPUT ... --ablation OUTPUT ...

Whole runs of the full profile on one corpus, under the readings paper and sound, with a seed each: their scores, and of
the first of each reading the learning curves without augmentation. And runs of the stage ablation. Few people have such
audio at hand, so what it gave is kept; nothing of it is ever shown as the result of somebody's own run.
"""

import argparse
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pandas as pd

from dslite.layout.paths import CorpusPaths, Paths
from dslite.stages.ablation.work import NO_EFFECT, REFERENCE

_KEPT = ("data", "note", "about", "classes", "backbone", "weights", "profile")
"""What runs must share to stand in one table."""

_PLACE = files("dslite.paper") / "measured.json"


def main(arguments: Sequence[str] | None = None, place: Path = _PLACE) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measured", description=__doc__.splitlines()[0])
    for name, number in (("paper", 1), ("sound", "+"), ("ablation", "+")):
        parser.add_argument(f"--{name}", type=Path, metavar="OUTPUT", nargs=number, required=True)
    chosen = parser.parse_args(arguments)
    measured = {
        "runs": _runs(chosen.paper, chosen.sound),
        "ablations": [_ablation(_only(output, "ablation")) for output in chosen.ablation],
    }
    place.write_text(
        json.dumps(measured, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    print(f"Wrote {place}")


def _runs(paper: Sequence[Path], sound: Sequence[Path]) -> dict:
    places = [_only(output, "evaluate") for output in (*paper, *sound)]
    read = [_read(one.record("train")) for one in places]
    shared = {name: read[0][name] for name in _KEPT}
    wanted = [("paper", "full")] * len(paper) + [("sound", "full")] * len(sound)
    for output, record, expected in zip((*paper, *sound), read, wanted, strict=True):
        if (record["reading"], record["profile"]) != expected:
            raise SystemExit(
                f"{output}: reading and profile are {record['reading']}, {record['profile']}; not {expected}."
            )
        if differs := [name for name in _KEPT if record[name] != shared[name]]:
            raise SystemExit(f"{output} differs from {paper[0]} in {', '.join(differs)}; give runs of one kind.")
    scores = pd.concat([_scores(one) for one in places])
    if scores.duplicated(["system", "augmentation", "reading", "seed"]).any():
        raise SystemExit("Two runs have the same reading and seed; name each once.")
    curves = [_fit(one) for one in (places[0], places[len(paper)])]
    return {"record": shared, "scores": _plain(scores).to_dict("records"), "adadelta": curves}


def _only(output: Path, stage: str) -> CorpusPaths:
    """The one corpus of an output that a stage is done for."""
    records = sorted(Paths(output).artifacts.glob(f"*/{stage}/record.json"))
    if len(records) != 1:
        raise SystemExit(f"{output} holds {len(records)} corpora with the stage {stage}; expected one.")
    return Paths(output).corpus(records[0].parts[-3])


def _read(place: Path) -> dict:
    return json.loads(place.read_text("utf-8"))


def _scores(places: CorpusPaths) -> pd.DataFrame:
    """On test, all files."""
    table = pd.read_parquet(places.scores).query("partition == 'test' and protocol == 'all' and system != 'chance'")
    kept = ("system", "augmentation", "reading", "seed", "uar", "ci_low", "ci_high", "n_files", "n_speakers")
    return table[list(kept)].round(4)


def _fit(places: CorpusPaths) -> dict:
    folder = places.fit("none", "dev")
    history = (
        pd.read_parquet(folder / "history.parquet").drop(columns=["seconds", "dev_decided"], errors="ignore").round(3)
    )
    fit = _read(folder / "record.json")
    return {
        "learning_rate": fit["recipe"]["learning_rate"],
        "seed": fit["seed"],
        "history": _plain(history).to_dict("list"),
    }


def _ablation(places: CorpusPaths) -> dict:
    record = _read(places.record("ablation"))
    tables = {
        name: pd.read_parquet(places.file("ablation", f"{name}.parquet"))
        for name in ("differences", "scores", "left_out")
    }
    by_variant = tables["scores"].query("partition == 'test'").groupby("variant")
    sound = by_variant.get_group(REFERENCE)
    differences = tables["differences"].assign(sd=lambda table: table["system"].map(by_variant["uar"].std()))
    no_effect = tables["left_out"]["reason"] == NO_EFFECT
    return {
        "record": {name: record[name] for name in (*_KEPT, "reading", "seeds", "chunk")},
        "sound": {
            "uar": sound["uar"].mean(),
            "sd": sound["uar"].std() if len(sound) > 1 else None,
            "n_files": int(sound["n_files"].iloc[0]),
        },
        "differences": _plain(differences.round(4)).to_dict("records"),
        "no_effect": list(tables["left_out"].loc[no_effect, "variant"]),
        "impossible": list(tables["left_out"].loc[~no_effect, "variant"]),
    }


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """With None, which JSON knows, for NaN."""
    return table.astype(object).where(table.notna(), None)


if __name__ == "__main__":
    main()
