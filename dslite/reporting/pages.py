"""Executed notebooks as pages that stand alone: no request, no script, code folded away."""

import re
from pathlib import Path

import nbformat
from markupsafe import Markup

from dslite.errors import DsliteError
from dslite.files import write_text
from dslite.reporting.sanitiser import clean
from dslite.reporting.templates import FOLDER, render, whole_page

LIMIT_MB = 5.0
"""The largest page, in MB of 1,000,000 bytes: it must open on a phone and travel by mail."""

_LINES = 200


def to_html(notebook: Path, page: Path, title: str, home: str = "../index.html", name: str = "") -> None:
    """Writes an executed notebook as a page.

    Args:
        notebook: the executed notebook (.ipynb).
        page: the file to write.
        title: the page's title.
        home: relative link to the index.
        name: what people know the notebook by, where this one is a draft of it.

    Raises:
        DsliteError: if the page is larger than :data:`LIMIT_MB`.
    """
    html = _page(nbformat.read(notebook, as_version=4), title, home, lead="", failed=None)
    size = len(html.encode()) / 1e6
    if size > LIMIT_MB:
        raise DsliteError(
            f"The page of {name or notebook.name} would take {size:.1f} MB, at most {LIMIT_MB:.0f} MB are allowed: "
            "draw fewer figures, or smaller ones (the dpi of reporting.show)."
        )
    write_text(page, html)


def failure_page(notebook: Path, page: Path, error: str, title: str, home: str = "../index.html") -> None:
    """Writes a notebook that did not get to its end as a page with the error on top and a link to the failing cell.

    Args:
        notebook: the notebook as far as it got.
        page: the file to write.
        error: what went wrong, in a sentence.
        title: the page's title.
        home: relative link to the index.
    """
    nb = nbformat.read(notebook, as_version=4)
    failed = _failing_cell(nb)
    nb.cells = nb.cells[:failed]  # headings of what did not run stand over nothing
    lead = render("failure.html.j2", error=error, cell=failed)
    html = _page(nb, f"Failed: {title}", home, lead, failed)
    if len(html.encode()) / 1e6 > LIMIT_MB:  # the error must reach its reader; the pictures before it need not
        for number, cell in enumerate(nb.cells, start=1):
            if cell.cell_type == "code" and number != failed:
                cell.outputs = []
        html = _page(nb, f"Failed: {title}", home, lead, failed)
    write_text(page, html)


def _page(nb, title: str, home: str, lead: str, failed: int | None) -> str:
    from nbconvert.exporters.templateexporter import TemplateExporter
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor

    exporter = TemplateExporter(
        template_file="cells.html.j2",
        template_paths=[str(FOLDER)],
        file_extension=".html",
        filters={
            "cleaned": lambda html: Markup(clean(html)),
            "markdown": _markdown,
            "python": _python,
            "shortened": _shortened,
        },
        preprocessors=[CoalesceStreamsPreprocessor],  # of a progress bar, the last state stays
    )
    body, _ = exporter.from_notebook_node(nb, resources={"failed_cell": failed})
    return whole_page(title, [("All reports", home), (title, "")], lead + body, f"{title}: a report of dslite.")


def _markdown(source: str) -> Markup:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return Markup(clean(MarkdownWithMath(renderer=renderer).render(source)))


def _python(source: str) -> Markup:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)))


def _shortened(text: str) -> str:
    """Plain output without terminal colours, and without the middle of what nobody reads whole."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text)
    lines = text.rstrip("\n").split("\n")
    if len(lines) > _LINES:
        left_out = f"[{len(lines) - _LINES} lines left out; the notebook has them]"
        lines = [*lines[: _LINES // 2], left_out, *lines[-_LINES // 2 :]]
    return "\n".join(lines)


def _failing_cell(nb) -> int | None:
    """Number (from 1) of the cell with the error, else of the first code cell that did not end; None if all did."""
    code = [(number, cell) for number, cell in enumerate(nb.cells, start=1) if cell.cell_type == "code"]
    for number, cell in code:
        if any(output.output_type == "error" for output in cell.outputs):
            return number
    for number, cell in code:
        status = cell.metadata.get("papermill", {}).get("status")
        if status in ("failed", "running") or (status != "completed" and cell.execution_count is None and cell.source):
            return number
    return None
