"""Tables, figures and banners: right numbers, marked, escaped."""

import re
import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib import pyplot as plt

from dslite.corpora import CORPORA
from dslite.errors import DsliteError
from dslite.front_end import FrontEnd
from dslite.paper import published
from dslite.reporting import display, figures, tables
from dslite.reporting.curves import learning_curves
from dslite.reporting.display import figure_html, table_html
from dslite.reporting.provenance import banner_html, provenance_line
from dslite.reporting.sheets import sheet_html
from dslite.stages.corpus import views as corpus_views
from dslite.stages.paper import results

EVIL = "<script>alert('x')</script> $y_0$ & \"é\""
RECORD = {"data": "stand-in", "backbone": "squeezenet_v1", "weights": "random", "profile": "demo", "seed": 7}


@pytest.fixture
def clips():
    return pd.DataFrame(
        {
            "file": [f"{n}.wav" for n in range(6)],
            "speaker": ["a", "a", "b", "b", "c", ""],
            "label": [EVIL, "no", EVIL, "no", EVIL, "no"],
            "partition": ["train", "train", "dev", "dev", "test", "test"],
            "duration": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        }
    )


def _rows(corpora=("ccs", "css"), data="stand-in", weights="random", files=20, system="DS Lite"):
    rows = []
    for corpus in corpora:
        for at, augmentation in enumerate(("none", "cutmix", "specaugment", "both")):
            for partition in ("dev", "test"):
                uar = 10.0 + at + (40 if partition == "test" else 0) if files else np.nan
                rows.append(
                    dict(corpus=corpus, system=system, augmentation=augmentation, partition=partition, protocol="all",
                         uar=uar, ci_low=uar - 5, ci_high=uar + 6, n_files=files, n_speakers=4, data=data,
                         backbone="squeezenet_v1", weights=weights, profile="demo", reading="paper", changed="", seed=7)
                )  # fmt: skip
    return pd.DataFrame(rows)


def _results_html(*arguments):
    """Without the letters of footnotes."""
    return re.sub("<sup>.*?</sup>", "", sheet_html(results.results_sheet(*arguments)))


# Table 1 and counts -------------------------------------------------------------------------------------------------


def test_table_1_puts_the_published_row_beside_the_found_one(clips):
    paper, here = tables.table1(CORPORA["ravdess"], clips, "cropped").to_dict("records")
    assert (paper["source"], paper["files"], paper["speakers"], paper["minutes"]) == ("paper", 1012, 23, 78.4)
    assert (here["source"], here["data"], here["files"], here["classes"]) == ("here", "cropped", 6, 2)
    assert here["speakers"] == 3
    assert here["minutes"] == pytest.approx(21 / 60)
    assert (here["mean_s"], here["std_s"]) == (3.5, pytest.approx(1.8708, abs=1e-4))


def test_unknown_speakers_are_missing_and_not_none(clips):
    here = tables.table1(CORPORA["ccs"], clips.assign(speaker=""), "real").iloc[-1]
    assert pd.isna(here["speakers"])


def test_class_by_partition_counts_files_and_speakers(clips):
    counts = corpus_views.class_by_partition(clips, ["no", EVIL, "never"])
    assert counts.loc["no"].tolist() == [1, 1, 1, 3]
    assert counts.loc["never"].tolist() == [0, 0, 0, 0]
    assert counts.loc["all classes"].tolist() == [2, 2, 2, 6]
    assert counts.loc["speakers"].tolist() == [1, 1, 1, 3]


def test_table_2_reads_published_rows_and_recipes_alike():
    recipe = {"units": 8, "dropout": 0.5, "learning_rate": 0.1, "epochs": (3, 0), "chunk": 0.0, "optimiser": "adam"}
    frame = tables.table2({("CSS", "here"): recipe})
    assert frame.loc[("CSS", "here"), "Epochs of first phase"] == 3
    assert frame.loc[("CSS", "here"), "Audio chunk length [s]"] == "whole file"
    assert pd.isna(frame.loc[("CSS", "here"), "Fine-tuned layers"])


# Tables 3 and 4 -----------------------------------------------------------------------------------------------------


