"""The scorecard: which figure gets which verdict from which inputs, and what its page shows."""

import re
from dataclasses import asdict

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from dslite.corpora import CORPORA
from dslite.paper import published, verdicts
from dslite.paper.verdicts import CONSISTENT, DIFFERS, INCONCLUSIVE, NOT_COMPARABLE, NOT_JUDGED, NOT_RUN
from dslite.stages.paper.scorecard import COLUMNS, counts, scorecard, strict_failures, within_reach
from dslite.stages.paper.scorecard_page import audit_html, scorecard_html, scorecard_page

RUN = {
    "corpus": "sleep",
    "system": "DS Lite",
    "augmentation": "none",
    "partition": "test",
    "protocol": "full-chunk",
    "uar": 65.7,
    "ci_low": 63.0,
    "ci_high": 68.4,
    "n_files": 2000,
    "n_speakers": 200,
    "data": "real",
    "backbone": "densenet121",
    "weights": "imagenet",
    "profile": "full",
    "reading": "paper",
    "seed": 1,
}
SLEEP = "table4.sleep.none.test"


def _card(*changes, **others):
    return scorecard(pd.DataFrame([RUN | change for change in changes]), **others).set_index("id")


def _found(**values):
    row = {"corpus": "ccs", "source": "here", "data": "real", "files": 725, "classes": 2, "speakers": 397}
    return pd.DataFrame([row | {"minutes": 97.8, "mean_s": 8.09, "std_s": 2.2679} | values])


def _costs(backbone="densenet121", **more):
    whole = {"part": "whole", "threads": 4, "parameters": 7_563_330, "macs": 2.83e9, "peak_mb": 100.0}
    rows = [
        whole | {"model": "keras", "p50_ms": 60.0, "bytes": 31e6, "bytes_with_optimiser": 82.12e6},
        whole | {"model": "float32", "p50_ms": 50.0, "bytes": 29.9e6},
        {"model": "keras", "part": "front end", "threads": 4, "p50_ms": 1.4},
        {"model": "float32", "part": "cnn", "threads": 4, "p50_ms": 44.85},
        {"model": "float32", "part": "cnn", "threads": 1, "p50_ms": 99.0},
    ]
    return pd.DataFrame(rows).assign(backbone=backbone, weights="random", **more)


def test_without_anything_every_figure_is_there_and_nothing_is_said_of_a_score():
    card = scorecard()
    assert list(card.columns) == COLUMNS
    assert list(card["id"]) == [figure.id for figure in published.figures()]
    assert set(card.loc[card["quantity"] == "uar", "verdict"]) == {NOT_RUN}
    judged = card[card["verdict"].isin([CONSISTENT, DIFFERS, INCONCLUSIVE])]
    assert set(judged["quantity"]) == {"chance"}, "which needs no data"
    assert list(judged.loc[judged["verdict"] == DIFFERS, "corpus"]) == ["ravdess"]
    assert sum(counts(card).values()) == len(card)
    assert strict_failures(card) == []


@pytest.mark.parametrize(
    ("uar", "word"),
    # SE ours 0.69, theirs (68.5 - 62.9) / 3.92 = 1.43, together 1.59: consistent below 2.39, differs above 3.11
    [(65.7, CONSISTENT), (68.0, CONSISTENT), (68.5, INCONCLUSIVE), (69.0, DIFFERS), (62.5, DIFFERS)],
)
def test_scores_of_real_runs_are_judged(uar, word):
    card = _card({"uar": uar, "ci_low": uar - 1.35, "ci_high": uar + 1.35})
    assert card.loc[SLEEP, "verdict"] == word
    assert card.loc[SLEEP, ["ours", "data", "protocol", "seed"]].tolist() == [uar, "real", "full-chunk", 1]
    failures = strict_failures(card.reset_index())
    assert [SLEEP in line for line in failures] == ([True] if word == DIFFERS else [])


def test_the_error_of_the_draws_goes_before_the_interval():
    assert _card({"uar": 68.9, "se": 0.01}).loc[SLEEP, "verdict"] == DIFFERS
    assert _card({"uar": 68.9, "se": 3.0}).loc[SLEEP, "verdict"] == INCONCLUSIVE
    assert _card({"uar": 68.9, "se": float("nan"), "ci_low": 68.88, "ci_high": 68.92}).loc[SLEEP, "verdict"] == DIFFERS


