"""The page of discrepancies, and the pictures that claim to show them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from dslite.backbones import title
from dslite.paper.ledger import LEDGER, ablations
from dslite.paper.measured import MEASURED
from dslite.readings import READINGS
from dslite.reporting.ablations import verdict
from dslite.reporting.pages import LIMIT_MB
from dslite.stages.paper import measurements
from dslite.stages.paper.differences import clipped_square, dead_bin, mask_colours, swapped_axes
from dslite.stages.paper.discrepancies import discrepancies_html
from tests.outside import outside_references


@pytest.fixture(scope="module")
def html():
    return discrepancies_html()


def test_page_tells_every_entry_and_stands_alone(html):
    soup = BeautifulSoup(html, "html.parser")
    assert [section["id"] for section in soup.select("main section[id]")] == [entry.id for entry in LEDGER]
    assert not outside_references(html) and len(html.encode()) / 1e6 < LIMIT_MB
    text = soup.get_text()
    assert "`" not in text and "{{" not in text
    for entry in LEDGER:
        section = soup.find(id=entry.id)
        assert bool(section.find(class_="ds-mark")) == bool(entry.parameters), entry.id
        assert set(entry.parameters) <= {term.get_text() for term in section.find_all("dt")}


def test_pictures_of_sound_say_that_it_is_synthetic(html):
    soup = BeautifulSoup(html, "html.parser")
    figures = {img.find_parent("section")["id"]: img.find_parent("figure") for img in soup.select("section[id] img")}
    assert set(figures) == {"F-02", "F-03", "F-05", "F-07", "F-08", "F-09", "F-10", "F-13"}
    for entry in ("F-02", "F-03", "F-07", "F-08", "F-09"):
        assert "SYNTHETIC" in figures[entry].img["alt"] and "SYNTHETIC" in figures[entry].figcaption.get_text()


def test_what_was_measured_says_on_what_and_that_it_is_not_of_this_run(html):
    soup = BeautifulSoup(html, "html.parser")
    shown = [img.find_parent("figure") for img in soup.select("figure img") if not img.find_parent("section", id=True)]
    assert len(shown) == len(MEASURED.ablations)
    for figure, one in zip(shown, MEASURED.ablations, strict=True):
        marks = ({"cropped": "CROPPED", "real": "REAL data"}[one.record["data"]], "ImageNet weights", "demo profile")
        assert all(mark in figure.img["alt"] for mark in marks)
        caption = figure.figcaption.get_text()
        assert (
            one.record["note"] and one.record["note"] in caption and f"chunks of {one.record['chunk']:g} s" in caption
        )
    assert "not from the run that made this page" in soup.get_text()
    mark = {"cropped": "CROPPED", "real": "REAL data"}[MEASURED.adadelta.record["data"]]
    assert mark in soup.select_one("#F-13 img")["alt"]


def test_every_entry_says_what_was_measured_of_it(html):
    soup = BeautifulSoup(html, "html.parser")
    for one in MEASURED.ablations:
        assert {*one.differences["system"], *one.no_effect, *one.impossible} <= set(ablations())
        for row in one.differences.itertuples():
            said = soup.find(id=row.system.split()[0]).find("dt", string="Measured").find_next("dd").get_text()
            assert f"{row.difference:+.1f}".replace("-0.0", "+0.0").replace("-", "−") in said
            assert "not by the run that made this page" in said and one.record["note"] in said
            assert ("test files that it keeps" in said) or row.n_files == one.sound["n_files"]


def test_a_variant_with_fewer_files_says_on_which_it_is_compared(monkeypatch):
    row = {
        "system": "F-16 short files dropped",
        "difference": -0.04,
        "uar_reference": 50.0,
        "n_files": 90,
        "p_holm": 1e-4,
    }
    row |= {"low_file": -1.0, "high_file": 2.0, "sd": 0.66}
    sound = {"uar": 40.0, "sd": None, "n_files": 100}
    one = replace(MEASURED.ablations[0], differences=pd.DataFrame([row]), sound=sound)
    monkeypatch.setattr(measurements, "MEASURED", replace(MEASURED, ablations=(one,)))
    (said,) = measurements.of("F-16")
    assert "short files dropped +0.0 UAR points (−1.0 to +2.0 over files, p after Holm below 0.001), its UAR" in said
    assert "with an sd of 0.7 over seeds" in said
    assert "the 90 of 100 test files that it keeps; on those, sound has 50.0 % instead of 40.0 % on all" in said
    assert not measurements.of("F-10")


def test_verdicts_name_what_differs_and_what_the_intervals_lack():
    table = pd.DataFrame({"system": ["F-01 a", "F-02 b"], "difference": [1.0, -1.0], "p_holm": [0.05, 0.06]})
    assert verdict(table, "sound", [1]) == (
        "Changes that differ from sound at 5 % after Holm's correction: 1 of 2 (F-01 a). "
        "One seed: what another would give is not in any interval."
    )
    assert verdict(table[1:], "sound", [1, 2]).endswith(
        "0 of 1. Means over 2 seeds; the intervals are those of the test set alone."
    )
    assert verdict(table[:0], "sound", [1]) == "No change could be compared."


def test_whole_runs_stand_with_their_reading_seed_and_data(html):
    tables = BeautifulSoup(html, "html.parser").select("table.ds-table")[1:]
    assert len(tables) == len(MEASURED.kinds)
    for table, (corpus, profile) in zip(tables, MEASURED.kinds, strict=True):
        heads = [head.get_text() for head in table.select("thead th")]
        rows = {row.find("td").get_text(): row.find_all("td") for row in table.select("tbody tr")}
        cells = [cell.get_text() for cell in rows["DS Lite, CutMix + SpecAugment"]]
        every = MEASURED.scores.query("corpus == @corpus and profile == @profile and augmentation == 'both'")
        for (backbone, reading), runs in every.groupby(["backbone", "reading"]):
            found = runs.sort_values("seed").iloc[0]
            at = heads.index(f"{title(backbone)}, reading {reading}, seed {found['seed']}")
            here = f"{found['uar']:.1f} ({found['ci_low']:.1f}–{found['ci_high']:.1f})" + "*" * bool(
                found["p_none"] <= 0.05
            )
            assert cells[at] == here + ", best on dev" * bool(found["chosen"])
            if len(runs) > 1:
                assert cells[at + 1] == f"{runs['uar'].mean():.1f} ({runs['uar'].std():.1f})"
        said = table.parent.parent.get_text()
        info = MEASURED.corpora[corpus]
        assert {"cropped": "CROPPED", "real": "REAL data"}[info["data"]] in said and info["note"] in said
        assert f"{profile} profile" in said and "ImageNet weights" in said


def test_the_printed_rate_stays_at_chance_as_the_picture_says():
    assert list(MEASURED.adadelta.histories) == [0.001, 1.0]
    slow, own = MEASURED.adadelta.histories.values()
    chance = 100 / len(MEASURED.adadelta.record["classes"])
    assert slow["dev_uar"].max() < chance + 5 < 40 < own["dev_uar"].iloc[-1]
    left, right = measurements.adadelta().axes
    assert [line.get_label() for line in left.lines[:2]] == ["rate 0.001", "rate 1"]
    assert left.lines[0].get_ydata()[-1] > 0.5 * left.lines[0].get_ydata()[0] > 1 > left.lines[1].get_ydata()[-1]
    assert len(right.lines[0].get_xdata()) == slow["dev_uar"].notna().sum()


def test_table_holds_the_values_of_the_readings(html):
    soup = BeautifulSoup(html, "html.parser")
    rows = {row.find_all("td")[1].get_text(): [cell.get_text() for cell in row.find_all("td")]
            for row in soup.select_one("table.ds-table").select("tbody tr")}  # fmt: skip
    assert rows["window"] == ["F-02", "window", "512", "2048", ""]
    assert rows["learning_rate"][2:] == ["Table 2's", "Table 2's", "1"] and rows["top_db"][3] == "no limit"
    assert rows["probability"][2:4] == ["0.1 to 0.25", "0.1 to 0.6"] and rows["decision"][4] == "mean"
    alike = {"mel_bins", "mel_scale", "high_hz", "equal_area", "colours", "loudest_db", "sap_a", "sap_s"}
    assert set(rows) == set(READINGS["paper"].parameters()) - alike, "those in which readings may differ"


def test_pictures_show_what_they_say():
    def shown(figure):
        return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]

    paper, dead, _ = shown(dead_bin())
    assert dead[-1].mean() < 0.5 * dead[:-5].mean() and paper[-1].mean() > dead[-1].mean()
    named, swapped = ((p == p[150, 100]).all(axis=-1) for p in shown(swapped_axes()))
    assert named.all(axis=0).sum() == 60 and named.all(axis=1).sum() == 20
    np.testing.assert_array_equal(swapped, named.T)
    mean, above = (p[10, 110] * 255 for p in shown(mask_colours()))
    assert (np.round(mean).tolist(), np.round(above).tolist()) == ([124, 116, 104], [152, 142, 127])
    share = shown(clipped_square())[1]
    assert share.max() == 100 and share[0, 0] == pytest.approx(25, abs=2) and share[0, 112] == pytest.approx(50, abs=2)
