"""Figures and tables as notebooks show them: with alt text, captions and their provenance."""

import base64
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dslite.reporting.provenance import provenance_line
from dslite.reporting.templates import FOLDER, render, show_html, stylesheet
from dslite.wording import written

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

_MORE_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Hiragino Sans",
               "PingFang SC", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS")  # fmt: skip
"""For letters that the first has not, where they are installed."""

_FORMATS = tomllib.loads((FOLDER / "formats.toml").read_text("utf-8"))

FORMATS = {name: form for form, names in _FORMATS.items() for name in names}
"""How the floats of a column are written, by its name, in every table."""

RC = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": "#8a857b",
    "axes.linewidth": 0.8,
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("axes.labelcolor", "text.color"), "#2b2a27"),
    **dict.fromkeys(("xtick.color", "ytick.color"), "#5d5950"),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "white"),
}
"""matplotlib's settings for every figure."""


def use_style() -> None:
    """Sets the style of all figures and, where the notebook is opened in JupyterLab, of its tables and banners."""
    import seaborn as sns

    sns.reset_defaults()  # not what a matplotlibrc says
    RC["font.family"] = _fonts()
    sns.set_theme(style="ticks", context="paper", palette="colorblind", rc=RC)
    show_html(f"<style>{stylesheet('parts.css')}</style>")


def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _MORE_FONTS if name in there)]


def legible(figure: "Figure", mark: Callable[[int, str], str] = lambda number, word: f"[{number}]") -> str:
    """Puts marks for words that no font of :data:`RC` has, so that no figure shows boxes.

    Args:
        figure: whose texts are changed.
        mark: number of a word, from 1, and the word -> what is drawn.

    Returns:
        The marks and their words, to be told beside the figure; empty for none.
    """
    from matplotlib.font_manager import FontProperties, fontManager, get_font
    from matplotlib.text import Text

    fonts = [get_font(fontManager.findfont(FontProperties(family=name))) for name in _fonts()]

    def drawn(letter: str) -> bool:
        return letter.isspace() or any(font.get_char_index(ord(letter)) for font in fonts)

    numbers: dict[str, str] = {}

    def number(found: re.Match) -> str:
        word = " ".join(found[0].split())
        return numbers.setdefault(word, mark(len(numbers) + 1, word))

    def mended(said: str) -> str:
        lacking = "".join(letter for letter in set(said) if not drawn(letter))
        letters = f"[{re.escape(lacking)}]+"
        return re.sub(rf"{letters}(?:\s+{letters})*", number, said) if lacking else said

    for text in figure.findobj(Text):
        text.set_text(mended(text.get_text()))
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        if (new := list(map(mended, labels))) != labels:
            axis.set_ticks(axis.get_majorticklocs(), new)
    return ", ".join(f"{number} {word}" for word, number in numbers.items())


def show(figure: "Figure", alt: str, caption: str = "", record: Mapping | None = None, dpi: int = 130) -> None:
    """Displays a figure with its description and closes it.

    What must be known about the data is drawn into the picture too, so that it stays with a copied picture.

    Args:
        figure: a matplotlib figure.
        alt: what the figure shows, for those who cannot see it; never empty.
        caption: a sentence or two below it.
        record: whose provenance it carries; the banner's if not given.
        dpi: pixels per inch.

    Raises:
        ValueError: if ``alt`` is empty.
    """
    show_html(figure_html(figure, alt, caption, record, dpi))


def figure_html(figure: "Figure", alt: str, caption: str = "", record: Mapping | None = None, dpi: int = 130) -> str:
    """What :func:`show` displays: a figure element with the picture inside, as escaped HTML; closes the figure."""
    from matplotlib import pyplot as plt

    if not alt.strip():
        raise ValueError("A figure needs alt text: say in a sentence what it shows.")
    if told := legible(figure):
        caption = f"{caption} Numbers stand for what no font here has: {told}.".strip()
    line = provenance_line(record)
    png = picture(figure, line, dpi)
    plt.close(figure)
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    return render(
        "figure.html.j2",
        picture=base64.b64encode(png).decode("ascii"),
        width=round(width * 100 / dpi),
        height=round(height * 100 / dpi),
        alt=f"{alt.strip()} ({line})" if line else alt.strip(),
        caption=caption,
    )


