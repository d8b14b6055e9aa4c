"""Is it fit for use, and is it what the paper used?"""

import pandas as pd

from dslite.corpora.listing import Problem
from dslite.corpora.registry import PARTITIONS, CorpusInfo
from dslite.errors import DsliteError

TOLERANCE = 0.01
"""Durations within one percent of Table 1 agree with it: it prints three or four digits."""

NAMED = 10
"""Most reasons for leaving files out, most files of each, and most classes of a partition, that a refusal names."""

FIELDS = {
    "files": "{:,.0f} files",
    "speakers": "{:,.0f} speakers",
    "minutes": "{:,.1f} min in total",
    "mean_s": "{:.2f} s on average",
    "std_s": "{:.2f} s standard deviation",
}


class UnfitCorpus(DsliteError):
    """A corpus that is refused for what is in it; ``problems`` are all of :func:`refuse_unfit`."""

    def __init__(self, message: str, problems: pd.DataFrame):
        super().__init__(message)
        self.problems = problems


def refuse_unfit(where: str, info: CorpusInfo, clips: pd.DataFrame, problems: pd.DataFrame) -> None:
    """Stops at what would make every score wrong.

    Args:
        where: the folder or file, for the message.
        info: what the corpus is.
        clips: columns ``speaker``, ``label``, ``partition``.
        problems: what was left out and why, ``file``, ``kind``, ``reason``; the message names some.

    Raises:
        UnfitCorpus: if there is no clip, a speaker in two partitions, too few speakers, or a class missing from one, or
            two different numbers.
    """
    if clips.empty:
        raise UnfitCorpus(f"{where} has no usable clip.{_why(problems)} Expected: {info.layout}.", problems)
    named = clips[clips["speaker"] != ""]
    spread = named.groupby("speaker")["partition"].agg(lambda parts: sorted(set(parts), key=PARTITIONS.index))
    leaking = spread[spread.str.len() > 1]
    if len(leaking):
        examples = "; ".join(f"{speaker!r} in {' and '.join(parts)}" for speaker, parts in leaking[:3].items())
        raise UnfitCorpus(
            f"{where}: speakers in more than one partition: {len(leaking)} ({examples}). Scores would tell how "
            f"well known voices are recognised. Give every speaker one partition. Partition: {info.partition}.",
            problems,
        )
    if len(named) == len(clips) and len(spread) < len(PARTITIONS):
        raise UnfitCorpus(
            f"{where}: speakers with usable files: {len(spread)}; train, dev and test need at least one each, or "
            f"scores would tell how well known voices are recognised.{_why(problems)} Add a speaker, or leave "
            "the column out: then files are dealt, and the pages say so.",
            problems,
        )
    if not info.classes:
        several = clips.groupby("partition")["label"].nunique().reindex(PARTITIONS, fill_value=0)
        if alike := [part for part in PARTITIONS if several[part] < 2]:
            raise UnfitCorpus(
                f"{where}: labels are numbers, of which train, dev and test need two different ones each, but "
                f"{' and '.join(alike)} have fewer.{_why(problems)} Add labelled files. Partition: {info.partition}.",
                problems,
            )
        return
    counts = pd.crosstab(clips["partition"], clips["label"]).reindex(PARTITIONS, columns=info.classes, fill_value=0)
    missing = {part: [f"no {c!r}" for c in info.classes if not counts.loc[part, c]] for part in PARTITIONS}
    if told := "; ".join(f"{part} has {_few(classes, ', ')}" for part, classes in missing.items() if classes):
        raise UnfitCorpus(
            f"{where}: every class is needed in train, dev and test, but {told}.{_why(problems)} "
            "Add labelled files of the class to the partition, or leave the class out everywhere. "
            f"Partition: {info.partition}.",
            problems,
        )


def _why(problems: pd.DataFrame) -> str:
    noticed = list(problems.loc[problems["kind"] == "warning", "reason"])
    skipped = problems[problems["kind"] == "skipped"].groupby("reason", sort=False)["file"].agg(list)
    most_first = sorted(skipped.items(), key=lambda one: -len(one[1]))
    told = [f"{len(files)} x {why}: {_few(files, ', ')}".rstrip(": ") for why, files in most_first]
    left_out = f" Left out: {_few(told, '; ')}. All are listed on the corpus page." if told else ""
    return left_out + (f" Noticed: {'; '.join(noticed[:3])}." if noticed else "")


def _few(texts: list[str], between: str) -> str:
    return between.join(texts[:NAMED]) + f"{between}and {len(texts) - NAMED} more" * (len(texts) > NAMED)


def against_table1(info: CorpusInfo, clips: pd.DataFrame) -> tuple[list[Problem], list[str]]:
    """Compares with the paper's Table 1, or with what the whole corpus has: counts exactly, durations within
    `TOLERANCE`.

    Returns:
        A warning for every figure that is not as printed, and of these the ones that make it another corpus: a figure
        that is known to be a slip of the table (``info.also``) is warned of but is no such difference.
    """
    if info.whole is None:
        return [], []
    says = "Table 1 prints" if info.table1 else "the whole corpus has"
    seconds = clips["duration"]
    figures = {"files": len(clips), "minutes": seconds.sum() / 60, "mean_s": seconds.mean(), "std_s": seconds.std()}
    if (clips["speaker"] != "").all():
        figures["speakers"] = clips["speaker"].nunique()
    warnings, differences = [], []
    for name, text in FIELDS.items():
        printed = getattr(info.whole, name)
        if name not in figures:
            reason = f"the distribution does not name its speakers: Table 1's {printed:,} cannot be checked"
            warnings.append(Problem("", "warning", reason))
        elif not _agrees(name, figures[name], printed):
            told = f"{text.format(figures[name])}; {says} {text.format(printed).split()[0]}"
            slip = name in info.also and _agrees(name, figures[name], info.also[name])
            warnings.append(Problem("", "warning", f"{told} ({info.also['reason']})" if slip else told))
            differences += [] if slip else [told]
    return warnings, differences


def _agrees(name: str, found: float, printed: float) -> bool:
    if name in ("files", "speakers"):
        return found == printed
    return abs(found - printed) <= TOLERANCE * printed
