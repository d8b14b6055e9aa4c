"""`run_all.py --verify`: what a run left, as it is and tampered with."""

import errno
import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dslite.errors import DsliteError
from dslite.files import read_json, write_json, write_table
from dslite.layout import results
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.run import differing, outcome, outputs, plan, redrawing
from dslite.run.cli import main
from dslite.run.copied import OTHER_CODE, Copy
from dslite.run.index import write_index
from dslite.run.resolve import resolve
from dslite.run.session import title
from dslite.run.unpacking import unpack
from dslite.run.verify import verify
from tests.through import alone, as_a_run, one_configuration, through

TITLE = f"{title('css')}: evaluate"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The output of a stand-in up to its scores, with the page of these."""
    folder = tmp_path_factory.mktemp("verify")
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch)
        settings = resolve("css", output=folder / "out", weights="random", changes={"draws": 100})
        through(settings, "evaluate")
        as_a_run(settings, "evaluate")
        settings.paths.pages.mkdir(parents=True)
        redrawing.page(
            NOTEBOOKS / "evaluate.ipynb",
            FinishedStage.of(settings, "evaluate"),
            settings.paths.pages,
            TITLE,
            "../index.html",
        )
        settings.paths.pages.joinpath("evaluate.drawn.html").rename(settings.paths.page("evaluate"))
        results.write(Paths(settings.output))
    return settings.output


@pytest.fixture
def known(monkeypatch, tmp_path):
    """The base model and the one configuration of that run."""
    alone(monkeypatch, tmp_path)
    one_configuration(monkeypatch)


@pytest.fixture
def verified(finished, known, tmp_path, capsys):
    """Exit code and report for a copy of that output, after a change."""

    def run(change=lambda paths: None, place=None):
        copy = tmp_path / "copy"
        shutil.copytree(finished, copy)
        change(Paths(copy))
        capsys.readouterr()
        code = main(["--verify", str(place or copy), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


KILLED = """import os
from dslite.errors import Died
from dslite.run import signals, verify
signals.take()
try:
    with verify._processes(2) as mapped:
        list(mapped(os._exit, [9, 9]))
