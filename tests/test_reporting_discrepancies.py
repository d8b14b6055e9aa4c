"""The page of discrepancies, and the pictures that claim to show them."""

import numpy as np
import pytest
from bs4 import BeautifulSoup

from dslite.paper.ledger import LEDGER
from dslite.readings import READINGS
from dslite.reporting import discrepancies_html, outside_references
from dslite.reporting.differences import clipped_square, dead_bin, mask_colours, swapped_axes
from dslite.reporting.pages import LIMIT_MB


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
    figures = {img.find_parent("section")["id"]: img.find_parent("figure") for img in soup.find_all("img")}
    assert set(figures) == {"F-02", "F-03", "F-05", "F-07", "F-08", "F-09", "F-10"}
    for entry in ("F-02", "F-03", "F-07", "F-08", "F-09"):
        assert "SYNTHETIC" in figures[entry].img["alt"] and "SYNTHETIC" in figures[entry].figcaption.get_text()


def test_table_holds_the_values_of_the_readings(html):
    soup = BeautifulSoup(html, "html.parser")
    rows = {row.find_all("td")[1].get_text(): [cell.get_text() for cell in row.find_all("td")]
            for row in soup.select("table.ds-table tbody tr")}  # fmt: skip
    assert rows["window"] == ["F-02", "window", "512", "2048", ""]
    assert rows["learning_rate"][2:] == ["Table 2's", "Table 2's", "1"] and rows["top_db"][3] == "no limit"
    assert rows["probability"][2:4] == ["0.1 to 0.25", "0.1 to 0.6"] and rows["decision"][4] == "mean"
    assert len(rows) == len(READINGS["paper"].parameters())


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
