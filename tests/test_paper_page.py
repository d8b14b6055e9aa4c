"""The page of the paper: footnotes that say what their letters mean, LaTeX that compiles, the scorecard, --strict."""

import json
import re
from itertools import product
from types import SimpleNamespace

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from dslite.corpora import CORPORA
from dslite.layout.paths import FULL_CHUNK, Paths
from dslite.paper import published
from dslite.profiles import TABLE2
from dslite.reporting.sheets import PRINTED, Cell, Sheet, marked_rows, sheet_html
from dslite.reporting.tables import table1, table1_sheet, table2, table2_sheet
from dslite.run import cli, forks
from dslite.stages.benchmark.views import table5_sheet
from dslite.stages.benchmark.work import Benchmark
from dslite.stages.paper import index, views
from dslite.stages.paper.latex import escape, tex
from dslite.stages.paper.results import results_sheet, results_table
from dslite.stages.paper.scorecard import strict_failures
from dslite.stages.paper.summary import Summary, table5
from dslite.stages.paper.work import work
from tests.outside import outside_references
from tests.toys import write_templates

EVIL = r"[50%_of] a & b # c ~ d ^ e \ {f} $g$ <i>"


def rows(corpus="ccs", system="DS Lite", augmentations=("none", "cutmix", "specaugment", "both"), **about):
    """Rows of results.csv; ``about`` says what they rest on."""
    known = dict(
        data="real", backbone="densenet121", weights="imagenet", profile="full", reading="paper", changed="", seed=7
    )
    cells = product(augmentations, ("dev", "test"), ("all", "full-chunk"))
    return pd.DataFrame(
        {
            "corpus": corpus, "system": system, "augmentation": augmentation, "partition": partition,
            "protocol": protocol, "uar": 60.0 + number, "ci_low": 55.0, "ci_high": 65.0, "n_files": 20,
            "n_speakers": 4, **known, **about,
        }
        for number, (augmentation, partition, protocol) in enumerate(cells)
    )  # fmt: skip


def notes(sheet: Sheet) -> dict[str, str]:
    """Letter -> what stands behind it on the page."""
    soup = BeautifulSoup(sheet_html(sheet), "html.parser")
    found = {}
    for item in soup.select(".ds-footnotes li"):
        letter = item.sup.extract().get_text()
        found[letter] = item.get_text().strip()
    return found


def told(sheet: Sheet, cell: Cell) -> set[str]:
    """What the footnotes of a cell say."""
    letters = sheet.marks(cell)
    return {notes(sheet)[letter] for letter in letters.split(",")} if letters else set()


def head(sheet: Sheet, corpus: str) -> Cell:
    return next(cell for cell in sheet.heads[0] if cell.text == CORPORA[corpus].short)


def cells(sheet: Sheet, system: str, source: str = "here") -> list[Cell]:
    return next(list(row[2:]) for row in sheet.rows if (row[0].text, row[1].text) == (system, source))


# Footnotes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({}, set()),
        ({"data": "stand-in"}, {"SYNTHETIC stand-in."}),
        ({"data": "cropped"}, {"Cropped recordings."}),
        ({"weights": "random"}, {"Random weights."}),
        ({"backbone": "mobilenet_v2", "profile": "demo"}, {"Another base model (mobilenet_v2).", "The demo profile."}),
    ],
)
def test_a_letter_says_what_was_different(about, words):
    sheet = results_sheet(rows(**about), ["ccs"], "", "full-chunk")
    assert told(sheet, head(sheet, "ccs")) == words
    assert not any(cell.reasons for row in sheet.rows for cell in row[2:] if PRINTED not in cell.look)


def test_a_reason_of_some_rows_stands_at_their_cells():
    svm = rows(system="Deep Spectrum + SVM", augmentations=("",), profile="demo", data="cropped")
    sheet = results_sheet(pd.concat([rows(profile="demo", data="cropped"), svm]), ["ccs"], "")
    assert told(sheet, head(sheet, "ccs")) == {"Cropped recordings."}
    ours = cells(sheet, published.ROWS["both"])
    assert [told(sheet, cell) for cell in ours] == [{"The demo profile.", "Another protocol (all files)."}] * 2 + [
        set()
    ]
    assert [told(sheet, cell) for cell in cells(sheet, "Deep Spectrum + SVM")] == [set()] * 3
    assert marked_rows([("a", "b"), ("b",)]) == (("b",), [("a",), ()])
    assert marked_rows([]) == ((), [])