@pytest.mark.parametrize(
    "change",
    [
        {"data": "cropped"},
        {"data": "differing"},
        {"weights": "random"},
        {"backbone": "mobilenet_v2"},
        {"profile": "demo"},
        {"protocol": "all"},
    ],
)
def test_what_is_not_as_in_the_paper_is_not_comparable_however_near(change):
    row = _card(change).loc[SLEEP]
    assert row["verdict"] == NOT_COMPARABLE and row["ours"] == 65.7
    assert strict_failures(_card(change | {"uar": 20.0}).reset_index()) == []


def test_a_stand_in_is_never_anything_but_not_comparable():
    corpora = [name for names in published.COLUMNS.values() for name in names]
    runs = [
        RUN
        | {"data": "stand-in", "corpus": c, "system": system, "augmentation": a, "partition": p, "protocol": t}
        | nan
        for c in corpora
        for system, a in [("DS Lite", a) for a in ("none", "cutmix", "specaugment", "both")] + [(_SVM, "")]
        for p in ("dev", "test")
        for t in ("all", "full-chunk")
        for nan in ({"uar": float("nan")},) + (({},) if c != "css" else ())
    ]
    found = pd.concat([_found(corpus=c, data="stand-in", speakers=None if c == "css" else 3) for c in corpora])
    card = scorecard(pd.DataFrame(runs), found, _costs(data="stand-in"))
    ours = card[card["data"] == "stand-in"]
    assert len(ours) > 72 + 48
    assert set(ours["verdict"]) == {NOT_COMPARABLE}
    assert ours["why"].str.startswith("SYNTHETIC").all()
    assert not card["verdict"].isin([INCONCLUSIVE]).any()


_SVM = "Deep Spectrum + SVM"


def test_of_several_runs_the_likest_is_taken_and_never_the_best():
    runs = [
        {"profile": "demo", "uar": 65.7, "seed": 0},
        {"reading": "sound", "uar": 65.7, "seed": 0},
        {"uar": 40.0, "ci_low": 38.0, "ci_high": 42.0, "seed": 3},
        {"uar": 65.7, "seed": 4},
    ]
    for order in (runs, runs[::-1]):
        row = _card(*order).loc[SLEEP]
        assert (row["seed"], row["verdict"]) == (3, DIFFERS)


def test_the_rows_of_deep_spectrum_are_its_own():
    svm = {"corpus": "ccs", "system": _SVM, "augmentation": "", "protocol": "all", "uar": 64.0}
    card = _card(svm | {"ci_low": 62.0, "ci_high": 66.0})
    assert card.loc["table3.ccs.svm.test", "verdict"] == INCONCLUSIVE, "the printed interval is 17 points wide"
    assert card.loc["table3.ccs.none.test", "why"] == "DS Lite (no augmentation) was not run on test"


def test_where_no_file_reaches_a_chunk_the_score_over_all_files_is_shown():
    nothing = {"uar": float("nan"), "ci_low": float("nan"), "ci_high": float("nan"), "n_files": 0}
    row = _card(nothing, {"protocol": "all"}).loc[SLEEP]
    assert (row["ours"], row["verdict"]) == (65.7, NOT_COMPARABLE) and "protocol" in row["why"]
    assert _card(nothing).loc[SLEEP, ["verdict", "why"]].tolist() == [NOT_RUN, "no file was scored"]


def test_dev_and_why_not():
    card = _card({"partition": "dev", "uar": 66.1}, why_not={"css": "no audio found"})
    assert card.loc["table4.sleep.none.dev", "verdict"] == CONSISTENT
    assert card.loc["table3.css.none.dev", ["verdict", "why"]].tolist() == [NOT_RUN, "no audio found"]


