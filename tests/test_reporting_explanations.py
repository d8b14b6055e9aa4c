"""Figures and players of explanations."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from dslite.explanation.maps import Attribution, MeanMap
from dslite.front_end import FrontEnd
from dslite.reporting import explanations
from dslite.reporting.sanitiser import clean
from dslite.stages.explain import figures
from tests.outside import outside_references


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def explained(classes=("<b>$a$", "b"), value=0.25, gap=0.0):
    values = np.zeros((len(classes), 16, 32))
    values[0, 2, 5] = value
    base = np.full(len(classes), 0.5)
    attribution = Attribution(values, base, base + values.sum(axis=(1, 2)) + gap, "by hand", 1)
    levels = np.random.default_rng(0).integers(0, 256, (61, 128), np.uint8)
    return explanations.Explained("true b · said a", levels, 2.0, classes, attribution)


def shown(figure):
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def test_shap_maps_show_what_the_papers_figure_shows():
    figure = explanations.shap_maps([explained(), explained(value=-0.5)], FrontEnd())
    figure.canvas.draw()
    axes = shown(figure)
    assert len(axes) == 6 and sum(a.get_label() == "<colorbar>" for a in figure.axes) == 1
    for one in axes:
        assert one.get_xlabel() == "time (s)" and one.get_xlim() == (0, 2)
    assert [t.get_text() for t in axes[0].get_yticklabels()] == ["250", "1,000", "2,000", "4,000"]
    assert axes[0].get_ylabel() == "Hz (Mel)"
    # Both clips share the colours; +0.25 is red, -0.5 is the deepest blue, 0 is (nearly) white.
    red, blue = axes[1].images[0], axes[4].images[0]
    assert red.norm.vmin == blue.norm.vmin == -0.5 and red.norm.vmax == 0.5
    raised, lowered, nothing = (red.cmap(red.norm(v)) for v in (0.25, -0.5, 0.0))
    assert raised[0] > raised[2] and lowered[2] > lowered[0] and min(nothing[:3]) > 0.95
    assert red.get_array()[2, 5] == 0.25 and red.origin == "lower"
    assert "0.50 → 0.75" in axes[1].get_title(loc="left") and "<b>$a$" in axes[1].get_title(loc="left")


def test_shap_maps_print_the_gap():
    figure = explanations.shap_maps([explained(gap=0.03)], FrontEnd())
    assert "gap 0.03" in shown(figure)[0].get_title(loc="left")


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 7])
def test_shap_maps_have_room_for_every_class(classes):
    names = [f"c{i}" for i in range(classes)]
    figure = explanations.shap_maps([explained(names), explained(names)], FrontEnd())
    titles = [axes.get_title(loc="left") for axes in shown(figure)]
    told = [title.replace("\n", " ").startswith for title in titles]
    assert all(begins(name) for begins, name in zip(told, ["true b · said a", *names] * 2, strict=True))
    named = [axes for axes in shown(figure) if axes.get_ylabel()]
    assert len(named) == 2 * (1 if classes < 5 else 2)


def test_titles_of_long_names_overlap_nothing():
    names = [f"the class of thirty letters {letter}{letter}" for letter in "abcdefg"] + [
        "30lettersWithoutAnySpaceInside"
    ]
    band, mean = np.linspace(-0.1, 0.1, 16), np.zeros((16, 32))
    found = [MeanMap(name, mean, mean, mean, 12) for name in names]
    clip = replace(explained(names), title=f"true {names[0]}\nsaid {names[7]}")
    for figure in (
        explanations.shap_maps([clip, clip], FrontEnd()),
        figures.mean_maps(found, FrontEnd(), 3.0),
        figures.band_profiles(dict.fromkeys(names, (band, band, band)), np.linspace(60, 8000, 17), FrontEnd()),
        figures.compared(clip, dict.fromkeys(("partition", "paper", "gradients"), clip.attribution), FrontEnd()),
    ):
        figure.canvas.draw()
        titles = [axes._left_title for axes in shown(figure)]
        boxes = [title.get_window_extent() for title in titles]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
        assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
        said = " ".join(title.get_text() for title in titles).replace("\n", "")
        assert "…" not in said and names[7] in said


def test_maps_without_any_value_are_drawn():
    explanations.shap_maps([explained(value=0.0)], FrontEnd()).canvas.draw()


def test_mean_maps_and_profiles():
    mean = np.zeros((16, 32))
    mean[3, 4] = 0.2
    found = MeanMap("b", mean, np.full((16, 32), 0.1), np.where(mean > 0, 0.9, 1.0), 12)
    for seconds, label in ((3.0, "time (s)"), (None, "share of the clip")):
        figure = figures.mean_maps([found], FrontEnd(), seconds)
        left, right = shown(figure)
        assert left.get_xlabel() == right.get_xlabel() == label and "n = 12" in left.get_title(loc="left")
        (dot,) = left.collections[0].get_offsets()
        np.testing.assert_allclose(dot, [4.5 / 32 * (seconds or 1.0), 3.5 * 8 - 0.5])
    band = np.linspace(-0.1, 0.1, 16)
    figure = figures.band_profiles({"b": (band, band - 0.1, band + 0.1)}, np.linspace(60, 8000, 17), FrontEnd())
    (axes,) = shown(figure)
    assert len(axes.patches) == 16 and axes.get_ylabel() == "Hz (Mel)"


def test_trust_curves_name_their_areas():
    rows = [(kind, order, s, p) for kind in ("deletion", "insertion") for order, p in (("SHAP", 0.2), ("random", 0.6))
            for s in (0.0, 1.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["kind", "order", "share", "probability"])
    table = pd.concat([table.assign(baseline=name) for name in ("silence", "training mean")])
    areas = table.groupby(["baseline", "kind", "order"])["probability"].mean().unstack()
    figure = figures.trust_curves(table, areas)
    for axes in shown(figure):
        assert [t.get_text() for t in axes.get_legend().get_texts()] == [
            "SHAP order: area 0.200",
            "random order: area 0.600",
        ]
        assert "probability" in (axes.get_ylabel(), shown(figure)[0].get_ylabel())
    titles = [axes.get_title(loc="left") for axes in shown(figure)]
    assert titles == [f"{kind}, {name}" for name in ("silence", "training mean") for kind in ("deletion", "insertion")]


@pytest.mark.parametrize("higher", ["deletion", "insertion"])
def test_every_trust_curve_lies_within_its_axes(higher):
    rows = [(kind, order, share, (0.9 if kind == higher else 0.3) * share + wide)
            for kind in ("deletion", "insertion") for order in ("SHAP", "random") for share in (0.0, 0.5, 1.0)
            for wide in (0.0, 0.08)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["kind", "order", "share", "probability"])
    table = pd.concat([table.assign(baseline=name) for name in ("silence", "training mean")])
    areas = table.groupby(["baseline", "kind", "order"])["probability"].mean().unstack()
    for axes in shown(figures.trust_curves(table, areas)):
        low, high = axes.get_ylim()
        drawn = [line.get_ydata() for line in axes.lines]
        drawn += [path.vertices[:, 1] for band in axes.collections for path in band.get_paths()]
        assert len(axes.lines) == 2 and low == 0 and all(max(values) <= high for values in drawn)


def test_players_stay_inside_the_page_and_survive_cleaning():
    html = explanations.players_html("<script>x</script>", {"original": b"abc", "evidence only": b"def"})
    assert "<script>" not in html and html.count("<audio") == 2 and not outside_references(html)
    cleaned = clean(html)
    assert cleaned.count('src="data:audio/mpeg;base64,') == 2 and cleaned.count("controls") == 2


@pytest.mark.parametrize("src", ["https://example.org/a.mp3", "a.mp3", "data:text/html;base64,YQ==", "javascript:x"])
def test_sounds_from_elsewhere_are_cleaned_away(src):
    assert src not in clean(f'<audio controls autoplay onplay="x()" src="{src}"></audio>')
