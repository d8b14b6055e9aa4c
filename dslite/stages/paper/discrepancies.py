"""The ledger as a page: where the paper, the released code and the facts differ, and what each reading does."""

import re

import pandas as pd
from markupsafe import Markup, escape

from dslite.paper import published
from dslite.paper.ledger import LEDGER
from dslite.readings import READINGS
from dslite.reporting.display import figure_html, table_html
from dslite.reporting.templates import render, whole_page
from dslite.stages.paper import differences, measurements

_SECTIONS = {
    "Method and code": "F-01",
    "The costs of the model (Table 5)": "F-30",
    "Within the paper, and between its versions": "F-34",
}
"""Sections of the ledger and the entry that each begins with."""

_PARTS = {"paper": "The paper", "code": "The code", "consequence": "So", "evidence": "Known from", "here": "Here"}

_SYNTHETIC = {"data": "stand-in"}

_PICTURES = {
    "F-02": (
        differences.dead_bin,
        "Three plots of one sound and how often each colour occurs in them: with a dead bin, little but yellow.",
        "One SYNTHETIC sound through three front ends. In the middle the lowest bin is a dark line at the bottom, and "
        "all that is real shares the top of the colours.",
        _SYNTHETIC,
    ),
    "F-03": (
        differences.resized,
        "A part of the plot, smooth when resized bilinearly, in blocks with the nearest neighbour.",
        "The same part of one SYNTHETIC sound's plot, resized in both ways.",
        _SYNTHETIC,
    ),
    "F-05": (
        differences.strengths,
        "Curves over the rank of the loss: the released probability falls from 60 to 10 %, the paper's from 25.",
        "What SapAugment does to the samples of a batch, from the lowest loss to the highest; the right side is F-06.",
        {},
    ),
    "F-07": (
        differences.clipped_square,
        "A square that the corner cuts off, and a map of centres: in corners a quarter of the label's share is there.",
        "Left: a clipped square on a SYNTHETIC plot. Right: the part pasted of what the released label counts.",
        _SYNTHETIC,
    ),
    "F-08": (
        differences.swapped_axes,
        "A wide mask over time and a narrow one over frequency; with swapped axes the wide one hides frequencies.",
        "With equal ranges, as shipped, the swap cannot be seen: here a SYNTHETIC sound has masks of two widths.",
        _SYNTHETIC,
    ),
    "F-09": (
        differences.mask_colours,
        "The same masks in a dark grey-brown, ImageNet's mean, and in a lighter beige.",
        "Masks on a SYNTHETIC sound's plot, in DenseNet121's colours; neither is a colour of the colour map.",
        _SYNTHETIC,
    ),
    "F-13": (measurements.adadelta, *measurements.ADADELTA_SAYS),
    "F-10": (
        differences.arelu,
        "AReLU bends little where it starts; training could make it steeper, flatter, or cut what is negative.",
        "AReLU at its initial values, and the region that its two scalars span.",
        {},
    ),
}
"""Entry -> figure, what it shows for those who cannot see it, caption, and the record of its data."""


def discrepancies_html(home: str = "index.html") -> str:
    """The page ``discrepancies.html``: it depends on nothing but the ledger and the readings.

    Args:
        home: relative link to the index.
    """
    entries = [
        {
            "id": entry.id,
            "title": entry.title,
            "said": {title: _marked(getattr(entry, name)) for name, title in _PARTS.items()},
            "section": next((title for title, first in _SECTIONS.items() if first == entry.id), ""),
            "parameters": [(name, [reading.said(name) for reading in READINGS.values()]) for name in entry.parameters],
            "measured": measurements.of(entry.id),
            "figure": _figure(entry.id),
        }
        for entry in LEDGER
    ]
    body = render(
        "discrepancies.html.j2",
        citation=published.CITATION,
        entries=entries,
        readings=list(READINGS),
        switches=sum(bool(entry.parameters) for entry in LEDGER),
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
