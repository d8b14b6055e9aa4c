"""What corpora whose file names hold the labels share."""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dslite.corpora.folders import Shelf, audio_below
from dslite.corpora.listing import Entry, Problem, match
from dslite.corpora.registry import CorpusInfo
from dslite.errors import DsliteError


def entries(
    folder: Path, info: CorpusInfo, pattern: re.Pattern, wanted: Callable[[re.Match], bool] = bool
) -> tuple[list[Entry], list[Problem]]:
    """The clips of a corpus in a folder by the names of its files.

    Args:
        pattern: of the names without their endings; has the groups ``label`` and ``speaker`` (a number).
        wanted: which of the names that fit are of the part that the paper has.
    """
    files = audio_below(folder)
    rows, strange, others = [], [], 0
    for file in files:
        fields = pattern.fullmatch(PurePosixPath(file).stem)
        if fields is None:
            strange.append(Problem(file, "skipped", f"its name does not follow the corpus' pattern ({info.layout})"))
        elif not wanted(fields):
            others += 1
        else:
            rows.append(Entry(file, fields["label"], fields["speaker"], info.partition_of(int(fields["speaker"]))))
    # The name is the clip: the same one in two folders or formats would put it into two scores.
    places: dict[str, str] = {}
    for row in rows:
        clip = PurePosixPath(row.file).stem
        if places.setdefault(clip, row.file) != row.file:
            raise DsliteError(
                f"The clip {clip} is there twice, as {places[clip]!r} and as {row.file!r}. Remove one of them."
            )
    clips, problems = match(rows, Shelf(row.file for row in rows), info)
    if others:
        problems.append(Problem("", "skipped", f"{others:,} files of another part of the corpus (speech, not song)"))
    return clips, strange + problems
