"""Stage ``paper``: the tables across corpora, from what every evaluated corpus left."""

import json
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from dslite import corpora
from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.paper import published
from dslite.profiles import TABLE2
from dslite.reporting.figures import Panel
from dslite.reporting.provenance import data_mark
from dslite.reporting.results import chosen_on_dev, results_table
from dslite.reporting.tables import confusion_matrix, table1, table2
from dslite.workflow import records
from dslite.workflow.paths import NEEDS, NOTEBOOKS, SUMMARISED, SUMMARY, Paths
from dslite.workflow.stages import about

TABLE3, TABLE4 = published.COLUMNS[3], published.COLUMNS[4]


@dataclass(frozen=True)
class Summary:
    """What there is across corpora.

    Attributes:
        layout: where it all lies.
        results: the rows of ``results.csv``.
        records: corpus -> record of its ``evaluate`` stage.
        record: of this stage.
    """

    layout: Paths
    results: pd.DataFrame
    records: dict[str, dict]
    record: dict

    @cached_property
    def table1(self) -> pd.DataFrame:
        """Rows of Table 1, as printed and as found, of all eight corpora and own ones."""
        rows = []
        for name in dict.fromkeys([*corpora.CORPORA, *self.records]):
            if name in self.records:
                clips = pd.read_parquet(self.layout.corpus(name).clips)
                rows.append(table1(about(name, self.records[name]), clips, self.records[name]["data"]))
            else:
                rows.append(table1(corpora.CORPORA[name]))
        return pd.concat(rows, ignore_index=True)

    @cached_property
    def table2(self) -> pd.DataFrame:
        """Rows of Table 2, as printed and as used."""
        rows = {}
        for name in dict.fromkeys([*TABLE2, *self.records]):
            if name in TABLE2:
                rows[name, "paper"] = TABLE2[name]
            if name in self.records:
                trained = json.loads(self.layout.corpus(name).record("train").read_text("utf-8"))
                rows[name, "here"] = trained["recipe"] | {"fine_tuned": trained["trained_layers"]}
        return table2(rows)

    @property
    def own(self) -> list[str]:
        """Corpora that are not the paper's."""
        return [name for name in self.records if name not in corpora.CORPORA]

    @property
    def confusion_panels(self) -> list[Panel]:
        """Confusion on test (all files) of each corpus, with the augmentation that is best on dev."""
        panels = []
        for name, record in self.records.items():
            chosen = chosen_on_dev(self.results, name)
            counts = pd.read_parquet(self.layout.corpus(name).confusion)
            where = {"augmentation": chosen, "partition": "test", "protocol": "all"}
            title = f"{name}, {chosen}: {data_mark(record['data'])}"
            panels.append(Panel(title, confusion_matrix(counts, record["classes"], **where), record["classes"]))
        return panels

    @property
    def confusion_text(self) -> str:
        """The panels in words, for those who cannot see them."""
        return f"Confusion matrices of the test files: {'; '.join(panel.title for panel in self.confusion_panels)}."

    def write(self) -> None:
        """Writes ``results.csv`` and ``tables/table1.csv`` to ``table4.csv``."""
        tables = {
            self.layout.results: self.results,
            self.layout.table(1): self.table1,
            self.layout.table(2): self.table2.reset_index(),
            self.layout.table(3): results_table(self.results, TABLE3),
            self.layout.table(4): results_table(self.results, TABLE4),
        }
        for file, table in tables.items():
            with whole_file(file) as draft:
                table.to_csv(draft, index=False, float_format="%.4f")


def evaluated(layout: Paths) -> list[str]:
    """The corpora that have scores below an output folder: the paper's in its order, then own ones."""
    names = sorted(file.parent.parent.name for file in layout.artifacts.glob(f"*/{SUMMARISED}/record.json"))
    chain = [SUMMARISED]
    for stage in chain:
        chain += NEEDS[stage]
    there = [name for name in names if all(layout.corpus(name).record(stage).exists() for stage in chain)]
    return [n for n in corpora.CORPORA if n in there] + [n for n in there if n not in corpora.CORPORA]


def summarise(output: str | Path = "", seed: int = 42) -> Summary:
    """Gathers every corpus that has been evaluated below an output folder and writes its tables.

    Args:
        output: folder of ``artifacts/`` and ``reports/``; empty for the repository's root.
        seed: only noted.

    Raises:
        DsliteError: if no corpus has been evaluated there.
    """
    started = time.monotonic()
    layout = Paths(Path(output).expanduser().resolve() if str(output) else NOTEBOOKS.parent)
    found = {n: json.loads(layout.corpus(n).record(SUMMARISED).read_text("utf-8")) for n in evaluated(layout)}
    if not found:
        raise DsliteError(f"No corpus has been evaluated below {layout.output}; run `python run_all.py` first.")
    results = pd.concat([pd.read_parquet(layout.corpus(n).scores) for n in found], ignore_index=True)
    standins = [n for n, record in found.items() if record["data"] == "stand-in"]
    random = [n for n, record in found.items() if record["weights"] == "random"]
    warnings = []
    if standins:
        warnings.append(f"SYNTHETIC stand-ins took the place of {', '.join(standins)}: their figures mean nothing.")
    if random:
        warnings.append(f"RANDOM WEIGHTS, no ImageNet weights, were behind {', '.join(random)}.")
    record = {
        "stage": SUMMARY,
        "identity": records.hashed([r["identity"] for r in found.values()]),
        "seed": seed,
        "corpora": list(found),
        "warnings": warnings,
        **records.circumstances(started),
    }
    summary = Summary(layout, results, found, record)
    summary.write()
    with whole_file(layout.across(SUMMARY).record(SUMMARY)) as draft:
        draft.write_text(json.dumps(record, indent=1), "utf-8")
    return summary
