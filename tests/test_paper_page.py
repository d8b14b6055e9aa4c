"""The page of the paper: footnotes that say what their letters mean, LaTeX that compiles, the scorecard, --strict."""

import json
import re
from itertools import product
from types import SimpleNamespace

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from dslite.corpora import CORPORA
from dslite.layout import records
from dslite.layout.paths import FULL_CHUNK, Paths
from dslite.paper import published
from dslite.profiles import TABLE2
from dslite.reporting.latex import escape, tex
from dslite.reporting.outside import outside_references
from dslite.reporting.results import results_sheet, results_table
from dslite.reporting.sheets import PRINTED, Cell, Sheet, marked_rows, sheet_html
from dslite.reporting.tables import table1, table1_sheet, table2, table2_sheet
from dslite.run import cli
from dslite.stages.deploy.figures import table5_sheet
from dslite.stages.paper import views as paper_views
from dslite.stages.paper.scorecard import strict_failures
from dslite.stages.paper.work import summarise
from tests.toys import write_templates

EVIL = r"[50%_of] a & b # c ~ d ^ e \ {f} $g$ <i>"


def rows(corpus="ccs", system="DS Lite", augmentations=("none", "cutmix", "specaugment", "both"), **about):
    """Rows of results.csv; ``about`` says what they rest on."""
    known = dict(data="real", backbone="densenet121", weights="imagenet", profile="full", reading="paper", seed=7)
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


def test_latex_of_tables_1_2_and_5():
    frame = pd.concat([table1(CORPORA["sleep"], CLIPS, "stand-in"), table1(own(EVIL), CLIPS, "real")])
    text = tex(table1_sheet(frame), "tab:1", "", "")
    assert [row[2] for row in body(text)] == ["16,462", "2", "2"]
    recipe = {"units": 8, "dropout": 0.5, "learning_rate": 0.1, "epochs": (3, 0), "chunk": 0.0, "optimiser": "adam"}
    sheet = table2_sheet(table2({("css", "here"): recipe, (EVIL, "here"): recipe}), "", {"css": ["the demo profile"]})
    text = tex(sheet, "tab:2", "", "")
    assert balanced(text)
    assert [row[2] for row in body(text)] == ["8", "8"]
    assert r"here\textsuperscript{a}" in text and r"\textsuperscript{a}~The demo profile." in text
    columns = {("CNN", "here"): {"Size [MB]": "1.5"}, ("CNN", "paper"): {"Size [MB]": "2.5"}}
    sheet = table5_sheet(columns, [("CNN", "paper")], "", reasons={"Size [MB]": ["b"]}, shared=["a"])
    text = tex(sheet, "tab:5", "", "")
    assert body(text) == [["Size [MB]", "1.5", "2.5"]]
    assert r"\multicolumn{2}{c}{CNN}" in text and r"here\textsuperscript{a} & \textit{paper}" in text
    assert r"\textit{2.5}" in text


# The stage ------------------------------------------------------------------------------------------------------------


def leave(layout: Paths, name: str, data: str) -> None:
    """What the stages of a corpus leave that the paper's stage reads, made up: a UAR of 99 on test."""
    places, classes = layout.corpus(name), list(CORPORA[name].classes)
    about = {"data": data, "backbone": "densenet121", "weights": "imagenet", "profile": "full", "reading": "paper"}
    record = {"identity": name, "classes": classes, "seed": 1, **about}
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
    return summarise(layout.output, 1)


def test_paired_tests_are_corrected_over_a_whole_table(summary):
    pairs, said = summary.paired(("ccs", "css", "sleep"))
    assert pairs["p, Holm"].tolist() == [0.02, 0.02] and pairs["corpus"].tolist() == ["ccs", "css"]
    assert "2 pairs of 2 corpora; 2 differ" in said
    assert summary.paired(("sleep",))[0].empty


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
    assert summary.maps_text.startswith("No corpus has been explained here")
    assert list(summary.maps()) == []
    titles = [panel.title for panel in summary.confusion_panels]
    assert titles == ["(A) CSS, none: SYNTHETIC stand-in", "(B) CCS, none: REAL"]
    assert summary.other_panels == [] and summary.confusion_missing == ""
    shown = [[cell.text for cell in row] for row in summary.recalls.rows]
    assert [row[1:] for row in shown] == [["50.0", "72.5", "not comparable"], ["50.0", "55.3", "not comparable"]]
    assert {words for row in summary.recalls.rows for words in told(summary.recalls, row[1])} == {"SYNTHETIC stand-in."}


def test_figure_2_shows_explanations_of_these_very_scores(tmp_path):
    layout, evaluated = Paths(tmp_path), {name: {"identity": name} for name in ("ccs", "css", "sleep")}

    def explain(name: str, scores: str) -> None:
        place = layout.corpus(name).record("explain")
        place.parent.mkdir(parents=True, exist_ok=True)
        made_with = {"baseline": "training mean"}
        made = {"identity": records.identity("explain", {"evaluate": scores} | made_with), "parameters": made_with}
        place.write_text(json.dumps(made))

    explain("css", "other scores")
    assert paper_views.figure2_text(layout, evaluated).startswith("No corpus has been explained here")
    explain("sleep", "sleep")
    assert paper_views.figure2_text(layout, evaluated) == "Shown: SLEEP. CSS and CCS were not explained here."
    explain("css", "css")
    assert paper_views.figure2_text(layout, evaluated) == "Shown: CSS. CCS was not explained here."
    explain("ccs", "ccs")
    assert paper_views.explained(layout, evaluated) == ["css", "ccs", "sleep"]
    assert paper_views.figure2_text(layout, evaluated) == "", "as in the paper"


# --strict -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path, monkeypatch, capsys, summary):
    """Runs the stage ``paper``, a toy that leaves a made-up scorecard; returns exit code and words."""
    monkeypatch.delenv("DSLITE_DATA", raising=False)
    monkeypatch.setattr(cli, "fetch_weights", lambda backbone: None)
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
