"""Notebooks in a real JupyterLab: legible in both themes, alive with a kernel, and worth reading without one."""

import os
import shutil

import nbformat
import pytest

from dslite.layout.paths import NOTEBOOKS
from tests.lab import Lab, jupyterlab

STYLE = """
import pandas as pd
from dslite import reporting
reporting.use_style()
record = {"data": "stand-in", "backbone": "squeezenet_v1", "weights": "random", "profile": "demo", "reading": "paper",
          "seed": 42, "warnings": ["The solver did not converge."], "versions": {"python": "3"}}
reporting.banner(record)
frame = pd.DataFrame({"corpus": ["ours", "printed", None], "UAR": [61.2, 70.1, 50.0]}, index=["a", "b", "c"])
reporting.table(frame, "A caption", "A note", published=["b"])
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    root, state = folder / "root", folder / "state"
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    state.mkdir()
    with jupyterlab(root, state, {"PYTHONPATH": os.pathsep.join([str(NOTEBOOKS.parent)])}) as lab:
        yield lab


def written(lab: Lab, name: str, *sources: str) -> str:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.root / name)
    return name


def test_tables_captions_banners_and_notes_are_legible_in_both_themes(lab):
    lab.open(written(lab, "style.ipynb", STYLE))
    lab.run_all()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        for what in (".ds-banner p, .ds-banner dt, .ds-banner dd, summary", ".ds-mark", "th, td", "figcaption", ".ds-note, .ds-line"):
            found = lab.contrasts(what)
            assert found and min(found.values()) >= 4.5, (theme, found)
    assert not lab.complaints
