"""Speaker-disjoint folds: those that own data names, or made here, balanced in classes and speakers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.corpora.split import deal
from dslite.errors import DsliteError
from dslite.files import whole_file

FOLDS = 6
"""Most folds that are made: as many as EmoBox has for EMOVO and RAVDESS speech."""

FEWEST = 3
"""Fewest folds: one to predict, and two, of which each is predicted from the other, to choose a complexity by."""


def folds(where: str, clips: pd.DataFrame) -> np.ndarray:
    """The fold of each file: the corpus' own, or made by :func:`made` where it names none.

    Args:
        where: the corpus, for messages.
        clips: a row per file: ``file``, ``speaker``, ``label``, ``fold`` ("" where none is named).

    Returns:
        str (files,).

    Raises:
        DsliteError: if some files have a fold and others none, a speaker is in two folds, there are fewer than
            :data:`FEWEST` folds or speakers, files without a fold name no speaker, or a class is in too few folds.
    """
    own = (clips["fold"] != "").any()
    fold = clips["fold"].to_numpy(str) if own else made(where, clips)
    mend = "Mend the column 'fold', or leave it out: then folds are made."
    if (lacking := clips.loc[fold == "", "file"]).any():
        told = f"{len(lacking)} of {len(clips)} files have no fold, for example {lacking.iloc[0]!r}"
        raise DsliteError(f"{where}: {told}; one for every file was expected. {mend}")
    rows = clips.assign(fold=fold)
    of_speaker = rows[rows["speaker"] != ""].groupby("speaker")["fold"].unique()
    for speaker, names in of_speaker[of_speaker.str.len() > 1].items():
        told = f"the column 'fold' puts the speaker {speaker!r} into {' and '.join(map(repr, sorted(names)))}"
        raise DsliteError(
            f"{where}: {told}; one fold for all files of a speaker was expected, or scores would tell how well known "
            f"voices are recognised. {mend}"
        )
    if len(names := np.unique(fold)) < FEWEST:
        told = f"the column 'fold' names {', '.join(map(repr, names))}; at least {FEWEST} folds were expected"
        raise DsliteError(f"{where}: {told}. {mend}")
    for label, names in rows.groupby("label")["fold"].unique().items():
        if len(names) < FEWEST:
            told = f"the class {label!r} is in {len(names)} folds, {', '.join(map(repr, sorted(names)))}"
            raise DsliteError(
                f"{where}: {told}; at least {FEWEST} were expected, so that it can be learnt whatever is held out. "
                "Add files of it by other speakers, or leave the class out."
            )
    return fold


def made(where: str, clips: pd.DataFrame) -> np.ndarray:
    """Deals speakers into :data:`FOLDS` folds, or as many as there are speakers; as :func:`folds`."""
    nameless = clips.loc[clips["speaker"] == "", "file"]
    if len(nameless):
        raise DsliteError(
            f"{where}: {len(nameless)} of {len(clips)} files name no speaker, for example {nameless.iloc[0]!r}, so no "
            "speaker-disjoint folds can be made. Add a column 'speaker', or a column 'fold'."
        )
    number = min(FOLDS, clips["speaker"].nunique())
    if number < FEWEST:
        raise DsliteError(
            f"{where}: usable files of {number} speakers; folds need at least {FEWEST}, one to predict and two to "
            "learn from. Add files of other speakers."
        )
    parts = [str(fold + 1) for fold in range(number)]
    return np.array(deal(list(clips["speaker"]), list(clips["label"]), {}, parts, [1 / number] * number))


def shuffled(fold: np.ndarray, labels: Sequence[str], seed: int) -> np.ndarray:
    """The folds dealt anew over the files of each class, whoever speaks: each keeps its number of files of each class.

    Args:
        fold: str (files,).
        labels: class of each file.
        seed: of the shuffle.
    """
    rng, dealt = np.random.default_rng(seed), fold.copy()
    for label in np.unique(labels):
        of_class = np.asarray(labels) == label
        dealt[of_class] = rng.permutation(fold[of_class])
    return dealt


def write(path: Path, clips: pd.DataFrame, fold: np.ndarray) -> None:
    """Writes folds down: ``filename``, ``speaker``, ``fold``, as the columns of an own CSV are called."""
    with whole_file(path) as draft:
        clips[["file", "speaker"]].assign(fold=fold).rename(columns={"file": "filename"}).to_csv(draft, index=False)
