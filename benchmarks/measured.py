"""Gathers what was measured on real audio into dslite/paper/measured.json, and docs/measured.md's tables from it.

    python -m benchmarks.measured [OUTPUT ...] [--add] [--adadelta PAPER SOUND] [--ablation OUTPUT ...]

Outputs of runs: of any corpora, base models, readings, profiles and seeds, with the further seeds that lie in them. All
their scores take the place of those that were kept; with --add, only of those of the same runs. The learning curves of
F-13 are renewed where the full profile was run under the readings paper and sound on one corpus with one base model, or
from two outputs of the stage train; the ablations where runs of that stage are given (with --add, those of the same
corpora); else they stay as they were. Few people have such audio at hand, so what it gave is kept; nothing of it is
ever shown as the result of somebody's own run.
"""

import argparse
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pandas as pd

from dslite.layout.paths import CorpusPaths, Paths
from dslite.paper.measured import Measured, read
from dslite.reporting.ablations import interval, points
from dslite.reporting.provenance import provenance_line
from dslite.stages.ablation.work import NO_EFFECT
from dslite.stages.paper import measurements
from dslite.stages.paper.seeds import every_seed
from dslite.systems import CHANCE, OURS

_KEPT = ("data", "note", "about", "classes", "backbone", "weights", "profile")
"""What runs must share to stand in one table or figure."""

_RUN = ["corpus", "data", "backbone", "weights", "profile", "reading", "seed"]
_SCORE = ["system", "augmentation", "chosen", "uar", "ci_low", "ci_high", "n_files", "n_speakers", "p_none"]

