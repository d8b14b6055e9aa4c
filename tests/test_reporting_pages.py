"""Pages: they stand alone, hide the code, escape what others wrote, and put errors first."""

import base64
import io

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from dslite.corpora import CORPORA
from dslite.errors import DsliteError
from dslite.reporting.pages import LIMIT_MB, failure_page, to_html
from dslite.reporting.sanitiser import clean
from dslite.run.index import write_index
from dslite.run.staleness import State
from dslite.stages.catalogue import ACROSS, OF_CORPUS
from tests.chromium import look
from tests.outside import outside_references

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


# References ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<img src="https://a.org/x.png">', "https://a.org/x.png"),
        ("<IMG SRC=//a.org/x.png>", "//a.org/x.png"),
        ('<img src="beside.png">', "beside.png"),
        ('<img srcset="data:image/png;base64,AA 1x, https://a.org/2.png 2x">', "https://a.org/2.png"),
        ('<link rel="stylesheet" href="style.css">', "style.css"),
        ('<script src="https://a.org/require.js"></script>', "https://a.org/require.js"),
        ('<script>import("https://a.org/m.js")</script>', "https://a.org/m.js"),
        ('<a href="#" onclick="fetch(\'https://a.org/f\')">x</a>', "https://a.org/f"),
        ("<style>@import 'https://a.org/s.css';</style>", "https://a.org/s.css"),
        ("<style>p { background: url( https://a.org/b.png ) }</style>", "https://a.org/b.png"),
        ("<style>p { background: u\\72l(https://a.org/e.png) }</style>", "https://a.org/e.png"),
        ("<style>@font-face { src: url('f.woff2') }</style>", "f.woff2"),
        ('<p style="background:url(&quot;https://a.org/i.png&quot;)">', "https://a.org/i.png"),
        ('<iframe src="https://a.org"></iframe>', "https://a.org"),
        ("<iframe srcdoc=\"<img src='https://a.org/n.png'>\"></iframe>", "https://a.org/n.png"),
        ('<object data="https://a.org/o"></object>', "https://a.org/o"),
        ('<video poster="https://a.org/v.png"></video>', "https://a.org/v.png"),
        ('<svg><image href="https://a.org/s.png"/></svg>', "https://a.org/s.png"),
        ('<svg><use xlink:href="https://a.org/u.svg#x"/></svg>', "https://a.org/u.svg#x"),
        ('<meta http-equiv="refresh" content="0; url=https://a.org">', "https://a.org"),
        ('<base href="https://a.org/">', "https://a.org/"),
    ],
)
def test_what_a_browser_would_request_is_found(html, found):
    assert outside_references(html) == [found]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://doi.org/10.1">paper</a> <a href="../index.html">index</a> <a href="#cell-3">cell</a>',
        '<img src="data:image/png;base64,AAAA" alt="x">',
        '<link rel="icon" href="data:,">',
        "<style>p { background: url(#grid) } q { background: url('data:image/gif;base64,R0') }</style>",
        "<p>src=https://a.org url(https://a.org) &lt;img src=https://a.org&gt;</p>",
        "<script>let ratio = 3 // 4</script>",
    ],
)
def test_links_and_data_are_not_requests(html):
    assert outside_references(html) == []


# Cleaning -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="java\tscript:alert(1)">x</a>',
        '<a href=" &#106;avascript:alert(1)">x</a>',
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        '<iframe src="https://a.org">x</iframe>',
        '<form action="https://a.org"><input autofocus onfocus=alert(1)></form>',
        '<p style="background:url(https://a.org)" onclick="alert(1)">x</p>',
        '<img src="data:image/png;base64,AA" srcset="https://a.org/x 2x">',
        '<img src="data:text/html;base64,PHNjcmlwdD4=">',
        '<img alt="a&quot; onerror=&quot;alert(1)" src="data:image/png;base64,AA">',
        "<style>@import 'https://a.org'</style>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<!--><img src=https://a.org/x.png>-->",
        "<textarea><img src=x onerror=alert(1)>",
    ],
)
def test_nothing_that_runs_or_asks_gets_through(hostile):
    cleaned = clean(f"<p>before</p>{hostile}")
    assert cleaned.startswith("<p>before</p>")
    assert outside_references(cleaned) == []
    for tag in BeautifulSoup(cleaned, "html.parser").find_all(True):
        assert tag.name not in {"script", "style", "iframe", "svg", "math", "form", "input", "object", "textarea"}
        assert not any(name.startswith("on") or name in ("style", "srcset") for name in tag.attrs)
        assert not tag.get("href", "").strip().lower().startswith(("java", "data"))


