"""The tables and figures across corpora, from what every evaluated corpus left, and the files that hold them."""

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

import pandas as pd

from dslite import corpora
from dslite.corpora.registry import described
from dslite.files import read_json, whole_file, write_text
from dslite.layout.paths import FULL_CHUNK, Paths
from dslite.paper import published
from dslite.paper.comparable import setting_reasons
from dslite.profiles import FULL_BACKBONE, TABLE2
from dslite.reporting.sheets import Sheet
from dslite.reporting.tables import table1, table1_sheet, table2, table2_sheet
from dslite.stages.paper import seeds
from dslite.stages.paper.discrepancies import discrepancies_html
from dslite.stages.paper.latex import tex
from dslite.stages.paper.results import results_sheet, results_table
from dslite.stages.paper.scorecard import scorecard
from dslite.stages.paper.scorecard_page import scorecard_page


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
                clips = pd.read_parquet(self.layout.corpus(name).found)
                rows.append(table1(described(name, self.records[name]["about"]), clips, self.records[name]["data"]))
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
                trained = read_json(self.layout.corpus(name).record("train"))
                rows[name, "here"] = trained["recipe"] | {"fine_tuned": trained["trained_layers"]}
        return table2(rows)

    @cached_property
    def every_seed(self) -> pd.DataFrame:
        """The rows of ``results.csv`` of all seeds."""
        return seeds.every_seed(self.layout, self.results)

    @property
    def own(self) -> list[str]:
        """Corpora that are not the paper's."""
        return [name for name in self.records if name not in corpora.CORPORA]

    @cached_property
    def sheets(self) -> dict[int, Sheet]:
        """Tables 1 to 5 as the paper sets them, by their number; Table 5 only if it was measured."""
        reasons = {name: setting_reasons(record) for name, record in self.records.items()}
        found = {
            1: table1_sheet(self.table1, "Table 1. The corpora, published and found"),
            2: table2_sheet(self.table2, "Table 2. Hyperparameters, published and used", reasons),
            3: results_sheet(self.results, published.COLUMNS[3], "Table 3. CCS, CSS, ESS and IEMOCAP, all files"),
            4: results_sheet(self.results, published.COLUMNS[4], "Table 4. MPSSC, SLEEP, RAVDESS and DEMoS, all files"),
        }
        costs = table5(self.layout, "Table 5. What a model costs, measured and published")
        return found | ({5: costs} if costs else {})

    @cached_property
    def full_chunk(self) -> dict[int, Sheet]:
        """Tables 3 and 4 of files of at least one chunk, by their number."""
        sheets = {}
        for number, columns in published.COLUMNS.items():
            names = ", ".join(corpora.CORPORA[name].short for name in columns)
            caption = f"Table {number}, full-chunk protocol. {names}, only files of at least one chunk"
            sheets[number] = results_sheet(self.results, columns, caption, "full-chunk")
        return sheets

    @cached_property
    def card(self) -> pd.DataFrame:
        """The scorecard (:func:`dslite.stages.paper.scorecard.scorecard`)."""
        costs = self.layout.table(5)
        counts = [pd.read_parquet(self.layout.corpus(n).confusion).assign(corpus=n) for n in self.records]
        return scorecard(
            self.results,
            self.table1,
            pd.read_csv(costs) if 5 in self.sheets and costs.exists() else None,
            pd.concat(counts, ignore_index=True) if counts else None,
            {name: "this corpus was not evaluated here" for name in corpora.CORPORA if name not in self.records},
        )

    def write(self) -> None:
        """Writes ``seeds.csv`` where there are several, ``tables/table1`` to ``table5`` (LaTeX,
        and CSV but for the fifth), the scorecard and the page of discrepancies; Tables 3 and 4 under both protocols."""
        tables = {
            self.layout.table(1): self.table1,
            self.layout.table(2): self.table2.reset_index(),
        }
        for number, columns in published.COLUMNS.items():
            tables[self.layout.table(number)] = results_table(self.results, columns)
            tables[self.layout.table(number, FULL_CHUNK)] = results_table(self.results, columns, "full-chunk")
        if self.every_seed["seed"].nunique() > 1:
            tables[self.layout.seeds] = self.every_seed
        else:
            self.layout.seeds.unlink(missing_ok=True)
        for file, table in tables.items():
            with whole_file(file) as draft:
                table.to_csv(draft, index=False, float_format="%.4f")
        with whole_file(self.layout.scorecard) as draft:
            self.card.to_csv(draft, index=False)
        by = f"by dslite {version('dslite')}, not by the authors of"
        pages = {}
        for more, sheets in (("", self.sheets), (FULL_CHUNK, self.full_chunk)):
            for number, sheet in sheets.items():
                told = sheet.caption.partition(". ")[2]
                caption = f"Reproduction of Table {number} of {published.CITATION}. {told}."
                provenance = f"Table {number} {by} {published.CITATION}; seed {self.record['seed']}"
                label = f"tab:dslite-{number}{more.replace('_', '-')}"
                pages[self.layout.tex(number, more)] = tex(sheet, label, caption, provenance)
        crumbs = [("All reports", self.layout.index.name), ("Scorecard", "")]
        pages[self.layout.scorecard_page] = scorecard_page(self.card, crumbs, self.record.get("elsewhere", ()))
        pages[self.layout.discrepancies] = discrepancies_html(self.layout.index.name)
        for file, content in pages.items():
            write_text(file, content)
        if 5 not in self.sheets:
            self.layout.tex(5).unlink(missing_ok=True)


def table5(layout: Paths, caption: str) -> Sheet | None:
    """Table 5, of the paper's base model where that was measured here, else of the last one; None if none was."""
    places = layout.benchmark(FULL_BACKBONE) / "record.json", layout.across("benchmark").record("benchmark")
    record = next(filter(None, map(read_json, places)), None)
    if record is None:
        return None
    from dslite.stages.benchmark import views as costs
    from dslite.stages.benchmark import work as benchmarking  # import the converter's packages

    return costs.table5_sheet(benchmarking.Benchmark(layout, record["backbone"], record), caption)
