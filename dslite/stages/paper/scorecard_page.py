"""The scorecard and the audit as HTML: a page without scripts that can be filtered by verdict."""

from collections.abc import Sequence

import pandas as pd

from dslite.corpora import CORPORA
from dslite.paper import audit, published, verdicts
from dslite.reporting.provenance import data_mark, provenance_line
from dslite.reporting.templates import render, stylesheet, whole_page
from dslite.stages.paper.scorecard import counts, within_reach


def scorecard_page(card: pd.DataFrame, crumbs: list[tuple[str, str]], elsewhere: Sequence[str] = ()) -> str:
    """The whole page: the scorecard, and the audit below it.

    Args:
        card: what :func:`dslite.stages.paper.scorecard.scorecard` returns.
        crumbs: the way here, as for :func:`dslite.reporting.templates.whole_page`.
        elsewhere: what is to be said of each corpus that was computed elsewhere.
    """
    body = f"<style>\n{stylesheet('scorecard.css')}</style>\n{scorecard_html(card, elsewhere)}{audit_html()}"
    return whole_page("Scorecard", crumbs, body, "Every published figure, ours beside it, and a verdict.", wide=True)


def scorecard_html(card: pd.DataFrame, elsewhere: Sequence[str] = ()) -> str:
    """The scorecard as a section of a page, everything in it escaped.

    Args:
        card, elsewhere: as for :func:`scorecard_page`.
    """
    tables = []
    for name, title in published.PARTS.items():
        rows = [_row(row) for row in card[card["table"] == name].to_dict("records")]
        told = {word: number for word, number in counts(card[card["table"] == name]).items() if number}
        inputs_only = set(told) == {verdicts.NOT_JUDGED}
        tables.append({"title": title, "rows": rows, "counts": told, "fold": inputs_only})
    number = counts(card)
    judged = [verdicts.CONSISTENT, verdicts.DIFFERS, verdicts.INCONCLUSIVE]
    reach, intervals = within_reach()
    return render(
        "scorecard.html.j2",
        tables=tables,
        elsewhere=elsewhere,
        total=len(card),
        judged=sum(number[word] for word in judged),
        scores=int((card["verdict"].isin(judged) & (card["quantity"] == "uar")).sum()),
        verdicts=verdicts.WORDS,
        numbers=number,
        rules=[(title, verdicts.RULES[name]) for name, title in verdicts.HEADINGS.items()],
        reach=reach,
        intervals=intervals,
        citation=published.CITATION,
    )


def audit_html() -> str:
    """The audit as a section of a page: what does not recompute first, with its working; what does after it."""
    return render("audit.html.j2", findings=audit.findings(), outcomes=audit.OUTCOMES, holds=audit.HOLDS)


def _row(row: dict) -> dict:
    corpus = CORPORA[row["corpus"]].short if row["corpus"] else ""
    where = row["place"].partition(", ")[2]
    what = [corpus, where, row["partition"]]
    if row["table"] == "Table 1":
        what = [corpus, published.TABLE1_ROWS[row["row"]][1]]
    elif row["table"] == "Table 5":
        what = [row["says"], where]
    elif row["table"] == "Text" or row["says"]:
        what = [corpus, row["says"] or row["unit"], row["place"]]
    return row | {
        "what": [part for part in what if part],
        "published": _text(row["published"], row["decimals"], row["published_low"], row["published_high"]),
        "ours": _text(row["ours"], row["decimals"], row["ours_low"], row["ours_high"]),
        "unit": "" if row["quantity"] == "uar" else row["unit"],
        "mark": data_mark(row["data"]) if isinstance(row["data"], str) else "",
        "rests": _rests_on(row),
    }


def _text(value: float, decimals: int, low: float | None, high: float | None) -> str:
    if pd.isna(value):
        return "–"
    interval = "" if pd.isna(low) or pd.isna(high) else f" ({low:.{decimals}f}–{high:.{decimals}f})"
    return f"{value:,.{decimals}f}{interval}"


def _rests_on(row: dict) -> str:
    """What ours rests on beside the data, as far as it is known."""
    known = {name: row[name] for name in ("backbone", "weights", "profile", "reading", "protocol", "seed", "n_files")}
    known = {name: value for name, value in known.items() if not pd.isna(value)}
    scored = {"all": "files"}.get(known.get("protocol"), f"{known.get('protocol')} files")
    parts = provenance_line(known), f"{known['n_files']} {scored}" if {"protocol", "n_files"} <= set(known) else ""
    return " · ".join(filter(None, parts))