def test_what_reports_are_made_of_gets_through():
    html = (
        '<figure class="ds-figure"><img src="data:image/png;base64,AAAA" width="5" alt="a &amp; b">'
        '<figcaption>x &lt; y</figcaption></figure><table class="ds-table"><tbody><tr><th rowspan="2">é</th>'
        '<td class="ds-number">1<br>2</td></tr></tbody></table><details open=""><summary>s</summary></details>'
        '<a href="../index.html" rel="noopener noreferrer">i</a><code id="c" aria-label="l">"q"</code>'
    )
    assert clean(html) == html


def test_cleaned_html_cannot_close_what_it_did_not_open():
    assert clean("</section></main><p><b>open") == "<p><b>open</b></p>"
    assert clean('<a href="https://a.org">x</a>') == '<a href="https://a.org" rel="noopener noreferrer">x</a>'
    described = clean('<img src="https://a.org/x.png" alt="a <tree>">')
    assert outside_references(described) == []
    assert BeautifulSoup(described, "html.parser").img.attrs == {"alt": "a <tree>"}


# Pages of notebooks -------------------------------------------------------------------------------------------------


def _output(**data):
    return nbformat.v4.new_output("display_data", {name.replace("_", "/"): value for name, value in data.items()})


def _notebook(tmp_path, *cells):
    file = tmp_path / "stage.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), file)
    return file


def _code(source, *outputs, count=1, tags=()):
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=count)
    cell.metadata["tags"] = list(tags)
    return cell


@pytest.fixture
def notebook(tmp_path):
    stream = nbformat.v4.new_output("stream", name="stdout", text="\x1b[31m<b>plain</b>\x1b[0m\n10 %\r100 %\n")
    noise = [nbformat.v4.new_output("stream", name="stderr", text=text) for text in ("a war", "ning")]
    picture = _output(image_png=PIXEL, text_plain="<Figure>")
    table = _output(text_html="<table><tr><td>cell</td></tr></table><script>alert(1)</script>")
    return _notebook(
        tmp_path,
        nbformat.v4.new_markdown_cell("# Title\n\n<script>alert(1)</script>\n\n![photo](https://a.org/p.png) **bold**"),
        _code('corpus = "ccs"  # a comment', tags=["parameters"]),
        _code("show('<x>')", stream, *noise, table, picture, count=2),
    )


def test_a_page_stands_alone_and_folds_the_code_away(notebook, tmp_path):
    page = tmp_path / "reports" / "ccs" / "corpus.html"
    to_html(notebook, page, "CCS <corpus>")
    html = page.read_text()
    soup = BeautifulSoup(html, "html.parser")
    assert outside_references(html) == []
    assert soup.script is None
    assert soup.title.get_text() == "CCS <corpus>"
    assert soup.h1.get_text() == "Title"
    assert soup.find("img", alt="photo").attrs == {"alt": "photo"}, "of a picture from elsewhere its description stays"
    for code in soup.select("pre code"):
        assert code.find_parent("details").get("open") is None
    assert [s.get_text() for s in soup.select("summary")] == ["Parameters", "Code", "Messages"]
    assert soup.select_one("pre.out").get_text() == "<b>plain</b>\n100 %"
    assert "a warning" in soup.get_text(), "a stream that arrived in pieces is whole again"
    assert soup.select_one("nav a")["href"] == "../index.html"
    assert all(image["alt"] for image in soup.select("img"))
    assert soup.select_one('meta[http-equiv="Content-Security-Policy"]')["content"].startswith("default-src 'none'")


def test_a_page_that_grew_too_large_is_refused(tmp_path):
    noise = base64.b64encode(np.random.default_rng(0).bytes(int(LIMIT_MB * 1e6))).decode()
    notebook = _notebook(tmp_path, _code("draw()", _output(image_png=noise)))
    with pytest.raises(DsliteError, match=r"stage\.ipynb would take 6\.\d MB, at most 5 MB"):
        to_html(notebook, tmp_path / "page.html", "t")
    assert not (tmp_path / "page.html").exists()


