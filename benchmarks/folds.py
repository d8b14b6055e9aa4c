"""Writes the tables of docs/folds.md from outputs of runs of the stage `folds` on real audio.

python -m benchmarks.folds OUTPUT ...
"""

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from benchmarks.measured import markdown
from dslite.configurations import CONFIGURATIONS
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.reporting.provenance import provenance_line
from dslite.stages.evaluate import views as evaluated
from dslite.stages.folds import views
from dslite.stages.folds.work import DISJOINT, NORMALISED

_PAGE = Path(__file__).parents[1] / "docs/folds.md"
_TABLES = re.compile(r"(?<=<!-- tables of python -m benchmarks.folds -->\n).*?(?=<!-- end of tables -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None, page: Path = _PAGE) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folds", description=__doc__.splitlines()[0])
    parser.add_argument("outputs", type=Path, metavar="OUTPUT", nargs="+", help="output of a run")
    parts = [part for output in parser.parse_args(arguments).outputs for part in _output(Paths(output))]
    page.write_text(_TABLES.sub(lambda _: "\n" + "\n\n".join(parts) + "\n\n", page.read_text("utf-8")), "utf-8")


def _output(paths: Paths) -> Iterator[str]:
    """Heading, what it rests on and tables of each corpus of an output."""
    for name in paths.recorded("folds"):
        places = paths.corpus(name)
        record = json.loads(places.record("folds").read_text("utf-8"))
        if record["data"] == "stand-in" or record["weights"] == "random":
            raise SystemExit(f"{paths.output}: {name} is of {record['data']} data and {record['weights']} weights.")
        stage = FinishedStage(SimpleNamespace(paths=places), record)
        seeds, made = ", ".join(map(str, record["seeds"])), date.fromtimestamp(places.record("folds").stat().st_mtime)
        yield f"## {record['about']['short']}"
        yield (
            f"{record['note']}. {provenance_line(record)}; seeds of fits and of files dealt at random: {seeds}; "
            f"{made}, dslite {record['versions']['dslite']}. Folds: {record['folds']}. DS Lite with "
            f"{CONFIGURATIONS[record['augmentation']].title}. Chance is {100 / len(stage.classes):.1f}."
        )
        for protocol in (DISJOINT, NORMALISED):
            yield _markdown(views.scores(stage, protocol), f"UAR (%), **{protocol}**")
        yield _markdown(views.by_fold(stage), f"UAR (%) of each fold, {DISJOINT}")
        yield _markdown(evaluated.pairs(stage, DISJOINT), f"Paired differences (UAR points), {DISJOINT}, first seed")
        yield _markdown(views.leakage(stage), "What leakage buys, UAR (%) and points")


def _markdown(table: pd.DataFrame, caption: str) -> str:
    cells = table.map(lambda value: f"{value:.1f}" if isinstance(value, float) else str(value)).replace("nan", "–")
    if "p, Holm" in table:
        cells["p, Holm"] = table["p, Holm"].map("{:.4f}".format)
    return f"{caption}:\n\n{markdown(cells)}"


if __name__ == "__main__":
    main()