def test_results_stand_in_their_rows_and_published_ones_in_others():
    frame = results.results_table(_rows(), published.COLUMNS[3]).set_index(["source", "augmentation"])
    cells = ["ccs_dev", "ccs_test", "ccs_ci_low", "ccs_ci_high"]
    assert frame.loc[("here", "cutmix"), cells].tolist() == [11, 51, 46, 57]
    assert frame.loc[("paper", "cutmix"), cells].tolist() == [57.1, 71.4, 62.5, 79.4]
    assert frame.loc["here"].index.tolist() == ["", "", "", "none", "cutmix", "specaugment", "both"]
    assert frame.loc["here", "ess_test"].isna().all(), "a corpus that was not run has no figure"
    assert frame.loc["paper", "ccs_data"].isna().all(), "a published row has no data of ours"
    assert frame.loc["here", "ccs_seed"].dropna().tolist() == [7] * 4


def _baselines(corpora=("ccs", "css")):
    one = _rows(corpora).query("augmentation == 'none'")
    names = ("Deep Spectrum + SVM", "chance", "librosa statistics + SVM")
    rows = pd.concat([one.assign(system=name, uar=one["uar"] + 30 + at) for at, name in enumerate(names)])
    rows.loc[rows["system"] != "Deep Spectrum + SVM", ["backbone", "weights"]] = ""
    return rows.assign(augmentation="")


def test_baselines_stand_above_ds_lite_and_the_printed_one_below_ours():
    frame = results.results_table(pd.concat([_rows(), _baselines()]), published.COLUMNS[3])
    rows = list(zip(frame["system"], frame["source"], strict=True))
    assert rows[:5] == [
        ("chance", "here"),
        ("librosa statistics + SVM", "here"),
        ("Deep Spectrum + SVM", "here"),
        ("Deep Spectrum + SVM", "paper"),
        ("DS Lite (no augmentation)", "here"),
    ]
    assert frame["ccs_test"].tolist()[:4] == [81, 82, 80, 64.1]
    assert frame["css_dev"].tolist()[:4] == [41, 42, 40, 56.0]
    heads = _results_html(pd.concat([_baselines(), _rows()]), ["ccs"], "")
    assert "SqueezeNet v1.1" in heads, "the columns say what DS Lite's figures rest on"


def test_the_configuration_to_choose_is_one_of_ds_lite():
    both = pd.concat([_rows(("ccs",)), _baselines(("ccs",))])
    soup = BeautifulSoup(_results_html(both, ["ccs"], ""), "html.parser")
    assert [td.get_text() for td in soup.select(".ds-chosen")] == ["13.0"]
    assert "82.0" in [td.get_text() for td in soup.select(".ds-best")], "but the best on test may be a baseline"


def test_only_table_3_prints_a_deep_spectrum_row():
    for number, sources in ((3, ["here", "paper"]), (4, ["here"])):
        frame = results.results_table(_rows(), published.COLUMNS[number])
        assert frame.loc[frame["system"] == "Deep Spectrum + SVM", "source"].tolist() == sources


def test_several_runs_of_a_corpus_are_refused():
    with pytest.raises(DsliteError, match="several runs of ccs"):
        results.results_table(pd.concat([_rows(), _rows().assign(seed=8)]), ["ccs"])


def test_the_paper_form_marks_synthetic_data_random_weights_and_published_figures():
    soup = BeautifulSoup(_results_html(_rows(), published.COLUMNS[3], "Table 3"), "html.parser")
    heads = [th.get_text(" ") for th in soup.select("thead tr:nth-of-type(2) th[colspan]")]
    ours, missing = heads[-4:-2], heads[-2:]
    assert all("SYNTHETIC stand-in" in head and "RANDOM weights" in head and "seed 7" in head for head in ours)
    assert all(head == "not run" or head.startswith("not run") for head in missing)
    for row in soup.select("tbody tr"):
        is_paper = any(th.get_text() == "paper" for th in row.select("th"))
        assert all(("ds-published" in td["class"]) is is_paper for td in row.select("td"))
    by_text = {td.get_text(): td["class"] for td in soup.select("td")}
    assert "ds-best" in by_text["53.0"], "ours: best on test"
    assert "ds-chosen" in by_text["13.0"], "ours: best on dev"
    assert "ds-best" in by_text["74.4"], "the paper's best"
    assert soup.get_text().count("not run") == 2 + 2 * 7 * 2 + 2 * 3 * 2, "two corpora, and the baselines of two more"


