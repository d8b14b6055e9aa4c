"""The ledger as a page: where the paper, the released code and the facts differ, and what each reading does."""

import re
import tomllib
from importlib.resources import files

import pandas as pd
from markupsafe import Markup, escape

from dslite.paper import published
from dslite.paper.ledger import LEDGER
from dslite.readings import READINGS
from dslite.reporting.display import figure_html, table_html
from dslite.reporting.templates import render, whole_page
from dslite.stages.paper import differences, measurements

_SECTIONS = {
    "F-01": "Method and code",
    "F-30": "The costs of the model (Table 5)",
    "F-34": "Within the paper, and between its versions",
    "A-1": "The second paper's code (Chang et al., 2023)",
}
"""Entries of the ledger that begin a section."""

_PARTS = {"paper": "The paper", "code": "The code", "consequence": "So", "evidence": "Known from", "here": "Here"}

_PICTURES = {
    entry: (
        getattr(differences, one["draw"]),
        one["alt"],
        one["caption"],
        {"data": "stand-in"} if one["synthetic"] else {},
    )
    for entry, one in tomllib.loads((files(__package__) / "pictures.toml").read_text(encoding="utf-8")).items()
} | {"F-13": (measurements.adadelta, *measurements.ADADELTA_SAYS)}
"""Entry -> figure, what it shows for those who cannot see it, caption, and the record of its data."""


def discrepancies_html(home: str = "index.html") -> str:
    """The page ``discrepancies.html``: it depends on nothing but the ledger and the readings.

    Args:
        home: relative link to the index.
    """
    body = render(
        "discrepancies.html.j2",
        citation=published.CITATION,
        ledger=LEDGER,
        sections=_SECTIONS,
        parts=_PARTS,
        marked=_marked,
        readings=READINGS.values(),
        measured_of=measurements.of,
        figure_of=_figure,
        measured=measurements.whole_html(),
        table=table_html(
            _parameters(),
            "What each reading computes",
            "The reading “sound” is “paper” but for what its column says. F-xx: the entry below.",
            record={},
            index=False,
        ),
    )
    crumbs = [("All reports", home), ("Discrepancies", "")]
    return whole_page("Where paper and code differ", crumbs, body, "The ledger of discrepancies of DeepSpectrumLite.")


def _parameters() -> pd.DataFrame:
    paper = READINGS["paper"]
    rows = []
    for entry in LEDGER:
        for name in entry.parameters:
            values = {reading.name: reading.said(name) for reading in READINGS.values()}
            same = values["sound"] == paper.said(name)
            rows.append({"entry": entry.id, "parameter": name, **values, "sound": "" if same else values["sound"]})
    return pd.DataFrame(rows)


def _marked(text: str) -> Markup:
    """Escaped, with what stands in backticks as code and between asterisks stressed."""
    html = re.sub(r"`(.+?)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*(.+?)\*", r"<em>\1</em>", html))


def _figure(entry: str) -> str:
    if entry not in _PICTURES:
        return ""
    draw, alt, caption, record = _PICTURES[entry]
    return figure_html(draw(), alt, caption, record)
