"""The tables and figures across corpora, from what every evaluated corpus left, and the files that hold them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

import pandas as pd

from dslite import corpora
from dslite.corpora.registry import described
from dslite.files import read_json, whole_file
from dslite.layout.paths import FULL_CHUNK, Paths
from dslite.paper import published
from dslite.profiles import TABLE2
from dslite.reporting.figures import ConfusionPanel
from dslite.reporting.sheets import Sheet
from dslite.reporting.tables import table1, table1_sheet, table2, table2_sheet
from dslite.stages.paper import parts, seeds
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
    def spread(self) -> pd.DataFrame:
        """Mean, standard deviation and range over seeds on test; no rows where there is one seed."""
        return seeds.spread(self.every_seed)

    def paired(self, number: int) -> tuple[pd.DataFrame, str]:
        """The paired tests across one of Tables 3 and 4, by its number."""
        return parts.paired(self.layout, self.records, published.COLUMNS[number])

    @property
    def own(self) -> list[str]:
        """Corpora that are not the paper's."""
        return [name for name in self.records if name not in corpora.CORPORA]

    @cached_property
    def sheets(self) -> dict[int, Sheet]:
        """Tables 1 to 5 as the paper sets them, by their number; Table 5 only if it was measured."""
        reasons = {name: parts.setting_reasons(record) for name, record in self.records.items()}
        found = {
            1: table1_sheet(self.table1, "Table 1. The corpora, published and found"),
            2: table2_sheet(self.table2, "Table 2. Hyperparameters, published and used", reasons),
            3: results_sheet(self.results, published.COLUMNS[3], "Table 3. CCS, CSS, ESS and IEMOCAP, all files"),
            4: results_sheet(self.results, published.COLUMNS[4], "Table 4. MPSSC, SLEEP, RAVDESS and DEMoS, all files"),
        }
        costs = parts.table5(self.layout, "Table 5. What a model costs, measured and published")
        return found | ({5: costs} if costs else {})

    @cached_property
    def full_chunk(self) -> dict[int, Sheet]:
        """Tables 3 and 4 of files of at least one chunk, by their number."""
        sheets = {}
        for number, columns in published.COLUMNS.items():
            caption = (
                f"Table {number}, full-chunk protocol. {', '.join(corpora.CORPORA[name].short for name in columns)}"
            )
            caption += ", only files of at least one chunk"
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
            pd.concat(counts, ignore_index=True),
            {name: "this corpus was not evaluated here" for name in corpora.CORPORA if name not in self.records},
        )

    @cached_property
    def panels(self) -> dict[str, ConfusionPanel]:
        """Corpus -> its confusion matrix; those of Figure 3 first."""
        return parts.panels(self.layout, self.records)

    @property
    def confusion_panels(self) -> list[ConfusionPanel]:
        """Figure 3: CSS and CCS, as far as they were evaluated."""
        return [self.panels[name] for name in parts.FIGURES if name in self.panels]

    @property
    def other_panels(self) -> list[ConfusionPanel]:
        """The same of all other corpora."""
        return [panel for name, panel in self.panels.items() if name not in parts.FIGURES]

    @property
    def confusion_text(self) -> str:
        """Figure 3 in words, for those who cannot see it."""
        return _titles(self.confusion_panels)

    @property
    def other_text(self) -> str:
        """The other panels in words."""
        return _titles(self.other_panels)

    @property
    def confusion_missing(self) -> str:
        """Which corpora of Figure 3 were not evaluated; "" for none."""
        missing = [corpora.CORPORA[n].short for n in parts.FIGURES if n not in self.panels]
        return f"Not evaluated here: {' and '.join(missing)}." if missing else ""

    @property
    def recalls(self) -> Sheet:
        """What the text says of Figure 3."""
        return parts.recalls(self.card)

    def maps(self) -> Iterator[parts.Maps]:
        """Figure 2."""
        return parts.figure2(self.layout, self.records)

    @property
    def maps_text(self) -> str:
        """Which corpora Figure 2 shows."""
        return parts.figure2_text(self.layout, self.records)

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
        shown = {(number, ""): sheet for number, sheet in self.sheets.items()}
        shown |= {(number, FULL_CHUNK): sheet for number, sheet in self.full_chunk.items()}
        for (number, more), sheet in shown.items():
            told = sheet.caption.partition(". ")[2]
            caption = f"Reproduction of Table {number} of {published.CITATION}. {told}."
            provenance = f"Table {number} {by} {published.CITATION}; seed {self.record['seed']}"
            label = f"tab:dslite-{number}{more.replace('_', '-')}"
            pages[self.layout.tex(number, more)] = tex(sheet, label, caption, provenance)
        crumbs = [("All reports", self.layout.index.name), ("Scorecard", "")]
        pages[self.layout.scorecard_page] = scorecard_page(self.card, crumbs)
        pages[self.layout.discrepancies] = discrepancies_html(self.layout.index.name)
        for file, content in pages.items():
            with whole_file(file) as draft:
                draft.write_text(content, "utf-8")
        if 5 not in self.sheets:
            self.layout.tex(5).unlink(missing_ok=True)


def _titles(panels: list[ConfusionPanel]) -> str:
    return f"Confusion matrices of the test files: {'; '.join(panel.title for panel in panels)}."