def test_a_protocol_that_no_file_meets_says_so():
    html = _results_html(_rows(("ravdess",), data="cropped", weights="imagenet", files=0), ["ravdess"], "")
    assert html.count("no file") == 8
    assert "0 test files" in html
    assert "CROPPED" in html
    assert "RANDOM" not in html


def test_the_configuration_is_chosen_on_dev():
    rows = _rows(("ccs",))
    rows.loc[(rows["augmentation"] == "cutmix") & (rows["partition"] == "dev"), "uar"] = 99.0
    soup = BeautifulSoup(_results_html(rows, ["ccs"], ""), "html.parser")
    (chosen,) = soup.select(".ds-chosen")
    assert chosen.get_text() == "99.0"
    assert chosen.find_parent("tr").th.get_text() == published.ROWS["cutmix"]
    blind = rows[rows["partition"] == "test"]
    assert not BeautifulSoup(_results_html(blind, ["ccs"], ""), "html.parser").select(".ds-chosen")


# HTML ---------------------------------------------------------------------------------------------------------------


def test_everything_in_a_table_is_escaped_and_marked():
    frame = pd.DataFrame({EVIL: [EVIL, 1.23456789], "n": [1, 2]}, index=[EVIL, "b"])
    html = table_html(frame, EVIL, note=EVIL, published=["b"], record=RECORD)
    soup = BeautifulSoup(html, "html.parser")
    assert soup.script is None
    assert soup.figcaption.get_text() == soup.select_one("tbody th").get_text() == soup.td.get_text() == EVIL
    assert "SYNTHETIC stand-in" in soup.select_one(".ds-line").get_text()
    published_cells = [td.get_text() for td in soup.select("td.ds-published")]
    assert published_cells == ["1.235", "2"]
    assert table_html(frame, EVIL) == table_html(frame, EVIL), "no random ids"


def test_a_table_of_very_many_rows_says_how_many_it_does_not_show():
    files = pd.DataFrame({"file": [f"{number}.wav" for number in range(1_234)]})
    html = table_html(files, "Left out", index=False)
    assert "The first 1,000 of 1,234 rows" in html
    assert ">999.wav<" in html and ">1000.wav<" not in html


def test_an_empty_table_says_so():
    assert "Nothing to list" in table_html(pd.DataFrame(columns=["file", "reason"]), "Left out", index=False)


def test_numbers_are_written_by_the_name_of_their_column():
    frame = pd.DataFrame({"p": [0.12345, np.nan], "difference": [1.26, -3.0], "own": [0.123456, 2.0], "files": [3, 4]})
    frame["test"] = [17, 18]  # files of a partition, where others have its UAR
    assert all(
        f">{cell}<" in table_html(frame, "as it is") for cell in ("0.12", "–", "+1.3", "−3.0", "0.1235", "2", "3", "17")
    )
    frame.attrs["digits"] = 1
    assert all(f">{cell}<" in table_html(frame, "one digit") for cell in ("0.12", "+1.3", "0.1", "2.0", "3"))
    nothing = pd.DataFrame({"test": [-0.04], "difference": [-0.04], "own": [-0.04], "largest difference": [-1.2e-7]})
    nothing.attrs["digits"] = 1
    assert ">0.0002<" in table_html(pd.DataFrame({"p, Holm": [0.0002]}), "the least of 4,999 draws")
    cells = [cell.get_text() for cell in BeautifulSoup(table_html(nothing, "c", index=False), "html.parser")("td")]
    assert cells == ["0.0", "+0.0", "0.0", "−1.2e-07"]


def test_the_banner_says_what_the_page_rests_on():
    html = banner_html(RECORD | {"warnings": [EVIL], "note": EVIL, "versions": {"numpy": "2"}, "seconds": 61})
    soup = BeautifulSoup(html, "html.parser")
    assert soup.script is None
    for text in ("SYNTHETIC stand-in", "RANDOM weights", "SqueezeNet v1.1", "demo", "7", "61 s"):
        assert text in soup.get_text()
    assert EVIL in soup.select_one(".ds-warning").get_text()
    assert soup.details.get("open") is None


MARKS = {"real": "REAL data", "cropped": "CROPPED", "differing": "DIFFERS", "stand-in": "SYNTHETIC"}


