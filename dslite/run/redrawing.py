"""What a notebook's page would show now of results that are there."""

from pathlib import Path

import matplotlib
import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from dslite.reporting.pages import to_html
from dslite.run.notebook import FINISHED

NOT_DRAWN = "Not drawn: this takes files that are not here, the audio for instance."


def page(template: Path, finished: object, scratch: Path, title: str, home: str) -> tuple[str, dict[str, str]]:
    """As :func:`draw`, but in place of the notebook its page, with this title and the way to the index."""
    draft, failed = draw(template, finished, scratch)
    return drawn(draft, title, home), failed


def draw(template: Path, finished: object, scratch: Path) -> tuple[Path, dict[str, str]]:
    """Runs the cells of a template of this package in this process, with a stage as it is.

    Args:
        template: the notebook.
        finished: what its ``begin`` is to return.
        scratch: a folder to draw in.

    Returns:
        The executed notebook; and the ids of sections of its page -> why they could not be drawn, as they say too.
    """
    from matplotlib import pyplot as plt

    matplotlib.use("agg")
    # IPython alone can say what cells display; it leaves nothing in anybody's home.
    InteractiveShell.instance(ipython_dir=str(scratch), config=Config(HistoryManager={"enabled": False}))
    read, space, failed = nbformat.read(template, as_version=4), {FINISHED: finished}, {}
    for number, cell in enumerate(read.cells, start=1):
        if cell.cell_type != "code":
            continue
        try:
            with capture_output() as captured:
                exec(compile(cell.source, f"{template.name}, cell {number}", "exec"), space)
            shown_here = [one.data for one in captured.outputs]
        except Exception as error:
            failed[f"cell-{number}"] = f"{type(error).__name__}: {error}"
            shown_here = [{"text/html": f"<p>{NOT_DRAWN}</p>"}]
        cell.outputs = [nbformat.v4.new_output("display_data", data=data) for data in shown_here]
        plt.close("all")
    draft = scratch / template.name
    nbformat.write(read, draft)
    return draft, failed


def drawn(notebook: Path, title: str, home: str) -> str:
    """The page of an executed notebook."""
    place = notebook.with_name(f"{notebook.stem}.drawn.html")
    to_html(notebook, place, title, home)
    return place.read_text("utf-8")
