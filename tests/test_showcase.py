"""`run_all.py --showcase` on what a run of toy notebooks leaves."""

import io
import re
import subprocess
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

import dslite
from dslite.layout.paths import Paths
from dslite.run import showcase
from dslite.run.cli import main
from tests.links import leading_nowhere
from tests.outside import outside_references
from tests.toys import command, write_templates

ROOT = Path(__file__).resolve().parents[1]
SHOWN = """from IPython.display import HTML, display
from dslite.reporting import explanations
explanations.players("most right: <b>calm</b> > 'sad' \\"x\\"", {"original": b"mp3" * 99, "evidence only": b"mp3" * 9})
display(HTML('<p><a href="../results.csv">scores</a>, <a href="corpus.ipynb">notebook <b>one</b></a></p>'))
display(HTML('<p><a href="../../artifacts/run.json">record</a>, <a href="https://a.org/b/c">elsewhere</a></p>'))
display(HTML('<p><a href="plot.html">plot</a></p>'))
display(HTML('<p><a href="../tables/gone.csv">gone</a>, <a href="../index.html#failed">failed</a></p>'))
here = Path(output).resolve()
print(here / "css-corpus.py", "train/dev 1/s </b>", (here / "a.txt").as_uri())"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The output folder of a run whose page has players, links of every kind, and folders of this machine."""
    folder = tmp_path_factory.mktemp("toys")
    (folder / "out").mkdir()
    (folder / "out" / "css-corpus.py").write_text(SHOWN)
    templates = write_templates(folder / "templates")
    process = command(templates, "--corpora", "css", "--stages", "corpus", "--output", folder / "out")
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    Paths(folder / "out").results.write_text("corpus,uar\ncss,50\n")
    plot = Paths(folder / "out").corpus("css").pages / "plot.html"
    plot.write_text('<script>"a".replace(/a/g, "b")</script>')  # to the showcase, /a/g looks like a folder
    return folder / "out"


def shown(finished: Path, place: Path) -> int:
    return main(["--output", str(finished), "--showcase", str(place)])


def test_a_showcase_is_silent_and_whole(finished, tmp_path, capsys):
    place = tmp_path / "docs" / "css"
    assert shown(finished, place) == 0 and str(place / "index.html") in capsys.readouterr().out
    files = {file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()}
    assert files == {"index.html", "css/corpus.html", "results.csv"}
    page = (place / "css" / "corpus.html").read_text("utf-8")
    assert "<audio" in Paths(finished).corpus("css").page("corpus").read_text("utf-8")
    assert "<audio" not in page and "data:audio" not in page and page.count("(sound left out)") == 2
    assert "<span>original</span>" in page and "evidence only" in page
    assert leading_nowhere(place) == []
    for left in (
        "notebook <b>one</b>, ",
        "record",
        "gone",
        "<p>plot, ",
        "elsewhere</a>",
        "scores</a>",
        'href="../index.html#failed"',
    ):
        assert left in page.replace("</p>", ", "), left
    assert outside_references(page) == []


def test_no_page_of_a_showcase_names_this_machine(finished, tmp_path):
    assert shown(finished, tmp_path / "shown") == 0
    for file in (tmp_path / "shown").rglob("*.html"):
        text = file.read_text("utf-8")
        assert finished.parent.name not in text and str(Path(dslite.__file__).parents[1]) not in text, file
    assert "css-corpus.py train/dev 1/s &lt;/b&gt; a.txt" in (tmp_path / "shown/css/corpus.html").read_text("utf-8")
    index = (tmp_path / "shown" / "index.html").read_text("utf-8")
    assert "--output out" in index


def test_a_showcase_tells_its_date_and_version(finished, tmp_path):
    assert shown(finished, tmp_path / "shown") == 0
    note = (tmp_path / "shown" / "index.html").read_text("utf-8").split('id="showcase"')[1].split("</section>")[0]
    assert re.search(rf"began <strong>20\d\d-\d\d-\d\d [^<]+</strong>, with dslite {dslite.__version__};", note)
    here = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert not here or here[:7] in note
    assert "Sounds were left out" in note


def test_a_showcase_replaces_nothing_but_a_showcase(finished, tmp_path, capsys):
    place = tmp_path / "shown"
    place.mkdir()
    assert shown(finished, place) == 0
    (place / "old.html").write_text("of an earlier run")
    assert shown(finished, place) == 0 and not (place / "old.html").exists()
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "index.html").write_text("mine")
    for folder in (thesis, finished / "reports", thesis / "index.html"):
        assert shown(finished, folder) == 1 and f"{folder} holds something" in capsys.readouterr().err
    assert (thesis / "index.html").read_text() == "mine" and Paths(finished).results.exists()
    assert shown(tmp_path, place) == 1 and "holds no reports yet" in capsys.readouterr().err


def test_pictures_keep_256_colours_and_look_the_same():
    frame, drawn = np.linspace(0, 1, 300 * 400).reshape(300, 400), io.BytesIO()
    painted = np.uint8(255 * matplotlib.colormaps["viridis"](np.sin(9 * frame) ** 2))
    painted[:5, :5] = np.uint8(255 * np.array(matplotlib.colormaps["RdBu"](np.linspace(0, 1, 25)))).reshape(5, 5, 4)
    Image.fromarray(painted).save(drawn, "PNG")
    small = showcase._in_256_colours(drawn.getvalue())
    shown = np.asarray(Image.open(io.BytesIO(small)).convert("RGB")).astype(int)
    assert len(small) < len(drawn.getvalue()) and len(np.unique(shown.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(shown - painted[..., :3]).max() <= 16, "rare colours too"
    Image.new("L", (1, 1)).save(tiny := io.BytesIO(), "PNG")
    assert len(showcase._in_256_colours(tiny.getvalue())) <= len(tiny.getvalue()), "what would grow stays"


def test_too_large_a_showcase_is_refused(finished, tmp_path, capsys, monkeypatch):
    assert shown(finished, tmp_path / "shown") == 0
    before = (tmp_path / "shown" / "index.html").read_text("utf-8")
    monkeypatch.setattr(showcase, "LIMIT_MB", 0.01)
    assert shown(finished, tmp_path / "shown") == 1
    assert re.search(r"at most 0 MB are allowed. The largest: \S+\.html 0\.0 MB, ", capsys.readouterr().err)
    assert (tmp_path / "shown" / "index.html").read_text("utf-8") == before
    assert [folder.name for folder in tmp_path.iterdir()] == ["shown"]


def test_the_pages_in_the_documentation_are_such_a_showcase():
    place = ROOT / "docs" / "ravdess"
    if not place.exists():
        pytest.skip("docs/ravdess is not there: docs/run.md says how it is made")
    files = [file for file in place.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 1e6 * showcase.LIMIT_MB
    assert leading_nowhere(place) == []
    for page in place.rglob("*.html"):
        text = page.read_text("utf-8")
        assert "data:audio" not in text and outside_references(text) == [], page
    assert 'id="showcase"' in (place / "index.html").read_text("utf-8")
