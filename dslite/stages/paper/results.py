"""Tables 3 and 4: our results in the paper's form, with the published ones beside them and clearly apart."""

from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup, escape

from dslite.corpora import REGISTRY
from dslite.errors import DsliteError
from dslite.paper import audit, comparable, published
from dslite.reporting.provenance import provenance_line
from dslite.reporting.sheets import PRINTED, Cell, Sheet, marked_rows
from dslite.reporting.tables import HERE, PAPER
from dslite.systems import OURS, TITLES
from dslite.wording import counted

_PROVENANCE = ["data", "backbone", "weights", "profile", "reading", "changed", "seed"]
_ON_TEST = {"test": "uar", "ci_low": "ci_low", "ci_high": "ci_high", "test_files": "n_files"}
_ON_TEST |= {"test_speakers": "n_speakers"} | {name: name for name in _PROVENANCE}
"""What the table says of a run on test -> the column of ``results.csv``."""
_NOT_RUN, _NO_FILE = "not run", "no file"


def results_table(results: pd.DataFrame, corpora: Sequence[str], protocol: str = "all") -> pd.DataFrame:
    """Results of several corpora side by side.

    Args:
        results: rows of ``results.csv``.
        corpora: names, in the order of the columns.
        protocol: ``all`` files, or those of at least one chunk (``full-chunk``).

    Returns:
        For CSV: a row per configuration and source (``here`` or ``paper``): source, system, augmentation, and per
        corpus ``<corpus>_dev``, ``_test``, ``_ci_low``, ``_ci_high`` (percent), ``_test_files``, ``_test_speakers``,
        ``_data``, ``_backbone``, ``_weights``, ``_profile``, ``_reading``, ``_changed``, ``_seed``; what was not run or
        not published is empty.

    Raises:
        DsliteError: if there are several runs of one corpus, which one table cannot show.
    """
    ours = results[results["protocol"] == protocol]
    cell = ["corpus", "system", "augmentation", "partition"]
    if ours.duplicated(cell).any():
        name = ours.loc[ours.duplicated(cell), "corpus"].iloc[0]
        raise DsliteError(f"The results hold several runs of {name}: choose one base model, profile and seed first.")
    runs = ours.set_index(cell).to_dict("index")
    rows = []
    unpublished = [name for name in TITLES.values() if name not in published.ROWS.values()]
    for key, title in [*(("", name) for name in unpublished), *published.ROWS.items()]:
        system, augmentation = (title, "") if title in TITLES.values() else (OURS, key)
        here = {"source": HERE, "system": title, "augmentation": augmentation}
        printed = here | {"source": PAPER}
        for corpus in corpora:
            here |= _ours(runs, corpus, system, augmentation)
            printed |= _published(corpus, key) if key else {}
        rows.append(here)
        if key and any(published.cell(corpus, key, "test") for corpus in corpora):
            rows.append(printed)
    counts = [f"{corpus}_{name}" for corpus in corpora for name in ("test_files", "test_speakers", "seed")]
    return pd.DataFrame(rows).astype(dict.fromkeys(counts, "Int64"))


def results_sheet(results: pd.DataFrame, corpora: Sequence[str], caption: str, protocol: str = "all") -> Sheet:
    """:func:`results_table` in the paper's form; each column head says what its figures rest on.

    Ours that cannot be compared with what is printed below them carry a footnote for each reason
    (:func:`dslite.paper.comparable.score_reasons`); a reason that holds for a whole column stands at its head.
    """
    frame = results_table(results, corpora, protocol)
    rows = [
        [Cell(system), Cell(source, PRINTED if source == PAPER else "")]
        for system, source in zip(frame["system"], frame["source"], strict=True)
    ]
    heads: list[list[Cell]] = [[Cell()] * 2, [Cell()] * 2]
    rests = [Cell()] * 2
    for corpus in corpora:
        shared, own = _not_comparable(frame, corpus, protocol)
        columns = _columns(frame, corpus, own)
        info, provenance = REGISTRY.get(corpus), _rests_on(frame, corpus)
        name, title = (info.short, info.title) if info else (corpus, "")
        heads[0] += [Cell(name, reasons=shared, below=title)] * len(columns)
        heads[1] += [Cell(what, "ds-number") for what in columns]
        rests += [Cell(provenance, markup=_marked(provenance))] * len(columns)
        for row, *cells in zip(rows, *columns.values(), strict=True):
            row += cells
    note = f"{_EXPLANATION} {_chance(corpora)}".strip()
    return Sheet(caption, heads, rows, 2, rests, note, "ds-results ds-wide")


def _not_comparable(
    frame: pd.DataFrame, corpus: str, protocol: str
) -> tuple[tuple[str, ...], dict[int, tuple[str, ...]]]:
    """Reasons of all rows of a corpus that have a printed counterpart, and row -> its other ones."""
    found = {}
    for number, (key, row) in enumerate(zip(_keys(frame), frame.to_dict("records"), strict=True)):
        printed = key and published.cell(corpus, key, "test")
        if printed and row["source"] == HERE and not pd.isna(row[f"{corpus}_data"]):
            run = {name: row[f"{corpus}_{name}"] for name in _PROVENANCE} | {"protocol": protocol}
            found[number] = tuple(comparable.score_reasons(corpus, key, run))
    shared, rest = marked_rows(list(found.values()))
    return shared, dict(zip(found, rest, strict=True))