except Died as error:
    print(error)"""


def test_a_process_that_is_killed_is_no_signal_to_the_whole():
    """The pool ends the others by SIGTERM, which the run listens for."""
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("A process of --verify was killed, most likely because memory ran out"), done.stderr


def test_processes_side_by_side_find_what_one_finds(finished, known, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    shutil.copytree(finished, Paths(copy).seed(43))
    place = Paths(Paths(copy).seed(43)).corpus("css").file("evaluate", "scores.parquet")
    table = pd.read_parquet(place)
    write_table(place, table.assign(uar=table["uar"] + 1))
    one, two = (verify(copy, workers).as_json() for workers in (1, 2))
    assert one["wrong"] and one == two and list(one["not_checked"]) == list(two["not_checked"])


def test_an_untouched_run_is_right_and_what_was_not_checked_is_said(verified, finished, monkeypatch):
    before = {file: file.stat().st_mtime_ns for file in finished.rglob("*")}
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", None)  # most of a page's time, and no picture is compared
    code, report = verified()
    assert (code, report["wrong"]) == (0, [])
    assert report["right"] > 1000
    said = report["not_checked"]
    assert not [why for why in said.values() if "cannot be drawn again" in why]
    assert "reports/css/evaluate.html (2)" in said and "artifacts/css/corpus/clips.parquet" in said
    assert not any("evaluate" in name and ".parquet" in name for name in said)
    assert {file: file.stat().st_mtime_ns for file in finished.rglob("*")} == before


def test_the_split_of_a_changed_run_is_that_of_the_output_it_is_of(finished, known, tmp_path, capsys):
    outer = Paths(tmp_path / "out")
    changed = Paths(outer.changed("draws-100"))
    shutil.copytree(finished, changed.output)
    (split := outer.split("css")).parent.mkdir(parents=True)
    split.write_text("partition,speaker,filename\n", "utf-8")
    last = outcome.read(place := changed.outcome("css-corpus"))
    replace(last, inputs=last.inputs | {plan.SPLIT: plan.identity(split)}).write(place)
    name = "artifacts/css/corpus/split.csv"

    def verify() -> tuple[int, dict]:
        code = main(["--verify", str(changed.output), "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, report = verify()
    assert (code, report["wrong"]) == (0, []) and name not in report["not_checked"]
    split.write_text("partition,speaker,filename\ntest,a,\n", "utf-8")
    code, report = verify()
    assert code == 1 and [one["file"] for one in report["wrong"]] == [name]
    shutil.move(changed.output, tmp_path / "alone")  # as one that was sent to somebody
    code = main(["--verify", str(tmp_path / "alone"), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (code, report["wrong"]) == (0, []) and "a run with --set" in report["not_checked"][name]


def table(place: Path, column: str, value) -> None:
    frame = pd.read_parquet(place)
    frame.loc[0, column] = value
    write_table(place, frame)


def page(place: Path) -> None:
    """Another score in the first table."""
    text = place.read_text("utf-8")
    place.write_text(re.sub(r"(<td[^>]*>)\d+\.\d(?=<)", r"\g<1>99.9", text, count=1), "utf-8")


def key(place: Path, **values) -> None:
    write_json(place, read_json(place) | values)


def other_label(paths: Paths) -> None:
    place = paths.corpus("css").fit("none", "test") / "predictions.parquet"
    labels = pd.read_parquet(place)["label"]
    table(place, "label", next(label for label in labels if label != labels[0]))


def other_prediction(paths: Paths) -> None:
    place = paths.corpus("css").fit("none", "test") / "predictions.parquet"
    frame = pd.read_parquet(place)
    write_table(place, frame.assign(predicted=frame["label"]))


def predictions(paths: Paths, change, parts=("dev", "test")) -> None:
    """The same change in the predictions of all systems."""
    root = paths.corpus("css").root
    for place in (place for part in parts for place in root.glob(f"*/*/{part}/predictions.parquet")):
        write_table(place, change(pd.read_parquet(place), place))


def one_row_less(paths: Paths) -> None:
    """Systems that do not agree on their files, and scores that nobody can recompute from them."""
    place = paths.corpus("css").fit("none", "test") / "predictions.parquet"
    write_table(place, pd.read_parquet(place).iloc[1:])
    write_table(paths.corpus("css").scores, pd.read_parquet(paths.corpus("css").scores).assign(uar=91.2))


def other_labels(paths: Paths) -> None:
    """What was predicted, as the labels of a file and its predictions, but not of the file that was learnt from."""
    found = pd.read_parquet(paths.corpus("css").found)
    file, label = found["file"][0], next(label for label in found["label"] if label != found["label"][0])
    relabelled = lambda table, _: table.assign(label=table["label"].mask(table["file"] == file, label))  # noqa: E731
    write_table(paths.corpus("css").found, relabelled(found, None))
    predictions(paths, relabelled)


def other_choice(paths: Paths) -> None:
    place = paths.corpus("css").record("evaluate")
    write_json(place, read_json(place) | {"chosen": "both"})


def other_run(paths: Paths) -> None:
    """Another seed and profile than those of the stages after it, told by all of one record."""
    place = paths.corpus("css").record("train")
    own = {"seed": 7, "profile": "full"}
    key(place, **own, parameters=read_json(place)["parameters"] | own)


def other_data(paths: Paths) -> None:
    """A stand-in that is said to be of recordings, consistently."""
    for place in paths.artifacts.rglob("record.json"):
        write_json(place, read_json(place) | {"data": "real", "warnings": []})
    table(paths.corpus("css").scores, "data", "real")


def forged(place: Path, old: str, new: str, at: int = 1) -> None:
    """Other text in a page, whose crate is forged, too: there is none in these outputs."""
    text = place.read_text("utf-8")
    assert old in text
    place.write_text(text.replace(old, new, at), "utf-8")


def second_section(paths: Paths) -> None:
    place = paths.corpus("css").page("evaluate")
    first = re.search(r'<section[^>]* id="(cell-\d+)"', place.read_text("utf-8"))
    forged(place, first[0], f'<section id="{first[1]}"><p>UAR 99.9 %</p></section>{first[0]}')


def unfolded(paths: Paths) -> None:
    place = paths.corpus("css").page("evaluate")
    forged(place, "</section>", '<details class="code" open><p>UAR 99.9 %</p></details></section>')


def index(paths: Paths) -> None:
    record = {"seed": 42, "command": "x", "exit": 0, "notebooks": {}}
    write_index(paths.index, [outputs.corpus("css", paths)], ["evaluate"], {}, {}, [], record, results.write(paths))


def other_index(paths: Paths, *other: str) -> None:
    index(paths)
    row = results.gather(paths).query("augmentation == 'none' and partition == 'test' and protocol == 'all'")
    forged(paths.index, *(other or (f"{row['uar'].iloc[0]:.1f}", "99.9")), at=99)


def real_index(paths: Paths) -> None:
    """The right score, of a stand-in that is said to be none."""
    other_index(paths, "SYNTHETIC stand-in", "REAL data")


def hidden_index(paths: Paths) -> None:
    """Another score, and the right one where nobody sees it."""
    index(paths)
    shown = re.search(r"<td>(<strong>.*?</td>)", paths.index.read_text("utf-8"), re.DOTALL)
    forged(paths.index, shown[0], "<td><strong>99.9</strong></td><td hidden>" + shown[1])


def further_field(paths: Paths) -> None:
    lines = paths.results.read_text("utf-8").splitlines()
    paths.results.write_text("\n".join([lines[0], lines[1] + ",99.9", *lines[2:]]), "utf-8")


def other_code(paths: Paths) -> None:
    """Figures of one's own, and a log that says that other code made them."""
    last = outcome.read(place := paths.outcome("css-evaluate"))
    replace(last, made_from=last.made_from | {"code dslite.files": "0"}).write(place)
    other_choice(paths)
    page(paths.corpus("css").page("evaluate"))
    scores = pd.read_parquet(paths.corpus("css").scores)
    write_table(paths.corpus("css").scores, pd.concat([scores, scores.assign(protocol="best", uar=99.9)]))


