"""The plot to look around in: one HTML file with its library inside, which asks for nothing."""

from collections.abc import Mapping

import pandas as pd
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, OpenURL, TabPanel, Tabs, TapTool
from bokeh.models.widgets import Div
from bokeh.plotting import figure
from bokeh.resources import INLINE
from markupsafe import escape

from dslite.files import whole_file, write_text
from dslite.layout.finished import FinishedStage
from dslite.reporting import variants
from dslite.reporting.provenance import provenance_line
from dslite.stages.compress.figures import COLOURS
from dslite.stages.compress.networks import PAPERS
from dslite.stages.compress.views import COSTS, points
from dslite.tasks import CLASSIFICATION

_MARKERS = {"float32": "circle", "float16": "square", "dynamic-int8": "triangle", "int8": "diamond"}

_KEPT = (
    "name network kind backbone weights variant uar ci_low ci_high difference low_file high_file low_speaker "
    "high_speaker n_files n_speakers ms_per_s bytes zipped peak_mb model_mb macs parameters link"
)
"""Columns of ``phone.csv``, before those that say where they come from."""


def leave(stage: FinishedStage) -> str:
    """Writes ``phone.csv`` and the plot to look around in beside the page; a sentence with links to both."""
    table, paths, record = points(stage), stage.paths, stage.record
    where = {name: record.get(name) for name in ("corpus", "data", "profile", "reading", "seed", "seconds_of_audio")}
    with whole_file(paths.phone_csv) as draft:
        table.reindex(columns=_KEPT.split()).assign(**where).to_csv(draft, index=False, float_format="%.6g")
    write_text(paths.phone, plot(table, record))
    return (
        f"[All files as a plot to look around in]({paths.phone.name}): one page that asks for nothing, in which each "
        f"point leads to its file. [{paths.phone_csv.name}]({paths.phone_csv.name}) holds the same as a table."
    )


def plot(points: pd.DataFrame, record: Mapping) -> str:
    """HTML: a tab per cost, UAR above it; what a point is shows under the pointer, and a click opens its file.

    Args:
        points: what :func:`dslite.stages.compress.views.points` returns.
        record: of the stage, for what must be known of the data.
    """
    task, lowest = CLASSIFICATION, points["uar"].min()
    scores = points[["uar", "ci_low", "ci_high"]].itertuples(index=False)
    said = [
        f"{task.said(uar)} % ({task.interval(*ends)})" if uar == uar else "untrained, so none" for uar, *ends in scores
    ]
    points = points.assign(said=said, height=points["uar"].fillna(0.0 if pd.isna(lowest) else lowest))
    tabs = [TabPanel(child=_panel(points, cost), title=about.split(" (")[0]) for cost, about in COSTS.items()]
    line = provenance_line(record) or f"{record['data']} data"
    lead = Div(text=f"<b>{escape(record['corpus'])}</b>: which network fits the phone? {escape(line)}. Grey line: "
                    "nothing else is both cheaper and better. A click on a point opens its file, where "
                    "<code>artifacts/</code> lies beside <code>reports/</code>.")  # fmt: skip
    shown = column(lead, Tabs(tabs=tabs, sizing_mode="stretch_width"), sizing_mode="stretch_width")
    return file_html(shown, INLINE, f"{record['corpus']}: files for a phone")


def _panel(points: pd.DataFrame, cost: str):
    told = [("", "@name"), ("UAR on test", "@said"), ("time", "@ms_per_s{0.00} ms per second of audio")]
    told += [("size", "@MB{0.00} MB"), ("peak memory", "@peak_mb{0} MB"), ("multiplications", "@millions{0,0} million")]
    shown = figure(height=520, sizing_mode="stretch_width", x_axis_type="log", tooltips=told, x_axis_label=COSTS[cost],
                   y_axis_label="UAR on test (%)", tools="pan,wheel_zoom,box_zoom,reset")  # fmt: skip
    front = points[points[f"front {cost}"]].sort_values(cost)
    shown.line(front[cost], front["uar"], color="#8a857b")
    for (kind, variant), rows in points.groupby(["kind", "variant"], sort=False):
        marker = "asterisk" if kind == PAPERS else _MARKERS[variant]
        shown.scatter(cost, "height", source=ColumnDataSource(rows), size=12, marker=marker, color=COLOURS[kind],
                      legend_label=f"{kind}, {variants.TITLES[variant]}")  # fmt: skip
    shown.add_tools(TapTool(callback=OpenURL(url="@link")))
    for legend in list(shown.legend):  # none where there is no point
        legend.click_policy = "hide"
        shown.add_layout(legend, "right")
    shown.toolbar.logo = None
    return shown