def test_every_table_has_its_own_letters_and_our_split_is_one():
    sheet = results_sheet(pd.concat([rows("ravdess"), rows("sleep")]), published.COLUMNS[4], "", "full-chunk")
    assert told(sheet, head(sheet, "ravdess")) == {"A split of our own, the paper's is not published."}
    assert told(sheet, head(sheet, "sleep")) == set()
    assert told(sheet, head(sheet, "mpssc")) == set(), "what was not run needs no excuse"
    assert list(notes(sheet)) == list("abcd"[: len(notes(sheet))])


def test_printed_figures_that_the_audit_doubts_say_so():
    sheet = results_sheet(rows("css"), ["css"], "", "full-chunk")
    doubted = cells(sheet, published.ROWS["both"], "paper")[2]
    assert doubted.text == "55.1–66.8"
    assert sheet.marks(doubted) == "a,b", "in their order, whatever that of the findings"
    assert sorted(words[-7:] for words in told(sheet, doubted)) == ["(F-34).", "(F-35)."]
    assert not cells(sheet, published.ROWS["cutmix"], "paper")[2].reasons
    first = table1_sheet(table1(CORPORA["ccs"]))
    assert [bool(cell.reasons) for cell in first.rows[0]] == [False] * 5 + [True, True, False, False]


def test_own_corpora_are_compared_with_nothing():
    sheet = results_sheet(rows("mine", data="real", weights="random"), ["mine"], "")
    assert sheet.footnotes == {}


# LaTeX ----------------------------------------------------------------------------------------------------------------


def body(text: str) -> list[list[str]]:
    """Cells of the rows between the rules, as plain text."""
    lines = text.split("\\midrule\n")[1].split("\\bottomrule")[0].splitlines()
    lines = [line.removesuffix(r" \\") for line in lines if line != r"\addlinespace"]
    plain = [re.sub(r"\\textsuperscript\{[a-z,]+\}", "", line) for line in lines]
    for look in ("textbf", "textit", "underline", "emph"):
        plain = [re.sub(rf"\\{look}\{{((?:[^{{}}]|\\[{{}}])*)\}}", r"\1", line) for line in plain]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line)] for line in plain]


def balanced(text: str) -> bool:
    """Braces and environments close in order, and nothing special stands bare outside comments."""
    text = re.sub(r"(?m)^%.*$", "", text)
    bare = re.sub(r"\\[\\{}$&#%_]", "", text.replace(r"\\", ""))
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            return False
    open_ones: list[str] = []
    for what, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if what == "begin":
            open_ones.append(name)
        elif not open_ones or open_ones.pop() != name:
            return False
    return depth == 0 and not open_ones and not re.search(r"[$#%_~^]", bare.replace("}~", "}"))


def own(name: str):
    """An own corpus as the stages know it."""
    return SimpleNamespace(name=name, short=name, title=name, table1=None)


CLIPS = pd.DataFrame({"duration": [1.0, 2.0], "label": ["a", "b"], "speaker": ["", ""]})


def test_what_latex_treats_specially_is_escaped():
    assert escape("_ % & # { } $") == r"\_ \% \& \# \{ \} \$"
    assert escape("~^\\") == r"\textasciitilde{}\textasciicircum{}\textbackslash{}"
    assert escape("[a]") == "{}[a]", "not an argument of the line break before it"
    assert escape("a\n%b\x00") == r"a \%b"
    frame = pd.concat([table1(CORPORA["ccs"]), table1(own(EVIL), CLIPS, "real")], ignore_index=True)
    text = tex(table1_sheet(frame), "tab:1", EVIL, f"{EVIL}\n\\input{{evil}}")
    assert balanced(text)
    assert escape(EVIL) in text
    assert not re.search(r"(?m)^\\input", text), "a comment cannot be left"
    assert not balanced(text.replace(r"\_", "_")) and not balanced(text.replace(r"\end{minipage}", ""))