_PLACE = files("dslite.paper") / "measured.json"
_PAGE = Path(__file__).parents[1] / "docs/measured.md"
_TABLES = re.compile(r"(?<=<!-- tables of measured.json -->\n).*?(?=<!-- end of tables -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None, place: Path = _PLACE, page: Path = _PAGE) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measured", description=__doc__.splitlines()[0])
    parser.add_argument("outputs", type=Path, metavar="OUTPUT", nargs="*", help="output of a run")
    parser.add_argument("--add", action="store_true", help="keep the runs and ablations that are not among the outputs")
    parser.add_argument(
        "--adadelta", type=Path, metavar=("PAPER", "SOUND"), nargs=2, help="of the stage train, full profile (F-13)"
    )
    parser.add_argument("--ablation", type=Path, metavar="OUTPUT", nargs="+", default=[], help="of the stage ablation")
    chosen = parser.parse_args(arguments)
    kept = json.loads(place.read_text("utf-8"))
    if not chosen.outputs and not chosen.add:
        parser.error("without an OUTPUT all scores would go; --add keeps them")
    corpora, scores, curves = _runs(chosen.outputs) if chosen.outputs else ({}, [], {})
    if chosen.adadelta:
        curves = _curves(*(_only(output, "train") for output in chosen.adadelta))
    ablations = [_ablation(_only(output, "ablation")) for output in chosen.ablation]
    if chosen.add:
        new = [_key(row) for row in scores]
        corpora, scores = kept["corpora"] | corpora, [row for row in kept["scores"] if _key(row) not in new] + scores
        names = [_short(one) for one in ablations]
        ablations = [one for one in kept["ablations"] if _short(one) not in names] + ablations
    measured = {
        "corpora": corpora,
        "scores": scores,
        "adadelta": curves or kept["adadelta"],
        "ablations": ablations or kept["ablations"],
    }
    stored = json.dumps(measured, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
    told = with_tables(page.read_text("utf-8"), read(stored))
    place.write_text(stored, encoding="utf-8")
    page.write_text(told, encoding="utf-8")
    print(f"Wrote {place} and the tables of {page}.")


def with_tables(page: str, measured: Measured) -> str:
    """A page of Markdown with what was measured between its two marks."""
    if not _TABLES.search(page):
        raise SystemExit("The page lacks the lines <!-- tables of measured.json --> and <!-- end of tables -->.")
    parts = ["## Whole runs"]
    for kind in measured.kinds:
        parts += [measured.about(*kind), markdown(measured.table(*kind))]
    rests = measured.adadelta.record
    parts += ["## The printed rate of AdaDelta (F-13)"]
    parts += [f"{rests['about']['short']}, {rests['note']} ({provenance_line(rests)}); without augmentation, on train:"]
    parts += [
        "\n".join(_curve(*fit) for fit in measured.adadelta.histories.items()),
        "## Single discrepancies brought into the reading `sound`",
    ]
    for one in measured.ablations:
        rows = one.differences.sort_values("difference").itertuples()
        cells = [(r.system, points(r.difference), interval(r.low_file, r.high_file), f"{r.p_holm:.3f}") for r in rows]
        heads = ["discrepancy", "UAR points", "95 % interval over files", "p after Holm"]
        parts += [f"{measurements.told(one)} {provenance_line(one.record)}."]
        parts += [markdown(pd.DataFrame(cells, columns=heads))]
    return _TABLES.sub(lambda _: "\n" + "\n\n".join(parts) + "\n\n", page)


def _curve(rate: float, history: pd.DataFrame) -> str:
    loss, uar = (history[name].dropna() for name in ("loss", "dev_uar"))
    told = f"training loss goes from {loss.iloc[0]:.1f} to {loss.iloc[-1]:.1f} in {len(loss)} epochs"
    ends = f"UAR on dev ends at {uar.iloc[-1]:.1f} % (at most {uar.max():.1f} %)"
    return f"- at a rate of {rate:g} {told}, and {ends}."


def markdown(table: pd.DataFrame) -> str:
    """A table of texts as Markdown has it."""
    lines = [list(table.columns), ["---"] * table.shape[1], *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _runs(outputs: Sequence[Path]) -> tuple[dict, list[dict], dict]:
    """Corpora, scores and, if they are there, the learning curves of F-13 of some outputs."""
    corpora, tables, full = {}, [], {}
    for output in outputs:
        layout, names = Paths(output), Paths(output).recorded("evaluate")
        if not names:
            raise SystemExit(f"{output} holds no corpus that was evaluated; give the output folder of a run.")
        ran = _read(layout.run)
        for name in names:
            record = _read(layout.corpus(name).record("evaluate"))
            wrong = {"data": record["data"], "weights": record["weights"], "changed": record.get("changed")}
            if wrong["data"] == "stand-in" or wrong["weights"] == "random" or wrong["changed"]:
                said = ", ".join(f"{key} {value}" for key, value in wrong.items() if value)
                need = "give runs on real audio with ImageNet weights and without changes"
                raise SystemExit(f"{output}: {name} was run with {said}; {need}.")
            about = record["about"]
            info = {"short": about["short"], "title": about["title"]}
            info |= {key: record[key] for key in ("data", "note", "classes")}
            if corpora.setdefault(name, info) != info:
                raise SystemExit(f"{output}: {name} is not the data of an output before it ({record['note']}).")
            tables.append(_scores(layout, name, record, ran))
            if record["profile"] == "full":
                key = record["backbone"], name
                full.setdefault(key, {}).setdefault(record["reading"], layout.corpus(name))
    scores = pd.concat(tables, ignore_index=True)
    if (twice := scores.duplicated([*_RUN, "system", "augmentation"])).any():
        run = scores.loc[twice, _RUN].iloc[0]
        raise SystemExit(f"Two outputs hold the run {', '.join(map(str, run))}; name it once.")
    pairs = [(found["paper"], found["sound"]) for found in full.values() if {"paper", "sound"} <= set(found)]
    return corpora, _plain(scores).to_dict("records"), _curves(*pairs[0]) if pairs else {}


def _scores(layout: Paths, name: str, record: dict, ran: dict) -> pd.DataFrame:
    """On test, all files, of every seed."""
    table = every_seed(layout, pd.read_parquet(layout.corpus(name).scores))
    table = table.query(f"partition == 'test' and protocol == 'all' and system != '{CHANCE}'")
    places = [layout, *layout.further()]
    found = [_read(one.corpus(name).record("evaluate")) for one in places if name in one.recorded("evaluate")]
    best = {one["seed"]: one["chosen"] for one in found}
    ours = table["system"] == OURS
    pairs = pd.read_parquet(layout.corpus(name).pairs).query("protocol == 'all' and unit == 'file' and first == 'none'")
    firsts = ours & (table["seed"] == record["seed"])
    table = table.assign(
        p_none=table["augmentation"].where(firsts).map(pairs.set_index("second")["p_holm"]),
        chosen=ours & (table["augmentation"] == table["seed"].map(best)),
        backbone=record["backbone"],  # of the run; what does not depend on it has none in results.csv
        weights=record["weights"],
        date=ran["began"].split()[0],
        dslite=record["versions"]["dslite"],
    )
    return table[[*_RUN, *_SCORE, "date", "dslite"]].round(4)


def _key(row: dict) -> list:
    return [row[name] for name in _RUN]


def _short(ablation: dict) -> str:
    return ablation["record"]["about"]["short"]


def _curves(paper: CorpusPaths, sound: CorpusPaths) -> dict:
    records = [_read(places.record("train")) for places in (paper, sound)]
    shared = {name: records[0][name] for name in _KEPT}
    return {"record": shared, "fits": [_fit(places) for places in (paper, sound)]}


def _only(output: Path, stage: str) -> CorpusPaths:
    """The one corpus of an output that a stage is done for."""
    names = Paths(output).recorded(stage)
    if len(names) != 1:
        raise SystemExit(f"{output} holds {len(names)} corpora with the stage {stage}; expected one.")
    return Paths(output).corpus(names[0])


def _read(place: Path) -> dict:
    return json.loads(place.read_text("utf-8"))


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
    sound = by_variant.get_group("sound")
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