_EXPLANATION = (
    "UAR in percent; CI: 95 % interval on test. Rows “here” were computed here; rows “paper” are printed in the "
    "paper and were not. Bold: best on test. Underlined: best on dev, the configuration of DS Lite that one would "
    "choose. Chance gives every file to the largest class; acoustic statistics are a floor of our own."
)


def _ours(runs: Mapping[tuple, Mapping], corpus: str, system: str, augmentation: str) -> dict:
    dev, test = (runs.get((corpus, system, augmentation, partition), {}) for partition in ("dev", "test"))
    cells = {"dev": dev.get("uar")} | {name: test.get(column) for name, column in _ON_TEST.items()}
    return {f"{corpus}_{name}": value for name, value in cells.items()}


def _published(corpus: str, key: str) -> dict:
    dev, test = published.cell(corpus, key, "dev"), published.cell(corpus, key, "test")
    if test is None:
        return {}
    names = (f"{corpus}_{name}" for name in ("dev", "test", "ci_low", "ci_high"))
    return dict(zip(names, (dev.uar, *test), strict=True))


def _columns(frame: pd.DataFrame, corpus: str, reasons: dict[int, tuple[str, ...]]) -> dict[str, list[Cell]]:
    """Column title -> its cells."""
    source, files = frame["source"], frame[f"{corpus}_test_files"]
    ours = (source == HERE) & (frame["augmentation"] != "")
    dev, test = (frame[f"{corpus}_{partition}"].astype(float) for partition in ("dev", "test"))
    scores = {
        # the paper names its best configurations by test, not by dev
        "Dev": (dev, ours & (dev == dev[ours].max()), "ds-chosen"),
        "Test": (test, test == test.groupby(source).transform("max"), "ds-best"),
    }
    columns = {}
    for title, (values, best, emphasis) in scores.items():
        texts = list(map(_text, values, source, files))
        looks = map(_look, source, texts, best.map({True: emphasis, False: ""}))
        columns[title] = [
            Cell(text, look, reasons.get(number, ()) if text not in (_NOT_RUN, _NO_FILE) else ())
            for number, (text, look) in enumerate(zip(texts, looks, strict=True))
        ]
    limits = zip(frame[f"{corpus}_ci_low"], frame[f"{corpus}_ci_high"], strict=True)
    texts = ["" if pd.isna(low) else f"{low:.1f}–{high:.1f}" for low, high in limits]
    ids = [published.score_id(corpus, key) for key in _keys(frame)]
    doubts = [audit.in_words(id) if where == PAPER else () for id, where in zip(ids, source, strict=True)]
    columns["CI on test"] = [
        Cell(text, _look(where, text, ""), doubt) for where, text, doubt in zip(source, texts, doubts, strict=True)
    ]
    return columns


def _keys(frame: pd.DataFrame) -> list[str]:
    """Per row of :func:`results_table`, its key in ``published.ROWS``; "" for what the paper has no row for."""
    named = {title: key for key, title in published.ROWS.items()}
    return [named.get(system, "") for system in frame["system"]]


def _text(value: float, source: str, files: float) -> str:
    if not pd.isna(value):
        return f"{value:.1f}"
    if source == PAPER:
        return "–"
    return _NOT_RUN if pd.isna(files) else _NO_FILE


def _look(source: str, text: str, emphasis: str) -> str:
    names = ["ds-number", emphasis, PRINTED if source == PAPER else ""]
    return " ".join(filter(None, [*names, "ds-missing" if text in (_NOT_RUN, _NO_FILE) else ""]))


def _rests_on(frame: pd.DataFrame, corpus: str) -> str:
    """What the column's own figures rest on, and how many files were scored."""
    ours = frame[(frame["source"] == HERE) & (frame["augmentation"] != "") & frame[f"{corpus}_data"].notna()]
    if ours.empty:
        return _NOT_RUN
    row = {name: ours[f"{corpus}_{name}"].iloc[0] for name in _PROVENANCE}
    files, speakers = (int(ours[f"{corpus}_test_{what}"].iloc[0]) for what in ("files", "speakers"))
    scored = counted(files, "test file") + (f" of {counted(speakers, 'speaker')}" if speakers else "")
    return f"{provenance_line(row)} · {scored}"


def _marked(provenance: str) -> Markup:
    """A column's provenance with its first part, the data, set apart."""
    mark, _, rest = provenance.partition(" · ")
    look = "ds-mark-good" if mark == "REAL data" else "ds-mark-small"
    rest = str(escape(rest)).replace(" · seed", ", seed").replace(" · ", "<br>")
    rest = rest.replace("RANDOM weights", '<strong class="ds-random">RANDOM weights</strong>')
    return Markup('<span class="ds-mark {}">{}</span><span class="ds-rests">{}</span>').format(look, mark, Markup(rest))


def _chance(corpora: Sequence[str]) -> str:
    known = [REGISTRY[corpus] for corpus in corpora if corpus in REGISTRY]
    levels = ", ".join(f"{info.short} {100 / len(info.classes):.1f}" for info in known)
    printed = " The paper prints 20.0 for RAVDESS; its six classes give 16.7." if "ravdess" in corpora else ""
    return f"Chance: {levels}.{printed}" if levels else ""