@pytest.mark.parametrize("number", [3, 4])
def test_latex_agrees_with_the_csv(number):
    corpora = published.COLUMNS[number]
    svm = [rows(name, "Deep Spectrum + SVM", ("",)) for name in corpora[:2]]
    results = pd.concat([*(rows(name) for name in corpora[:3]), *svm])
    table = results_table(results, corpora)
    text = tex(results_sheet(results, corpora, ""), "tab", "", "")
    assert balanced(text)
    found = body(text)
    assert len(found) == len(table)
    assert {len(row) for row in found} == {2 + 3 * len(corpora)}
    assert [row[1] for row in found] == table["source"].tolist()
    assert [row[0] for row in found if row[0]] == list(dict.fromkeys(table["system"]))
    for row, line in zip(table.to_dict("records"), found, strict=True):
        for corpus, test, interval in zip(corpora, line[3::3], line[4::3], strict=True):
            value = row[f"{corpus}_test"]
            blank = "--" if row["source"] == "paper" else "not run"
            assert test == (blank if pd.isna(value) else f"{value:.1f}")
            assert bool(interval) == (not pd.isna(row[f"{corpus}_ci_low"]))


def test_table_2_leaves_blank_what_the_paper_leaves_blank():
    settings = {("css", "paper"): TABLE2["css"], ("css", "here"): TABLE2["css"]}
    printed, used = ([cell.text for cell in row] for row in table2_sheet(table2(settings)).rows)
    assert (printed[6], printed[8], used[6], used[8]) == ("–", "–", "0", "whole file")


def test_latex_of_tables_1_and_2():
    frame = pd.concat([table1(CORPORA["sleep"], CLIPS, "stand-in"), table1(own(EVIL), CLIPS, "real")])
    text = tex(table1_sheet(frame), "tab:1", "", "")
    assert [row[2] for row in body(text)] == ["16,462", "2", "2"]
    recipe = {"units": 8, "dropout": 0.5, "learning_rate": 0.1, "epochs": (3, 0), "chunk": 0.0, "optimiser": "adam"}
    sheet = table2_sheet(table2({("css", "here"): recipe, (EVIL, "here"): recipe}), "", {"css": ["the demo profile"]})
    text = tex(sheet, "tab:2", "", "")
    assert balanced(text)
    assert [row[2] for row in body(text)] == ["8", "8"]
    assert r"here\textsuperscript{a}" in text and r"\textsuperscript{a}~The demo profile." in text


@pytest.fixture
def measured(tmp_path) -> Benchmark:
    """What the stage ``benchmark`` leaves, made up, of another base model than the paper's on one thread."""
    layout, backbone = Paths(tmp_path), "squeezenet_v1"
    ms = {("keras", "whole"): 60, ("float32", "whole"): 50, ("float32", "front end"): 2, ("float32 again", "whole"): 51}
    timings = [(*which, 1, at, float(time)) for which, time in ms.items() for at in range(3)]
    costs = {"threads": 1, "p10_ms": 1.04, "p50_ms": 2.04, "p90_ms": 3.04, "speed_up": 1.0, "macs": 2.83e9}
    costs |= {"parameters": 7_563_330, "peak_mb": 99.6, "model_mb": 9.6, "bytes_with_optimiser": 82.1e6}
    kinds = (("keras", "whole", 31e6), ("float32", "whole", 1.5e6), ("float32", "front end", 0.0))
    table = [{"model": model, "part": part, "bytes": size} | costs for model, part, size in kinds]
    gate = {"model": ["float32", "float16"], "bytes": [15, 8], "offered": [True, False], "reason": ["", "a & b"]}
    left = {
        "timings": pd.DataFrame(timings, columns=["model", "part", "threads", "round", "ms"]),
        "table": pd.DataFrame(table),
        "gate": pd.DataFrame(gate),
    }
    layout.benchmark(backbone).mkdir(parents=True)
    for name, frame in left.items():
        frame.to_parquet(layout.benchmark(backbone) / f"{name}.parquet")
    record = {"samples": 48_000, "rate": 16_000, "hardware": "x86_64, 4 cores", "backbone": backbone}
    (layout.benchmark(backbone) / "record.json").write_text(json.dumps(record))
    return Benchmark(layout, backbone, record)