FOLDED = '</h1><details class="code"><summary>UAR 99.9 %</summary></details>'


def other_results(paths: Paths) -> None:
    text = paths.results.read_text("utf-8").replace("DS Lite,none,test", "DS Lite,both,test")
    paths.results.write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("change", "file", "key"),
    [
        (other_label, "train/none/test/predictions.parquet", "label"),
        (other_prediction, "evaluate/scores.parquet", "uar"),
        (lambda p: table(p.corpus("css").scores, "ci_low", 12.5), "evaluate/scores.parquet", "ci_low"),
        (lambda p: table(p.corpus("css").confusion, "files", 77), "evaluate/confusion.parquet", "files"),
        (lambda p: table(p.corpus("css").pairs, "p", 0.001), "evaluate/pairs.parquet", "p ["),
        (one_row_less, "css evaluate", "DsliteError"),
        (one_row_less, "train/none/test/predictions.parquet", "files of test"),
        (
            lambda p: predictions(p, lambda table, _: table.iloc[1:], ["test"]),
            "baseline/chance/test/predictions.parquet",
            "files of test",
        ),
        (
            lambda p: predictions(p, lambda _, place: pd.read_parquet(str(place).replace("/test/", "/dev/")), ["test"]),
            "train/none/test/predictions.parquet",
            "partition",
        ),
        (other_labels, "corpus/found.parquet", "label"),
        (other_prediction, "train/none/test/predictions.parquet", "predicted"),
        (
            lambda p: key(p.corpus("css").record("evaluate"), parameters={"changes": "nothing 1"}),
            "evaluate/record.json",
            "",
        ),
        (other_choice, "evaluate/record.json", "chosen"),
        (other_results, "reports/results.csv", "augmentation"),
        (lambda p: page(p.corpus("css").page("evaluate")), "reports/css/evaluate.html", "after"),
        (other_data, "corpus/record.json", "data"),
        (lambda p: key(p.corpus("css").record("train"), seed=7), "train/record.json", "seed"),
        (other_run, "evaluate/record.json", "seed, as train has it"),
        (other_run, "evaluate/record.json", "profile, as train has it"),
        (lambda p: key(p.corpus("css").record("train"), changed=""), "train/record.json", "changed"),
        (lambda p: key(p.corpus("css").record("corpus"), classes=["a", "b"]), "corpus/record.json", "classes"),
        (lambda p: key(p.corpus("css").record("train"), weights="imagenet"), "train/record.json", "weights"),
        (lambda p: key(p.corpus("css").record("corpus"), files=99_999), "corpus/record.json", "files"),
        (lambda p: key(p.corpus("css").record("train"), corpus="iemocap"), "train/record.json", "corpus"),
        (second_section, "reports/css/evaluate.html", "at the beginning"),
        (lambda p: forged(p.corpus("css").page("evaluate"), "<main>", "<main>99.9 %"), "above the first", "a"),
        (lambda p: forged(p.corpus("css").page("evaluate"), "</style>", "td {content: '99.9'}</style>"), "above", "a"),
        (lambda p: forged(p.corpus("css").page("evaluate"), "</body>", "<script>x</script></body>"), "evaluate", "a"),
        (unfolded, "reports/css/evaluate.html", "a"),
        (other_index, "reports/index.html css", "a"),
        (real_index, "reports/index.html css", "a"),
        (hidden_index, "reports/index.html css", "a"),
        (lambda p: forged(p.results, "\n", ",uar_final\n"), "reports/results.csv", "beginning"),
        (further_field, "reports/results.csv", "after"),
        (other_code, "evaluate/record.json", "chosen"),
        (other_code, "evaluate/scores.parquet", "number of rows"),
        (other_code, "reports/css/evaluate.html", "after"),
        (lambda p: forged(p.corpus("css").page("evaluate"), "</h1>", FOLDED), "reports/css/evaluate.html", "after"),
        (lambda p: forged(p.corpus("css").page("evaluate"), "<dl", "<dl hidden"), "reports/css/evaluate.html", "after"),
        (lambda p: forged(p.results, "\n", "\n99.9,", at=9), "reports/results.csv", "uar"),
    ],
    ids=[
        "label", "predicted", "interval", "confusion", "p value", "row", "row's file", "rows", "dev", "found",
        "argmax", "changes", "chosen", "results.csv", "page", "data", "seed", "seed of one stage", "profile",
        "changed", "classes", "weights", "files", "corpus", "section", "heading", "style", "script", "unfolded",
        "index", "index's data", "index's hidden score", "column", "field", "other code's choice",
        "other code's rows", "other code's page", "folded", "hidden", "fields",
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_named(verified, change, file, key):
    code, report = verified(change)
    assert code == 1
    assert [one for one in report["wrong"] if file in one["file"] and key in one["key"]]
    assert all(one["said"] != one["recomputed"] for one in report["wrong"])


TRICKS = (
    '<td><span alt="41.3"><input value="99.9"></span></td>',
    '<td><bdo dir="rtl">41.3</bdo></td>',
    "<td><s>41.3</s></td>",
    "<td>\u200941.3</td>",
    '<td><template>41.3</template><ol start="99"><li></ol></td>',
    '<td style="display: none">41.3</td>',
    '<td>41.3</td><iframe srcdoc="<b>99.9</b>"></iframe>',
    "<td>41.3</td><svg><text><![CDATA[99.9]]></text></svg>",
    "<td>41.3</td><!--> <b>99.9</b> -->",
    "<td>41.3</td><?UAR 99.9?>",
    '<td title="99.9">41.3</td>',
    '<td>41.3</td><link rel="stylesheet" href="data:text/css,td{}">',
    '<td>41.3</td><style>td::after { content: "99.9" }</style>',
    '<td onclick="a()">41.3</td>',
    '<td>41.3</td><details class="code"><summary>Code</summary>\n<pre><code><b>99.9</b></code></pre></details>',
)


@pytest.mark.parametrize("trick", TRICKS)
def test_what_a_browser_would_make_otherwise_of_the_same_texts_is_found(trick):
    honest = '<p>UAR</p>\n<section class="cell" id="cell-3">\n<table><tr><td>41.3</td></tr></table></section>'
    first, second = (differing.shown(of) for of in (honest, honest.replace("<td>41.3</td>", trick)))
    assert differing.pages("page", first, first) == (1, [])
    _, wrong = differing.pages("page", second, first)
    assert wrong and wrong[0].as_json()["said"] != wrong[0].as_json()["recomputed"]


@pytest.mark.parametrize("other", [True, False])
def test_times_of_other_code_are_not_wrong_for_not_being_taken_into_table_5(tmp_path, other):
    said, mine = Paths(tmp_path).table(5), tmp_path / "table5.csv"
    said.parent.mkdir(parents=True)
    said.write_text("source,p50_ms\nhere,70.5\npaper,\n", "utf-8")
    mine.write_text("source\npaper\n", "utf-8")
    copy = Copy(tmp_path, tmp_path / "scratch")
    copy._compare("table5.csv", said, mine, other)
    assert bool(copy.report.wrong) is not other and copy.report.unchecked == (
        {"table5.csv": OTHER_CODE} if other else {}
    )


def test_pictures_and_folded_code_are_passed_over():
    code = (
        '<details class="code"><summary>Code</summary>\n<pre><code><span class="n">{}</span> = 1</code></pre></details>'
    )
    picture = '<img src="data:image/png;base64,{}" width="{}" height="9" alt="UAR">'
    one, other = (differing.shown(code.format(name) + picture.format(name, 7)) for name in ("a", "b"))
    assert one == other
    assert differing.shown(code.format("a"), code=True) != differing.shown(code.format("b"), code=True)


@pytest.mark.parametrize(
    "file",
    [
        "reports/css/evaluate.html", "reports/results.csv", "artifacts/css/corpus/found.parquet",
        "artifacts/css/train/none/test/predictions.parquet", "artifacts/css/evaluate/record.json",
        "artifacts/css/evaluate/scores.parquet", "artifacts/css/train/record.json",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_compared(verified, file):
    code, report = verified(lambda paths: (paths.output / file).write_bytes(b"\xff{"))
    assert code == 1 and [one for one in report["wrong"] if one["file"] == file], report["wrong"]
    assert report["right"] > 300
    assert not [one for one in report["wrong"] if "dslite-verify" in str(one)], "names of scratch folders"


def test_an_index_is_not_wrong_for_how_results_csv_is_rounded(verified):
    def change(paths: Paths) -> None:
        place = paths.corpus("css").scores
        write_table(place, pd.read_parquet(place).assign(ci_low=12.2500004))  # 12.3, and of 12.2500 it is 12.2
        index(paths)
        assert "12.3" in paths.index.read_text("utf-8") and "12.2500," in paths.results.read_text("utf-8")

    _, report = verified(change)
    assert {one["file"] for one in report["wrong"]} & {"reports/index.html", "reports/results.csv"} == set()


def test_what_is_not_there_or_only_added_is_said(verified):
    def change(paths: Paths) -> None:
        paths.corpus("css").page("evaluate").unlink()
        paths.results.unlink()
        paths.index.write_text("<p>UAR</p>", "utf-8")
        paths.corpus("css").page("more").write_text("<p>UAR 99.9 %</p>", "utf-8")
        paths.corpus("css").page("train").symlink_to("/etc/passwd")
        paths.corpus("css").file("deploy").symlink_to(paths.corpus("css").file("train"))

    _, report = verified(change)
    said = report["not_checked"]
    assert "it is not there" in said["reports/css/evaluate.html"] and "it is not there" in said["reports/results.csv"]
    assert "nothing here makes it again" in said["reports/css/more.html"]
    assert {said[name] for name in ("reports/css/train.html", "artifacts/css/deploy")} == {
        "it is a link, and none is followed"
    }
    assert said["artifacts/css/train/none/test/history.parquet"] and said["artifacts/css/train/none/test/record.json"]


def test_a_page_without_its_record_is_held_against_its_notebook_alone_and_counts_for_nothing(verified, tmp_path):
    def change(paths: Paths) -> None:
        paths.corpus("css").record("evaluate").unlink()
        shutil.copytree(paths.corpus("css").pages, paths.corpus("zurich").pages)

    code, report = verified(change)
    said = {name for name, why in report["not_checked"].items() if why.startswith("only against its notebook")}
    assert {"reports/css/evaluate.html", "reports/zurich/evaluate.html"} <= said
    for folder in Paths(tmp_path / "copy").reports.glob("*/"):
        shutil.rmtree(folder)
    assert verify(tmp_path / "copy").right == report["right"]


def test_whatever_else_lies_there_is_named(verified):
    def change(paths: Paths) -> None:
        for place in (paths.output / "summary.html", paths.reports / ".more" / "scores.html"):
            place.parent.mkdir(exist_ok=True)
            place.write_text("<p>UAR 99.9 %</p>", "utf-8")

    code, report = verified(change)
    said = report["not_checked"]
    assert said["summary.html"] == said["reports/.more"] == "no result or page of a run lies there"
    assert code == 0


def test_where_nothing_can_be_compared_nothing_is_said_to_be_right(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        for name in ("dslite-reports/index.html", "dslite-reports/css/evaluate.html", "reports/index.html"):
            archive.writestr(name, "<p>UAR 99.9 %</p>")
    assert main(["--verify", str(tmp_path / "bundle.zip")]) == 1
    assert "nothing of it can be compared" in capsys.readouterr().err


def test_the_last_line_counts_what_was_excused(verified, tmp_path, capsys):
    def change(paths: Paths) -> None:
        paths.corpus("css").record("train").unlink()

    code, _ = verified(change)
    assert (code, main(["--verify", str(tmp_path / "copy")])) == (0, 0)
    assert "Not compared, though results or pages: 1" in capsys.readouterr().out.splitlines()[-1]


def test_a_zip_of_an_output_is_an_output(verified, finished, tmp_path):
    shutil.make_archive(str(tmp_path / "whole"), "zip", finished)
    code, report = verified(place=tmp_path / "whole.zip")
    assert (code, report["wrong"]) == (0, []) and report["right"] > 1000


def test_spectrograms_are_those_of_the_record(verified):
    def other(paths: Paths) -> None:
        place = paths.corpus("css").spectrograms
        content = place.read_bytes()
        place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    code, report = verified(other)
    assert code == 1 and {one["key"] for one in report["wrong"]} == {"data_hash"}


def test_of_a_bundle_pages_are_held_against_their_notebooks(verified, finished, tmp_path):
    def as_bundle(paths: Paths) -> None:
        page(paths.corpus("css").page("evaluate"))
        with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
            for file in paths.reports.rglob("*.*"):
                archive.write(file, Path("dslite-reports", file.relative_to(paths.reports)))
            archive.writestr("dslite-reports/index.html", "")

    code, report = verified(as_bundle, tmp_path / "bundle.zip")
    assert code == 1 and "99.9" in [one["said"] for one in report["wrong"] if "evaluate.html" in one["file"]]
    assert "there are no artifacts/" in report["not_checked"]["all but the notebooks' pages"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("../out.csv", "leads out"), ("/etc/x", "leads out"), ("a.pkl", "run a program"), ("l", "is a link")],
)
def test_a_zip_that_could_do_harm_is_refused(tmp_path, capsys, name, why):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        one = zipfile.ZipInfo(name)
        one.external_attr = (0o120777 if name == "l" else 0o100644) << 16
        archive.writestr(one, "/etc/passwd")
    assert main(["--verify", str(tmp_path / "bad.zip")]) == 1
    assert why in capsys.readouterr().err and [file.name for file in tmp_path.iterdir()] == ["bad.zip"]


def test_a_full_disk_is_not_the_zips_fault(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("x.json", "{}")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DsliteError, match="Nothing more can be written to"):
        unpack(tmp_path / "good.zip", tmp_path / "there")