def picture(figure: "Figure", line: str, dpi: int) -> bytes:
    """A figure as PNG, with a line below it. What a page says does not depend on it, and ``--verify`` does without."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi, bbox_inches=_stamped(figure, line, dpi))
    return png.getvalue()


def picture_in_few_colours(figure) -> bytes:
    """A figure as it is, as PNG with a palette, chosen by octree: a median cut has no colours left for a narrow colour
    bar. ``--verify`` does without this one too."""
    from PIL import Image

    figure.canvas.draw()
    drawn, png = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB"), io.BytesIO()
    drawn.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(png, "PNG", optimize=True)
    return png.getvalue()


def _stamped(figure: "Figure", line: str, dpi: int) -> "Bbox":
    """Writes a line, if there is one, below everything that is drawn, at the right; what to save, in inches.

    The figure is laid out here, once: matplotlib's "tight" would draw it once more to find the same.
    """
    figure.dpi = dpi
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # it has done its work; the line must not move anything
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    if line:
        at = box.x1 / width, (box.y0 - 0.07) / height
        text = figure.text(*at, line, ha="right", va="top", fontsize=6.5, color="#8a4b00", parse_math=False)
        box = box.union([box, text.get_window_extent().transformed(figure.dpi_scale_trans.inverted())])
    return box.padded(0.08)


def words(text: str) -> None:
    """Displays a sentence that depends on what there is, with what stands in backticks as code; nothing for ""."""
    from IPython.display import Markdown, display

    if text:
        display(Markdown(text))


MOST_ROWS = 1_000
"""Of a table: a page is to be read, and of a corpus of which little is there tens of thousands of files are told."""


def table(frame: "pd.DataFrame", *args, **more) -> None:
    """Displays :func:`table_html`, whose arguments it takes."""
    show_html(table_html(frame, *args, **more))


def with_digits(frame: "pd.DataFrame", digits: int) -> "pd.DataFrame":
    """The same data frame, whose floats :func:`table_html` is to write with so many digits after the point."""
    frame.attrs["digits"] = digits
    return frame


def table_html(
    frame: "pd.DataFrame",
    caption: str,
    note: str = "",
    published: Iterable = (),
    record: Mapping | None = None,
    index: bool = True,
) -> str:
    """A data frame as a table, escaped; it scrolls sideways where it does not fit.

    Args:
        frame: what to show. Floats of :data:`FORMATS` are written so; others with as many digits after the point as its
            :func:`with_digits` says, if it does, else with four digits at most. Counts stay whole under any name.
        caption: above the table.
        note: below the table.
        published: index labels of the rows that were printed in the paper and not computed here.
        record: whose provenance it carries; the banner's if not given.
        index: whether the index is shown.
    """
    import pandas as pd
    from markupsafe import Markup

    if not index:
        frame = frame.reset_index(drop=True)
    if frame.empty:
        note = f"Nothing to list. {note}".strip()
    if len(frame) > MOST_ROWS:
        note = f"The first {MOST_ROWS:,} of {len(frame):,} rows; artifacts/ has all. {note}".strip()
        frame = frame.head(MOST_ROWS)
    classes = pd.DataFrame({name: _look(frame[name]) for name in frame.columns}, index=frame.index)
    for label in published:
        classes.loc[label] = [f"{old} ds-published".strip() for old in classes.loc[label]]
    style = frame.style.format(escape="html", formatter=_plain, na_rep="–")
    digits = frame.attrs.get("digits")
    for name in (name for name in frame if frame[name].dtype.kind == "f"):
        otherwise = f".{digits}f" if digits is not None else None
        if how := FORMATS.get(name, otherwise):
            style = style.format(partial(written, form=how), subset=[name], na_rep="–")
    style = style.format_index(escape="html").format_index(escape="html", axis=1).set_td_classes(classes)
    if not index:
        style = style.hide(axis="index")
    wide = len(frame.columns) > 7  # then it may be wider than the text
    markup = style.set_table_attributes(f'class="ds-table{" ds-wide" if wide else ""}"').to_html()
    markup = re.sub(r"<style.*?</style>", "", markup, flags=re.DOTALL)
    # heads stand over their columns as the cells do
    for number in set(re.findall(r'class="data row0 (col\d+) ds-number', markup)):
        markup = re.sub(rf'(class="col_heading level\d+ {number})"(?! colspan)', r'\1 ds-number"', markup)
    # pandas' random ids would make two equal runs differ
    markup = re.sub(r' id="T_[^"]*"', "", markup)
    line = provenance_line(record)
    return render("table.html.j2", table=Markup(markup), caption=caption, note=note, line=line, wide=wide)


def _look(column: "pd.Series") -> str:
    """Numbers stand to the right, short texts on one line."""
    values = column.dropna()
    if any(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values):
        return "ds-number"
    return "ds-short" if values.astype(str).str.len().max() <= 24 else ""


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return written(value, ".4g") if isinstance(value, float) else value