@pytest.mark.parametrize(("data", "mark"), MARKS.items())
def test_the_line_of_provenance_names_the_data_first(data, mark):
    assert provenance_line(RECORD | {"data": data}).startswith(mark)
    assert provenance_line(RECORD).endswith("SqueezeNet v1.1, RANDOM weights · demo profile · seed 7")


def test_the_line_of_provenance_and_the_banner_name_every_seed():
    for seeds, said in (([7], "seed 7"), ([7, 8], "seeds 7, 8")):
        record = RECORD | {"data": "real", "seeds": seeds}
        assert provenance_line(record).endswith(f" · {said}")
        assert f">{said.split(maxsplit=1)[1]}<" in banner_html(record)


# Figures ------------------------------------------------------------------------------------------------------------


def _texts(axes):
    return [text.get_text() for text in axes.texts]


def test_confusion_is_in_the_manner_of_figure_3():
    # The CSS matrix that the paper's text describes: specificity 72.5 %, sensitivity 55.3 % (section 3.5).
    figure = figures.confusion_grid([figures.ConfusionPanel("CSS", [[137, 52], [42, 52]], ["negative", EVIL])])
    axes = figure.axes[0]
    assert _texts(axes) == ["137\n72.5 %", "52\n27.5 %", "42\n44.7 %", "52\n55.3 %"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    figure.canvas.draw()
    shades = axes.collections[0].get_facecolors().mean(axis=1)
    assert np.argsort(shades).tolist() == [0, 3, 2, 1], "the darker, the higher"
    plt.close(figure)


def _boxes(texts):
    return [text.get_window_extent() for text in texts]


LONG = "th class of several long words"


@pytest.mark.parametrize("number, words", [(4, LONG), (7, "th class"), (7, LONG), (10, LONG), (20, LONG)])
def test_figures_of_a_confusion_matrix_stay_in_their_cells_and_names_apart(number, words):
    names = [f"{place}{words}" for place in range(number)]
    figure = figures.confusion_grid([figures.ConfusionPanel("t", 1000 * np.eye(number, dtype=int), names)])
    figure.canvas.draw()
    axes = figure.axes[0]
    side = abs(np.diff(axes.transData.transform([(0, 0), (1, 1)]), axis=0)).min()
    assert len(axes.texts) == number**2
    assert all(box.width < side and box.height < side for box in _boxes(axes.texts))
    down, across = axes.get_yticklabels(), axes.get_xticklabels()
    assert all(label.get_text().startswith(str(at)) for at, label in enumerate(down))
    assert all(one.y0 > other.y1 for one, other in pairwise(_boxes(down)))
    if across[0].get_rotation() == 90:
        assert all(one.x1 < other.x0 for one, other in pairwise(_boxes(across)))
    else:  # slanted by 30 degrees: half a cell lies between two lines of text
        plt.setp(across, rotation=0)
        assert all(box.height < side / 2 for box in _boxes(across))
    plt.close(figure)


def test_a_class_without_files_has_zero_percent():
    figure = figures.confusion_grid([figures.ConfusionPanel("", [[0, 0], [1, 3]], ["a", "b"])])
    assert _texts(figure.axes[0])[:2] == ["0\n0.0 %"] * 2
    plt.close(figure)


def _examples(seconds=1.0):
    rate = 16_000
    wave = np.sin(np.arange(int(seconds * rate)) / 20).astype("float32")
    spectrogram = np.zeros((61, 64), "uint8")
    return [figures.Example(label, wave, rate, spectrogram) for label in (EVIL, "calm")]


def test_hz_ticks_stand_at_their_mel_bins():
    mel_hz = 700 * (10 ** (np.linspace(0, 2840, 66)[1:-1] / 2595) - 1)
    figure = figures.waveform_and_plot(_examples(), FrontEnd(mel_bins=64, low_hz=0.0, colours="magma"))
    plot = figure.axes[1]
    for tick, label in zip(plot.get_yticks(), plot.get_yticklabels(), strict=True):
        hz = float(label.get_text().replace(",", ""))
        assert hz == pytest.approx(mel_hz[round(tick)], rel=0.03)
    assert plot.get_images()[0].get_extent()[1] == 1.0, "time in seconds"
    assert plot.get_images()[0].get_cmap().name == "magma", "as the network sees it"
    assert figure.axes[0].get_title(loc="left") == EVIL
    figure.canvas.draw()
    plt.close(figure)


@pytest.mark.parametrize("seconds", [[2.0], [2.389] * 30, [0.4, 61.0, 5.0]])
def test_durations_of_all_kinds_are_drawn_whole(seconds):
    clips = pd.DataFrame({"duration": seconds, "partition": (["train", "dev", "test"] * len(seconds))[: len(seconds)]})
    figure = corpus_views.durations(clips, chunk=3.0, published_mean=4.65)
    axes = figure.axes[0]
    assert sum(patch.get_height() for patch in axes.patches) >= len(seconds)
    assert axes.get_xlabel().endswith("(s)")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"one chunk: 3.00 s", "mean in the paper: 4.65 s"} <= set(labels)
    plt.close(figure)


