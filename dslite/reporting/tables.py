"""Tables 1 and 2 and confusion counts, as data frames and in the paper's form."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dslite.corpora import CORPORA, REGISTRY
from dslite.paper import audit, comparable, published
from dslite.reporting.provenance import data_mark
from dslite.reporting.sheets import PRINTED, Cell, Sheet

PAPER, HERE = "paper", "here"

_TABLE2 = {key: f"{title} [s]" if unit == "s" else title for key, (title, unit, _) in published.TABLE2_ROWS.items()}
_TABLE2 |= {"optimiser": "Optimiser", "batch": "Batch size"}


def table1(info, clips: pd.DataFrame | None = None, data: str = "") -> pd.DataFrame:
    """A corpus' row of Table 1: as published, and as found.

    Args:
        info: its ``CorpusInfo``.
        clips: a row per usable file; None for a corpus that was not run, of which only the printed row is known.
        data: what its audio is (``real``, ``cropped``, ``differing``, ``stand-in``).

    Returns:
        One row ``paper`` (unless it is an own corpus) and one row ``here``: corpus, name, source, data, files,
        classes, speakers (missing where the corpus names none), minutes, mean_s, std_s.
    """
    name = f"{info.short}: {info.title}"
    rows = []
    if info.table1 is not None:
        printed = {key: getattr(info.table1, key) for key in published.TABLE1_ROWS}
        rows.append({"corpus": info.name, "name": name, "source": PAPER, "data": "", **printed})
    if clips is None:
        return pd.DataFrame(rows).astype({"speakers": "Int64"})
    seconds = clips["duration"].astype(float)
    speakers = clips.loc[clips["speaker"] != "", "speaker"].nunique()
    found = {
        "files": len(clips),
        "classes": clips["label"].nunique(),
        "speakers": speakers or None,
        "minutes": seconds.sum() / 60,
        "mean_s": seconds.mean(),
        "std_s": seconds.std(),
    }
    rows.append({"corpus": info.name, "name": name, "source": HERE, "data": data, **found})
    return pd.DataFrame(rows).astype({"speakers": "Int64"})


def table1_sheet(rows: pd.DataFrame, caption: str = "Table 1, published and found") -> Sheet:
    """Rows of :func:`table1` (of one corpus or, concatenated, of several) in the paper's form."""
    forms, lines = {key: f",.{decimals}f" for key, (*_, decimals) in published.TABLE1_ROWS.items()}, []
    for row in rows.to_dict("records"):
        found = row["source"] == HERE
        reasons = tuple(comparable.audio_reasons(row["data"])) if found and row["corpus"] in CORPORA else ()
        look = "ds-number" if found else f"ds-number {PRINTED}"
        doubts = {} if found else {key: audit.in_words(f"table1.{row['corpus']}.{key}") for key in forms}
        cells = [Cell(_number(row[key], form), look, doubts.get(key, ())) for key, form in forms.items()]
        stubs = [Cell(row["name"]), Cell(row["source"], "" if found else PRINTED, reasons)]
        lines.append([*stubs, *cells, Cell(data_mark(row["data"]), "ds-short" if found else f"ds-short {PRINTED}")])
    heads = [Cell()] * 2 + [Cell(title, "ds-number") for title, *_ in published.TABLE1_ROWS.values()] + [Cell("Data")]
    note = (
        "#: files, C.: classes, Sp.: speakers, Dur.: duration. Rows named “paper” are printed there; "
        "rows named “here” are counted from the audio that was used."
    )
    return Sheet(caption, [heads], lines, 2, note=note)


def _number(value: object, form: str = "") -> str:
    if pd.isna(value):
        return "–"
    return format(value, form) if form else f"{value:.4g}" if isinstance(value, float) else str(value)


def table2(settings: Mapping[tuple[str, str], Mapping]) -> pd.DataFrame:
    """Hyperparameters in the order of Table 2.

    Args:
        settings: (corpus, ``paper`` or ``here``) -> a row of ``table2.toml``, or a recipe as a dict with
            ``fine_tuned``, the number of layers that the second phase trained.

    Returns:
        A row per key (named by it), a column per hyperparameter; the last two are not in the paper's table. A chunk
        of 0 s is given as ``whole file``, what is not known is missing.
    """
    rows = []
    for values in settings.values():
        row = dict(values)
        row["first"], row["second"] = row.pop("epochs")
        row["chunk"] = row["chunk"] or "whole file"
        rows.append({title: row.get(key) for key, title in _TABLE2.items()})
    index = pd.MultiIndex.from_tuples(settings, names=["corpus", "source"])
    return pd.DataFrame(rows, index=index, dtype=object)


def table2_sheet(
    frame: pd.DataFrame,
    caption: str = "Table 2, published and used",
    reasons: Mapping[str, Sequence[str]] | None = None,
) -> Sheet:
    """What :func:`table2` returns, in the paper's form.

    Args:
        frame: as returned.
        caption: above it.
        reasons: corpus -> why its row cannot be compared with the printed one.
    """
    lines = []
    for (corpus, source), values in zip(frame.index, frame.to_numpy(), strict=True):
        found = source == HERE
        name = REGISTRY[corpus].short if corpus in REGISTRY else corpus
        own = tuple((reasons or {}).get(corpus, ())) if found else ()
        look = "ds-number" if found else f"ds-number {PRINTED}"
        stubs = [Cell(name), Cell(source, "" if found else PRINTED, own)]
        printed = zip(frame.columns, values, strict=True)
        texts = ["–" if not found and _blank(title, value) else _number(value) for title, value in printed]
        lines.append([*stubs, *(Cell(text, look) for text in texts)])
    heads = [Cell()] * 2 + [Cell(title, "ds-number") for title in frame.columns]
    note = (
        "Fine-tuned layers are read as the number that the second phase trains, of DenseNet121's 427; other base "
        "models train the same share. The paper's text adds AdaDelta and batches of 32."
    )
    return Sheet(caption, [heads], lines, 2, note=note, look="ds-wide")


def _blank(title: str, value: object) -> bool:
    """Whether the paper leaves this cell blank: CSS has no second phase and takes whole files."""
    return (title, value) in ((_TABLE2["second"], 0), (_TABLE2["chunk"], "whole file"))


def confusion_matrix(counts: pd.DataFrame, classes: Sequence[str], **where: str) -> pd.DataFrame:
    """Files by true class (rows) and predicted class (columns).

    Args:
        counts: ``label``, ``predicted``, ``files`` and what ``where`` names.
        classes: in the order wanted.
        where: e.g. ``augmentation="both", partition="test", protocol="all"``.
    """
    for column, value in where.items():
        counts = counts[counts[column] == value]
    wide = counts.pivot_table(index="label", columns="predicted", values="files", aggfunc="sum", observed=False)
    return wide.reindex(index=list(classes), columns=list(classes)).fillna(0).astype(int)