def test_long_output_is_shortened_and_says_so(tmp_path):
    text = "\n".join(f"line {n}" for n in range(1000))
    notebook = _notebook(tmp_path, _code("run()", nbformat.v4.new_output("stream", name="stdout", text=text)))
    to_html(notebook, tmp_path / "page.html", "t")
    html = (tmp_path / "page.html").read_text()
    assert "[800 lines left out; the notebook has them]" in html
    assert "line 0\n" in html
    assert "line 999" in html
    assert "line 500\n" not in html


def test_a_failure_stands_first_and_leads_to_its_cell(tmp_path):
    noise = base64.b64encode(np.random.default_rng(0).bytes(int(LIMIT_MB * 1e6))).decode()
    traceback = ["\x1b[1mValueError\x1b[0m: <b>no</b>"]
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="<b>no</b>", traceback=traceback)
    notebook = _notebook(
        tmp_path,
        nbformat.v4.new_markdown_cell("# Before"),
        _code("draw()", _output(image_png=noise)),
        _code("fail()", error, count=2),
        nbformat.v4.new_markdown_cell("## After"),
        _code("never()", count=None),
    )
    page = tmp_path / "stage.failed.html"
    failure_page(notebook, page, "ValueError: <b>no</b>", "CCS, train")
    soup = BeautifulSoup(page.read_text(), "html.parser")
    assert page.stat().st_size < LIMIT_MB * 1e6, "pictures may go, the error may not"
    main = soup.main
    assert main.find("section")["class"] == ["failure"]
    assert main.select_one(".error-line").get_text() == "ValueError: <b>no</b>"
    failed = soup.find(id=main.select_one(".failure a")["href"].removeprefix("#"))
    assert "fail()" in failed.get_text()
    assert failed.details.get("open") is not None
    assert "ValueError: <b>no</b>" in failed.select_one("pre.error").get_text()
    assert [heading.get_text() for heading in main.select("h1, h2")][1:] == ["Before"], "what did not run has no place"
    assert soup.title.get_text() == "Failed: CCS, train"


def test_a_kernel_that_died_without_an_error_leads_to_the_cell_that_did_not_end(tmp_path):
    notebook = _notebook(tmp_path, _code("a()"), _code("killed()", count=None), _code("b()", count=None))
    failure_page(notebook, tmp_path / "f.html", "The kernel was killed.", "t")
    soup = BeautifulSoup((tmp_path / "f.html").read_text(), "html.parser")
    assert soup.select_one(".failure a")["href"] == "#cell-2"


# Index --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path):
    corpora = [{"name": name, "data": "stand-in"} for name in CORPORA]
    for corpus in corpora[:2]:
        corpus["voices"] = "3 of 9 files name no <speaker>."
    corpora.append({"name": "mine", "data": "real", "note": "<script>alert(1)</script>"})
    states = {
        (name, stage): State("done", link=f"{name}/{stage}.html", seconds=3.0)
        for name in CORPORA
        for stage in OF_CORPUS
    }
    states["sleep", "train"] = State("failed", "<b>No</b> memory.", "sleep/train.failed.html")
    states["", "paper"] = State("done", link="paper.html")
    rows = (
        "corpus,system,augmentation,partition,protocol,uar,ci_low,ci_high,data,backbone,weights,profile,seed\n"
        "ccs,DS Lite,none,dev,all,60,,,stand-in,squeezenet_v1,random,demo,7\n"
        "ccs,DS Lite,both,dev,all,50,,,stand-in,squeezenet_v1,random,demo,7\n"
        "ccs,DS Lite,none,test,all,55.55,50,61,stand-in,squeezenet_v1,random,demo,7\n"
        "ccs,DS Lite,both,test,all,99,98,100,stand-in,squeezenet_v1,random,demo,7\n"
        "css,DS Lite,none,dev,full-chunk,,,,stand-in,squeezenet_v1,random,demo,7\n"
        "ccs,chance,,test,all,50,50,50,stand-in,,,demo,7\n"
        "ccs,librosa statistics + SVM,,test,all,76.2,60,80,stand-in,,,demo,7\n"
    )
    gaps = dict.fromkeys(("uar", "ci_low", "ci_high"), [""])
    results = pd.read_csv(io.StringIO(rows), keep_default_na=False, na_values=gaps)
    tables = [{"title": "Table 3", "link": "paper.html#table-3", "csv": "tables/table3.csv"}]
    page = tmp_path / "index.html"
    record = {"seed": 7, "versions": {"numpy": "2"}, "warnings": ["RANDOM weights <i>"]}
    across = {stage: f"All of {stage}" for stage in ACROSS}
    write_index(page, corpora, OF_CORPUS, across, states, tables, record, results)
    return page