def test_learning_curves_show_every_fit():
    epochs = {"phase": [1, 1, 2], "epoch": [1, 2, 3], "loss": [2.0, 1.0, 0.5], "accuracy": [0.1, 0.5, 0.9]}
    history = pd.DataFrame(epochs | {"dev_uar": [10.0, 20.0, 30.0]})
    blind = history.assign(dev_uar=np.nan, phase=1)
    figure = learning_curves({("none", "dev"): history, ("none", "test"): blind, ("both", "test"): blind})
    left, right = figure.axes[:2]
    assert [len(axes.lines) for axes in figure.axes] == [2, 3, 1, 1]
    assert left.get_ylabel() == "training loss"
    assert right.lines[0].get_ydata().tolist() == [10, 50, 90], "percent"
    plt.close(figure)


def test_a_shown_figure_has_alt_text_and_its_provenance():
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt text"):
        figure_html(figure, " ")
    soup = BeautifulSoup(figure_html(figure, EVIL, EVIL, RECORD), "html.parser")
    assert soup.img["alt"].startswith(EVIL)
    assert "SYNTHETIC stand-in" in soup.img["alt"]
    assert soup.figcaption.get_text() == EVIL
    assert soup.img["src"].startswith("data:image/png;base64,")
    assert "SYNTHETIC" in figure.texts[-1].get_text(), "also within the picture"
    assert not plt.fignum_exists(figure.number)


# Import cost --------------------------------------------------------------------------------------------------------


def _imported(statement):
    script = f"{statement}\nimport sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_workflow_does_not_pay_for_drawing_nor_notebooks_for_pages():
    drawing = {"matplotlib", "seaborn", "nbconvert", "tensorflow"}
    assert not _imported("from dslite.run.index import write_index") & drawing
    assert not _imported("from dslite.reporting import figures, show") & {"nbconvert", "tensorflow"}
    assert not _imported("from dslite.stages.paper import results") & {"nbconvert", "tensorflow"}


@pytest.mark.filterwarnings("error:Glyph")
@pytest.mark.parametrize("where", ["title", "labels"])
def test_words_that_no_font_has_are_numbers_told_below(where, monkeypatch):
    monkeypatch.setattr(display, "_MORE_FONTS", ())
    matrix = np.array([[3, 1], [0, 4]])
    said = ("a: \u4f4e\u3044 \u58f0", ["x", "y"]) if where == "title" else ("a", ["\u4f4e\u3044 \u58f0", "y <b>"])
    figure = figures.confusion_grid([figures.ConfusionPanel(said[0], matrix, said[1])])
    html = display.figure_html(figure, "alt")
    assert "Numbers stand for what no font here has: [1] \u4f4e\u3044 \u58f0." in html
    drawn = {text.get_text() for text in figure.findobj(mpl.text.Text)}
    assert ({"a: [1]"} if where == "title" else {"[1]", "y <b>"}) <= drawn
    assert not any("\u4f4e" in text for text in drawn)
    panel = figures.ConfusionPanel("", matrix, ["\u043d\u0438\u0437\u043a\u043e", "\u0635\u0648\u062a"])
    plain = display.figure_html(figures.confusion_grid([panel]), "alt")
    assert "Numbers stand" not in plain, "Cyrillic and Arabic are in the font that comes with matplotlib"


def test_long_names_are_wrapped_and_told_apart():
    same = "a name of sixty letters, so long that its end is cut, ends in "
    names = figures.told_apart(["short", same + "A", same + "B", "two words that wrap"])
    assert names[0] == "short" and names[3] == "two words that\nwrap"
    assert names[1].startswith("2: a name") and names[2].startswith("3: a name") and len(set(names)) == 4