def test_counts_of_a_corpus():
    card = scorecard(found=_found(files=724, speakers=None)).set_index("id")
    assert card.loc["table1.ccs.files", "verdict"] == DIFFERS
    assert card.loc["corpora.ccs_files", "verdict"] == DIFFERS, "the text restates the table"
    assert card.loc["table1.ccs.classes", "verdict"] == CONSISTENT
    assert card.loc["table1.ccs.speakers", "verdict"] == NOT_RUN
    assert card.loc["table1.ccs.minutes", "verdict"] == CONSISTENT
    # Table 1 prints 6.34 s, which its own 97.8 min do not give: no copy of the corpus could meet both.
    assert card.loc["table1.ccs.mean_s", "verdict"] == NOT_COMPARABLE
    assert "F-41" in card.loc["table1.ccs.mean_s", "doubt"]
    assert len(strict_failures(card.reset_index())) == 2
    differing = scorecard(found=_found(files=724, data="differing")).set_index("id")
    assert differing.loc["table1.ccs.files", "verdict"] == DIFFERS
    assert strict_failures(differing.reset_index()) == [], "not the corpus as its owners hand it out"


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_true_copy_of_a_corpus_never_fails_a_strict_run(corpus):
    """Also where the corpus as handed out is known to show other figures than Table 1 prints."""
    info = CORPORA[corpus]
    printed = asdict(info.table1)
    for known in (printed, printed | {name: value for name, value in info.also.items() if name in printed}):
        card = scorecard(found=_found(corpus=corpus, **known))
        assert strict_failures(card) == []
        assert (card.loc[card["corpus"] == corpus, "verdict"] == CONSISTENT).sum() >= 3


def test_table_5():
    card = scorecard(costs=_costs()).set_index("id")
    assert card.loc["table5.tensorflow.size_mb", "verdict"] == CONSISTENT
    assert card.loc["table5.tflite.size_mb", "verdict"] == DIFFERS
    assert card.loc["table5.tflite.parameters_m", "verdict"] == CONSISTENT
    assert card.loc["table5.tensorflow.flops_g", "verdict"] == NOT_COMPARABLE
    assert card.loc["table5.tflite.time_ms", ["ours", "verdict"]].tolist() == [44.85, NOT_JUDGED]
    assert "0.50" in card.loc["table5.tflite.time_ms", "why"]
    assert card.loc["costs.front_end_ms", "ours"] == 1.4
    assert card.loc["table5.phone.time_ms", ["verdict", "why"]].tolist() == [NOT_RUN, "no phone here"]
    other = scorecard(costs=_costs("squeezenet_v1")).set_index("id")
    assert other.loc["table5.tensorflow.size_mb", "verdict"] == NOT_COMPARABLE
    both = scorecard(costs=pd.concat([_costs("squeezenet_v1"), _costs()])).set_index("id")
    assert both.loc["table5.tensorflow.size_mb", "verdict"] == CONSISTENT


def _css(**changes):
    """Runs on CSS: the paper's best row, and Deep Spectrum + SVM."""
    both = RUN | {"corpus": "css", "augmentation": "both", "uar": 66.0, "ci_low": 64.0, "ci_high": 68.0}
    svm = both | {"system": _SVM, "augmentation": "", "protocol": "all", "uar": 60.0}
    return pd.DataFrame([both | changes, svm])


def test_figures_that_follow_from_others_are_shown_and_never_judged_again():
    labels = [("positive", "positive", 47), ("positive", "negative", 47), ("negative", "negative", 80)]
    confusion = pd.DataFrame(labels, columns=["label", "predicted", "files"]).assign(
        corpus="css", augmentation="both", partition="test", protocol="full-chunk"
    )
    confusion = pd.concat([confusion, confusion.assign(protocol="all", files=1)])
    card = scorecard(_css(), costs=_costs(), confusion=confusion).set_index("id")
    assert card.loc["gain.css", "ours"] == pytest.approx(10.0)  # 66 / 60
    assert card.loc["figure3.sensitivity", "ours"] == 50.0
    assert card.loc["figure3.specificity", "ours"] == 100.0
    assert card.loc["costs.saved_ms", "ours"] == pytest.approx(60.0 - 1.4 - 44.85)
    assert card.loc["costs.shrink", "ours"] == pytest.approx(82.12 / 29.9)
    shown = ["gain.css", "figure3.sensitivity", "figure3.specificity", "costs.saved_ms", "costs.shrink"]
    assert set(card.loc[shown, "verdict"]) == {NOT_JUDGED}
    assert card.loc["gain.ccs", "verdict"] == card.loc["fusion.wins", "verdict"] == NOT_RUN