def test_latex_of_table_5(measured):
    sheet = table5_sheet(measured, "Table 5")
    text = tex(sheet, "tab:5", "", "")
    assert balanced(text)
    found = {row[0]: row[1:] for row in body(text)}
    assert list(found)[:3] == ["p50, 1 thread [ms]", "p10--p90, 1 thread [ms]", "Mean of 50 runs [ms]"]
    # Of each kind what was measured, then what is printed: preprocessing, TensorFlow, TF Lite float32, laptop, phone.
    assert found["p50, 1 thread [ms]"] == ["2.0", "--", "2.0", "--", "2.0", "--", "--"]
    assert found["Size [MB]"] == ["--", "0.15", "31.0", "82.1", "1.5", "30.0", "30.0"]
    assert r"\multicolumn{2}{c}{Preprocessing}" in text and r"\multicolumn{3}{c}{TF Lite}" in text
    assert r"here\textsuperscript{a,b} & \textit{paper}" in text and r"\textit{82.1}" in text
    letters = notes(sheet)
    assert letters["a"] == "Other hardware (x86_64, 4 cores)."
    assert letters["b"] == "Another base model (squeezenet_v1)."
    (size,) = (row[0] for row in sheet.rows if row[0].text == "Size [MB]")
    assert {words.split(" (")[0] for words in told(sheet, size)} == {
        "The paper's TensorFlow size is that of a file with the optimiser's state"
    }
    assert "One chunk of 3 s" in sheet.note and "Noise floor" in sheet.note and "2.0 % with 1 thread" in sheet.note
    assert "Not offered: " in sheet.note and "a & b" in sheet.note


def test_table_5_is_that_of_the_papers_base_model_where_it_was_measured(measured):
    layout = measured.layout
    assert table5(layout, "Table 5") is None, "the stage has not come to its end"
    last = layout.across("benchmark").record("benchmark")
    last.parent.mkdir()
    last.write_text(json.dumps(measured.record))
    assert "Another base model (squeezenet_v1)." in notes(table5(layout, "Table 5")).values()
    usual = layout.benchmark("densenet121")
    usual.mkdir()
    for file in layout.benchmark("squeezenet_v1").iterdir():
        (usual / file.name).write_bytes(file.read_bytes())
    (usual / "record.json").write_text(json.dumps(measured.record | {"backbone": "densenet121"}))
    assert not any("base model" in words for words in notes(table5(layout, "Table 5")).values())


# The stage ------------------------------------------------------------------------------------------------------------


def leave(layout: Paths, name: str, data: str) -> None:
    """What the stages of a corpus leave that the paper's stage reads, made up: a UAR of 99 on test."""
    places, classes = layout.corpus(name), list(CORPORA[name].classes)
    about = {
        "data": data,
        "backbone": "densenet121",
        "weights": "imagenet",
        "profile": "full",
        "reading": "paper",
        "changed": "",
    }
    record = {"identity": name, "classes": classes, "seed": 1, "chosen": "none", "about": {}, **about}
    record["warnings"] = ["2 of 2 files name no speaker, so the same voice may be in training and in test: x."]
    recipe = {"units": 8, "dropout": 0.5, "learning_rate": 0.1, "epochs": [3, 0], "chunk": 3.0, "optimiser": "adam"}
    for stage in ("corpus", "train", "baseline", "evaluate"):
        places.record(stage).parent.mkdir(parents=True)
        more = {"recipe": recipe, "trained_layers": 4, "but_for_the_seed": ""} if stage == "train" else {}
        places.record(stage).write_text(json.dumps(record | more))
    clips = {"duration": [1.0, 2.0], "label": classes, "speaker": ["a", "b"], "partition": ["train", "test"]}
    pd.DataFrame(clips).to_parquet(places.found)
    pairs = {"protocol": ["all"], "unit": ["file"], "first": ["none"], "second": ["both"], "p": [0.01]}
    pd.DataFrame(pairs | {"difference": [3.0], "low": [1.0], "high": [5.0]}).to_parquet(places.pairs)
    rows(name, **about, uar=99.0, ci_low=98.0, ci_high=99.5).to_parquet(places.scores)
    counts = product(("none", "cutmix", "specaugment", "both"), ("all", "full-chunk"), classes, classes)
    table = pd.DataFrame(counts, columns=["augmentation", "protocol", "label", "predicted"])
    table.assign(system="DS Lite", partition="test", files=1).to_parquet(places.confusion)


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """CCS as if it were real, CSS as a stand-in."""
    layout = Paths(tmp_path_factory.mktemp("out"))
    leave(layout, "ccs", "real")
    leave(layout, "css", "stand-in")
    return work(layout.output, 1)


