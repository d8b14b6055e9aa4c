"""The gallery of explanations: what it shows, what its buttons choose, in a real browser."""

import io

import matplotlib as mpl
import numpy as np
import pytest
import soundfile
from PIL import Image

from dslite.explanation.evidence import encode
from dslite.explanation.maps import Attribution
from dslite.front_end import FrontEnd
from dslite.reporting import display, pages
from dslite.reporting.explanations import Explained
from dslite.stages.explain.cards import card_picture
from dslite.stages.explain.gallery import GalleryCard, write_gallery
from tests.chromium import ask, look
from tests.outside import outside_references

SOUND = encode(np.sin(np.arange(16_000) / 20).astype(np.float32), 16_000, 1.0)


def picture(values=0.25):
    maps = np.zeros((3, 16, 32))
    maps[1, 2, 5] = values
    base = np.full(3, 1 / 3)
    levels = np.random.default_rng(0).integers(0, 256, (61, 128), np.uint8)
    clip = Explained("", levels, 2.0, ["x", "y", "z"], Attribution(maps, base, base + maps.sum((1, 2)), "by hand", 1))
    return card_picture(clip, (1, 2), FrontEnd(), "SYNTHETIC stand-in · demo profile")


@pytest.fixture(scope="module")
def cards():
    def card(corpus, label, kind, data, **more):
        says = "The model says <i>y</i>." if more else ""
        return GalleryCard(corpus, label, kind, data, f"{data} line", f"{corpus.lower()}/explain.html", says, **more)

    shown = {"file": "<img src=x>.wav", "picture": picture(), "sounds": {"original": SOUND, "evidence only": SOUND}}
    return [
        card("CCS", "negative", "right", "stand-in", **shown),
        card("CCS", "negative", "wrong", "stand-in"),
        card("CCS", "<b>p</b>", "right", "stand-in", **shown),
        card("CCS", "<b>p</b>", "wrong", "stand-in", **shown),
        card("own one", "negative", "right", "cropped", **shown),
        card("own one", "negative", "wrong", "cropped", **shown),
    ]


@pytest.fixture(scope="module")
def page(cards, tmp_path_factory):
    place = tmp_path_factory.mktemp("gallery") / "gallery.html"
    write_gallery(place, cards)
    return place


def test_page_stands_alone_and_escapes_what_others_wrote(page):
    html = page.read_text("utf-8")
    assert not outside_references(html) and "<script" not in html
    assert "<b>p</b>" not in html and "&lt;b&gt;p&lt;/b&gt;" in html
    assert "<img src=x>" not in html and "<i>y</i>" not in html
    assert html.count("No test clip of this class is wrong.") == 1
    assert html.count("SYNTHETIC stand-in") >= 4 and html.count("CROPPED") >= 2


def test_buttons_choose_cards_and_cannot_contradict_each_other(page):
    script = """(() => {
      const seen = (...ids) => {
        for (const id of ids) document.getElementById(id).click();
        return [...document.querySelectorAll(".card")].map((c, i) => c.offsetParent ? i : -1).filter(i => i >= 0);
      };
      return {
        all: seen("all"), corpus: seen("of-0"), cls: seen("of-0-1"), other: seen("of-1"), same: seen("of-1-0"),
        wrong: seen("all", "wrong"), right: seen("of-0", "right"), one: seen("of-0-0", "wrong"),
        back: seen("all", "both"),
        groups: new Set([...document.querySelectorAll("input")].map(i => i.name)).size,
        slanted: [...document.querySelectorAll("h2")].filter(h => getComputedStyle(h).fontStyle != "normal").length,
        unnamed: [...document.querySelectorAll("input")].filter(i => !i.labels.length).length,
      };
    })()"""
    assert ask(page, script) == {
        "all": [0, 1, 2, 3, 4, 5], "corpus": [0, 1, 2, 3], "cls": [2, 3], "other": [4, 5], "same": [4, 5],
        "wrong": [1, 3, 5], "right": [0, 2], "one": [1], "back": [0, 1, 2, 3, 4, 5], "groups": 2, "unnamed": 0,
        "slanted": 0,  # the page's own styles, for code, have short names too
    }  # fmt: skip


