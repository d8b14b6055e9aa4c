"""Speaker-disjoint folds: those that own data names, or made here, balanced in classes and speakers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.corpora.split import deal
from dslite.errors import DsliteError
from dslite.files import whole_file

FOLDS = 6
"""Most folds that are made: as many as EmoBox (Ma et al., 2024) has for EMOVO and RAVDESS speech."""

FEWEST = 3
"""Fewest folds: one to predict, and two, each predicted from the other, to choose by."""


def folds(where: str, clips: pd.DataFrame) -> np.ndarray:
    """The fold of each file: the corpus' own, or dealt over its speakers, at most :data:`FOLDS`, where it names none.

    Args:
        where: the corpus, for messages.
        clips: a row per file: ``file``, ``speaker``, ``label``, ``fold`` ("" where none is named).

    Returns:
        str (files,).

    Raises:
        DsliteError: if a file has no fold or no speaker to make one by, a speaker is in two folds, there are fewer than
            :data:`FEWEST` folds or speakers, or a class is in fewer.
    """
    fold, speakers = clips["fold"].to_numpy(str), clips["speaker"].nunique()
    mend = "Mend the column 'fold', or leave it out: then folds are made."
    if not any(fold):
        if (lacking := clips.loc[clips["speaker"] == "", "file"]).any():
            told = f"{len(lacking)} of {len(clips)} files name no speaker, for example {lacking.iloc[0]!r}"
            raise DsliteError(f"{where}: {told}; to make folds of speakers, each needs one. Add the column 'speaker'.")
        if speakers < FEWEST:
            told = f"speakers with usable files: {speakers}; folds need at least {FEWEST}"
            raise DsliteError(f"{where}: {told}: one to predict and two to learn from. Add files of other speakers.")
        parts = [str(number + 1) for number in range(min(FOLDS, speakers))]
        fold = np.array(deal(list(clips["speaker"]), list(clips["label"]), {}, parts, [1 / len(parts)] * len(parts)))
    if (lacking := clips.loc[fold == "", "file"]).any():
        told = f"{len(lacking)} of {len(clips)} files have no fold, for example {lacking.iloc[0]!r}"
        raise DsliteError(f"{where}: {told}; one for each was expected. {mend}")
    rows = clips.assign(fold=fold)
    for speaker, names in rows[rows["speaker"] != ""].groupby("speaker")["fold"].unique().items():
        if len(names) > 1:
            told = f"the column 'fold' puts the speaker {speaker!r} into {', '.join(map(repr, sorted(names)))}"
            raise DsliteError(f"{where}: {told}; one fold for all files of a speaker was expected. {mend}")
    if len(names := np.unique(fold).tolist()) < FEWEST:
        told = f"the column 'fold' names {', '.join(map(repr, names))}; at least {FEWEST} folds were expected"
        raise DsliteError(f"{where}: {told}. {mend}")
    for label, names in rows.groupby("label")["fold"].unique().items():
        if len(names) < FEWEST:
            told = f"folds with the class {label!r}: {len(names)} ({', '.join(sorted(names))}); at least {FEWEST} were"
            more = "expected, to learn it whatever is held out. Add files of it by other speakers, or leave it out."
            raise DsliteError(f"{where}: {told} {more}")
    return fold


def shuffled(fold: np.ndarray, labels: Sequence[str], seed: int) -> np.ndarray:
    """The folds dealt anew over files, whoever speaks: each keeps its number of files of each class.

    Args:
        fold, labels: of each file, str (files,).
    """
    rng, dealt = np.random.default_rng(seed), fold.copy()
    for label in np.unique(labels):
        of_class = np.asarray(labels) == label
        dealt[of_class] = rng.permutation(fold[of_class])
    return dealt


def write(path: Path, clips: pd.DataFrame, fold: np.ndarray) -> None:
    """Writes folds down as an own CSV: ``filename``, ``label``, ``speaker``, ``fold``."""
    table = clips[["file", "label", "speaker"]].assign(fold=fold).rename(columns={"file": "filename"})
    with whole_file(path) as draft:
        table.to_csv(draft, index=False)