def test_files_without_a_speaker_are_told_of_each_corpus(summary):
    assert [line[:4] for line in summary.record["warnings"] if "the same voice" in line] == ["ccs:", "css:"]


def test_paired_tests_are_corrected_over_a_whole_table(summary):
    pairs, said = views.paired(summary, published.COLUMNS[3])
    assert pairs["p, Holm"].tolist() == [0.02, 0.02] and pairs["corpus"].tolist() == ["ccs", "css"]
    assert "2 pairs of 2 corpora; 2 differ" in said
    none, said_of_none = views.paired(summary, published.COLUMNS[4])
    assert none.empty and said_of_none == "None of these corpora was evaluated here."
    one, said = views.paired(summary, ("css",))
    assert one["p, Holm"].tolist() == [0.01] and "1 pairs of 1 corpora" in said


def test_the_stage_leaves_a_scorecard_of_every_printed_figure(summary):
    card = pd.read_csv(summary.layout.scorecard)
    assert len(card) == len(published.figures()) == 260
    css = card[(card["corpus"] == "css") & card["ours"].notna() & (card["quantity"] != "chance")]
    assert len(css) > 8
    assert set(css["verdict"]) == {"not comparable"}
    assert css["why"].str.contains("SYNTHETIC stand-in").all()
    ccs = card.set_index("id").loc["table3.ccs.both.test"]
    assert (ccs["verdict"], ccs["ours"], ccs["data"]) == ("differs", 99.0, "real")
    not_run = card[(card["corpus"] == "sleep") & (card["quantity"] == "uar")]
    assert set(not_run["why"]) == {"this corpus was not evaluated here"}
    assert set(card.loc[card["quantity"] == "time", "verdict"]) == {"not run"}, "nothing was measured"


def test_strict_failures_survive_the_csv(summary):
    from_file, at_once = strict_failures(pd.read_csv(summary.layout.scorecard)), strict_failures(summary.card)
    assert from_file == at_once
    assert any(line.startswith("table3.ccs.both.test (Table 3") for line in from_file)
    assert not any("css" in line for line in from_file)


def test_the_stage_leaves_pages_and_tables(summary):
    layout = summary.layout
    for page in (layout.scorecard_page, layout.discrepancies):
        html = page.read_text("utf-8")
        assert outside_references(html) == []
        assert len(html.encode()) < 5e6
        assert 'href="index.html"' in html
    entries = index.entries(layout, [""])
    linked = [entry[kind] for entry in entries for kind in ("csv", "tex") if kind in entry]
    assert len(entries) == 8 and len(linked) == 13 and all((layout.reports / link).is_file() for link in linked)
    assert {entry["link"] for entry in entries} == {"paper.html", "scorecard.html", "discrepancies.html"}
    assert index.entries(layout, []) == []
    labels = set()
    for number, more in [*((n, "") for n in (1, 2, 3, 4)), (3, FULL_CHUNK), (4, FULL_CHUNK)]:
        text = layout.tex(number, more).read_text("utf-8")
        assert balanced(text)
        assert text.startswith(f"% Table {number} by dslite")
        assert len(body(text)) == len(pd.read_csv(layout.table(number, more)))
        assert f"Reproduction of Table {number} of Amiriparian" in text
        assert ("only files of at least one chunk" in text) == bool(more)
        labels |= set(re.findall(r"\\label\{(.+?)\}", text))
    assert len(labels) == 6, "one document can hold them all"
    assert not layout.tex(5).exists() and 5 not in summary.sheets
    assert told(summary.sheets[3], head(summary.sheets[3], "css")) >= {"SYNTHETIC stand-in."}