def test_figures_that_follow_from_others_are_as_comparable_as_these():
    card = scorecard(_css(data="cropped")).set_index("id")
    assert card.loc["gain.css", ["verdict", "why", "data"]].tolist() == [
        NOT_COMPARABLE,
        "cropped recordings",
        "cropped",
    ]
    assert card.loc["figure3.sensitivity", ["verdict", "why"]].tolist() == [NOT_RUN, "no confusion matrix"]
    assert card.loc["costs.shrink", "verdict"] == NOT_RUN


def test_the_paper_s_own_figures_give_what_it_restates():
    """Fed with what is printed, every restated figure but Figure 3's comes out as printed."""
    cells = [f for f in published.figures() if f.quantity == "uar" and f.partition == "test"]
    runs = [
        RUN
        | {
            "corpus": f.corpus,
            "system": _SVM if f.row == "svm" else "DS Lite",
            "augmentation": "" if f.row == "svm" else f.row,
            "protocol": "all" if f.row == "svm" else "full-chunk",
            "uar": f.value,
            "ci_low": f.ci_low,
            "ci_high": f.ci_high,
        }
        for f in cells
    ]
    card = scorecard(pd.DataFrame(runs)).set_index("id")
    for figure in published.figures():
        if figure.id.startswith(("gain", "fusion")):
            assert round(card.loc[figure.id, "ours"], figure.decimals) == figure.value, figure.id
    tests = card[(card["quantity"] == "uar") & (card["partition"] == "test")]
    assert not (tests["verdict"] == DIFFERS).any(), "the paper does not differ from itself"


def test_how_many_printed_intervals_are_narrow_enough():
    widths = [f.ci_high - f.ci_low for f in published.figures() if f.ci_low is not None]
    assert within_reach() == (sum(width < 11.92 for width in widths), 36)  # 5 / 1.645 * 3.92


def test_the_page_holds_every_figure_rule_and_filter():
    card = scorecard(pd.DataFrame([RUN, RUN | {"corpus": "ess", "data": "stand-in"}]), _found(), _costs())
    page = BeautifulSoup(scorecard_html(card), "html.parser")
    assert len(page.select("tbody tr")) == len(card)
    for word, number in counts(card).items():
        slug = word.replace(" ", "-")
        assert len(page.select(f"tr.v-{slug}")) == number
        assert page.select_one(f"input#sc-{slug}").find_parent("label").b.get_text() == str(number)
    text = re.sub(r"\s+", " ", page.get_text())
    assert all(re.sub(r"\s+", " ", rule).strip() in text for rule in verdicts.RULES.values())
    synthetic = next(
        row
        for row in page.select("tr")
        if "ESS" in row.get_text() and "DS Lite (no aug" in row.get_text() and row.select_one(".ds-mark")
    )
    assert synthetic.select_one(".ds-mark").get_text() == "SYNTHETIC stand-in"
    assert not page.select("script, link, img, [onclick]")


def test_other_peoples_text_is_escaped():
    html = scorecard_html(scorecard(why_not={"ccs": "<script>alert(1)</script>"}))
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_every_filter_of_the_page_has_its_rule_in_the_stylesheet():
    html = scorecard_page(scorecard(), [("Scorecard", "")])
    for word in verdicts.WORDS:
        slug = word.replace(" ", "-")
        assert f"#sc-{slug}:checked) tr[class]:not(.v-{slug})" in html
        assert f"#sc-{slug}:checked) .sc-block:not(:has(tr.v-{slug}))" in html
        assert f'id="sc-{slug}"' in html
    assert "<script" not in html and 'href="#audit"' in html and 'id="audit"' in html


def test_the_audit_page_shows_every_finding_with_its_working():
    from dslite.paper.audit import findings

    page = BeautifulSoup(audit_html(), "html.parser")
    shown = page.select("article")
    assert len(shown) == len(findings())
    assert {a.strong.get_text() for a in shown} == {finding.claim for finding in findings()}
    assert sum(len(a.select("li")) for a in shown) == sum(len(finding.working) for finding in findings())
    assert [h.span.get_text() for h in page.select("h2")][-1] == "Holds", "what needs attention stands first"
