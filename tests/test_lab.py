"""Notebooks in a real JupyterLab: legible in both themes, alive with a kernel, and worth reading without one."""

import shutil

import nbformat
import pytest

from dslite.layout.paths import NOTEBOOKS
from dslite.reporting.display import figure_html
from dslite.reporting.templates import whole_page
from dslite.run.parameters import substitute
from dslite.run.resolve import resolve
from tests.lab import Lab, jupyterlab
from tests.through import alone, as_a_run, one_configuration, short_in_kernels, through
from tests.toys import known

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
    """A JupyterLab on a copy of the notebooks, whose kernels have no data, no weights and a short schedule."""
    folder = tmp_path_factory.mktemp("lab")
    root = folder / "root"
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    (folder / "state").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        short_in_kernels(patch, folder)
        with jupyterlab(root, folder / "state") as lab:
            yield lab


@pytest.fixture(scope="module")
def made(lab):
    """Settings of a stand-in with a barely trained model and its scores, below the root."""
    with pytest.MonkeyPatch.context() as patch:
        one_configuration(patch)
        settings = resolve("ccs", profile="demo", weights="random", output=lab.root)
        through(settings, "evaluate")
        as_a_run(settings, "evaluate")
    return settings


def prepared(lab: Lab, made, name: str) -> str:
    """A template with the parameters of what was made."""
    place = lab.root / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(place, 4)
    values = made.as_parameters()
    substitute(notebook, {key: values[key] for key in known(notebook) if key in values}, name)
    nbformat.write(notebook, place)
    return f"notebooks/{name}.ipynb"


def written(lab: Lab, name: str, *sources: str) -> str:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.root / name)
    return name


def test_lab_opens_at_the_notebooks(lab):
    lab.start()
    assert lab.page.locator(".jp-DirListing-item", has_text="explore.ipynb").inner_text()


def test_tables_captions_banners_and_notes_are_legible_in_both_themes(lab):
    lab.open(written(lab, "style.ipynb", STYLE))
    lab.run_all()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        for what in ("p, dt, dd, summary", ".ds-mark", "th, td", "figcaption", ".ds-note, .ds-line"):
            found = lab.contrasts(what)
            assert min(found)[0] >= 4.5, (theme, min(found))
    assert not lab.complaints


def test_training_is_seen_stopped_changed_and_run_again(lab, made):
    """What is changed goes to a folder of its own; what was made before stays."""
    before = made.paths.record("train").read_text()
    lab.open(prepared(lab, made, "train"))
    lab.edit(1, "changes = {}", "changes = {'epochs': (9_000, 0)}")
    lab.start_all()
    curve = lab.output(2).locator("img")
    first = curve.get_attribute("src", timeout=120_000)
    lab.page.wait_for_function(
        "src => ![...document.querySelectorAll('.jp-Notebook img')].some(image => image.src === src)", arg=first
    )
    assert "left" in lab.output(2).inner_text() and "SYNTHETIC" in lab.output(2).inner_text()
    lab.command("notebook:interrupt-kernel")
    lab.wait_for_end(20)
    told = lab.output(2).inner_text()
    assert "Stopped. 0 of 2 fits are kept; run the cell again to go on." in told and "Traceback" not in told
    lab.edit(1, "9_000", "3")
    lab.run_all()
    told = lab.output(2).inner_text()
    assert "epochs 3 and 0" in told and "Stopped" not in told
    assert (lab.root / "changed_runs" / "epochs-3-and-0" / "artifacts" / "ccs" / "train" / "record.json").is_file()
    assert made.paths.record("train").read_text() == before
    assert not lab.complaints


CLIP, AUGMENT, OVER_TIME = 4, 6, 8
"""Cells of explore.ipynb."""


@pytest.fixture(scope="module")
def explored(lab, made):
    """explore.ipynb, run, its lambda moved, and saved; pictures of the augmentation before and after."""
    explore = prepared(lab, made, "explore")
    lab.open(explore)
    lab.run_all()
    picture, handle = lab.output(AUGMENT).locator("img"), lab.output(AUGMENT).locator(".noUi-handle")
    before = picture.get_attribute("src")
    handle.focus()
    handle.press("ArrowRight")
    lab.page.wait_for_function(
        "([selector, src]) => ![...document.querySelectorAll(selector)].some(image => image.src === src)",
        arg=[".jp-Notebook img", before],
    )
    after = picture.get_attribute("src")
    lab.save()
    assert not lab.complaints
    return explore, before, after


def test_lambda_moves_the_picture(explored):
    _, before, after = explored
    assert after.startswith("data:image/png") and after != before


def test_explore_opened_again_shows_its_last_state_and_no_error(lab, explored):
    explore, _, after = explored
    lab.open(explore)
    lab.page.wait_for_selector(".jp-OutputArea-output.jupyter-widgets", state="attached")
    assert lab.output(AUGMENT).locator("img").get_attribute("src") == after
    for cell in (CLIP, AUGMENT, OVER_TIME):
        lost = lab.output(cell).locator(".jupyter-widgets")
        assert "rror" not in lab.output(cell).inner_text()
        assert lost.evaluate("it => getComputedStyle(it).visibility") == "hidden"
        assert "need a running kernel" in lost.evaluate("it => getComputedStyle(it, '::after').content")
    assert all("widget model not found" in said for said in lab.complaints), lab.complaints


def test_explore_from_somebody_else_keeps_its_marks(lab, explored):
    """JupyterLab does not trust it: no style sheet, no widgets."""
    explore, _, after = explored
    sent = nbformat.read(lab.root / explore, 4)
    sent.metadata["sent"] = True  # its signature is not that of this content
    nbformat.write(sent, lab.root / "sent.ipynb")
    lab.open("sent.ipynb")
    assert not lab.page.locator(".jp-Notebook .jp-OutputArea-output style").count()
    mark = lab.output(CLIP).locator("strong", has_text="SYNTHETIC stand-in")
    assert mark.evaluate("it => getComputedStyle(it).borderStyle") == "solid"
    assert "RANDOM weights" in lab.output(CLIP).inner_text()
    assert lab.output(AUGMENT).locator("img").get_attribute("src") == after
    assert "need a running kernel" in lab.output(AUGMENT).inner_text()
    assert not lab.complaints


def test_printed_pages_hold_figures_whole_and_show_what_is_folded(lab, tmp_path):
    from matplotlib import pyplot as plt

    figure = figure_html(plt.figure(figsize=(7, 14)), "A tall figure")
    fold = "<details class='ds-fold'><summary>More</summary><p>folded</p></details>"
    code = "<details class='code'><summary>Code</summary><p>code</p></details>"
    page = tmp_path / "page.html"
    page.write_text(whole_page("A page", [], figure + fold + code, "A page"))
    lab.page.goto(page.as_uri())
    folded, hidden = lab.page.get_by_text("folded"), lab.page.get_by_text("code", exact=True)
    assert not folded.is_visible()
    lab.page.emulate_media(media="print")
    lab.page.set_viewport_size({"width": 688, "height": 1000})  # A4 less its margins
    assert lab.page.locator("img").bounding_box()["height"] < 0.85 * 1017
    assert lab.page.locator("figure").evaluate("it => getComputedStyle(it).breakInside") == "avoid"
    assert folded.is_visible() and not hidden.is_visible()
    lab.page.emulate_media(media="screen")