def test_figures_of_corpora_that_are_there(summary):
    assert views.figure2_text(summary).startswith("No corpus has been explained here")
    assert list(views.figure2(summary)) == []
    titles = [panel.title for panel in views.panels(summary, of_figure3=True)]
    assert titles == ["(A) CSS, none: SYNTHETIC stand-in", "(B) CCS, none: REAL"]
    assert views.panels(summary, of_figure3=False) == [] and views.figure3_text(summary) == ""
    recalls = views.recalls(summary.card)
    shown = [[cell.text for cell in row] for row in recalls.rows]
    assert [row[1:] for row in shown] == [["50.0", "72.5", "not comparable"], ["50.0", "55.3", "not comparable"]]
    assert {words for row in recalls.rows for words in told(recalls, row[1])} == {"SYNTHETIC stand-in."}


def test_figure_2_shows_explanations_of_these_very_scores(tmp_path):
    layout, evaluated = Paths(tmp_path), {name: {"identity": name} for name in ("ccs", "css", "sleep")}
    summary = Summary(layout, pd.DataFrame(), evaluated, {})

    def explain(name: str, scores: str) -> None:
        place = layout.corpus(name).record("explain")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"identity": f"maps of {scores}", "made_from": {"evaluate": scores}}))

    explain("css", "other scores")
    assert views.figure2_text(summary).startswith("No corpus has been explained here")
    explain("sleep", "sleep")
    assert views.figure2_text(summary) == "Shown: SLEEP. CSS and CCS were not explained here."
    explain("css", "css")
    assert views.figure2_text(summary) == "Shown: CSS. CCS was not explained here."
    explain("ccs", "ccs")
    assert views.explained(summary) == ["css", "ccs", "sleep"]
    assert views.figure2_text(summary) == "", "as in the paper"


# --strict -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path, monkeypatch, capsys, summary):
    """Runs the stage ``paper``, a toy that leaves a made-up scorecard; returns exit code and words."""
    monkeypatch.setattr(forks, "WORTH_IT", 1000)  # toys import nothing that forks would share
    templates = write_templates(tmp_path / "templates")
    (tmp_path / "paper.py").write_text(
        "import shutil\npaths = Paths(Path(output))\npaths.reports.mkdir(exist_ok=True)\n"
        "shutil.copy(Path(output, 'card.csv'), paths.scorecard)"
    )
    summary.card.to_csv(tmp_path / "card.csv", index=False)

    def run(*options: str) -> tuple[int, str]:
        code = cli.main(["--corpora", "css", "--stages", "paper", "--output", str(tmp_path), *options], templates)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_strict_fails_for_real_data_that_differ(tmp_path, summary, strict):
    code, said = strict("--strict")
    assert code == 1, said
    lines = [line for line in said.splitlines() if line.startswith("Differs: ")]
    assert len(lines) == len(strict_failures(summary.card)) > 0
    assert "table3.ccs.both.test" in said and "not done" not in said
    assert json.loads((tmp_path / "artifacts" / "run.json").read_text())["exit"] == 1

    code, said = strict("--strict")
    assert code == 1 and "Nothing to do" in said and "table3.ccs.both.test" in said
    assert strict()[0] == 0, "only if one asks"

    scorecard = Paths(tmp_path).scorecard
    summary.card[summary.card["data"] != "real"].to_csv(scorecard, index=False)
    code, said = strict("--strict")
    assert (code, "Differs" in said) == (0, False)

    scorecard.unlink()
    code, said = strict("--strict")
    assert code == 1 and "scorecard.csv is gone" in said


def test_strict_needs_the_stage_that_writes_the_scorecard(tmp_path, capsys):
    assert cli.main(["--corpora", "css", "--stages", "train", "--strict", "--output", str(tmp_path)]) == 1
    assert "--strict reads the scorecard, which the stage paper writes" in capsys.readouterr().err