def test_the_index_leads_everywhere(index):
    html = index.read_text()
    soup = BeautifulSoup(html, "html.parser")
    links = {a["href"] for a in soup.select("main a")}
    assert {f"{name}/{stage}.html" for name in CORPORA for stage in OF_CORPUS} - {"sleep/train.html"} <= links
    assert {"sleep/train.failed.html", "paper.html", "paper.html#table-3", "tables/table3.csv"} <= links
    assert len(soup.select(".matrix tbody tr")) == len(CORPORA) + 1 + len(ACROSS)
    assert outside_references(html) == []
    assert soup.script is None
    asked = len(CORPORA) * len(OF_CORPUS) + 1
    assert f"{asked - 1} of {asked} notebooks" in soup.get_text(), "what nobody asked for does not count"
    assert "RANDOM weights <i>" in soup.select_one(".ds-warning").get_text()


def test_the_index_puts_failures_on_top(index):
    soup = BeautifulSoup(index.read_text(), "html.parser")
    failed = soup.select_one("#failed")
    assert failed.get_text(" ", strip=True).startswith("What failed SLEEP, train : <b>No</b> memory.")
    assert failed.a["href"] == "sleep/train.failed.html"
    assert failed.find_next("table") is soup.select_one("table.matrix")
    assert soup.select_one("td.state-failed").get_text(strip=True) == "failed"


def test_the_index_shows_the_score_chosen_on_dev_with_its_marks(index):
    rows = BeautifulSoup(index.read_text(), "html.parser").select(".matrix tbody tr")
    ours, paper = rows[0].select("td")[-2:]
    assert ours.strong.get_text() == "55.5"
    assert "SYNTHETIC stand-in · SqueezeNet v1.1, RANDOM weights" in ours.get_text()
    assert "76.2 60.0–80.0 librosa statistics + SVM" in ours.get_text() and "chance" not in ours.get_text()
    assert ours.get_text().endswith("3 of 9 files name no <speaker>."), "told beside every score"
    assert paper.get_text() == "74.4"
    assert "ds-published" in paper["class"]
    assert rows[1].select("td")[-2].get_text() == "not run", "no score under the protocol of all files"
    assert rows[8].select("td")[-1].get_text() == "–", "an own corpus has no published figure"


def test_standins_are_called_synthetic_wherever_they_stand(index):
    for row in BeautifulSoup(index.read_text(), "html.parser").select(".matrix tbody tr")[: len(CORPORA)]:
        assert "SYNTHETIC" in row.th.get_text()


# In a browser -------------------------------------------------------------------------------------------------------


def test_pages_open_without_a_network_and_fit_a_phone(notebook, index, tmp_path):
    to_html(notebook, tmp_path / "page.html", "A page")
    failure_page(notebook, tmp_path / "failed.html", "x" * 300, "A page")
    pages = [index, tmp_path / "page.html", tmp_path / "failed.html"]
    for width in (1280, 390):
        for page, seen in look(pages, width, 844).items():
            assert (seen.requests, seen.errors) == ([], []), page
            assert seen.overflow == 0, f"{page} is wider than {width} px"
            assert seen.without_alt == 0


def test_the_browser_would_notice(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<title>t</title><img src='https://a.example/x.png' onerror='ran(`handler`)'><div style='width:3000px'>x</div>"
        "<script>alert(1)</script><a href=' java\tscript:ran(2)'>x</a><meta http-equiv=refresh content=99><meta name=a>"
    )
    seen = look([page], 390, 844)[page]
    assert seen.requests == ["https://a.example/x.png"]
    assert seen.overflow > 2000
    assert seen.without_alt == 1
    assert sorted(seen.ran) == ["alert", "handler"]
    assert [tag.split()[0] for tag in seen.armed] == ["<img", "<a", "<meta"]
