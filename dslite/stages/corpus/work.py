"""Stage ``corpus``: finds the audio (or synthesises a stand-in), checks it, decodes it once and caches spectrograms."""

import time
from dataclasses import asdict

import pandas as pd

from dslite.corpora import split
from dslite.corpora.checks import refuse_unfit
from dslite.corpora.reading import Corpus, fingerprint, read, told
from dslite.corpora.registry import PARTITIONS
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.readings import PAINTED
from dslite.wording import counted


def work(settings: Settings) -> FinishedStage:
    """Leaves ``clips``, ``found``, ``problems``, the decoded ``samples``, ``chunks`` and their ``spectrograms``; these
    three stay as they are where all that is new are labels, speakers or partitions.

    Raises:
        DsliteError: if the audio cannot be used, or a partition lacks a class.
    """
    sources = {"audio": f"stand-in {settings.seed}"} if settings.standin else fingerprint(settings.recordings)
    asked = {
        "corpus": settings.source,
        "folder": "" if settings.standin else str(settings.folder),  # a stand-in moves with the output folder
        "audio": sources,
        "chunk": settings.recipe.chunk,
        "reading": settings.reading.parameters("corpus"),
        "split": sorted(split.read(settings.split).items()),
    }
    identity = records.identity("corpus", asked, settings.chosen)
    if record := records.made(settings, "corpus", identity):
        return FinishedStage(settings, record)
    from dslite.stages.corpus.cache import cache  # imports TensorFlow: not for those who find their results made
    from dslite.store import RATE, decode, twins

    started, paths = time.monotonic(), settings.paths
    front_end = asdict(settings.reading.front_end())
    last = records.last(settings, "corpus")
    paths.record("corpus").unlink(missing_ok=True)
    if settings.standin:
        from dslite.corpora.standins import write_standin

        progress.report(0, 1, "synthesising a stand-in")
        write_standin(settings.name, settings.folder, settings.seed)

    def report(text: str, begin: float):
        def count(done: int) -> None:
            if done % 25 == 0:
                progress.report(begin + 0.5 * done / len(files), 1, f"{text}, file {done} of {len(files)}")

        return count

    corpus = read(settings.source, settings.folder, settings.split)
    files = list(corpus.clips["file"])
    heard = asked | {"audio": sources["audio"], "split": "", "files": files}
    heard_as = records.identity("corpus", heard, settings.chosen)
    same = FinishedStage(settings, last) if last.get("heard_as") == heard_as else None
    decoding = report("decoding", 0.0)
    undecoded = same.table("undecoded") if same else decode(files, settings.folder, paths.samples, decoding)
    clips, repeated, twice = _same_recordings(corpus, twins(paths.samples))
    found = clips[~clips["file"].isin(undecoded["file"])].reset_index(drop=True)
    noticed = pd.concat([corpus.problems, undecoded], ignore_index=True)
    refuse_unfit(settings.source, corpus.info, found, noticed)
    before = (same.chunks, same.table("short")) if same else None
    cached = cache(settings, found, corpus.classes, paths.samples, report("spectrograms", 0.5), before)
    problems = pd.concat([noticed, repeated, cached.problems], ignore_index=True)
    if corpus.split:  # written once all has gone well, and from then on part of what the results depend on
        split.write(settings.split, corpus.split)
        identity = records.identity("corpus", asked | {"split": sorted(corpus.split.items())}, settings.chosen)
    record = {
        **records.begin(settings, "corpus", identity, started),
        "data": corpus.data,
        "note": corpus.note,
        "about": {name: getattr(corpus.info, name) for name in ("name", "short", "title", "partition")},
        "shared_audio": "SYNTHETIC: nobody's recordings" if corpus.data == "stand-in" else corpus.info.shared_audio,
        "classes": list(corpus.classes),
        "files": len(cached.clips),
        "skipped": int(((problems["kind"] == "skipped") & (problems["file"] != "")).sum()),
        "chunks": len(cached.chunks),
        "data_hash": cached.data_hash,
        "heard_as": heard_as,
        "front_end": {name: at for name, at in front_end.items() if name not in PAINTED},
        "warnings": [
            *_unknown_voices(settings, cached.clips),
            *cached.warnings,
            *_low_rates(cached.clips, RATE),
            *twice,
            *told(noticed),
        ],
    }
    tables = {"clips": cached.clips, "found": found, "chunks": cached.chunks, "problems": problems}
    tables |= {"undecoded": undecoded, "short": cached.problems}
    records.write(settings, record, tables)
    return FinishedStage(settings, record)


def _unknown_voices(settings: Settings, clips: pd.DataFrame) -> list[str]:
    """What is to be said of own data whose files name no speaker."""
    unnamed = int((clips["speaker"] == "").sum())
    if settings.reader != "own_csv" or not unnamed:
        return []
    return [
        f"{unnamed} of {len(clips)} files name no speaker, so {records.SAME_VOICE}: scores "
        "then tell how well known voices are recognised, which is better, often by far, than new ones would be."
    ]


def _low_rates(clips: pd.DataFrame, usual: int) -> list[str]:
    """What is to be said of files that were recorded at less than the usual rate, in Hz."""
    counts = clips.loc[clips["rate"] < usual, "rate"].value_counts().sort_index()
    return [
        f"{counted(count, 'file')} recorded at {rate} Hz: the plots are empty above {rate / 2:g} Hz. A model that "
        f"learns from them expects such files; and where classes differ in their rate, it learns the rate."
        for rate, count in counts.items()
    ]


def _same_recordings(corpus: Corpus, groups: list[tuple[str, ...]]) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The clips; a line for the page per recording that stands in several files; one for every page about all of them.

    Where the split was made here, all files of a recording are in the partition that most of them are in (evaluated
    ones are small and come first among equals), as of one speaker, which holds in folds of speakers too.
    """
    clips, lines, crossed = corpus.clips.set_index("file"), [], []
    for files in map(list, groups):
        was = clips.loc[files, "partition"]
        speakers = clips.loc[files, "speaker"]
        dealt = all(((who, "") if who else ("", file)) in corpus.split for file, who in speakers.items())
        crossed += [dealt] * (was.nunique() > 1)
        lines.append("the same recording: " + ", ".join(f"{file} ({part})" for file, part in was.items()))
        if dealt:
            place = max(reversed(PARTITIONS), key=list(was).count)
            speaker = speakers[was.index[was == place][0]]
            clips.loc[files, ["partition", "speaker"]] = place, speaker
            lines[-1] += f"; all count for {place}" + f" and {speaker!r}" * bool(speaker)
    told = f"{counted(len(groups), 'recording')} in more than one file each (listed on the corpus page)"
    if crossed:
        result = "but put into one: that of most of its files" if all(crossed) else "which makes scores too good"
        told += f", {len(crossed)} of them in more than one partition, {result}"
    table = pd.DataFrame([("", "warning", line) for line in lines], columns=["file", "kind", "reason"])
    return clips.reset_index(), table, [told] if groups else []