def test_sounds_can_be_played(page):
    script = """new Promise(tell => {
      const player = document.querySelector("audio");
      player.onloadedmetadata = () => tell(player.duration);
      player.onerror = () => tell(-1);
      player.load();
      setTimeout(() => tell(-2), 20000);
    })"""
    assert ask(page, script) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("width", [390, 1280])
def test_page_fits_screens_and_asks_for_nothing(page, width):
    seen = look([page], width=width)[page]
    assert (seen.requests, seen.overflow, seen.without_alt, seen.errors) == ([], 0, 0, [])


def test_players_of_a_notebooks_page_have_a_duration(tmp_path):
    import nbformat

    from dslite.reporting.explanations import players_html

    output = nbformat.v4.new_output("display_data", {"text/html": players_html("a clip", {"original": SOUND})})
    cell = nbformat.v4.new_code_cell("shown", outputs=[output], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    pages.to_html(tmp_path / "a.ipynb", tmp_path / "a.html", "A page")
    script = """new Promise(tell => {
      const player = document.querySelector("audio");
      if (player.readyState) tell(player.duration);
      player.onloadedmetadata = () => tell(player.duration);
      setTimeout(() => tell(-2), 20000);
    })"""
    assert ask(tmp_path / "a.html", script) == pytest.approx(1.0, abs=0.15)


def test_page_stays_within_its_limit(cards, tmp_path, monkeypatch):
    monkeypatch.setattr("dslite.stages.explain.gallery.LIMIT_MB", 0.2)
    many = [card for card in cards if card.picture] * 6
    write_gallery(tmp_path / "gallery.html", many)
    html = (tmp_path / "gallery.html").read_text("utf-8")
    assert len(html.encode()) < 200_000
    assert 0 < html.count("<img ") < len(many) and "this one would grow too large" in html


def test_a_card_escapes_what_no_font_has(monkeypatch):
    """It has no room for a legend: the name is spelt so that it can be found."""
    monkeypatch.setattr(display, "_MORE_FONTS", ())
    drawn = []
    monkeypatch.setattr(
        "dslite.reporting.display.picture_in_few_colours", lambda figure: drawn.extend(figure.findobj(mpl.text.Text))
    )
    attribution = Attribution(np.zeros((2, 16, 32)), np.zeros(2), np.zeros(2), "m", 1)
    card_picture(Explained("", np.zeros((9, 128), np.uint8), 1.0, ("\u58f0", "b"), attribution), (0, 1), FrontEnd(), "")
    assert "\\u58f0: 0.00 → 0.00" in {text.get_text() for text in drawn}


def test_card_picture_has_a_palette_and_the_papers_colours():
    image = Image.open(io.BytesIO(picture()))
    assert image.mode == "P" and image.width == 540 and len(picture()) < 40_000

    def reddest(png):
        """In the maps, without spectrogram and colour bars."""
        shown = Image.open(io.BytesIO(png)).convert("RGB")
        maps = np.asarray(shown.crop((72, shown.height * 2 // 5, 460, shown.height * 9 // 10))).astype(int)
        return (maps[..., 0] - maps[..., 2]).max()

    assert reddest(picture()) > 60  # SHAP 0.25 is the deepest red
    assert reddest(picture(1e-5)) < 45  # next to nothing stays next to white, but for the brown of the frame


def test_maps_of_a_card_share_one_colour_bar():
    shown = np.asarray(Image.open(io.BytesIO(picture())).convert("RGB")).astype(int)
    column = shown[: len(shown) * 9 // 10, round(0.884 * shown.shape[1])]  # the bar's middle, above the provenance
    red = np.flatnonzero(column[:, 0] - column[:, 2] > 60)
    blue = np.flatnonzero(column[:, 2] - column[:, 0] > 60)
    assert (np.diff(red) == 1).all() and (np.diff(blue) == 1).all() and red.max() < blue.min()
    assert blue.max() - red.min() > 0.5 * len(column)  # along both maps


def test_sound_is_an_mp3():
    assert soundfile.info(io.BytesIO(SOUND)).format == "MP3"
